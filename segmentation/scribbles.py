"""Fine-tuning the network on sparse labels: crops around them, a part held out, early stopping."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, to_host
from ..materials.phases import NOT_LABELLED
from .forest import check_scribbles
from .training import Plan, Trainer
from .training_batches import turned
from .unet import Reference, Weights, features, network_of, weights_of

CROP = 64
BLOCK = 16
"""Edge, in voxels, of the cubes that are held out as a whole: neighbours in a scribble are alike."""

HELD_OUT = 0.2
RATE = 5e-4
BATCH = 2


@dataclass(frozen=True)
class Effort:
    """How long the network is trained on the user's labels.

    Parameters
    ----------
    steps : int
        Most steps.
    every : int
        Steps between two looks at the labels held out, after each of which the state is saved.
    patience : int
        Looks without gain after which it ends.
    seed : int
        Seed of crops and of what is held out.
    """

    steps: int = 600
    every: int = 25
    patience: int = 6
    seed: int = 0


@dataclass
class Progress:
    """Where a training stands; saved with the trainer's state.

    Parameters
    ----------
    best : float
        Best score on the labels held out: mean share of voxels that are right, over the phases.
    stale : int
        Looks since then.
    first : float
        Score before the first step.
    """

    best: float = -1.0
    stale: int = 0
    first: float = -1.0


def split_scribbles(scribbles: NDArray[np.uint8], *, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Hold out a fifth of the labels, cube by cube.

    Parameters
    ----------
    scribbles : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, or 255.
    seed : int
        Seed of the choice.

    Returns
    -------
    learnt, held_out : (n_z, n_y, n_x) arrays of uint8
        Each label in one of them, 255 in the other; a phase that lies in one cube only is learnt from, and checked
        on the same voxels.
    """
    shape = tuple(-(-n // BLOCK) for n in scribbles.shape)
    chosen = np.random.default_rng(seed).random(shape) < HELD_OUT
    place = tuple(np.arange(n) // BLOCK for n in scribbles.shape)
    apart = chosen[np.ix_(*place)]
    learnt = np.where(apart, np.uint8(NOT_LABELLED), scribbles)
    held = np.where(apart, scribbles, np.uint8(NOT_LABELLED))
    for phase in np.unique(scribbles[scribbles != NOT_LABELLED]):
        for part in (learnt, held):
            if not (part == phase).any():
                part[scribbles == phase] = phase
    return learnt, held


def scribble_batch(
    volumes: Sequence[Array],
    references: Sequence[Reference],
    labels: NDArray[np.uint8],
    rng: np.random.Generator,
    *,
    size: int = BATCH,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Cut crops around labelled voxels, every phase as often as the others, and turn them.

    Parameters
    ----------
    volumes : sequence of (n_z, n_y, n_x) array
        µ of each scan in cm^-1; only the crops are read.
    references : sequence of Reference
        Levels of each scan.
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, or 255.
    rng : numpy.random.Generator
        Source of random numbers.
    size : int
        Crops.

    Returns
    -------
    inputs : (size, 2 n_scans, 64, 64, 64) array of float32
        Features; beyond the volume its edge is repeated.
    labels : (size, 64, 64, 64) array of uint8
        Labels, 255 beyond the volume.
    """
    phases = np.unique(labels[labels != NOT_LABELLED])
    drawn = []
    for _ in range(size):
        places = np.argwhere(labels == rng.choice(phases))
        centre = places[rng.integers(len(places))] + rng.integers(-CROP // 4, CROP // 4, 3)
        starts = [int(np.clip(c - CROP // 2, 0, max(n - CROP, 0))) for c, n in zip(centre, labels.shape, strict=True)]
        cut = tuple(slice(start, start + CROP) for start in starts)
        part = [np.asarray(to_host(volume[cut]), dtype=np.float32) for volume in volumes]
        missing = [(0, CROP - n) for n in part[0].shape]
        seen = np.pad(features(part, references), [(0, 0), *missing], mode="edge")
        drawn.append(turned(seen, np.pad(labels[cut], missing, constant_values=NOT_LABELLED), rng))
    return np.stack([seen for seen, _ in drawn]), np.stack([known for _, known in drawn])


def fine_tune(
    volumes: Mapping[str, Array],
    references: Mapping[str, Reference],
    scribbles: NDArray[np.uint8],
    start: Weights,
    *,
    effort: Effort | None = None,
    saved: Mapping[str, Any] | None = None,
    save: Callable[[dict[str, Any], Weights | None, dict[str, float]], Any] | None = None,
    advance: Callable[[int, int], Any] | None = None,
) -> dict[str, float]:
    """Train the network on the user's own labels, from weights that know such cells already.

    Parameters
    ----------
    volumes : mapping of str to (n_z, n_y, n_x) array
        µ in cm^-1 by scan.
    references : mapping of str to Reference
        Levels by scan.
    scribbles : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, and 255 where nothing is said.
    start : Weights
        Weights to begin with, for these scans.
    effort : Effort, optional
        How long.
    saved : mapping, optional
        State that `save` was given by an earlier call, to go on from.
    save : callable, optional
        Called after every look with the state, the weights where they are the best so far (else None), and the
        scores.
    advance : callable, optional
        Called with the steps done, and their number.

    Returns
    -------
    dict of str to float
        Score of the labels held out "before" and at "best", and "steps" taken.

    Raises
    ------
    ValueError
        If scribbles or weights do not fit.
    """
    effort, names = effort or Effort(), list(start.scans)
    if set(names) != set(volumes):
        raise ValueError(
            f"the weights are for {' and '.join(names)}, the volumes are {' and '.join(volumes)}; begin with weights "
            "that were trained on these scans"
        )
    stack, levels = [volumes[name] for name in names], [references[name] for name in names]
    check_scribbles(scribbles, tuple(stack[0].shape))
    learnt, held = split_scribbles(scribbles, seed=effort.seed)
    trainer, where = Trainer(network_of(start), Plan(rate=RATE, warm_up=20, memory=0.98)), Progress()
    if saved is not None:
        trainer.restore(saved["trainer"])
        where = Progress(**saved["progress"])
    else:
        where.first = where.best = held_out_score(trainer, stack, levels, held)
    while trainer.step < effort.steps and where.stale < effort.patience:
        rng = np.random.default_rng([effort.seed, trainer.step])
        loss = trainer.learn(*scribble_batch(stack, levels, learnt, rng))
        if advance is not None:
            advance(trainer.step, effort.steps)
        if trainer.step % effort.every and trainer.step < effort.steps:
            continue
        score = held_out_score(trainer, stack, levels, held)
        better = score > where.best
        where.best, where.stale = max(score, where.best), 0 if better else where.stale + 1
        if save is not None:
            scores = {"step": trainer.step, "loss": loss, "held_out": score, "best": where.best}
            state = {"trainer": trainer.state(), "progress": vars(where)}
            save(
                state, weights_of(trainer.averaged(), names, temperature=start.temperature) if better else None, scores
            )
    return {"before": where.first, "best": where.best, "steps": float(trainer.step)}


def held_out_score(
    trainer: Trainer, volumes: Sequence[Array], references: Sequence[Reference], held: NDArray[np.uint8]
) -> float:
    """Return the share of held-out voxels that are right, averaged over the phases.

    Parameters
    ----------
    trainer : Trainer
        The network; its averaged weights are asked.
    volumes : sequence of (n_z, n_y, n_x) array
        µ of each scan in cm^-1.
    references : sequence of Reference
        Levels of each scan.
    held : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, or 255.

    Returns
    -------
    float
        Between 0 and 1.
    """
    import torch

    network, rng = trainer.averaged(), np.random.default_rng(7)
    right: dict[int, list[int]] = {int(p): [0, 0] for p in np.unique(held[held != NOT_LABELLED])}
    for _ in range(4):
        inputs, labels = scribble_batch(volumes, references, held, rng, size=1)
        with torch.inference_mode():
            found = network(torch.from_numpy(inputs).to(trainer.device)).argmax(1).cpu().numpy()
        for phase, count in right.items():
            count[0] += int(((labels == phase) & (found == phase)).sum())
            count[1] += int((labels == phase).sum())
    return float(np.mean([hits / n for hits, n in right.values() if n]))
