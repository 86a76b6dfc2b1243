"""Make training twins, and train the networks that ship: `make` and `fit` side by side; both go on after a kill.

python -m benchmarks.train_weights make twins --first 0 --count 600
python -m benchmarks.train_weights make held-out --first 900000 --count 16
python -m benchmarks.train_weights fit twins held-out --scans argon xenon --out two-gas --minutes 60
python -m benchmarks.train_weights calibrate two-gas/best.safetensors held-out
"""

import argparse
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from xelith.materials import Phase
from xelith.segmentation.training import Plan, Trainer
from xelith.segmentation.training_batches import draw_batch
from xelith.segmentation.training_set import Example, make_example
from xelith.segmentation.unet import (
    CHANNELS,
    Reference,
    build_network,
    features,
    fewer_scans,
    network_of,
    weights_bytes,
    weights_from_bytes,
    weights_of,
)

BATCH = 2
SAVE_S = 240.0
SCORED = (Phase.VOID, Phase.LITHIUM, Phase.CARBON, Phase.ELECTROLYTE)


def write(path: Path, example: Example) -> None:
    """Write an example, whole or not at all."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, **{item.name: getattr(example, item.name) for item in fields(example)})
    partial.replace(path)


def read(path: Path) -> Example:
    """Read an example."""
    with np.load(path) as file:
        numbers = {name: float(file[name]) for name in ("noise", "voxel_um")}
        return Example(file["mu"], file["dense"], file["labels"], str(file["kind"]), **numbers)


def make(folder: Path, first: int, count: int) -> None:
    """Make the examples that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        path = folder / f"{seed:06d}.npz"
        if not path.exists():
            clock = time.monotonic()
            write(path, make_example(seed))
            print(f"{path.name} {time.monotonic() - clock:.1f} s", flush=True)


def score(trainer: Trainer, examples: list[Example], scans: list[str]) -> dict[str, float]:
    """Return IoU of each phase over all held-out examples, by the averaged weights."""
    import torch

    network = trainer.averaged()
    both, either = np.zeros(len(Phase)), np.zeros(len(Phase))
    for example in examples:
        index = [("argon", "xenon").index(scan) for scan in scans]
        volumes = [example.mu[i].astype(np.float32) for i in index]
        references = [Reference(1.0, max(1 / float(example.dense[i]), 1.01)) for i in index]
        seen = torch.from_numpy(features(volumes, references))[None].to(memory_format=torch.channels_last_3d)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            found = network(seen)[0].argmax(0).numpy()
        known = example.labels != 255
        for phase in Phase:
            a, b = found[known] == phase, example.labels[known] == phase
            both[phase] += (a & b).sum()
            either[phase] += (a | b).sum()
    iou = both / np.maximum(either, 1)
    return {**{p.name.lower(): float(iou[p]) for p in Phase}, "mean": float(np.mean([iou[p] for p in SCORED]))}


