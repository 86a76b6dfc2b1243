"""Send a batch, send again what failed, watch a folder for more, and run one item inside its job."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from .batch import (
    CONFIG_ENDINGS,
    Batch,
    BatchSeries,
    Item,
    check_for_submission,
    find_configs,
    load_batch,
    load_for_submission,
)
from .batch_states import batch_states
from .config import Config
from .ledger import Ledger, locked
from .loading import ConfigError, load_config
from .run_events import one_line
from .slurm import Resources, queued, send, send_series, send_summary
from .status import LEDGER, SENT, STATE, run_status
from .store import write_text

log = logging.getLogger(__name__)

RETRIED = ("failed", "stopped", "interrupted", "corrupt", "lost")
SCAN_ENDINGS = (".h5", ".hdf5", ".hdf", ".nxs", ".nx", ".txrm", ".tif", ".tiff")
SETTLED_S = 30.0
POLL_S = 5.0


def submit(paths: Sequence[Path], root: Path, *, at_once: int | None = None) -> dict[str, str]:
    """Send every configuration, and every scan of a series, that is not in the batch yet.

    Parameters
    ----------
    paths : sequence of Path
        Configurations, series files, or folders of them.
    root : Path
        Folder of the batch; each run gets a folder below it.
    at_once : int, optional
        Most jobs that run at a time.

    Returns
    -------
    dict of str
        Job by name of the item, of those sent now.

    Raises
    ------
    ConfigError
        If any configuration is at fault; then none is sent.
    OSError
        If there is no SLURM, or it refuses.
    """
    configs = find_configs(paths)
    for config in configs:
        check_for_submission(config)
    known = load_batch(root)
    batch = known.with_configs(configs)
    grown = [index for index, one in enumerate(batch.series) if one not in known.series]
    return _send(batch, range(len(known.items), len(batch.items)), grown, at_once)


def resubmit(root: Path, *, at_once: int | None = None) -> dict[str, str]:
    """Send again what failed, was stopped, interrupted or taken from the queue, and the series it is in.

    Done blocks are found again.

    Parameters
    ----------
    root : Path
        Folder of the batch.
    at_once : int, optional
        Most jobs that run at a time.

    Returns
    -------
    dict of str
        Job by name of the item.

    Raises
    ------
    ConfigError
        If there is no batch.
    OSError
        If there is no SLURM, or it refuses.
    """
    batch = load_batch(root)
    if not batch.items:
        raise ConfigError(f"{root} holds no batch; submit configurations first")
    entries: list[Item | BatchSeries] = [*batch.items, *batch.series]
    is_due = [
        status.state in RETRIED or (status.state == "waiting" and entry.job is None)
        for entry, status in zip(entries, batch_states(batch), strict=True)
    ]
    again = [index for index in range(len(batch.items)) if is_due[index]]
    touched = [
        index
        for index, one in enumerate(batch.series)
        if is_due[len(batch.items) + index] or not set(again).isdisjoint(one.members)
    ]
    return _send(batch, again, touched, at_once)


def _send(batch: Batch, indices: Sequence[int], series: Sequence[int], at_once: int | None) -> dict[str, str]:
    """Send items, those that ask for the same resources as one array, then series, then the page over all of them."""
    groups: dict[Resources, list[int]] = {}
    for index in indices:
        asked = Resources.of(load_for_submission(batch.items[index].config).compute)
        groups.setdefault(asked, []).append(index)
    batch.save()
    due: list[Item | BatchSeries] = [*(batch.items[n] for n in indices), *(batch.series[n] for n in series)]
    for entry in due:
        _note_sending(batch.folder(entry))
    jobs: dict[int, str] = {}
    for resources, members in groups.items():
        jobs |= send(batch, members, resources, at_once=at_once)
        batch = batch.sent(jobs)
        batch.save()
    evaluations = {index: _send_series(batch, index, jobs) for index in series}
    batch = batch.evaluated(evaluations)
    batch.save()
    sent = {batch.items[index].name: job for index, job in jobs.items()}
    sent |= {batch.series[index].name: job for index, job in evaluations.items()}
    if sent:
        asked = Resources.of(load_for_submission(batch.items[0].config).compute)
        summary = send_summary(batch, list(sent.values()), asked)
        log.info("job %s writes %s when the others have ended", summary, batch.root / "index.html")
    return sent


def _send_series(batch: Batch, index: int, jobs: dict[int, str]) -> str:
    """Send the evaluation of a series, to wait for what is sent now and for what is still at work."""
    one = batch.series[index]
    asked = Resources.of(load_for_submission(batch.items[one.members[0]].config).compute)
    new = [jobs[place] for place in one.members if place in jobs]
    old = [job for place in one.members if place not in jobs and (job := batch.items[place].job) is not None]
    return send_series(batch, index, [*new, *sorted(queued(old))], asked)


def _note_sending(folder: Path) -> None:
    """Let a run that ended, and is about to be sent again, count as waiting."""
    if not (folder / STATE / LEDGER).is_file():
        return
    with suppress(BlockingIOError), locked(folder / STATE):
        Ledger(folder / STATE / LEDGER).event(SENT)


def run_item(root: Path, index: int) -> dict[str, Any]:
    """Run one item of a batch in its own folder; what keeps it from starting goes to its ledger too.

    Parameters
    ----------
    root : Path
        Folder of the batch.
    index : int
        Which of its items.

    Returns
    -------
    dict
        Content of results.json.

    Raises
    ------
    ConfigError
        If the batch has no such item.
    """
    from .run import run_config

    batch = load_batch(root)
    if not 0 <= index < len(batch.items):
        raise ConfigError(f"{root} has {len(batch.items)} items and none number {index}; look at its batch.json")
    item = batch.items[index]
    folder = batch.folder(item)
    cores = os.environ.get("SLURM_CPUS_PER_TASK", "")
    try:
        return run_config(
            item.config,
            folder,
            advance=lambda stage, done, total: None,
            threads=int(cores) if cores.isdigit() else None,
        )
    except BlockingIOError:
        raise
    except Exception as error:
        _note_failure(folder, one_line(error))
        raise


def run_series_item(root: Path, index: int) -> dict[str, Any]:
    """Hold the scans of a series of a batch against each other, and write the page over them.

    Parameters
    ----------
    root : Path
        Folder of the batch.
    index : int
        Which of its series.

    Returns
    -------
    dict
        Content of series.json.

    Raises
    ------
    ConfigError
        If the batch has no such series.
    ChildProcessError
        If a run is not done; series.json tells of the others.
    """
    from .report_index import find_runs, write_index
    from .series import evaluate_series

    batch = load_batch(root)
    if not 0 <= index < len(batch.series):
        raise ConfigError(f"{root} has {len(batch.series)} series and none number {index}; look at its batch.json")
    folder = batch.folder(batch.series[index])
    try:
        return evaluate_series(batch.series[index].file, folder)
    except BlockingIOError:
        raise
    except Exception as error:
        _note_failure(folder, one_line(error))
        raise
    finally:
        if find_runs(folder):
            write_index(folder)


def _note_failure(folder: Path, error: str) -> None:
    """Write down what kept a run from starting, unless the run itself has."""
    status = run_status(folder)
    if status.state == "failed" and status.error == error:
        return
    with locked(folder / STATE):
        Ledger(folder / STATE / LEDGER).event("failed", {"error": error})


def watch(
    folder: Path,
    root: Path,
    *,
    template: Path | None = None,
    at_once: int | None = None,
    told: Callable[[dict[str, str]], None],
    seconds: float | None = None,
    settled_s: float = SETTLED_S,
) -> None:
    """Send what arrives in a folder, until stopped.

    Parameters
    ----------
    folder : Path
        Where scans, or configurations, arrive.
    root : Path
        Folder of the batch.
    template : Path, optional
        Configuration of one scan, run for every scan that arrives; without it, configurations are waited for.
    at_once : int, optional
        Most jobs that run at a time.
    told : callable
        Called with the jobs by name whenever some were sent.
    seconds : float, optional
        How long to watch; default until stopped.
    settled_s : float
        How long a file must not have changed before it is taken, in s.

    Raises
    ------
    ConfigError
        If the template is at fault.
    FileNotFoundError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder} to watch; make it, or mend the path")
    base = None if template is None else load_for_submission(template)
    if base is not None and len(base.scans) != 1:
        raise ConfigError(
            f"{template} has {len(base.scans)} scans; a template for scans that arrive has one, whose path is replaced"
        )
    load_batch(root).save()
    until = None if seconds is None else time.monotonic() + seconds
    sizes: dict[Path, tuple[int, float]] = {}
    refused: set[Path] = set()
    while True:
        ready = [path for path in _settled(folder, base is not None, sizes, settled_s) if path not in refused]
        for path in ready:
            try:
                config = path if base is None else _config_for(path, base, root)
                if jobs := submit([config], root, at_once=at_once):
                    told(jobs)
            except ConfigError as error:
                refused.add(path)
                log.warning("%s was not sent: %s", path, error)
        if until is not None and time.monotonic() >= until:
            return
        time.sleep(min(POLL_S, max(settled_s / 4, 0.05)))


