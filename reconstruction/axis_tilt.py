"""An axis that leans against the detector's columns: measured from the centre of several rows, and set upright."""

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, array_namespace
from ..scans.geometry import ConeBeam
from .centre_cone import conjugate_match
from .centre_matches import mirror_matches
from .centre_overlap import overlap_matches
from .centre_views import prepare_views

MOST_TILT_DEG = 5.0
MOST_WORTH = 4.0  # of a row beside one whose centre leads by half
LEAST_BANDS = 4
LEAST_LEAD = 0.35  # of a row's centre over any other
SIGNIFICANT = 5.0  # standard deviations of the slope
FLOOR_PX = 0.02  # scatter of a row's centre that is never undercut
MATTERS_PX = 0.25  # shift at the edge of the view below which nothing is gained by resampling

TiltVerdict = Literal["measured", "negligible", "not-measured"]


@dataclass(frozen=True)
class Band:
    """Some rows that lie together.

    Parameters
    ----------
    row_px : float
        Their mean place on the detector, as a pixel-centre index.
    projections : (n_theta, n, n_cols) array
        Line integrals, dimensionless.
    """

    row_px: float
    projections: Array


@dataclass(frozen=True)
class Tilt:
    """How the axis leans in the plane of the detector.

    Parameters
    ----------
    tilt_rad : float
        Turn of the detector about the beam, in rad, positive if the columns' way turns towards the rows' way:
        the axis then lies tan(tilt) columns higher for every row. 0 where it was not measured.
    std_rad : float or None
        Its standard deviation, in rad.
    verdict : {"measured", "negligible", "not-measured"}
        "negligible": within its error, or less than a quarter of a pixel across the view.
    rows_px, centres_px : tuple of float
        The centre of each row that shows one, on which the tilt rests.
    worth : tuple of float
        What each of them is worth beside the others, dimensionless.
    """

    tilt_rad: float
    std_rad: float | None
    verdict: TiltVerdict
    rows_px: tuple[float, ...] = ()
    centres_px: tuple[float, ...] = ()
    worth: tuple[float, ...] = ()


def find_tilt(
    bands: Sequence[Band],
    theta: ArrayLike,
    *,
    near: tuple[float, float],
    n_rows: int,
    geometry: ConeBeam | None = None,
) -> Tilt:
    """Measure how the axis leans from the centres of rows at several heights.

    Each band is matched with its mirrored opposite views (see `find_centre`, `find_cone_centre`) near a line
    through the known centre. The slope is the weighted median of the slopes of all pairs of bands [1]_: the less a
    centre leads over any other, the less it is worth, as a few of seven centres that err may lie on their own line.
    Rows about which nothing stands out are left out.

    Parameters
    ----------
    bands : sequence of Band
        Rows at several heights.
    theta : (n_theta,) array
        Angles in rad.
    near : (float, float)
        A row and the column of the axis there, as found before.
    n_rows : int
        Rows of the detector.
    geometry : ConeBeam, optional
        The beam, where it is a cone.

    Returns
    -------
    Tilt
        With the centre of each row that was used.

    References
    ----------
    .. [1] Sen, Estimates of the regression coefficient based on Kendall's tau, J. Am. Stat. Assoc. 63 (1968) 1379.
    """
    angles = np.asarray(theta, dtype=np.float64)
    found = []
    for band in bands:
        reach = 4.0 + math.tan(math.radians(MOST_TILT_DEG)) * abs(band.row_px - near[0])
        centre = _centre_of(band, angles, near[1] - reach, near[1] + reach, geometry)
        if centre is not None:
            found.append((band.row_px, *centre))
    if len(found) < LEAST_BANDS:
        return Tilt(0.0, None, "not-measured", *_columns(found))
    rows, centres, worth = np.array(found).T
    worth /= worth.sum()
    slope = _slope(rows, centres, worth)
    off = centres - slope * rows
    scatter = max(1.4826 * _weighted_median(np.abs(off - _weighted_median(off, worth)), worth), FLOOR_PX)
    spread = float(worth @ (rows - worth @ rows) ** 2)
    std = 1.25 * scatter * math.sqrt(float(worth @ worth) / spread)  # 1.25: of a median
    tilt, n_columns = math.atan(slope), bands[0].projections.shape[2]
    matters = abs(slope) * max(n_rows, n_columns) / 2 >= MATTERS_PX
    clear = abs(slope) > SIGNIFICANT * std and scatter < 0.5
    verdict: TiltVerdict = "measured" if matters and clear else "negligible"
    if scatter >= 0.5 or abs(math.degrees(tilt)) > MOST_TILT_DEG:
        verdict = "not-measured"
    return Tilt(tilt, std, verdict, *_columns(found))


