"""How good a scan is, in numbers: noise, resolution and rings of two half-scans, blur of edges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates, median_filter

Image = NDArray[np.float32]

CROSSING = 1 / 7  # of the correlation of two halves, where the whole is said to be resolved
IN_VIEW = 0.9  # of the radius of the view; slices are empty beyond
SECTORS = 8
RING_WIDTH = 9  # pixels; wider features that go round the axis are the object's
EDGE_REACH, EDGE_STEP = 8.0, 0.25  # pixels to either side of an edge, and between samples
MOST_EDGES, LEAST_EDGES = 600, 20
CLEAR_EDGE = 6.0  # steps in units of the noise
DEEP = 0.4  # of the steepest edges


@dataclass(frozen=True)
class Sharpness:
    """How sharp the edges of an image are.

    Parameters
    ----------
    blur_px : float
        Standard deviation of the Gaussian that the edges look blurred with, in pixels.
    width_px : float
        Distance from 10 to 90 % of a step, in pixels.
    n_edges : int
        Places that were measured.
    """

    blur_px: float
    width_px: float
    n_edges: int


def noise_of_halves(first: Image, second: Image) -> float:
    """Return the noise of the mean of two half-scans.

    Parameters
    ----------
    first, second : (n, n) array
        The same slice from alternate views, in cm^-1.

    Returns
    -------
    float
        Standard deviation of a voxel of the whole scan, in cm^-1, robust against edges; NaN for an empty view.
    """
    difference = (first - second)[_view(first.shape)] / 2
    if difference.size == 0:
        return float("nan")
    return float(1.4826 * np.median(np.abs(difference - np.median(difference))))


def ring_correlation(first: Image, second: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlate two half-scans over rings of equal spatial frequency (Fourier ring correlation [1]_).

    Parameters
    ----------
    first, second : (n, n) array
        The same slice from alternate views; faded out towards the edge of the view first.

    Returns
    -------
    (n // 2,) array
        Frequencies, in cycles per pixel.
    (n // 2,) array
        Correlation, -1 to 1.

    References
    ----------
    .. [1] Van Heel & Schatz, J. Struct. Biol. 151 (2005) 250, doi:10.1016/j.jsb.2005.05.009.
    """
    n = first.shape[0]
    away = np.arange(n) - (n - 1) / 2
    radius = np.hypot(away[:, None], away) / (n / 2)
    window = np.cos(np.pi / 2 * np.clip((radius - 0.6) / (IN_VIEW - 0.6), 0, 1)) ** 2
    spectra = []
    for image in (first, second):
        seen = image - np.average(image, weights=window)
        spectra.append(np.fft.rfft2(seen * window))
    rate = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)) * n
    ring = np.minimum(np.rint(rate).astype(int), n // 2 + 1).ravel()
    a, b = spectra
    sums = [
        np.bincount(ring, values.ravel(), n // 2 + 2)[1 : n // 2 + 1]
        for values in ((a * b.conj()).real, np.abs(a) ** 2, np.abs(b) ** 2)
    ]
    correlation = sums[0] / np.sqrt(np.maximum(sums[1] * sums[2], np.finfo(float).tiny))
    return np.arange(1, n // 2 + 1) / n, correlation


def resolution_px(pairs: list[tuple[Image, Image]]) -> float | None:
    """Return the finest period that two half-scans still share.

    Parameters
    ----------
    pairs : list of (n, n) array pairs
        Slices from alternate views.

    Returns
    -------
    float or None
        Period in pixels at which the mean correlation falls below 1/7 [1]_; 2 where it never does; None where
        nothing is shared.

    References
    ----------
    .. [1] Rosenthal & Henderson, J. Mol. Biol. 333 (2003) 721, doi:10.1016/j.jmb.2003.07.013.
    """
    curves = [ring_correlation(*pair) for pair in pairs]
    if not curves:
        return None
    frequency, mean = curves[0][0], np.mean([curve for _, curve in curves], axis=0)
    smooth = gaussian_filter1d(mean, 1.5, mode="nearest")
    below = np.flatnonzero(smooth < CROSSING)
    if below.size == 0:
        return 2.0
    k = int(below[0])
    if k < 2:
        return None
    part = (smooth[k - 1] - CROSSING) / (smooth[k - 1] - smooth[k])
    return float(1 / (frequency[k - 1] + part * (frequency[k] - frequency[k - 1])))


def rings_of_halves(first: Image, second: Image) -> float:
    """Return the strength of rings about the axis: what sectors of two half-scans share of the mean round it.

    Noise differs between halves and sectors, and so does what the object has at one radius; a ring goes all the
    way round. Features wider than `RING_WIDTH` and steep walls are left out.

    Parameters
    ----------
    first, second : (n, n) array
        The same slice from alternate views, the axis in its middle, in cm^-1.

    Returns
    -------
    float
        Standard deviation over the radius, in cm^-1.
    """
    fine, kept = zip(*(_sector_profiles(image) for image in (first, second)), strict=True)
    others = 1 - np.eye(SECTORS)
    pairs = np.einsum("kr,kl,lr->", fine[0], others, fine[1])
    count = np.einsum("kr,kl,lr->", kept[0], others, kept[1])
    return float(np.sqrt(max(pairs / count, 0.0))) if count > 0 else 0.0


def _sector_profiles(image: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Narrow features of the mean over each sector, by radius; and 1 where no wall stands, 0 elsewhere."""
    n = image.shape[0]
    away = np.arange(n) - (n - 1) / 2
    radius = np.rint(np.hypot(away[:, None], away)).astype(int)
    angle = np.arctan2(away[:, None], away)
    sector = np.minimum((angle + np.pi) / (2 * np.pi) * SECTORS, SECTORS - 1).astype(int)
    last = max(int(IN_VIEW * n / 2), 2 * RING_WIDTH)
    place = (sector * (radius.max() + 1) + radius).ravel()
    size = SECTORS * (radius.max() + 1)
    sums = np.bincount(place, image.ravel().astype(np.float64), size).reshape(SECTORS, -1)[:, :last]
    count = np.bincount(place, minlength=size).reshape(SECTORS, -1)[:, :last]
    profile = sums / np.maximum(count, 1)
    smooth = median_filter(profile, (1, RING_WIDTH), mode="nearest")
    fine = profile - smooth
    reach = RING_WIDTH - 1
    padded = np.pad(smooth, ((0, 0), (reach, reach)), mode="edge")
    rise = np.abs(padded[:, 2 * reach :] - padded[:, : -2 * reach])
    kept = rise < max(6 * 1.4826 * float(np.median(np.abs(fine[:, RING_WIDTH:]))), 1e-6)
    kept[:, :RING_WIDTH] = False  # few pixels make the mean there
    return fine * kept, kept.astype(np.float64)


def edge_sharpness(image: Image, *, noise: float) -> Sharpness | None:
    """Measure the blur of the steepest edges of a slice.

    Profiles across the edges are scaled to steps from 0 to 1, laid over one another at their halves and
    averaged; a Gaussian of the width between 10 and 90 % is its blur.

    Parameters
    ----------
    image : (n, n) array
        A slice, in cm^-1.
    noise : float
        Standard deviation of a voxel, in cm^-1; weaker steps than six of it are passed over.

    Returns
    -------
    Sharpness or None
        None where there are too few clear edges.
    """
    smooth = gaussian_filter(image, 1.0)
    dy, dx = np.gradient(smooth)
    slope = np.hypot(dy, dx)
    inside = _view(image.shape, margin=EDGE_REACH + 2)
    if not inside.any() or not slope[inside].max() > 0:
        return None
    y, x = np.nonzero(inside & (slope >= DEEP * np.percentile(slope[inside], 99.8)))
    uy, ux = dy[y, x] / slope[y, x], dx[y, x] / slope[y, x]
    ahead = map_coordinates(slope, [y + uy, x + ux], order=1)
    behind = map_coordinates(slope, [y - uy, x - ux], order=1)
    top = np.flatnonzero((slope[y, x] >= ahead) & (slope[y, x] >= behind))
    if top.size > MOST_EDGES:
        top = top[np.linspace(0, top.size - 1, MOST_EDGES).round().astype(int)]
    along = np.arange(-EDGE_REACH, EDGE_REACH + EDGE_STEP / 2, EDGE_STEP)
    places = [y[top, None] + uy[top, None] * along, x[top, None] + ux[top, None] * along]
    profiles = map_coordinates(np.asarray(image, np.float64), places, order=3, mode="nearest")
    kept = _aligned_steps(profiles, along, noise)
    if len(kept) < LEAST_EDGES:
        return None
    mean = np.median(kept, axis=0)
    inner = along[np.abs(along) <= EDGE_REACH / 2]
    width = _crossing(mean, inner, 0.9) - _crossing(mean, inner, 0.1)
    return Sharpness(width / 2.5631, width, len(kept))


def _aligned_steps(profiles: NDArray[np.float64], along: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
    """Scale clear steps to 0 .. 1 and shift their halves to the middle; others are left out."""
    far = np.abs(along) >= 0.7 * EDGE_REACH
    low, high = profiles[:, far & (along < 0)], profiles[:, far & (along > 0)]
    step = high.mean(axis=1) - low.mean(axis=1)
    even = np.maximum(np.ptp(low, axis=1), np.ptp(high, axis=1)) < 0.25 * step + 4 * noise
    clear = (step > CLEAR_EDGE * noise) & even & (step > 0)
    scaled = (profiles[clear] - low[clear].mean(axis=1, keepdims=True)) / step[clear, None]
    quiet = gaussian_filter1d(scaled, 1.0 / EDGE_STEP, axis=1)
    wanted = along[np.abs(along) <= EDGE_REACH / 2]
    kept = []
    for profile, smooth in zip(scaled, quiet, strict=True):
        above = np.flatnonzero((smooth[1:] >= 0.5) & (smooth[:-1] < 0.5))
        if above.size != 1:
            continue
        k = int(above[0])
        half = along[k] + EDGE_STEP * (0.5 - smooth[k]) / (smooth[k + 1] - smooth[k])
        if abs(half) < 2:
            kept.append(np.interp(wanted + half, along, profile))
    return np.array(kept).reshape(-1, wanted.size)


def _crossing(profile: NDArray[np.float64], along: NDArray[np.float64], level: float) -> float:
    """Place at which a rising profile passes a level, counted from the middle outwards."""
    middle = along.size // 2
    if level > 0.5:
        k = middle + int(np.argmax(profile[middle:] >= level))
        k = max(k, 1)
        low, high = k - 1, k
    else:
        k = middle - int(np.argmax(profile[middle::-1] <= level))
        low, high = k, min(k + 1, along.size - 1)
    rise = profile[high] - profile[low]
    part = (level - profile[low]) / rise if rise > 0 else 0.0
    return float(along[low] + np.clip(part, 0, 1) * (along[high] - along[low]))


def _view(shape: tuple[int, ...], margin: float = 0.0) -> NDArray[np.bool_]:
    """The round view, without its rim."""
    n = shape[0]
    away = np.arange(n) - (n - 1) / 2
    inside: NDArray[np.bool_] = np.hypot(away[:, None], away) < IN_VIEW * n / 2 - margin
    return inside
