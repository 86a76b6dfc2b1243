"""The lithium that the charge predicts: Faraday's law, with its assumptions and its uncertainty."""

from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import ArrayLike

from ..materials.lithium import DENSITY_G_CM3, thickness_um

SECONDS_PER_HOUR = 3600.0
MINUTES_PER_HOUR = 60.0
REFERENCE_K = 298.15

EXPANSION_PER_K = 1.4e-4
"""Volume expansion of solid lithium near room temperature, three times 46.6e-6 K^-1 (CRC Handbook)."""

MELTING_K = 453.65


@dataclass(frozen=True)
class Charge:
    """A charge, and the lithium it predicts over the electrode.

    Parameters
    ----------
    areal_capacity_mah_per_cm2 : float
        Charge over electrode area, in mAh cm^-2.
    expected_thickness_um : float
        Thickness of all lithium that the charge moved, wherever it lies now, as a dense layer in µm:
        areal capacity times efficiency times 4.849 µm per mAh cm^-2.
    expected_thickness_um_std : float or None
        Its standard deviation, in µm; None where no input had one.
    charge_mah : float or None
        Charge in mAh; None where only a current density was given, without an area.
    efficiency : float
        Share of the charge that moved lithium, dimensionless.
    variances_um2 : tuple of (str, float)
        What each input adds to the variance of the expected thickness, in µm^2.
    assumptions : tuple of str
        What was declared and not measured, in words.
    """

    areal_capacity_mah_per_cm2: float
    expected_thickness_um: float
    expected_thickness_um_std: float | None = None
    charge_mah: float | None = None
    efficiency: float = 1.0
    variances_um2: tuple[tuple[str, float], ...] = ()
    assumptions: tuple[str, ...] = ()


def charge_mah(current_ma: ArrayLike, time_s: ArrayLike) -> float:
    """Integrate a sampled current over time by the trapezoid rule.

    The rule is exact for a current that changes linearly between samples. At a switch it spreads the change
    over one sampling interval; cut the record at its steps (`plated_charge_mah` does) where that matters.

    Parameters
    ----------
    current_ma : (n,) array or float
        Current in mA, positive when it plates lithium. One number is a constant current.
    time_s : (n,) array
        Time of each sample in s, never falling, at least two samples.

    Returns
    -------
    float
        Charge in mAh, positive when lithium was plated on balance.

    Raises
    ------
    ValueError
        If lengths differ, there are fewer than two samples, a value is not finite, or time runs backwards.
    """
    time = np.asarray(time_s, dtype=np.float64)
    current = np.asarray(current_ma, dtype=np.float64)
    if current.ndim == 0:
        current = np.full(time.shape, current)
    if time.ndim != 1 or time.shape != current.shape:
        raise ValueError(f"current has shape {current.shape} and time {time.shape}; give one current for each time")
    if time.size < 2:
        raise ValueError(f"{time.size} samples hold no interval; give at least two")
    if not (np.isfinite(time).all() and np.isfinite(current).all()):
        raise ValueError("current or time holds NaN or Inf; drop those samples first")
    if (np.diff(time) < 0).any():
        at = int(np.argmax(np.diff(time) < 0)) + 1
        raise ValueError(
            f"time falls from {time[at - 1]:g} to {time[at]:g} s at sample {at}; time must not run "
            "backwards: sort the record, or add up the time of each step"
        )
    return float(np.trapezoid(current, time) / SECONDS_PER_HOUR)


def charge_of_density(
    current_density_ma_per_cm2: float,
    duration_min: float,
    *,
    density_std_ma_per_cm2: float = 0.0,
    area_cm2: float | None = None,
    efficiency: float = 1.0,
    efficiency_std: float = 0.0,
    temperature_k: float = REFERENCE_K,
) -> Charge:
    """Return the charge of a constant current density, and the lithium it predicts.

    Parameters
    ----------
    current_density_ma_per_cm2 : float
        Current over electrode area, in mA cm^-2, positive when it plates lithium.
    duration_min : float
        Time for which it flowed, in min.
    density_std_ma_per_cm2 : float
        Standard deviation of the current density (current and electrode area together), in mA cm^-2.
    area_cm2 : float, optional
        Electrode area, in cm^2, only to state the charge in mAh.
    efficiency : float
        Declared share of the charge that moved lithium, dimensionless, in (0, 1].
    efficiency_std : float
        Its standard deviation, dimensionless.
    temperature_k : float
        Temperature of the cell in the scan, in K: warm lithium is thicker, 0.5 % at 60 °C.

    Returns
    -------
    Charge
        With the expected thickness: 0.2 mA cm^-2 for 4000 min is 64.7 µm.

    Raises
    ------
    ValueError
        If the duration is negative, the area not positive, or the efficiency not in (0, 1].
    """
    if not duration_min >= 0:
        raise ValueError(f"the duration is {duration_min} min; give a time of zero or more")
    hours = duration_min / MINUTES_PER_HOUR
    capacity = current_density_ma_per_cm2 * hours
    return _charge(
        capacity,
        stds=(("current density", density_std_ma_per_cm2 * hours),),
        efficiency=(efficiency, efficiency_std),
        temperature_k=temperature_k,
        total_mah=None if area_cm2 is None else capacity * _positive_area(area_cm2),
    )


