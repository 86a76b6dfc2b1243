"""Phases of a slab by physics thresholds: the largest share wins, after smoothing and by place."""

import math
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Array, array_namespace
from ..materials import Phase
from .bodies import lack_of_xenon
from .filters import gaussian_within, mask_share, specks
from .place import Place
from .unmixing import shares

if TYPE_CHECKING:
    from .thresholds import Thresholds

BODY_PX = 3.0
"""Width of the Gaussian over which a dark body in the electrolyte is asked for its xenon, in voxels."""

SPECK_VOXELS = 10
"""Parts of fewer voxels are noise."""

CEILING_STDS = 6.0
"""Values above the brightest light phase by more than this are dense, and are cut before smoothing."""


def label_slab(t: "Thresholds", slabs: list[Array], place: Place) -> Array:
    """Label the voxels of a slab that lie in the bore, collector left out.

    Parameters
    ----------
    t : Thresholds
        Levels, noise and surfaces.
    slabs : list of (n_z, n_y, n_x) array
        µ in cm^-1 of each scan, in the order of `t.scans`.
    place : Place
        Where the voxels lie.

    Returns
    -------
    (n_z, n_y, n_x) array of uint8
        Values of `Phase`; the rows that the collector shades repeat the nearest clean row.
    """
    xp = place.xp
    mask = place.mask
    seen = mask_share(place.inner, t.smoothing_px) * mask_share(place.clean, t.smoothing_px)
    light = t.light_phases
    smooth = [
        gaussian_within(light_only(t, scan, slab), mask, t.smoothing_px, share=seen) for scan, slab in _named(t, slabs)
    ]
    share = shares(t.matrix(*light), smooth)
    codes = xp.asarray([int(phase) for phase in light], dtype=xp.uint8)
    labels = codes[_largest(share)]
    if light == (Phase.LITHIUM, Phase.CARBON) and t.scans == ("xenon",):
        labels = xp.where((labels == Phase.CARBON) & _within_film(t, place), xp.uint8(Phase.VOID), labels)
    labels = _without_specks(labels, share, codes, mask & ~place.deep_electrolyte)
    labels = _with_electrolyte(t, slabs, labels, place)
    return _beside_collector(labels, place)


def with_network(labels: Array, named: Array, place: Place) -> Array:
    """Take a network's word for what a voxel of the cell's inside is.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase` by thresholds.
    named : (n_z, n_y, n_x) array of uint8
        The network's. Where it says casing, collector or outside, which lie at known places, the thresholds stand.
    place : Place
        Where the voxels lie.

    Returns
    -------
    (n_z, n_y, n_x) array of uint8
        Specks of lithium below `SPECK_VOXELS` left out; rows that the collector shades repeat the nearest clean one.
    """
    xp = place.xp
    inside = (named >= Phase.VOID) & (named <= Phase.ELECTROLYTE)
    noise = specks(inside & (named == Phase.LITHIUM), smallest=SPECK_VOXELS)
    found = xp.where(inside & ~noise, named, labels).astype(xp.uint8)
    return _beside_collector(found, place)


def light_only(t: "Thresholds", scan: str, slab: Array) -> Array:
    """Cut a slab well above the light phases, so that dense neighbours weigh little in what is smoothed.

    Parameters
    ----------
    t : Thresholds
        Levels and noise.
    scan : str
        Name of the scan.
    slab : (n_z, n_y, n_x) array
        µ in cm^-1.

    Returns
    -------
    (n_z, n_y, n_x) array
        The same below the cut.
    """
    brightest = max(t.levels[scan][phase] for phase in t.light_phases)
    xp = array_namespace(slab)
    return xp.minimum(slab, xp.asarray(brightest + CEILING_STDS * t.noise_per_cm[scan], dtype=slab.dtype))


def _named(t: "Thresholds", slabs: list[Array]) -> list[tuple[str, Array]]:
    return list(zip(t.scans, slabs, strict=True))


def _largest(share: list[Array]) -> Array:
    """Index of the phase with the largest share; the first of equals."""
    xp = array_namespace(*share)
    index = xp.zeros(share[0].shape, dtype=xp.uint8)
    best = share[0]
    for phase, other in enumerate(share[1:], start=1):
        index[other > best] = phase
        best = xp.maximum(best, other)
    return index


def _within_film(t: "Thresholds", place: Place) -> Array:
    """Rows between collector and the even part of the film, where what looks like carbon is a void."""
    if t.film_depth is None or t.collector is None:
        return place.rows < -np.inf
    return -place.in_collector < t.film_depth - t.film_roughness