def fit(
    folder: Path,
    held_out: Path,
    scans: list[str],
    out: Path,
    minutes: float,
    plan: Plan,
    start: Path | None,
    channels: tuple[int, ...],
) -> None:
    """Train until the time is up, going on from the checkpoint where there is one; the best weights are kept."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    out.mkdir(parents=True, exist_ok=True)
    network = build_network(len(scans), channels)
    if start is not None:
        network = network_of(fewer_scans(weights_from_bytes(start.read_bytes()), scans))
    trainer = Trainer(network, plan)
    state, log = out / "checkpoint.pt", out / "log.jsonl"
    best, spent = -1.0, 0.0
    if state.exists():
        saved = torch.load(state, weights_only=True)
        trainer.restore(saved["trainer"])
        best, spent = saved["best"], saved.get("core_minutes", 0.0)
    rng = np.random.default_rng([trainer.step, 1])
    end, saved_at, losses = time.monotonic() + 60 * minutes, time.monotonic(), []

    def batch(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        files = sorted(folder.glob("*.npz"))
        chosen = [read(files[i]) for i in generator.integers(0, len(files), BATCH)]
        return draw_batch(chosen, scans, generator)

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(batch, rng.spawn(1)[0])
        while time.monotonic() < end and trainer.step < (plan.steps or math.inf):
            inputs, labels = following.result()
            following = pool.submit(batch, rng.spawn(1)[0])
            losses.append(trainer.learn(inputs, labels))
            if trainer.step % 50 == 0:
                print(f"{trainer.step} loss {np.mean(losses[-50:]):.4f}", flush=True)
            last = time.monotonic() >= end or trainer.step == plan.steps
            if time.monotonic() - saved_at > SAVE_S or last:
                found = score(trainer, [read(p) for p in sorted(held_out.glob("*.npz"))], scans)
                twins = len(list(folder.glob("*.npz")))
                facts = {"step": trainer.step, "loss": float(np.mean(losses[-200:])), "twins": twins}
                facts["core_minutes"] = spent + time.process_time() / 60
                with log.open("a") as file:
                    file.write(json.dumps({**facts, **found}) + "\n")
                print(facts, {k: round(v, 3) for k, v in found.items()}, flush=True)
                if found["mean"] > best:
                    best = found["mean"]
                    notes = {"steps": str(trainer.step), "held_out_mean_iou": f"{best:.4f}"}
                    content = weights_bytes(weights_of(trainer.averaged(), scans, **notes))
                    (out / "best.partial").write_bytes(content)
                    (out / "best.partial").replace(out / "best.safetensors")
                torch.save(
                    {"trainer": trainer.state(), "best": best, "core_minutes": facts["core_minutes"]},
                    out / "checkpoint.partial",
                )
                (out / "checkpoint.partial").replace(state)
                saved_at = time.monotonic()


def calibrate(path: Path, held_out: Path) -> float:
    """Fit the temperature of weights on held-out twins (Guo et al., ICML 2017), and write it into them."""
    import torch

    weights = weights_from_bytes(path.read_bytes())
    network, rng, kept = network_of(weights), np.random.default_rng(1), []
    for example in (read(p) for p in sorted(held_out.glob("*.npz"))):
        index = [("argon", "xenon").index(scan) for scan in weights.scans]
        references = [Reference(1.0, max(1 / float(example.dense[i]), 1.01)) for i in index]
        seen = torch.from_numpy(features([example.mu[i].astype(np.float32) for i in index], references))[None]
        with torch.inference_mode():
            logits = network(seen)[0].flatten(1).T
        places = np.flatnonzero((example.labels != 255) & (example.labels != Phase.OUTSIDE))
        places = torch.from_numpy(rng.choice(places, 20_000))
        kept.append((logits[places], torch.from_numpy(example.labels.ravel().astype(np.int64))[places]))
    logits, labels = (torch.cat(parts) for parts in zip(*kept, strict=True))
    tries = np.exp(np.linspace(np.log(0.5), np.log(3.0), 60))
    losses = [float(torch.nn.functional.cross_entropy(logits / t, labels)) for t in tries]
    best = float(tries[int(np.argmin(losses))])
    path.write_bytes(weights_bytes(replace(weights, temperature=best)))
    return best


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("folder", type=Path)
    making.add_argument("--first", type=int, default=0)
    making.add_argument("--count", type=int, default=600)
    fitting = commands.add_parser("fit")
    fitting.add_argument("folder", type=Path)
    fitting.add_argument("held_out", type=Path)
    fitting.add_argument("--scans", nargs="+", default=["argon", "xenon"])
    fitting.add_argument("--out", type=Path, required=True)
    fitting.add_argument("--minutes", type=float, default=60.0)
    fitting.add_argument("--rate", type=float, default=2e-3)
    fitting.add_argument("--steps", type=int, help="end of the training, towards which the rate falls; default: kept")
    fitting.add_argument("--channels", type=int, nargs="+", default=CHANNELS, help="features of each level")
    fitting.add_argument("--start", type=Path, help="weights to begin with, of these scans or of more")
    calibrating = commands.add_parser("calibrate")
    calibrating.add_argument("weights", type=Path)
    calibrating.add_argument("held_out", type=Path)
    given = parser.parse_args()
    if given.command == "make":
        make(given.folder, given.first, given.count)
    elif given.command == "calibrate":
        print(f"temperature {calibrate(given.weights, given.held_out):.3f}")
    else:
        plan = Plan(rate=given.rate, steps=given.steps)
        fit(
            given.folder,
            given.held_out,
            given.scans,
            given.out,
            given.minutes,
            plan,
            given.start,
            tuple(given.channels),
        )


if __name__ == "__main__":
    main()