def charge_over_area(
    total_mah: float,
    area_cm2: float,
    *,
    total_std_mah: float = 0.0,
    area_std_cm2: float = 0.0,
    efficiency: float = 1.0,
    efficiency_std: float = 0.0,
    temperature_k: float = REFERENCE_K,
) -> Charge:
    """Return a charge spread over an electrode, and the lithium it predicts.

    Parameters
    ----------
    total_mah : float
        Charge in mAh, positive when it plated lithium; `charge_mah` or a cycler file gives it.
    area_cm2 : float
        Electrode area, in cm^2: the area the current flowed through, which may exceed the view.
    total_std_mah : float
        Standard deviation of the charge, in mAh.
    area_std_cm2 : float
        Standard deviation of the area, in cm^2.
    efficiency : float
        Declared share of the charge that moved lithium, dimensionless, in (0, 1].
    efficiency_std : float
        Its standard deviation, dimensionless.
    temperature_k : float
        Temperature of the cell in the scan, in K: warm lithium is thicker, 0.5 % at 60 °C.

    Returns
    -------
    Charge
        With the expected thickness.

    Raises
    ------
    ValueError
        If the area is not positive or the efficiency not in (0, 1].
    """
    area_cm2 = _positive_area(area_cm2)
    capacity = total_mah / area_cm2
    return _charge(
        capacity,
        stds=(("charge", total_std_mah / area_cm2), ("electrode area", capacity * area_std_cm2 / area_cm2)),
        efficiency=(efficiency, efficiency_std),
        temperature_k=temperature_k,
        total_mah=total_mah,
    )


def _positive_area(area_cm2: float) -> float:
    if not (area_cm2 > 0 and np.isfinite(area_cm2)):
        raise ValueError(f"the electrode area is {area_cm2} cm^2; give a positive area")
    return area_cm2


def _charge(
    capacity: float,
    *,
    stds: tuple[tuple[str, float], ...],
    efficiency: tuple[float, float],
    temperature_k: float,
    total_mah: float | None,
) -> Charge:
    """Turn an areal capacity and the standard deviations of its inputs (mAh cm^-2) into a `Charge`."""
    share, share_std = efficiency
    if not 0 < share <= 1:
        raise ValueError(f"the efficiency is {share}; give the share of the charge that moved lithium, in (0, 1]")
    if not 0 < temperature_k < MELTING_K:
        raise ValueError(f"the temperature is {temperature_k} K; give kelvin, below 453.65 K where lithium melts")
    expansion = 1 + EXPANSION_PER_K * (temperature_k - REFERENCE_K)
    um_per_capacity = float(thickness_um(1.0)) * expansion
    parts = [(name, abs(um_per_capacity * share * std)) for name, std in stds]
    parts.append(("efficiency", abs(um_per_capacity * capacity * share_std)))
    variances = tuple((name, std**2) for name, std in parts if std > 0)
    spread = f" +- {share_std:g}" if share_std else ""
    source = "declared" if share != 1 or share_std else "assumed"
    return Charge(
        areal_capacity_mah_per_cm2=capacity,
        expected_thickness_um=um_per_capacity * capacity * share,
        expected_thickness_um_std=hypot(*(std for _, std in parts)) if variances else None,
        charge_mah=total_mah,
        efficiency=share,
        variances_um2=variances,
        assumptions=(
            f"efficiency {share:g}{spread} ({source})",
            f"lithium is dense, {DENSITY_G_CM3 / expansion:.4g} g/cm3 at {temperature_k:g} K",
        ),
    )
