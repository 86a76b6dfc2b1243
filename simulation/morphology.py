"""Random shapes with a seed: gas pockets, places, turns."""

import numpy as np
from numpy.typing import NDArray


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
