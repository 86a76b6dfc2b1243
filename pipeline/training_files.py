"""What `xelith train` reads and leaves: volumes of a run, scribbles, checkpoints that survive a kill, weights."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..materials import MATERIALS, Gas, Phase
from ..segmentation.contrast import expected_mu
from ..segmentation.evaluation import check_labels
from ..segmentation.unet import Reference, Weights, weights_bytes
from .alignment import NEGLIGIBLE_PX, Moved, largest_shift_px, recorded_move
from .beams import scans_by_gas, spectrum_of
from .config import Config
from .export import IMAGEJ_LIMIT_BYTES
from .loading import load_config
from .ready_volume import open_volume
from .store import open_level

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Images:
    """What is to be labelled.

    Parameters
    ----------
    volumes : mapping of str to array
        (n_z, n_y, n_x) by gas, read when sliced; under "image" for a file of unknown grey values.
    references : mapping of str to Reference or None
        Levels of µ by gas; None for grey values.
    voxel_um : float or None
        Edge of a voxel in µm, where known.
    """

    volumes: Mapping[str, Any]
    references: Mapping[str, Reference] | None
    voxel_um: float | None


def open_images(path: Path) -> Images:
    """Open a run folder, or any image or volume.

    Parameters
    ----------
    path : Path
        Run folder, OME-Zarr group, TIFF file of one or many pages, or folder of TIFF slices.

    Returns
    -------
    Images
        Both gases of a run on the grid of the xenon scan, with what is known of their levels, or one image of grey
        values.

    Raises
    ------
    FileNotFoundError
        If there is nothing there, or the run is not finished.
    """
    if not path.exists():
        raise FileNotFoundError(f"nothing at {path}; give a run folder, an OME-Zarr group or a TIFF file")
    if (path / "config.yaml").is_file():
        return _of_run(path)
    source = open_volume(path)
    return Images({"image": source.values}, None, source.voxel_um)


def _of_run(folder: Path) -> Images:
    config = load_config(folder / "config.yaml")
    groups = {gas: folder / f"{name}.ome.zarr" for gas, name in scans_by_gas(config).items()}
    absent = [str(group) for group in groups.values() if not group.is_dir()]
    if absent or not groups:
        raise FileNotFoundError(f"no image {absent or 'of argon or xenon'} in {folder}; run it first: xelith run")
    volumes: dict[str, Any] = {gas: open_level(group) for gas, group in groups.items()}
    main = groups.get("xenon") or groups["argon"]
    labels = open_level(main / "labels" / "phases") if (main / "labels" / "phases").is_dir() else None
    references = {gas: _reference(config, gas, volumes[gas], labels) for gas in volumes}
    known = {gas: reference for gas, reference in references.items() if reference is not None}
    results = folder / "results.json"
    voxel_um = None
    if results.is_file():
        found = json.loads(results.read_text(encoding="utf8"))
        voxel_um = next(iter(found["scans"].values()))["voxel_um"]
        move = recorded_move(found.get("registration", {}), voxel_um)
        shape = volumes[next(iter(volumes))].shape
        if move is not None and "argon" in volumes and largest_shift_px(move, shape) >= NEGLIGIBLE_PX:
            volumes["argon"] = Moved(volumes["argon"], move, shape)
    return Images(volumes, known if len(known) == len(volumes) else None, voxel_um)


def _reference(config: Config, gas: str, volume: Any, labels: Any) -> Reference | None:
    """Expected light level, and the electrolyte as it reads where the run has labelled it."""
    name = scans_by_gas(config)[gas]
    spectrum, entry = spectrum_of(config, name), config.scans[name].gas
    if spectrum is None or entry is None:
        return None
    solids = {Phase.CARBON: MATERIALS["carbon"]}
    fill = Gas(entry.name, entry.pressure_atm, entry.temperature_k)
    table = expected_mu(solids, fill, spectrum, path_um=config.cell.inner_diameter_um or 1000.0)
    light = table[Phase.CARBON if gas == "argon" else Phase.VOID].mu_per_cm
    dense = 3.0 * light
    for z in range(0, volume.shape[0], 8) if labels is not None else ():
        inside = np.asarray(labels[z : z + 1]) == Phase.ELECTROLYTE
        if inside.mean() > 0.05:
            dense = max(dense, float(np.median(np.asarray(volume[z : z + 1])[inside])))
    return Reference(light, dense)


def read_labels(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read scribbles or labels.

    Parameters
    ----------
    path : Path
        OME-Zarr group or TIFF, on the grid of the volume; of a run folder its phases.
    shape : tuple of int
        Of the volume.

    Returns
    -------
    (n_z, n_y, n_x) array of uint8
        Values of `Phase`, 255 where not labelled.

    Raises
    ------
    ValueError
        If shapes differ or values are unknown.
    FileNotFoundError
        If there is nothing there.
    """
    if (path / "config.yaml").is_file():
        images = sorted(path.glob("*.ome.zarr/labels/phases"))
        if not images:
            raise FileNotFoundError(f"no labels in {path}; run it with a described cell first")
        path = images[-1]
    if not path.exists():
        raise FileNotFoundError(f"no labels at {path}; give an OME-Zarr group or a TIFF file")
    stored = open_volume(path).values
    if tuple(stored.shape) != tuple(shape):
        raise ValueError(
            f"labels in {path} are {tuple(stored.shape)}, the volume {tuple(shape)} voxels; use its own grid"
        )
    values = np.asarray(stored[:])
    check_labels(values)
    return values.astype(np.uint8)


