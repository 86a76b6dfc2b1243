"""`xelith inspect` and `xelith centre`: a scan looked at before a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..scans import check_scan, inspect, open_scan, thumbnail
from ..scans.scan import Scan
from .config import Region
from .selection import select, select_theta

if TYPE_CHECKING:
    from rich.table import Table

CENTRE_ROWS = 16
MOST_COLUMNS = 2048


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
) -> dict[str, Any]:
    """Find the axis of a scan from a few of its rows.

    Parameters
    ----------
    path : Path
        File or folder of the scan; needs angles, and flats unless it holds line integrals, but no pixel size.
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

    Raises
    ------
    ValueError
        If the scan has no angles or no flats.
    """
    from ..reconstruction.centre import find_centre

    scan = open_scan(path, **hints)
    check_scan(scan)
    if scan.theta is None:
        raise ValueError(f"{path} has no angles; give --theta-range FIRST END in degrees")
    integrals = read_rows(scan)
    theta = np.asarray(scan.theta)
    found = find_centre(integrals, theta, search_px=search_px)
    if sheet is not None:
        _contact_sheet(integrals, theta, found, sheet)
    candidates = [{"centre_px": c.centre_px, "method": c.method, "score": c.score} for c in found.candidates]
    return {
        "centre_px": found.centre_px,
        "verdict": found.verdict,
        "confidence": found.confidence,
        "candidates": candidates,
    }


def read_rows(scan: Scan, *, n_rows: int = CENTRE_ROWS) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Read a few rows over all views as line integrals.

    Parameters
    ----------
    scan : Scan
        Raw data with flats, or line integrals.
    n_rows : int
        Rows to read, spread over the detector, the outermost eighths left out.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        Dimensionless.
    """
    from .chain import correct_block
    from .fields import open_fields
    from .steps import FlatField

    if not scan.is_line_integral and scan.flats is None:
        raise ValueError(f"{scan.path} has no flats; give them (xelith inspect says how), or line integrals")
    height = scan.shape[1]
    rows = np.unique(np.linspace(height / 8, height - 1 - height / 8, min(n_rows, height)).round().astype(int))
    parts = []
    for row in rows:
        selection = select(scan.shape, Region(rows=(int(row), int(row) + 1)))
        fields = open_fields(scan, selection)
        frames = selection.read(scan.projections, 0, len(select_theta(np.asarray(scan.theta), selection)))
        parts.append(correct_block(frames, fields, (FlatField(),), first_view=0).integrals)
    return np.concatenate(parts, axis=1)


def _contact_sheet(integrals: Any, theta: Any, found: Any, target: Path) -> None:
    from ..reconstruction.fourier import fourier_fbp
    from .pictures import save_contact_sheet

    row = int(np.argmax(integrals.std(axis=(0, 2))))
    sinogram = np.ascontiguousarray(np.swapaxes(integrals[:, row : row + 1], 0, 1))
    steps = np.array([-4, -2, -1, -0.5, 0, 0.5, 1, 2, 4])
    centres = sorted(
        {round(float(c), 2) for c in [*(found.centre_px + steps), *(c.centre_px for c in found.candidates)]}
    )
    inside = [c for c in centres if 0 <= c <= integrals.shape[2] - 1]
    slices = [fourier_fbp(sinogram, theta, centre_px=c, voxel_um=1e4)[0] for c in inside]
    save_contact_sheet(slices, [f"{c:.2f} px" for c in inside], target)
