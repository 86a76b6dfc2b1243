"""One slice of a scan, reconstructed again and again while a user moves the axis or changes a step."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Block
from ..scans.geometry import ConeBeam
from .chain import correct_block, reconstruct_cone_slab, reconstruct_slab, without_rings
from .config import Config
from .fields import open_fields
from .job import Job, check_job
from .known_steps import hardening_map, jig_integral, known_chain
from .opening import open_entry, region_of
from .planning import plan_blocks
from .selection import Selection, select
from .steps import Deblur, Layout, PhaseRetrieval, Rings, Shifts, Step

HALO_ROWS = 16
THREADS = 2

Image = NDArray[np.float32]


@dataclass(frozen=True)
class LiveSlice:
    """What one slice is made of: its sinogram after the first pass, and the steps that follow.

    Parameters
    ----------
    integrals : (n_theta, n_rows, n_cols) array of float32
        Line integrals of the slice's row; in a cone beam of every row around the central one.
    theta : (n_theta,) array
        In rad.
    voxel_um : float
        Edge of a voxel, in µm.
    steps : tuple of Step
        Steps that read sinograms.
    row : int
        Detector row of the whole scan.
    place : int
        Index of that row in `integrals`.
    selection : Selection
        The part of the scan that was read.
    geometry : ConeBeam or None
        The beam as these rows see it; None in a parallel beam.
    """

    integrals: Image
    theta: NDArray[np.float64]
    voxel_um: float
    steps: tuple[Step, ...]
    row: int
    place: int
    selection: Selection
    geometry: ConeBeam | None = None

    @property
    def sinogram(self) -> Image:
        """(n_theta, n_cols) line integrals of the row, dimensionless."""
        return self.integrals[:, self.place]

    def without(self, kind: type[Step]) -> "LiveSlice":
        """Leave a step out.

        Parameters
        ----------
        kind : type
            A step.

        Returns
        -------
        LiveSlice
            The rest.
        """
        return replace(self, steps=tuple(step for step in self.steps if not isinstance(step, kind)))

    def prepared(self, rings: Rings | None = None) -> "LiveSlice":
        """Remove rings once, so that moving the axis only costs the back-projection.

        Parameters
        ----------
        rings : Rings, optional
            Method and width; default the chain's own.

        Returns
        -------
        LiveSlice
            Without a step against rings.
        """
        step = rings or next((step for step in self.steps if isinstance(step, Rings)), None)
        if step is None:
            return self
        sinograms = without_rings(np.ascontiguousarray(np.swapaxes(self.integrals, 0, 1)), step)
        return replace(self.without(Rings), integrals=np.ascontiguousarray(np.swapaxes(sinograms, 0, 1)))

    def at(self, centre_px: float) -> Image:
        """Reconstruct the slice.

        Parameters
        ----------
        centre_px : float
            Column of the axis on the whole detector, pixel-centre index.

        Returns
        -------
        (n_cols, n_cols) array of float32
            µ in cm^-1.
        """
        inner = self.selection.centre_px(centre_px)
        if self.geometry is not None:
            beam = replace(self.geometry, centre_px=inner)
            slab = Block(0, self.place, self.place + 1)
            volume: Image = reconstruct_cone_slab(
                self.integrals, self.theta, self.steps, beam, first_row=0, n_rows=self.integrals.shape[1], slab=slab
            )
            return volume[0]
        row = np.ascontiguousarray(self.sinogram[None])
        options: dict[str, Any] = {"centre_px": inner, "voxel_um": self.voxel_um, "threads": THREADS}
        return reconstruct_slab(row, self.theta, self.steps, **options)[0]


def read_slice(config: Config, name: str, row: int) -> LiveSlice:
    """Read what one slice needs of a scan's projections, through the first pass.

    Parameters
    ----------
    config : Config
        The configuration.
    name : str
        Key in `scans`.
    row : int
        Row of the whole detector; in a cone beam the central ray's row is taken instead.

    Returns
    -------
    LiveSlice
        Ready to be reconstructed.

    Raises
    ------
    ValueError
        If the scan is a ready volume, or the row lies outside it.
    """
    opened = open_entry(config, name)
    scan = opened.scan
    if scan is None:
        raise ValueError(f"scan {name} is a ready volume; it has no projections to reconstruct a slice from")
    if not 0 <= row < scan.shape[1]:
        raise ValueError(f"row is {row}, and scan {name} has rows 0 to {scan.shape[1] - 1}; choose one of them")
    is_cone = isinstance(scan.geometry, ConeBeam)
    chain = known_chain(config, name, is_cone=is_cone)
    if isinstance(scan.geometry, ConeBeam):
        row = round((scan.shape[1] - 1) / 2 if scan.geometry.row_px is None else scan.geometry.row_px)
        row = min(max(row, 0), scan.shape[1] - 1)
    if scan.geometry.centre_px is None:  # the axis is the slider's business
        middle = replace(scan.geometry, centre_px=(scan.shape[2] - 1) / 2)
        scan = replace(scan, geometry=middle)
    halo = HALO_ROWS if is_cone or any(_needs_rows(step) for step in chain) else 0
    span = (max(row - halo, 0), min(row + halo + 1, scan.shape[1]))
    selection = select(scan.shape, region_of(config, name).model_copy(update={"rows": span, "bin": 1}))
    job = Job(name, scan, selection, chain, config.scans[name].path or opened.source, config.compute)
    check_job(job)
    jig = jig_integral(config, name)
    first, parts = job.steps(Layout.PROJECTIONS), []
    fields = replace(open_fields(scan, selection, first), hardening=hardening_map(config, name), jig=jig)
    size = plan_blocks(selection, config.compute).views
    for start in range(0, selection.shape[0], size):
        frames = selection.read(scan.projections, start, min(start + size, selection.shape[0]))
        parts.append(correct_block(frames, fields, first, first_view=start).integrals)
    geometry = scan.geometry if isinstance(scan.geometry, ConeBeam) else None
    if geometry is not None:
        centre_row = (scan.shape[1] - 1) / 2 if geometry.row_px is None else geometry.row_px
        geometry = replace(geometry, row_px=centre_row - span[0])
    last = job.steps(Layout.SINOGRAMS)
    integrals = np.concatenate(parts)
    return LiveSlice(integrals, job.theta, job.voxel_um, last, row, row - span[0], selection, geometry)


def _needs_rows(step: Step) -> bool:
    """Whether a step of the first pass mixes detector rows."""
    return isinstance(step, (Deblur, PhaseRetrieval, Shifts))
