"""Phases and confidence of a volume by the network, tile by tile, in bounded memory."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Block, blocks, to_host
from .decisions import decide
from .network_passes import folded, logits_within
from .training import has_bfloat16
from .unet import (
    DENSE_RANGE,
    FEATURES_PER_SCAN,
    LIGHT_RANGE,
    STRIDE,
    Reference,
    Weights,
    network_of,
    shipped_weights,
)

if TYPE_CHECKING:
    import torch
    from torch import nn

HALO = 16
"""Voxels around a tile that are looked at and not kept; a multiple of `STRIDE`. Of a trained network's labels 2 in
100 000 change where a volume is cut, and those beside the cut."""

TILE_VOXELS = 7_000_000
"""Most voxels, halo included, that go through the network at once; about 0.5 GiB of activations."""

TILE_EDGE = 208
SLAB_ROWS = 128
RESULT_BYTES = 400_000_000
"""Most that labels and confidence of a slab may fill, 3 bytes a voxel."""

BAND_BYTES = 250_000_000
"""Most that µ of a band of a slab may fill while its tiles are labelled, 2 bytes a voxel and scan."""

READ_VOXELS = 4_000_000
"""Most voxels of a scan that are read at once."""

RELATIVE_RANGE = (-1e4, 1e4)
"""µ over the light level beyond which nothing in a cell reads, well within float16."""

PROBES = 8
"""Slices that are read to see whether µ is in cm^-1."""

PLAUSIBLE = (0.5, 2.5)
DENSE_SHARE = 1e-3
"""Median of what is denser than a third of the electrolyte, over the electrolyte; asked where there is that much."""

BETWEEN, BETWEEN_SHARE = 5.0, 0.1
"""Times the light level, and share of the voxels beyond it that no phase explains where nothing is denser."""

LIGHT_LIMIT = 25.0
"""Median of the absolute value of what is lighter than that, over the light level, beyond which it is no µ."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Phases of a volume.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`.
    confidence : (n_z, n_y, n_x) array of float32
        Probability of that phase, calibrated on held-out simulated cells; dimensionless.
    """

    labels: Any
    confidence: Any


class Predictor:
    """A network ready to label the volumes of some scans, on the host or on a GPU where there is one.

    Parameters
    ----------
    weights : Weights
        What it was trained to.
    references : mapping of str to Reference
        For each scan the levels that its µ is told by.
    half_precision : bool
        Whether bfloat16 is used where the machine has it; without it float32 is taken.

    Raises
    ------
    ValueError
        If the weights are for other scans.
    """

    def __init__(self, weights: Weights, references: Mapping[str, Reference], *, half_precision: bool = True) -> None:
        import torch

        if set(weights.scans) != set(references):
            raise ValueError(
                f"the weights are for {' and '.join(weights.scans)}, the volumes are {' and '.join(references)}; give "
                "weights that were trained on these scans"
            )
        self.scans, self.temperature = weights.scans, weights.temperature
        self.references = [references[scan] for scan in weights.scans]
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.half_precision = half_precision and has_bfloat16()
        dtype = torch.bfloat16 if self.half_precision else torch.float32
        network = folded(network_of(weights)).to(self.device, dtype)
        self.network: nn.Module = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def tile(self, volumes: list[NDArray[np.float32]]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Label one tile of any size.

        Parameters
        ----------
        volumes : list of (n_z, n_y, n_x) array of float32
            µ in cm^-1 of each scan, in the order of `scans`.

        Returns
        -------
        labels : (n_z, n_y, n_x) array of uint8
            Values of `Phase`.
        confidence : (n_z, n_y, n_x) array of float32
            Their probability.
        """
        relative = [_relative(mu, level) for mu, level in zip(volumes, self.references, strict=True)]
        return self._labelled(relative, [(0, n) for n in volumes[0].shape])

    def _labelled(
        self, relative: list[NDArray[np.float16]], kept: list[tuple[int, int]]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Label the voxels of a tile that are kept, from µ over the light level of each scan."""
        import torch

        with torch.inference_mode():
            seen = self._features(relative)
            return decide(logits_within(self.network, seen, kept), self.temperature)

    def _features(self, relative: list[NDArray[np.float16]]) -> "torch.Tensor":
        """Return what the network sees, as `features` makes it, channels innermost, edges padded to the stride."""
        import torch

        dtype = torch.bfloat16 if self.half_precision else torch.float32
        padding = [(0, -n % STRIDE) for n in relative[0].shape]
        shape = [n + more for n, (_, more) in zip(relative[0].shape, padding, strict=True)]
        seen = torch.empty((*shape, FEATURES_PER_SCAN * len(relative)), dtype=dtype, device=self.device)
        for index, (mu, level) in enumerate(zip(relative, self.references, strict=True)):
            values = torch.from_numpy(np.pad(mu, padding, mode="edge")).to(self.device).float()
            seen[..., FEATURES_PER_SCAN * index] = values.clamp(*LIGHT_RANGE)
            values *= level.light_per_cm / level.electrolyte_per_cm
            seen[..., FEATURES_PER_SCAN * index + 1] = values.clamp_(*DENSE_RANGE)
        return seen.movedim(-1, 0)[None]

    def slab(self, volumes: Mapping[str, Array], rows: Block) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
        """Label some rows of a volume; a halo around them is read too, once for each band of lines.

        Parameters
        ----------
        volumes : mapping of str to (n_z, n_y, n_x) array
            µ in cm^-1, NumPy, CuPy or zarr; only what is needed is read.
        rows : Block
            The rows.

        Returns
        -------
        labels : (len(rows), n_y, n_x) array of uint8
            Values of `Phase`.
        confidence : (len(rows), n_y, n_x) array of float16
            Their probability.
        """
        n_z, n_y, n_x = volumes[self.scans[0]].shape
        labels = np.empty((len(rows), n_y, n_x), dtype=np.uint8)
        confidence = np.empty(labels.shape, dtype=np.float16)
        first, last = _wider(rows, n_z)
        edge = _tile_edge(last - first)
        for band in blocks(n_y, edge * _edges_per_band(last - first, n_x * len(self.scans), edge)):
            low, high = _wider(band, n_y)
            read = [
                _read(volumes[scan], level, (first, last), (low, high))
                for scan, level in zip(self.scans, self.references, strict=True)
            ]
            for y in (Block(b.index, band.start + b.start, band.start + b.stop) for b in blocks(len(band), edge)):
                y0, y1 = _wider(y, n_y)
                for x in blocks(n_x, edge):
                    x0, x1 = _wider(x, n_x)
                    part = [mu[:, y0 - low : y1 - low, x0:x1] for mu in read]
                    starts = ((rows, first), (y, y0), (x, x0))
                    kept = [(block.start - start, block.stop - start) for block, start in starts]
                    place = (slice(None), y.slice, x.slice)
                    labels[place], confidence[place] = self._labelled(part, kept)
        return labels, confidence


def _relative(mu: Array, level: Reference) -> NDArray[np.float16]:
    """Return µ over the light level, 0 where it is not known; float16 keeps a thousandth of it."""
    values = np.asarray(to_host(mu), dtype=np.float32) * np.float32(1 / level.light_per_cm)
    return np.nan_to_num(np.clip(values, *RELATIVE_RANGE), copy=False).astype(np.float16)


def _read(volume: Array, level: Reference, rows: tuple[int, int], lines: tuple[int, int]) -> NDArray[np.float16]:
    """Read a band of some rows, a few at a time: volumes that are resampled as they are read do so by whole rows."""
    shape = (rows[1] - rows[0], lines[1] - lines[0], volume.shape[2])
    band = np.empty(shape, np.float16)
    for part in blocks(shape[0], max(READ_VOXELS // math.prod(volume.shape[1:]), 1)):
        cut = (slice(rows[0] + part.start, rows[0] + part.stop), slice(*lines), slice(None))
        band[part.slice] = _relative(volume[cut], level)
    return band


def _edges_per_band(rows: int, columns: int, edge: int) -> int:
    """Tiles across a band of lines whose µ fits in `BAND_BYTES`, at least one."""
    lines = BAND_BYTES // (2 * rows * columns) - 2 * HALO
    return max(lines // edge, 1)


def _wider(block: Block, size: int) -> tuple[int, int]:
    """Add the halo, and start on a multiple of the stride, so that the answer does not depend on the cuts."""
    first = max(block.start - HALO, 0)
    return first - first % STRIDE, min(block.stop + HALO, size)


def _tile_edge(rows: int) -> int:
    """Edge of a tile without its halo, a multiple of the stride."""
    across = math.isqrt(TILE_VOXELS // max(rows, 1)) - 2 * HALO
    return int(np.clip(across - across % STRIDE, STRIDE, TILE_EDGE))


def predict(
    volumes: Mapping[str, Array],
    references: Mapping[str, Reference],
    *,
    weights: Weights | None = None,
    voxels_um: Mapping[str, float] | None = None,
    out: Prediction | None = None,
    advance: Callable[[int, int], Any] | None = None,
) -> Prediction:
    """Label a volume with the network.

    Parameters
    ----------
    volumes : mapping of str to (n_z, n_y, n_x) array
        µ in cm^-1 of the scan in "xenon", or of the pair "argon" and "xenon" on one grid; NumPy, CuPy or zarr.
    references : mapping of str to Reference
        For each scan the levels that its µ is told by.
    weights : Weights, optional
        The user's own; None takes those that ship.
    voxels_um : mapping of str to float, optional
        Edge of a voxel of each volume, in µm, to be compared.
    out : Prediction, optional
        Arrays to write into, for instance zarr arrays where the volume does not fit in memory; None makes them.
    advance : callable, optional
        Called with the rows that are done, and their number.

    Returns
    -------
    Prediction
        `out`, or NumPy arrays.

    Raises
    ------
    ValueError
        If grids or voxels differ, µ is in wrong units, or no weights fit the scans.
    """
    check_grids(volumes, voxels_um)
    check_units(volumes, references)
    predictor = Predictor(weights or shipped_weights(list(volumes)), references)
    shape = tuple(next(iter(volumes.values())).shape)
    out = out or Prediction(np.empty(shape, np.uint8), np.empty(shape, np.float32))
    for rows in blocks(shape[0], slab_rows(*shape[1:])):
        out.labels[rows.slice], out.confidence[rows.slice] = predictor.slab(volumes, rows)
        if advance is not None:
            advance(rows.stop, shape[0])
    return out


def slab_rows(n_y: int, n_x: int) -> int:
    """Return how many rows are labelled at once, so that their labels and confidence fit in `RESULT_BYTES`.

    Parameters
    ----------
    n_y, n_x : int
        Size of a slice.

    Returns
    -------
    int
        Rows, a multiple of `STRIDE`.
    """
    rows = min(SLAB_ROWS, RESULT_BYTES // max(3 * n_y * n_x, 1))
    return max(rows - rows % STRIDE, STRIDE)


def check_grids(volumes: Mapping[str, Array], voxels_um: Mapping[str, float] | None = None) -> None:
    """Refuse volumes that do not lie on one grid.

    Parameters
    ----------
    volumes : mapping of str to (n_z, n_y, n_x) array
        The volumes.
    voxels_um : mapping of str to float, optional
        Edge of a voxel of each, in µm.

    Raises
    ------
    ValueError
        If shapes or voxels differ, or a volume has not three axes, or no voxel.
    """
    shapes = {name: tuple(volume.shape) for name, volume in volumes.items()}
    if any(len(shape) != 3 for shape in shapes.values()) or len(set(shapes.values())) != 1:
        raise ValueError(f"volumes have the shapes {shapes}; give volumes (z, y, x) registered to one grid")
    if any(0 in shape for shape in shapes.values()):
        raise ValueError(f"volumes have the shapes {shapes}; give at least one voxel along each axis")
    edges = list((voxels_um or {}).values())
    if edges and max(edges) > 1.001 * min(edges):
        raise ValueError(f"voxels are {dict(voxels_um or {})} µm; register the volumes to one grid first")


def check_units(volumes: Mapping[str, Array], references: Mapping[str, Reference]) -> None:
    """Refuse volumes that are not µ in cm^-1, by what is dense in them and what is light.

    Parameters
    ----------
    volumes : mapping of str to (n_z, n_y, n_x) array
        The volumes; a few slices are read.
    references : mapping of str to Reference
        What they should read.

    Raises
    ------
    ValueError
        If a scan has no reference, or neither electrolyte nor light phases read what they should.
    """
    for name, volume in volumes.items():
        if name not in references:
            raise ValueError(f"the reference levels of {name} are missing; give one Reference for each volume")
        level = references[name]
        values = np.concatenate([plane[::2, ::2].ravel() for plane in _probes(volume)])
        values = values[np.isfinite(values)]
        dense = values[values > level.electrolyte_per_cm / 3]
        light = np.abs(values[values <= level.electrolyte_per_cm / 3])
        ratio = float(np.median(dense)) / level.electrolyte_per_cm if dense.size > DENSE_SHARE * values.size else 1.0
        bright = float(np.median(light)) / level.light_per_cm if light.size else 0.0
        if dense.size <= DENSE_SHARE * values.size and (light > BETWEEN * level.light_per_cm).mean() > BETWEEN_SHARE:
            ratio = 0.0
        shadow = values.size == 0 or not float(np.abs(values).max()) > 0.2 * level.light_per_cm
        if shadow or not PLAUSIBLE[0] < ratio < PLAUSIBLE[1] or bright > LIGHT_LIMIT:
            top = 0.0 if values.size == 0 else float(np.percentile(values, 99.0))
            raise ValueError(
                f"{name} reads up to {top:.3g} where the electrolyte should read {level.electrolyte_per_cm:.3g} and "
                f"light phases {level.light_per_cm:.3g} cm^-1: check that the volume is µ in cm^-1, and the materials"
            )


def _probes(volume: Array) -> Iterator[NDArray[np.float32]]:
    for z in np.unique(np.linspace(0, volume.shape[0] - 1, PROBES).astype(int)):
        yield np.asarray(to_host(volume[int(z) : int(z) + 1]), dtype=np.float32)[0]
