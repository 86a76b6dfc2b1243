"""A run from configuration to report: what is done is found again, what is missing is done."""

import json
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import __version__
from ..scans.geometry import ConeBeam
from ..scans.remote import remote_url
from .before import Stage, config_before
from .cluster import Threads, Workers, open_workers
from .config import Config
from .engine import reconstruct
from .job import SCRATCH, Advance, Job, Reconstructed, check_job
from .known_steps import hardening_map, jig_integral, known_chain
from .ledger import Ledger, fingerprint, locked
from .loading import ConfigError, dump_config, load_config
from .measuring import measure
from .network_wanted import network_faults
from .opening import Opened, open_all
from .outputs import write_outputs
from .phase_map import Labelled, Unlabelled, label_phases
from .placing import NOT_PLACED, Placed, place_before, registration_facts, relative_summary
from .planning import estimate
from .provenance import image_attributes, input_mark, input_sha256, named_files, now, scan_mark, versions
from .publishing import copy_to_store
from .ready_volume import import_volume
from .report import write_report
from .results import build_results
from .run_events import announced, run_stages
from .selection import Selection
from .status import LEDGER, STATE
from .steps import Step
from .stopwatch import step_seconds
from .store import write_text
from .two_gas import TwoGas, decompose_scans, two_gas_summary

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A configuration and the folder that it fills.

    Parameters
    ----------
    config : Config
        As resolved.
    folder : Path
        The run folder.
    ledger : Ledger
        What of it is done.
    advance : callable
        Told of every finished block.
    workers : Workers
        Who runs the blocks.
    """

    config: Config
    folder: Path
    ledger: Ledger
    advance: Advance
    workers: Workers = field(default_factory=Threads)

    @property
    def text(self) -> str:
        """The configuration as YAML, as resolved."""
        return dump_config(self.config)


def run_config(
    config_path: Path, folder: Path, *, advance: Advance, update: bool = False, threads: int | None = None
) -> dict[str, Any]:
    """Run a configuration into a folder, or find its work done.

    Parameters
    ----------
    config_path : Path
        YAML configuration.
    folder : Path
        The run folder; made where missing.
    advance : callable
        Told of every finished block as (stage, done, total).
    update : bool
        True lets the configuration take over a folder that another one filled.
    threads : int, optional
        Threads to use where the configuration leaves it open.

    Returns
    -------
    dict
        Content of results.json.

    Raises
    ------
    ConfigError
        If the configuration is at fault, or the folder belongs to another one.
    ValueError, OSError
        If a scan is missing or at fault.
    """
    config = load_config(config_path)
    if threads is not None and config.compute.threads is None:
        config = config.model_copy(update={"compute": config.compute.model_copy(update={"threads": threads})})
    if faults := network_faults(config):
        raise ConfigError(faults[0])
    opened, fresh = open_all(config), config_before(config)
    for one in opened if fresh is None else [*opened, *open_all(fresh)]:
        if one.scan is not None and one.selection is not None:
            own = _config_of(one, config, fresh)
            check_job(_job(own, one, folder, lambda stage, done, total: None))
            check_memory(own, one.selection, own.chain(one.name))
    check_owner(config, config_path, folder, update=update)
    state = folder / STATE
    with locked(state), _logged(state / "run.log"), open_workers(config.compute) as workers:
        run = Run(config, folder, Ledger(state / LEDGER), advance, workers)
        _claim(run, config_path)
        with announced(run.ledger, config.sample, run_stages(config, opened)):
            return _finish(run, opened)


def check_memory(config: Config, selection: Selection, chain: tuple[Step, ...] = ()) -> None:
    """Refuse a scan that cannot be worked on within the memory budget, as `check` does.

    Parameters
    ----------
    config : Config
        Gives the budget.
    selection : Selection
        The part of the scan that is run.
    chain : tuple of Step
        Its steps.

    Raises
    ------
    ValueError
        If even the smallest blocks do not fit.
    """
    needed_gib = estimate(selection, config.compute, chain).memory_bytes / 2**30
    if needed_gib > config.compute.memory_gib:
        raise ValueError(
            f"the run needs {needed_gib:.2f} GiB, more than memory_gib of {config.compute.memory_gib:g}; raise it, or "
            "take region: {bin: 2}"
        )


def check_owner(config: Config, config_path: Path, folder: Path, *, update: bool) -> None:
    """Refuse a folder that another configuration has filled.

    The same file, edited, may go on in its folder: what depends on the edit is redone. Another file may not,
    unless it says the same.

    Parameters
    ----------
    config : Config
        As resolved.
    config_path : Path
        Where it was read.
    folder : Path
        The run folder.
    update : bool
        True allows it.

    Raises
    ------
    ConfigError
        If the folder is another configuration's, or holds other files.
    """
    saved = folder / STATE / "config.yaml"
    if not saved.is_file():
        strangers = (
            sorted(p.name for p in folder.iterdir() if p.name not in (STATE, "preview")) if folder.is_dir() else []
        )
        known = (folder / STATE).is_dir()
        if strangers and not known:
            raise ConfigError(f"{folder} holds other files ({', '.join(strangers[:3])}); give an empty or new --out")
        return
    if update or saved.read_text(encoding="utf8") == dump_config(config):
        return
    owner = _owner(folder)
    if owner == str(config_path.resolve()):
        return
    before = load_config(saved)
    raise ConfigError(
        f"{folder} holds the run of another configuration ({owner or 'unknown'}, sample {before.sample!r}, differs in "
        f"{', '.join(_differences(before, config)[:3])}); give another --out, or --update to redo what differs"
    )


def _owner(folder: Path) -> str | None:
    try:
        found: str = json.loads((folder / STATE / "owner.json").read_text(encoding="utf8"))["config"]
        return found
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _differences(before: Config, after: Config) -> list[str]:
    """Dotted names of the top two levels that differ."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    found = []
    for key in new:
        if old.get(key) == new[key]:
            continue
        if isinstance(new[key], dict) and isinstance(old.get(key), dict):
            inner = {*new[key], *old[key]}
            found += [f"{key}.{name}" for name in sorted(inner) if old[key].get(name) != new[key].get(name)]
        else:
            found.append(key)
    return found


