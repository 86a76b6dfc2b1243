"""Denoise the light rows of starved scans before they are labelled: for labels alone, never for amounts.

What is told from denoised µ is which light phase a voxel is: void, lithium or carbon. The electrolyte and what lies
in it, and all sub-voxel surfaces and shares, are taken from µ as it was reconstructed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, to_host
from ..materials import Phase
from .labelling import light_only
from .thresholds import Thresholds, apply

TV_WEIGHT = 1.0
"""Weight of the total variation, for µ in units of its noise."""

TV_STEPS = 60
LIGHT = (Phase.VOID, Phase.LITHIUM, Phase.CARBON)


def total_variation(volume: Array, *, noise_per_cm: float, weight: float = TV_WEIGHT) -> NDArray[np.float32]:
    """Smooth µ where it is even, and leave steps, by Chambolle's total variation [1]_.

    Parameters
    ----------
    volume : (n_z, n_y, n_x) array
        µ in cm^-1.
    noise_per_cm : float
        Standard deviation of µ in a voxel, in cm^-1, above 0.
    weight : float
        How much is smoothed, for µ in units of its noise, dimensionless; above 0.

    Returns
    -------
    (n_z, n_y, n_x) array of float32
        µ in cm^-1, on the host.

    Raises
    ------
    ValueError
        If noise or weight are not above 0.

    References
    ----------
    .. [1] Chambolle, J. Math. Imaging Vis. 20 (2004) 89-97.
    """
    if not (noise_per_cm > 0 and weight > 0):
        raise ValueError(f"noise is {noise_per_cm} cm^-1 and weight {weight}; give both above 0")
    from skimage.restoration import denoise_tv_chambolle

    scaled = np.asarray(to_host(volume), np.float32) / np.float32(noise_per_cm)
    smooth = denoise_tv_chambolle(scaled, weight=weight, max_num_iter=TV_STEPS)
    return (smooth * np.float32(noise_per_cm)).astype(np.float32)


def denoised_slabs(t: Thresholds, slabs: Sequence[Array]) -> list[NDArray[np.float32]]:
    """Smooth the light part of slabs of all scans; what is dense is left as it is.

    Parameters
    ----------
    t : Thresholds
        Levels and noise.
    slabs : sequence of (n_z, n_y, n_x) array
        µ in cm^-1, in the order of `t.scans`.

    Returns
    -------
    list of (n_z, n_y, n_x) array of float32
        µ in cm^-1, on the host.
    """
    found = []
    for scan, slab in zip(t.scans, slabs, strict=True):
        light = np.asarray(to_host(light_only(t, scan, slab)))
        dense = np.asarray(to_host(slab)) - light
        found.append(total_variation(light, noise_per_cm=t.noise_per_cm[scan]) + dense)
    return found


def light_phases(labels: NDArray[np.uint8], smooth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take from the labels of denoised µ what tells light phases apart.

    Parameters
    ----------
    labels, smooth : (n_z, n_y, n_x) array of uint8
        Values of `Phase` from µ as it is, and from denoised µ.

    Returns
    -------
    (n_z, n_y, n_x) array of uint8
        Void, lithium and carbon where both see a light phase; 0 elsewhere, where the first ones stand.
    """
    chosen = np.isin(labels, LIGHT) & np.isin(smooth, LIGHT)
    return np.where(chosen, smooth, np.uint8(Phase.OUTSIDE)).astype(np.uint8)


def denoised_phases(
    t: Thresholds, slabs: Mapping[str, Array], z0: int, *, corner: tuple[int, int] = (0, 0)
) -> NDArray[np.uint8]:
    """Tell the light phases of a slab apart in denoised µ, without the Gaussian that noise asks for.

    Parameters
    ----------
    t : Thresholds
        From `prepare`, of µ as it was reconstructed.
    slabs : mapping of str to (n_z, n_y, n_x) array
        µ in cm^-1 by scan, with the halo that `apply` wants.
    z0 : int
        Row of the volume at which the slab starts.
    corner : (2,) tuple of int
        First y and x of the slab where it is a part of the slices.

    Returns
    -------
    (n_z, n_y, n_x) array of uint8
        For the `phases` of `apply`: void, lithium and carbon, and 0 where the thresholds stand.
    """
    smooth = dict(zip(t.scans, denoised_slabs(t, [slabs[scan] for scan in t.scans]), strict=True))
    labels, _ = apply(t, slabs.get("argon"), slabs.get("xenon"), z0, corner=corner)
    named, _ = apply(replace(t, smoothing_px=0.0), smooth.get("argon"), smooth.get("xenon"), z0, corner=corner)
    return light_phases(np.asarray(to_host(labels)), named)
