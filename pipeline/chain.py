"""What the steps of a chain do to a block: each step is one call of a function of `reconstruction`."""

import logging
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Block, array_namespace
from ..reconstruction import flat_field, rings
from ..reconstruction.artefacts import bad_pixels, remove_zingers
from ..reconstruction.detector_blur import deblur, subtract_floor
from ..reconstruction.fbp import fbp
from ..reconstruction.fdk import detector_rows, fdk
from ..reconstruction.fourier import fourier_fbp
from ..reconstruction.hardening import Linearisation, linearise
from ..reconstruction.truncation import Extension, extend
from ..scans.geometry import ConeBeam
from ..scans.scan import Frames, Scan
from .selection import Selection
from .steps import Deblur, Fbp, Fdk, FlatField, FourierFbp, GlareFloor, Rings, Step, Truncation, Zingers

log = logging.getLogger(__name__)

Image = NDArray[np.float32]
FRAMES_AT_ONCE = 32


@dataclass(frozen=True)
class Fields:
    """The beam and the detector of one scan, cut and binned like its projections.

    Parameters
    ----------
    flats : (n_times, n_rows, n_cols) array of float32 or None
        Mean flat of each time, in counts; None where the projections are line integrals.
    positions : (n_times,) array
        Index of the projection that follows each of them.
    dark : (n_rows, n_cols) array of float32
        Mean counts with the shutter closed.
    dead : (n_rows, n_cols) array of bool
        Pixels to be filled from their neighbours.
    floor : (n_rows, n_cols) array of float32
        Transmission of half a count, below which the detector tells nothing.
    views : (n_views,) array
        Index of each selected view in the whole scan.
    columns : tuple of int
        First detector column, and pixels per bin.
    hardening : Linearisation or None
        Map for the step `hardening`.
    jig : float
        Line integral of gas beside the cell that the flats did not see, dimensionless.
    """

    flats: Image | None
    positions: NDArray[np.int64]
    dark: Image
    dead: NDArray[np.bool_]
    floor: Image
    views: NDArray[np.int64]
    columns: tuple[int, int]
    hardening: Linearisation | None = None
    jig: float = 0.0


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


def open_fields(scan: Scan, selection: Selection) -> Fields:
    """Average the flats and darks of a scan.

    Parameters
    ----------
    scan : Scan
        The raw data.
    selection : Selection
        The part of it that is run.

    Returns
    -------
    Fields
        Empty of flats where the scan holds line integrals.

    Raises
    ------
    ValueError
        If flats or darks are of another frame size, or the flats are not brighter than the dark.
    """
    size = selection.shape[1:]
    views = np.asarray(selection.views, np.int64)
    columns = (selection.columns[0], selection.bin)
    blank, alive = np.zeros(size, np.float32), np.zeros(size, bool)
    if scan.is_line_integral or scan.flats is None:
        return Fields(None, np.zeros(1, np.int64), blank, alive, blank, views, columns)
    for name, frames in (("flats", scan.flats), ("darks", scan.darks)):
        if frames is not None and frames.shape[1:] != scan.shape[1:]:
            raise ValueError(
                f"{name} are {frames.shape[1:]} pixels and projections {scan.shape[1:]}; crop all to the same "
                "region of the detector"
            )
    if scan.darks is None:
        log.warning("the scan has no darks: a dark of 0 counts is used; give dark_path if the detector has an offset")
    dark = blank if scan.darks is None else _mean(scan.darks, selection, 0, scan.darks.shape[0])
    flats, positions = _mean_flats(scan, selection)
    mean_flat = flats.mean(axis=0, dtype=np.float32)
    dead = flat_field.dead_pixels(mean_flat, dark) | bad_pixels(mean_flat, dark)
    floor = flat_field.transmission_floor(mean_flat, dark)
    return Fields(flats, positions, dark, np.asarray(dead), np.asarray(floor), views, columns)


