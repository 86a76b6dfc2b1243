"""The beam and the detector of one scan: flats, dark, dead pixels and floor, averaged and cut like its projections."""

import logging
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..reconstruction import flat_field
from ..reconstruction.artefacts import bad_pixels
from ..reconstruction.hardening import Linearisation
from ..scans.scan import Frames, Scan
from .selection import Selection

log = logging.getLogger(__name__)

Image = NDArray[np.float32]
FRAMES_AT_ONCE = 32


@dataclass(frozen=True)
class Fields:
    """The beam and the detector of one scan, cut and binned like its projections.

    Parameters
    ----------
    flats : (n_times, n_rows, n_cols) array of float32 or None
        Mean flat of each time, in counts; None where the projections are line integrals.
    positions : (n_times,) array
        Index of the projection that follows each of them.
    dark : (n_rows, n_cols) array of float32
        Mean counts with the shutter closed.
    dead : (n_rows, n_cols) array of bool
        Pixels to be filled from their neighbours.
    floor : (n_rows, n_cols) array of float32
        Transmission of half a count, below which the detector tells nothing.
    views : (n_views,) array
        Index of each selected view in the whole scan.
    columns : tuple of int
        First detector column, and pixels per bin.
    hardening : Linearisation or None
        Map for the step `hardening`.
    jig : float
        Line integral of gas beside the cell that the flats did not see, dimensionless.
    """

    flats: Image | None
    positions: NDArray[np.int64]
    dark: Image
    dead: NDArray[np.bool_]
    floor: Image
    views: NDArray[np.int64]
    columns: tuple[int, int]
    hardening: Linearisation | None = None
    jig: float = 0.0


def open_fields(scan: Scan, selection: Selection) -> Fields:
    """Average the flats and darks of a scan.

    Parameters
    ----------
    scan : Scan
        The raw data.
    selection : Selection
        The part of it that is run.

    Returns
    -------
    Fields
        Empty of flats where the scan holds line integrals.

    Raises
    ------
    ValueError
        If flats or darks are of another frame size, or the flats are not brighter than the dark.
    """
    size = selection.shape[1:]
    views = np.asarray(selection.views, np.int64)
    columns = (selection.columns[0], selection.bin)
    blank, alive = np.zeros(size, np.float32), np.zeros(size, bool)
    if scan.is_line_integral or scan.flats is None:
        return Fields(None, np.zeros(1, np.int64), blank, alive, blank, views, columns)
    for name, frames in (("flats", scan.flats), ("darks", scan.darks)):
        if frames is not None and frames.shape[1:] != scan.shape[1:]:
            raise ValueError(
                f"{name} are {frames.shape[1:]} pixels and projections {scan.shape[1:]}; crop all to the same "
                "region of the detector"
            )
    if scan.darks is None:
        log.warning("the scan has no darks: a dark of 0 counts is used; give dark_path if the detector has an offset")
    dark = blank if scan.darks is None else _mean(scan.darks, selection, 0, scan.darks.shape[0])
    flats, positions = _mean_flats(scan, selection)
    mean_flat = flats.mean(axis=0, dtype=np.float32)
    dead = flat_field.dead_pixels(mean_flat, dark) | bad_pixels(mean_flat, dark)
    floor = flat_field.transmission_floor(mean_flat, dark)
    return Fields(flats, positions, dark, np.asarray(dead), np.asarray(floor), views, columns)


def _mean_flats(scan: Scan, selection: Selection) -> tuple[Image, NDArray[np.int64]]:
    """Mean flat of each time at which flats were taken."""
    flats = scan.flats
    if flats is None:
        raise ValueError("the scan has no flats; give flat_path")
    positions = scan.flat_positions
    if positions is None or len(positions) != flats.shape[0]:
        return _mean(flats, selection, 0, flats.shape[0])[None], np.zeros(1, np.int64)
    cuts = np.flatnonzero(np.diff(positions)) + 1
    edges = [0, *cuts.tolist(), len(positions)]
    means = [_mean(flats, selection, a, b) for a, b in pairwise(edges)]
    return np.stack(means), np.asarray([positions[a] for a in edges[:-1]], np.int64)


def _mean(frames: Frames, selection: Selection, start: int, stop: int) -> Image:
    total = np.zeros(selection.shape[1:], np.float64)
    for first in range(start, stop, FRAMES_AT_ONCE):
        part = selection.cut(frames, slice(first, min(first + FRAMES_AT_ONCE, stop)))
        total += part.sum(axis=0, dtype=np.float64)
    return (total / max(stop - start, 1)).astype(np.float32)
