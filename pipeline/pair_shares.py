"""Some rows of a pair of scans, from line integrals to shares of electrolyte and gas, on the host or on a GPU."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..arrays import Array, array_namespace, is_on_gpu, to_host
from ..arrays.blocks import thread_map
from ..reconstruction.fourier import fourier_fbp
from ..reconstruction.truncation import extend
from ..reconstruction.two_gas import RayModel, decompose_rays
from .chain import middle
from .ray_pairs import RayPair
from .steps import Fbp, FourierFbp

SECOND = 6.0
"""Variance of a second difference of white noise, over that of the noise."""

MEDIAN_OF_NORMAL = 0.6745
"""Median of the absolute value of normal noise, over its standard deviation."""

COLUMNS_AROUND = 15

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
    xp = array_namespace(argon, xenon)
    solid, gas, n = decomposed(argon, xenon, pair.model, wall_cm=pair.wall_cm, threads=pair.threads)
    more_solid, more_gas = noise_bias(argon, xenon, gas, pair)
    solid, gas = solid - more_solid, gas - more_gas - np.float32(pair.beside_cm)
    # Electrolyte that is not there reads as gas that is: one pattern, with two signs.
    pattern = xp.asarray(steady_pattern(range(first_row, first_row + len(xenon)), pair.layout.shape[2]))
    depth = xp.mean(xenon, axis=(0, 1))
    noise = (reconstructed(pair, _noise(paths, depth, sign * pattern)) for paths, sign in ((solid, -1), (gas, 1)))
    return (reconstructed(pair, solid, beyond=1.0), reconstructed(pair, gas), *noise), n


def _noise(paths: Array, depth: Array, pattern: Array) -> Array:
    """Noise of paths: that of the views, half the difference of two half-scans, and what all views share."""
    xp = array_namespace(paths)
    signs = xp.asarray(np.where(np.arange(paths.shape[1]) % 2, -1, 1).astype(np.float32))[:, None]
    return (signs * paths + (xp.asarray(steady_std(paths, depth)) * pattern)[:, None, :]).astype(xp.float32)


def noise_bias(argon: Array, xenon: Array, gas: Array, pair: RayPair) -> tuple[Array, Array]:
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
    solid_cm, gas_cm : (n_rows, 1, n_cols) array of float32
        To be subtracted from each path, in cm.
    """
    xp = array_namespace(argon, xenon)
    wall_cm = None if pair.wall_cm is None else pair.wall_cm.mean(axis=0, keepdims=True)
    means = [xp.mean(values, axis=1, keepdims=True) for values in (argon, xenon)]

    def paths(*steps: float) -> Array:  # numpydoc ignore=GL08
        moved = [mean + np.float32(step) for mean, step in zip(means, steps, strict=True)]
        return xp.stack(decomposed(moved[0], moved[1], pair.model, wall_cm=wall_cm, threads=pair.threads)[:2])

    h, middle_paths = BEND_STEP, paths(0.0, 0.0)
    ends = [(paths(h, 0.0), paths(-h, 0.0)), (paths(0.0, h), paths(0.0, -h))]
    slope, bend = xp.zeros_like(middle_paths), xp.zeros_like(middle_paths)
    for above, below in ends:
        slope = slope + ((above - below) / (2 * h)) ** 2
        bend = bend + (above + below - 2 * middle_paths) / h**2
    second = gas[:, 2:] - 2 * gas[:, 1:-1] + gas[:, :-2]
    variance = xp.mean(second**2, axis=1, keepdims=True) / SECOND / slope[1]
    bias = (0.5 * variance * bend).astype(xp.float32)
    return bias[0], bias[1]


def steady_pattern(rows: range, n_cols: int) -> NDArray[np.float32]:
    """Draw noise that stands still in all views.

    Parameters
    ----------
    rows : range
        Rows wanted; each has its own draw, the same whenever it is asked for.
    n_cols : int
        Columns.

    Returns
    -------
    (n_rows, n_cols) array of float32
        Of standard deviation 1.
    """
    return np.stack([np.random.default_rng([17, row]).standard_normal(n_cols, np.float32) for row in rows])


def steady_std(paths: Array, depth: Array) -> NDArray[np.float32]:
    """Measure the noise that all views share: that of the flats, and of gains that drifted after them.

    Half-scans of alternate views do not see it. The mean of all views wavers from column to column by it and by what
    is left of the views' own noise, which second differences from view to view tell. Over the noise of a view it
    goes as the root of the transmission, since flats are taken in the open beam; by how much is the median over the
    columns, as ring filters hide it where the cell is even, and walls look like it.

    Parameters
    ----------
    paths : (n_rows, n_theta, n_cols) array of float32
        In cm.
    depth : (n_cols,) array of float32
        Mean line integral of each column, dimensionless.

    Returns
    -------
    (n_cols,) array of float32
        Standard deviation in cm, one for all rows.
    """
    xp = array_namespace(paths)
    own = to_host(xp.mean((paths[:, 2:] - 2 * paths[:, 1:-1] + paths[:, :-2]) ** 2, axis=(0, 1))) / SECOND
    view_std = np.sqrt(own) * np.exp(-np.asarray(to_host(depth)) / 2) + np.finfo(np.float32).tiny
    still = xp.mean(paths, axis=1)
    bent = to_host(xp.abs(still[:, 2:] - 2 * still[:, 1:-1] + still[:, :-2]))
    across = ndimage.median_filter(np.pad(bent, ((0, 0), (1, 1)), mode="edge"), (1, COLUMNS_AROUND))
    wavers = (np.median(across, axis=0) / MEDIAN_OF_NORMAL) ** 2 / SECOND
    inside = view_std >= np.median(view_std)  # what lies in the bore: beside it there is hardly any noise to tell from
    ratio = np.sqrt(np.maximum(wavers - own / paths.shape[1], 0)) / view_std
    return (float(np.median(ratio[inside])) * view_std).astype(np.float32)


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
