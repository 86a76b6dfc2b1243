"""How even a deposit is: roughness, the scale of its hills, clustering against window size, and spots.

There is no accepted set of measures for how even lithium lies; these are the areal parameters of surface
texture (ISO 25178-2), applied to the thickness map, and the index of dispersion of spatial statistics.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from ..arrays import Array, to_host

CORRELATION_LEVEL = 0.2
"""The correlation length ends where the autocorrelation has fallen to this (Sal of ISO 25178-2)."""

LEAST_SHARE = 0.5
"""A window or an overlap counts if at least this share of it was measured."""

RINGS = 10


@dataclass(frozen=True)
class Texture:
    """Texture of a thickness map about its mean.

    Parameters
    ----------
    sa_um : float
        Mean absolute deviation (Sa), in µm.
    sq_um : float
        Root mean square deviation (Sq), in µm.
    ssk : float or None
        Skewness (Ssk), dimensionless: positive for peaks on a plain, negative for holes; None for a flat map.
    sku : float or None
        Kurtosis (Sku), dimensionless: 3 for heights of a normal distribution; None for a flat map.
    correlation_length_um : float or None
        Distance at which the autocorrelation has fallen to 0.2, averaged over directions, in µm; None for a
        flat map, or one that stays correlated over half the view.
    """

    sa_um: float
    sq_um: float
    ssk: float | None
    sku: float | None
    correlation_length_um: float | None


@dataclass(frozen=True, eq=False)
class Dispersion:
    """How unevenly lithium is shared out among windows, against the windows' size.

    Parameters
    ----------
    window_um : (n,) array of float64
        Edge of the square windows, in µm.
    index_um : (n,) array of float64
        Variance over mean of the windows' thickness, in µm.
    cv : (n,) array of float64
        Standard deviation over mean of the windows' thickness, dimensionless.
    windows : (n,) array of int64
        Number of windows.
    """

    window_um: NDArray[np.float64]
    index_um: NDArray[np.float64]
    cv: NDArray[np.float64]
    windows: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RadialProfile:
    """Thickness against distance from the electrode's centre, in rings of equal width.

    Parameters
    ----------
    radius_um : (n,) array of float64
        Middle of each ring, in µm.
    mean_um : (n,) array of float64
        Mean thickness of each ring, in µm; NaN where nothing was measured.
    columns : (n,) array of int64
        Columns of each ring.
    """

    radius_um: NDArray[np.float64]
    mean_um: NDArray[np.float64]
    columns: NDArray[np.int64]


@dataclass(frozen=True)
class Spot:
    """A patch of the electrode that bears far more lithium than the rest, or none.

    Parameters
    ----------
    kind : {"hot", "bare"}
        What it is.
    area_um2 : float
        Its area, in µm^2.
    centre_px : tuple of float
        Row and column of its centre, as pixel-centre indices.
    extreme_um : float
        Largest thickness of a hot spot, smallest of a bare one, in µm.
    """

    kind: str
    area_um2: float
    centre_px: tuple[float, float]
    extreme_um: float


def texture(map_um: Array, mask: Array | None = None, *, pixel_um: Sequence[float]) -> Texture | None:
    """Describe how a thickness map deviates from its mean.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Thickness in µm, NaN where not measured.
    mask : (n_y, n_x) array of bool, optional
        Columns of the electrode; None takes all.
    pixel_um : sequence of float
        Edges of a column along rows and columns, in µm.

    Returns
    -------
    Texture or None
        None if nothing was measured.
    """
    heights, known = _measured(map_um, mask)
    values = heights[known]
    if values.size == 0:
        return None
    deviation = values - values.mean()
    sq = float(np.sqrt(np.mean(deviation**2)))
    is_flat = sq <= 1e-6 * max(abs(float(values.mean())), 1e-6)
    return Texture(
        sa_um=float(np.abs(deviation).mean()),
        sq_um=sq,
        ssk=None if is_flat else float(np.mean(deviation**3) / sq**3),
        sku=None if is_flat else float(np.mean(deviation**4) / sq**4),
        correlation_length_um=None if is_flat else correlation_length_um(heights, known, pixel_um=pixel_um),
    )


def correlation_length_um(map_um: Array, mask: Array | None = None, *, pixel_um: Sequence[float]) -> float | None:
    """Return the distance over which thickness is alike.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Thickness in µm, NaN where not measured.
    mask : (n_y, n_x) array of bool, optional
        Columns of the electrode; None takes all.
    pixel_um : sequence of float
        Edges of a column along rows and columns, in µm.

    Returns
    -------
    float or None
        Distance in µm at which the autocorrelation, averaged over directions, falls to 0.2; None if it does
        not within half the view, or the map is flat.
    """
    heights, known = _measured(map_um, mask)
    if known.sum() < 2:
        return None
    deviation = np.where(known, heights - heights[known].mean(), 0.0)
    size = tuple(fft.next_fast_len(2 * n, real=True) for n in heights.shape)
    both = [fft.irfft2(np.abs(fft.rfft2(part, size)) ** 2, size) for part in (deviation, known.astype(float))]
    lags = [np.minimum(np.arange(n), n - np.arange(n)) * p for n, p in zip(size, pixel_um, strict=True)]
    distance = np.hypot(lags[0][:, None], lags[1][None, :])
    reach = 0.5 * min(n * p for n, p in zip(heights.shape, pixel_um, strict=True))
    width = sqrt(pixel_um[0] * pixel_um[1])
    near = (distance <= reach) & (both[1] > 0.5)
    ring = np.rint(distance[near] / width).astype(np.int64)
    sums = [np.bincount(ring, weights=part[near]) for part in both]
    curve = np.divide(sums[0], sums[1], out=np.zeros_like(sums[0]), where=sums[1] > 0)
    radius = np.bincount(ring, weights=distance[near]) / np.maximum(np.bincount(ring), 1)
    if curve[0] <= 0:
        return None
    curve = curve / curve[0]
    below = np.flatnonzero(curve <= CORRELATION_LEVEL)
    if below.size == 0:
        return None
    k = below[0]
    share = (curve[k - 1] - CORRELATION_LEVEL) / (curve[k - 1] - curve[k])
    return float(radius[k - 1] + share * (radius[k] - radius[k - 1]))


def dispersion(
    map_um: Array, mask: Array | None = None, *, pixel_um: Sequence[float], windows_um: Sequence[float] | None = None
) -> Dispersion:
    """Share a thickness map out among windows and compare what each got.

    For columns that know nothing of each other the index falls with the windows' area; where it stays, lithium
    is clustered on that scale.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Thickness in µm, NaN where not measured.
    mask : (n_y, n_x) array of bool, optional
        Columns of the electrode; None takes all.
    pixel_um : sequence of float
        Edges of a column along rows and columns, in µm.
    windows_um : sequence of float, optional
        Edges of the windows, in µm; None doubles from one column until fewer than four windows fit.

    Returns
    -------
    Dispersion
        Index and coefficient of variation of each size; NaN where fewer than two windows or no lithium.
    """
    heights, known = _measured(map_um, mask)
    width = max(pixel_um)
    if windows_um is None:
        most = min(n * p for n, p in zip(heights.shape, pixel_um, strict=True)) / 2
        windows_um = [width * 2**k for k in range(32) if width * 2**k <= max(most, width)]
    results = [_shared_out(heights, known, pixel_um, window) for window in windows_um]
    index, cv, count = (np.array(column) for column in zip(*results, strict=True))
    return Dispersion(np.asarray(windows_um, dtype=np.float64), index, cv, count.astype(np.int64))


def radial_profile(
    map_um: Array,
    mask: Array | None = None,
    *,
    pixel_um: Sequence[float],
    centre_px: Sequence[float] | None = None,
    rings: int = RINGS,
) -> RadialProfile:
    """Average thickness over rings about the electrode's centre.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Thickness in µm, NaN where not measured.
    mask : (n_y, n_x) array of bool, optional
        Columns of the electrode; None takes all.
    pixel_um : sequence of float
        Edges of a column along rows and columns, in µm.
    centre_px : (row, column), optional
        Centre as pixel-centre indices; None is the middle of the map.
    rings : int
        Number of rings, at least 1.

    Returns
    -------
    RadialProfile
        Rings of equal width out to the farthest measured column.
    """
    heights, known = _measured(map_um, mask)
    middle = [(n - 1) / 2 for n in heights.shape] if centre_px is None else list(centre_px)
    rows, columns = np.indices(heights.shape)
    distance = np.hypot((rows - middle[0]) * pixel_um[0], (columns - middle[1]) * pixel_um[1])
    reach = float(distance[known].max()) if known.any() else 0.0
    width = max(reach, max(pixel_um)) * (1 + 1e-9) / max(rings, 1)
    ring = np.minimum((distance[known] / width).astype(np.int64), rings - 1)
    count = np.bincount(ring, minlength=rings)
    total = np.bincount(ring, weights=heights[known], minlength=rings)
    mean = np.full(rings, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    radius: NDArray[np.float64] = np.arange(0.5, rings) * width
    return RadialProfile(radius, mean, count)


def find_spots(
    map_um: Array,
    mask: Array | None = None,
    *,
    pixel_um: Sequence[float],
    hot_factor: float = 2.0,
    bare_below_um: float = 0.0,
    min_area_um2: float = 0.0,
) -> tuple[Spot, ...]:
    """List the patches that bear far more lithium than the mean, and the bare ones.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Thickness in µm, NaN where not measured.
    mask : (n_y, n_x) array of bool, optional
        Columns of the electrode; None takes all.
    pixel_um : sequence of float
        Edges of a column along rows and columns, in µm.
    hot_factor : float
        A hot spot is thicker than so many times the mean, dimensionless.
    bare_below_um : float
        A bare spot is at most this thick, in µm; give the detection limit.
    min_area_um2 : float
        Smaller patches are left out, in µm^2.

    Returns
    -------
    tuple of Spot
        Hot spots, then bare ones, each kind largest first. Columns that touch by side or corner are one patch.
    """
    heights, known = _measured(map_um, mask)
    mean = float(heights[known].mean()) if known.any() else 0.0
    filled = np.where(known, heights, np.nan)
    with np.errstate(invalid="ignore"):
        hot = filled > hot_factor * mean if mean > 0 else np.zeros(known.shape, dtype=bool)
        bare = filled <= bare_below_um
    pixel_um2 = pixel_um[0] * pixel_um[1]
    return _patches("hot", hot, filled, pixel_um2, min_area_um2) + _patches(
        "bare", bare, filled, pixel_um2, min_area_um2
    )


def _measured(map_um: Array, mask: Array | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    heights = np.asarray(to_host(map_um), dtype=np.float64)
    known = np.isfinite(heights)
    if mask is not None:
        chosen = np.asarray(to_host(mask), dtype=bool)
        if chosen.shape != heights.shape:
            raise ValueError(f"the mask is {chosen.shape} and the map {heights.shape}; give one per column")
        known &= chosen
    return np.where(known, heights, 0.0), known


def _shared_out(
    heights: NDArray[np.float64], known: NDArray[np.bool_], pixel_um: Sequence[float], window_um: float
) -> tuple[float, float, int]:
    """Index of dispersion, coefficient of variation and number of the windows of one size."""
    steps = [max(1, round(window_um / p)) for p in pixel_um]
    rows, columns = (n // s for n, s in zip(heights.shape, steps, strict=True))
    parts = [
        part[: rows * steps[0], : columns * steps[1]].reshape(rows, steps[0], columns, steps[1]).sum(axis=(1, 3))
        for part in (heights, known.astype(np.float64))
    ]
    full = parts[1] >= max(LEAST_SHARE * steps[0] * steps[1], 1.0)
    means = parts[0][full] / parts[1][full]
    if means.size < 2 or means.mean() <= 0:
        return float("nan"), float("nan"), int(means.size)
    variance = float(means.var(ddof=1))
    return variance / float(means.mean()), sqrt(variance) / float(means.mean()), int(means.size)


def _patches(
    kind: str, is_spot: NDArray[np.bool_], heights: NDArray[np.float64], pixel_um2: float, least_um2: float
) -> tuple[Spot, ...]:
    labels, count = ndimage.label(is_spot, structure=np.ones((3, 3)))
    if count == 0:
        return ()
    index = np.arange(1, count + 1)
    areas = np.bincount(labels.ravel())[1:] * pixel_um2
    extreme = (ndimage.maximum if kind == "hot" else ndimage.minimum)(heights, labels, index)
    centres = ndimage.center_of_mass(is_spot, labels, index)
    order = [i for i in np.argsort(-areas, kind="stable") if areas[i] >= least_um2]
    return tuple(
        Spot(kind, float(areas[i]), (float(centres[i][0]), float(centres[i][1])), float(extreme[i])) for i in order
    )
