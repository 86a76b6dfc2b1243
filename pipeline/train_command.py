"""`xelith train`: the user's own labels, by a forest in seconds or by fine-tuning the network."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer


def train(
    images: Annotated[
        Path, typer.Argument(help="Run folder; or, with --method forest, a TIFF file or OME-Zarr group.")
    ],
    labels: Annotated[Path, typer.Option(help="Scribbles on the same grid: TIFF or OME-Zarr, 255 = not labelled.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Labels as TIFF (forest), or weights as safetensors (network).")
    ],
    method: Annotated[
        str, typer.Option(help="forest: label all like the scribbles, now; network: fine-tune the shipped weights.")
    ] = "forest",
    start: Annotated[Path | None, typer.Option(help="Weights to begin with, instead of the shipped ones.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Most steps of the network.")] = 600,
    patience: Annotated[int, typer.Option(min=1, help="Looks at held-out labels without gain before it ends.")] = 6,
    seed: Annotated[int, typer.Option(help="Seed of trees, crops, and of which labels are held out.")] = 0,
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard's curves, where installed.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Learn from your own labels. Run it again after an interruption and it goes on.

    Labels are 1 void, 2 lithium, 3 carbon, 4 electrolyte, 5 collector, 6 casing, 0 outside, and 255 where nothing is
    said: a few strokes of each are enough for the forest. The network's weights are used with
    `segmentation: {method: unet, weights: FILE}`.
    """
    from .progress import Progress

    if out.resolve() in (images.resolve(), labels.resolve()):
        raise ValueError(f"--out is {out}, which is read; give another name")
    with Progress(quiet=quiet or as_json) as progress:
        if method == "forest":
            found = grow_forest(images, labels, out, seed=seed, advance=progress.advance)
        elif method == "network":
            options = {"start": start, "steps": steps, "patience": patience, "seed": seed, "tensorboard": tensorboard}
            found = tune_network(images, labels, out, options=options, advance=progress.advance)
        else:
            raise ValueError(f"method is {method!r}; give forest or network")
    typer.echo(json.dumps(found) if as_json else "\n".join(f"{key}: {value}" for key, value in found.items()))


def grow_forest(images: Path, labels: Path, out: Path, *, seed: int, advance: Any) -> dict[str, Any]:
    """Label an image like its scribbles, and write the labels.

    Parameters
    ----------
    images : Path
        Run folder, TIFF file or OME-Zarr group.
    labels : Path
        Scribbles.
    out : Path
        TIFF file to write.
    seed : int
        Seed of the forest.
    advance : callable
        Told of what is done, as (stage, done, total).

    Returns
    -------
    dict
        Files, and the share of voxels that were labelled.
    """
    from ..arrays.blocks import thread_count
    from ..segmentation.forest import label_from_scribbles
    from .training_files import open_images, read_labels, write_labels

    opened = open_images(images)
    volumes = list(opened.volumes.values())
    scribbles = read_labels(labels, tuple(volumes[0].shape))
    found = label_from_scribbles(
        volumes,
        scribbles,
        seed=seed,
        threads=thread_count(),
        advance=lambda done, total: advance("forest", done, total),
    )
    files = write_labels(out, found.labels, found.confidence, voxel_um=opened.voxel_um)
    return {
        "labels": str(files[0]),
        "confidence": str(files[1]),
        "labelled_share": float((scribbles != 255).mean()),
        "mean_confidence": float(found.confidence.mean()),
    }


def tune_network(images: Path, labels: Path, out: Path, *, options: dict[str, Any], advance: Any) -> dict[str, Any]:
    """Fine-tune the network on scribbles, and write the best weights after every look that found better ones.

    Parameters
    ----------
    images : Path
        Run folder.
    labels : Path
        Scribbles.
    out : Path
        Safetensors file to write; its checkpoint stands beside it.
    options : dict
        start, steps, patience, seed, tensorboard.
    advance : callable
        Told of what is done, as (stage, done, total).

    Returns
    -------
    dict
        Scores, and the file.

    Raises
    ------
    ValueError
        If the images are no run with known beam, or labels or weights do not fit.
    """
    from ..segmentation.scribbles import Effort, fine_tune
    from ..segmentation.unet import shipped_weights, weights_from_bytes
    from .training_files import Checkpoint, open_images, read_labels, write_weights

    opened = open_images(images)
    if opened.references is None:
        raise ValueError(
            f"{images} is no run with a known beam and gas, so µ cannot be told; the network learns on run folders, "
            "--method forest on any image"
        )
    scribbles = read_labels(labels, tuple(next(iter(opened.volumes.values())).shape))
    given = options["start"]
    content = None if given is None else given.read_bytes()
    weights = shipped_weights(list(opened.volumes)) if content is None else weights_from_bytes(content)
    effort = Effort(steps=options["steps"], patience=options["patience"], seed=options["seed"])
    mark = hashlib.sha256(scribbles.tobytes() + (content or b"shipped") + repr((images, effort.seed)).encode())
    checkpoint = Checkpoint(out.with_name(out.name + ".checkpoint"), mark.hexdigest())
    out.parent.mkdir(parents=True, exist_ok=True)
    writer = _writer(options["tensorboard"])

    def save(state: dict[str, Any], better: Any, scores: dict[str, float]) -> None:
        if better is not None:
            write_weights(out, better, held_out=f"{scores['held_out']:.4f}", images=str(images.name))
        checkpoint.write(state)
        for name in ("loss", "held_out") if writer is not None else ():
            writer.add_scalar(name, scores[name], int(scores["step"]))

    found = fine_tune(
        opened.volumes,
        opened.references,
        scribbles,
        weights,
        effort=effort,
        saved=checkpoint.read(),
        save=save,
        advance=lambda done, total: advance("network", done, total),
    )
    if not found["best"] > found["before"]:  # what stands there may be of another training
        write_weights(out, weights, note="no step was better than the weights it began with")
    if writer is not None:
        writer.close()
    return {"weights": str(out), **found}


def _writer(folder: Path | None) -> Any:
    if folder is None:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ValueError("--tensorboard needs TensorBoard; pip install tensorboard, or leave it out") from error
    return SummaryWriter(str(folder))
