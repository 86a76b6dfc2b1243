"""Physics thresholds: the record of what a scan says each phase reads, and its use slab by slab."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..arrays import Array, array_namespace
from ..materials import Phase
from .bodies import judged
from .bore import Bore
from .calibration import Calibration
from .contrast import Contrast
from .filters import dilate, erode, gaussian_within, mask_share
from .labelling import label_slab, light_only, with_network
from .layout import CellLayout
from .place import WALL_VOXELS, Place, place_slab
from .surfaces import Surface
from .unmixing import shares, unmixing_matrix

HALO_VOXELS = 24
"""Rows that a slab must bring on either side of the rows that are kept."""

BAND_VOXELS = 3
"""Within this of lithium's surface a voxel's share of lithium is measured; further off it is 1 or 0."""

SIDEWAYS_PX = 1.0
"""Width of the Gaussian, within a row, over which shares of lithium are averaged; sums do not feel it."""


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
    counter_row : int or None
        First row, going away from the anode, in which a dense counter electrode fills the bore; None where none is
        in view.
    gas_behind_electrolyte : float
        What xenon reads in rows that the electrolyte fills over what it reads in light rows, dimensionless; 1 at one
        energy, less where the beam hardens.
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
    counter_row: int | None = None
    gas_behind_electrolyte: float = 1.0

    def is_counter(self, rows: Array) -> Array:
        """Tell which rows the dense counter electrode fills.

        Parameters
        ----------
        rows : array
            Row indices, any shape.

        Returns
        -------
        array of bool
            True from `counter_row` on, away from the anode.
        """
        if self.counter_row is None or self.electrolyte is None:
            return rows < -np.inf
        return rows >= self.counter_row if self.electrolyte.end == "high" else rows <= self.counter_row

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


def apply(
    thresholds: Thresholds,
    argon: Array | None,
    xenon: Array | None,
    z0: int,
    *,
    phases: Array | None = None,
    corner: tuple[int, int] = (0, 0),
    view: tuple[int, int] | None = None,
) -> tuple[Array, Array]:
    """Label a slab, and measure the share of lithium in each voxel.

    Labels follow the phase with the largest share after smoothing. Shares of lithium are 1 well inside
    lithium and 0 well outside; within `BAND_VOXELS` of its surface they are the unconstrained estimate,
    averaged sideways only and with negative values kept, so that sums over columns are free of bias.

    Parameters
    ----------
    thresholds : Thresholds
        From `prepare`.
    argon, xenon : (n_z, n_y, n_x) array or None
        µ in cm^-1, with `HALO_VOXELS` rows more on either side than are wanted, where the volume has them;
        None for the scan that was not made.
    z0 : int
        Row of the volume at which the slab starts.
    phases : (n_z, n_y, n_x) array of uint8, optional
        What a network says each voxel is; void, lithium, carbon and electrolyte among it take the place of what
        the thresholds say. Surfaces of film, collector and bore stay where the scan has them.
    corner : (2,) tuple of int
        First y and x of the slab where it is a part of the slices, with `HALO_VOXELS` more on either side than are
        wanted. Bodies that a network saw are then judged by what of them lies in the part.
    view : (2,) tuple of int, optional
        n_y and n_x of whole slices, where the slab is a part of them.

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
    reach = min(thresholds.bore.outer_radius_px or np.inf, min(view or slabs[0].shape[1:]) / 2)
    return _assembled(replace(thresholds, bore=thresholds.bore.seen_from(*corner)), slabs, z0, phases, reach)


def _assembled(t: Thresholds, slabs: list[Array], z0: int, named: Array | None, reach: float) -> tuple[Array, Array]:
    """Work on the square around the bore, and set the result among casing, as far as it reaches, and outside."""
    xp = array_namespace(*slabs)
    n_z, n_y, n_x = slabs[0].shape
    labels, lithium = xp.empty((n_z, n_y, n_x), dtype=xp.uint8), xp.empty((n_z, n_y, n_x), dtype=xp.float32)
    radius = xp.asarray(t.bore.distance(n_y, n_x))
    labels[:] = xp.where(radius <= reach, xp.uint8(Phase.CASING), xp.uint8(Phase.OUTSIDE))
    lithium[:] = np.nan
    window = t.bore.window(n_y, n_x)
    cut = [slab[(slice(None), *window)] for slab in slabs]
    if not cut[0].size:
        return labels, lithium
    here = replace(t, bore=t.bore.seen_from(window[0].start, window[1].start))
    place = place_slab(cut[0].shape, z0, bore=here.bore, collector=t.collector, electrolyte=t.electrolyte, xp=xp)
    if not t.layout.has_carbon and len(slabs) == 2:
        # Without carbon a dark voxel beside the electrolyte is lithium or void too, and the pair tells which.
        place = replace(place, deep_electrolyte=place.beside_electrolyte)
    phases = label_slab(here, cut, place)
    if named is not None:
        phases = with_network(phases, named[(slice(None), *window)], place)
    phases = judged(here, cut, phases, place)
    shares_of_lithium = _lithium(here, cut, phases, place)
    dense_end = (place.in_collector >= 0) | t.is_counter(place.rows)
    phases = xp.where(dense_end, xp.uint8(Phase.COLLECTOR), phases).astype(xp.uint8)
    shares_of_lithium = xp.where(t.is_counter(place.rows), xp.float32(0), shares_of_lithium)
    _continue_to_wall(here.bore, phases, shares_of_lithium)
    labels[(slice(None), *window)] = xp.where(place.bore, phases, labels[(slice(None), *window)])
    lithium[(slice(None), *window)] = xp.where(place.bore, shares_of_lithium, xp.float32(np.nan))
    return labels, lithium


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


def _lithium(t: Thresholds, slabs: list[Array], labels: Array, place: Place) -> Array:
    xp = place.xp
    is_lithium = labels == Phase.LITHIUM
    beyond = (place.in_collector >= 0.5) | ~place.inner
    near = dilate(is_lithium & ~beyond, BAND_VOXELS) & ~beyond
    deep = erode(is_lithium | beyond, BAND_VOXELS) & is_lithium
    shaded = ~place.clean | place.beside_electrolyte
    measured = xp.where(shaded, is_lithium.astype(xp.float32), _measured(t, slabs, labels, place))
    lithium = xp.where(deep, xp.float32(1), xp.where(near, measured, xp.float32(0))).astype(xp.float32)
    if t.collector is not None:
        lithium = lithium * (1.0 - t.collector.covered(place.rows)).astype(xp.float32)
    return lithium


def _measured(t: Thresholds, slabs: list[Array], labels: Array, place: Place) -> Array:
    """Unconstrained share of lithium, averaged over neighbours within the row."""
    xp = place.xp
    light = t.light_phases
    if light == (Phase.LITHIUM,):
        return xp.ones(place.shape, dtype=xp.float32)
    cut = [light_only(t, scan, slab) for scan, slab in zip(t.scans, slabs, strict=True)]
    measured = shares(t.matrix(*light), cut)[0]
    if light == (Phase.LITHIUM, Phase.CARBON) and t.scans == ("xenon",):
        pores = dilate(labels == Phase.VOID, BAND_VOXELS)
        measured = xp.where(pores, shares(t.matrix(Phase.LITHIUM, Phase.VOID), cut)[0], measured)
    inner = xp.broadcast_to(place.inner, place.shape)
    return gaussian_within(measured, inner, (0.0, SIDEWAYS_PX, SIDEWAYS_PX), share=mask_share(place.inner, SIDEWAYS_PX))
