"""What one page can show of a large volume: three slices and a sample of its voxels, read in parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..materials.phases import Phase
from .image_group import ImageGroup

LONGEST_SIDE = 1024
READ_VOXELS = 256 * 2**20
SAMPLE_VOXELS = 4_000_000
AXES = "zyx"


@dataclass(frozen=True)
class Slice:
    """One plane of a volume, with its place and scale.

    Parameters
    ----------
    values : (rows, columns) array
        µ in cm^-1.
    labels : (rows, columns) array or None
        Phase numbers of the same voxels.
    axis : str
        The axis that the plane is cut across: "z", "y" or "x".
    position_um : float
        Distance of the plane from the first one, in µm.
    voxel_um : (float, float)
        Voxel size along rows and columns, in µm.
    """

    values: NDArray[Any]
    labels: NDArray[Any] | None
    axis: str
    position_um: float
    voxel_um: tuple[float, float]

    @property
    def across(self) -> tuple[str, str]:
        """Names of the axes along rows and columns."""
        rest = AXES.replace(self.axis, "")
        return rest[0], rest[1]


@dataclass(frozen=True)
class Sample:
    """Voxels drawn from a volume.

    Parameters
    ----------
    values : (n,) array
        µ in cm^-1, finite; voxels labelled as outside the cell are left out.
    labels : (n,) array or None
        Phase numbers of the same voxels.
    share : float
        Voxels looked at over voxels of the volume, dimensionless.
    """

    values: NDArray[Any]
    labels: NDArray[Any] | None
    share: float


def central_slices(image: ImageGroup, labels: ImageGroup | None = None) -> list[Slice]:
    """Cut a volume across z, y and x: through the middle, and across z where most lithium is labelled.

    Parameters
    ----------
    image : ImageGroup
        µ in cm^-1; the finest level without more than 1024 voxels on a side is read, or the coarsest.
    labels : ImageGroup, optional
        Phase numbers.

    Returns
    -------
    list of Slice
        Across z, y and x.
    """
    level = image.level_for(pixels=LONGEST_SIDE)
    shape = image.levels[level].shape
    middles = [n // 2 for n in shape]
    richest = None if labels is None else _richest_height(labels)
    if richest is not None:
        middles[0] = min(int(richest * shape[0]), shape[0] - 1)
    return [_cut(image, labels, level, axis, middles[axis]) for axis in range(3)]


def slices_at(image: ImageGroup, places: Sequence[Slice]) -> list[Slice]:
    """Cut another image of the same grid at the same places.

    Parameters
    ----------
    image : ImageGroup
        For instance a fraction, dimensionless.
    places : sequence of Slice
        Where to cut.

    Returns
    -------
    list of Slice
        Without labels.
    """
    level = image.level_for(pixels=LONGEST_SIDE)
    found = []
    for place in places:
        axis = AXES.index(place.axis)
        index = round(place.position_um / image.voxels_um[level][axis])
        found.append(_cut(image, None, level, axis, min(index, image.levels[level].shape[axis] - 1)))
    return found


def draw_sample(image: ImageGroup, labels: ImageGroup | None = None) -> Sample:
    """Draw voxels at full resolution, at every height of the volume, without reading all of a large one.

    Parameters
    ----------
    image : ImageGroup
        µ in cm^-1. Up to 2^28 voxels (1 GiB) are read; of more, a fixed random choice of chunks at evenly
        spread heights.
    labels : ImageGroup, optional
        Phase numbers on the same grid; left out where the grid differs.

    Returns
    -------
    Sample
        About 4 million voxels at most.
    """
    array = image.levels[0]
    beside = labels.levels[0] if labels is not None and labels.shape == array.shape else None
    places = _chunk_places(array.shape, array.chunks)
    step = max(1, round(np.sqrt(len(places) * np.prod(array.chunks) / SAMPLE_VOXELS)))
    values, phases, seen = [], [], 0
    for place in places:
        window = tuple(slice(i * n, (i + 1) * n) for i, n in zip(place, array.chunks, strict=True))
        mu = np.asarray(array[window])[:, ::step, ::step].ravel()
        seen += mu.size
        keep = np.isfinite(mu)
        if beside is not None:
            phase = np.asarray(beside[window])[:, ::step, ::step].ravel()
            keep &= phase != Phase.OUTSIDE
            phases.append(phase[keep])
        values.append(mu[keep])
    share = min(1.0, seen / np.prod(array.shape))
    return Sample(np.concatenate(values), np.concatenate(phases) if beside is not None else None, float(share))


def _chunk_places(shape: tuple[int, ...], chunks: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Choose which chunks to read: all of a few, else a fixed random few at each of evenly spread heights."""
    nz, ny, nx = (-(-n // c) for n, c in zip(shape, chunks, strict=True))
    most = max(1, READ_VOXELS // int(np.prod(chunks)))
    per_height = min(ny * nx, max(1, most // nz))
    heights = np.unique(np.linspace(0, nz - 1, min(nz, most)).round().astype(int))
    rng = np.random.default_rng(0)
    return [
        (int(z), int(at) // nx, int(at) % nx)
        for z in heights
        for at in np.sort(rng.choice(ny * nx, per_height, replace=False))
    ]


def _richest_height(labels: ImageGroup) -> float | None:
    """Height with the most lithium as a share of the volume's height; None where there is none."""
    coarsest = labels.levels[-1]
    if np.prod(coarsest.shape) > 16 * SAMPLE_VOXELS:
        return None
    voxels = (np.asarray(coarsest[...]) == Phase.LITHIUM).sum(axis=(1, 2))
    if not voxels.any():
        return None
    rich = np.flatnonzero(voxels >= 0.9 * voxels.max())  # of a film that is whole at many heights, the middle
    return (float(rich[len(rich) // 2]) + 0.5) / len(voxels)


def _cut(image: ImageGroup, labels: ImageGroup | None, level: int, axis: int, index: int) -> Slice:
    array, voxel = image.levels[level], image.voxels_um[level]
    values = np.asarray(array[_plane(axis, index)])
    beside = None if labels is None else _labels_like(labels, array.shape, axis, index)
    rest = [voxel[i] for i in range(3) if i != axis]
    return Slice(values, beside, AXES[axis], index * voxel[axis], (rest[0], rest[1]))


def _labels_like(labels: ImageGroup, shape: tuple[int, ...], axis: int, index: int) -> NDArray[Any]:
    """Labels of one plane of a grid of `shape`, from the coarsest label level that is no coarser than it."""
    fine = [a for a in labels.levels if all(n >= m for n, m in zip(a.shape, shape, strict=True))]
    array = fine[-1] if fine else labels.levels[0]
    nearest = [np.minimum((np.arange(m) * n) // m, n - 1) for n, m in zip(array.shape, shape, strict=True)]
    plane = np.asarray(array[_plane(axis, int(nearest[axis][index]))])
    rows, columns = (nearest[i] for i in range(3) if i != axis)
    return plane[np.ix_(rows, columns)]


def _plane(axis: int, index: int) -> tuple[int | slice, ...]:
    return tuple(index if i == axis else slice(None) for i in range(3))