def centre_at(tilt: Tilt, row_px: float) -> float | None:
    """Return the centre on a row, by the line through the centres of all rows.

    Parameters
    ----------
    tilt : Tilt
        As measured.
    row_px : float
        The row, as a pixel-centre index.

    Returns
    -------
    float or None
        Column of the axis; None where no row showed one.
    """
    if not tilt.rows_px:
        return None
    rows, centres = np.array(tilt.rows_px), np.array(tilt.centres_px)
    return _weighted_median(centres + math.tan(tilt.tilt_rad) * (row_px - rows), np.array(tilt.worth))


def set_upright(
    projections: Array, tilt_rad: float, *, centre_px: float, row_px: float, rows: tuple[int, int], first_row: int = 0
) -> Array:
    """Resample projections of parallel rays so that the axis runs along their columns, by cubic splines.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array of float32
        Line integrals, rows `first_row` and on of the detector; edge pixels are repeated beyond the edges.
    tilt_rad : float
        Turn of the detector, in rad, as in `Tilt`.
    centre_px, row_px : float
        A place on the axis, which stays where it is: column, and row of the whole detector.
    rows : (int, int)
        Rows wanted, half-open, of the whole detector.
    first_row : int
        Row that comes first in `projections`.

    Returns
    -------
    (n_theta, rows, n_cols) array of float32
        Line integrals with the axis on column `centre_px` in every row.
    """
    xp = array_namespace(projections)
    library = "cupyx.scipy.ndimage" if xp.__name__.endswith("cupy") else "scipy.ndimage"
    ndimage = importlib.import_module(library)
    v = (xp.arange(*rows, dtype=xp.float64) - row_px)[:, None]
    u = (xp.arange(projections.shape[2], dtype=xp.float64) - centre_px)[None, :]
    cosine, sine = math.cos(tilt_rad), math.sin(tilt_rad)
    places = xp.stack([row_px - u * sine + v * cosine - first_row, centre_px + u * cosine + v * sine])
    result = xp.empty((projections.shape[0], *places.shape[1:]), dtype=xp.float32)
    for view in range(projections.shape[0]):
        result[view] = ndimage.map_coordinates(projections[view], places, order=3, mode="nearest")
    return result


def _slope(rows: NDArray[np.float64], centres: NDArray[np.float64], worth: NDArray[np.float64]) -> float:
    """Weighted median of the slopes of all pairs of rows that lie far apart."""
    i, j = np.triu_indices(rows.size, 1)
    far = np.abs(rows[j] - rows[i]) >= 0.25 * np.ptp(rows)
    return _weighted_median(((centres[j] - centres[i]) / (rows[j] - rows[i]))[far], (worth[i] * worth[j])[far])


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    below = np.cumsum(weights[order]) - 0.5 * weights[order]
    return float(np.interp(0.5 * weights.sum(), below, values[order]))


def _centre_of(
    band: Band, theta: NDArray[np.float64], low: float, high: float, geometry: ConeBeam | None
) -> tuple[float, float] | None:
    """Mean of the centres that both scales of detail show, weighed by their lead, and its worth; None if none leads."""
    n_columns = band.projections.shape[2]
    low, high = max(low, 1.0), min(high, n_columns - 2.0)
    if high - low < 2:
        return None
    if geometry is not None:
        views = prepare_views(band.projections, theta * geometry.direction)
        pixels = geometry.source_detector_mm * 1000 / float(geometry.pixel_um or 1.0) / views.bin_px
        matches = [conjugate_match(views, pixels, low, high, share) for share in (32, 16)]
    else:
        views = prepare_views(band.projections, theta)
        matches = overlap_matches(views, low, high) if views.full_turn else mirror_matches(views, low, high)[:2]
    good = [m for m in matches if m.lead >= LEAST_LEAD and low + 0.5 < m.centre_px < high - 0.5]
    if not good:
        return None
    lead = max(m.lead for m in good)
    worth = min(lead / max(1 - lead, 1e-6), MOST_WORTH)
    return float(np.average([m.centre_px for m in good], weights=[m.lead for m in good])), worth


def _columns(found: Sequence[tuple[float, float, float]]) -> tuple[tuple[float, ...], ...]:
    """Rows, centres and worth; none of any where nothing was found."""
    return tuple(zip(*found, strict=True))
