"""Tie grey values to µ by materials whose place in the scan is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..arrays import Array, to_host

CONSISTENT = 0.1
"""Largest misfit of a reference, as a share of the span of the references."""

State = Literal["calibrated", "uncalibrated", "inconsistent"]


@dataclass(frozen=True)
class Reference:
    """A material that was seen at a known place.

    Parameters
    ----------
    name : str
        Material or place.
    mu_per_cm : float
        What it should read, in cm^-1.
    grey : float
        What it reads, in grey values (cm^-1 where the volume is µ already).
    std : float
        Standard uncertainty of `grey`, same unit; 0 where unknown: all references then weigh alike.
    """

    name: str
    mu_per_cm: float
    grey: float
    std: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """Grey = `offset + slope * µ`.

    Parameters
    ----------
    slope : float
        Grey values per cm^-1; negative where the picture is inverted.
    offset : float
        Grey value at µ = 0.
    residual_per_cm : float or None
        Root mean square misfit of the references, in cm^-1; None with two or fewer, which always fit.
    state : str
        "calibrated" with at least two references of different µ that agree; "inconsistent" where three or more
        miss the line by over a tenth of their span; "uncalibrated" otherwise, with slope 1 and offset 0.
    references : tuple of Reference
        What it rests on.
    """

    slope: float
    offset: float
    residual_per_cm: float | None
    state: State
    references: tuple[Reference, ...] = ()

    @property
    def is_inverted(self) -> bool:
        """Whether bright means little attenuation."""
        return self.slope < 0

    def mu_per_cm(self, grey: Array) -> Array:
        """Return µ of grey values.

        Parameters
        ----------
        grey : array
            Grey values of any shape.

        Returns
        -------
        array of float32
            µ in cm^-1.
        """
        return (grey.astype("float32") - self.offset) / self.slope

    def grey(self, mu_per_cm: float) -> float:
        """Return the grey value that stands for µ.

        Parameters
        ----------
        mu_per_cm : float
            µ in cm^-1.

        Returns
        -------
        float
            Grey value.
        """
        return self.offset + self.slope * mu_per_cm


def calibrate(references: Sequence[Reference]) -> Calibration:
    """Fit the line that ties grey values to µ.

    Parameters
    ----------
    references : sequence of Reference
        At least two materials of different µ, else the answer is "uncalibrated".

    Returns
    -------
    Calibration
        Slope and offset by least squares, weighted with the references' uncertainties where all have one.

    Raises
    ------
    ValueError
        If references of different µ read the same grey value, or a number is not finite.
    """
    if strange := [r.name for r in references if not np.isfinite([r.mu_per_cm, r.grey]).all()]:
        raise ValueError(
            f"references {', '.join(strange)} hold values that are not finite; measure them where they are"
        )
    known = tuple(references)
    mu = np.array([r.mu_per_cm for r in known], dtype=np.float64)
    grey = np.array([r.grey for r in known], dtype=np.float64)
    if len(known) < 2 or np.ptp(mu) <= 1e-9 * max(np.abs(mu).max(), 1.0):
        return Calibration(1.0, 0.0, None, "uncalibrated", known)
    std = np.array([r.std for r in known], dtype=np.float64)
    weight = 1.0 / std if (std > 0).all() else np.ones(len(known))
    slope, offset = np.polyfit(mu, grey, 1, w=weight)
    if abs(slope) * np.ptp(mu) <= 1e-9 * max(np.abs(grey).max(), 1e-30):
        names = ", ".join(f"{r.name} ({r.mu_per_cm:g} cm^-1)" for r in known)
        raise ValueError(f"references {names} all read {grey[0]:g}; give references that differ in grey value")
    if len(known) == 2:
        return Calibration(float(slope), float(offset), None, "calibrated", known)
    misfit = (grey - offset) / slope - mu
    residual = float(np.sqrt((misfit**2).mean()))
    state: State = "inconsistent" if np.abs(misfit).max() > CONSISTENT * np.ptp(mu) else "calibrated"
    return Calibration(float(slope), float(offset), residual, state, known)


def region_reference(
    volume: Array, name: str, mu_per_cm: float, region: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
) -> Reference:
    """Measure the grey value of a material in a box that it fills.

    Parameters
    ----------
    volume : (n_z, n_y, n_x) array
        Grey values; only the box is read.
    name : str
        Material.
    mu_per_cm : float
        What it should read, in cm^-1.
    region : ((z0, z1), (y0, y1), (x0, x1))
        The box, in voxels, half-open.

    Returns
    -------
    Reference
        With the median of the box, and its standard uncertainty as if every 27 voxels were one.

    Raises
    ------
    ValueError
        If the box is empty or reaches beyond the volume.
    """
    if not all(0 <= a < b <= n for (a, b), n in zip(region, volume.shape, strict=True)):
        raise ValueError(f"region {region} of {name} does not lie within the volume {tuple(volume.shape)}")
    (z0, z1), (y0, y1), (x0, x1) = region
    values = np.asarray(to_host(volume[z0:z1, y0:y1, x0:x1]), dtype=np.float64)
    spread = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return Reference(name, mu_per_cm, float(np.median(values)), spread / max(values.size / 27.0, 1.0) ** 0.5)
