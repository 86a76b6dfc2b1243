"""OME-Zarr 0.5 images and labels, written slab by slab into a pyramid, each slab by one writer.

A slab owns whole chunks on every level, and no writer reads to write: the chunk height of level k is the
slab's height over 2^k, so slabs are cut at even heights.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from ..arrays import Block, blocks
from ..materials.phases import COLOURS, Phase
from .chunk_files import chunk_files

PLANE_CHUNK = 256
SMALLEST_LEVEL = 96
SLAB_HEIGHTS = (32, 16, 8, 4, 2)


@dataclass(frozen=True)
class ImageLayout:
    """How an image lies on disk.

    Parameters
    ----------
    shape : tuple of int
        (nz, ny, nx) of level 0.
    voxel_um : float
        Edge of a voxel of level 0, in µm.
    slab : int
        Slices per slab; a multiple of 2^(levels - 1).
    levels : int
        Levels of the pyramid, each half as large as the one before.
    """

    shape: tuple[int, int, int]
    voxel_um: float
    slab: int
    levels: int

    def __post_init__(self) -> None:
        if self.slab % 2 ** (self.levels - 1):
            raise ValueError(f"slab of {self.slab} slices does not halve {self.levels - 1} times; use a power of 2")

    @property
    def slabs(self) -> list[Block]:
        """The slabs of level 0, in order."""
        return blocks(self.shape[0], self.slab)

    def level_shape(self, level: int) -> tuple[int, int, int]:
        """Return the shape of one level.

        Parameters
        ----------
        level : int
            0 is the full image.

        Returns
        -------
        tuple of int
            (nz, ny, nx), rounded up.
        """
        nz, ny, nx = (-(-n // 2**level) for n in self.shape)
        return nz, ny, nx


def plan_layout(
    shape: tuple[int, int, int], *, voxel_um: float, most_levels: int = 5, slab: int | None = None
) -> ImageLayout:
    """Choose slab height and number of levels for an image.

    Parameters
    ----------
    shape : tuple of int
        (nz, ny, nx).
    voxel_um : float
        Edge of a voxel, in µm.
    most_levels : int
        Upper bound of the number of levels.
    slab : int, optional
        Slices per slab, a power of 2; default 16.

    Returns
    -------
    ImageLayout
        With as many levels as make sense for the size and halve the slab evenly.
    """
    slab = slab or 16
    levels = 1
    while levels < most_levels and slab % 2**levels == 0 and max(shape) > SMALLEST_LEVEL * 2**levels:
        levels += 1
    return ImageLayout(shape, voxel_um, slab, levels)


def chunk_shape(layout: ImageLayout, level: int) -> tuple[int, int, int]:
    """Return the chunk of one level: a slab high, so that a slab owns whole chunks.

    Parameters
    ----------
    layout : ImageLayout
        The layout of the image.
    level : int
        0 is the full image.

    Returns
    -------
    tuple of int
        (z, y, x) voxels.
    """
    nz, ny, nx = layout.level_shape(level)
    return min(layout.slab // 2**level, nz), _even(ny), _even(nx)


def _even(length: int) -> int:
    """Side of as few equal chunks as cover a length, so that little of the last one is empty."""
    return -(-length // -(-length // PLANE_CHUNK))


def create_image(
    group_path: Path,
    layout: ImageLayout,
    *,
    name: str,
    dtype: Any = np.float32,
    attributes: Mapping[str, Any],
    compressed: bool | None = None,
) -> None:
    """Create the arrays and the metadata of an image; voxels are written by `write_slab`.

    Parameters
    ----------
    group_path : Path
        Folder of the new group; what stood there is removed.
    layout : ImageLayout
        Shape, voxel and slabs.
    name : str
        Name of the image, for viewers.
    dtype : dtype
        float32 for µ, uint8 for labels.
    attributes : mapping
        Provenance and units, stored under the key "xelith".
    compressed : bool, optional
        Whether chunks are compressed; None compresses all but numbers with a fraction, which are noise.
    """
    plain = np.dtype(dtype).kind == "f" if compressed is None else not compressed
    shutil.rmtree(group_path, ignore_errors=True)
    group = zarr.create_group(group_path, zarr_format=3)
    for level in range(layout.levels):
        group.create_array(
            str(level),
            shape=layout.level_shape(level),
            chunks=chunk_shape(layout, level),
            dtype=dtype,
            compressors=None if plain else "auto",
            fill_value=np.nan if np.dtype(dtype).kind == "f" else 0,
            dimension_names=("z", "y", "x"),
        )
    ome: dict[str, Any] = {"version": "0.5", "multiscales": [_multiscale(layout, name)]}
    if np.dtype(dtype) == np.uint8:
        ome["image-label"] = _label_colours()
    group.attrs.update({"ome": ome, "xelith": dict(attributes)})


def _multiscale(layout: ImageLayout, name: str) -> dict[str, Any]:
    datasets = []
    for level in range(layout.levels):
        scale = layout.voxel_um * 2**level
        shift = layout.voxel_um * (2**level - 1) / 2
        datasets.append(
            {
                "path": str(level),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [scale] * 3},
                    {"type": "translation", "translation": [shift] * 3},
                ],
            }
        )
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    return {"name": name, "axes": axes, "datasets": datasets, "type": "mean"}


def _label_colours() -> dict[str, Any]:
    rgba = {
        phase: [*bytes.fromhex(colour[1:]), 0 if phase == Phase.OUTSIDE else 255] for phase, colour in COLOURS.items()
    }
    return {
        "version": "0.5",
        "colors": [{"label-value": int(phase), "rgba": value} for phase, value in rgba.items()],
        "properties": [{"label-value": int(phase), "name": phase.name.lower()} for phase in Phase],
        "source": {"image": "../../"},
    }


def register_label(image_path: Path, name: str) -> None:
    """Name a label image in the `labels` group of its image, as the format asks.

    Parameters
    ----------
    image_path : Path
        Group of the image.
    name : str
        Name of the label image inside `labels`.
    """
    group = zarr.open_group(image_path / "labels", mode="a", zarr_format=3)
    ome = dict(group.attrs.get("ome", {"version": "0.5", "labels": []}))  # type: ignore[arg-type]
    ome["labels"] = sorted({*_names(ome.get("labels")), name})
    group.attrs["ome"] = ome


def _names(value: Any) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


def write_slab(
    group_path: Path, layout: ImageLayout, slab: Block, values: NDArray[Any], *, durable: bool = False
) -> dict[str, str]:
    """Write one slab on every level of the pyramid.

    Parameters
    ----------
    group_path : Path
        Group made by `create_image`.
    layout : ImageLayout
        The layout it was made with.
    slab : Block
        One of `layout.slabs`.
    values : (len(slab), ny, nx) array
        Voxels of the slab.
    durable : bool
        Whether uncompressed chunks are on the disk itself when this returns.

    Returns
    -------
    dict of str
        CRC-32C in hexadecimal of the uncompressed chunks, by path inside the group; compressed ones have none yet.

    Raises
    ------
    ValueError
        If the block is no slab of the layout or the values have another shape.
    """
    if slab.start % layout.slab or values.shape != (len(slab), *layout.shape[1:]):
        raise ValueError(
            f"values of shape {values.shape} for slices {slab.start} to {slab.stop} are not a whole slab of "
            f"{layout.slab} in {layout.shape}; write slab by slab"
        )
    group = zarr.open_group(group_path, mode="r+")
    sums: dict[str, str] = {}
    for level in range(layout.levels):
        if level:
            values = _halved(values)
        start = slab.start // 2**level
        array: Any = group[str(level)]
        plain = chunk_files(array)
        if plain is None:
            array[start : start + values.shape[0]] = values
        else:
            found = plain.write((start, 0, 0), values, durable=durable)
            sums |= {f"{level}/{name}": crc for name, crc in found.items()}
    return sums


def _halved(values: NDArray[Any]) -> NDArray[Any]:
    """Means of cubes of 2 voxels, or their most frequent label."""
    if values.dtype.kind != "f":
        return _halve_vote(values)
    from .pyramid import halved  # numba: not before there are voxels

    return halved(values)


def _halve_vote(values: NDArray[Any]) -> NDArray[Any]:
    """Most frequent label over cubes of 2 voxels; of equals the smaller one."""
    padded = np.pad(values, [(0, n % 2) for n in values.shape], mode="edge")
    nz, ny, nx = (n // 2 for n in padded.shape)
    cubes = padded.reshape(nz, 2, ny, 2, nx, 2)
    best = np.zeros((nz, ny, nx), np.uint8)
    votes = np.zeros((nz, ny, nx), np.uint8)
    for label in np.unique(values):
        count = (cubes == label).sum(axis=(1, 3, 5), dtype=np.uint8)
        better = count > votes
        best[better], votes[better] = label, count[better]
    return best


def publish(partial: Path, final: Path) -> None:
    """Give a finished file or folder its final name; what stood there is removed, and halves of chunks with it.

    Parameters
    ----------
    partial : Path
        What was written, on the same disk.
    final : Path
        The name users look for.
    """
    if partial.is_dir():
        for left in partial.rglob("*.partial"):  # zarr writes a chunk under such a name first; a kill leaves it
            if left.is_file():
                left.unlink()
    if final.is_dir() and not final.is_symlink():
        old = final.with_name(final.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        final.rename(old)
        partial.rename(final)
        shutil.rmtree(old, ignore_errors=True)
    else:
        partial.replace(final)


def write_text(path: Path, text: str) -> None:
    """Write a text file so that its name never stands for half of it.

    Parameters
    ----------
    path : Path
        Final name.
    text : str
        What it holds, written as UTF-8.
    """
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def voxel_um(group_path: Path) -> float:
    """Return the voxel of an OME-Zarr image made by this package.

    Parameters
    ----------
    group_path : Path
        Group of the image.

    Returns
    -------
    float
        Edge of a voxel of level 0, in µm.
    """
    ome: Any = zarr.open_group(group_path, mode="r").attrs["ome"]
    return float(ome["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"][0])


def open_level(group_path: Path, level: int = 0) -> zarr.Array[Any]:
    """Open one level of an image for reading.

    Parameters
    ----------
    group_path : Path
        Group of the image.
    level : int
        0 is the full image.

    Returns
    -------
    zarr.Array
        (z, y, x), read when sliced.
    """
    array = zarr.open_group(group_path, mode="r")[str(level)]
    if not isinstance(array, zarr.Array):
        raise ValueError(f"{group_path} has no array {level}; it is not an OME-Zarr image")
    return array
