"""Facts of the cell and the beam: phases, attenuation, gas density, spectra, lithium per charge.

Public names: `Phase`, `COLOURS`, `NOT_LABELLED`; `Absorber`, `Material`, `MATERIALS`, `material`,
`mu_per_cm`, `decrement`; `Gas`, `density_g_cm3`; `Spectrum`, `monochromatic`, `tube`, `effective_mu_per_cm`; and the
module `lithium`.
"""

from . import lithium
from .attenuation import MATERIALS, Absorber, Material, decrement, material, mu_per_cm
from .gases import Gas, density_g_cm3
from .phases import COLOURS, NOT_LABELLED, Phase
from .spectra import Spectrum, effective_mu_per_cm, monochromatic, tube

__all__ = [
    "COLOURS",
    "MATERIALS",
    "NOT_LABELLED",
    "Absorber",
    "Gas",
    "Material",
    "Phase",
    "Spectrum",
    "decrement",
    "density_g_cm3",
    "effective_mu_per_cm",
    "lithium",
    "material",
    "monochromatic",
    "mu_per_cm",
    "tube",
]
