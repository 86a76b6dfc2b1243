"""Some rows of a pair of scans, from line integrals to shares of electrolyte and gas, on the host or on a GPU."""

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace, is_on_gpu
from ..arrays.blocks import thread_map
from ..reconstruction.fourier import fourier_fbp
from ..reconstruction.truncation import extend
from ..reconstruction.two_gas import RayModel, decompose_rays
from .chain import middle
from .ray_pairs import RayPair
from .steps import Fbp, FourierFbp


def shares_of_rows(pair: RayPair, argon: Array, xenon: Array) -> tuple[tuple[Array, Array, Array], int]:
    """Decompose some rows and reconstruct their shares, where their sinograms lie.

    Parameters
    ----------
    pair : RayPair
        Both scans.
    argon, xenon : (n_rows, n_theta, n_cols) array of float32
        Line integrals of the same rays, dimensionless.

    Returns
    -------
    tuple of (n_rows, n_cols, n_cols) array of float32
        Shares of electrolyte and gas, and lithium's noise.
    int
        Rays beyond the tables.
    """
    xp = array_namespace(argon, xenon)
    solid, gas, n = decomposed(argon, xenon, pair.model, wall_cm=pair.wall_cm, threads=pair.threads)
    gas = gas - np.float32(pair.beside_cm)
    signs = np.where(np.arange(pair.n_views) % 2, -pair.noise_factor, pair.noise_factor).astype(np.float32)
    signs = xp.asarray(signs)[:, None]
    noise = reconstructed(pair, signs * (solid + gas))
    return (reconstructed(pair, solid, beyond=1.0), reconstructed(pair, gas), noise), n


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
