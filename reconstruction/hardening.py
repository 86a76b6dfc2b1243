"""Beam hardening: from the line integrals that a tube gives to those of one energy.

Behind the path p of one material a spectrum with the weights w gives `L(p) = -ln sum_E w_E exp(-mu_E p)`, which grows
more slowly than p: a uniform pellet reads less in its middle than at its rim (cupping). L is monotone, so it can be
turned round, and `mu_ref p` put in its place [1]_.

References
----------
.. [1] Herman, Phys. Med. Biol. 24 (1979) 81, correction for beam hardening in computed tomography.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace
from ..materials import Spectrum
from ..materials.attenuation import Absorber

KNOTS = 1024
DEEPEST = 14.0
"""Line integrals are tabulated to here: a transmission of 1e-6, below what any detector counts."""


@dataclass(frozen=True, eq=False)
class Linearisation:
    """A monotone map from measured line integrals to those of one energy.

    Parameters
    ----------
    measured : (n,) array of float64
        Line integrals that the spectrum gives behind growing paths, dimensionless, from 0.
    linear : (n,) array of float64
        `mu_ref_per_cm` times these paths, dimensionless.
    mu_ref_per_cm : float
        µ that the dominant material reads after the map, in cm^-1.
    name : str
        Material that the map is made for.
    """

    measured: NDArray[np.float64]
    linear: NDArray[np.float64]
    mu_ref_per_cm: float
    name: str = "material"

    @property
    def path_cm(self) -> NDArray[np.float64]:
        """Paths behind which `measured` is read, in cm."""
        return self.linear / self.mu_ref_per_cm


def linearisation(
    spectrum: Spectrum,
    material: Absorber,
    *,
    behind: Sequence[tuple[Absorber, float]] = (),
    energy_kev: float | None = None,
    name: str = "material",
) -> Linearisation:
    """Tabulate the map for one dominant material.

    Parameters
    ----------
    spectrum : Spectrum
        Weights of the energies in the detector's signal with nothing in the beam but what the flats saw.
    material : Absorber
        The dominant material, for a cell its electrolyte.
    behind : sequence of (Absorber, float)
        What else every ray crosses and the flats did not: material and path in cm, for instance the casing.
    energy_kev : float, optional
        Energy whose µ the material shall read, in keV. None takes the mean µ of the beam at zero path, so that thin
        and light things keep the µ that they have without the map.
    name : str
        Name of the material, for records.

    Returns
    -------
    Linearisation
        Monotone from (0, 0) to a transmission of 1e-6; beyond, its last slope goes on.

    Raises
    ------
    ValueError
        If the material does not attenuate.
    """
    for layer, thickness_cm in behind:
        spectrum = spectrum.filtered(layer, thickness_cm)
    mu = np.asarray(material.mu_per_cm(spectrum.energy_kev), np.float64)
    weights = spectrum.photons
    mean = float(weights @ mu)
    if not mean > 0:
        raise ValueError(f"{name} has a mean µ of {mean:g} cm^-1 in this beam; the dominant material must attenuate")
    reference = mean if energy_kev is None else float(material.mu_per_cm(energy_kev))
    longest_cm = DEEPEST / float(mu[weights > 0].min()) if spectrum.energy_kev.size > 1 else DEEPEST / mean
    path_cm = longest_cm * np.linspace(0, 1, KNOTS) ** 2
    measured = _polychromatic(path_cm, mu, weights)
    keep = np.concatenate([[True], np.diff(measured) > 0]) & (measured <= DEEPEST)
    return Linearisation(measured[keep], reference * path_cm[keep], reference, name)


def _polychromatic(
    path_cm: NDArray[np.float64], mu: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Line integral that a spectrum gives, stable for deep paths."""
    seen = weights > 0
    depth = np.multiply.outer(path_cm, mu[seen])
    least = depth.min(axis=-1, keepdims=True)
    return least[..., 0] - np.log(np.exp(least - depth) @ weights[seen])


def linearise(integrals: Array, table: Linearisation) -> Array:
    """Put the line integrals of one energy in the place of a spectrum's.

    Parameters
    ----------
    integrals : array
        Measured line integrals of any shape, dimensionless. Negative ones, which are noise, keep their value times the
        map's slope at zero.
    table : Linearisation
        The map.

    Returns
    -------
    array of float32
        Line integrals at one energy, dimensionless, on the device of `integrals`.
    """
    xp = array_namespace(integrals)
    measured, linear = xp.asarray(table.measured), xp.asarray(table.linear)
    inside = xp.interp(integrals, measured, linear)
    first = float(table.linear[1] / table.measured[1])
    last = float((table.linear[-1] - table.linear[-2]) / (table.measured[-1] - table.measured[-2]))
    below = integrals * first
    above = float(table.linear[-1]) + last * (integrals - float(table.measured[-1]))
    result = xp.where(integrals < 0, below, xp.where(integrals > float(table.measured[-1]), above, inside))
    return result.astype(xp.float32)


def hardened(integrals: Array, table: Linearisation) -> Array:
    """Undo `linearise`: put what the tube gives in the place of the line integrals of one energy.

    Parameters
    ----------
    integrals : array
        Line integrals at one energy, of any shape, dimensionless.
    table : Linearisation
        The map that they went through.

    Returns
    -------
    array of float32
        Line integrals as measured, dimensionless, on the device of `integrals`.
    """
    turned = Linearisation(table.linear, table.measured, table.mu_ref_per_cm, table.name)
    return linearise(integrals, turned)
