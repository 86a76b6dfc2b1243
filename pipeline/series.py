"""Many scans of one cell: each run, here or by jobs, its maps laid on each other, and what changed between them."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import fft, ndimage

from ..metrology.cycler import read_cycler
from ..metrology.inventory import Amount
from ..metrology.series import (
    change_map,
    first_in_electrolyte,
    growth_rate_um_per_h,
    lithium_trend,
    local_current_density_ma_per_cm2,
    unstable_onset,
    voltage_vs_lithium,
)
from .job import Advance
from .ledger import Ledger, locked
from .map_files import write_map
from .run import run_config
from .run_events import announced, one_line
from .series_file import SeriesConfig, SeriesEntry, Trace, load_series, scan_names
from .status import LEDGER, SCANS, STATE, run_status
from .store import write_text

SCHEMA = "xelith.series/1"
COLUMNS = (
    "scan",
    "at",
    "expected_um",
    "film_um",
    "in_electrolyte_um",
    "mixed_zone_um",
    "measured_um",
    "measured_um_std",
    "closure",
    "max_depth_um",
    "mean_growth_um_per_h",
    "mean_current_density_ma_per_cm2",
    "pressure_mpa",
    "fault",
)


@dataclass(frozen=True, eq=False)
class Scanned:
    """What one scan of a series has given.

    Parameters
    ----------
    entry : SeriesEntry
        Its part of the file.
    name : str
        Name of its folder.
    results : dict or None
        Content of its results.json; None where its run is not done.
    film : Path or None
        Map of its film in µm, a TIFF; None where not measured.
    fault : str or None
        Why its run is not done.
    """

    entry: SeriesEntry
    name: str
    results: dict[str, Any] | None
    film: Path | None
    fault: str | None = None

    @property
    def thickness_um(self) -> NDArray[np.float32] | None:
        """(n_y, n_x) thickness of the film in µm, read anew each time; None where not measured."""
        return None if self.film is None else np.asarray(tifffile.imread(self.film), np.float32)

    @property
    def pixel_um(self) -> float:
        """Edge of a pixel of the map, in µm."""
        return next((scan["voxel_um"] for scan in (self.results or {"scans": {}})["scans"].values()), 1.0)


def run_series(path: Path, folder: Path, *, advance: Advance) -> dict[str, Any]:
    """Run every scan of a series, and hold each against the one before.

    Parameters
    ----------
    path : Path
        The series file.
    folder : Path
        Gets a run folder a scan, change maps, `series.json` and `series.csv`.
    advance : callable
        Told of every finished block.

    Returns
    -------
    dict
        Content of series.json.
    """
    config = load_series(path)
    names = scan_names(config)
    with _held(path, folder, names):
        scans = []
        for entry, name in zip(config.series, names, strict=True):
            results = run_config(entry.config, folder / name, advance=advance)
            scans.append(_scanned(entry, folder / name, results))
        return _evaluated(scans, config, folder)


def evaluate_series(path: Path, folder: Path) -> dict[str, Any]:
    """Hold the scans of a series against each other whose runs were done by others, as by the jobs of a batch.

    Parameters
    ----------
    path : Path
        The series file.
    folder : Path
        With the run folders; gets change maps, `series.json` and `series.csv`.

    Returns
    -------
    dict
        Content of series.json.

    Raises
    ------
    ChildProcessError
        If a run is not done; it is named, and series.json tells of the others.
    """
    config = load_series(path)
    names = scan_names(config)
    with _held(path, folder, names):
        scans = [_done_before(entry, folder / name) for entry, name in zip(config.series, names, strict=True)]
        found = _evaluated(scans, config, folder)
        if faults := [f"{scan.name} ({scan.fault})" for scan in scans if scan.fault is not None]:
            raise ChildProcessError(f"{len(faults)} of {len(scans)} scans are not done: {'; '.join(faults)}")
        return found


@contextmanager
def _held(path: Path, folder: Path, names: list[str]) -> Iterator[None]:
    """Hold the folder of a series, and say in its ledger how its evaluation ends."""
    state = folder / STATE
    with locked(state):
        write_text(state / SCANS, json.dumps(names, ensure_ascii=False))
        with announced(Ledger(state / LEDGER), path.stem, {"scans": {"blocks": len(names), "seconds": 0.0}}):
            yield


def _scanned(entry: SeriesEntry, out: Path, results: dict[str, Any]) -> Scanned:
    film = out / "thickness.tif"
    return Scanned(entry, out.name, results, film if film.is_file() else None)


def _done_before(entry: SeriesEntry, out: Path) -> Scanned:
    """What another process has left of a scan, or why there is nothing."""
    status = run_status(out)
    if status.state != "done":
        return Scanned(entry, out.name, None, None, ": ".join(filter(None, (status.state, status.error))))
    try:
        return _scanned(entry, out, json.loads((out / "results.json").read_text(encoding="utf8")))
    except (OSError, ValueError) as error:
        return Scanned(entry, out.name, None, None, f"its results.json cannot be read: {one_line(error)}")


def _evaluated(scans: list[Scanned], config: SeriesConfig, folder: Path) -> dict[str, Any]:
    """Compare the scans, and write what is found."""
    found = compare(scans, folder) | {"onset": _onset(config.trace)}
    write_text(folder / "series.json", json.dumps(found, indent=1, ensure_ascii=False, default=str))
    write_text(folder / "series.csv", _table(found["scans"]))
    return found


def compare(scans: list[Scanned], folder: Path) -> dict[str, Any]:
    """Lay the maps of a series on each other, and write and sum up what changed.

    Parameters
    ----------
    scans : list of Scanned
        In order.
    folder : Path
        Change maps and maps of the local current density are written there.

    Returns
    -------
    dict
        One row a scan, the trend of lithium against charge, and where lithium first enters the electrolyte.
    """
    rows = [_row(scan) for scan in scans]
    last: tuple[NDArray[np.floating[Any]], Scanned] | None = None
    for place, (row, scan) in enumerate(zip(rows, scans, strict=True)):
        film: NDArray[np.floating[Any]] | None = scan.thickness_um
        if film is None:
            continue
        if last is not None and last[0].shape == film.shape:
            film, shift_px = on_map(last[0], film)
            row |= {"since": last[1].name, "shift_um": [scan.pixel_um * px for px in shift_px]}
            _changes(row, (last[0], film), (last[1].entry.at, scan.entry.at), folder, place, scan.pixel_um)
        last = film, scan
    amounts = [_amount(row["in_electrolyte_um"], row["in_electrolyte_um_std"]) for row in rows]
    limits = [3.29 * (amount.std_um or 0.0) if amount else 0.0 for amount in amounts]
    first = first_in_electrolyte(amounts, limits, [row["max_depth_um"] for row in rows])
    return {
        "schema": SCHEMA,
        "scans": rows,
        "trend": _trend(rows),
        "first_in_electrolyte": None if first is None else {"scan": rows[first[0]]["scan"], "depth_um": first[1]},
    }


def on_map(
    reference_um: NDArray[np.floating[Any]], map_um: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.floating[Any]], tuple[float, float]]:
    """Shift a map onto another one by the peak of their cross-correlation, to a hundredth of a pixel.

    Parameters
    ----------
    reference_um, map_um : (n_y, n_x) array
        Thickness in µm, NaN off the electrode.

    Returns
    -------
    shifted : (n_y, n_x) array
        The map on the grid of the reference.
    shift_px : (float, float)
        By how many rows and columns it was moved.
    """
    pair = [np.where(np.isfinite(m), m - np.nanmean(m), 0.0) for m in (reference_um, map_um)]
    if not all(np.any(part) for part in pair):
        return map_um, (0.0, 0.0)
    size = tuple(2 * n for n in map_um.shape)
    spectra = [fft.rfft2(part, size) for part in pair]
    peak = fft.irfft2(spectra[0] * np.conj(spectra[1]), size)
    top = np.unravel_index(int(peak.argmax()), peak.shape)
    shift = _refined(peak, top, 0), _refined(peak, top, 1)
    if np.hypot(shift[0], shift[1]) < 0.05:
        return map_um, (0.0, 0.0)
    filled = ndimage.shift(np.where(np.isfinite(map_um), map_um, 0.0), shift, order=1)
    known = ndimage.shift(np.isfinite(map_um).astype(float), shift, order=1)
    return np.where(known > 0.999, filled, np.nan), shift


def _refined(peak: NDArray[np.float64], top: tuple[np.intp, ...], axis: int) -> float:
    """Place of the peak along an axis by a parabola, as a signed shift."""
    n, index = peak.shape[axis], int(top[axis])
    line = np.take(peak, [index - 1, index, (index + 1) % n], axis=axis)
    low, middle, high = (line[:, top[1]] if axis == 0 else line[top[0]]).tolist()
    bend = low - 2 * middle + high
    place = index + (0.5 * (low - high) / bend if bend < 0 else 0.0)
    return place - n if place > n / 2 else place


def _row(scan: Scanned) -> dict[str, Any]:
    results, entry = scan.results or {"balance": {}, "coulometry": {}, "penetration": {}}, scan.entry
    balance, expected = results["balance"], results["coulometry"].get("expected_thickness_um")
    if expected is None and entry.charge_mah is not None and entry.area_cm2 is not None:
        from ..materials.lithium import thickness_um

        expected = float(thickness_um(entry.charge_mah / entry.area_cm2))
    names = (
        *("film_um", "film_um_std", "in_electrolyte_um", "in_electrolyte_um_std"),
        *("mixed_zone_um", "measured_um", "measured_um_std"),
    )
    return {
        "scan": scan.name,
        "fault": scan.fault,
        "at": None if entry.at is None else entry.at.isoformat(),
        "expected_um": expected,
        **{name: balance.get(name) for name in names},
        "closure": balance.get("closure"),
        "max_depth_um": results["penetration"].get("max_depth_um"),
        "pressure_mpa": entry.pressure_mpa,
    }


def _changes(
    row: dict[str, Any],
    maps: tuple[NDArray[Any], NDArray[Any]],
    times: tuple[datetime | None, datetime | None],
    folder: Path,
    place: int,
    pixel_um: float,
) -> None:
    """Write what changed since the scan before, and put its means into the row."""
    change = np.asarray(change_map(*maps))
    row["mean_change_um"] = float(np.nanmean(change))
    write_map(folder / f"change-{place:02d}.tif", change, pixel_um)
    if times[0] is None or times[1] is None:
        return
    seconds = (times[1] - times[0]).total_seconds()
    row["mean_growth_um_per_h"] = float(np.nanmean(np.asarray(growth_rate_um_per_h(*maps, seconds))))
    current = np.asarray(local_current_density_ma_per_cm2(*maps, seconds))
    row["mean_current_density_ma_per_cm2"] = float(np.nanmean(current))
    write_map(folder / f"current-density-{place:02d}.tif", current, pixel_um, quantity="mA cm^-2")


def _amount(um: Any, std: Any) -> Amount | None:
    return None if um is None else Amount(float(um), None if std is None else float(std))


def _trend(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Lithium found against lithium expected."""
    known = [r for r in rows if r["measured_um"] is not None and r["measured_um_std"] and r["expected_um"] is not None]
    if len({r["expected_um"] for r in known}) < 2:
        return None
    found = lithium_trend(
        [Amount(r["measured_um"], r["measured_um_std"]) for r in known], [r["expected_um"] for r in known]
    )
    return dict(vars(found))


def _onset(trace: Trace | None) -> dict[str, Any] | None:
    """Where the voltage leaves its course."""
    if trace is None:
        return None
    record = read_cycler(trace.file)
    if record.voltage_v is None:
        return None
    flows = np.abs(record.current_ma) > 1e-3 * np.abs(record.current_ma).max()
    found = unstable_onset(record.time_s[flows], voltage_vs_lithium(record.voltage_v[flows], trace.counter))
    return None if found is None else dict(vars(found))


def _table(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
