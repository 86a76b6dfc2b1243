"""Surfaces of the layers: where a phase begins and ends in each column, and the smooth surface through it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..materials import Phase
from .stack import Stack

TUKEY = 4.685
"""Residuals beyond so many standard deviations carry no weight (biweight of 95 % efficiency)."""

SHARE = 0.3
"""At least this share of the columns must follow the surface; the others may lie anywhere."""

SHARE_TO_STD = 1 / 0.38532
"""From the 0.3 quantile of absolute residuals to the standard deviation of a normal distribution."""

WINDOW = 2.5
WINDOW_TO_STD = 0.9545
"""Standard deviation of a normal distribution cut off at 2.5 of its own."""

DRAWS = {1: 300, 2: 2000}
SAMPLE = 2000
ITERATIONS = 100
LEAST_STD_PX = 0.5
"""Heights are whole voxels: the fit must see across a step of one, or it locks onto a terrace."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A plane or a parabolic surface over the columns of a map.

    Parameters
    ----------
    coefficients : (3,) or (6,) array of float64
        Of 1, v, u (and v^2, u v, u^2), in pixels along the stack; v and u run from -1 to 1 across the rows and
        columns of the map.
    shape : tuple of int
        Rows and columns of the map.
    std_px : float
        Robust standard deviation of the columns about the surface, in pixels: roughness and noise.
    inlier_share : float
        Share of the columns that follow the surface, dimensionless.
    """

    coefficients: NDArray[np.float64]
    shape: tuple[int, int]
    std_px: float
    inlier_share: float

    def heights_px(self) -> NDArray[np.float64]:
        """Return the surface on the map.

        Returns
        -------
        (n_y, n_x) array of float64
            Pixel-centre index along the stack, counted from the anode.
        """
        rows, columns = np.indices(self.shape).reshape(2, -1)
        terms = _terms(rows, columns, self.shape, self.coefficients.size)
        return (terms @ self.coefficients).reshape(self.shape)

    def slope(self) -> tuple[float, float]:
        """Return how steeply the surface rises at the middle of the map.

        Returns
        -------
        tuple of float
            Pixels along the stack per pixel along the rows and columns.
        """
        half = [(n - 1) / 2 or 1.0 for n in self.shape]
        return float(self.coefficients[1] / half[0]), float(self.coefficients[2] / half[1])


def column_limits(
    stack: Stack, phase: Phase, *, start: int = 0, stop: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the first and the last voxel of a phase in each column.

    Parameters
    ----------
    stack : Stack
        Labels seen from the anode.
    phase : Phase
        What to look for.
    start : int
        First plane to look at, counted from the anode.
    stop : int, optional
        One past the last plane to look at.

    Returns
    -------
    first, last : (n_y, n_x) array of float64
        Indices counted from the anode; NaN where the phase is not in the column.
    """
    first = np.full(stack.shape, np.nan)
    last = np.full(stack.shape, np.nan)
    for index, slab in stack.slabs(start, stop):
        is_phase = slab == phase
        found = is_phase.any(axis=0)
        fresh = found & np.isnan(first)
        first[fresh] = index + is_phase.argmax(axis=0)[fresh]
        last[found] = index + slab.shape[0] - 1 - is_phase[::-1].argmax(axis=0)[found]
    return first, last


def fit_surface(heights_px: NDArray[np.float64], *, degree: int = 1, seed: int = 0) -> Surface:
    """Fit a smooth surface that ignores dents, holes and growths.

    A start by least quantile of squares [1]_, which holds as long as three columns in ten follow the surface,
    then re-weighted least squares with Tukey's biweight [2]_. The smallest quantile and not the median is taken
    because a mass of lithium may lie under more than half of an electrolyte that is intact elsewhere.

    Parameters
    ----------
    heights_px : (n_y, n_x) array
        Height of each column, in pixels; NaN where unknown.
    degree : int
        1 for a plane, 2 for a parabolic surface of a bent collector.
    seed : int
        Of the random start.

    Returns
    -------
    Surface
        With its robust scatter.

    Raises
    ------
    ValueError
        If the degree is neither 1 nor 2, or fewer columns are known than the surface has coefficients.

    References
    ----------
    .. [1] Rousseeuw, J. Am. Stat. Assoc. 79, 871 (1984).
    .. [2] Beaton & Tukey, Technometrics 16, 147 (1974).
    """
    if degree not in (1, 2):
        raise ValueError(f"degree is {degree}; fit a plane (1) or a parabolic surface (2)")
    shape = (heights_px.shape[0], heights_px.shape[1])
    known = np.isfinite(heights_px)
    size = 3 if degree == 1 else 6
    if known.sum() < size:
        raise ValueError(f"{int(known.sum())} columns show the surface; {size} are needed to fit degree {degree}")
    rows, columns = np.nonzero(known)
    terms, heights = _terms(rows, columns, shape, size), heights_px[known]
    coefficients = _least_quantile(terms, heights, DRAWS[degree], np.random.default_rng(seed))
    std = float("inf")
    for _ in range(ITERATIONS):
        residual = heights - terms @ coefficients
        std = max(_spread(residual, std), LEAST_STD_PX)
        weight = np.square(np.clip(1 - np.square(residual / (TUKEY * std)), 0, None))
        normal = terms.T @ (terms * weight[:, None])
        updated = np.linalg.lstsq(normal, terms.T @ (weight * heights), rcond=None)[0]
        if np.abs(updated - coefficients).max() < 1e-6:
            break
        coefficients = updated
    residual = heights - terms @ coefficients
    follows = np.abs(residual) <= TUKEY * std
    scatter = float(np.sqrt(np.mean(np.square(residual[follows])))) if follows.any() else std
    return Surface(coefficients, shape, scatter, float(follows.mean()))


def _terms(rows: NDArray[np.intp], columns: NDArray[np.intp], shape: tuple[int, int], size: int) -> NDArray[np.float64]:
    """Polynomial terms of each column; coordinates run from -1 to 1, and are 0 along a map of one row or column."""
    v, u = ((2 * index - (n - 1)) / max(n - 1, 1) for index, n in zip((rows, columns), shape, strict=True))
    terms = [np.ones(v.shape), v, u, v * v, u * v, u * u]
    return np.stack(terms[:size], axis=1)


def _spread(residual: NDArray[np.float64], before: float) -> float:
    """Standard deviation of what follows the surface; it never grows, or the fit would run off with the rest."""
    std = min(before, SHARE_TO_STD * float(np.quantile(np.abs(residual), SHARE)))
    within = np.square(residual[np.abs(residual) <= WINDOW * max(std, LEAST_STD_PX)])
    return min(std, float(np.sqrt(within.mean())) / WINDOW_TO_STD) if within.size else std


def _least_quantile(
    terms: NDArray[np.float64], heights: NDArray[np.float64], draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Of many surfaces through few columns each, the one that three columns in ten come nearest to."""
    chosen = rng.permutation(heights.size)[:SAMPLE]
    terms, heights = terms[chosen], heights[chosen]
    best = np.zeros(terms.shape[1])
    best[0] = np.median(heights)
    least = float(np.quantile(np.abs(heights - best[0]), SHARE))
    for _ in range(draws):
        few = rng.choice(heights.size, terms.shape[1])
        trial = np.linalg.lstsq(terms[few], heights[few], rcond=None)[0]
        quantile = float(np.quantile(np.abs(heights - terms @ trial), SHARE))
        if quantile < least:
            best, least = trial, quantile
    return best
