"""`xelith init`: a few questions, or flags, and a commented configuration comes out."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from .presets import CELL_PRESETS

SCHEMA_LINE = "# yaml-language-server: $schema=xelith.schema.json"
SCHEMA_FILE = "xelith.schema.json"

T = TypeVar("T")


@dataclass(frozen=True)
class Answers:
    """What a configuration starts from.

    Parameters
    ----------
    sample : str
        Name of the sample.
    argon, xenon : str
        Paths of the scans; empty for none.
    xenon_atm : float
        Absolute pressure of the xenon, in atm.
    source : str
        The beam: "Mo 44" (tube and kV) or "25 keV".
    cell : str
        Preset of the cell.
    current_density_ma_per_cm2, duration_min : float
        The charge; a duration of 0 leaves it out.
    bore_mm : float or None
        Inner diameter of the tube in mm; None takes the preset's.
    """

    sample: str
    argon: str
    xenon: str
    xenon_atm: float
    source: str
    cell: str
    current_density_ma_per_cm2: float
    duration_min: float
    bore_mm: float | None = None


def init(
    out: Annotated[Path, typer.Argument(help="Configuration to write.")] = Path("run.yaml"),
    sample: Annotated[str | None, typer.Option(help="Name of the sample.")] = None,
    argon: Annotated[str | None, typer.Option(help="Scan in argon; an empty text for none.")] = None,
    xenon: Annotated[str | None, typer.Option(help="Scan in xenon; an empty text for none.")] = None,
    xenon_atm: Annotated[float | None, typer.Option(min=0.01, max=20, help="Its absolute pressure in atm.")] = None,
    source: Annotated[str | None, typer.Option(help="The beam: `Mo 44` for a tube and its kV, or `25 keV`.")] = None,
    cell: Annotated[str | None, typer.Option(help="Preset: " + ", ".join(sorted(CELL_PRESETS)) + ".")] = None,
    bore_mm: Annotated[
        float | None, typer.Option(min=0.01, max=50, help="Bore of the tube; default the preset's.")
    ] = None,
    current_density: Annotated[float | None, typer.Option(min=0, help="Plating current in mA cm^-2.")] = None,
    duration: Annotated[float | None, typer.Option(min=0, help="Plating time in min; 0 if not known.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take the default for all that is not given.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Ask a few questions and write a commented configuration, with the schema that editors complete YAML by.

    Examples: `xelith init`, or without questions `xelith init cell7.yaml --argon ar.h5 --xenon xe.h5 --yes`.
    """
    if out.exists() and not force:
        raise ValueError(f"{out} is there already; give another name, or --force to write over it")
    ask = not yes and sys.stdin.isatty()
    beam = _asked(source, "Beam: tube and kV (`Mo 44`), or energy (`25 keV`)", "Mo 44", ask)
    preset = _asked(cell, f"Cell ({', '.join(sorted(CELL_PRESETS))})", "kodama-process-3", ask)
    own = CELL_PRESETS[preset].inner_diameter_mm if preset in CELL_PRESETS else None
    bore = _asked(bore_mm, "Bore of the tube in mm (area and phases rest on it)", own or 1.0, ask)
    answers = Answers(
        sample=_asked(sample, "Name of the sample", out.stem, ask),
        argon=_asked(argon, "Scan in argon (file or folder; empty for none)", "argon.h5", ask),
        xenon=_asked(xenon, "Scan in xenon (file or folder; empty for none)", "xenon.h5", ask),
        xenon_atm=float(_asked(xenon_atm, "Absolute pressure of the xenon in atm (a gauge shows 1 less)", 6.0, ask)),
        source=beam,
        cell=preset,
        current_density_ma_per_cm2=float(_asked(current_density, "Plating current in mA cm^-2", 0.2, ask)),
        duration_min=float(_asked(duration, "Plating time in min (0 if not known)", 4000.0, ask)),
        bore_mm=float(bore),
    )
    write_config(out, answers)
    typer.echo(f"{out} written; next: xelith check {out}, then xelith run {out} --out {out.stem} --preview")


def _asked(given: T | None, question: str, default: T, ask: bool) -> T:
    if given is not None:
        return given
    found: T = typer.prompt(question, default=default) if ask else default
    return found


