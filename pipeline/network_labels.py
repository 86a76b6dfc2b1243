"""Phases by the network in a run: what its µ is told by, and its labels and confidence on disk, slab by slab."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from ..arrays import Block, blocks
from ..arrays.blocks import thread_count
from ..materials import MATERIALS, Gas, Phase
from ..segmentation.contrast import expected_mu
from ..segmentation.thresholds import Thresholds
from ..segmentation.unet import SCANS, Reference, Weights, shipped_weights, weights_from_bytes
from .beams import spectrum_of
from .checksums import save_slab
from .cluster import Workers
from .config import Config
from .job import Advance, stage_scratch
from .ledger import Ledger, fingerprint
from .planning import slabs_at_once
from .store import ImageLayout, create_image
from .tasks import Facts

if TYPE_CHECKING:
    from ..segmentation.prediction import Predictor
    from .phase_map import Labelled

log = logging.getLogger(__name__)

STAGE = "network"
PART_BYTES = 3 * 2**30
"""Memory that one part takes, with PyTorch's libraries: labels, confidence and the tile in work."""


def read_weights(config: Config, scans: list[str]) -> Weights:
    """Return the weights a configuration names, or those that ship.

    Parameters
    ----------
    config : Config
        The configuration.
    scans : list of str
        Gases of the scans that are looked at.

    Returns
    -------
    Weights
        For these scans.

    Raises
    ------
    ValueError
        If there are none for them.
    """
    path = config.segmentation.weights
    weights = _weights_at(path, scans)
    if set(weights.scans) != set(scans):
        raise ValueError(
            f"the weights in {path} are for {' and '.join(weights.scans)}, the run has {' and '.join(scans)}; give "
            "weights that were trained on these scans"
        )
    return weights


def _weights_at(path: Path | None, scans: Sequence[str]) -> Weights:
    return shipped_weights(scans) if path is None else weights_from_bytes(path.read_bytes())


def weights_mark(config: Config) -> str:
    """Return what tells the network of a run from another: nothing unless it is asked for.

    Parameters
    ----------
    config : Config
        The configuration.

    Returns
    -------
    str
        Hash of the weights' content, so that weights trained anew under the same name are noticed.
    """
    if config.segmentation.method != "unet":
        return ""
    path = config.segmentation.weights
    if path is not None:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    shipped = resources.files("xelith.segmentation.weights")
    contents = [shipped.joinpath("-".join(scans) + ".safetensors").read_bytes() for scans in SCANS]
    return hashlib.sha256(b"".join(contents)).hexdigest()


def references_of(config: Config, thresholds: Thresholds, names: Mapping[str, str]) -> dict[str, Reference]:
    """Return the levels by which the network is told each scan's µ.

    Parameters
    ----------
    config : Config
        Beam and cell.
    thresholds : Thresholds
        What the scans read at known places: the electrolyte's level, and the casing as a scale.
    names : mapping of str to str
        Gas to scan.

    Returns
    -------
    dict of str to Reference
        By gas: carbon in argon, the gas in xenon, and the electrolyte.

    Raises
    ------
    ValueError
        If the beam is not known.
    """
    found = {}
    solids = {Phase.CARBON: MATERIALS["carbon"]}
    bore_um = 2 * thresholds.bore.radius_px * thresholds.voxel_um
    for gas, scan in names.items():
        spectrum, entry = spectrum_of(config, scan), config.scans[scan].gas
        if spectrum is None or entry is None:
            raise ValueError("the network needs beam and gas; give source: {tube: ..., kv: ...} and the scans' gas")
        fill = Gas(entry.name, entry.pressure_atm, entry.temperature_k)
        table = expected_mu(solids, fill, spectrum, path_um=bore_um)
        light = table[Phase.CARBON if gas == "argon" else Phase.VOID].mu_per_cm
        dense = thresholds.levels[gas].get(Phase.ELECTROLYTE)
        found[gas] = Reference(light, max(dense or 0.0, 3.0 * light))
    return found


