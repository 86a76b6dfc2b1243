"""One scan to be reconstructed, and what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.hardening import Linearisation
from ..scans.geometry import ConeBeam
from ..scans.scan import Scan
from .axis import Axis
from .cluster import Threads, Workers
from .config import Compute
from .planning import Blocks, plan_blocks
from .selection import Selection, select_theta
from .status import STATE
from .step_rules import check_steps
from .steps import Fdk, Layout, Step
from .store import ImageLayout

SCRATCH = "scratch"

Advance = Callable[[str, int, int], None]
"""Called as (stage, blocks done, blocks in all) whenever a block is finished."""


@dataclass(frozen=True)
class Job:
    """One scan to be reconstructed into a folder.

    Parameters
    ----------
    name : str
        Name of the scan in the configuration.
    scan : Scan
        The raw data.
    selection : Selection
        The part of it that is run.
    chain : tuple of Step
        Corrections and reconstruction.
    folder : Path
        The run folder.
    compute : Compute
        Memory and threads.
    levels : int
        Most levels of the pyramid.
    attributes : mapping
        Provenance for the image.
    advance : callable
        Told of every finished block.
    hardening : Linearisation or None
        Map for the step `hardening`; None where the chain has none.
    workers : Workers
        Who runs the blocks.
    check_input : callable
        Raises ValueError if the scan's files have changed since the run began.
    jig : float
        Line integral of gas beside the cell that the flats did not see, dimensionless.
    """

    name: str
    scan: Scan
    selection: Selection
    chain: tuple[Step, ...]
    folder: Path
    compute: Compute
    levels: int = 5
    attributes: Mapping[str, Any] = field(default_factory=dict)
    advance: Advance = lambda stage, done, total: None
    hardening: Linearisation | None = None
    workers: Workers = field(default_factory=Threads)
    check_input: Callable[[], None] = lambda: None
    jig: float = 0.0

    @property
    def scratch(self) -> Path:
        """Folder of intermediate arrays."""
        return self.folder / STATE / SCRATCH / self.name

    @property
    def image(self) -> Path:
        """Final name of the volume."""
        return self.folder / f"{self.name}.ome.zarr"

    @property
    def blocks(self) -> Blocks:
        """How the scan is cut."""
        return plan_blocks(self.selection, self.compute, self.chain)

    @property
    def theta(self) -> NDArray[np.float64]:
        """Angles of the selected views, in rad."""
        if self.scan.theta is None:
            raise ValueError(
                f"scan {self.name} has no angles; give theta_range_deg: [first, last] or theta_file in its entry"
            )
        return select_theta(self.scan.theta, self.selection)

    @property
    def voxel_um(self) -> float:
        """Edge of a voxel, in µm."""
        pixel_um = self.scan.geometry.pixel_um
        if pixel_um is None:
            raise ValueError(
                f"scan {self.name} has no pixel size, and µ in cm^-1 needs one; give pixel_um in its entry "
                "(--pixel-um on the command line)"
            )
        magnification = self.scan.geometry.magnification if isinstance(self.scan.geometry, ConeBeam) else 1.0
        return pixel_um * self.selection.bin / magnification

    def steps(self, layout: Layout) -> tuple[Step, ...]:
        """Return the steps that read one layout, in order.

        Parameters
        ----------
        layout : Layout
            Projections, sinograms or the scan.

        Returns
        -------
        tuple of Step
            May be empty.
        """
        return tuple(step for step in self.chain if step.reads is layout)


@dataclass(frozen=True)
class Reconstructed:
    """A volume on disk and what was found on the way.

    Parameters
    ----------
    image : Path
        The OME-Zarr group.
    layout : ImageLayout
        Its shape, voxel and slabs.
    centre : Axis
        Column of the axis on the whole detector, with its verdict.
    mean_transmission : (n_rows, n_cols) array
        Mean over the views, dimensionless; NaN where the input was line integrals.
    repaired : dict
        Counts of repaired values.
    mark : str
        Fingerprint of all that the volume depends on.
    biased : bool
        Whether the detector cuts the object off in a way that leaves µ uncertain.
    floor : mapping
        Additive floor that was measured, "share" of the open beam and its "std"; empty where none was.
    quality : mapping
        Noise, resolution, drift and the like; empty for ready volumes.
    """

    image: Path
    layout: ImageLayout
    centre: Axis
    mean_transmission: NDArray[np.float32]
    repaired: dict[str, int]
    mark: str
    biased: bool = False
    floor: Mapping[str, float] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)


def stage_scratch(folder: Path, stage: str) -> Path:
    """Return where a stage that is not of one scan keeps intermediate files.

    Parameters
    ----------
    folder : Path
        The run folder.
    stage : str
        Name of the stage, for instance "two-gas".

    Returns
    -------
    Path
        Its folder; it begins with a character that no scan's name begins with.
    """
    return folder / STATE / SCRATCH / f"_{stage}"


def check_job(job: Job) -> None:
    """Refuse a scan that cannot be reconstructed, before anything is read.

    Parameters
    ----------
    job : Job
        The scan and its steps.

    Raises
    ------
    ValueError
        If angles, pixel size or flats are missing, or the last step is for another beam.
    """
    is_cone, last = isinstance(job.scan.geometry, ConeBeam), job.chain[-1]
    if is_cone != isinstance(last, Fdk):
        beam, right = ("cone", "fdk") if is_cone else ("parallel", "fourier-fbp")
        raise ValueError(
            f"scan {job.name} has a {beam} beam and its steps end in {last.model_dump()['step']}; end them in {right}"
        )
    _ = job.theta, job.voxel_um
    check_steps(job.name, job.scan, job.selection, job.chain)
    if not job.scan.is_line_integral and job.scan.flats is None:
        raise ValueError(
            f"scan {job.name} has no flats, so its counts cannot become attenuation; give flat_path in its entry, "
            "or is_line_integral: true if the projections are -log(I/I0) already"
        )
