"""µ over energy for the materials and gases of a run, with its beam behind: why the phases look as they do."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..materials import Material
from ..materials.phases import COLOURS, Phase
from .beams import filling, spectrum_of
from .config import Config
from .figures import INK, MU_LABEL, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOWEST_KEV = 8.0
HIGHEST_KEV = 60.0
POINTS = 240
GAS_STYLES = ("-", "--", ":", "-.")

Curve = tuple[str, str, NDArray[np.float64]]
"""Name, colour and µ in cm^-1 at each energy."""


def attenuation_curves(config: Config) -> tuple[NDArray[np.float64], list[Curve]]:
    """Return µ(E) of every material of the cell and of every gas.

    Parameters
    ----------
    config : Config
        Names materials and gases.

    Returns
    -------
    energy_kev : (n,) array
        From 8 keV to 60 keV, or to the tube's voltage.
    curves : list of (str, str, (n,) array)
        Name, colour and µ in cm^-1; solids first.
    """
    kv = config.source.kv if config.source is not None else None
    energy = np.geomspace(LOWEST_KEV, max(HIGHEST_KEV, kv or 0.0), POINTS)
    curves: list[Curve] = []
    for phase, entry in config.cell.materials().items():
        solid = Material(phase.name.lower(), entry.formula, entry.density_g_cm3, phase)
        curves.append((f"{phase.name.lower()} {entry.formula}", COLOURS[phase], solid.mu_per_cm(energy)))
    fills = {(e.gas.name, e.gas.pressure_atm, e.gas.temperature_k): e.gas for e in config.scans.values() if e.gas}
    for gas in fills.values():
        name = f"{gas.name} {gas.pressure_atm:g} atm"
        curves.append((name, COLOURS[Phase.VOID], filling(gas).mu_per_cm(energy)))
    return energy, curves


def attenuation_figure(config: Config) -> "Figure":
    """Draw µ over energy, and the beam of the xenon scan (or the first) behind it.

    Parameters
    ----------
    config : Config
        Names materials, gases and beam.

    Returns
    -------
    matplotlib.figure.Figure
        Both axes logarithmic; the beam as a share of its peak.
    """
    energy, curves = attenuation_curves(config)
    figure = new_figure(3.9, width_in=6.2)
    axes = figure.add_subplot()
    gases = 0
    for name, colour, mu in curves:
        is_gas = name.endswith(" atm")
        style = GAS_STYLES[gases % len(GAS_STYLES)] if is_gas else "-"
        gases += is_gas
        axes.loglog(energy, mu, color=INK, linewidth=2.6, linestyle=style)
        axes.loglog(energy, mu, color=colour, linewidth=1.8, linestyle=style, label=name)
    axes.set(xlabel="photon energy (keV)", ylabel=MU_LABEL, xlim=(energy[0], energy[-1]))
    ticks = [10, 15, 20, 30, 40, 60]
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.minorticks_off()
    _draw_beam(axes, config)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return figure


def _draw_beam(axes: Any, config: Config) -> None:
    scan = "xenon" if "xenon" in config.scans else next(iter(config.scans))
    spectrum = spectrum_of(config, scan)
    if spectrum is None:
        return
    beam = axes.twinx()
    share = spectrum.photons / spectrum.photons.max()
    if len(share) > 1:
        beam.fill_between(spectrum.energy_kev, share, color="#d9d9d9", linewidth=0)
    else:
        beam.axvline(spectrum.energy_kev[0], color="#b3b3b3", linewidth=4)
    beam.set(ylim=(0, 1.02), ylabel="beam (share of its peak)")
    axes.set_zorder(beam.get_zorder() + 1)
    axes.patch.set_visible(False)


def attenuation_words(config: Config, energy_kev: float) -> str:
    """Say what the curves read at one energy.

    Parameters
    ----------
    config : Config
        Names materials and gases.
    energy_kev : float
        Photon energy in keV.

    Returns
    -------
    str
        Names with µ in cm^-1.
    """
    energy, curves = attenuation_curves(config)
    return ", ".join(f"{name} {np.interp(energy_kev, energy, mu):.3g}" for name, _, mu in curves)
