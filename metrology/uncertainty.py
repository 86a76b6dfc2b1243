"""How far off a number may be: propagation, re-segmentation, sampling of a rough film, and intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, to_host
from .deposit import UM2_PER_CM2
from .inventory import Amount

DRAWS = 32
Z_95 = 1.959964


@dataclass(frozen=True)
class Propagated:
    """A number with the uncertainty that its inputs give it.

    Parameters
    ----------
    value : float
        The number at the inputs' values.
    std : float
        Its standard deviation, inputs taken as independent and normal.
    variances : dict of str to float
        What each input adds to the variance.
    """

    value: float
    std: float
    variances: dict[str, float]


@dataclass(frozen=True, eq=False)
class Resampled:
    """A number measured again and again with inputs drawn at random.

    Parameters
    ----------
    values : (n,) array of float64
        The number at each draw.
    mean : float
        Their mean.
    std : float
        Their standard deviation.
    low, high : float
        Ends of the 95 % interval: the 2.5 and 97.5 percentiles, widened to 1.96 standard deviations where
        few draws make percentiles too narrow.
    """

    values: NDArray[np.float64]
    mean: float
    std: float
    low: float
    high: float


def propagate(
    function: Callable[[Mapping[str, float]], float], inputs: Mapping[str, tuple[float, float]]
) -> Propagated:
    """Propagate the uncertainty of inputs by moving each one by its standard deviation, up and down.

    Parameters
    ----------
    function : callable
        Takes a mapping of names to values and returns the number.
    inputs : mapping of str to (value, std)
        Value and standard deviation of each input, in the input's own unit.

    Returns
    -------
    Propagated
        First order (GUM, section 5) [1]_, exact for linear functions.

    Raises
    ------
    ValueError
        If a standard deviation is negative or not finite.

    References
    ----------
    .. [1] JCGM 100:2008, Guide to the Expression of Uncertainty in Measurement.
    """
    centre = {name: value for name, (value, _) in inputs.items()}
    variances = {}
    for name, (value, std) in inputs.items():
        if not 0 <= std < float("inf"):
            raise ValueError(f"the standard deviation of {name} is {std}; give a finite one of zero or more")
        up, down = (function({**centre, name: value + side * std}) for side in (1, -1))
        variances[name] = ((up - down) / 2) ** 2
    return Propagated(float(function(centre)), sqrt(sum(variances.values())), variances)


def resample(
    measure: Callable[[Mapping[str, float]], float],
    spreads: Mapping[str, float],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Resampled:
    """Measure again with randomly moved thresholds or confidences, and see how far the number moves.

    Parameters
    ----------
    measure : callable
        Takes a mapping of names to shifts, segments with the shifted values and returns the number.
    spreads : mapping of str to float
        Standard deviation of each shift, in the input's own unit.
    draws : int
        Number of measurements, at least 2.
    seed : int
        Of the random shifts.

    Returns
    -------
    Resampled
        Mean, standard deviation and 95 % interval.

    Raises
    ------
    ValueError
        If there are fewer than two draws.
    """
    if draws < 2:
        raise ValueError(f"{draws} draws show no spread; make at least 2")
    rng = np.random.default_rng(seed)
    shifts = [{name: float(rng.normal(0, std)) for name, std in spreads.items()} for _ in range(draws)]
    values = np.array([measure(shift) for shift in shifts], dtype=np.float64)
    mean, std = float(values.mean()), float(values.std(ddof=1))
    low, high = np.percentile(values, [2.5, 97.5])
    return Resampled(values, mean, std, float(min(low, mean - Z_95 * std)), float(max(high, mean + Z_95 * std)))


def sampling_std_um(
    map_um: Array,
    mask: Array | None = None,
    *,
    area_in_view_cm2: float,
    area_cm2: float | None = None,
    correlation_length_um: float | None,
) -> float | None:
    """Return how far the mean of the view may be from that of the whole electrode, the film being rough.

    The view holds as many independent patches as it has areas of pi times the correlation length squared;
    the nearer the view comes to the whole electrode, the less is left to chance.

    Parameters
    ----------
    map_um : (n_y, n_x) array
        Column thickness in µm, NaN where not measured.
    mask : (n_y, n_x) array of bool, optional
        Columns of the electrode; None takes all.
    area_in_view_cm2 : float
        Area that was measured, in cm^2.
    area_cm2 : float, optional
        Area of the whole electrode, in cm^2; None takes it as far larger than the view.
    correlation_length_um : float or None
        Distance over which thickness is alike, in µm; None where unknown.

    Returns
    -------
    float or None
        Standard deviation in µm; None if the correlation length is unknown or nothing was measured.
    """
    heights = np.asarray(to_host(map_um), dtype=np.float64)
    known = np.isfinite(heights) if mask is None else np.isfinite(heights) & np.asarray(to_host(mask), dtype=bool)
    if correlation_length_um is None or not known.any() or area_in_view_cm2 <= 0:
        return None
    patches = max(area_in_view_cm2 * UM2_PER_CM2 / (pi * correlation_length_um**2), 1.0)
    unseen = 1.0 if area_cm2 is None else max(1 - area_in_view_cm2 / area_cm2, 0.0)
    return float(heights[known].std() * sqrt(unseen / patches))


def film_variances_um2(
    mean_um: float,
    *,
    voxel_um: float,
    voxel_relative_std: float = 0.0,
    surface_stds_voxels: Mapping[str, float] | None = None,
    level_relative_std: float = 0.0,
    sampling_std_um: float | None = None,
    unlabelled_um: float = 0.0,
) -> dict[str, float]:
    """Return what each cause adds to the variance of the mean film thickness.

    Parameters
    ----------
    mean_um : float
        Mean thickness, in µm.
    voxel_um : float
        Edge of a voxel along the stack, in µm.
    voxel_relative_std : float
        Relative standard deviation of the voxel's edge: the calibration of the magnification.
    surface_stds_voxels : mapping of str to float, optional
        Standard deviation of the place of each surface as a whole, in voxels, by name ("collector surface",
        "electrolyte surface"): threshold and blur move a whole surface at once.
    level_relative_std : float
        Relative standard deviation of the lithium share of a full voxel: that of the grey levels.
    sampling_std_um : float, optional
        From `sampling_std_um`, in µm.
    unlabelled_um : float
        Mean height of unlabelled voxels in the columns (starved rows), in µm: they may hold lithium or not.

    Returns
    -------
    dict of str to float
        Variance of each cause, in µm^2, for `error_budget`; their sum is the variance of the mean.
    """
    stds = {"voxel calibration": mean_um * voxel_relative_std, "grey levels": mean_um * level_relative_std}
    stds |= {name: voxel_um * std for name, std in (surface_stds_voxels or {}).items()}
    stds |= {"area outside the view": sampling_std_um or 0.0, "unlabelled rows": unlabelled_um / sqrt(12)}
    return {name: std**2 for name, std in stds.items() if std != 0}


def between(low_um: float, high_um: float) -> Amount:
    """Return an amount of which only the ends of its interval are known.

    Isolated lithium without a scan before charging is such a one: the pieces may be closed pores, so it lies
    between 0 and their volume.

    Parameters
    ----------
    low_um, high_um : float
        Ends of the interval, in µm.

    Returns
    -------
    Amount
        Its middle, with the standard deviation of an even spread between the ends.

    Raises
    ------
    ValueError
        If the ends are in the wrong order.
    """
    if not low_um <= high_um:
        raise ValueError(f"the interval runs from {low_um} to {high_um} µm; give the lower end first")
    return Amount((low_um + high_um) / 2, (high_um - low_um) / sqrt(12))


def covers(value: float, std: float, truth: float) -> bool:
    """Tell whether a truth lies in the 95 % interval of a measured number.

    Parameters
    ----------
    value : float
        The number.
    std : float
        Its standard deviation, in the same unit.
    truth : float
        The truth, in the same unit.

    Returns
    -------
    bool
        True if it lies within 1.96 standard deviations.
    """
    return abs(value - truth) <= Z_95 * std
