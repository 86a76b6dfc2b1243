"""Samples that say nothing of the object: dead and hot pixels, zingers, NaN and Inf; found and replaced."""

from collections.abc import Callable
from typing import Any

from ..arrays import Array, array_namespace

Offsets = tuple[tuple[int, int, int], ...]
"""Steps in angle, row and column to the neighbours of a sample."""

ANGLE_AND_COLUMN: Offsets = tuple((t, 0, c) for t in (-1, 0, 1) for c in (-1, 0, 1))
ALL_NEIGHBOURS: Offsets = tuple((t, r, c) for t in (-1, 0, 1) for r in (-1, 0, 1) for c in (-1, 0, 1))
IN_FRAME: Offsets = tuple((0, r, c) for r in (-1, 0, 1) for c in (-1, 0, 1))
SIGMA_PER_MAD = 1.4826  # of a normal distribution
SAMPLES_FOR_NOISE = 1_000_000


def bad_pixels(flat: Array, dark: Array, *, low: float = 0.2, high: float = 5.0, hot: float = 0.5) -> Array:
    """Mark the pixels whose answer to the beam cannot be used.

    A pixel is bad if flat - dark is not positive or not finite, if it is below `low` or above `high` times
    the median of the 5 x 5 pixels about it, or if its dark exceeds the dark of those neighbours by more than
    `hot` times their beam. Dust and scratches of the scintillator divide out and are left alone.

    Parameters
    ----------
    flat : (n_rows, n_cols) array
        Mean detector counts with the sample out.
    dark : (n_rows, n_cols) array
        Mean detector counts with the shutter closed.
    low, high : float
        Smallest and largest beam in units of the neighbours' median, dimensionless.
    hot : float
        Largest excess of the dark in units of the neighbours' beam, dimensionless.

    Returns
    -------
    (n_rows, n_cols) array of bool
        True where the pixel is bad.
    """
    xp = array_namespace(flat, dark)
    dark = dark.astype(xp.float32)
    beam = flat.astype(xp.float32) - dark
    usable = xp.isfinite(beam) & (beam > 0)
    beam = xp.where(usable, beam, 0)
    local_beam, local_dark = _median_5x5(xp, beam), _median_5x5(xp, xp.where(usable, dark, 0))
    odd = (beam < low * local_beam) | (beam > high * local_beam) | (dark - local_dark > hot * local_beam)
    return ~usable | odd


def repair_dead_pixels(projections: Array, mask: Array) -> Array:
    """Replace dead pixels by the live ones next to them in their row and column.

    Each takes the nearest live pixel to the left, right, above and below, weighted by one over its distance:
    linear interpolation across a dead column or row.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Counts, transmission or line integrals.
    mask : (n_rows, n_cols) array of bool
        True where a pixel is dead.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        A repaired copy.

    Raises
    ------
    ValueError
        If the sizes differ or no pixel is alive.
    """
    xp = array_namespace(projections, mask)
    if mask.shape != projections.shape[1:]:
        raise ValueError(
            f"mask is {mask.shape} and projections {projections.shape[1:]} pixels; "
            "crop both to the same region of interest"
        )
    if bool(mask.all()):
        raise ValueError(f"all {mask.size} pixels are marked dead; at least one must be alive: check the mask")
    result = projections.astype(xp.float32)
    dead = mask
    while bool(dead.any()):  # twice at most: the second pass is for pixels whose row and column are all dead
        rows, columns = xp.nonzero(dead)
        total = xp.zeros((result.shape[0], rows.size), dtype=xp.float32)
        weights = xp.zeros(rows.size, dtype=xp.float32)
        for axis, reverse in ((0, False), (0, True), (1, False), (1, True)):
            nearest = _nearest_live(xp, dead, axis, reverse)[rows, columns]
            place = (nearest, columns) if axis == 0 else (rows, nearest)
            gap = xp.abs(nearest - (rows if axis == 0 else columns))
            weight = xp.where(gap > 0, 1 / xp.maximum(gap, 1), 0).astype(xp.float32)
            total += weight * xp.where(weight > 0, result[:, place[0], place[1]], 0)
            weights += weight
        found = weights > 0
        rows, columns = rows[found], columns[found]
        result[:, rows, columns] = total[:, found] / weights[found]
        dead = dead.copy()
        dead[rows, columns] = False
    return result


