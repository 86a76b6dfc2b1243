"""A batch: many configurations, each with its own run folder below one root, written down before any job is sent."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .config import Config
from .loading import ConfigError, load_config
from .status import RunStatus, run_status
from .store import write_text

SCHEMA = "xelith.batch/1"
RECORD = "batch.json"
CONFIG_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class Item:
    """One run of a batch.

    Parameters
    ----------
    name : str
        Name of its folder below the root: letters, digits, dot, dash and underscore.
    config : Path
        Its configuration.
    job : str or None
        Job that it was last sent as, for instance "4711_3".
    """

    name: str
    config: Path
    job: str | None = None


@dataclass(frozen=True)
class Batch:
    """Runs below one root.

    Parameters
    ----------
    root : Path
        Folder of the batch.
    items : tuple of Item
        Its runs; their order never changes, new ones come last.
    """

    root: Path
    items: tuple[Item, ...] = ()

    def folder(self, item: Item) -> Path:
        """Return the run folder of an item.

        Parameters
        ----------
        item : Item
            One of the batch.

        Returns
        -------
        Path
            Below the root.
        """
        return self.root / item.name

    def states(self) -> list[RunStatus]:
        """Return the state of every run, from its ledger.

        Returns
        -------
        list of RunStatus
            In the order of the items.
        """
        return [run_status(self.folder(item)) for item in self.items]

    def with_configs(self, configs: Iterable[Path]) -> "Batch":
        """Add configurations that are not in the batch yet.

        Parameters
        ----------
        configs : iterable of Path
            YAML files.

        Returns
        -------
        Batch
            With one item more for each.
        """
        items = list(self.items)
        for config in configs:
            path = config.resolve()
            if any(item.config == path for item in items):
                continue
            items.append(Item(_free_name(path, {item.name for item in items}), path))
        return replace(self, items=tuple(items))

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
        items = [replace(item, job=jobs.get(index, item.job)) for index, item in enumerate(self.items)]
        return replace(self, items=tuple(items))

    def save(self) -> None:
        """Write the batch to its root."""
        self.root.mkdir(parents=True, exist_ok=True)
        items = [asdict(item) | {"config": str(item.config)} for item in self.items]
        write_text(self.root / RECORD, json.dumps({"schema": SCHEMA, "items": items}, indent=1, ensure_ascii=False))


def _free_name(config: Path, taken: set[str]) -> str:
    """Folder name of a configuration: its own, made plain, with a number where it is taken."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", config.stem).strip("._-")[:80] or "run"
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
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged ({error}); restore it, or give a new --out") from error
    return Batch(root.absolute(), items)


def _item(entry: Any) -> Item:
    name, job = entry["name"], entry.get("job")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name) or not name.strip("."):
        raise ValueError(f"{name!r} is no folder name")
    return Item(name, Path(entry["config"]), job if isinstance(job, str) else None)


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
        If it is at fault, or asks for `scheduler: slurm`.
    """
    config = load_config(path)
    if config.compute.scheduler == "slurm":
        raise ConfigError(
            f"{path} asks for scheduler: slurm, and a job would send jobs; run it with `xelith run`, or set "
            "compute.scheduler: threads to submit it"
        )
    return config
