"""Random shapes with a seed: rough surfaces, pores, voids, gas pockets."""

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray


def gaussian_field(
    shape: tuple[int, ...], correlation_px: float, generator: np.random.Generator, *, dtype: type = np.float64
) -> NDArray[Any]:
    """Return a stationary Gaussian random field of mean 0 and standard deviation 1.

    White noise filtered in Fourier space [1]_, so that the autocorrelation is `exp(-(r / correlation_px)^2)`;
    the field is periodic over a margin of three correlation lengths that is cut off.

    Parameters
    ----------
    shape : tuple of int
        Size in each direction.
    correlation_px : float
        Distance in pixels at which the autocorrelation has fallen to 1/e, above 0.
    generator : numpy.random.Generator
        Source of the noise.
    dtype : type
        numpy.float64, or numpy.float32 to save memory.

    Returns
    -------
    numpy.ndarray of `dtype`
        The field, dimensionless.

    Raises
    ------
    ValueError
        If the correlation length is not above 0.

    References
    ----------
    .. [1] Lang & Potthoff, Monte Carlo Methods and Applications 17 (2011) 195-214.
    """
    if not correlation_px > 0:
        raise ValueError(f"correlation length is {correlation_px} pixels; give more than 0")
    padded = [scipy.fft.next_fast_len(n + int(np.ceil(3 * correlation_px)), real=True) for n in shape]
    spectrum = scipy.fft.rfftn(generator.standard_normal(padded, dtype=dtype))
    power = 1.0
    for axis, n in enumerate(padded):
        frequency = scipy.fft.rfftfreq(n) if axis == len(padded) - 1 else scipy.fft.fftfreq(n)
        # A Gaussian of width correlation / 2 folded with itself has the width of the autocorrelation.
        response = np.exp(-0.5 * (np.pi * correlation_px * frequency) ** 2)
        full = np.exp(-((np.pi * correlation_px * scipy.fft.fftfreq(n)) ** 2))
        spectrum *= response.astype(dtype).reshape([-1 if a == axis else 1 for a in range(len(padded))])
        power *= full.mean()
    field = scipy.fft.irfftn(spectrum, s=padded, overwrite_x=True)[tuple(slice(n) for n in shape)]
    field /= dtype(np.sqrt(power))
    return field


