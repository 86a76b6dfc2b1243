"""What the voxels of a simulated cell are filled with, sub-voxel mixtures and gas included."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..materials import Absorber, Material, Phase


class Fill(Enum):
    """Stand-in for the gas that fills the open pores during a scan."""

    GAS = "gas"


class Site(Enum):
    """Where the lithium of a tissue counts; each lithium voxel has one place.

    Foil is lithium that lay on the collector before the charge, counter that of the counter electrode.
    """

    FILM = "film"
    IN_ELECTROLYTE = "in_electrolyte"
    MIXED_ZONE = "mixed_zone"
    IN_CARBON = "in_carbon"
    ISOLATED = "isolated"
    FOIL = "foil"
    COUNTER = "counter"


@dataclass(frozen=True)
class Tissue:
    """A filling of voxels: one material, the gas, or a mixture finer than a voxel.

    Parameters
    ----------
    name : str
        What people call it.
    phase : Phase
        Phase that its voxels are labelled with.
    parts : tuple of (Material, Gas or Fill.GAS, share)
        What it is made of, with the share of the volume of each; dimensionless, not negative. A share of gas
        above 1 stands for gas taken up by adsorption.
    site : Site or None
        Where its lithium counts; None for tissues without metallic lithium.

    Raises
    ------
    ValueError
        If a share is negative, or the tissue holds lithium and no site.
    """

    name: str
    phase: Phase
    parts: tuple[tuple[Absorber | Fill, float], ...]
    site: Site | None = None

    def __post_init__(self) -> None:
        """Check shares and site."""
        if any(not share >= 0 for _, share in self.parts):
            raise ValueError(f"tissue {self.name} has shares {[s for _, s in self.parts]}; give shares of 0 or more")
        if self.lithium_share > 0 and self.site is None:
            raise ValueError(f"tissue {self.name} holds lithium; say with `site` where it counts in the balance")

    @property
    def lithium_share(self) -> float:
        """Share of the volume that is lithium metal, dimensionless."""
        return sum(share for part, share in self.parts if isinstance(part, Material) and part.formula == "Li")

    def mu_per_cm(self, energy_kev: ArrayLike, gas: Absorber) -> NDArray[np.float64]:
        """Return the linear attenuation coefficient with a gas in the open pores.

        Parameters
        ----------
        energy_kev : float or array
            Photon energy in keV.
        gas : Gas
            What fills the open pores.

        Returns
        -------
        numpy.ndarray of float64
            µ in cm^-1, in the shape of `energy_kev`.
        """
        total = np.zeros(np.shape(energy_kev))
        for part, share in self.parts:
            total = total + share * (gas if isinstance(part, Fill) else part).mu_per_cm(energy_kev)
        return total

    def decrement(self, energy_kev: float, gas: Absorber) -> float:
        """Return delta of the refractive index with a gas in the open pores.

        Parameters
        ----------
        energy_kev : float
            Photon energy in keV.
        gas : Gas
            What fills the open pores.

        Returns
        -------
        float
            delta, dimensionless.
        """
        return sum(
            share * (gas if isinstance(part, Fill) else part).decrement(energy_kev) for part, share in self.parts
        )


def solid(material: Material, site: Site | None = None, name: str | None = None) -> Tissue:
    """Return the tissue that is wholly one material.

    Parameters
    ----------
    material : Material
        What it is made of; its phase must be known.
    site : Site, optional
        Where its lithium counts, for lithium.
    name : str, optional
        Name, where it is not the material's.

    Returns
    -------
    Tissue
        The tissue.

    Raises
    ------
    ValueError
        If the material has no phase.
    """
    if material.phase is None:
        raise ValueError(f"{material.name} has no phase; use a material of the cell, or give it a phase")
    return Tissue(name or material.name, material.phase, ((material, 1.0),), site)


OPEN_VOID = Tissue("open void", Phase.VOID, ((Fill.GAS, 1.0),))
"""Pores and gaps that the gas of the scan reaches."""
