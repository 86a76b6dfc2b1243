"""A batch: many configurations and series, each run in its own folder below one root, written down before any job."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from .config import Config
from .loading import ConfigError, load_config
from .series_file import is_series, load_series, plain_name, scan_names
from .status import RunStatus, run_status, series_status
from .store import write_text

SCHEMA = "xelith.batch/1"
RECORD = "batch.json"
CONFIG_ENDINGS = (".yaml", ".yml")
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True)
class Item:
    """One run of a batch.

    Parameters
    ----------
    name : str
        Name of its folder below the root: letters, digits, dot, dash and underscore; for a scan of a series, the
        name of the series and its own, with a slash between.
    config : Path
        Its configuration.
    job : str or None
        Job that it was last sent as, for instance "4711_3".
    sent : str or None
        When that was; ISO 8601, UTC.
    """

    name: str
    config: Path
    job: str | None = None
    sent: str | None = None


@dataclass(frozen=True)
class BatchSeries:
    """One series of a batch: items, and a job that holds them against each other.

    Parameters
    ----------
    name : str
        Name of its folder below the root, which the folders of its scans lie in.
    file : Path
        The series file.
    members : tuple of int
        Indices of its scans among the items.
    job : str or None
        Job that its evaluation was last sent as.
    sent : str or None
        When that was; ISO 8601, UTC.
    """

    name: str
    file: Path
    members: tuple[int, ...]
    job: str | None = None
    sent: str | None = None


@dataclass(frozen=True)
class Batch:
    """Runs below one root.

    Parameters
    ----------
    root : Path
        Folder of the batch.
    items : tuple of Item
        Its runs; their order never changes, new ones come last.
    series : tuple of BatchSeries
        Those whose scans are among the items.
    """

    root: Path
    items: tuple[Item, ...] = ()
    series: tuple[BatchSeries, ...] = ()

    def folder(self, item: Item | BatchSeries) -> Path:
        """Return the folder of an item or a series.

        Parameters
        ----------
        item : Item or BatchSeries
            One of the batch.

        Returns
        -------
        Path
            Below the root.
        """
        return self.root / item.name

    def states(self) -> list[RunStatus]:
        """Return the state of every run and then of every series, from their ledgers.

        Returns
        -------
        list of RunStatus
            In the order of the items, and of the series.
        """
        runs = [run_status(self.folder(item)) for item in self.items]
        return [*runs, *(series_status(self.folder(s), [runs[i] for i in s.members]) for s in self.series)]

    def with_configs(self, configs: Iterable[Path]) -> "Batch":
        """Add configurations and series that are not in the batch yet; what a series runs is not run beside it.

        Parameters
        ----------
        configs : iterable of Path
            YAML files.

        Returns
        -------
        Batch
            With one item more for each configuration, and for each scan of a series.

        Raises
        ------
        ConfigError
            If a series was changed so that a scan would take over another one's folder.
        """
        paths, batch = [config.resolve() for config in configs], self
        series = [path for path in paths if is_series(path)]
        for path in series:
            batch = batch._with_series(path)
        items = list(batch.items)
        for path in paths:
            if path in series or any(item.config == path for item in items):
                continue
            taken = {item.name for item in items} | {one.name for one in batch.series}
            items.append(Item(_free_name(path, taken), path))
        return replace(batch, items=tuple(items))

    def _with_series(self, path: Path) -> "Batch":
        """Add a series, or the scans that its file has gained."""
        config, items = load_series(path), list(self.items)
        known = next((one for one in self.series if one.file == path), None)
        taken = {item.name for item in items} | {one.name for one in self.series}
        folder = _free_name(path, taken) if known is None else known.name
        places = {item.name: place for place, item in enumerate(items)}
        members = []
        for name, entry in zip(scan_names(config), config.series, strict=True):
            whole = f"{folder}/{name}"
            if whole not in places:
                places[whole] = len(items)
                items.append(Item(whole, entry.config.resolve()))
            elif items[places[whole]].config != entry.config.resolve():
                raise ConfigError(
                    f"{path} names {entry.config} where {items[places[whole]].config} stood, whose run lies in "
                    f"{whole}; put new scans last, or give another --out"
                )
            members.append(places[whole])
        now = replace(known or BatchSeries(folder, path, ()), members=tuple(members))
        others = [one for one in self.series if one is not known]
        return replace(self, items=tuple(items), series=(*others, now))

    def sent(self, jobs: dict[int, str]) -> "Batch":
        """Note the jobs that items were sent as.

        Parameters
        ----------
        jobs : dict of str
            Job by index of the item.

        Returns
        -------
        Batch
            With the jobs noted.
        """
        items = [_sent(item, jobs.get(index)) for index, item in enumerate(self.items)]
        return replace(self, items=tuple(items))

    def evaluated(self, jobs: dict[int, str]) -> "Batch":
        """Note the jobs that evaluate series.

        Parameters
        ----------
        jobs : dict of str
            Job by index of the series.

        Returns
        -------
        Batch
            With the jobs noted.
        """
        series = [_sent(one, jobs.get(index)) for index, one in enumerate(self.series)]
        return replace(self, series=tuple(series))

    def save(self) -> None:
        """Write the batch to its root."""
        self.root.mkdir(parents=True, exist_ok=True)
        items = [asdict(item) | {"config": str(item.config)} for item in self.items]
        series = [asdict(one) | {"file": str(one.file)} for one in self.series]
        record = {"schema": SCHEMA, "items": items, "series": series}
        write_text(self.root / RECORD, json.dumps(record, indent=1, ensure_ascii=False))


Entry = TypeVar("Entry", Item, BatchSeries)


def _sent(entry: Entry, job: str | None) -> Entry:
    """Note the job of an entry that was sent now."""
    return entry if job is None else replace(entry, job=job, sent=datetime.now(UTC).isoformat(timespec="seconds"))


def _free_name(config: Path, taken: set[str]) -> str:
    """Folder name of a configuration: its own, made plain, with a number where it is taken."""
    plain = plain_name(config.stem)
    names = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def load_batch(root: Path) -> Batch:
    """Read a batch from its root.

    Parameters
    ----------
    root : Path
        Folder of the batch.

    Returns
    -------
    Batch
        Empty where there is none yet.

    Raises
    ------
    ConfigError
        If its record is damaged, or the folder holds other things.
    """
    path = root / RECORD
    if not path.is_file():
        if root.is_dir() and any(root.iterdir()):
            raise ConfigError(f"{root} holds other files and no batch; give a new or empty --out")
        return Batch(root.absolute())
    try:
        values: Any = json.loads(path.read_text(encoding="utf8"))
        items = tuple(_item(entry) for entry in values["items"])
        series = tuple(_series(entry, len(items)) for entry in values.get("series", ()))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged ({error}); restore it, or give a new --out") from error
    return Batch(root.absolute(), items, series)


def _item(entry: Any) -> Item:
    name = entry["name"]
    if not isinstance(name, str) or not 1 <= len(name.split("/")) <= 2 or not all(map(_is_name, name.split("/"))):
        raise ValueError(f"{name!r} is no folder name")
    return Item(name, Path(entry["config"]), _text(entry.get("job")), _text(entry.get("sent")))


def _series(entry: Any, n_items: int) -> BatchSeries:
    name, members = entry["name"], tuple(entry["members"])
    if not isinstance(name, str) or not _is_name(name):
        raise ValueError(f"{name!r} is no folder name")
    if not all(isinstance(place, int) and 0 <= place < n_items for place in members):
        raise ValueError(f"series {name} names items {members} of {n_items}")
    return BatchSeries(name, Path(entry["file"]), members, _text(entry.get("job")), _text(entry.get("sent")))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _is_name(text: str) -> bool:
    return NAME.fullmatch(text) is not None and bool(text.strip("."))


def find_configs(paths: Sequence[Path]) -> list[Path]:
    """List the configurations that paths name: files, and the YAML files of folders.

    Parameters
    ----------
    paths : sequence of Path
        Files or folders.

    Returns
    -------
    list of Path
        Folders' files sorted by name.

    Raises
    ------
    FileNotFoundError
        If a path leads to nothing, or a folder has no YAML file.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(file for file in path.iterdir() if file.suffix in CONFIG_ENDINGS and file.is_file())
        if not inside:
            raise FileNotFoundError(f"{path} holds no .yaml file; give configurations, or the folder they lie in")
        found += inside
    return found


