"""Exact sinograms of ellipses, their true image, and how far a reconstruction is from it.

Lengths are in pixels and µ in 1 / pixel: with pixels of 1e4 µm that is cm^-1. The object keeps its
place in the image's pixels whatever column a method rotates about, so one truth serves all methods.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HOST, LOW, MIDDLE = 40.0, 0.1, 1.0
"""µ of a host as dense as indium's alloys, and of what stands for lithium and for xenon in it."""


class Ellipse(NamedTuple):
    """µ added inside, place of the middle from the image's, half axes and their turn, for 1024 columns."""

    mu: float
    x: float
    y: float
    a: float
    b: float
    turn: float = 0.0


DENSE = (
    Ellipse(HOST, 8, -5, 400, 400),
    Ellipse(LOW - HOST, -150, 90, 60, 60),
    Ellipse(MIDDLE - HOST, 170, 60, 50, 50),
    Ellipse(-15, 20, -200, 160, 45, 0.4),
    Ellipse(25, 10, 250, 90, 30, -0.7),
    Ellipse(MIDDLE, -440, -40, 22, 22),
    *(Ellipse(10, -220 + 45 * i, -60, r, r) for i, r in enumerate((2, 3, 4, 6, 8, 12))),
)
"""A dense disc with weak inclusions, an edge in any direction, and grains down to two pixels."""

PLACES = {HOST: (200, -50, 25), LOW: (-150, 90, 35), MIDDLE: (170, 60, 28)}
"""Discs (x, y, radius) of one µ, well inside: where the bias is read."""


def sinogram(n: int, theta: NDArray[np.float64], axis: float) -> NDArray[np.float32]:
    """Line integrals, exact means over the width of detector pixels.

    Parameters
    ----------
    n : int
        Detector columns.
    theta : (n_theta,) array
        Angles in rad.
    axis : float
        Column of the rotation axis, and the index of image pixels where it stands.

    Returns
    -------
    (n_theta, n) array of float32
        Dimensionless.
    """
    total = np.zeros((theta.size, n))
    edges = np.arange(n + 1) - 0.5 - axis
    for mu, x, y, a, b, turn in DENSE:
        a, b = a * n / 1024, b * n / 1024
        x, y = x * n / 1024 + (n - 1) / 2 - axis, y * n / 1024 + (n - 1) / 2 - axis
        reach = np.hypot(a * np.cos(theta - turn), b * np.sin(theta - turn))
        s = (edges - (x * np.cos(theta) + y * np.sin(theta))[:, None]) / reach[:, None]
        s = np.clip(s, -1, 1)
        total += mu * a * b * np.diff(s * np.sqrt(1 - s * s) + np.arcsin(s), axis=1)
    return total.astype(np.float32)


def truth(n: int, parts: int = 8) -> NDArray[np.float64]:
    """Mean µ of every pixel; pixels at an edge are cut in `parts` squared.

    Parameters
    ----------
    n : int
        Rows and columns.
    parts : int
        Cuts along each axis.

    Returns
    -------
    (n, n) array of float64
        In 1 / pixel.
    """
    image = np.zeros((n, n))
    r = np.arange(n) - (n - 1) / 2
    steps = (np.arange(parts) + 0.5) / parts - 0.5
    for mu, x, y, a, b, turn in DENSE:
        a, b, x, y = (length * n / 1024 for length in (a, b, x, y))
        c, s = np.cos(turn), np.sin(turn)

        def square(px, py, x=x, y=y, a=a, b=b, c=c, s=s):
            px, py = px - x, py - y
            return ((px * c + py * s) / a) ** 2 + ((py * c - px * s) / b) ** 2

        q = np.sqrt(square(r[None, :], r[:, None]))
        image += mu * (q < 1)
        rows, columns = np.nonzero(np.abs(q - 1) * min(a, b) < 3)
        px = r[columns][:, None, None] + steps[None, :, None]
        py = r[rows][:, None, None] + steps[None, None, :]
        inside = (square(px, py) < 1).mean(axis=(1, 2))
        image[rows, columns] += mu * (inside - (q[rows, columns] < 1))
    return image


def score(image: NDArray[np.float32], true: NDArray[np.float64]) -> dict[str, float]:
    """Root mean square error in the circle that every view sees, and bias where µ is even.

    Parameters
    ----------
    image : (n, n) array
        Reconstruction in 1 / pixel.
    true : (n, n) array
        What `truth` gives.

    Returns
    -------
    dict
        "rmse", and "bias at" each µ of PLACES, all in 1 / pixel.
    """
    n = image.shape[0]
    r = np.arange(n) - (n - 1) / 2
    error = image.astype(np.float64) - true
    circle = np.hypot(r[None, :], r[:, None]) < 0.48 * n
    found = {"rmse": float(np.sqrt((error[circle] ** 2).mean()))}
    for mu, (x, y, radius) in PLACES.items():
        disc = np.hypot(r[None, :] - x * n / 1024, r[:, None] - y * n / 1024) < radius * n / 1024
        found[f"bias at {mu:g}"] = float(error[disc].mean())
    return found
