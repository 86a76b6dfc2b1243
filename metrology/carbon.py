"""Lithium in the carbon: what its declared capacity allows, and what its filled pores hold."""

from math import hypot

from ..materials.lithium import thickness_um
from .inventory import Amount


def declared_uptake(
    capacity_mah_per_g: float,
    loading_mg_per_cm2: float,
    *,
    capacity_std_mah_per_g: float = 0.0,
    loading_std_mg_per_cm2: float = 0.0,
) -> Amount:
    """Return the lithium that the carbon takes up by its declared capacity.

    Parameters
    ----------
    capacity_mah_per_g : float
        Charge that a gram of the carbon takes up, in mAh g^-1.
    loading_mg_per_cm2 : float
        Carbon over electrode area, in mg cm^-2; `loading` gives it from thickness and density.
    capacity_std_mah_per_g : float
        Standard deviation of the capacity, in mAh g^-1.
    loading_std_mg_per_cm2 : float
        Standard deviation of the loading, in mg cm^-2.

    Returns
    -------
    Amount
        As a layer of dense lithium over the electrode, in µm, marked as declared.

    Raises
    ------
    ValueError
        If capacity or loading is negative.
    """
    if capacity_mah_per_g < 0 or loading_mg_per_cm2 < 0:
        raise ValueError(
            f"capacity {capacity_mah_per_g} mAh/g and loading {loading_mg_per_cm2} mg/cm^2; neither can be negative"
        )
    um_per_unit = thickness_um(1e-3)
    std = hypot(capacity_std_mah_per_g * loading_mg_per_cm2, loading_std_mg_per_cm2 * capacity_mah_per_g)
    return Amount(um_per_unit * capacity_mah_per_g * loading_mg_per_cm2, um_per_unit * std, is_declared=True)


def loading_mg_per_cm2(thickness_um: float, density_g_cm3: float) -> float:
    """Return the carbon over electrode area of a layer.

    Parameters
    ----------
    thickness_um : float
        Thickness of the layer, in µm.
    density_g_cm3 : float
        Density of the layer with its pores, in g cm^-3.

    Returns
    -------
    float
        Loading in mg cm^-2.
    """
    return thickness_um * 1e-4 * density_g_cm3 * 1e3


def pore_filling(
    uptake_before: tuple[float, float],
    uptake_after: tuple[float, float],
    *,
    thickness_um: tuple[float, float],
    porosity: tuple[float, float],
) -> Amount:
    """Return the lithium in the carbon's pores from its loss of gas uptake.

    Only the ratio of uptake after and before charging is used, at one pressure: adsorption can make the uptake
    exceed the pores' own gas, so its size is no porosity, but what lithium has filled takes up none.

    Parameters
    ----------
    uptake_before : (value, std)
        Mean gas fraction of the carbon before charging, dimensionless, by two gases.
    uptake_after : (value, std)
        The same after charging, at the same pressure.
    thickness_um : (value, std)
        Thickness of the carbon before charging, in µm.
    porosity : (value, std)
        Share of the layer that is open pore, dimensionless, declared from its density.

    Returns
    -------
    Amount
        Lithium over electrode area, in µm; negative where noise makes the uptake grow.

    Raises
    ------
    ValueError
        If there was no uptake before charging.
    """
    (before, before_std), (after, after_std) = uptake_before, uptake_after
    if not before > 0:
        raise ValueError(f"the uptake before charging is {before}; without any, its loss says nothing")
    ratio = after / before
    filled = 1 - ratio
    filled_std = hypot(after_std / before, ratio * before_std / before)
    (height, height_std), (share, share_std) = thickness_um, porosity
    um = filled * share * height
    std = hypot(filled_std * share * height, filled * share_std * height, filled * share * height_std)
    return Amount(um, std)