def write_config(path: Path, answers: Answers) -> None:
    """Write a configuration and, beside it, the schema that it names.

    Parameters
    ----------
    path : Path
        YAML file to write.
    answers : Answers
        What is known.

    Raises
    ------
    ConfigError, ValueError
        If the answers make no valid configuration; nothing is written.
    """
    import json

    import yaml

    from .config import Config
    from .loading import parse_config
    from .store import write_text

    text = config_text(answers)
    parse_config(yaml.safe_load(text), folder=path.parent, name="what was answered")
    write_text(path.parent / SCHEMA_FILE, json.dumps(Config.model_json_schema(), indent=1))
    write_text(path, text)


def config_text(answers: Answers) -> str:
    """Return the configuration as commented YAML.

    Parameters
    ----------
    answers : Answers
        What is known.

    Returns
    -------
    str
        YAML; what is not known stands there as a comment.

    Raises
    ------
    ValueError
        If there is no scan, or the beam cannot be read.
    """
    scans = []
    if answers.argon:
        scans.append(f"  argon: {{path: {_quoted(answers.argon)}, gas: {{name: argon, pressure_atm: 1}}}}")
    if answers.xenon:
        gas = f"{{name: xenon, pressure_atm: {answers.xenon_atm:g}}}"
        scans.append(f"  xenon: {{path: {_quoted(answers.xenon)}, gas: {gas}}}")
    if not scans:
        raise ValueError("no scan was named; give --argon, --xenon or both")
    known = answers.duration_min > 0 and answers.current_density_ma_per_cm2 > 0
    density, minutes = (answers.current_density_ma_per_cm2, answers.duration_min) if known else (0.2, 4000)
    charge = f"charge: {{current_density_ma_per_cm2: {density:g}, duration_min: {minutes:g}}}"
    bore = f", inner_diameter_mm: {answers.bore_mm:g}" if answers.bore_mm else ""
    return f"""{SCHEMA_LINE}
sample: {_quoted(answers.sample)}

# The beam: a tube with its filters, or one energy ({{energy_kev: 25}}).
source: {_source_text(answers.source)}

# Raw projections: HDF5 (DataExchange, NXtomo, ALS), TIFF folder, .txrm, .xtekct. Pressures are absolute: 6 atm on a
# gauge is 7. What a file lacks is given beside its path: pixel_um, theta_range_deg: [0, 180], centre_px, flat_path ...
# (`xelith inspect FILE` says what is missing). Slices reconstructed elsewhere: volume: FOLDER, with voxel_um and grey.
scans:
{chr(10).join(scans)}

# The same cell before charging makes lithium in the electrolyte and in the carbon measurable:
# before: {{xenon: {{path: fresh_xenon.h5}}}}

# Materials by preset; what differs is given beside it: outer_diameter_mm, electrolyte: {{formula: ...,
# density_g_cm3: ...}}, collector, carbon, casing. The bore must be the tube's own.
cell: {{preset: {answers.cell}{bore}}}

# The charge that passed; or a cycler's file: {{file: cell7.ndax, area_cm2: 0.00785}}.
{charge if known else "# " + charge}

# Steps between counts and µ; `xelith schema` lists all, with bounds and units.
# reconstruction: [{{step: flat-field}}, {{step: zingers}}, {{step: rings}}, {{step: centre}}, {{step: fourier-fbp}}]

# compute: {{memory_gib: 4}}
"""


def _source_text(source: str) -> str:
    parts = source.replace("kV", "").split()
    try:
        if len(parts) == 2 and parts[1].lower() == "kev":
            return f"{{energy_kev: {float(parts[0]):g}}}"
        if len(parts) == 2:
            return f"{{tube: {parts[0].capitalize()}, kv: {float(parts[1]):g}}}"
    except ValueError:
        pass
    raise ValueError(f"beam {source!r} is not understood; give a tube and its kV (`Mo 44`) or an energy (`25 keV`)")


def _quoted(text: str) -> str:
    """A text as YAML takes it between commas and braces."""
    import json

    plain = all(c.isalnum() or c in " _-./" for c in text) and text.strip() == text and text[:1].isalpha()
    is_word = text.lower() in ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
    return text if plain and not is_word else json.dumps(text, ensure_ascii=False)
