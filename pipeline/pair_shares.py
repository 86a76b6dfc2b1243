"""Some rows of a pair of scans, from line integrals to shares of electrolyte and gas, on the host or on a GPU."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace, is_on_gpu
from ..arrays.blocks import thread_map
from ..reconstruction.fourier import fourier_fbp
from ..reconstruction.truncation import extend
from ..reconstruction.two_gas import RayModel, decompose_rays
from ..segmentation.filters import ndimage_of
from .chain import middle
from .ray_pairs import RayPair
from .steps import Fbp, FourierFbp

SECOND = 6.0
"""Variance of a second difference of white noise, over that of the noise."""

BEND_STEP = 0.1
"""Step in line integrals over which the bend of the paths is told: far above the tables' rounding."""


def shares_of_rows(pair: RayPair, argon: Array, xenon: Array, *, first_row: int = 0) -> tuple[tuple[Array, ...], int]:
    """Decompose some rows and reconstruct their shares, where their sinograms lie.

    Parameters
    ----------
    pair : RayPair
        Both scans.
    argon, xenon : (n_rows, n_theta, n_cols) array of float32
        Line integrals of the same rays, dimensionless.
    first_row : int
        Index of the first one, which noise that all views share is drawn by.

    Returns
    -------
    tuple of (n_rows, n_cols, n_cols) array of float32
        Shares of electrolyte and gas, and the noise of each.
    int
        Rays beyond the tables.
    """
    argon, xenon = (straightened(rays, pair.blur_px) for rays in (argon, xenon))
    solid, gas, n = decomposed(argon, xenon, pair.model, wall_cm=pair.wall_cm, threads=pair.threads)
    bend = noise_bend(argon, xenon, gas, pair)
    solid, gas = solid - bend.solid_cm, gas - bend.gas_cm - np.float32(pair.beside_cm)
    steady = _steady(bend, pair, range(first_row, first_row + len(xenon)))
    noise = [
        reconstructed(pair, _alternating(paths) + still) for paths, still in zip((solid, gas), steady, strict=True)
    ]
    shares = reconstructed(pair, solid, beyond=1.0), reconstructed(pair, gas)
    if pair.blur_px > 0:
        noise[0] = noise[0] + _blurred_away(shares[0], pair.blur_px)
    return (*shares, *noise), n


def _blurred_away(share: Array, blur_px: float) -> Array:
    """What blur has taken from each voxel of a share, from what a second blur takes, and a third one of that."""
    blur = ndimage_of(share).gaussian_filter
    taken = share - blur(share, blur_px)
    return 2 * taken - blur(taken, blur_px)


def _alternating(paths: Array) -> Array:
    """Noise of the views: half the difference of two half-scans, as the mean of both has it."""
    xp = array_namespace(paths)
    return xp.asarray(np.where(np.arange(paths.shape[1]) % 2, -1, 1).astype(np.float32))[:, None] * paths


def _steady(bend: "Bend", pair: RayPair, rows: range) -> Array:
    """(2, n_rows, 1, n_cols) paths that noise of the line integrals, the same in all views, adds to both."""
    xp = array_namespace(bend.slopes)
    drawn = [
        xp.asarray(np.float32(std) * steady_pattern(rows, pair.layout.shape[2], scan)[:, None, :])
        for scan, std in enumerate(pair.steady)
    ]
    return (bend.slopes[0] * drawn[0] + bend.slopes[1] * drawn[1]).astype(xp.float32)


def straightened(rays: Array, blur_px: float) -> Array:
    """Undo what the logarithm of a blurred transmission lacks to the blurred line integral.

    Where the line integral changes within a pixel and its blur, the brighter part weighs more. A second blur of the
    same width lacks nearly as much again, and that is known; it acts along the columns, where edges stand in all views.

    Parameters
    ----------
    rays : (n_rows, n_theta, n_cols) array of float32
        Line integrals, dimensionless.
    blur_px : float
        Standard deviation of the blur, in pixels; 0 leaves the rays as they are.

    Returns
    -------
    (n_rows, n_theta, n_cols) array of float32
        Line integrals.
    """
    if blur_px == 0:
        return rays
    xp, blur = array_namespace(rays), ndimage_of(rays).gaussian_filter1d
    light = blur(xp.exp(-rays), blur_px, axis=2, truncate=3.0, mode="nearest")
    lacking = blur(rays, blur_px, axis=2, truncate=3.0, mode="nearest") + xp.log(light)
    return (rays + lacking).astype(xp.float32)


@dataclass(frozen=True, eq=False)
class Bend:
    """How paths answer to changes of the line integrals, and by how much noise alone lengthens their mean.

    Parameters
    ----------
    solid_cm, gas_cm : (n_rows, 1, n_cols) array of float32
        To be subtracted from each path, in cm.
    slopes : (2, 2, n_rows, 1, n_cols) array of float32
        Change with the line integral in argon and in xenon of the path through electrolyte and through gas, in cm.
    """

    solid_cm: Array
    gas_cm: Array
    slopes: Array


