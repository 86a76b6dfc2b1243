"""What is known of a cell before it is looked at: which phases it has and in which order they lie along z."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..materials import Phase

SOLIDS = (Phase.COLLECTOR, Phase.LITHIUM, Phase.CARBON, Phase.ELECTROLYTE)
End = Literal["low", "high"]


@dataclass(frozen=True)
class CellLayout:
    """The order of the layers along z, and the bore that holds them.

    Parameters
    ----------
    order : tuple of Phase
        From the plated collector outwards, each phase once, for instance collector, lithium, carbon,
        electrolyte. Void and casing are not listed: they are in every cell.
    inner_diameter_um : float or None
        Bore of the casing, in µm; None where it must be found from the scan alone.
    collector_end : {"low", "high"} or None
        End of z at which the collector lies; None where it must be found from the scan.
    dark_in_electrolyte : Phase
        What a dark body in the electrolyte is where one gas alone cannot tell: void, unless the cell is known
        to plate lithium there.
    """

    order: tuple[Phase, ...] = SOLIDS
    inner_diameter_um: float | None = None
    collector_end: End | None = None
    dark_in_electrolyte: Phase = Phase.VOID

    def __post_init__(self) -> None:
        names = ", ".join(phase.name.lower() for phase in self.order)
        if len(set(self.order)) < len(self.order) or not set(self.order) <= set(SOLIDS):
            raise ValueError(
                f"the layers are {names}; list each of collector, lithium, carbon, electrolyte at most once"
            )
        if Phase.LITHIUM not in self.order:
            raise ValueError(f"the layers are {names}; lithium is looked for, so it must be among them")
        if self.dark_in_electrolyte not in (Phase.VOID, Phase.LITHIUM):
            raise ValueError(f"dark bodies are {self.dark_in_electrolyte.name.lower()}; give void or lithium")
        if self.inner_diameter_um is not None and not self.inner_diameter_um > 0:
            raise ValueError(f"inner_diameter_um is {self.inner_diameter_um}; a bore is wider than 0 µm")

    @classmethod
    def of(
        cls,
        phases: Sequence[Phase],
        *,
        inner_diameter_um: float | None = None,
        collector_end: End | None = None,
        dark_in_electrolyte: Phase = Phase.VOID,
    ) -> "CellLayout":
        """Order the phases of a cell as such cells are built.

        Parameters
        ----------
        phases : sequence of Phase
            Phases of the cell in any order; casing, void and outside are passed over, lithium is added.
        inner_diameter_um : float, optional
            Bore of the casing, in µm.
        collector_end : {"low", "high"}, optional
            End of z at which the collector lies.
        dark_in_electrolyte : Phase
            What a dark body in the electrolyte is where one gas alone cannot tell.

        Returns
        -------
        CellLayout
            With collector, lithium, carbon, electrolyte in this order, as far as the cell has them.
        """
        present = {*phases, Phase.LITHIUM}
        order = tuple(phase for phase in SOLIDS if phase in present)
        return cls(order, inner_diameter_um, collector_end, dark_in_electrolyte)

    @property
    def has_carbon(self) -> bool:
        """Whether a carbon layer lies in the cell."""
        return Phase.CARBON in self.order

    @property
    def has_electrolyte(self) -> bool:
        """Whether a solid electrolyte lies in the cell."""
        return Phase.ELECTROLYTE in self.order

    @property
    def has_collector(self) -> bool:
        """Whether a dense collector lies in the cell."""
        return Phase.COLLECTOR in self.order