def repair_nonfinite(projections: Array) -> tuple[Array, int]:
    """Replace NaN and Inf by the median of their finite neighbours.

    Neighbours are the eight along angle and column; where a whole sinogram is lost, the rows beside it help.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array of float
        Counts, transmission or line integrals.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        The input itself if it is finite, otherwise a repaired copy.
    int
        Number of samples replaced.

    Raises
    ------
    ValueError
        If no sample is finite.
    """
    xp = array_namespace(projections)
    bad = ~xp.isfinite(projections)
    count = int(bad.sum())
    if count == 0:
        return projections, 0
    if count == projections.size:
        raise ValueError(f"all {count} samples are NaN or Inf; some must be finite to repair the rest: check the file")
    result = xp.where(bad, xp.nan, projections).astype(xp.float32)
    left = count
    while left:
        for offsets in (ANGLE_AND_COLUMN, ALL_NEIGHBOURS):
            places = xp.nonzero(xp.isnan(result))
            result[places] = _finite_median(xp, _window(xp, result, places, offsets))
            remaining = int(xp.isnan(result).sum())
            if remaining < left:
                break
        left = remaining
    return result, count


def remove_zingers(projections: Array, *, threshold: float = 8.0, along: str = "both") -> tuple[Array, int]:
    """Replace single bright samples, struck by a stray photon or particle, by a median of their neighbours.

    A sample is a zinger if it exceeds the median of its neighbours by `threshold` standard deviations. The
    noise is taken to grow with the root of the signal, as photons do, and its scale is the median absolute
    deviation of the whole block. With `along="both"` it must stand out in its frame (3 x 3 pixels) and among
    the frames before and after it, so that sharp edges of the object, which stand out in one of them at most,
    stay.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Counts or transmission (not line integrals, where zingers are dark), frames in order of time.
    threshold : float
        Number of standard deviations, dimensionless.
    along : {"both", "angle", "space"}
        Where the sample must stand out.

    Returns
    -------
    (n_theta, n_rows, n_cols) array of float32
        A cleaned copy.
    int
        Number of samples replaced.

    Raises
    ------
    ValueError
        If `along` is none of the three, or `threshold` is not positive.
    """
    xp = array_namespace(projections)
    if along not in ("both", "angle", "space"):
        raise ValueError(f'along is "{along}"; give "both", "angle" or "space"')
    if not threshold > 0:
        raise ValueError(f"threshold is {threshold} standard deviations; it must be positive, 8 is usual")
    result = projections.astype(xp.float32)
    if along == "space" or result.shape[0] < 3:
        neighbours = _median_of_frame(xp, result)
    else:
        neighbours = _median_of_three(xp, result)
    noise = _noise_model(xp, result, neighbours)
    places = xp.nonzero(result - neighbours > threshold * noise(neighbours))
    replacement = neighbours[places]
    if along == "both" and result.shape[0] >= 3:
        beside = xp.median(_window(xp, result, places, IN_FRAME), axis=1)
        outlier = result[places] - beside > threshold * noise(beside)
        places = tuple(index[outlier] for index in places)
        replacement = replacement[outlier]
    result[places] = replacement
    return result, int(places[0].size)


