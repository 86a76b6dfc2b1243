"""Whether the gases of a pair are what they are said to be: voids tell, as xenon attenuates more."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..materials import Phase
from .contrast import ExpectedMu
from .filters import erode, gaussian_within
from .levels import EROSION, MIN_VOXELS, SIGMAS_PX, Sample, robust_std

FAR = 0.75
"""Share of the gases' contrast that a voxel must differ by to count as filled with gas."""

LEAST_SHARE = 0.003
TIMES_MORE = 4
"""Voxels brighter in argon: at least this share of all, and so many times those brighter in xenon."""

WIDEST_PX = SIGMAS_PX[-1]
APART = 8
"""Voxels after which noise under that Gaussian is another."""

BEYOND_NOISE = 5.0
"""Standard deviations by which a voxel differs between the gases when it holds gas."""

NO_CARBON = 0.4
"""Share of dense carbon below which a voxel reads in argon when it is none: carbon is full of small pores."""

FACTOR = 1.7
"""Voids may differ by so many times less than the gases: blur and lithium in them take away from it."""


def check_gases(sample: Sample, expected: Mapping[str, Mapping[Phase, ExpectedMu]], *, sigma_px: float = 1.0) -> None:
    """Refuse a pair in which voids are brighter in the argon scan than in the xenon scan.

    Parameters
    ----------
    sample : Sample
        Part of the light rows, in "argon" and in "xenon"; of one scan alone nothing can be said.
    expected : mapping of str to mapping of Phase to ExpectedMu
        For each scan what each phase should read, void (the gas) included.
    sigma_px : float
        Standard deviation of the Gaussian that keeps noise below the gases' contrast, in voxels.

    Raises
    ------
    ValueError
        If many more voxels are brighter by the gases' contrast in argon than in xenon.
    """
    if not {"argon", "xenon"} <= sample.volumes.keys():
        return
    contrast = expected["xenon"][Phase.VOID].mu_per_cm - expected["argon"][Phase.VOID].mu_per_cm
    difference = gaussian_within(sample.volumes["xenon"] - sample.volumes["argon"], sample.mask, sigma_px)[sample.mask]
    in_xenon = int(np.count_nonzero(difference > FAR * contrast))
    in_argon = int(np.count_nonzero(difference < -FAR * contrast))
    enough = max(MIN_VOXELS, LEAST_SHARE * difference.size, TIMES_MORE * in_xenon)
    if contrast <= 0 or in_argon <= enough:
        return
    raise ValueError(
        f"{in_argon} light voxels read {FAR * contrast:.2g} cm^-1 or more above the xenon scan in the argon "
        f"scan, and {in_xenon} as far below it; gas in voids reads more in xenon: exchange the paths of the two scans, "
        "or mend their gas"
    )


def gas_doubt(sample: Sample, expected: Mapping[str, Mapping[Phase, ExpectedMu]]) -> str | None:
    """Say whether voids differ between the gases by much less than pressures that are right would make them.

    Parameters
    ----------
    sample : Sample
        Part of the light rows, in "argon" and in "xenon"; of one scan alone nothing can be said.
    expected : mapping of str to mapping of Phase to ExpectedMu
        For each scan what each phase should read, void (the gas) included.

    Returns
    -------
    str or None
        One sentence for the reader; None where voids read what they should, or none is large enough to tell.
    """
    if not {"argon", "xenon"} <= sample.volumes.keys():
        return None
    contrast = expected["xenon"][Phase.VOID].mu_per_cm - expected["argon"][Phase.VOID].mu_per_cm
    difference = sample.volumes["xenon"] - sample.volumes["argon"]
    soft = gaussian_within(difference, sample.mask, WIDEST_PX)
    filled = soft > BEYOND_NOISE * _noise(soft, sample.mask)
    if Phase.CARBON in expected["argon"]:
        limit = NO_CARBON * expected["argon"][Phase.CARBON].mu_per_cm
        filled &= gaussian_within(sample.volumes["argon"], sample.mask, WIDEST_PX) < limit
    cores = erode(filled | ~sample.mask, EROSION) & sample.mask
    if np.count_nonzero(cores) < MIN_VOXELS or (level := float(difference[cores].mean())) * FACTOR > contrast:
        return None
    return (
        f"voids differ by {level:.2g} cm^-1 between the gases where {contrast:.2g} are expected: check pressure_atm, "
        "which is absolute (gauge + 1), and the gases; or lithium there has pores finer than a voxel"
    )


def _noise(soft: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Noise of a smoothed volume, from voxels far enough apart to have their own, most of them in one phase."""
    both = mask[..., APART:] & mask[..., :-APART]
    return robust_std((soft[..., APART:] - soft[..., :-APART])[both]) / math.sqrt(2.0)
