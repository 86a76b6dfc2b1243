"""Batches for training: crops of examples, turned, mirrored, and off in level and noise as scans are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..materials import Phase
from .training_set import Example
from .unet import Reference, features

CROP = 64
RARE = (Phase.VOID, Phase.LITHIUM, Phase.CARBON)
"""Phases that half of the crops are centred on."""

GAIN_STD = 0.03
OFFSET_STD = 0.03
NOISE_SHARE = 0.3
MOST_NOISE = 0.4
"""Relative error of a scan's level, its offset and the noise that is added to some crops, over the light level."""

ORDER = ("argon", "xenon")


def draw_batch(
    examples: Sequence[Example], scans: Sequence[str], rng: np.random.Generator, *, crop: int = CROP
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Cut one crop out of each example, and change it as another scan of another cell would be.

    Parameters
    ----------
    examples : sequence of Example
        One for each crop.
    scans : sequence of str
        Scans that the network sees: "argon", "xenon".
    rng : numpy.random.Generator
        Source of random numbers.
    crop : int
        Edge of a crop in voxels.

    Returns
    -------
    inputs : (n, 2 n_scans, crop, crop, crop) array of float32
        Features.
    labels : (n, crop, crop, crop) array of uint8
        Values of `Phase`, or 255.
    """
    drawn = [_drawn(example, scans, rng, crop) for example in examples]
    return np.stack([inputs for inputs, _ in drawn]), np.stack([labels for _, labels in drawn])


def _drawn(
    example: Example, scans: Sequence[str], rng: np.random.Generator, crop: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    part = _place(example.labels, rng, crop)
    index = [ORDER.index(scan) for scan in scans]
    mu = example.mu[(index, *part)].astype(np.float32)
    for channel in mu:
        channel *= np.float32(np.exp(GAIN_STD * rng.standard_normal()))
        channel += np.float32(OFFSET_STD * rng.standard_normal())
    if rng.random() < NOISE_SHARE:
        mu += np.float32(rng.uniform(0, MOST_NOISE)) * rng.standard_normal(mu.shape, dtype=np.float32)
    references = [Reference(1.0, max(1 / float(example.dense[i]), 1.01)) for i in index]
    return turned(features(list(mu), references), example.labels[part], rng)


def _place(labels: NDArray[np.uint8], rng: np.random.Generator, crop: int) -> tuple[slice, slice, slice]:
    """Choose a crop anywhere, or around a voxel of a rare phase."""
    centre = [rng.integers(0, n) for n in labels.shape]
    if rng.random() < 0.5:
        tries = np.stack([rng.integers(0, n, 4000) for n in labels.shape])
        phase = rng.choice(RARE)
        found = np.flatnonzero(labels[tuple(tries)] == phase)
        centre = list(tries[:, found[0]]) if found.size else centre
    starts = [int(np.clip(c - crop // 2, 0, max(n - crop, 0))) for c, n in zip(centre, labels.shape, strict=True)]
    z, y, x = (slice(start, start + crop) for start in starts)
    return z, y, x


def turned(
    inputs: NDArray[np.float32], labels: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Mirror a crop along each axis and turn it about z at random: no direction is special to the network.

    Parameters
    ----------
    inputs : (n_channels, n_z, n_y, n_x) array of float32
        Features.
    labels : (n_z, n_y, n_x) array of uint8
        Their labels.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    inputs, labels : arrays
        The same voxels elsewhere.
    """
    turns = int(rng.integers(4))
    inputs, labels = np.rot90(inputs, turns, (2, 3)), np.rot90(labels, turns, (1, 2))
    for axis in range(3):
        if rng.random() < 0.5:
            inputs, labels = np.flip(inputs, axis + 1), np.flip(labels, axis)
    return np.ascontiguousarray(inputs), np.ascontiguousarray(labels)