def _settled(folder: Path, scans: bool, sizes: dict[Path, tuple[int, float]], settled_s: float) -> list[Path]:
    """Files of a folder whose size has not changed for a while, by a clock that nobody sets."""
    endings, now = SCAN_ENDINGS if scans else CONFIG_ENDINGS, time.monotonic()
    ready = []
    for path in sorted(folder.iterdir()):
        is_stack = scans and path.is_dir() and not path.name.startswith(".")
        if path.suffix.lower() not in endings and not is_stack:
            continue
        files = [path] if path.is_file() else [file for file in path.iterdir() if file.is_file()]
        if is_stack and not any(file.suffix.lower() in (".tif", ".tiff") for file in files):
            continue
        size = sum(file.stat().st_size for file in files) + len(files)
        if sizes.get(path, (-1, 0.0))[0] != size:
            sizes[path] = (size, now)
        elif now - sizes[path][1] >= settled_s:
            ready.append(path)
    return ready


def _config_for(scan: Path, base: Config, root: Path) -> Path:
    """Write the configuration of a scan that has arrived; a name that is there already is kept."""
    target = root / "configs" / f"{scan.stem}.yaml"
    if not target.is_file():
        values = base.model_dump(mode="json")
        (name,) = values["scans"]
        values["sample"] = scan.stem[:200]
        values["scans"][name]["path"] = str(scan.absolute())
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
        load_config(target)
    return target
