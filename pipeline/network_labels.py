"""Phases by the network in a run: what its µ is told by, and its labels and confidence on disk, slab by slab."""

import hashlib
import logging
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from ..arrays import Block, blocks
from ..materials import MATERIALS, Gas, Phase
from ..segmentation.contrast import expected_mu
from ..segmentation.thresholds import Thresholds
from ..segmentation.unet import SCANS, Reference, Weights, shipped_weights, weights_from_bytes
from .beams import spectrum_of
from .config import Config
from .job import Advance
from .ledger import Ledger, fingerprint
from .store import ImageLayout, create_image, open_level, write_slab

if TYPE_CHECKING:
    from .phase_map import Labelled

log = logging.getLogger(__name__)

STAGE = "network"


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
    weights = shipped_weights(scans) if path is None else weights_from_bytes(path.read_bytes())
    if set(weights.scans) != set(scans):
        raise ValueError(
            f"the weights in {path} are for {' and '.join(weights.scans)}, the run has {' and '.join(scans)}; give "
            "weights that were trained on these scans"
        )
    return weights


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
    config: Config, labelled: "Labelled", names: Mapping[str, str], ledger: Ledger, mark: str, advance: Advance
) -> Any:
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

    Returns
    -------
    zarr.Array
        (n_z, n_y, n_x) values of `Phase`, as the network says.

    Raises
    ------
    ValueError
        If the weights do not fit, or µ is not in cm^-1.
    """
    from ..segmentation.prediction import Predictor, check_units

    layout, volumes = labelled.layout, labelled.aligned.volumes
    weights = read_weights(config, list(volumes))
    references = references_of(config, labelled.thresholds, names)
    check_units(volumes, references)
    image = labelled.labels.parent.parent
    targets = {
        image.parent / ".xelith" / "scratch" / "network-phases": np.uint8,
        image / "confidence" / "phases": np.float32,
    }
    mark = fingerprint(mark, {gas: [r.light_per_cm, r.electrolyte_per_cm] for gas, r in references.items()})
    if not (ledger.done(STAGE, -2, mark) and all(path.exists() for path in targets)):
        _begin(targets, layout, weights)
        ledger.record(STAGE, -2, mark)
        done = set()
    else:
        done = {part.index for part in _parts(layout) if ledger.done(STAGE, part.index, mark)}
    parts = _parts(layout)
    todo = [part for part in parts if part.index not in done]
    advance("network", len(parts) - len(todo), len(parts))
    predictor = Predictor(weights, references) if todo else None
    for place, part in enumerate(todo, start=len(parts) - len(todo) + 1):
        if predictor is not None:
            _write(targets, layout, part, predictor.slab(volumes, part))
        ledger.record(STAGE, part.index, mark)
        advance("network", place, len(parts))
    return open_level(next(iter(targets)))


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


def _write(targets: Mapping[Path, Any], layout: ImageLayout, part: Block, found: tuple[Any, Any]) -> None:
    for slab in layout.slabs:
        if part.start <= slab.start < part.stop:
            inner = slice(slab.start - part.start, slab.stop - part.start)
            for path, values in zip(targets, found, strict=True):
                write_slab(path, layout, slab, values[inner])
