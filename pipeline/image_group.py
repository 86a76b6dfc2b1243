"""An OME-Zarr image that is read in parts: its pyramid levels, their voxel sizes, its labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import blocks

UM_PER_UNIT = {"nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4, "meter": 1e6}
SLAB_BYTES = 512 * 2**20


@dataclass(frozen=True)
class ImageGroup:
    """The levels of one multiscale image, finest first; nothing is read until it is sliced.

    Parameters
    ----------
    path : Path
        Folder of the group.
    levels : tuple of zarr.Array
        (z, y, x) arrays: µ in cm^-1, a fraction, or labels.
    voxels_um : tuple of (float, float, float)
        Voxel size of each level along z, y and x, in µm.
    """

    path: Path
    levels: tuple[Any, ...]
    voxels_um: tuple[tuple[float, float, float], ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the finest level along z, y and x."""
        return self.levels[0].shape

    def slabs(self, level: int = 0) -> Iterator[tuple[int, NDArray[Any]]]:
        """Read a level slab by slab along z, at most 512 MiB (or one slice) at a time.

        Parameters
        ----------
        level : int
            0 is the finest.

        Yields
        ------
        tuple of (int, (z, y, x) array)
            First slice of the slab, and its values.
        """
        array = self.levels[level]
        plane_bytes = array.shape[1] * array.shape[2] * array.dtype.itemsize
        height = max(1, min(array.chunks[0], SLAB_BYTES // plane_bytes))
        for chunk in blocks(array.shape[0], array.chunks[0]):
            for block in blocks(len(chunk), height):
                start = chunk.start + block.start
                yield start, np.asarray(array[start : start + len(block)])

    def level_for(self, *, pixels: int) -> int:
        """Return the finest level of which no side has more than `pixels` voxels.

        Parameters
        ----------
        pixels : int
            Longest side wanted, in voxels.

        Returns
        -------
        int
            A level; the coarsest where none is small enough.
        """
        fitting = [i for i, array in enumerate(self.levels) if max(array.shape) <= pixels]
        return fitting[0] if fitting else len(self.levels) - 1


def open_image(path: Path) -> ImageGroup:
    """Open an OME-Zarr image group (or a label image inside one) for reading in parts.

    Parameters
    ----------
    path : Path
        Folder with a multiscale image of axes z, y, x.

    Returns
    -------
    ImageGroup
        Its levels, finest first.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it holds no multiscale image, or one without voxel size or of other axes.
    """
    import zarr

    if not path.is_dir():
        raise FileNotFoundError(f"no OME-Zarr group at {path}; give the folder of an image, such as xenon.ome.zarr")
    try:
        group = zarr.open_group(str(path), mode="r")
        attributes: Any = dict(group.attrs)
        image = attributes.get("ome", attributes)["multiscales"][0]
        names = [axis["name"] for axis in image["axes"]]
        units = [UM_PER_UNIT[axis["unit"]] for axis in image["axes"]]
        levels = tuple(group[dataset["path"]] for dataset in image["datasets"])
        scales = [_scale(dataset) for dataset in image["datasets"]]
    except (KeyError, IndexError, TypeError, ValueError, FileNotFoundError) as error:
        raise ValueError(
            f"{path} is not a complete OME-Zarr image ({type(error).__name__}: {error}); "
            "it needs multiscales with axes, length units and a scale for every level: write it again"
        ) from error
    if names != ["z", "y", "x"]:
        raise ValueError(f"{path} has axes {names}; only images of z, y, x are read: split channels and times")
    voxels = tuple((s[0] * units[0], s[1] * units[1], s[2] * units[2]) for s in scales)
    return ImageGroup(path, levels, voxels)


def open_labels(path: Path, name: str = "phases") -> ImageGroup | None:
    """Open the labels that stand beside an image.

    Parameters
    ----------
    path : Path
        Folder of the image group.
    name : str
        Name of the label image.

    Returns
    -------
    ImageGroup or None
        Phase numbers (z, y, x); None where there are no such labels.
    """
    folder = path / "labels" / name
    return open_image(folder) if folder.is_dir() else None


def _scale(dataset: dict[str, Any]) -> list[float]:
    scales = [t["scale"] for t in dataset["coordinateTransformations"] if t["type"] == "scale"]
    if not scales:
        raise KeyError(f"no scale of level {dataset['path']}")
    return scales[0]
