"""Physics thresholds: the record of what a scan says each phase reads, and its use slab by slab."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array, array_namespace
from ..materials import Phase
from .bore import Bore
from .calibration import Calibration
from .contrast import Contrast
from .filters import dilate, erode, gaussian_within, specks
from .layout import CellLayout
from .surfaces import Surface
from .unmixing import shares, unmixing_matrix

HALO_VOXELS = 24
"""Rows that a slab must bring on either side of the rows that are kept."""

BAND_VOXELS = 3
"""Within this of lithium's surface a voxel's share of lithium is measured; further off it is 1 or 0."""

BODY_PX = 3.0
"""Width of the Gaussian over which a dark body in the electrolyte is asked for its xenon, in voxels."""

DOUBT = 2.0
"""Standard deviations by which a body must lack xenon before it is called lithium."""

SPECK_VOXELS = 12
SPECK_ROWS = 5

WALL_VOXELS = 1.5
"""Width of the rim of the bore into which the casing is blurred."""


@dataclass(frozen=True)
class Thresholds:
    """All that is needed to label a slab; every number comes from the scan or from tables, none from a hand.

    Parameters
    ----------
    layout : CellLayout
        Phases of the cell and their order.
    voxel_um : float
        Edge of a voxel, in µm.
    bore : Bore
        Axis and radius of the bore, in voxels.
    collector, electrolyte : Surface or None
        Surfaces that face the lithium; None where the cell has no such layer or it is out of view.
    levels : mapping of str to mapping of Phase to float
        For each scan ("argon", "xenon") the µ that each phase reads in it, in cm^-1.
    noise_per_cm : mapping of str to float
        Standard deviation of µ in a voxel of the light rows, for each scan, in cm^-1.
    dense_noise_per_cm : mapping of str to float
        The same in the rows of the electrolyte; empty where there are none.
    smoothing_px : float
        Standard deviation of the Gaussian before labelling, in voxels; sums are taken without it.
    film_depth : float or None
        Distance from the collector's surface, in rows, at which half of the bore is lithium; None without a film.
    film_roughness : float
        Distance, in rows, over which lithium's share of the bore falls from 0.9 to 0.5.
    separability : tuple of Contrast
        For each pair of phases, after smoothing, whether this scan can tell them apart.
    calibration : mapping of str to Calibration
        For each scan, how references at known places tie its µ to the expected one.
    notes : tuple of str
        What a reader of the labels must know, in plain sentences.
    """

    layout: CellLayout
    voxel_um: float
    bore: Bore
    collector: Surface | None
    electrolyte: Surface | None
    levels: Mapping[str, Mapping[Phase, float]]
    noise_per_cm: Mapping[str, float]
    dense_noise_per_cm: Mapping[str, float]
    smoothing_px: float
    film_depth: float | None = None
    film_roughness: float = 0.0
    separability: tuple[Contrast, ...] = ()
    calibration: Mapping[str, Calibration] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def scans(self) -> tuple[str, ...]:
        """Names of the scans, in the order in which slabs are given."""
        return tuple(self.levels)

    def matrix(self, *phases: Phase) -> np.ndarray:
        """Return the map from µ to shares of the given phases.

        Parameters
        ----------
        *phases : Phase
            At most one more than there are scans.

        Returns
        -------
        (n_phases, n_scans + 1) array
            See `unmixing_matrix`.
        """
        levels = np.array([[self.levels[scan][phase] for phase in phases] for scan in self.scans])
        return unmixing_matrix(levels, np.array([self.noise_per_cm[scan] for scan in self.scans]))

    @property
    def light_phases(self) -> tuple[Phase, ...]:
        """Phases told apart by grey value between collector and electrolyte; lithium comes first."""
        carbon = (Phase.CARBON,) if self.layout.has_carbon else ()
        if "xenon" not in self.scans:
            return (Phase.LITHIUM, *carbon)
        if len(self.scans) == 1 and carbon:
            return (Phase.LITHIUM, Phase.CARBON)
        return (Phase.LITHIUM, *carbon, Phase.VOID)


def apply(thresholds: Thresholds, argon: Array | None, xenon: Array | None, z0: int) -> tuple[Array, Array]:
    """Label a slab, and measure the share of lithium in each voxel.

    Labels follow the phase with the largest share after smoothing. Shares of lithium are 1 well inside
    lithium and 0 well outside; within `BAND_VOXELS` of its surface they are the unconstrained, unsmoothed
    estimate, negative values kept, so that sums over columns are free of bias.

    Parameters
    ----------
    thresholds : Thresholds
        From `prepare`.
    argon, xenon : (n_z, n_y, n_x) array or None
        µ in cm^-1, with `HALO_VOXELS` rows more on either side than are wanted, where the volume has them;
        None for the scan that was not made.
    z0 : int
        Row of the volume at which the slab starts.

    Returns
    -------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`.
    lithium : (n_z, n_y, n_x) array of float32
        Share of lithium, dimensionless; NaN outside the bore.

    Raises
    ------
    ValueError
        If the scans given are not those that `thresholds` was prepared from, or their shapes differ.
    """
    given = {"argon": argon, "xenon": xenon}
    found = {name: slab for name, slab in given.items() if slab is not None}
    if set(found) != set(thresholds.scans):
        raise ValueError(
            f"slabs of {list(found)} were given, thresholds are for {thresholds.scans}; give the same scans"
        )
    slabs = [found[name] for name in thresholds.scans]
    if len({tuple(slab.shape) for slab in slabs}) != 1:
        raise ValueError(f"slabs have shapes {[tuple(s.shape) for s in slabs]}; register them to one grid first")
    xp = array_namespace(*slabs)
    place = _Place(thresholds, slabs[0].shape, z0, xp)
    labels = _labels(thresholds, slabs, place)
    lithium = _lithium(thresholds, slabs, labels, place)
    _continue_to_wall(thresholds.bore, labels, lithium)
    return _finished(thresholds, labels, lithium, place)


class _Place:
    """Where the voxels of a slab lie in the cell."""

    def __init__(self, t: Thresholds, shape: tuple[int, int, int], z0: int, xp) -> None:  # type: ignore[no-untyped-def]
        self.xp = xp
        self.shape = shape
        self.rows = xp.asarray(np.arange(z0, z0 + shape[0], dtype=np.float64))[:, None, None]
        self.radius = xp.asarray(t.bore.distance(*shape[1:]))[None]
        self.bore = self.radius <= t.bore.radius_px
        self.inner = self.radius <= t.bore.radius_px - WALL_VOXELS
        never = xp.full(self.rows.shape, -np.inf)
        self.in_collector = never if t.collector is None else t.collector.depth(self.rows)
        self.in_electrolyte = never if t.electrolyte is None else t.electrolyte.depth(self.rows)
        self.beside_electrolyte = never > 0 if t.electrolyte is None else self.in_electrolyte > -t.electrolyte.guard
        self.deep_electrolyte = never > 0 if t.electrolyte is None else self.in_electrolyte > t.electrolyte.settled
        guard = 0 if t.collector is None else t.collector.guard
        self.clean = self.in_collector < -guard - 0.5
        """Rows that the collector does not touch."""


def _continue_to_wall(bore: Bore, *volumes: Array) -> None:
    """Give columns that the casing blurs into the values of those further in, in place."""
    n_y, n_x = volumes[0].shape[1:]
    radius = bore.distance(n_y, n_x)
    y, x = np.nonzero((radius > bore.radius_px - WALL_VOXELS) & (radius <= bore.radius_px))
    inwards = (bore.radius_px - WALL_VOXELS - 0.75) / np.maximum(radius[y, x], 1.0)
    from_y = np.clip(np.rint(bore.y + (y - bore.y) * inwards).astype(int), 0, n_y - 1)
    from_x = np.clip(np.rint(bore.x + (x - bore.x) * inwards).astype(int), 0, n_x - 1)
    for volume in volumes:
        volume[:, y, x] = volume[:, from_y, from_x]


def _labels(t: Thresholds, slabs: list[Array], place: _Place) -> Array:
    xp = place.xp
    mask = xp.broadcast_to(place.inner & place.clean, place.shape)
    light = t.light_phases
    ceiling = {s: max(t.levels[s][p] for p in light) + 6.0 * t.noise_per_cm[s] for s in t.scans}
    smooth = [
        gaussian_within(xp.minimum(slab, np.float32(ceiling[s])), mask, t.smoothing_px)
        for s, slab in zip(t.scans, slabs, strict=True)
    ]
    share = xp.stack(shares(t.matrix(*light), smooth))
    codes = xp.asarray([int(phase) for phase in light], dtype=xp.uint8)
    labels = codes[xp.argmax(share, axis=0)]
    dense = _dense(t, slabs, mask, place)
    if light == (Phase.LITHIUM, Phase.CARBON) and t.scans == ("xenon",):
        labels = xp.where((labels == Phase.CARBON) & _within_film(t, place), xp.uint8(Phase.VOID), labels)
    labels = _without_specks(labels, share, codes, mask & ~place.deep_electrolyte)
    labels = xp.where(dense, xp.uint8(Phase.ELECTROLYTE), labels)
    if bool(place.deep_electrolyte.any()):
        labels = _in_electrolyte(t, slabs, labels, mask, place)
    return _beside_collector(labels, place)


def _within_film(t: Thresholds, place: _Place) -> Array:
    """Rows between collector and the even part of the film, where what looks like carbon is a void."""
    if t.film_depth is None or t.collector is None:
        return place.rows < -np.inf
    return -place.in_collector < t.film_depth - t.film_roughness


def _dense(t: Thresholds, slabs: list[Array], mask: Array, place: _Place) -> Array:
    """Electrolyte: above half-way in µ, or near its flat surface above the µ of a row that it half covers."""
    xp = place.xp
    if t.electrolyte is None or not bool(place.beside_electrolyte.any()):
        return xp.zeros(place.shape, dtype=bool)
    chord_cm = np.pi / 4 * 2 * t.bore.radius_px * t.voxel_um * 1e-4
    above = xp.zeros(place.shape, dtype=xp.float32)
    for scan, slab in zip(t.scans, slabs, strict=True):
        dense, light = (t.levels[scan][p] for p in (Phase.ELECTROLYTE, t.light_phases[-1]))
        halfway = 0.5 * (dense + light)
        step = -np.log(0.5 + 0.5 * np.exp(-(dense - light) * chord_cm)) / chord_cm
        near = place.beside_electrolyte & ~place.deep_electrolyte
        threshold = xp.where(near, np.float32(light + step), np.float32(halfway))
        above += (gaussian_within(slab, mask, t.smoothing_px) - threshold) / (dense - light)
    return above > 0


def _in_electrolyte(t: Thresholds, slabs: list[Array], labels: Array, mask: Array, place: _Place) -> Array:
    """Dark bodies deep in the electrolyte: void, or lithium where xenon stays out of them beyond doubt."""
    xp = place.xp
    deep = place.deep_electrolyte & mask
    dark = deep & (labels != Phase.ELECTROLYTE)
    dark &= ~specks(dark, smallest=SPECK_VOXELS, extent=SPECK_ROWS)
    labels = xp.where(deep, xp.uint8(Phase.ELECTROLYTE), labels)
    if len(slabs) == 1 or not bool(dark.any()):
        return xp.where(dark, xp.uint8(t.layout.dark_in_electrolyte), labels)
    argon, xenon = (t.levels[scan] for scan in ("argon", "xenon"))
    contrast = xenon[Phase.VOID] - argon[Phase.VOID]
    # A small body is blurred: how dark it is tells how much of each voxel is open.
    opened = (argon[Phase.ELECTROLYTE] - slabs[0]) / (argon[Phase.ELECTROLYTE] - argon[Phase.LITHIUM])
    uptake = gaussian_within(slabs[1] - slabs[0], dark, BODY_PX)
    expected = contrast * gaussian_within(opened, dark, BODY_PX)
    seen = gaussian_within(dark.astype(xp.float32), mask, BODY_PX)
    white = 1.0 / (8.0 * np.pi**1.5 * BODY_PX**3)
    noise = math.hypot(*t.dense_noise_per_cm.values()) * xp.sqrt(white / xp.maximum(seen, 1e-3))
    lithium = uptake + np.float32(DOUBT) * noise < 0.5 * expected
    return xp.where(dark, xp.where(lithium, xp.uint8(Phase.LITHIUM), xp.uint8(Phase.VOID)), labels)


def _without_specks(labels: Array, share: Array, codes: Array, mask: Array) -> Array:
    """Give specks of a light phase to the runner-up of the light phases."""
    xp = array_namespace(labels)
    for index in range(codes.shape[0] if codes.shape[0] > 1 else 0):
        small = specks((labels == codes[index]) & mask, smallest=SPECK_VOXELS, extent=SPECK_ROWS)
        if bool(small.any()):
            rest = xp.where(xp.arange(codes.shape[0])[:, None] == index, -np.inf, share[:, small])
            labels[small] = codes[xp.argmax(rest, axis=0)]
    return labels


def _beside_collector(labels: Array, place: _Place) -> Array:
    """Continue the last clean row into the rows that the collector shades."""
    rows = place.clean[:, 0, 0]
    shaded = ~rows & (place.in_collector[:, 0, 0] < 0.5)
    if not bool(shaded.any()) or not bool(rows.any()):
        return labels
    clean = place.xp.nonzero(rows)[0]
    downwards = bool(place.in_collector[0, 0, 0] > place.in_collector[-1, 0, 0])
    labels[shaded] = labels[int(clean[0] if downwards else clean[-1])]
    return labels


def _lithium(t: Thresholds, slabs: list[Array], labels: Array, place: _Place) -> Array:
    xp = place.xp
    is_lithium = labels == Phase.LITHIUM
    beyond = (place.in_collector >= 0.5) | ~place.inner
    near = dilate(is_lithium & ~beyond, BAND_VOXELS) & ~beyond
    deep = erode(is_lithium | beyond, BAND_VOXELS) & is_lithium
    partner = Phase.CARBON if t.layout.has_carbon else t.light_phases[-1]
    against = t.light_phases if len(slabs) == 2 else (Phase.LITHIUM, partner)
    measured = shares(t.matrix(*against), slabs)[0] if partner != Phase.LITHIUM else is_lithium
    if partner == Phase.CARBON and t.scans == ("xenon",):
        pores = dilate(labels == Phase.VOID, BAND_VOXELS)
        measured = xp.where(pores, shares(t.matrix(Phase.LITHIUM, Phase.VOID), slabs)[0], measured)
    shaded = ~place.clean | place.beside_electrolyte
    measured = xp.where(shaded, is_lithium.astype(xp.float32), measured)
    lithium = xp.where(deep, xp.float32(1), xp.where(near, measured, xp.float32(0))).astype(xp.float32)
    if t.collector is not None:
        lithium = lithium * (1.0 - t.collector.covered(place.rows)).astype(xp.float32)
    return lithium


def _finished(t: Thresholds, labels: Array, lithium: Array, place: _Place) -> tuple[Array, Array]:
    """Add collector, casing and outside."""
    xp = place.xp
    labels = xp.where(place.in_collector >= 0, xp.uint8(Phase.COLLECTOR), labels)
    outer = t.bore.outer_radius_px
    view = min(place.shape[1:]) / 2
    casing = place.radius <= (view if outer is None else min(outer, view))
    ring = xp.where(casing, xp.uint8(Phase.CASING), xp.uint8(Phase.OUTSIDE))
    labels = xp.where(place.bore, labels, ring).astype(xp.uint8)
    return labels, xp.where(place.bore, lithium, xp.float32(np.nan))
