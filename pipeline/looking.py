"""`xelith inspect` and `xelith centre`: a scan looked at before a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.axis_tilt import Band
from ..reconstruction.centre_cone import cone_slices
from ..reconstruction.centre_slices import parallel_slices
from ..scans import check_scan, inspect, open_scan, thumbnail
from ..scans.geometry import ConeBeam
from ..scans.scan import Scan
from .axis import MOST_VIEWS, Axis, axis_of, band_rows, middle_rows
from .config import Region
from .selection import select
from .steps import FlatField

if TYPE_CHECKING:
    from rich.table import Table

Image = NDArray[np.float32]


def inspection_table(path: Path, hints: dict[str, Any]) -> tuple[dict[str, Any], "Table"]:
    """Look into a scan's files.

    Parameters
    ----------
    path : Path
        File or folder.
    hints : dict
        What the user adds, as for `open_scan`.

    Returns
    -------
    dict
        The facts, JSON-able.
    rich.table.Table
        The same for a reader.
    """
    from rich.table import Table
    from rich.text import Text

    facts = inspect(path, **hints).as_dict()
    table = Table(title=Text(str(path)), show_header=False, title_justify="left")
    for key, value in facts.items():
        table.add_row(key.replace("_", " "), Text(_readable(value)))
    return facts, table


def _readable(value: Any) -> str:
    if value is None:
        return "not in the file"
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_readable(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return (
            "\n".join(_readable(inner) for inner in value)
            if any(isinstance(v, (dict, str)) for v in value)
            else str(list(value))
        )
    return str(value)


def write_thumbnail(path: Path, hints: dict[str, Any], target: Path) -> None:
    """Write a picture of the middle projection, flat-corrected where the scan has flats.

    Parameters
    ----------
    path : Path
        File or folder of the scan.
    hints : dict
        What the user adds.
    target : Path
        PNG file to write.
    """
    from .pictures import save_grey

    save_grey(thumbnail(open_scan(path, **hints)), target)


def find_scan_centre(
    path: Path, hints: dict[str, Any], *, search_px: tuple[float, float] | None = None, sheet: Path | None = None
) -> tuple[dict[str, Any], Axis]:
    """Find the axis of a scan from a few of its rows.

    Parameters
    ----------
    path : Path
        File or folder of the scan; needs angles, and flats unless it holds line integrals, but no pixel size unless
        its beam is a cone.
    hints : dict
        What the user adds.
    search_px : tuple of float, optional
        Columns to search between, pixel-centre indices.
    sheet : Path, optional
        PNG file for slices at the candidates.

    Returns
    -------
    dict
        centre_px, verdict, confidence, candidates.
    Axis
        The same with how the axis leans.

    Raises
    ------
    ValueError
        If the scan has no angles or no flats.
    """
    scan = open_scan(path, **hints)
    check_scan(scan)
    if scan.theta is None:
        raise ValueError(f"{path} has no angles; give --theta-range FIRST END in degrees")
    cone = scan.geometry if isinstance(scan.geometry, ConeBeam) else None
    every = max(1, scan.shape[0] // MOST_VIEWS)
    theta, n_rows = np.asarray(scan.theta)[::every], scan.shape[1]
    wanted = band_rows(n_rows)
    if cone is not None:
        row_px = (n_rows - 1) / 2 if cone.row_px is None else cone.row_px
        wanted = [*wanted, middle_rows(n_rows, row_px)]
    parts = read_rows(scan, wanted, every=every)
    bands = [Band((a + b - 1) / 2, part) for (a, b), part in zip(wanted, parts, strict=True)]
    middle = None
    if cone is not None:
        middle = Band(row_px - wanted[-1][0], bands.pop().projections)
    axis = axis_of(bands, theta, n_rows, search_px=search_px, cone=cone, middle=middle)
    if sheet is not None:
        _contact_sheet(bands if middle is None else [middle], theta, axis, cone, sheet)
    candidates = [{"centre_px": c.centre_px, "method": c.method, "score": c.score} for c in axis.candidates]
    facts = {
        "centre_px": axis.centre_px,
        "verdict": axis.verdict,
        "confidence": axis.confidence,
        "candidates": candidates,
    }
    return facts, axis


def read_rows(scan: Scan, wanted: Sequence[tuple[int, int]], *, every: int = 1) -> list[Image]:
    """Read some rows over the views as line integrals.

    Parameters
    ----------
    scan : Scan
        Raw data with flats, or line integrals.
    wanted : sequence of (int, int)
        Half-open ranges of rows.
    every : int
        Step between the views that are read.

    Returns
    -------
    list of (n_theta, rows, n_cols) arrays of float32
        Dimensionless, one for each range.

    Raises
    ------
    ValueError
        If the scan has neither flats nor line integrals.
    """
    from .chain import correct_block
    from .fields import open_fields

    if not scan.is_line_integral and scan.flats is None:
        raise ValueError(f"{scan.path} has no flats; give them (xelith inspect says how), or line integrals")
    parts = []
    for rows in wanted:
        selection = select(scan.shape, Region(rows=rows, views=every))
        fields = open_fields(scan, selection)
        frames = selection.read(scan.projections, 0, len(selection.views))
        parts.append(correct_block(frames, fields, (FlatField(),), first_view=0).integrals)
    return parts


SHEET_COLUMNS = 640
SHEET_STEPS = np.array([-4, -2, -1, -0.5, 0, 0.5, 1, 2, 4])


def _contact_sheet(
    bands: Sequence[Band], theta: NDArray[np.float64], axis: Axis, cone: ConeBeam | None, target: Path
) -> None:
    """Draw one row's slices about the centre, columns near it, and every candidate, each with its true centre."""
    from .pictures import save_contact_sheet

    n_columns = bands[0].projections.shape[2]
    step = max(1.0, n_columns / SHEET_COLUMNS)
    others = [c.centre_px for c in axis.candidates]
    centres = sorted({round(float(c), 2) for c in [*(axis.centre_px + SHEET_STEPS * step), *others]})
    inside = np.array([c for c in centres if 2 <= c <= n_columns - 3])
    if cone is not None:
        slices = cone_slices(bands[0].projections, theta * cone.direction, cone, inside)
    else:
        best = bands[int(np.argmax([np.nanstd(band.projections) for band in bands]))].projections
        row = int(np.argmax(np.nanstd(best, axis=(0, 2))))
        slices = parallel_slices(best[:, row : row + 1], theta, inside)
    names = {round(c.centre_px, 2): c.method for c in axis.candidates} | {round(axis.centre_px, 2): axis.verdict}
    captions = [f"{c:.2f} px\n{names.get(round(float(c), 2), '')}" for c in inside]
    save_contact_sheet(slices, captions, target)