def write_labels(
    path: Path, labels: NDArray[np.uint8], confidence: NDArray[np.float32], *, voxel_um: float | None = None
) -> list[Path]:
    """Write labels as TIFF, and their confidence beside them.

    Parameters
    ----------
    path : Path
        TIFF file.
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`.
    confidence : (n_z, n_y, n_x) array of float32
        Their probability.
    voxel_um : float, optional
        Edge of a voxel, in µm, for the tags.

    Returns
    -------
    list of Path
        Both files.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.stem}-confidence.tif")
    for target, values in ((path, labels), (beside, confidence.astype(np.float32))):
        partial = target.with_name(target.name + ".partial")
        about: dict[str, Any] = {"metadata": {"axes": "ZYX"}}
        if voxel_um is not None and values.nbytes <= IMAGEJ_LIMIT_BYTES:
            sizes = {"axes": "ZYX", "unit": "um", "spacing": voxel_um}
            about = {"imagej": True, "resolution": (1 / voxel_um, 1 / voxel_um), "metadata": sizes}
        tifffile.imwrite(partial, values, photometric="minisblack", **about)
        partial.replace(target)
    return [path, beside]


@dataclass(frozen=True)
class Checkpoint:
    """A training's state on disk, replaced as a whole, so that a kill leaves the one before.

    Parameters
    ----------
    path : Path
        The file.
    mark : str
        What the training depends on; a state of another one is not gone on from.
    """

    path: Path
    mark: str

    def read(self) -> dict[str, Any] | None:
        """Return the state, or None where there is none of this training."""
        import torch

        if not self.path.is_file():
            return None
        saved: dict[str, Any] = torch.load(self.path, weights_only=True)
        return saved if saved.get("mark") == self.mark else None

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the state.

        Parameters
        ----------
        state : mapping
            Tensors and numbers.
        """
        import torch

        partial = self.path.with_name(self.path.name + ".partial")
        torch.save({**state, "mark": self.mark}, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(self.path)


def write_weights(path: Path, weights: Weights, **notes: str) -> None:
    """Write weights as safetensors, whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    weights : Weights
        The weights.
    **notes : str
        What else is known of them.
    """
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(weights_bytes(replace(weights, notes={**(weights.notes or {}), **notes})))
    partial.replace(path)
