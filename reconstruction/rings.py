"""Rings of a slice are stripes of its sinogram that stand still in angle: found and taken out there.

Stripes come from detector pixels whose answer changed since the flats, or is not linear. In line integrals a
wrong gain is an offset, so everything here adds and subtracts. No filter can tell a ring from a wall that
lies on a circle about the axis; what each takes from a clean scan is stated with it, measured on a cell of
two tubes and 25 voids, once 3 pixels off the axis and once on it without voids (512 columns, 360 views):
change of the core's mean, and root mean square change of the slice over the core's µ, most of it at the
tubes' edges.
"""

from typing import Any

from ..arrays import Array, array_namespace
from .running_median import running_median
from .wavelets import analyse, synthesise

STEADY_VIEWS = 10  # views over which the activity of a pixel is judged
ODD_ACTIVITY = 3.0  # times more or less active than its neighbours: the least that a dead or wild column is


def remove_mean(sinograms: Array, *, size: int = 9) -> Array:
    """Subtract from each column what its mean over all views has beyond its neighbours.

    The cheapest filter and the default one, for stripes of constant strength up to half the window. Of a
    clean cell it takes 0.13 % of the core's mean (0.24 % on the axis) and changes 1.6 % (2.6 %) of the slice;
    with a window of 21 0.42 % (0.83 %) and 4.5 % (6.6 %).

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array
        Line integrals, dimensionless.
    size : int
        Window of the median over columns, in pixels; an even one is made one wider.

    Returns
    -------
    (n_rows, n_theta, n_cols) array of float32
        Line integrals without stripes.
    """
    xp = array_namespace(sinograms)
    sinograms = sinograms.astype(xp.float32)
    still = xp.mean(sinograms, axis=1, dtype=xp.float64).astype(xp.float32)
    return sinograms - (still - _median_of_columns(xp, still[:, :, None], size)[:, :, 0])[:, None, :]


def remove_sorting(sinograms: Array, *, size: int = 21) -> Array:
    """Smooth the sinogram across columns after sorting each column by value (Vo, algorithm 3 [1]_).

    Neighbouring columns have seen the same values in another order, unless one of them is a stripe. Full and
    partial stripes go, narrow ones best. Of a clean cell it takes 0.9 % of the core's mean (0.8 % on the
    axis) and changes 7 % of the slice, more where a slice holds a few large features only; with a window of
    9, 0.25 % and 3 %.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array
        Line integrals, dimensionless.
    size : int
        Window of the median over columns, in pixels; an even one is made one wider.

    Returns
    -------
    (n_rows, n_theta, n_cols) array of float32
        Line integrals without stripes.

    References
    ----------
    .. [1] Vo, Atwood & Drakopoulos, Optics Express 26 (2018) 28396, doi:10.1364/OE.26.028396.
    """
    xp = array_namespace(sinograms)
    return _by_row(xp, sinograms, lambda lines: _smoothed_by_rank(xp, lines, size)[0])


def remove_large(sinograms: Array, *, size: int = 51, snr: float = 3.0, drop: float = 0.1) -> Array:
    """Replace columns that are off as a whole by their rank-smoothed values (Vo, algorithm 5 [1]_).

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array
        Line integrals, dimensionless.
    size : int
        Window of the median over columns, in pixels, wider than twice the widest stripe.
    snr : float
        How far a column's offset must stand out of the others', in units of their spread, dimensionless.
    drop : float
        Share of the smallest and of the largest values of a column that its offset leaves out, dimensionless.

    Returns
    -------
    (n_rows, n_theta, n_cols) array of float32
        Line integrals; columns that are no large stripe are untouched.

    References
    ----------
    .. [1] Vo, Atwood & Drakopoulos, Optics Express 26 (2018) 28396, doi:10.1364/OE.26.028396.
    """
    xp = array_namespace(sinograms)

    def without_large(lines: Array) -> Array:  # numpydoc ignore=GL08
        smooth, difference = _smoothed_by_rank(xp, lines, size)
        n_drop = int(drop * lines.shape[1])
        offset = xp.mean(difference[:, n_drop : lines.shape[1] - n_drop], axis=1)
        mask = _widened(xp, detect_stripes(offset, snr=snr))
        return xp.where(mask[:, None], smooth, lines)

    return _by_row(xp, sinograms, without_large)


