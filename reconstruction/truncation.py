"""Projections that the detector cuts off: carried on to the outer radius of the object, so that µ inside is right."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace, to_host

Samples = NDArray[np.floating]

AIR_LEVEL = 0.01  # of the strongest line integral: edges below it are not truncated
CELL_LEVEL = 0.35  # of the strongest line integral: edges above it cut the cell itself, not a tube round it
POOR_FIT = 0.02  # of the edge's line integral: residual beyond which the fitted radius is not believed
WINDOWS = (6, 9, 13, 19, 28)  # columns at an edge that a cylinder is fitted to: the wall may be no wider
ROUNDING = 1e-4  # of the edge's line integral: misfit that means nothing
REACH = np.geomspace(1.003, 4.0, 400)  # outer radii tried, in units of the view's half width
BLIND_REACH = 1.25  # the outer radius assumed where the edge tells nothing of it, in units of the view's half width
BORE = np.linspace(0.0, 0.98, 50)  # bores tried, as shares of the way from the view's edge to the outer radius


@dataclass(frozen=True)
class Extension:
    """Sinograms carried on beyond the detector.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols + left_px + right_px) array of float32
        Line integrals; the measured columns are untouched.
    centre_px : float
        Column of the rotation axis in them, as a pixel-centre index.
    left_px : int
        Columns added at the left.
    right_px : int
        Columns added at the right.
    outer_radius_px : float
        Radius at which the object was taken to end, in pixels.
    biased : bool
        True if that radius is a guess: µ may be off by a slowly varying amount.
    """

    sinograms: Array
    centre_px: float
    left_px: int
    right_px: int
    outer_radius_px: float
    biased: bool


def extend(
    sinograms: Array,
    *,
    centre_px: float,
    outer_radius_px: float | None = None,
    mu_per_px: float | None = None,
) -> Extension:
    """Carry truncated projections on to where the object ends.

    The object is taken to end in a cylinder about the axis [1]_. Its radius is given, or follows from the level and
    slope of the outermost columns, averaged over all views: right where a tube's wall is cut. Each view starts from its
    own level at the edge and fades to the cylinder's. Where the edge lies in the bore of a tube, or cuts the cell
    itself, outer radius and µ must be given; otherwise the result is marked `biased`.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array
        Line integrals of all views, dimensionless.
    centre_px : float
        Column of the rotation axis, as a pixel-centre index.
    outer_radius_px : float, optional
        Outer radius of the object, in pixels.
    mu_per_px : float, optional
        µ of the material that is cut, in 1 / pixel (µ in cm^-1 times the pixel in cm); with `outer_radius_px` only.

    Returns
    -------
    Extension
        The same sinograms, with nothing added where they end in air on both sides.

    Raises
    ------
    ValueError
        If the axis is off the detector, the radius is inside the view, or µ is given without a radius.

    References
    ----------
    .. [1] Hsieh, Chao, Thibault et al., Med. Phys. 31 (2004) 2385, doi:10.1118/1.1776673.
    """
    xp = array_namespace(sinograms)
    n_columns = sinograms.shape[2]
    half_widths = (centre_px, n_columns - 1 - centre_px)
    if min(half_widths) <= 0:
        raise ValueError(f"centre_px is {centre_px:g}; the axis must lie within the columns, 0 to {n_columns - 1}")
    if outer_radius_px is None and mu_per_px is not None:
        raise ValueError(f"mu_per_px is {mu_per_px:g} without outer_radius_px; give both, or the radius alone")
    if outer_radius_px is not None and outer_radius_px <= min(half_widths):
        raise ValueError(
            f"outer_radius_px is {outer_radius_px:g}, within the view's {min(half_widths):g} pixels from the axis; "
            "give the radius of the whole object, or leave it out"
        )
    sinograms = sinograms.astype(xp.float32)
    mean = to_host(xp.mean(sinograms, axis=(0, 1), dtype=xp.float64))
    strongest = float(mean.max())
    edge_level = float(max(mean[:3].mean(), mean[-3:].mean()))
    if edge_level <= AIR_LEVEL * strongest and outer_radius_px is None:
        return Extension(sinograms, centre_px, 0, 0, float(min(half_widths)), False)
    edge = _best_edge(mean, centre_px)
    cylinder = edge.cylinder if outer_radius_px is None else _given(outer_radius_px, mu_per_px, edge)
    cuts_cell = edge_level > CELL_LEVEL * strongest
    unsure = edge.near_bore or cuts_cell or (outer_radius_px is None and edge.misfit > POOR_FIT * edge.level[-1])
    biased = mu_per_px is None and unsure
    added = [max(0, math.ceil(cylinder.radius_px - half)) + 1 for half in half_widths]
    edges = [xp.mean(side, axis=2) for side in (sinograms[:, :, :2], sinograms[:, :, -2:])]
    parts = [_carried_on(xp, edge, half, n, cylinder) for edge, half, n in zip(edges, half_widths, added, strict=True)]
    extended = xp.concatenate([parts[0][:, :, ::-1], sinograms, parts[1]], axis=2)
    return Extension(extended, centre_px + added[0], added[0], added[1], cylinder.radius_px, bool(biased))


@dataclass(frozen=True)
class _Cylinder:
    """A cylinder about the axis: radius and bore in pixels (no bore: 0), µ in 1 / pixel."""

    radius_px: float
    bore_px: float
    mu_per_px: float

    def line_integral(self, distance: Samples) -> Samples:
        """Return the line integral at distances from the axis in pixels."""  # numpydoc ignore=PR01,RT01
        return self.mu_per_px * _chord(distance, self.radius_px, self.bore_px)


def _chord(distance: Any, radius: Any, bore: Any) -> Samples:
    """Return the path through a hollow cylinder, in pixels."""
    outer = np.sqrt(np.clip(radius**2 - distance**2, 0, None))
    return 2 * (outer - np.sqrt(np.clip(bore**2 - distance**2, 0, None)))


@dataclass(frozen=True)
class _Edge:
    """Mean projection next to one edge of the view, over the distance from the axis, and the cylinder that fits it."""

    distance: Samples
    level: Samples
    cylinder: _Cylinder
    misfit: float
    near_bore: bool = False  # one of the two edges lies in a bore, if not this one

    @property
    def in_bore(self) -> bool:
        """True if the line integral rises outwards, as it does inside the bore of a tube."""
        return bool(np.polyfit(self.distance, self.level, 1)[0] > 0)


def _best_edge(mean: Samples, centre_px: float) -> _Edge:
    """Fit cylinders to windows of several widths at each edge and at both together; return the surest fit.

    The radius of a fit to m columns is uncertain by their misfit over m^1.5; a window that reaches beyond the wall
    does not fit. An edge that rises outwards has no cylinder: a blind guess takes its place.
    """
    columns, fits = np.arange(mean.size), []
    nearest = min(centre_px, mean.size - 1 - centre_px)
    both = nearest - np.arange(max(WINDOWS))[::-1]
    folded = [np.interp(centre_px + sign * both, columns, mean) for sign in (-1, 1)]
    left, right = (centre_px - columns[::-1], mean[::-1]), (columns - centre_px, mean)
    for distance, level in (left, right, (both, sum(folded) / 2)):
        for width in WINDOWS:
            x, y = distance[-width:], level[-width:]
            fits.append(_Edge(x, y, *_best_on_grid(x, y, x[-1] * REACH, np.zeros(1))))
    best = min(fits, key=lambda fit: (fit.in_bore, _doubt(fit)))
    near_bore = any(fit.in_bore for fit in (fits[1], fits[1 + len(WINDOWS)]))
    if best.in_bore:
        radii = best.distance[-1:] * BLIND_REACH
    else:
        radii = best.cylinder.radius_px * np.linspace(0.99, 1.01, 81)
        radii = radii[radii > best.distance[-1]]
    return _Edge(best.distance, best.level, *_best_on_grid(best.distance, best.level, radii, np.zeros(1)), near_bore)


def _doubt(fit: _Edge) -> float:
    """Return a number that grows with the uncertainty of the fitted radius."""
    return max(fit.misfit, ROUNDING * abs(fit.level[-1])) / fit.level.size**1.5


def _best_on_grid(distance: Samples, level: Samples, radii: Samples, shares: Samples) -> tuple[_Cylinder, float]:
    """Return the cylinder of least misfit, and that misfit; µ follows linearly, a share of 0 stands for no bore."""
    edge = distance[-1]
    bores = np.where(shares > 0, edge + shares * (radii[:, None] - edge), 0.0)
    chords = _chord(distance, radii[:, None, None], bores[:, :, None])
    mu = np.sum(chords * level, axis=2) / np.maximum(np.sum(chords**2, axis=2), 1e-12)
    misfit = np.sqrt(np.mean((mu[:, :, None] * chords - level) ** 2, axis=2))
    i, k = np.unravel_index(np.argmin(misfit), misfit.shape)
    return _Cylinder(float(radii[i]), float(bores[i, k]), float(mu[i, k])), float(misfit[i, k])


def _given(radius: float, mu_per_px: float | None, edge: _Edge) -> _Cylinder:
    """Return the cylinder of a given radius, hollow where the edge lies in its bore.

    With µ the bore follows from the level at the edge; without it both are fitted.
    """
    if mu_per_px is None:
        shares = BORE if edge.in_bore else np.zeros(1)
        return _best_on_grid(edge.distance, edge.level, np.array([radius]), shares)[0]
    outermost = edge.distance[-1]
    missing = math.sqrt(max(radius**2 - outermost**2, 0)) - edge.level[-1] / (2 * mu_per_px)  # half the bore's chord
    hollow = edge.in_bore and missing > 0
    return _Cylinder(radius, math.hypot(missing, outermost) if hollow else 0.0, mu_per_px)


def _carried_on(xp: Any, edge: Array, half_width: float, n_added: int, cylinder: _Cylinder) -> Array:
    """Return `n_added` columns beyond an edge: the cylinder, and the view's own departure from it fading out."""
    distance = half_width + 1 + np.arange(n_added)
    model = cylinder.line_integral(distance)
    start = float(cylinder.line_integral(np.array([half_width - 0.5]))[0])
    fade = np.clip(1 - (distance - half_width) / max(cylinder.radius_px - half_width, 1.0), 0, 1) ** 2
    departure = edge - start
    return xp.asarray(model, dtype=xp.float32) + departure[:, :, None] * xp.asarray(fade, dtype=xp.float32)