def _without_specks(labels: Array, share: list[Array], codes: Array, mask: Array) -> Array:
    """Give specks of a light phase to the runner-up of the light phases."""
    xp = array_namespace(labels)
    for index in range(codes.shape[0] if codes.shape[0] > 1 else 0):
        small = specks((labels == codes[index]) & mask, smallest=SPECK_VOXELS)
        if bool(small.any()):
            rest = xp.stack([s[small] if i != index else xp.full_like(s[small], -np.inf) for i, s in enumerate(share)])
            labels[small] = codes[xp.argmax(rest, axis=0)]
    return labels


def _with_electrolyte(t: "Thresholds", slabs: list[Array], labels: Array, place: Place) -> Array:
    """Add the electrolyte, and what lies in it, in the rows from where it touches."""
    rows = place.beside_electrolyte[:, 0, 0]
    if not bool(rows.any()):
        return labels
    # Rows around the first and last count in what is smoothed; the slab's halo is wider than that.
    found = place.xp.nonzero(rows)[0]
    first, last = int(found[0]), int(found[-1]) + 1
    margin = math.ceil(2.5 * max(t.smoothing_px, BODY_PX)) + 1
    cut = slice(max(first - margin, 0), last + margin)
    part, mask = [slab[cut] for slab in slabs], place.mask[cut]
    near = place.beside_electrolyte[cut]
    dense = _above_halfway(t, part, mask, place, cut) & near
    inner = labels[cut]
    inner[dense] = Phase.ELECTROLYTE
    if bool(place.deep_electrolyte.any()):
        inner = _in_electrolyte(t, part, inner, mask, place.deep_electrolyte[cut])
    labels[cut] = inner
    return labels


def _above_halfway(t: "Thresholds", slabs: list[Array], mask: Array, place: Place, cut: slice) -> Array:
    """Above half-way in µ where it fills the rows, else above the µ of a row that it half covers.

    A flat surface across the axis covers half of a row's rays where the transmission, not µ, is half-way.
    """
    xp = place.xp
    deep = place.deep_electrolyte[cut]
    chord_cm = np.pi / 4 * 2 * t.bore.radius_px * t.voxel_um * 1e-4
    total, threshold = xp.zeros(mask.shape, dtype=xp.float32), xp.zeros(deep.shape, dtype=xp.float32)
    for scan, slab in _named(t, slabs):
        dense, light = (t.levels[scan][p] for p in (Phase.ELECTROLYTE, t.light_phases[-1]))
        step = -math.log(0.5 + 0.5 * math.exp(-(dense - light) * chord_cm)) / chord_cm
        total += slab * np.float32(1 / (dense - light))
        threshold += xp.where(deep, np.float32(0.5 * (dense + light)), np.float32(light + step)) / (dense - light)
    return gaussian_within(total, mask, t.smoothing_px) > threshold


def _in_electrolyte(t: "Thresholds", slabs: list[Array], labels: Array, mask: Array, deep: Array) -> Array:
    """Dark bodies deep in the electrolyte: void, or lithium where xenon rather stays out of them."""
    xp = array_namespace(labels)
    dark = deep & mask & (labels != Phase.ELECTROLYTE)
    dark &= ~specks(dark, smallest=SPECK_VOXELS)
    labels = xp.where(deep & mask, xp.uint8(Phase.ELECTROLYTE), labels)
    if len(slabs) == 1 or not bool(dark.any()):
        return xp.where(dark, xp.uint8(t.layout.dark_in_electrolyte), labels)
    lithium = gaussian_within(lack_of_xenon(t, slabs), dark, BODY_PX) > 0
    return xp.where(dark, xp.where(lithium, xp.uint8(Phase.LITHIUM), xp.uint8(Phase.VOID)), labels)


def _beside_collector(labels: Array, place: Place) -> Array:
    """Continue the last clean row into the rows that the collector shades."""
    rows = place.clean[:, 0, 0]
    shaded = ~rows & (place.in_collector[:, 0, 0] < 0.5)
    if not bool(shaded.any()) or not bool(rows.any()):
        return labels
    clean = place.xp.nonzero(rows)[0]
    downwards = bool(place.in_collector[0, 0, 0] > place.in_collector[-1, 0, 0])
    labels[shaded] = labels[int(clean[0] if downwards else clean[-1])]
    return labels