def noise_bend(argon: Array, xenon: Array, gas: Array, pair: RayPair) -> Bend:
    """Return by how much noise alone lengthens the mean paths, as they are no straight function of line integrals.

    Xenon's K edge lies amid the beam that deep electrolyte leaves, so that the gas path bends: half its second
    derivatives times the variance of the line integrals. That variance is told by second differences of the gas
    paths from view to view, in which electrolyte hardly shows.

    Parameters
    ----------
    argon, xenon : (n_rows, n_theta, n_cols) array of float32
        Line integrals of the same rays, dimensionless.
    gas : (n_rows, n_theta, n_cols) array of float32
        Gas paths that they were decomposed into, in cm.
    pair : RayPair
        Both scans.

    Returns
    -------
    Bend
        Where the lengthening and the slopes are, row by row and column by column.
    """
    xp = array_namespace(argon, xenon)
    wall_cm = None if pair.wall_cm is None else pair.wall_cm.mean(axis=0, keepdims=True)
    means = [xp.mean(values, axis=1, keepdims=True) for values in (argon, xenon)]

    def paths(*steps: float) -> Array:  # numpydoc ignore=GL08
        moved = [mean + np.float32(step) for mean, step in zip(means, steps, strict=True)]
        return xp.stack(decomposed(moved[0], moved[1], pair.model, wall_cm=wall_cm, threads=pair.threads)[:2])

    h, middle_paths = BEND_STEP, paths(0.0, 0.0)
    ends = [(paths(h, 0.0), paths(-h, 0.0)), (paths(0.0, h), paths(0.0, -h))]
    slopes = xp.stack([(above - below) / (2 * h) for above, below in ends])
    bends = sum((above + below - 2 * middle_paths) / h**2 for above, below in ends)
    second = gas[:, 2:] - 2 * gas[:, 1:-1] + gas[:, :-2]
    variance = xp.mean(second**2, axis=1, keepdims=True) / SECOND / xp.sum(slopes[:, 1] ** 2, axis=0)
    bias = (0.5 * variance * bends).astype(xp.float32)
    return Bend(bias[0], bias[1], slopes)


def steady_pattern(rows: range, n_cols: int, scan: int = 0) -> NDArray[np.float32]:
    """Draw noise that stands still in all views.

    Parameters
    ----------
    rows : range
        Rows wanted; each has its own draw, the same whenever it is asked for.
    n_cols : int
        Columns.
    scan : int
        Each scan has its own draws.

    Returns
    -------
    (n_rows, n_cols) array of float32
        Of standard deviation 1.
    """
    drawn = [np.random.default_rng([17 + scan, row]).standard_normal(n_cols, np.float32) for row in rows]
    return np.stack(drawn)


def decomposed(
    argon: Array,
    xenon: Array,
    model: RayModel,
    *,
    wall_cm: NDArray[np.float32] | None,
    threads: int,
) -> tuple[Array, Array, int]:
    """Decompose sinograms, on the host on a pool of threads.

    Parameters
    ----------
    argon, xenon : (n_rows, n_theta, n_cols) array of float32
        Line integrals of the same rays, dimensionless.
    model : RayModel
        From `ray_model`.
    wall_cm : (n_theta, n_cols) array or None
        Path through the casing, in cm.
    threads : int
        Threads to use.

    Returns
    -------
    solid_cm, gas_cm : (n_rows, n_theta, n_cols) array of float32
        Paths in cm.
    int
        Rays beyond the tables.
    """
    if is_on_gpu(argon):
        wall = None if wall_cm is None else array_namespace(argon).asarray(wall_cm)
        there = decompose_rays(argon, xenon, model, wall_cm=wall)
        return there.solid_cm, there.gas_cm, there.n_outside
    solid, gas = np.empty_like(argon), np.empty_like(argon)
    n_outside = 0
    found = thread_map(
        lambda row: decompose_rays(argon[row], xenon[row], model, wall_cm=wall_cm), range(len(argon)), threads=threads
    )
    for row, paths in enumerate(found):
        solid[row], gas[row] = paths.solid_cm, paths.gas_cm
        n_outside += paths.n_outside
    return solid, gas, n_outside


def reconstructed(pair: RayPair, paths: Array, *, beyond: float | None = None) -> Array:
    """Reconstruct the share of each voxel from paths.

    Parameters
    ----------
    pair : RayPair
        Both scans.
    paths : (n_rows, n_theta, n_cols) array of float32
        In cm.
    beyond : float, optional
        Share that the cell has where the detector cuts it off, dimensionless; None carries the edges on.

    Returns
    -------
    (n_rows, n_cols, n_cols) array of float32
        Share, dimensionless, on the device of `paths`.
    """
    xp, n_cols, centre_px = array_namespace(paths), paths.shape[2], pair.xenon.centre_px
    if pair.is_cut:
        per_px = None if beyond is None else beyond * pair.layout.voxel_um * 1e-4
        found = extend(paths, centre_px=centre_px, outer_radius_px=pair.reach_px, mu_per_px=per_px)
        paths, centre_px = found.sinograms, found.centre_px
        if (paths.shape[2] - n_cols) % 2:
            paths = xp.pad(paths, ((0, 0), (0, 0), (0, 1)), mode="edge")
    last = pair.xenon.steps[-1]
    window = last.window if isinstance(last, FourierFbp | Fbp) else "ramp"
    volume = fourier_fbp(
        xp.ascontiguousarray(paths),
        pair.xenon.theta,
        centre_px=centre_px,
        voxel_um=pair.layout.voxel_um,
        window=window,
        threads=pair.threads,
    )
    return middle(volume, n_cols)
