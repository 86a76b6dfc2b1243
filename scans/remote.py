"""Locations in S3-compatible stores, read and written through fsspec.

Keys and address come from the environment, as every S3 tool takes them: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and,
for a store other than Amazon's, AWS_ENDPOINT_URL.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMES = ("s3",)
_URL = re.compile(rf"({'|'.join(SCHEMES)}):/{{1,2}}([^/].*)")


def remote_url(path: str | Path) -> str | None:
    """Return the address that a path stands for, if it lies in a store.

    Parameters
    ----------
    path : str or Path
        For instance "s3://bucket/scan.zarr"; a `Path` of it has lost one slash.

    Returns
    -------
    str or None
        With both slashes; None for a path on this machine.
    """
    found = _URL.fullmatch(str(path))
    return None if found is None else f"{found[1]}://{found[2].rstrip('/')}"


@contextmanager
def speaking(url: str) -> Iterator[None]:
    """Turn whatever a store answers into one line with a remedy.

    Parameters
    ----------
    url : str
        Address that is asked.

    Yields
    ------
    None
        While it is asked.

    Raises
    ------
    ValueError
        If fsspec lacks the store's package.
    OSError
        If the store cannot be reached, refuses, or has no such object.
    """
    try:
        yield
    except ImportError as error:
        raise ValueError(f"{url} needs s3fs; install xelith[s3]") from error
    except Exception as error:  # botocore's errors have no root of their own that could be named without it
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise OSError(
            f"{url} cannot be reached ({reason}); check the address, the keys (AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY) and the store (AWS_ENDPOINT_URL)"
        ) from error


def file_system(url: str) -> Any:
    """Return the fsspec file system of an address, without its cache of listings.

    Parameters
    ----------
    url : str
        For instance "s3://bucket/scan.zarr".

    Returns
    -------
    fsspec.AbstractFileSystem
        Of its scheme.
    """
    import fsspec

    with speaking(url):
        return fsspec.filesystem(url.split(":")[0], use_listings_cache=False)


def remote_files(url: str) -> dict[str, tuple[int, str]]:
    """List what lies below an address.

    Parameters
    ----------
    url : str
        A folder of a store.

    Returns
    -------
    dict of (int, str)
        Size in bytes and the store's own checksum, by path below the address, sorted.
    """
    store = file_system(url)
    with speaking(url):
        found = store.find(url, detail=True)
    root = url.split("://", 1)[1]
    return {
        name.removeprefix(root).lstrip("/"): (int(facts["size"]), str(facts.get("ETag", "")))
        for name, facts in sorted(found.items())
    }


def zarr_store(url: str) -> Any:
    """Return a zarr store for reading from an address.

    Parameters
    ----------
    url : str
        A group or array.

    Returns
    -------
    zarr.storage.FsspecStore
        Read only.
    """
    from zarr.storage import FsspecStore

    with speaking(url):
        return FsspecStore.from_url(url, read_only=True)


def upload(pairs: Sequence[tuple[Path, str]], *, at_once: int = 8) -> None:
    """Copy files to a store, each whole or not at all.

    Parameters
    ----------
    pairs : sequence of (Path, str)
        Each file and its address.
    at_once : int
        Files under way, and in memory, at a time.
    """
    if not pairs:
        return
    store = file_system(pairs[0][1])
    with speaking(pairs[0][1].rsplit("/", 1)[0]):
        store.put([str(path) for path, _ in pairs], [url for _, url in pairs], batch_size=at_once)


def remove(urls: Sequence[str]) -> None:
    """Remove objects from a store.

    Parameters
    ----------
    urls : sequence of str
        Their addresses.
    """
    if urls:
        with speaking(urls[0]):
            file_system(urls[0]).rm(list(urls))