def check_for_submission(path: Path) -> None:
    """Refuse a configuration, or a series with one, that cannot run as a job.

    Parameters
    ----------
    path : Path
        YAML file.

    Raises
    ------
    ConfigError
        If it is at fault, or asks for `scheduler: slurm`.
    """
    for config in [entry.config for entry in load_series(path).series] if is_series(path) else [path]:
        load_for_submission(config)


def load_for_submission(path: Path) -> Config:
    """Load a configuration that is to run as one job.

    Parameters
    ----------
    path : Path
        YAML file.

    Returns
    -------
    Config
        Valid, and one that does not itself ask for jobs.

    Raises
    ------
    ConfigError
        If it is at fault, asks for `scheduler: slurm`, or for GPUs that would lie idle.
    """
    config = load_config(path)
    if config.compute.scheduler == "slurm":
        raise ConfigError(
            f"{path} asks for scheduler: slurm, and a job would send jobs; run it with `xelith run`, or set "
            "compute.scheduler: threads to submit it"
        )
    gpus = config.compute.slurm.gpus
    if gpus > 1 and config.compute.scheduler == "threads":
        raise ConfigError(
            f"{path} asks for {gpus} GPUs, and threads use one; set compute.scheduler: local, which starts a worker "
            "for each, or slurm.gpus: 1"
        )
    return config
