"""An argon and a xenon scan whose rays are the same: the move between them undone on their sinograms."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..materials import Material, Phase
from ..reconstruction.same_rays import Offsets, needed_rows, on_angles, on_columns, on_rows
from ..reconstruction.two_gas import RayModel, ray_model, tube_wall_cm
from ..scans.geometry import ConeBeam
from ..segmentation.bore import Bore
from ..segmentation.rigid import RigidMove
from ..segmentation.surfaces import Surface
from .beams import beside_cell, filling, scans_by_gas, source_spectrum
from .config import Config
from .engine import line_integrals
from .job import Job, Reconstructed
from .ledger import Ledger
from .phase_map import Labelled, Unlabelled
from .ray_sides import Side
from .store import ImageLayout

Floats = NDArray[np.float32]
COPIES = 12
"""Copies of a pair of sinograms that a slab takes while it is worked on."""

PATH_PER_UM = 1e-4

SLIGHT_TILT_PX = 0.15
"""Rows by which a tilt may move the rim of the bore and be left: less than half of what a voxel's edge blurs."""


@dataclass(frozen=True)
class RayPair:
    """Two scans of one cell, and where the cell stands in them.

    Parameters
    ----------
    argon, xenon : Side
        The scans.
    move : RigidMove
        From the xenon scan to the argon scan, about the rotation axis.
    model : RayModel
        Line integrals in both gases over the paths.
    layout : ImageLayout
        Grid of the xenon image.
    bore : Bore
        Of the tube, in voxels of that grid.
    surfaces : tuple of Surface or None
        Of the collector and of the electrolyte.
    outer_um : float or None
        Outer radius of the tube in µm; None where not given, the casing is then taken as cell.
    beside_cm : float
        Path through gas beside the cell, in cm.
    budget_bytes : float
        Memory for the sinograms in work.
    threads : int
        Threads to use.
    device : {"auto", "cpu", "gpu"}
        Where slabs are worked on.
    fine : Offsets
        What the rays of both scans showed to be left of the move and of the axes.
    steady : tuple of float
        Standard deviation of the noise that all views share, of line integrals in argon and xenon, dimensionless.
    blur_px : float
        Standard deviation of the rays' blur, the pixel's width included, in pixels; 0 where it was not measured.
    """

    argon: Side
    xenon: Side
    move: RigidMove
    model: RayModel
    layout: ImageLayout
    bore: Bore
    surfaces: tuple[Surface | None, Surface | None]
    outer_um: float | None
    beside_cm: float
    budget_bytes: float
    threads: int
    device: str = "cpu"
    fine: Offsets = field(default_factory=Offsets)
    steady: tuple[float, float] = (0.0, 0.0)
    blur_px: float = 0.0

    @property
    def n_views(self) -> int:
        """Views of the xenon scan."""
        return len(self.xenon.theta)

    @property
    def _row_bytes(self) -> float:
        """Memory that the sinograms and slices of one row take."""
        n_cols = self.layout.shape[2]
        return 4.0 * n_cols * (COPIES * self.n_views + 5 * n_cols)

    @property
    def rows_at_once(self) -> int:
        """Rows whose sinograms and slices fit the budget; slices are reconstructed in pairs, so bits depend on it."""
        return int(np.clip(self.budget_bytes / self._row_bytes, 1, self.layout.slab))

    @property
    def slab_bytes(self) -> float:
        """Memory that a slab takes: the rows in work, and its four volumes."""
        n_cols = self.layout.shape[2]
        return self.rows_at_once * self._row_bytes + 16.0 * self.layout.slab * n_cols**2

    @property
    def is_cut(self) -> bool:
        """Whether the detector cuts off the bore, or a casing whose size is not known."""
        n_cols, centre_px = self.layout.shape[2], self.xenon.centre_px
        half_px = min(centre_px, n_cols - 1 - centre_px)
        off_px = float(np.hypot(self.bore.x - (n_cols - 1) / 2, self.bore.y - (n_cols - 1) / 2))
        return self.bore.source == "view" or self.bore.radius_px + off_px > half_px

    def is_open(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell which rows transmit light: those that the collector does not fill.

        Parameters
        ----------
        rows : (n,) array
            Rows of the xenon image.

        Returns
        -------
        (n,) array of bool
            True where the row is outside the collector.
        """
        collector = self.surfaces[0]
        return np.ones(rows.shape, bool) if collector is None else np.asarray(collector.depth(rows) < 0)

    def is_electrolyte(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell which rows the electrolyte fills, its rough surface left out.

        Parameters
        ----------
        rows : (n,) array
            Rows of the xenon image.

        Returns
        -------
        (n,) array of bool
            True deep in the electrolyte; in all open rows where its surface was not found.
        """
        electrolyte = self.surfaces[1]
        if electrolyte is None:
            return self.is_open(rows)
        return np.asarray(electrolyte.depth(rows) > electrolyte.settled) & self.is_open(rows)

    def sinograms(self, first: int, stop: int) -> tuple[Floats, Floats]:
        """Return line integrals of the same rays in both gases.

        Parameters
        ----------
        first, stop : int
            Half-open range of rows of the xenon image.

        Returns
        -------
        argon, xenon : (stop - first, n_theta, n_cols) array of float32
            Line integrals, dimensionless, on the rays of the xenon scan.
        """
        theta = self.xenon.theta
        row_px, turn, _ = self.move.on_projections(theta)
        wanted = theta + turn
        _, _, column_px = self.move.on_projections(wanted)
        low, high = needed_rows(first, stop, row_px, self.argon.integrals.shape[1])
        argon = self.argon.rows(low, high)
        argon = on_rows(argon, np.arange(first, stop, dtype=np.float64) + row_px - low)
        argon = on_angles(argon, self.argon.theta, wanted, centre_px=self.argon.centre_px)
        argon = _as_wide(argon, self.layout.shape[2])
        argon = on_columns(argon, self.argon.centre_px - self.xenon.centre_px + column_px + self.fine.at(theta))
        return argon, self.xenon.rows(first, stop)

    @property
    def reach_px(self) -> float | None:
        """Radius at which cut paths end, in pixels; None where the bore is not seen."""
        return None if self.bore.source == "view" else self.bore.radius_px

    @cached_property
    def wall_cm(self) -> Floats | None:
        """(1 or n_theta, n_cols) path of each ray through the casing, in cm; None where its size is not known."""
        if self.outer_um is None:
            return None
        n_cols, voxel_um = self.layout.shape[2], self.layout.voxel_um
        middle_px = (n_cols - 1) / 2
        off = RigidMove((0.0, self.bore.y - middle_px, self.bore.x - middle_px))
        centres = self.xenon.centre_px + off.on_projections(self.xenon.theta)[2]
        radii = {"inner_radius_um": self.bore.radius_px * voxel_um, "outer_radius_um": self.outer_um}
        # One fine profile, which every view reads at its own place.
        fine = tube_wall_cm(4 * n_cols, centre_px=2 * n_cols - 0.5, pixel_um=voxel_um / 2, **radii)
        places = np.arange(n_cols) - centres[:, None]
        return np.interp(2 * places + 2 * n_cols - 0.5, np.arange(4 * n_cols), fine).astype(np.float32)


def _as_wide(sinograms: Floats, n_cols: int) -> Floats:
    """The same columns, cut or with the last one repeated at the end."""
    missing = n_cols - sinograms.shape[2]
    if missing <= 0:
        return sinograms[:, :, :n_cols]
    return np.pad(sinograms, ((0, 0), (0, 0), (0, missing)), mode="edge")


def cannot_pair(
    config: Config, jobs: Mapping[str, tuple[Job, str] | None], labelled: Labelled | Unlabelled
) -> str | None:
    """Say why two scans cannot be decomposed ray by ray.

    Parameters
    ----------
    config : Config
        The configuration.
    jobs : mapping
        By gas, how its scan was reconstructed; None for a ready volume.
    labelled : Labelled or Unlabelled
        Registration, bore and surfaces.

    Returns
    -------
    str or None
        One sentence; None where nothing is in the way.
    """
    if set(jobs) != {"argon", "xenon"}:
        return "a scan in argon and one in xenon are needed"
    given = [pair[0] for pair in jobs.values() if pair is not None]
    if len(given) < 2:
        return "ready volumes have no rays; give path: with the projections of both scans"
    if any(isinstance(job.scan.geometry, ConeBeam) for job in given):
        return "rays of a cone beam cannot be moved; it is done in parallel beam alone"
    if isinstance(labelled, Unlabelled):
        return f"the phases were not told apart: {labelled.reason}"
    if labelled.aligned.note is not None:
        return labelled.aligned.note
    if Phase.ELECTROLYTE not in config.cell.materials():
        return "the electrolyte is not known; give cell: {electrolyte: {formula: ..., density_g_cm3: ...}}"
    return None


def pair_of(
    config: Config,
    jobs: Mapping[str, tuple[Job, str]],
    volumes: Mapping[str, Reconstructed],
    labelled: Labelled,
    ledger: Ledger,
) -> RayPair:
    """Gather what the decomposition needs; line integrals are made again where they are gone.

    Parameters
    ----------
    config : Config
        The configuration.
    jobs : mapping
        By gas, how its scan was reconstructed, and the fingerprint of its input.
    volumes : mapping
        Finished volumes by scan.
    labelled : Labelled
        Registration, bore and surfaces.
    ledger : Ledger
        What is done.

    Returns
    -------
    RayPair
        Nothing of it read yet.

    Raises
    ------
    ValueError
        If the cell was tilted between the scans, or the beam is not known.
    """
    sides = {gas: _side(config, job, mark, volumes[job.name], ledger) for gas, (job, mark) in jobs.items()}
    job, layout = jobs["xenon"][0], volumes[jobs["xenon"][0].name].layout
    found, bore = labelled.aligned.registration, labelled.thresholds.bore
    if (inner_um := config.cell.inner_diameter_um) is not None:  # a view may end before the bore does
        bore = replace(bore, radius_px=inner_um / 2 / layout.voxel_um, source="given")
    move = RigidMove() if found is None else about_axis(found.move, layout, sides["argon"].n_cols)
    move = without_slight_tilt(move, bore.radius_px)
    move.on_projections(sides["xenon"].theta)
    entry = config.scans[job.name]
    outer_mm = config.cell.outer_diameter_mm
    has_wall = outer_mm is not None and Phase.CASING in config.cell.materials()
    radius_um = 500 * (outer_mm or 0) if has_wall else 0.0
    outer_um = radius_um if radius_um > bore.radius_px * layout.voxel_um else None
    return RayPair(
        argon=sides["argon"],
        xenon=sides["xenon"],
        move=move,
        model=_model(config, job.name, bore.radius_px * layout.voxel_um, outer_um),
        layout=layout,
        bore=bore,
        surfaces=(labelled.thresholds.collector, labelled.thresholds.electrolyte),
        outer_um=outer_um,
        beside_cm=0.1 * entry.gas_path_mm,
        budget_bytes=0.5 * config.compute.memory_gib * 2**30,
        threads=job.blocks.at_once * job.blocks.threads,
        device=config.compute.device,
    )


def about_axis(move: RigidMove, layout: ImageLayout, other_cols: int) -> RigidMove:
    """Return the same move about the rotation axis, which passes through the middle of both images.

    Parameters
    ----------
    move : RigidMove
        Between voxel-centre indices of the xenon and the argon image.
    layout : ImageLayout
        Grid of the xenon image.
    other_cols : int
        Columns of the argon image.

    Returns
    -------
    RigidMove
        Between places counted from the axis.
    """
    middle_px, other_px = (layout.shape[2] - 1) / 2, (other_cols - 1) / 2
    axis = np.array([[move.centre_px[0]], [middle_px], [middle_px]])
    z, y, x = (float(value) for value in move.moved(axis)[:, 0])
    return RigidMove((z - move.centre_px[0], y - other_px, x - other_px), move.rotation_rad)


def without_slight_tilt(move: RigidMove, radius_px: float) -> RigidMove:
    """Leave out a tilt that moves the rim of the bore by next to nothing; no shift of projections undoes a tilt.

    Parameters
    ----------
    move : RigidMove
        Between two scans.
    radius_px : float
        Of the bore, in pixels.

    Returns
    -------
    RigidMove
        Upright where the tilt is slight, else the same.
    """
    turn, *tilt = move.rotation_rad
    is_slight = math.hypot(*tilt) * radius_px < SLIGHT_TILT_PX
    return replace(move, rotation_rad=(turn, 0.0, 0.0)) if is_slight else move


def _side(config: Config, job: Job, mark: str, volume: Reconstructed, ledger: Ledger) -> Side:
    return Side(
        line_integrals(job, ledger, mark),
        job.theta,
        job.selection.centre_px(volume.centre.centre_px),
        job.chain,
        job.hardening,
        beside_cell(config, job.name),
        0 if job.scan.flats is None else job.scan.flats.shape[0],
    )


def _model(config: Config, scan: str, bore_um: float, outer_um: float | None) -> RayModel:
    """Tables for the cell's electrolyte and both gases, behind the casing where its size is known."""
    spectrum = source_spectrum(config, scan)
    if spectrum is None:
        raise ValueError("the beam is not known; give source: {energy_kev: ...} or {tube: ..., kv: ...}")
    solids = config.cell.materials()
    entries = [config.scans[name].gas for name in scans_by_gas(config).values()]
    argon, xenon = (filling(entry) for entry in entries if entry is not None)
    electrolyte = _material(solids[Phase.ELECTROLYTE], Phase.ELECTROLYTE)
    wall = None
    if outer_um is not None and Phase.CASING in solids:
        wall = _material(solids[Phase.CASING], Phase.CASING), 2 * (outer_um - bore_um) * PATH_PER_UM
    return ray_model(spectrum, electrolyte, argon, xenon, longest_cm=2 * bore_um * PATH_PER_UM, wall=wall)


def _material(entry: Any, phase: Phase) -> Material:
    return Material(phase.name.lower(), entry.formula, entry.density_g_cm3, phase)
