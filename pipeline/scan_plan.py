"""`xelith plan`: what scans of a cell will show, as a table and as µ over energy."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..simulation import Plan, plan
from ..simulation.planning import mu_curves
from .twin_design import TwinDesign

if TYPE_CHECKING:
    from rich.table import Table


def planned(design: TwinDesign, *, error: float, photons_per_s: float | None) -> Plan:
    """Plan scans of a cell.

    Parameters
    ----------
    design : TwinDesign
        Cell, scanner and gases.
    error : float
        Error of the lithium fraction to aim at, dimensionless.
    photons_per_s : float or None
        Photons per pixel and second in the open beam.

    Returns
    -------
    Plan
        Contrasts, noise, hours and warnings.
    """
    gases = list(design.gases.values())
    return plan(design.preset.design, gases, design.acquisition, error=error, photons_per_s=photons_per_s)


def plan_table(found: Plan) -> "Table":
    """Lay a plan out for the terminal.

    Parameters
    ----------
    found : Plan
        The plan.

    Returns
    -------
    rich.table.Table
        One line a material; noise and warnings below.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Contrast and noise", title_justify="left")
    for heading in ("material", "µ, cm^-1", "µ behind the cell, cm^-1", "transmission", "noise of µ, cm^-1"):
        table.add_column(heading, justify="left" if heading == "material" else "right")
    for contrast in found.contrasts:
        share, noise = found.transmission.get(contrast.name), found.noise_per_cm.get(contrast.name)
        table.add_row(
            contrast.name,
            f"{contrast.mu_per_cm:.3g}",
            f"{contrast.hardened_per_cm:.3g}",
            "" if share is None else f"{100 * share:.2g} %",
            "" if noise is None else f"{noise:.2g}",
        )
    lines: list[str] = []
    for average in found.averages:
        lines.append(
            f"{average.what}: std {average.std_per_voxel:.2g} per voxel; average {average.voxels} voxels, a cube of "
            f"{average.edge_um:.0f} µm"
        )
    if found.hours is not None:
        lines.append(f"time of all scans: {found.hours:.1f} h")
    table.caption = Text("\n".join([*lines, *found.warnings]))
    table.caption_justify = "left"
    return table


def save_mu_curves(target: Path, design: TwinDesign) -> None:
    """Draw µ of every material over energy, with the beam's spectrum behind.

    Parameters
    ----------
    target : Path
        PNG or SVG file.
    design : TwinDesign
        Cell, scanner and gases.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    spectrum = design.acquisition.spectrum
    energy = np.linspace(8, max(60.0, float(spectrum.energy_kev.max())), 400)
    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, mu in mu_curves(design.preset.design, list(design.gases.values()), energy).items():
        axes.semilogy(energy, mu, label=name)
    axes.set(xlabel="photon energy, keV", ylabel="µ, cm$^{-1}$", xlim=(energy[0], energy[-1]))
    beam = axes.twinx()
    beam.fill_between(spectrum.energy_kev, spectrum.photons / spectrum.photons.max(), color="0.85", zorder=0)
    beam.set(ylim=(0, 1.05), ylabel="beam, share of its peak")
    axes.set_zorder(beam.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.legend(fontsize=8)
    figure.savefig(target, dpi=120)
