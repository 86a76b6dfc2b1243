"""The phases of a cell: fixed integers, names and colours, the same in every file and figure."""

from enum import IntEnum

NOT_LABELLED = 255
"""Value of a voxel without a label; ignored end to end."""


class Phase(IntEnum):
    """What a voxel is filled with; the integers are stored in label volumes and never change."""

    OUTSIDE = 0
    VOID = 1
    LITHIUM = 2
    CARBON = 3
    ELECTROLYTE = 4
    COLLECTOR = 5
    CASING = 6


COLOURS: dict[Phase, str] = {
    Phase.OUTSIDE: "#000000",
    Phase.VOID: "#56b4e9",
    Phase.LITHIUM: "#d55e00",
    Phase.CARBON: "#4d4d4d",
    Phase.ELECTROLYTE: "#f0e442",
    Phase.COLLECTOR: "#0072b2",
    Phase.CASING: "#cc79a7",
}
"""Colour of each phase, told apart by colour-blind readers (palette of Okabe and Ito, 2008)."""
