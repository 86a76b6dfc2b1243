"""How much lithium a charge plates: Faraday's law for a dense film on a known area."""

FARADAY_C_MOL = 96_485.332
"""Charge of one mole of electrons, in C."""

MOLAR_MASS_G_MOL = 6.94
"""Molar mass of lithium (standard atomic weight), in g mol^-1."""

DENSITY_G_CM3 = 0.534
"""Density of lithium at room temperature, in g cm^-3."""

COULOMB_PER_MAH = 3.6
"""Charge of one mAh, in C."""

UM_PER_MAH_PER_CM2 = COULOMB_PER_MAH * MOLAR_MASS_G_MOL / (FARADAY_C_MOL * DENSITY_G_CM3) * 1e4
"""Thickness of dense lithium for 1 mAh cm^-2: 4.849 µm."""

UM3_PER_MAH = UM_PER_MAH_PER_CM2 * 1e8
"""Volume of dense lithium for 1 mAh, in µm^3."""


def thickness_um(areal_capacity_mah_per_cm2: float) -> float:
    """Return the thickness of a dense, even lithium film that a charge plates, `Q M / (A F rho)`.

    Parameters
    ----------
    areal_capacity_mah_per_cm2 : float
        Charge over electrode area in mAh cm^-2; positive where lithium is plated.

    Returns
    -------
    float
        Thickness in µm, with the sign of the charge.
    """
    return areal_capacity_mah_per_cm2 * UM_PER_MAH_PER_CM2


def areal_capacity_mah_per_cm2(thickness_um: float) -> float:
    """Return the charge over area that a dense, even lithium film stands for.

    Parameters
    ----------
    thickness_um : float
        Thickness in µm.

    Returns
    -------
    float
        Charge over electrode area in mAh cm^-2.
    """
    return thickness_um / UM_PER_MAH_PER_CM2


def areal_charge_mah_per_cm2(current_density_ma_per_cm2: float, duration_min: float) -> float:
    """Return the charge over area that a constant current passes.

    Parameters
    ----------
    current_density_ma_per_cm2 : float
        Current over electrode area in mA cm^-2; positive where lithium is plated.
    duration_min : float
        Duration in minutes, not negative.

    Returns
    -------
    float
        Charge over electrode area in mAh cm^-2.

    Raises
    ------
    ValueError
        If the duration is negative.
    """
    if not duration_min >= 0:
        raise ValueError(f"duration is {duration_min} min; give 0 minutes or more")
    return current_density_ma_per_cm2 * duration_min / 60.0


def volume_um3(charge_mah: float) -> float:
    """Return the volume of dense lithium that a charge plates.

    Parameters
    ----------
    charge_mah : float
        Charge in mAh; positive where lithium is plated.

    Returns
    -------
    float
        Volume in µm^3, with the sign of the charge.
    """
    return charge_mah * UM3_PER_MAH
