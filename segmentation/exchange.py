"""Whether the argon and the xenon scan of a pair were exchanged: voids tell, as xenon attenuates more."""

from collections.abc import Mapping

import numpy as np

from ..materials import Phase
from .contrast import ExpectedMu
from .filters import gaussian_within
from .levels import MIN_VOXELS, Sample

FAR = 0.75
"""Share of the gases' contrast that a voxel must differ by to count as filled with gas."""

LEAST_SHARE = 0.003
TIMES_MORE = 4
"""Voxels brighter in argon: at least this share of all, and so many times those brighter in xenon."""

SIGMA_PX = 1.0


def check_gases(sample: Sample, expected: Mapping[str, Mapping[Phase, ExpectedMu]]) -> None:
    """Refuse a pair in which voids are brighter in the argon scan than in the xenon scan.

    Parameters
    ----------
    sample : Sample
        Part of the light rows, in "argon" and in "xenon"; of one scan alone nothing can be said.
    expected : mapping of str to mapping of Phase to ExpectedMu
        For each scan what each phase should read, void (the gas) included.

    Raises
    ------
    ValueError
        If many more voxels are brighter by the gases' contrast in argon than in xenon.
    """
    if not {"argon", "xenon"} <= sample.volumes.keys():
        return
    contrast = expected["xenon"][Phase.VOID].mu_per_cm - expected["argon"][Phase.VOID].mu_per_cm
    difference = gaussian_within(sample.volumes["xenon"] - sample.volumes["argon"], sample.mask, SIGMA_PX)[sample.mask]
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