def pores(shape: tuple[int, ...], porosity: float, size_px: float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return the pores of a random porous body: the lowest part of a Gaussian field.

    Parameters
    ----------
    shape : tuple of int
        Size in each direction.
    porosity : float
        Share of the volume that is pore, 0 to 1, dimensionless; met on average.
    size_px : float
        Correlation length of the field in pixels, about the width of a pore.
    generator : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    numpy.ndarray of bool
        True in pores.

    Raises
    ------
    ValueError
        If the porosity is not between 0 and 1.
    """
    from scipy.special import ndtri

    if not 0 <= porosity < 1:
        raise ValueError(f"porosity is {porosity}; give a share from 0 to below 1")
    if porosity == 0:
        return np.zeros(shape, dtype=bool)
    return gaussian_field(shape, size_px, generator, dtype=np.float32) < np.float32(ndtri(porosity))


def lenses(
    n: int,
    centres_px: NDArray[np.float64],
    radii_px: NDArray[np.float64],
    heights_px: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the height of flat paraboloid pockets over a square, the highest where they overlap.

    Parameters
    ----------
    n : int
        Pixels along an edge.
    centres_px : (m, 2) array
        y and x of each pocket's middle, in pixels from the middle of the square.
    radii_px : (m,) array
        Radius of each pocket in pixels.
    heights_px : (m,) array
        Height in the middle of each pocket, in pixels.

    Returns
    -------
    (n, n) array of float64
        Height in pixels, 0 outside the pockets.
    """
    offset = np.arange(n) - (n - 1) / 2
    result = np.zeros((n, n))
    for (y, x), radius, height in zip(centres_px, radii_px, heights_px, strict=True):
        squared = (offset[:, None] - y) ** 2 + (offset[None, :] - x) ** 2
        np.maximum(result, height * (1 - squared / radius**2), out=result)
    return result


def points_in_disc(count: int, radius: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return points drawn evenly over a disc.

    Parameters
    ----------
    count : int
        How many.
    radius : float
        Radius of the disc, in any unit.
    generator : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    (count, 2) array of float64
        y and x from the middle, in the unit of `radius`.
    """
    r, angle = radius * np.sqrt(generator.random(count)), 2 * np.pi * generator.random(count)
    return np.stack([r * np.sin(angle), r * np.cos(angle)], axis=1)


def ball_offsets(radius_px: float) -> NDArray[np.int64]:
    """Return the voxels of a ball around a voxel, the nearest first.

    Parameters
    ----------
    radius_px : float
        Radius in voxels; the middle voxel is always part of the ball.

    Returns
    -------
    (n, 3) array of int64
        Offsets along z, y and x.
    """
    reach = np.arange(-int(radius_px), int(radius_px) + 1)
    offsets = np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), axis=-1).reshape(-1, 3)
    squared = (offsets**2).sum(axis=1)
    order = np.argsort(squared, kind="stable")
    return offsets[order][squared[order] <= max(radius_px, 0.5) ** 2]


def random_rotation(generator: np.random.Generator) -> NDArray[np.float64]:
    """Return a rotation drawn evenly from all rotations.

    Parameters
    ----------
    generator : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    (3, 3) array of float64
        Rotation matrix.
    """
    w, x, y, z = generator.standard_normal(4)
    norm = w * w + x * x + y * y + z * z
    return np.eye(3) + 2 / norm * np.array(
        [
            [-(y * y + z * z), x * y - z * w, x * z + y * w],
            [x * y + z * w, -(x * x + z * z), y * z - x * w],
            [x * z - y * w, y * z + x * w, -(x * x + y * y)],
        ]
    )


def coarse_field(shape: tuple[int, ...], correlation_px: float, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return a smooth Gaussian field that is drawn on a coarser grid and interpolated, to save memory.

    Parameters
    ----------
    shape : tuple of int
        Size in each direction.
    correlation_px : float
        Correlation length in pixels, above 0.
    generator : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    numpy.ndarray of float32
        The field, of mean 0 and standard deviation close to 1.
    """
    step = max(1, int(correlation_px / 2))
    small = tuple(-(-n // step) + 1 for n in shape)
    field = gaussian_field(small, correlation_px / step, generator, dtype=np.float32)
    for axis, n in enumerate(shape):
        place = np.arange(n) / step
        left = place.astype(np.int64)
        share = (place - left).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(len(shape))])
        low = field.take(left, axis=axis)
        field = low + share * (field.take(np.minimum(left + 1, small[axis] - 1), axis=axis) - low)
    return field


def carve_ellipsoid(
    labels: NDArray[np.uint8],
    centre: NDArray[np.float64],
    semi_axes: NDArray[np.float64],
    *,
    host: int,
    code: int,
    rotation: NDArray[np.float64] | None = None,
) -> int:
    """Replace one tissue by another within an ellipsoid, in place.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Labels of a cell.
    centre : (3,) array
        z, y and x of the middle, as voxel indices.
    semi_axes : (3,) array
        Half axes along z, y and x before the rotation, in voxels, above 0.
    host : int
        Only voxels with this label change.
    code : int
        What they become.
    rotation : (3, 3) array, optional
        Rotation from the ellipsoid's axes to z, y and x.

    Returns
    -------
    int
        How many voxels changed.
    """
    turn = np.eye(3) if rotation is None else rotation
    reach = np.sqrt((turn * semi_axes) ** 2 @ np.ones(3))
    low = np.maximum(np.ceil(centre - reach).astype(int), 0)
    high = np.minimum(np.floor(centre + reach).astype(int) + 1, labels.shape)
    if np.any(high <= low):
        return 0
    grids = np.ogrid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    offset = [g - c for g, c in zip(grids, centre, strict=True)]
    distance = sum((sum(turn[k, axis] * offset[k] for k in range(3)) / semi_axes[axis]) ** 2 for axis in range(3))
    box = labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    hit = (distance < 1) & (box == host)
    box[hit] = code
    return int(hit.sum())