def network_labels(
    config: Config,
    labelled: "Labelled",
    names: Mapping[str, str],
    ledger: Ledger,
    mark: str,
    *,
    advance: Advance,
    workers: Workers,
) -> Path:
    """Let the network label a run's volumes, and keep its confidence beside the image.

    Parameters
    ----------
    config : Config
        The configuration.
    labelled : Labelled
        Volumes on one grid, and what the scans read at known places.
    names : mapping of str to str
        Gas to scan.
    ledger : Ledger
        What is done.
    mark : str
        What the labels depend on.
    advance : callable
        Told of every finished part.
    workers : Workers
        Who runs the parts.

    Returns
    -------
    Path
        Image of (n_z, n_y, n_x) values of `Phase`, as the network says.

    Raises
    ------
    ValueError
        If the weights do not fit, or µ is not in cm^-1.
    """
    from ..segmentation.prediction import check_units

    layout, volumes = labelled.layout, labelled.aligned.volumes
    weights = read_weights(config, list(volumes))
    references = references_of(config, labelled.thresholds, names)
    check_units(volumes, references)
    image = labelled.labels.parent.parent
    targets = {
        stage_scratch(image.parent, "network-phases"): np.uint8,
        image / "confidence" / "phases": np.float32,
    }
    parts, mark = _parts(layout), _full_mark(mark, references)
    if not (ledger.done(STAGE, -2, mark) and all(path.exists() for path in targets)):
        _begin(targets, layout, weights)
        ledger.record(STAGE, -2, mark)
        for part in parts:
            ledger.forget(STAGE, part.index, "the labels are new")
    todo = [part for part in parts if not ledger.done(STAGE, part.index, mark)]
    finished = iter(range(len(parts) - len(todo) + 1, len(parts) + 1))
    advance("network", len(parts) - len(todo), len(parts))

    def _record(part: Block, facts: Facts) -> None:
        ledger.record(STAGE, part.index, mark, facts)
        advance("network", next(finished), len(parts))

    if todo:
        at_once = slabs_at_once(config.compute, PART_BYTES, threaded=1)
        threads = None if at_once == 1 else max(1, thread_count(config.compute.threads) // at_once)
        path = config.segmentation.weights
        given = weights_mark(config), tuple(references.items())
        shown = tuple(target.relative_to(image.parent).as_posix() for target in targets)
        task = NetworkTask(volumes, path, *given, tuple(targets), shown, layout, threads)
        try:
            workers.run(task, todo, _record, at_once=at_once)
        finally:
            _predictor.cache_clear()
    return next(iter(targets))


def confidence_is_whole(
    config: Config, labelled: "Labelled", names: Mapping[str, str], ledger: Ledger, mark: str
) -> bool:
    """Tell whether the network's confidence is as it was written.

    Parameters
    ----------
    config : Config
        The configuration.
    labelled : Labelled
        Volumes on one grid, and what the scans read at known places.
    names : mapping of str to str
        Gas to scan.
    ledger : Ledger
        What is done; chunks that were found damaged are taken back there.
    mark : str
        What the labels depend on.

    Returns
    -------
    bool
        False where a part was never done, or is to be done again.
    """
    whole = _full_mark(mark, references_of(config, labelled.thresholds, names))
    is_there = (labelled.labels.parent.parent / "confidence" / "phases").exists()
    return is_there and all(ledger.done(STAGE, part.index, whole) for part in _parts(labelled.layout))


def _full_mark(mark: str, references: Mapping[str, Reference]) -> str:
    return fingerprint(mark, {gas: [r.light_per_cm, r.electrolyte_per_cm] for gas, r in references.items()})


def _begin(targets: Mapping[Path, Any], layout: ImageLayout, weights: Weights) -> None:
    for path, dtype in targets.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {"quantity": "confidence" if dtype is np.float32 else "phases", "weights": dict(weights.notes or {})}
        create_image(path, layout, name=path.name, dtype=dtype, attributes=facts)
        if path.parent.name == "confidence":
            zarr.open_group(path.parent, mode="a", zarr_format=3)


def _parts(layout: ImageLayout) -> list[Block]:
    """Slabs of the image that go through the network together: their halo is then looked at once."""
    from ..segmentation.prediction import slab_rows

    at_once = max(slab_rows(*layout.shape[1:]) // layout.slab, 1)
    return blocks(layout.shape[0], at_once * layout.slab)


@dataclass(frozen=True)
class NetworkTask:
    """Some slabs of volumes on one grid, to the network's labels and confidence in their own chunks.

    Parameters
    ----------
    volumes : mapping
        By gas, what is read when sliced.
    weights : Path or None
        File of the weights; None are those that ship.
    mark : str
        Hash of the weights: a process that works on several parts reads them once.
    references : tuple of (str, Reference)
        Levels by gas.
    targets : tuple of Path
        Images of labels and of confidence.
    names : tuple of str
        Their names below the run folder.
    layout : ImageLayout
        Of both.
    threads : int or None
        Threads to use in a process that works beside others; None leaves it to PyTorch.
    """

    volumes: Mapping[str, Any]
    weights: Path | None
    mark: str
    references: tuple[tuple[str, Reference], ...]
    targets: tuple[Path, ...]
    names: tuple[str, ...]
    layout: ImageLayout
    threads: int | None = None

    def __call__(self, part: Block) -> Facts:
        """Label the part and write it; the answer holds the checksums of its chunks."""
        import torch

        if self.threads is not None:
            torch.set_num_threads(self.threads)
        predictor = _predictor(self.weights, self.mark, self.references)
        found: tuple[Any, ...] = predictor.slab(self.volumes, part)
        sums: dict[str, dict[str, str]] = {name: {} for name in self.names}
        for slab in self.layout.slabs:
            if part.start <= slab.start < part.stop:
                inner = slice(slab.start - part.start, slab.stop - part.start)
                for name, path, values in zip(self.names, self.targets, found, strict=True):
                    sums[name] |= save_slab(path, self.layout, slab, values[inner])
        return {"crc32c": sums}


@lru_cache(maxsize=1)
def _predictor(weights: Path | None, mark: str, references: tuple[tuple[str, Reference], ...]) -> "Predictor":
    """The network, made once in a process as long as weights and levels stay."""
    from ..segmentation.prediction import Predictor

    levels = dict(references)
    return Predictor(_weights_at(weights, list(levels)), levels)
