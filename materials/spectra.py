"""Spectra of X-ray beams: one energy, or a tube behind its window, air and filters."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .attenuation import MATERIALS, Absorber, Material

BIN_KEV = 0.5
"""Width of a bin of a tube's spectrum, in keV."""

WINDOW = (("Be", 0.5), ("Air", 300.0))
"""What every tube spectrum has passed before any filter: beryllium window and air, in mm."""

ANODE_ANGLE_DEG = 12.0
"""Take-off angle of the tube spectra, in degrees."""

TABLES = {("Mo", 44.0): "tube_mo_44kv.csv", ("W", 80.0): "tube_w_80kv.csv"}
"""Tube settings whose spectra ship with the package."""

Filter = tuple[str, float] | tuple[str, float, float]
"""Formula or material name, thickness in mm, and the density in g cm^-3 where the formula is no element."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Share of a beam's photons in each bin of energy.

    Parameters
    ----------
    energy_kev : (n,) array
        Mean energy of each bin in keV, growing.
    photons : (n,) array
        Photons of each bin, on any scale; they are divided by their sum.
    name : str
        What the beam is, for tables and records.

    Raises
    ------
    ValueError
        If the arrays are not of one length, the energies do not grow, or the photons are negative or
        all zero.
    """

    energy_kev: NDArray[np.float64]
    photons: NDArray[np.float64]
    name: str = "spectrum"

    def __post_init__(self) -> None:
        """Check, normalise and freeze the arrays."""
        energy = np.array(self.energy_kev, dtype=np.float64, ndmin=1)
        photons = np.array(self.photons, dtype=np.float64, ndmin=1)
        if energy.ndim != 1 or energy.shape != photons.shape:
            raise ValueError(f"energies are {energy.shape} and photons {photons.shape}; give one number of each a bin")
        if not (energy[0] > 0 and np.all(np.diff(energy) > 0)):
            raise ValueError("energies do not grow from above 0 keV; sort the bins by energy")
        if not (photons.min() >= 0 and photons.sum() > 0):
            raise ValueError(
                f"photons sum to {photons.sum():g}, the smallest bin holds {photons.min():g}; give bins of 0 "
                "or more, not all empty (a filter may be too thick)"
            )
        photons /= photons.sum()
        for name, array in (("energy_kev", energy), ("photons", photons)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def mean_kev(self) -> float:
        """Mean photon energy in keV."""
        return float(self.energy_kev @ self.photons)

    def filtered(self, material: Absorber, path_cm: float) -> "Spectrum":
        """Return the spectrum behind a layer, by Beer-Lambert's law in each bin.

        Parameters
        ----------
        material : Material or Gas
            What the layer is made of.
        path_cm : float
            Its thickness in cm, not negative.

        Returns
        -------
        Spectrum
            The beam that is left, normalised anew.

        Raises
        ------
        ValueError
            If the thickness is negative or nothing is left of the beam.
        """
        if not path_cm >= 0:
            raise ValueError(f"path is {path_cm} cm; give 0 cm or more")
        left = self.photons * np.exp(-material.mu_per_cm(self.energy_kev) * path_cm)
        return Spectrum(self.energy_kev, left, self.name)

    def detected(self, scintillator: Absorber, thickness_um: float) -> "Spectrum":
        """Return the spectrum as a scintillator that integrates energy weighs it.

        Each bin counts with the share of its photons that the scintillator absorbs, times their energy, as
        light yield is proportional to the energy deposited. Escape of fluorescence is left out.

        Parameters
        ----------
        scintillator : Material
            What the screen is made of, for instance `MATERIALS["gagg"]`.
        thickness_um : float
            Its thickness in µm, above 0.

        Returns
        -------
        Spectrum
            Weights of the bins in the detector's signal.

        Raises
        ------
        ValueError
            If the thickness is not above 0.
        """
        if not thickness_um > 0:
            raise ValueError(f"scintillator is {thickness_um} µm thick; give more than 0 µm")
        absorbed = -np.expm1(-scintillator.mu_per_cm(self.energy_kev) * thickness_um * 1e-4)
        return Spectrum(self.energy_kev, self.photons * absorbed * self.energy_kev, self.name)

    def trimmed(self, share: float = 1e-6) -> "Spectrum":
        """Return the spectrum without bins that hold next to nothing.

        Parameters
        ----------
        share : float
            Bins with a smaller share of the photons are left out; dimensionless.

        Returns
        -------
        Spectrum
            The rest, normalised anew.
        """
        keep = self.photons >= share
        return Spectrum(self.energy_kev[keep], self.photons[keep], self.name)

    def coarser(self, width_kev: float) -> "Spectrum":
        """Return the spectrum in wider bins, each at the mean energy of its photons, for speed.

        Parameters
        ----------
        width_kev : float
            Width of the new bins in keV, above 0; bins narrower than the spectrum's own change nothing.

        Returns
        -------
        Spectrum
            The same photons and the same mean energy in fewer bins. Of Mo 44 kV behind 0.2 mm of aluminium, bins
            of 2 keV keep the transmission of the cell's materials, down to 0.1 %, within 2.1 % of its value: the
            edge of bromine at 13.5 keV lies inside a bin. Others err by less than 1 %.

        Raises
        ------
        ValueError
            If the width is not above 0.
        """
        if not width_kev > 0:
            raise ValueError(f"bins are to be {width_kev} keV wide; give more than 0 keV")
        start = np.flatnonzero(np.diff(np.floor(self.energy_kev / width_kev), prepend=-1.0))
        photons = np.add.reduceat(self.photons, start)
        energy = np.add.reduceat(self.photons * self.energy_kev, start)
        filled = photons > 0
        return Spectrum(energy[filled] / photons[filled], photons[filled], self.name)


def monochromatic(energy_kev: float) -> Spectrum:
    """Return the spectrum of a beam of one energy.

    Parameters
    ----------
    energy_kev : float
        Photon energy in keV, above 0.

    Returns
    -------
    Spectrum
        A single bin.
    """
    return Spectrum(np.array([energy_kev]), np.ones(1), f"{energy_kev:g} keV")


def tube(target: str, kv: float, *, filters: Iterable[Filter] = ()) -> Spectrum:
    """Return the spectrum of an X-ray tube behind its window, air and filters.

    Spectra of spekpy [1]_ in bins of 0.5 keV, at a take-off angle of 12 degrees, behind 0.5 mm of beryllium
    and 300 mm of air. Those in `TABLES` ship with the package; others are computed where spekpy is installed.

    Parameters
    ----------
    target : str
        Element of the anode: Mo, W or Rh.
    kv : float
        Tube voltage in kV, 10 to 300.
    filters : iterable of (formula, mm) or (formula, mm, density)
        What the beam passes further: element or material name, thickness in mm, density in g cm^-3.

    Returns
    -------
    Spectrum
        Share of the photons in each bin.

    Raises
    ------
    ValueError
        If the setting or a filter is out of range.
    ModuleNotFoundError
        If the setting has no table and spekpy is not installed.

    References
    ----------
    .. [1] Poludniowski et al., Medical Physics 48 (2021) 3630-3637.
    """
    anode = target.strip().capitalize()
    if anode not in ("Mo", "W", "Rh"):
        raise ValueError(f"tube target is {target!r}; use Mo, W or Rh")
    if not 10 <= kv <= 300:
        raise ValueError(f"tube voltage is {kv} kV; give 10 to 300 kV")
    table = TABLES.get((anode, float(kv)))
    energy, photons = _read_table(table) if table else simulated_tube(anode, kv)
    spectrum = Spectrum(energy, photons, f"{anode} {kv:g} kV")
    for layer in filters:
        spectrum = spectrum.filtered(filter_material(layer), layer[1] / 10.0)
    return spectrum


def filter_material(layer: Filter) -> Material:
    """Return the material of a filter.

    Parameters
    ----------
    layer : (formula, mm) or (formula, mm, density)
        Element, material name or formula; thickness in mm; density in g cm^-3, needed for a formula.

    Returns
    -------
    Material
        The material with its density.

    Raises
    ------
    ValueError
        If the density is neither given nor known.
    """
    import xraydb

    name = layer[0]
    if len(layer) == 3:
        return Material(name, name, layer[2])
    if name.lower() in MATERIALS:
        return MATERIALS[name.lower()]
    try:
        return Material(name, name, float(xraydb.atomic_density(name)))
    except (ValueError, KeyError) as error:
        raise ValueError(f"filter {name!r} has no known density; give it in g/cm3 after the thickness") from error


def simulated_tube(target: str, kv: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute a tube's spectrum with spekpy, behind `WINDOW`; the shipped tables were written by this.

    Parameters
    ----------
    target : str
        Element of the anode.
    kv : float
        Tube voltage in kV.

    Returns
    -------
    energy_kev : (n,) array
        Mean energy of each bin in keV.
    photons : (n,) array
        Share of the photons in each bin.

    Raises
    ------
    ModuleNotFoundError
        If spekpy is not installed.
    ValueError
        If spekpy has no model of this target at this voltage.
    """
    try:
        import spekpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"no table of a {target} tube at {kv:g} kV ships with xelith, and spekpy is not installed; "
            "install it with `pip install xelith[spectra]`, or use Mo at 44 kV or W at 80 kV"
        ) from error
    try:
        source = spekpy.Spek(kvp=kv, th=ANODE_ANGLE_DEG, dk=BIN_KEV, targ=target)
    except Exception as error:  # spekpy raises no narrower one
        raise ValueError(
            f"a {target} tube at {kv:g} kV has no model ({error}); check tube and kv, or give its mean as energy_kev"
        ) from error
    for material, thickness_mm in WINDOW:
        source.filter(material, thickness_mm)
    energy, photons = source.get_spectrum(edges=False)
    return np.asarray(energy, dtype=np.float64), np.asarray(photons / photons.sum(), dtype=np.float64)


def _read_table(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    with (Path(__file__).parent / name).open(newline="", encoding="ascii") as file:
        rows: Sequence[dict[str, str]] = list(csv.DictReader(file))
    energy = np.array([float(row["energy_kev"]) for row in rows])
    return energy, np.array([float(row["photons"]) for row in rows])


def effective_mu_per_cm(material: Absorber, spectrum: Spectrum, path_cm: ArrayLike = 0.0) -> NDArray[np.float64]:
    """Return what a polychromatic scan reads as µ of a layer, `-ln(sum w exp(-µ L)) / L`.

    Parameters
    ----------
    material : Material or Gas
        What the layer is made of.
    spectrum : Spectrum
        Weights of the energies in the detector's signal.
    path_cm : float or array
        Thickness L of the layer in cm, not negative; 0 gives the limit, the mean of µ.

    Returns
    -------
    numpy.ndarray of float64
        Effective µ in cm^-1, in the shape of `path_cm`; it falls with the path (beam hardening).

    Raises
    ------
    ValueError
        If a path is negative.
    """
    path = np.asarray(path_cm, dtype=np.float64)
    if path.size and not path.min() >= 0:
        raise ValueError(f"path is {path.min()} cm; give 0 cm or more")
    mu = material.mu_per_cm(spectrum.energy_kev)
    softest = mu.min()
    # The least attenuated energy is taken out of the sum, so that a thick layer does not underflow to ln(0).
    excess = np.exp(-np.multiply.outer(path, mu - softest)) @ spectrum.photons
    with np.errstate(divide="ignore", invalid="ignore"):
        thick = softest - np.log(excess) / path
    # Below an optical depth of 1e-7 the quotient loses its digits, and the limit is exact to 1e-7.
    return np.where(path * mu.max() > 1e-7, thick, mu @ spectrum.photons)
