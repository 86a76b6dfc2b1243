"""`xelith evaluate`: labels against a truth or a second labelling, as table, JSON and pictures of the worst slices."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rich.table import Table

    from ..segmentation.evaluation import Evaluation


def evaluate(
    labels: Annotated[Path, typer.Argument(help="Run folder, OME-Zarr labels or TIFF.")],
    truth: Annotated[Path, typer.Option(help="Truth, or a second labelling, on the same grid.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for evaluation.json and pictures of the worst slices.")
    ] = None,
    voxel_um: Annotated[float | None, typer.Option(help="Edge of a voxel in µm, where the files do not say.")] = None,
    confidence: Annotated[Path | None, typer.Option(help="Confidence of the labels; of a run its own.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Say how good labels are: overlap, surfaces, thickness, filaments, and whether the confidence is right."""
    from ..segmentation.evaluation import evaluate as score
    from ..segmentation.evaluation import without_gas_around
    from .evaluated_shares import compared_shares
    from .ready_volume import open_volume
    from .training_files import read_labels

    phases, truth = _phases(labels), _phases(truth)
    opened = open_volume(phases)
    edge_um = voxel_um if voxel_um is not None else _one_voxel(opened.voxel_um, truth)
    shape = tuple(opened.values.shape)
    found, true = read_labels(phases, shape), read_labels(truth, shape)
    result = score(found, true, voxel_um=edge_um, confidence=_confidence(phases, confidence))
    shares = compared_shares(phases.parent.parent, truth)
    facts = as_facts(result) | {"voxel_um": edge_um, "lithium_of_blocks": shares}
    if out is not None:
        facts["files"] = _write(out, facts, found, without_gas_around(true))
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        from rich.console import Console

        Console().print(table_of(result, shares))


def as_facts(result: "Evaluation") -> dict[str, Any]:
    """Return scores for a script.

    Parameters
    ----------
    result : Evaluation
        The scores.

    Returns
    -------
    dict
        JSON-able; phases by name.
    """
    facts = asdict(result)
    facts["phases"] = {phase.name.lower(): asdict(one) for phase, one in result.phases.items()}
    facts["filaments"] = {
        f"width_{width}": {"found": found, "there": there} for width, (found, there) in result.filaments.items()
    }
    return facts


def table_of(result: "Evaluation", shares: dict[str, Any] | None = None) -> "Table":
    """Return scores for a reader.

    Parameters
    ----------
    result : Evaluation
        The scores.
    shares : dict, optional
        What `compared_shares` says.

    Returns
    -------
    rich.table.Table
        One line a phase, the rest below.
    """
    from rich.table import Table

    def text(value: float | None, form: str = ".3f") -> str:
        return "-" if value is None else format(value, form)

    lines = [
        f"mean IoU of void, lithium, carbon and electrolyte {text(result.mean_iou)}",
        f"{_thickness_line(result)}; volume found over true {text(result.volume_closure)}",
        "filaments found: "
        + (", ".join(f"{f} of {n} {w} voxels wide" for w, (f, n) in result.filaments.items() if n) or "none there"),
        f"confidence is off by {text(result.calibration_error)} on average",
    ]
    if shares is not None:
        lines.append(
            f"lithium in {shares['blocks']} blocks of {shares['block_um']:g} µm: {100 * shares['inside']:.1f} % of the "
            f"95 % intervals hold the truth; off by {shares['mean_error']:+.4f} on average"
        )
    lines.insert(0, "surface: share of both surfaces within a voxel of the other")
    table = Table(caption="\n".join(lines), caption_justify="left")
    for name in ("phase", "IoU", "Dice", "surface", "precision", "recall", "voxels", "true"):
        table.add_column(name, justify="left" if name == "phase" else "right")
    for phase, one in result.phases.items():
        scores = (one.iou, one.dice, one.surface_dice, one.precision, one.recall)
        table.add_row(phase.name.lower(), *map(text, scores), str(one.voxels), str(one.true_voxels))
    return table


def _thickness_line(result: "Evaluation") -> str:
    bias_um, rmse_um = result.thickness_bias_um, result.thickness_rmse_um
    if bias_um is None or rmse_um is None:
        return "thickness is not given, as no file states the voxel: --voxel-um gives it"
    return f"lithium per column off by {bias_um:+.2f} µm on average, {rmse_um:.2f} µm RMSE"


def _one_voxel(stated_um: float | None, truth: Path) -> float | None:
    """Edge of a voxel that either states, in µm; refused where both do and differ."""
    from .ready_volume import open_volume

    other_um = open_volume(truth).voxel_um
    if stated_um and other_um and abs(stated_um / other_um - 1) > 1e-3:
        raise ValueError(
            f"voxels are {stated_um:g} µm in the labels and {other_um:g} µm in {truth}; bring both to one grid first"
        )
    return stated_um or other_um


def _phases(path: Path) -> Path:
    """Labels of a run folder or of a simulated cell's, or the path itself."""
    if (path / "truth.ome.zarr").is_dir():
        return path / "truth.ome.zarr"
    inside = sorted(path.glob("*.ome.zarr/labels/phases")) if (path / "config.yaml").is_file() else []
    if not path.exists() or ((path / "config.yaml").is_file() and not inside):
        raise FileNotFoundError(f"no labels at {path}; give a run folder with phases, an OME-Zarr group or a TIFF")
    return inside[-1] if inside else path


def _confidence(phases: Path, given: Path | None) -> NDArray[np.float32] | None:
    from .ready_volume import open_volume

    if given is not None and not given.exists():
        raise FileNotFoundError(f"no confidence at {given}; give a TIFF or an OME-Zarr group, or leave it out")
    beside = phases.parent.parent / "confidence" / "phases"
    path = given or (beside if beside.is_dir() else None)
    return None if path is None else np.asarray(open_volume(path).values[:], dtype=np.float32)


def _write(folder: Path, facts: dict[str, Any], labels: NDArray[np.uint8], truth: NDArray[np.uint8]) -> list[str]:
    """Write the scores, and the worst slices beside the truth."""
    from ..segmentation.evaluation import worst_slices
    from .store import write_text

    folder.mkdir(parents=True, exist_ok=True)
    names = [_picture(folder, z, labels[z], truth[z]) for z in worst_slices(labels, truth)]
    write_text(folder / "evaluation.json", json.dumps(facts, indent=1))
    return ["evaluation.json", *names]


def _picture(folder: Path, z: int, labels: NDArray[np.uint8], truth: NDArray[np.uint8]) -> str:
    """Draw labels, truth, and where they differ."""
    import matplotlib.image
    from matplotlib.colors import to_rgb

    from ..materials.phases import COLOURS

    palette = np.ones((256, 3), np.float32)
    for phase, colour in COLOURS.items():
        palette[phase] = to_rgb(colour)
    wrong = np.where(((labels != truth) & (truth != 255) & (labels != 255))[..., None], palette[labels], 1.0)
    gap = np.ones((labels.shape[0], 8, 3), np.float32)
    name = f"slice-{z:04d}.png"
    matplotlib.image.imsave(folder / name, np.hstack([palette[labels], gap, palette[truth], gap, wrong]))
    return name