def _claim(run: Run, config_path: Path) -> None:
    write_text(run.folder / STATE / "owner.json", json.dumps({"config": str(config_path.resolve())}))
    write_text(run.folder / STATE / "config.yaml", run.text)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Write what this package logs to a file while the run lasts."""
    handler = logging.FileHandler(path, encoding="utf8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("xelith")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


def _finish(run: Run, opened: list[Opened]) -> dict[str, Any]:
    marks = {one.name: scan_mark(one.entry) for one in opened}
    whole = fingerprint(run.text, [input_mark(path) for path in named_files(run.config)], __version__)
    outputs = [run.folder / name for name in ("results.json", "report.html")]
    images = [run.folder / f"{one.name}.ome.zarr" for one in opened]
    if run.ledger.done("run", 0, whole) and all(path.exists() for path in (*outputs, *images)):
        log.info("nothing to do: every part of the run is done")
        done: dict[str, Any] = json.loads(outputs[0].read_text(encoding="utf8"))
        return done
    results, _ = _work(run, opened, marks)
    if run.config.output.publish is not None:
        copy_to_store(run.folder, run.config.output.publish.rstrip("/"), run.ledger, run.advance)
    run.ledger.record("run", 0, whole)
    write_text(run.folder / "run.log", (run.folder / STATE / "run.log").read_text(encoding="utf8"))
    return results


def _work(run: Run, opened: list[Opened], marks: dict[str, str]) -> tuple[dict[str, Any], Stage]:
    """Do what is not done, the scans before charging first, and write results and report."""
    outputs = [run.folder / name for name in ("results.json", "report.html")]
    started, clock = now(), time.monotonic()
    log.info("run of %s starts", run.config.sample)
    if unused := run.config.recorded_only():
        log.warning("recorded, but not corrected for: %s", ", ".join(unused))
    fresh = _before(run)
    volumes = {one.name: _volume(run, one, marks[one.name]) for one in opened}
    labelled = label_phases(run.config, volumes, run.folder, run.ledger, advance=run.advance, workers=run.workers)
    shares = _decomposed(run, opened, marks, volumes, labelled)
    about = run.config.model_dump(mode="json", include={"source", "cell", "segmentation", "registration", "two_gas"})
    mark = fingerprint([volume.mark for volume in volumes.values()], about, __version__)
    stage = Stage(labelled, shares, None, mark)
    placed = _placed(run, stage, fresh)
    fresh = replace(fresh, rows=placed.rows) if fresh is not None and isinstance(placed, Placed) else fresh
    measured = measure(run.config, labelled, run.folder, shares=shares, before=fresh)
    sources = {one.name: _source(run, one, marks[one.name]) for one in opened}
    results = build_results(run.config, volumes, labelled, measured, sources)
    results["two_gas"] = two_gas_summary(shares) | relative_summary(placed)
    results["registration_before"] = registration_facts(placed)
    if isinstance(placed, str):
        results["report"].setdefault("notes", []).append(f"{NOT_PLACED}: {placed}")
    results["provenance"] = _provenance(run, started, time.monotonic() - clock)
    timings = {f"{name}_s": value for name, value in results["provenance"]["steps_s"].items()}
    results["report"]["timings"] = timings
    log.info("seconds of work: %s", ", ".join(f"{name} {value:.2f}" for name, value in timings.items()))
    if measured.survey is not None:
        write_outputs(run.folder, run.config, measured.survey, results)
    write_text(outputs[0], json.dumps(results, indent=1, ensure_ascii=False))
    write_text(run.folder / "config.yaml", run.text)
    run.advance("report", 0, 1)
    write_report(run.folder)
    run.advance("report", 1, 1)
    if not run.config.output.keep_scratch:
        shutil.rmtree(run.folder / STATE / SCRATCH, ignore_errors=True)
    log.info("run of %s is done after %.1f s", run.config.sample, time.monotonic() - clock)
    return results, replace(stage, survey=measured.survey)


def _before(run: Run) -> Stage | None:
    """Run the scans before charging into their own folder."""
    config = config_before(run.config)
    if config is None:
        return None
    folder = run.folder / "before"
    fresh = replace(run, config=config, folder=folder, ledger=Ledger(folder / STATE / LEDGER))
    opened = open_all(config)
    _, found = _work(fresh, opened, {one.name: scan_mark(one.entry) for one in opened})
    return found


def _placed(run: Run, now: Stage, fresh: Stage | None) -> Placed | str | None:
    """The cell before charging on the charged scan's grid, or why it was not found; None without such scans."""
    if fresh is None:
        return None
    image = now.labelled.labels.parent.parent if isinstance(now.labelled, Labelled) else run.folder
    return place_before(run.config, now, fresh, image, run.ledger, advance=run.advance, workers=run.workers)


