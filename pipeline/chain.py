"""What the steps of a chain do to a block: each step is one call of a function of `reconstruction`."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Block, array_namespace
from ..reconstruction import flat_field, rings
from ..reconstruction.artefacts import remove_zingers
from ..reconstruction.fbp import fbp
from ..reconstruction.fdk import detector_rows, fdk
from ..reconstruction.fourier import fourier_fbp
from ..reconstruction.half_acquisition import join_half_turns
from ..reconstruction.truncation import Extension, extend
from ..scans.geometry import ConeBeam
from .fields import Fields, Image
from .light import at_one_energy, corrected_light, flats_of
from .steps import (
    Fbp,
    Fdk,
    FourierFbp,
    HalfAcquisition,
    Rings,
    Step,
    Truncation,
    Zingers,
)
from .stopwatch import timed


@dataclass(frozen=True)
class Corrected:
    """A block of projections after the first pass.

    Parameters
    ----------
    integrals : (n, n_rows, n_cols) array of float32
        Line integrals of µ, dimensionless.
    transmission_sum : (n_rows, n_cols) array of float32
        Sum of the transmission over the block's views.
    repaired : dict
        Number of samples replaced, by cause.
    """

    integrals: Image
    transmission_sum: Image
    repaired: dict[str, int]


def halo_views(steps: tuple[Step, ...]) -> int:
    """Return how many views before and after a block its steps must see.

    Parameters
    ----------
    steps : tuple of Step
        Steps that read projections.

    Returns
    -------
    int
        0 or more.
    """
    return max((step.halo_views for step in steps), default=0)


def correct_block(
    frames: Image, fields: Fields, steps: tuple[Step, ...], *, first_view: int, halo: tuple[int, int] = (0, 0)
) -> Corrected:
    """Turn a block of raw frames into line integrals.

    Parameters
    ----------
    frames : (n, n_rows, n_cols) array of float32
        Counts, or line integrals where `fields` has no flats.
    fields : Fields
        Beam and detector.
    steps : tuple of Step
        Steps that read projections.
    first_view : int
        Place of the first frame among the selected views.
    halo : tuple of int
        Frames at the start and at the end that belong to other blocks.

    Returns
    -------
    Corrected
        Without the halo. NaN and Inf are repaired and counted; whether that is allowed is the caller's business.
    """
    inner = slice(halo[0], len(frames) - halo[1])
    xp = array_namespace(frames)
    if fields.flats is None:
        kept = frames[inner]
        finite = xp.isfinite(kept)
        integrals = at_one_energy(xp.where(finite, kept, 0).astype(xp.float32), fields)
        counts = {"nonfinite": int(finite.size - finite.sum()), "samples": int(finite.size)}
        return Corrected(integrals, xp.full(frames.shape[1:], np.nan, dtype=xp.float32), counts)
    light = flat_field.transmission(frames, flats_of(frames, fields, first_view), fields.dark, dead=fields.dead)
    counts = {"zingers": 0, "dead_pixels": 0}
    for step in timed(steps):
        if isinstance(step, Zingers):
            light, counts["zingers"] = remove_zingers(light, threshold=step.threshold)
        else:
            light = corrected_light(light, step, fields, first_view)
    integrals, report = flat_field.line_integrals(light[inner], floor=fields.floor, nonfinite="repair")
    counts |= {
        "nonfinite": report.n_nonfinite,
        "nonpositive": report.n_nonpositive,
        "floored": report.n_floored,
        "samples": report.n_pixels,
    }
    seen = xp.where(xp.isfinite(light[inner]), light[inner], 0)
    return Corrected(at_one_energy(integrals, fields), seen.sum(axis=0, dtype=xp.float32), counts)


def reconstruct_slab(
    sinograms: Image,
    theta: NDArray[np.float64],
    steps: tuple[Step, ...],
    *,
    centre_px: float,
    voxel_um: float,
    threads: int,
) -> Image:
    """Run the sinogram steps on a slab of rows.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array of float32
        Line integrals, dimensionless.
    theta : (n_theta,) array
        In rad.
    steps : tuple of Step
        Steps that read sinograms; the last one reconstructs.
    centre_px : float
        Column of the axis, pixel-centre index.
    voxel_um : float
        Edge of a voxel, in µm.
    threads : int
        Threads to use.

    Returns
    -------
    (n_rows, n_cols, n_cols) array of float32
        µ in cm^-1.
    """
    n_cols = sinograms.shape[2]
    for step in timed(steps):
        if isinstance(step, Rings):
            sinograms = without_rings(sinograms, step)
        elif isinstance(step, HalfAcquisition):
            sinograms, theta, centre_px = joined(sinograms, theta, (step,), centre_px=centre_px)
            n_cols = sinograms.shape[2]
        elif isinstance(step, Truncation):
            extension = extended(sinograms, step, centre_px=centre_px, voxel_um=voxel_um)
            sinograms, centre_px = extension.sinograms, extension.centre_px
        elif isinstance(step, FourierFbp):
            return middle(
                fourier_fbp(
                    sinograms, theta, centre_px=centre_px, voxel_um=voxel_um, window=step.window, threads=threads
                ),
                n_cols,
            )
        elif isinstance(step, Fbp):
            return middle(fbp(sinograms, theta, centre_px=centre_px, voxel_um=voxel_um, window=step.window), n_cols)
    raise ValueError(f"no step of {[type(step).__name__ for step in steps]} reconstructs; end with fourier-fbp")


def joined(
    sinograms: Image, theta: NDArray[np.float64], steps: tuple[Step, ...], *, centre_px: float
) -> tuple[Image, NDArray[np.float64], float]:
    """Take out stripes, and join half views to whole ones where the steps say so.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array of float32
        Line integrals, dimensionless.
    theta : (n_theta,) array
        In rad.
    steps : tuple of Step
        Steps that read sinograms.
    centre_px : float
        Column of the axis, pixel-centre index.

    Returns
    -------
    sinograms : (n_rows, n_views, n_wide) array of float32
        Line integrals.
    theta : (n_views,) array
        In rad.
    centre_px : float
        Column of the axis in them.
    """
    for step in steps:
        if isinstance(step, Rings):
            sinograms = without_rings(sinograms, step)
        elif isinstance(step, HalfAcquisition):
            whole = join_half_turns(sinograms, theta, centre_px=centre_px)
            return whole.sinograms, whole.theta, whole.centre_px
    return sinograms, theta, centre_px


def middle(volume: Image, n_cols: int) -> Image:
    """Cut the part around the axis that a view has from a wider image.

    Parameters
    ----------
    volume : (n_rows, n_wide, n_wide) array of float32
        Slices, of even or odd width as the view is.
    n_cols : int
        Columns of the view.

    Returns
    -------
    (n_rows, n_cols, n_cols) array of float32
        The same around the axis.
    """
    margin = (volume.shape[2] - n_cols) // 2
    return array_namespace(volume).ascontiguousarray(volume[:, margin : margin + n_cols, margin : margin + n_cols])


def extended(sinograms: Image, step: Truncation, *, centre_px: float, voxel_um: float) -> Extension:
    """Carry truncated sinograms on beyond the detector.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array of float32
        Line integrals, dimensionless.
    step : Truncation
        Outer diameter and µ, where known.
    centre_px : float
        Column of the axis, pixel-centre index.
    voxel_um : float
        Edge of a voxel, in µm.

    Returns
    -------
    Extension
        With an even number of columns more; `biased` where the radius is a guess.
    """
    radius_px = mu_per_px = None
    half_px = min(centre_px, sinograms.shape[2] - 1 - centre_px)
    if step.outer_diameter_mm is not None:
        given_px = step.outer_diameter_mm * 500 / voxel_um
        if given_px <= half_px:
            return Extension(sinograms, centre_px, 0, 0, given_px, False)
        radius_px = given_px
        mu_per_px = None if step.mu_per_cm is None else step.mu_per_cm * voxel_um * 1e-4
    found = extend(sinograms, centre_px=centre_px, outer_radius_px=radius_px, mu_per_px=mu_per_px)
    if (found.left_px + found.right_px) % 2 == 0:
        return found
    padded = array_namespace(sinograms).pad(found.sinograms, ((0, 0), (0, 0), (0, 1)), mode="edge")
    return replace(found, sinograms=padded, right_px=found.right_px + 1)


def rows_of_slab(geometry: ConeBeam, detector: tuple[int, int], slab: Block) -> tuple[int, int]:
    """Return the detector rows that some slices of a cone-beam volume need.

    Parameters
    ----------
    geometry : ConeBeam
        The beam as the selected detector sees it.
    detector : (int, int)
        Its rows and columns.
    slab : Block
        Slices wanted.

    Returns
    -------
    (int, int)
        Half-open range.
    """
    shape, first = _slices_at_rows(geometry, detector)
    return detector_rows(geometry, detector, (first + slab.start, first + slab.stop), shape=shape)


def _slices_at_rows(geometry: ConeBeam, detector: tuple[int, int]) -> tuple[tuple[int, int, int], int]:
    """Shape of a volume centred on the central ray that holds one slice for every row, and the first of these.

    Slices stand where rows meet the axis, to a quarter of a row, wherever the central ray meets the detector.
    """
    n_rows, n_cols = detector
    row_px = (n_rows - 1) / 2 if geometry.row_px is None else geometry.row_px
    doubled = round(2 * ((n_rows - 1) / 2 - row_px))
    return (n_rows + abs(doubled), n_cols, n_cols), max(doubled, 0)


def reconstruct_cone_slab(
    rows: Array,
    theta: NDArray[np.float64],
    steps: tuple[Step, ...],
    geometry: ConeBeam,
    *,
    first_row: int,
    n_rows: int,
    slab: Block,
) -> Array:
    """Reconstruct some slices of a cone-beam scan from the detector rows that they need.

    Parameters
    ----------
    rows : (n_theta, n, n_cols) array of float32
        Line integrals on the rows that `rows_of_slab` names.
    theta : (n_theta,) array
        In rad.
    steps : tuple of Step
        Steps that read sinograms; the last one is fdk.
    geometry : ConeBeam
        The beam as the whole selected detector sees it.
    first_row : int
        Row of that detector which comes first in `rows`.
    n_rows : int
        Rows of that detector, also slices of the whole volume.
    slab : Block
        Slices wanted.

    Returns
    -------
    (len(slab), n_cols, n_cols) array of float32
        µ in cm^-1, on the device of `rows`.
    """
    xp, n_cols = array_namespace(rows), rows.shape[2]
    row_px = (n_rows - 1) / 2 if geometry.row_px is None else geometry.row_px
    shape, first = _slices_at_rows(geometry, (n_rows, n_cols))
    part, z_range = replace(geometry, row_px=row_px - first_row), (first + slab.start, first + slab.stop)
    for step in timed(steps):
        if isinstance(step, Rings):
            rows = without_rings(xp.ascontiguousarray(rows.swapaxes(0, 1)), step).swapaxes(0, 1)
        elif isinstance(step, Fdk):
            return fdk(xp.ascontiguousarray(rows), theta, part, shape=shape, window=step.window, z_range=z_range)
    raise ValueError(f"no step of {[type(step).__name__ for step in steps]} reconstructs a cone beam; end with fdk")


def without_rings(sinograms: Image, step: Rings) -> Image:
    """Remove stripes by the method that a step names.

    Parameters
    ----------
    sinograms : (n_rows, n_theta, n_cols) array of float32
        Line integrals, dimensionless.
    step : Rings
        Method and width.

    Returns
    -------
    (n_rows, n_theta, n_cols) array of float32
        Line integrals.
    """
    if step.method == "wavelet":
        return rings.remove_wavelet(sinograms, levels=step.levels)
    size = step.size or (51 if step.method in ("large", "dead") else 9)
    if step.method == "mean":
        return rings.remove_mean(sinograms, size=size)
    if step.method == "sorting":
        return rings.remove_sorting(sinograms, size=size)
    if step.method == "all":
        return rings.remove_all(sinograms, size=size, snr=step.snr)
    remove = rings.remove_large if step.method == "large" else rings.remove_dead
    return remove(sinograms, size=size, snr=step.snr)