def remove_dead(sinograms: Array, *, size: int = 51, snr: float = 3.0) -> Array:
    """Interpolate columns that do not answer, or fluctuate far more than others (Vo, algorithm 6 [1]_).

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array
        Line integrals, dimensionless.
    size : int
        Window of the median over columns that a column's activity is compared with, in pixels.
    snr : float
        How far its activity must stand out of the others', in units of their spread, dimensionless.

    Returns
    -------
    (n_rows, n_theta, n_cols) array of float32
        Line integrals; columns that answer are untouched.

    References
    ----------
    .. [1] Vo, Atwood & Drakopoulos, Optics Express 26 (2018) 28396, doi:10.1364/OE.26.028396.
    """
    xp = array_namespace(sinograms)

    def without_dead(lines: Array) -> Array:  # numpydoc ignore=GL08
        views = min(STEADY_VIEWS, lines.shape[1])
        total = xp.cumulative_sum(xp.pad(lines.astype(xp.float64), ((0, 0), (views, 0)), mode="edge"), axis=1)
        steady = (total[:, views:] - total[:, :-views]) / views  # running mean that ends at each view
        late = views // 2
        activity = xp.mean(xp.abs(lines[:, : lines.shape[1] - late] - steady[:, late:]), axis=1)
        usual = _median_of_columns(xp, activity.astype(xp.float32)[:, None], size)[:, 0]
        ratio = xp.where(usual > 0, activity / xp.where(usual > 0, usual, 1), 1)
        odd = (ratio > ODD_ACTIVITY) | (ratio < 1 / ODD_ACTIVITY)
        mask = _widened(xp, odd & detect_stripes(ratio, snr=snr))
        return _interpolated(xp, lines, mask)

    return _by_row(xp, sinograms, without_dead)


def remove_all(sinograms: Array, *, size: int = 21, large_size: int = 51, snr: float = 3.0) -> Array:
    """Remove dead, then large, then all other stripes (Vo's combination [1]_).

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array
        Line integrals, dimensionless.
    size : int
        Window of `remove_sorting`, in pixels.
    large_size : int
        Window of `remove_dead` and `remove_large`, in pixels.
    snr : float
        Threshold of both, dimensionless.

    Returns
    -------
    (n_rows, n_theta, n_cols) array of float32
        Line integrals without stripes.

    References
    ----------
    .. [1] Vo, Atwood & Drakopoulos, Optics Express 26 (2018) 28396, doi:10.1364/OE.26.028396.
    """
    alive = remove_dead(sinograms, size=large_size, snr=snr)
    return remove_sorting(remove_large(alive, size=large_size, snr=snr), size=size)


