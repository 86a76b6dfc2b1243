"""From µ to phases on disk: what the cell should read, what the scan says, and labels slab by slab."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from ..arrays import Block
from ..materials import Gas, Material, Phase
from ..materials.gases import gas_name
from ..segmentation.contrast import ExpectedMu, expected_mu
from ..segmentation.layout import CellLayout
from ..segmentation.preparation import prepare
from ..segmentation.thresholds import Thresholds
from .alignment import Aligned, Moved, align
from .beams import chosen_scans, scans_by_gas, spectrum_of
from .cluster import Workers
from .config import Config
from .job import Advance, Reconstructed
from .ledger import Ledger, fingerprint
from .network_labels import confidence_is_whole, network_labels, weights_mark
from .phase_task import PhasesTask
from .planning import slabs_at_once
from .store import ImageLayout, create_image, open_level, publish, register_label
from .tasks import Facts

log = logging.getLogger(__name__)

PART_OF_MEMORY = 0.35
"""Of `memory_gib` that one slab may take while it is labelled: two are in work at a time."""

Expected = Mapping[Phase, ExpectedMu]


@dataclass(frozen=True)
class Labelled:
    """Phases on disk, and what they rest on.

    Parameters
    ----------
    labels : Path
        OME-Zarr group of the labels.
    lithium : Path
        OME-Zarr group of the share of lithium in each voxel.
    layout : ImageLayout
        Shape, voxel and slabs, those of the image.
    thresholds : Thresholds
        Levels, surfaces, noise and separability found in the scan.
    expected : dict
        For each scan, what each phase should read.
    aligned : Aligned
        The volumes on one grid.
    """

    labels: Path
    lithium: Path
    layout: ImageLayout
    thresholds: Thresholds
    expected: Mapping[str, Expected]
    aligned: Aligned


@dataclass(frozen=True)
class Unlabelled:
    """Why no phases were told apart.

    Parameters
    ----------
    reason : str
        One sentence, with the remedy.
    expected : dict
        For each scan, what each phase should read, as far as known.
    """

    reason: str
    expected: Mapping[str, Expected] = field(default_factory=dict)


def expected_of(config: Config) -> tuple[dict[str, Expected], str | None]:
    """Return what each phase should read in each scan whose gas is argon or xenon.

    Parameters
    ----------
    config : Config
        The configuration.

    Returns
    -------
    dict
        By gas: "argon", "xenon".
    str or None
        Why there is none.
    """
    solids = {
        phase: Material(phase.name.lower(), entry.formula, entry.density_g_cm3, phase)
        for phase, entry in config.cell.materials().items()
    }
    bore_um = config.cell.inner_diameter_um
    found: dict[str, Expected] = {}
    for name, entry in config.scans.items():
        if entry.gas is None:
            continue
        fill = Gas(entry.gas.name, entry.gas.pressure_atm, entry.gas.temperature_k)
        spectrum = spectrum_of(config, name)
        if spectrum is None:
            return {}, "neither energy nor tube is known; give source: {energy_kev: ...} or {tube: ..., kv: ...}"
        found[gas_name(fill.name)] = expected_mu(
            solids, fill, spectrum, path_um=bore_um or 1000.0, casing_um=config.cell.casing_um
        )
    if not found:
        return {}, "no scan names its gas; give gas: {name: xenon, pressure_atm: 6} in its entry"
    return found, None


def label_phases(
    config: Config,
    volumes: Mapping[str, Reconstructed],
    folder: Path,
    ledger: Ledger,
    *,
    advance: Advance,
    workers: Workers,
) -> Labelled | Unlabelled:
    """Label the volumes of a run, slab by slab.

    Parameters
    ----------
    config : Config
        The configuration.
    volumes : mapping
        Finished volumes by scan.
    folder : Path
        The run folder.
    ledger : Ledger
        What is done.
    advance : callable
        Told of every finished slab.
    workers : Workers
        Who runs the slabs; registration and levels, which take the whole volume, are found here.

    Returns
    -------
    Labelled or Unlabelled
        Phases on disk, beside the xenon image where there is one; or why there are none.

    Raises
    ------
    ValueError
        If the volumes do not fit together or µ is not what the materials can read.
    """
    expected, reason = expected_of(config)
    scans = chosen_scans(config)
    if reason is not None or config.segmentation.method == "none":
        return Unlabelled(reason or "segmentation.method is none", expected)
    solids = config.cell.materials()
    if not {Phase.ELECTROLYTE, Phase.CARBON} & solids.keys():
        return Unlabelled("the cell is not described; give cell: {preset: ...} or its layers", expected)
    if not scans:
        return Unlabelled("no scan is in argon or xenon", expected)
    main = scans.get("xenon") or scans["argon"]
    for name in set(config.scans) - set(scans_by_gas(config).values()):
        log.warning("scan %s has no gas, or that of another scan: it is reconstructed, and not looked at further", name)
    layout = volumes[main].layout
    mark = fingerprint(
        [volumes[name].mark for name in scans.values()],
        config.segmentation.model_dump(mode="json"),
        config.cell.model_dump(mode="json"),
        {gas: [str(v) for v in table.values()] for gas, table in expected.items()},
        config.registration.model_dump(mode="json"),
        *([weights_mark(config)] if config.segmentation.method == "unet" else []),
    )
    advance("register and calibrate", 0, 1)
    try:
        aligned, thresholds = _prepare(config, volumes, scans, expected, layout)
    except ValueError as error:
        if config.segmentation.method != "auto":
            raise
        log.warning("phases were not told apart: %s", error)
        return Unlabelled(str(error), expected)
    advance("register and calibrate", 1, 1)
    for note in thresholds.notes:
        log.warning("%s", note)
    image = folder / f"{main}.ome.zarr"
    labelled = Labelled(
        image / "labels" / "phases", image / "fractions" / "lithium", layout, thresholds, expected, aligned
    )
    is_done = labelled.labels.exists() and labelled.lithium.exists()
    is_done &= all(ledger.done("phases", block, mark) for block in (-1, *(slab.index for slab in layout.slabs)))
    by_network = config.segmentation.method == "unet"
    if not is_done or (by_network and not confidence_is_whole(config, labelled, scans, ledger, mark)):
        network = None
        if by_network:
            network = network_labels(config, labelled, scans, ledger, mark, advance=advance, workers=workers)
        _write_phases(labelled, image, ledger, mark, advance, network=network, workers=workers, config=config)
    return labelled


def _prepare(
    config: Config,
    volumes: Mapping[str, Reconstructed],
    scans: Mapping[str, str],
    expected: Mapping[str, Expected],
    layout: ImageLayout,
) -> tuple[Aligned, Thresholds]:
    """Register the pair where there is one, and find in it all that labelling needs."""
    edges_um = {name: volumes[name].layout.voxel_um for name in scans.values()}
    if max(edges_um.values()) > 1.001 * min(edges_um.values()):
        stated = " and ".join(f"{edge_um:g} µm in {name}" for name, edge_um in edges_um.items())
        raise ValueError(
            f"voxels are {stated}; a pair is compared voxel by voxel: give both scans one pixel_um, voxel_um and bin"
        )
    dark = Phase.LITHIUM if config.cell.plates_in_electrolyte else Phase.VOID
    cell = CellLayout.of(
        list(config.cell.materials()),
        inner_diameter_um=config.cell.inner_diameter_um,
        collector_end=config.cell.collector_end,
        dark_in_electrolyte=dark,
    )
    arrays = {gas: open_level(volumes[name].image) for gas, name in scans.items()}
    light = {gas: volumes[name].mean_transmission for gas, name in scans.items()}
    known = all(np.isfinite(image).all() for image in light.values())

    def found(pair: Mapping[str, Any], transmission: Mapping[str, Any]) -> Thresholds:
        wanted = {gas: expected[gas] for gas in pair}
        return prepare(
            pair, cell, voxel_um=layout.voxel_um, expected=wanted, transmission=transmission if known else None
        )

    aligned = Aligned(arrays, None, layout.voxel_um)
    if len(arrays) == 2 and config.registration.method == "auto" and cell.has_electrolyte:
        alone = {gas: found({gas: array}, {gas: light[gas]}) for gas, array in arrays.items()}
        aligned = align(arrays, alone, layout.voxel_um)
    # On the grid of the xenon scan, rows transmit what they do in that scan.
    main = light.get("xenon", light.get("argon"))
    moved = isinstance(aligned.volumes.get("argon"), Moved)
    thresholds = found(aligned.volumes, dict.fromkeys(light, main) if moved else light)
    if aligned.note is not None:
        thresholds = replace(thresholds, notes=(*thresholds.notes, aligned.note))
    return aligned, with_levels(thresholds, config)


def with_levels(thresholds: Thresholds, config: Config) -> Thresholds:
    """Put the levels that a configuration gives in the place of those found.

    Parameters
    ----------
    thresholds : Thresholds
        As found in the scans.
    config : Config
        Its segmentation.levels, by gas and phase, in cm^-1.

    Returns
    -------
    Thresholds
        The note names what was given.
    """
    given = {gas: levels for gas, levels in config.segmentation.levels.items() if gas in thresholds.levels}
    if not given:
        return thresholds
    levels = {gas: {**found} for gas, found in thresholds.levels.items()}
    for gas, table in given.items():
        levels[gas].update({Phase[name.upper()]: mu for name, mu in table.items()})
    named = ", ".join(f"{name} in {gas} {mu:g}" for gas, table in given.items() for name, mu in table.items())
    note = f"levels given by hand, in cm⁻¹: {named}"
    return replace(thresholds, levels=levels, notes=(*thresholds.notes, note))


def _write_phases(
    labelled: Labelled,
    image: Path,
    ledger: Ledger,
    mark: str,
    advance: Advance,
    *,
    network: Path | None,
    workers: Workers,
    config: Config,
) -> None:
    """Write labels and shares of lithium; a network's labels take the place of the thresholds' where given."""
    layout = labelled.layout
    targets: dict[Path, Any] = {labelled.labels: np.uint8, labelled.lithium: np.float32}
    is_mending = ledger.done("phases", -1, mark) and all(path.exists() for path in targets)
    partial = {path: path if is_mending else path.with_name(path.name + ".partial") for path in targets}
    fresh = not is_mending and not (all(p.exists() for p in partial.values()) and ledger.done("phases", -2, mark))
    if fresh:
        for path, dtype in targets.items():
            create_image(partial[path], layout, name=path.name, dtype=dtype, attributes={"quantity": path.name})
        ledger.record("phases", -2, mark, {"blocks": len(layout.slabs)})
        for slab in layout.slabs:
            ledger.forget("phases", slab.index, "the labels are new")
    todo = [s for s in layout.slabs if not ledger.done("phases", s.index, mark)]
    total, finished = len(layout.slabs), iter(range(len(layout.slabs) - len(todo) + 1, len(layout.slabs) + 1))
    advance("phases", total - len(todo), total)
    task = PhasesTask(
        labelled.aligned.volumes,
        labelled.thresholds,
        network,
        partial[labelled.labels],
        partial[labelled.lithium],
        layout,
        (str(labelled.labels.relative_to(image.parent)), str(labelled.lithium.relative_to(image.parent))),
        denoise=config.segmentation.denoise == "tv",
    ).within(PART_OF_MEMORY * config.compute.memory_gib * 2**30)

    def done(slab: Block, facts: Facts) -> None:
        ledger.record("phases", slab.index, mark, facts)
        advance("phases", next(finished), total)

    if todo:
        workers.run(task, todo, done, at_once=slabs_at_once(config.compute, task.slab_bytes, threaded=2))
    for path in () if is_mending else targets:
        publish(partial[path], path)
    register_label(image, labelled.labels.name)
    zarr.open_group(labelled.lithium.parent, mode="a", zarr_format=3)
    ledger.record("phases", -1, mark)
