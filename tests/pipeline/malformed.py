"""Makes malformed inputs by number and shows them to the pipeline; run as a process of its own, which may be ended.

    python malformed.py KIND FIRST LAST FOLDER [OLE_FILE]

Prints one JSON object an input: the seed, and how it ended: "ran", or "refused" with the message. Anything else
(another kind of error, no message, a file outside the output folder) is "at fault". Memory is capped.
"""

import json
import random
import resource
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
import yaml
import zarr

from xelith.pipeline.integrity import verify_run
from xelith.pipeline.run import run_config
from xelith.pipeline.status import run_status

SECONDS = 120
MORE_BYTES = 3 * 2**30
N_THETA, N_ROWS, N_COLS = 24, 4, 32
ODD = [
    None,
    "",
    "x" * 300,
    -1,
    0,
    1e308,
    float("nan"),
    2**63,
    [],
    {},
    [[]],
    True,
    "../../etc/passwd",
    "\u0000",
    {"a": 1},
]


def quiet(stage: str, done: int, total: int) -> None:
    """Stand in for progress bars."""


def counts() -> np.ndarray:
    """A rod in 16-bit counts."""
    s = np.arange(N_COLS) - 16
    light = np.exp(-0.1 * np.sqrt(np.clip(100 - s**2, 0, None)))
    return np.broadcast_to(100 + 10_000 * light, (N_THETA, N_ROWS, N_COLS)).astype("u2")


def values() -> dict[str, Any]:
    """A configuration that runs."""
    entry = {"path": "scan.h5", "pixel_um": 5.0, "centre_px": 16.0, "theta_range_deg": [0, 180]}
    return {
        "sample": "rod",
        "source": {"energy_kev": 25},
        "scans": {"main": entry},
        "reconstruction": [{"step": "flat-field"}, {"step": "fourier-fbp"}],
        "compute": {"memory_gib": 0.25, "threads": 1},
    }


def write_hdf(path: Path) -> None:
    """A scan that runs, its data compressed in chunks."""
    with h5py.File(path, "w") as file:
        file.create_dataset("exchange/data", data=counts(), chunks=(4, N_ROWS, N_COLS), compression="gzip")
        file["exchange/data_white"] = np.full((2, N_ROWS, N_COLS), 10_100, "u2")
        file["exchange/data_dark"] = np.full((2, N_ROWS, N_COLS), 100, "u2")
        file["exchange/theta"] = np.arange(N_THETA) * 180.0 / N_THETA


def damage(path: Path, rng: random.Random, *, most: int = 12) -> None:
    """Change some bytes of a file, cut it short, repeat a part or blow up a number."""
    data = bytearray(path.read_bytes())
    how = rng.randrange(5)
    if how == 0:
        data = data[: rng.randrange(len(data))]
    elif how == 1:
        start = rng.randrange(len(data))
        data[start:start] = data[start : start + rng.randrange(1, 400)]
    else:
        for _ in range(rng.randint(1, most)):
            place = rng.randrange(len(data) if how == 2 else min(len(data), 2048))
            run = rng.choice([1, 1, 4, 8])
            data[place : place + run] = rng.choice([b"\xff", b"\x00", rng.randbytes(1)]) * run
    path.write_bytes(bytes(data))


def odd(found: Any, rng: random.Random, depth: int = 0) -> Any:
    """Put something odd in the place of one part of a mapping or list."""
    if isinstance(found, dict) and found and rng.random() < 0.8:
        key = rng.choice(sorted(found))
        if rng.random() < 0.15:
            return {**found, rng.choice(["", "x", "schema", "\u2028"]): rng.choice(ODD)}
        if rng.random() < 0.1:
            return {k: v for k, v in found.items() if k != key}
        return {**found, key: odd(found[key], rng, depth + 1)}
    if isinstance(found, list) and found and rng.random() < 0.7:
        place = rng.randrange(len(found))
        return [*found[:place], odd(found[place], rng, depth + 1), *found[place + 1 :]]
    return rng.choice(ODD)


def config_case(folder: Path, rng: random.Random) -> None:
    """A configuration with odd values, odd keys or odd bytes."""
    write_hdf(folder / "scan.h5")
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(odd(values(), rng)), encoding="utf8")
    if rng.random() < 0.4:
        damage(path, rng)
    if rng.random() < 0.05:
        path.write_text("a: &a [x, x, x]\n" + "\n".join(f"b{i}: &b{i} [*a, *a, *a]" for i in range(9)))


def hdf_case(folder: Path, rng: random.Random) -> None:
    """A damaged HDF5 file, or one whose header claims what cannot be."""
    write_hdf(folder / "scan.h5")
    (folder / "run.yaml").write_text(yaml.safe_dump(values()))
    which = rng.randrange(6)
    if which == 0:
        with h5py.File(folder / "scan.h5", "r+") as file:
            del file["exchange/data"]
            shape = rng.choice([(2**40, 2**40, 4), (2**20, 2**14, 2**14), (24, 2**31, 32), (0, 4, 32), (24, 4)])
            file.create_dataset("exchange/data", shape, "u2", chunks=tuple(min(n, 8) or 1 for n in shape))
    elif which == 1:
        with h5py.File(folder / "scan.h5", "r+") as file:
            del file["exchange/data"]
            target = rng.choice(["/etc/passwd", "../outside.h5", "scan.h5", "/dev/zero"])
            file["exchange/data"] = h5py.ExternalLink(target, rng.choice(["/x", "/exchange/data"]))
    else:
        damage(folder / "scan.h5", rng)


