"""Chemical formulas of a configuration, checked before anything is read."""

import re
from typing import Annotated

from pydantic import AfterValidator

ELEMENTS = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb
Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu
Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U
"""


def known_formula(value: str) -> str:
    """Refuse what is no chemical formula, before anything is read.

    Parameters
    ----------
    value : str
        For instance "Li5.5PS4.5Br1.5"; brackets are allowed.

    Returns
    -------
    str
        The same.

    Raises
    ------
    ValueError
        If it names no element, or something that is none.
    """
    plain = re.sub(r"[()\[\]]", "", value)
    symbols = re.findall(r"([A-Z][a-z]?)(?:\d+\.?\d*)?", plain)
    if not re.fullmatch(r"(?:[A-Z][a-z]?(?:\d+\.?\d*)?)+(?:\d+\.?\d*)?", plain) or set(symbols) - set(ELEMENTS.split()):
        raise ValueError(f"{value!r} is no chemical formula; write elements and numbers, for instance Li6PS5Cl")
    return value


Formula = Annotated[str, AfterValidator(known_formula)]
