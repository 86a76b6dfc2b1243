"""`xelith simulate` and `xelith plan`: a cell made up before the beam time, scanned and reckoned."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from ..materials import Gas
from ..scans import write_data_exchange, write_nxtomo, write_tiff_stack
from ..simulation import PRESETS, SETUPS, Acquisition, Preset, Twin, plan, resized, shrunk, twin
from ..simulation.demo import DEMO
from ..simulation.planning import Plan, mu_curves
from .job import Advance
from .store import create_image, plan_layout, publish, write_slab, write_text

if TYPE_CHECKING:
    from rich.table import Table

CELLS = {"demo": DEMO, **PRESETS}
FORMATS = {
    "data-exchange": (write_data_exchange, ".h5"),
    "nxtomo": (write_nxtomo, ".nxs"),
    "tiff": (write_tiff_stack, ""),
}
DEFAULT_GASES = ("argon:1", "xenon:6")


@dataclass(frozen=True)
class Size:
    """What is made smaller or larger than the preset and the scanner have it; None keeps it.

    Parameters
    ----------
    diameter_um, height_um : float or None
        Bore and height of the cell, given together.
    rows, columns, views : int or None
        Frame and number of projections.
    """

    diameter_um: float | None = None
    height_um: float | None = None
    rows: int | None = None
    columns: int | None = None
    views: int | None = None


def gas_of(text: str) -> Gas:
    """Read a gas as `name:pressure` or `name:pressure:temperature`.

    Parameters
    ----------
    text : str
        For instance "xenon:6", in atm absolute, or "xenon:6:298.15" with the temperature in K.

    Returns
    -------
    Gas
        The filling.

    Raises
    ------
    ValueError
        If it is not of this form, or the gas is not known.
    """
    name, *numbers = text.split(":")
    try:
        values = [float(number) for number in numbers]
    except ValueError as error:
        raise ValueError(f"gas {text!r} is not name:pressure_atm[:temperature_k], for instance xenon:6") from error
    if not 1 <= len(values) <= 2:
        raise ValueError(f"gas {text!r} lacks its pressure; give name:pressure_atm, for instance xenon:6")
    return Gas(name, *values)


def chosen(cell: str, setup: str, size: Size) -> tuple[Preset, Acquisition]:
    """Return a cell and a scanner by name, at the size asked for.

    Parameters
    ----------
    cell : str
        Name of a simulated cell.
    setup : str
        Name of a scanner.
    size : Size
        What differs.

    Returns
    -------
    Preset
        The cell with its charge.
    Acquisition
        The scanner.

    Raises
    ------
    ValueError
        If a name is not known, or one of diameter and height is given without the other.
    """
    for kind, name, known in (("cell", cell, CELLS), ("setup", setup, SETUPS)):
        if name not in known:
            raise ValueError(f"{kind} {name!r} is not known; choose from {', '.join(sorted(known))}")
    preset = CELLS[cell]
    if (size.diameter_um is None) != (size.height_um is None):
        raise ValueError("diameter and height are given together; add the one that is missing")
    if size.diameter_um is not None and size.height_um is not None:
        preset = shrunk(preset, size.diameter_um, size.height_um, voxel_um=min(size.diameter_um / 300, 1.0))
    acquisition = resized(SETUPS[setup](), n_rows=size.rows, n_cols=size.columns, n_views=size.views)
    return preset, acquisition


def simulate(
    folder: Path,
    *,
    cell: str,
    setup: str,
    gases: Sequence[str] = DEFAULT_GASES,
    size: Size | None = None,
    seed: int = 0,
    file_format: str = "data-exchange",
    advance: Advance,
) -> Path:
    """Make a cell, scan it in each gas, and write scans, truth and a configuration that runs them.

    Parameters
    ----------
    folder : Path
        New or empty folder.
    cell, setup : str
        Names of the cell and the scanner.
    gases : sequence of str
        One scan each, as for `gas_of`.
    size : Size, optional
        What differs from the presets.
    seed : int
        Seed of cell and noise.
    file_format : str
        data-exchange, nxtomo or tiff.
    advance : callable
        Told of every finished view.

    Returns
    -------
    Path
        The configuration, `run.yaml`.

    Raises
    ------
    ValueError
        If a name is not known, the folder holds files, or the cell cannot be made.
    """
    if file_format not in FORMATS:
        raise ValueError(f"format {file_format!r} is not known; choose from {', '.join(FORMATS)}")
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds files; give a new or empty --out")
    preset, acquisition = chosen(cell, setup, size or Size())
    fillings = {gas.name: gas for gas in map(gas_of, gases)}

    views = acquisition.n_views
    made = twin(
        preset,
        acquisition,
        fillings,
        seed=seed,
        progress=lambda name, done: advance(f"{name}: simulated", done, views),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write, ending = FORMATS[file_format]
    for name, scan in made.scans.items():
        write(folder / f"{name}{ending}", scan)
    write_text(folder / "truth.json", json.dumps(made.truth.summary(), indent=1))
    _write_truth_labels(folder / "truth.ome.zarr", made)
    config = folder / "run.yaml"
    write_text(config, _config_text(preset, setup, fillings, ending, seed, view_um=_view_um(acquisition)))
    return config


def _view_um(acquisition: Acquisition) -> float:
    """Width of the view at the axis; a cone beam, for which nothing is carried on, counts as endless."""
    detector = acquisition.detector
    return float("inf") if acquisition.cone is not None else detector.n_cols * detector.pixel_um


def _write_truth_labels(target: Path, made: Twin) -> None:
    """Phase that fills most of each voxel, on the grid of the reconstruction."""
    labels = made.truth.labels
    n_z, n_y, n_x = labels.shape
    layout = plan_layout((n_z, n_y, n_x), voxel_um=made.truth.voxel_um)
    partial = target.with_name(target.name + ".partial")
    create_image(partial, layout, name="truth", dtype=np.uint8, attributes={"quantity": "phase, as simulated"})
    for slab in layout.slabs:
        write_slab(partial, layout, slab, labels[slab.slice])
    publish(partial, target)


def _config_text(preset: Preset, setup: str, gases: dict[str, Gas], ending: str, seed: int, *, view_um: float) -> str:
    design = preset.design
    bore = design.bore
    walls_um = sum(bore.walls_um)
    sources: dict[str, dict[str, Any]] = {
        "kodama-nano3dx": {"tube": "Mo", "kv": 44, "detector": {"scintillator": "gagg", "thickness_um": 20}},
        "ham-versa": {
            "tube": "W",
            "kv": 80,
            "filters": [{"formula": "Al", "mm": 0.35}],
            "detector": {"scintillator": "csi", "thickness_um": 100},
        },
        "beamline-25kev": {"energy_kev": 25},
    }
    source = sources.get(setup, {"tube": "Mo", "kv": 44, "filters": [{"formula": "Al", "mm": 0.2}]})
    name = "ham-symmetric" if design.name.startswith("ham") else "kodama-process-3"
    name = "kodama-no-interlayer" if design.carbon is None and name.startswith("kodama") else name
    values: dict[str, Any] = {
        "sample": f"simulated {design.name}, seed {seed}",
        "source": source,
        "scans": {
            gas: {
                "path": f"{gas}{ending}",
                "gas": {"name": gas, "pressure_atm": fill.pressure_atm, "temperature_k": fill.temperature_k},
            }
            for gas, fill in gases.items()
        },
        "cell": {
            "preset": name,
            "inner_diameter_mm": bore.inner_diameter_um * 1e-3,
            "outer_diameter_mm": (bore.inner_diameter_um + 2 * walls_um) * 1e-3,
            "collector_end": "low",
        },
        "truth": "truth.json",
    }
    outer_um = bore.inner_diameter_um + 2 * walls_um
    if outer_um > view_um:
        chain = ("flat-field", "zingers", "rings", "truncation", "centre", "fourier-fbp")
        values["reconstruction"] = [{"step": step} for step in chain]
    capacity = preset.charge.areal_capacity_mah_per_cm2
    if capacity > 0:
        values["charge"] = {"current_density_ma_per_cm2": 0.2, "duration_min": round(capacity / 0.2 * 60, 6)}
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def planned(
    *, cell: str, setup: str, gases: Sequence[str], error: float, photons_per_s: float | None, size: Size | None = None
) -> Plan:
    """Plan scans of a cell by names.

    Parameters
    ----------
    cell, setup : str
        Names of the cell and the scanner.
    gases : sequence of str
        One scan each, as for `gas_of`.
    error : float
        Error of the lithium fraction to aim at, dimensionless.
    photons_per_s : float or None
        Photons per pixel and second in the open beam.
    size : Size, optional
        What differs from the presets.

    Returns
    -------
    Plan
        Contrasts, noise, hours and warnings.
    """
    preset, acquisition = chosen(cell, setup, size or Size())
    return plan(preset.design, [gas_of(g) for g in gases], acquisition, error=error, photons_per_s=photons_per_s)


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
    lines = []
    if found.lithium_std is not None:
        lines.append(
            f"lithium fraction: std {found.lithium_std:.2f} per voxel; average {found.voxels_to_average} voxels"
        )
    if found.hours is not None:
        lines.append(f"time of all scans: {found.hours:.1f} h")
    table.caption = Text("\n".join([*lines, *found.warnings]))
    table.caption_justify = "left"
    return table


def save_mu_curves(target: Path, *, cell: str, setup: str, gases: Sequence[str]) -> None:
    """Draw µ of every material over energy, with the beam's spectrum behind.

    Parameters
    ----------
    target : Path
        PNG or SVG file.
    cell, setup : str
        Names of the cell and the scanner.
    gases : sequence of str
        As for `gas_of`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    preset, acquisition = chosen(cell, setup, Size())
    spectrum = acquisition.spectrum
    energy = np.linspace(8, max(60.0, float(spectrum.energy_kev.max())), 400)
    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, mu in mu_curves(preset.design, [gas_of(g) for g in gases], energy).items():
        axes.semilogy(energy, mu, label=name)
    axes.set(xlabel="photon energy, keV", ylabel="µ, cm$^{-1}$", xlim=(energy[0], energy[-1]))
    beam = axes.twinx()
    beam.fill_between(spectrum.energy_kev, spectrum.photons / spectrum.photons.max(), color="0.85", zorder=0)
    beam.set(ylim=(0, 1.05), ylabel="beam, share of its peak")
    axes.set_zorder(beam.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.legend(fontsize=8)
    figure.savefig(target, dpi=120)