def tiff_case(folder: Path, rng: random.Random) -> None:
    """A TIFF stack with damaged pages."""
    stack = folder / "frames"
    stack.mkdir()
    for view, frame in enumerate(counts()):
        tifffile.imwrite(stack / f"frame_{view:04d}.tif", frame, compression=rng.choice([None, "zlib"]))
    tifffile.imwrite(folder / "flat.tif", np.full((N_ROWS, N_COLS), 10_100, "u2"))
    found = values()
    found["scans"]["main"] |= {"path": "frames", "flat_path": "flat.tif"}
    (folder / "run.yaml").write_text(yaml.safe_dump(found))
    for _ in range(rng.randint(1, 4)):
        damage(rng.choice([folder / "flat.tif", *sorted(stack.iterdir())]), rng, most=5)


def ole_case(folder: Path, rng: random.Random) -> None:
    """A damaged OLE file (txrm)."""
    shutil.copy(sys.argv[5], folder / "scan.txrm")
    found = values()
    found["scans"]["main"] = {"path": "scan.txrm", "pixel_um": 5.0, "centre_px": 100.0}
    found["region"] = {"rows": [0, 2], "views": 8}
    (folder / "run.yaml").write_text(yaml.safe_dump(found))
    damage(folder / "scan.txrm", rng)


def ledger_case(folder: Path, rng: random.Random) -> None:
    """A finished run whose records were damaged."""
    write_hdf(folder / "scan.h5")
    (folder / "run.yaml").write_text(yaml.safe_dump(values()))
    run_config(folder / "run.yaml", folder / "out", advance=quiet)
    state = folder / "out" / ".xelith"
    if rng.random() < 0.5:
        lines = [json.loads(text) for text in (state / "ledger.jsonl").read_text().splitlines() if text]
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(lines))
            lines[place] = odd(lines[place], rng)
        (state / "ledger.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    else:
        damage(state / rng.choice(["ledger.jsonl", "config.yaml", "owner.json", "main-transmission.npy"]), rng)
    if rng.random() < 0.5:
        (folder / "out" / "results.json").unlink()
    run_status(folder / "out")
    verify_run(folder / "out")


def zarr_case(folder: Path, rng: random.Random) -> None:
    """A ready volume whose zarr metadata or chunks were damaged."""
    group = zarr.open_group(str(folder / "v.zarr"), mode="w")
    group.create_array("0", data=np.ones((8, 16, 16), "f4"), chunks=(4, 16, 16))
    scale = {"type": "scale", "scale": [5.0] * 3}
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    datasets = [{"path": "0", "coordinateTransformations": [scale]}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets, "name": "v"}]}
    found = values() | {"scans": {"main": {"volume": "v.zarr", "grey": {"unit": "per_cm"}}}}
    (folder / "run.yaml").write_text(yaml.safe_dump(found))
    path = folder / "v.zarr" / rng.choice(["zarr.json", "0/zarr.json"])
    if rng.random() < 0.8:
        path.write_text(json.dumps(odd(json.loads(path.read_text()), rng)))
    else:
        damage(rng.choice([path, folder / "v.zarr" / "0" / "c" / "0" / "0" / "0"]), rng)


CASES = {
    "config": config_case,
    "hdf": hdf_case,
    "tiff": tiff_case,
    "ole": ole_case,
    "ledger": ledger_case,
    "zarr": zarr_case,
}


def shown(kind: str, seed: int, folder: Path) -> dict[str, Any]:
    """Show one malformed input to a run and say how it ended."""
    folder.mkdir()
    there = set(folder.parent.iterdir())
    before: set[Path] = set()
    result: dict[str, Any] = {"kind": kind, "seed": seed}
    signal.alarm(SECONDS)
    try:
        CASES[kind](folder, random.Random(f"{kind} {seed}"))
        before = {path for path in folder.rglob("*") if not path.is_relative_to(folder / "out")}
        run_config(folder / "run.yaml", folder / "out", advance=quiet)
        result["end"] = "ran"
    except (ValueError, TypeError, OSError) as error:
        result |= {"end": "refused" if str(error).strip() else "at fault", "message": str(error)[:300]}
        result["error"] = type(error).__name__
    except BaseException as error:
        result |= {"end": "at fault", "message": f"{type(error).__name__}: {str(error)[:300]}"}
        result["trace"] = traceback.format_exc()[-1200:]
    finally:
        signal.alarm(0)
    after = {path for path in folder.rglob("*") if not path.is_relative_to(folder / "out")}
    if (before and after - before) or set(folder.parent.iterdir()) - there:
        result |= {"end": "at fault", "message": f"wrote outside: {sorted(map(str, after - before))[:3]}"}
    shutil.rmtree(folder)
    return result


def main() -> None:
    """Show a range of seeds of one kind."""
    kind, first, last, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    write_hdf(folder / "scan.h5")
    (folder / "run.yaml").write_text(yaml.safe_dump(values()))
    run_config(folder / "run.yaml", folder / "out", advance=quiet)  # compile and import before memory is capped
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + MORE_BYTES,) * 2)
    for seed in range(first, last):
        sys.stdout.write(json.dumps(shown(kind, seed, folder / f"{kind}-{seed}")) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