def _config_of(one: Opened, config: Config, fresh: Config | None) -> Config:
    return fresh if fresh is not None and fresh.scans.get(one.name) is one.entry else config


def _job(config: Config, one: Opened, folder: Path, advance: Advance) -> Job:
    if one.scan is None or one.selection is None:
        raise ValueError(f"scan {one.name} is a ready volume; there is nothing to reconstruct")
    return Job(
        name=one.name,
        scan=one.scan,
        selection=one.selection,
        chain=known_chain(config, one.name, is_cone=isinstance(one.scan.geometry, ConeBeam)),
        folder=folder,
        compute=config.compute,
        levels=config.output.levels,
        attributes=image_attributes(dump_config(config), scan=one.name, source=one.source),
        advance=advance,
        hardening=hardening_map(config, one.name),
        jig=jig_integral(config, one.name),
    )


def _volume(run: Run, one: Opened, mark: str) -> Reconstructed:
    if one.scan is None:
        return import_volume(run.config, one, run.folder, run.ledger, mark)
    return reconstruct(_job_at_work(run, one, mark), run.ledger, mark)


def _job_at_work(run: Run, one: Opened, mark: str) -> Job:
    """The job with those who do it, and a check that its files stay what they were."""

    def _check() -> None:
        if scan_mark(one.entry) != mark:
            raise ValueError(
                f"scan {one.name}: its files have changed while they were read; wait until they are complete, then "
                "run it again"
            )

    return replace(_job(run.config, one, run.folder, run.advance), workers=run.workers, check_input=_check)


def _decomposed(
    run: Run,
    opened: list[Opened],
    marks: dict[str, str],
    volumes: dict[str, Reconstructed],
    labelled: Labelled | Unlabelled,
) -> TwoGas | str:
    """Shares of electrolyte and gas from the pair of scans, or why there are none."""
    jobs = {
        one.name: (_job_at_work(run, one, marks[one.name]), marks[one.name]) for one in opened if one.scan is not None
    }
    return decompose_scans(run.config, jobs, volumes, labelled, run.ledger, advance=run.advance)


def _source(run: Run, one: Opened, mark: str) -> dict[str, Any]:
    """Where a scan came from: its path, the hash of its file, and the hash of the frames that were used."""
    stage = f"{one.name}/sha256"
    if not run.ledger.done(stage, 0, mark):
        run.ledger.record(stage, 0, mark, {"sha256": input_sha256(one.source)})
    frames = run.ledger.facts(f"{one.name}/integrals", -1).get("frames_sha256")
    return {"path": remote_url(one.source) or str(one.source), **run.ledger.facts(stage), "frames_sha256": frames}


def _provenance(run: Run, started: str, seconds: float) -> dict[str, Any]:
    import hashlib

    return {
        "version": __version__,
        "config_sha256": hashlib.sha256(run.text.encode()).hexdigest(),
        "started": started,
        "seconds": round(seconds, 2),
        "versions": versions(),
        "steps_s": step_seconds(run.folder / STATE / LEDGER),
    }
