"""A first answer from a few scribbles: a random forest on what a voxel's surroundings look like at several scales."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Block, blocks, to_host
from ..materials.phases import NOT_LABELLED
from .prediction import Prediction

FINEST_PX, COARSEST_PX = 0.7, 6.0
"""Standard deviations of the Gaussians at which intensity, edges and texture are taken, in voxels."""

HALO = 24
"""Rows beside a slab that its features look at; four times the coarsest Gaussian."""

SLAB_VOXELS = 2_000_000
"""Voxels of a slab with its halo, whose features fill about 0.4 GiB."""

TREES = 80
LEAF = 3
MOST_SAMPLES = 60_000
"""Labelled voxels that are learnt from, the same number of each phase where there are more."""


def label_from_scribbles(
    volumes: Sequence[Array],
    scribbles: NDArray[np.uint8],
    *,
    seed: int = 0,
    threads: int = 1,
    advance: Callable[[int, int], Any] | None = None,
) -> Prediction:
    """Label a volume, or one image, like the few voxels of it that someone has labelled.

    A random forest [1]_ on intensity, edges and texture at several scales [2]_.

    Parameters
    ----------
    volumes : sequence of (n_z, n_y, n_x) array
        Grey values or µ of one scan or of several on one grid; n_z may be 1.
    scribbles : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, and 255 where nothing is said.
    seed : int
        Seed of the forest.
    threads : int
        Threads to use.
    advance : callable, optional
        Called with the slabs that are done, and their number, of both passes.

    Returns
    -------
    Prediction
        Labels, and the share of trees that voted for them.

    Raises
    ------
    ValueError
        If shapes differ, fewer than two phases are labelled, or a value of the volumes is not finite.

    References
    ----------
    .. [1] Breiman, Machine Learning 45 (2001) 5.
    .. [2] Arganda-Carreras et al., Bioinformatics 33 (2017) 2424.
    """
    from sklearn.ensemble import RandomForestClassifier

    shape = tuple(volumes[0].shape)
    check_scribbles(scribbles, shape)
    slabs = _slabs(shape)
    told = _Told(advance, 2 * len(slabs))
    seen, said = [], []
    for slab in slabs:
        part = scribbles[slab.slice]
        if (part != NOT_LABELLED).any():
            seen.append(features_of(volumes, slab)[part != NOT_LABELLED])
            said.append(part[part != NOT_LABELLED])
        told()
    x, y = _balanced(np.concatenate(seen), np.concatenate(said), np.random.default_rng(seed))
    forest = RandomForestClassifier(
        TREES, min_samples_leaf=LEAF, class_weight="balanced", random_state=seed, n_jobs=threads
    ).fit(x, y)
    labels, confidence = np.empty(shape, np.uint8), np.empty(shape, np.float32)
    for slab in slabs:
        found = features_of(volumes, slab)
        votes = forest.predict_proba(found.reshape(-1, found.shape[-1]))
        labels[slab.slice] = forest.classes_[votes.argmax(axis=1)].reshape(found.shape[:-1])
        confidence[slab.slice] = votes.max(axis=1).reshape(found.shape[:-1])
        told()
    return Prediction(labels, confidence)


class _Told:
    """Counts what is done, and tells."""

    def __init__(self, advance: Callable[[int, int], Any] | None, total: int) -> None:
        self.advance, self.total, self.done = advance, total, 0

    def __call__(self) -> None:
        self.done += 1
        if self.advance is not None:
            self.advance(self.done, self.total)


def check_scribbles(scribbles: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Refuse scribbles that cannot be learnt from.

    Parameters
    ----------
    scribbles : array
        What the user has labelled.
    shape : tuple of int
        Of the volume.

    Raises
    ------
    ValueError
        If shapes differ, values are unknown, or fewer than two phases are labelled.
    """
    from .evaluation import check_labels

    if tuple(scribbles.shape) != tuple(shape):
        raise ValueError(f"scribbles are {tuple(scribbles.shape)}, the volume {tuple(shape)} voxels; use its own grid")
    check_labels(scribbles)
    phases = [int(value) for value in np.unique(scribbles) if value != NOT_LABELLED]
    if len(phases) < 2:
        raise ValueError(f"scribbles hold the phases {phases}; label some voxels of at least two, the rest 255")


def features_of(volumes: Sequence[Array], slab: Block) -> NDArray[np.float32]:
    """Describe the surroundings of each voxel of a slab.

    Parameters
    ----------
    volumes : sequence of (n_z, n_y, n_x) array
        Grey values or µ.
    slab : Block
        Rows wanted; a halo is read too.

    Returns
    -------
    (n_rows, n_y, n_x, n_features) array of float32
        Intensity, edge strength and texture at several scales, of each volume.

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    from skimage.feature import multiscale_basic_features

    n_z = volumes[0].shape[0]
    first, last = max(slab.start - HALO, 0), min(slab.stop + HALO, n_z)
    found = []
    for volume in volumes:
        part = np.asarray(to_host(volume[first:last]), dtype=np.float32)
        if (strange := int(np.count_nonzero(~np.isfinite(part)))) > 0:
            raise ValueError(
                f"the volume holds {strange} values that are not finite in slices {first} to {last - 1}; crop it to "
                "where it was measured, or fill them"
            )
        flat = part.shape[0] == 1
        described = multiscale_basic_features(part[0] if flat else part, sigma_min=FINEST_PX, sigma_max=COARSEST_PX)
        found.append(described[None] if flat else described)
    everything = np.concatenate(found, axis=-1)[slab.start - first : slab.stop - first]
    return np.ascontiguousarray(everything, dtype=np.float32)


def _slabs(shape: tuple[int, ...]) -> list[Block]:
    rows = SLAB_VOXELS // max(shape[1] * shape[2], 1) - 2 * HALO
    return blocks(shape[0], max(rows, 8))


def _balanced(
    x: NDArray[np.float32], y: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Keep at most so many voxels of each phase."""
    phases = np.unique(y)
    most = MOST_SAMPLES // phases.size
    kept = [np.flatnonzero(y == phase) for phase in phases]
    index = np.concatenate([rng.permutation(places)[:most] for places in kept])
    return x[index], y[index]