def _noise_model(xp: Any, samples: Array, levels: Array) -> Callable[[Array], Array]:
    """Return the function that gives the standard deviation of a sample from its level.

    It grows with the root of the level; below 0.1 % of the block's median it is constant (read-out noise).
    Its scale comes from differences of adjacent samples, whose variance is twice that of one.
    """
    axis = 0 if samples.shape[0] > 1 else 2
    near = (slice(None, -1),) if axis == 0 else (..., slice(None, -1))
    far = (slice(1, None),) if axis == 0 else (..., slice(1, None))
    step = max(1, samples.size // SAMPLES_FOR_NOISE)
    difference = (samples[far] - samples[near]).reshape(-1)[::step]
    level = levels[near].reshape(-1)[::step]
    lowest = xp.maximum(1e-3 * xp.median(level), xp.asarray(1e-12, dtype=xp.float32))
    scaled = xp.abs(difference) / xp.sqrt(2 * xp.maximum(level, lowest))
    unit = xp.maximum(SIGMA_PER_MAD * xp.median(scaled), xp.asarray(1e-6, dtype=xp.float32))
    return lambda level: unit * xp.sqrt(xp.maximum(level, lowest))


def _median_of_three(xp: Any, stack: Array) -> Array:
    """Return the running median of three frames; the first and last frame see their one neighbour twice."""
    before = xp.concatenate([stack[1:2], stack[:-1]])
    after = xp.concatenate([stack[1:], stack[-2:-1]])
    low, high = xp.minimum(before, after), xp.maximum(before, after)
    return xp.maximum(low, xp.minimum(high, stack))


def _median_of_frame(xp: Any, stack: Array) -> Array:
    """Return the median of 3 x 3 pixels of every frame, edges repeated."""
    padded = xp.pad(stack, ((0, 0), (1, 1), (1, 1)), mode="edge")
    n_rows, n_columns = stack.shape[1:]
    shifted = [padded[:, r : r + n_rows, c : c + n_columns] for r in range(3) for c in range(3)]
    return xp.median(xp.stack(shifted), axis=0)


def _median_5x5(xp: Any, frame: Array) -> Array:
    """Return the median of 5 x 5 pixels, edges repeated."""
    padded = xp.pad(frame, 2, mode="edge")
    n_rows, n_columns = frame.shape
    return xp.median(xp.stack([padded[r : r + n_rows, c : c + n_columns] for r in range(5) for c in range(5)]), axis=0)


def _nearest_live(xp: Any, dead: Array, axis: int, reverse: bool) -> Array:
    """Return for each pixel the index along `axis` of the last live one before it (after it if `reverse`).

    Where there is none the pixel's own index is returned.
    """
    index = xp.arange(dead.shape[axis])
    own = xp.broadcast_to(index[:, None] if axis == 0 else index[None, :], dead.shape)
    flip = (slice(None, None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, None, -1))
    if reverse:
        last = dead.shape[axis] - 1
        mirrored = _nearest_live(xp, dead[flip], axis, False)[flip]
        return last - mirrored
    seen = xp.where(dead, -1, own)
    nearest = _running_maximum(xp, seen, axis)
    return xp.where(nearest < 0, own, nearest)


def _running_maximum(xp: Any, array: Array, axis: int) -> Array:
    """Return the running maximum along an axis by doubling steps (CuPy has no maximum.accumulate)."""
    result, step = array, 1
    while step < array.shape[axis]:
        head = result[:step] if axis == 0 else result[:, :step]
        tail = result[step:] if axis == 0 else result[:, step:]
        earlier = result[:-step] if axis == 0 else result[:, :-step]
        result = xp.concatenate([head, xp.maximum(tail, earlier)], axis=axis)
        step *= 2
    return result


def _window(xp: Any, stack: Array, places: tuple[Array, ...], offsets: tuple[tuple[int, int, int], ...]) -> Array:
    """Gather the samples at `offsets` from `places`, indices clipped to the stack; (n_places, n_offsets)."""
    indices = [
        xp.stack([xp.clip(place + offset[axis], 0, stack.shape[axis] - 1) for offset in offsets], axis=1)
        for axis, place in enumerate(places)
    ]
    return stack[indices[0], indices[1], indices[2]]


def _finite_median(xp: Any, values: Array) -> Array:
    """Return the median of each row's numbers that are not NaN; NaN where there are none."""
    ordered = xp.sort(values, axis=1)  # NaN sorts last
    n_finite = xp.sum(~xp.isnan(values), axis=1)
    rows = xp.arange(values.shape[0])
    low = ordered[rows, xp.maximum(n_finite - 1, 0) // 2]
    high = ordered[rows, xp.minimum(n_finite // 2, values.shape[1] - 1)]
    return xp.where(n_finite > 0, (low + high) / 2, xp.nan)