def _mean_flats(scan: Scan, selection: Selection) -> tuple[Image, NDArray[np.int64]]:
    """Mean flat of each time at which flats were taken."""
    flats = scan.flats
    if flats is None:
        raise ValueError("the scan has no flats; give flat_path")
    positions = scan.flat_positions
    if positions is None or len(positions) != flats.shape[0]:
        return _mean(flats, selection, 0, flats.shape[0])[None], np.zeros(1, np.int64)
    cuts = np.flatnonzero(np.diff(positions)) + 1
    edges = [0, *cuts.tolist(), len(positions)]
    means = [_mean(flats, selection, a, b) for a, b in pairwise(edges)]
    return np.stack(means), np.asarray([positions[a] for a in edges[:-1]], np.int64)


def _mean(frames: Frames, selection: Selection, start: int, stop: int) -> Image:
    total = np.zeros(selection.shape[1:], np.float64)
    for first in range(start, stop, FRAMES_AT_ONCE):
        part = selection.cut(frames, slice(first, min(first + FRAMES_AT_ONCE, stop)))
        total += part.sum(axis=0, dtype=np.float64)
    return (total / max(stop - start, 1)).astype(np.float32)


def halo_views(steps: tuple[Step, ...]) -> int:
    """Return how many views before and after a block its steps must see.

    Parameters
    ----------
    steps : tuple of Step
        Steps that read projections.

    Returns
    -------
    int
        0 or 1.
    """
    return int(any(isinstance(step, Zingers) for step in steps))


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
        integrals = xp.where(finite, kept, 0).astype(xp.float32)
        counts = {"nonfinite": int(finite.size - finite.sum()), "samples": int(finite.size)}
        return Corrected(integrals, xp.full(frames.shape[1:], np.nan, dtype=xp.float32), counts)
    index = fields.views[first_view : first_view + len(frames)]
    flat = fields.flats[0] if len(fields.flats) == 1 else flat_field.flat_at(fields.flats, fields.positions, index)
    light = flat_field.transmission(frames, flat, fields.dark, dead=fields.dead)
    counts = {"zingers": 0, "dead_pixels": 0}
    for step in steps:
        if isinstance(step, FlatField) and step.air_columns is not None:
            light = flat_field.normalise_air(light, [_binned(step.air_columns, fields.columns)])
        elif isinstance(step, Zingers):
            light, counts["zingers"] = remove_zingers(light, threshold=step.threshold)
        elif isinstance(step, GlareFloor):
            light = subtract_floor(light, step.share)
        elif isinstance(step, Deblur):
            light = deblur(light, sigma_px=step.sigma_px, noise=step.noise)
    integrals, report = flat_field.line_integrals(light[inner], floor=fields.floor, nonfinite="repair")
    counts |= {
        "nonfinite": report.n_nonfinite,
        "nonpositive": report.n_nonpositive,
        "floored": report.n_floored,
        "samples": report.n_pixels,
    }
    if fields.jig:
        integrals = integrals - np.float32(fields.jig)
    if fields.hardening is not None:
        integrals = linearise(integrals, fields.hardening)
    seen = xp.where(xp.isfinite(light[inner]), light[inner], 0)
    return Corrected(integrals, seen.sum(axis=0, dtype=xp.float32), counts)


def _binned(columns: tuple[int, int], offset_bin: tuple[int, int]) -> tuple[int, int]:
    """Columns of the detector as columns of the selection, bins that are wholly inside."""
    first, size = offset_bin
    return -((first - columns[0]) // size), (columns[1] - first) // size


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
    for step in steps:
        if isinstance(step, Rings):
            sinograms = without_rings(sinograms, step)
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
    n_rows, n_cols = detector
    return detector_rows(geometry, detector, (slab.start, slab.stop), shape=(n_rows, n_cols, n_cols))


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
    part, z_range = replace(geometry, row_px=row_px - first_row), (slab.start, slab.stop)
    for step in steps:
        if isinstance(step, Rings):
            rows = without_rings(xp.ascontiguousarray(rows.swapaxes(0, 1)), step).swapaxes(0, 1)
        elif isinstance(step, Fdk):
            whole = (n_rows, n_cols, n_cols)
            return fdk(xp.ascontiguousarray(rows), theta, part, shape=whole, window=step.window, z_range=z_range)
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
    if step.method == "mean":
        return rings.remove_mean(sinograms, size=step.size)
    if step.method == "sorting":
        return rings.remove_sorting(sinograms, size=step.size)
    if step.method == "wavelet":
        return rings.remove_wavelet(sinograms)
    return rings.remove_all(sinograms, size=step.size)
