"""The charge of a simulated cell, and the ways in which it need not end up as lithium that is seen."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Charge:
    """What passed through the cell, what of it plated lithium, and what the protocol says.

    Parameters
    ----------
    areal_capacity_mah_per_cm2 : float
        Charge over the true area of the electrode in mAh cm^-2, not negative.
    efficiency : float
        Share of the charge that plates lithium metal while no short carries it, 0 to 1.
    shorted_share : float
        Share of the charge that passes after a dead short, and plates nothing, 0 to 1.
    declared_area_share : float
        Area that the protocol states, over the true one, above 0; 1 where the protocol is right.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    areal_capacity_mah_per_cm2: float
    efficiency: float = 1.0
    shorted_share: float = 0.0
    declared_area_share: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not self.areal_capacity_mah_per_cm2 >= 0:
            raise ValueError(
                f"areal capacity is {self.areal_capacity_mah_per_cm2} mAh/cm2; give 0 or more (plating is positive)"
            )
        for name in ("efficiency", "shorted_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} of the charge is {getattr(self, name)}; give a share from 0 to 1")
        if not self.declared_area_share > 0:
            raise ValueError(f"declared_area_share is {self.declared_area_share}; give more than 0")

    @property
    def plated_mah_per_cm2(self) -> float:
        """Charge that plated lithium metal, over the true area, in mAh cm^-2."""
        return self.areal_capacity_mah_per_cm2 * self.efficiency * (1 - self.shorted_share)

    @property
    def declared_mah_per_cm2(self) -> float:
        """Charge over the area that the protocol states, in mAh cm^-2: what a user would compute with."""
        return self.areal_capacity_mah_per_cm2 / self.declared_area_share