def remove_wavelet(sinograms: Array, *, levels: int = 4, order: int = 5, sigma: float = 2.0) -> Array:
    """Damp stripes in the vertical detail of a wavelet transform (Münch [1]_).

    Wide rings go best this way: with 6 levels none are left in the dendrite scan. Of a clean cell 3 levels
    take 0.2 % of the core's mean (-0.4 % on the axis), 4 levels 1.0 % (0.6 %), 5 levels 5 %; they change 6,
    10 and 16 % of the slice. At each level the coefficients that are rough across columns and smooth in angle
    are transformed along the angle, where stripes gather at frequency zero, and are multiplied by 1 -
    exp(-k^2 / 2 sigma^2).

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array
        Line integrals, dimensionless.
    levels : int
        Levels of the transform; each doubles the width of the stripes that go.
    order : int
        Vanishing moments of the Daubechies wavelet, 1 to 10.
    sigma : float
        Width of the damping, in cycles over all views.

    Returns
    -------
    (n_rows, n_theta, n_cols) array of float32
        Line integrals without stripes.

    References
    ----------
    .. [1] Münch et al., Optics Express 17 (2009) 8567, doi:10.1364/OE.17.008567.
    """
    xp = array_namespace(sinograms)
    n_views, n_columns = sinograms.shape[1:]
    smooth = sinograms.astype(xp.float32)
    details = []
    for _ in range(levels):
        smooth, flat, upright, diagonal = analyse(smooth, order)
        views = upright.shape[1]
        k = xp.arange(views // 2 + 1, dtype=xp.float32)
        damping = 1 - xp.exp(-(k**2) / (2 * sigma**2))
        upright = xp.fft.irfft(xp.fft.rfft(upright, axis=1) * damping[:, None], n=views, axis=1)
        details.append((flat, upright.astype(xp.float32), diagonal))
    for flat, upright, diagonal in reversed(details):
        smooth = synthesise(smooth[:, : flat.shape[1], : flat.shape[2]], flat, upright, diagonal, order)
    return smooth[:, :n_views, :n_columns]


def detect_stripes(profile: Array, *, snr: float = 3.0) -> Array:
    """Mark the samples that leave the spread of the others (Vo, algorithm 4 [1]_).

    The samples are sorted and a line is fitted to the middle half. Its rise over all samples is their spread:
    a sample counts that lies beyond an end of the line by half of `snr` spreads, provided that the outermost
    one there lies beyond it by `snr` spreads.

    Parameters
    ----------
    profile : (n,) array
        One number for each column.
    snr : float
        Threshold in units of the spread, dimensionless.

    Returns
    -------
    (n,) array of bool
        True where a sample stands out.

    References
    ----------
    .. [1] Vo, Atwood & Drakopoulos, Optics Express 26 (2018) 28396, doi:10.1364/OE.26.028396.
    """
    xp = array_namespace(profile)
    n = profile.shape[0]
    ordered = xp.sort(profile.astype(xp.float64))
    rank = xp.arange(n, dtype=xp.float64)
    middle = slice(n // 4, max(n - n // 4, n // 4 + 2))
    centred = rank[middle] - xp.mean(rank[middle])
    slope = xp.sum(centred * ordered[middle]) / xp.sum(centred**2)
    low = xp.mean(ordered[middle]) - slope * xp.mean(rank[middle])
    high = low + slope * (n - 1)
    spread = xp.maximum(high - low, xp.asarray(1e-12))
    below = (profile < low - snr / 2 * spread) & (low - ordered[0] > snr * spread)
    above = (profile > high + snr / 2 * spread) & (ordered[-1] - high > snr * spread)
    return below | above


def _by_row(xp: Any, sinograms: Array, correct: Any) -> Array:
    """Apply `correct` to each sinogram, turned so that its views lie along the last axis."""
    result = xp.empty(sinograms.shape, dtype=xp.float32)
    for row in range(sinograms.shape[0]):
        lines = xp.ascontiguousarray(sinograms[row].T, dtype=xp.float32)
        result[row] = correct(lines).T
    return result


def _smoothed_by_rank(xp: Any, lines: Array, size: int) -> tuple[Array, Array]:
    """Return the lines smoothed across columns by rank, in their own order, and what that took off, by rank."""
    values, order = _sorted(xp, lines)
    smooth = _median_of_columns(xp, values, size)
    result = xp.empty_like(lines)
    if xp.__name__.endswith("cupy"):
        result[xp.arange(lines.shape[0])[:, None], order] = smooth
    else:
        xp.put_along_axis(result, order, smooth, axis=1)
    return result, values - smooth


def _median_of_columns(xp: Any, lines: Array, size: int) -> Array:
    """Return the running median along the last axis but one, the ends mirrored so that a slope goes on."""
    n_columns, half = lines.shape[-2], size // 2
    reach = min(half, n_columns - 1)
    left = 2 * lines[..., :1, :] - lines[..., 1 : reach + 1, :][..., ::-1, :]
    right = 2 * lines[..., -1:, :] - lines[..., n_columns - 1 - reach : n_columns - 1, :][..., ::-1, :]
    extended = xp.concatenate([left, lines, right], axis=-2)
    return running_median(extended, 2 * half + 1)[..., reach : reach + n_columns, :]


def _sorted(xp: Any, lines: Array) -> tuple[Array, Array]:
    """Sort each line; return values and order.

    On the host a value and its place are packed into one 64-bit integer of the same order: NumPy sorts these
    with SIMD, three times faster than `argsort`.
    """
    if xp.__name__.endswith("cupy"):
        order = xp.argsort(lines, axis=1)
        return xp.take_along_axis(lines, order, axis=1), order
    top, all_bits = xp.uint32(0x80000000), xp.uint32(0xFFFFFFFF)
    bits = lines.view(xp.uint32)
    keys = bits ^ xp.where(bits & top, all_bits, top)
    packed = (keys.astype(xp.uint64) << xp.uint64(32)) | xp.arange(lines.shape[1], dtype=xp.uint64)
    packed.sort(axis=1)
    order = (packed & xp.uint64(all_bits)).astype(xp.int64)
    keys = (packed >> xp.uint64(32)).astype(xp.uint32)
    return (keys ^ xp.where(keys & top, top, all_bits)).view(xp.float32), order


def _widened(xp: Any, mask: Array) -> Array:
    """Add one column to either side of each stripe, and leave the outermost two columns out."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    wide[:2] = False
    wide[-2:] = False
    return wide


def _interpolated(xp: Any, lines: Array, mask: Array) -> Array:
    """Replace masked columns by linear interpolation between the nearest others."""
    live = xp.nonzero(~mask)[0]
    place = xp.searchsorted(live, xp.arange(lines.shape[0]))
    after = live[xp.clip(place, 0, live.size - 1)]
    before = live[xp.clip(place - 1, 0, live.size - 1)]
    gap = xp.maximum(after - before, 1)
    weight = ((xp.arange(lines.shape[0]) - before) / gap).astype(xp.float32)[:, None]
    filled = (1 - weight) * lines[before] + weight * lines[after]
    return xp.where(mask[:, None], filled, lines)
