"""The part of a scan that a run works on: rows, columns, binning and every n-th view."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scans.packing import packed_until
from ..scans.scan import Frames
from .config import Region


@dataclass(frozen=True)
class Selection:
    """Rows, columns, views and binning, worked out for one scan.

    Parameters
    ----------
    views : tuple of int
        Indices of the projections used, in order.
    rows : tuple of int
        First detector row of each row of the result.
    columns : tuple of int
        [first, last) detector columns; their number is a multiple of `bin`.
    bin : int
        Detector pixels averaged along rows and along columns.
    packed : int
        Frames that the file packs together, so that one of them is unpacked only with the others.
    """

    views: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, int]
    bin: int
    packed: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_theta, n_rows, n_cols) after selection and binning."""
        return len(self.views), len(self.rows), (self.columns[1] - self.columns[0]) // self.bin

    def centre_px(self, full_px: float) -> float:
        """Turn a column of the detector into a column of the selection.

        Parameters
        ----------
        full_px : float
            Pixel-centre index on the whole detector.

        Returns
        -------
        float
            Pixel-centre index among the selected, binned columns.
        """
        return (full_px - self.columns[0] + 0.5) / self.bin - 0.5

    def full_px(self, centre_px: float) -> float:
        """Turn a column of the selection into a column of the detector.

        Parameters
        ----------
        centre_px : float
            Pixel-centre index among the selected, binned columns.

        Returns
        -------
        float
            Pixel-centre index on the whole detector.
        """
        return (centre_px + 0.5) * self.bin - 0.5 + self.columns[0]

    def read(self, frames: Frames, start: int, stop: int) -> NDArray[np.float32]:
        """Read selected projections, cut and binned.

        Parameters
        ----------
        frames : Frames
            (n_theta, n_rows, n_cols) of the whole scan.
        start, stop : int
            Range of places in `views`.

        Returns
        -------
        (stop - start, n_rows, n_cols) array of float32
            Mean counts of each bin.
        """
        return self.binned(self.stored(frames, start, stop))

    def stored(self, frames: Frames, start: int, stop: int) -> NDArray[Any]:
        """Read selected projections as they are stored: cut, but not binned.

        Parameters
        ----------
        frames : Frames
            (n_theta, n_rows, n_cols) of the whole scan.
        start, stop : int
            Range of places in `views`.

        Returns
        -------
        (stop - start, n_rows * bin, n_cols * bin) array
            Counts, in the type of the file.
        """
        views = self.views[start:stop]
        if views[-1] - views[0] == len(views) - 1:
            return self._whole(frames, slice(views[0], views[-1] + 1))
        parts, place = [], start
        while place < stop:
            end = min(self.packed_until(frames, place + 1), stop)
            together = np.array(self.views[place:end])
            whole = self._whole(frames, slice(int(together[0]), int(together[-1]) + 1))
            parts.append(whole[together - together[0]])
            place = end
        return np.concatenate(parts)

    def packed_until(self, frames: Frames, stop: int) -> int:
        """Return where a range of views may end so that no frame of it is unpacked twice.

        Parameters
        ----------
        frames : Frames
            (n_theta, n_rows, n_cols) of the whole scan.
        stop : int
            One past the last place that is wanted.

        Returns
        -------
        int
            One past the last place that the file packs together with the one before `stop`.
        """
        if self.packed == 1 or stop >= len(self.views):
            return stop
        return max(stop, bisect_left(self.views, packed_until(frames, self.views[stop - 1] + 1)))

    def cut(self, frames: Frames, which: slice) -> NDArray[np.float32]:
        """Read a range of frames, cut and binned; for flats and darks, which have no views.

        Parameters
        ----------
        frames : Frames
            (n_frames, n_rows, n_cols).
        which : slice
            Range of frames.

        Returns
        -------
        (n_frames, n_rows, n_cols) array of float32
            Mean counts of each bin.
        """
        return self.binned(self._whole(frames, which))

    def _whole(self, frames: Frames, which: slice) -> NDArray[Any]:
        columns = slice(*self.columns)
        parts = [frames[which, rows, columns] for rows in _runs(self.rows, self.bin)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def binned(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Average the pixels of each bin.

        Parameters
        ----------
        stored : (n_frames, n_rows * bin, n_cols * bin) array
            Counts, as `stored` gives them.

        Returns
        -------
        (n_frames, n_rows, n_cols) array of float32
            Mean counts of each bin.
        """
        whole = np.asarray(stored, np.float32)
        if self.bin == 1:
            return whole
        n, height, width = whole.shape
        b = self.bin
        return whole.reshape(n, height // b, b, width // b, b).mean(axis=(2, 4), dtype=np.float32)


def _runs(rows: Sequence[int], size: int) -> list[slice]:
    """Join rows (each `size` high) that follow one another into as few reads as possible."""
    runs: list[list[int]] = []
    for row in rows:
        if runs and runs[-1][1] == row:
            runs[-1][1] = row + size
        else:
            runs.append([row, row + size])
    return [slice(a, b) for a, b in runs]


def select(shape: tuple[int, int, int], region: Region) -> Selection:
    """Work out a region on a scan.

    Parameters
    ----------
    shape : tuple of int
        (n_theta, n_rows, n_cols) of the scan.
    region : Region
        Rows, columns, binning and views as configured.

    Returns
    -------
    Selection
        Rows and columns that do not fill a bin are left out at the far end.

    Raises
    ------
    ValueError
        If the region does not lie inside the scan, or is smaller than a bin.
    """
    n_theta, n_rows, n_cols = shape
    first_row, last_row = _inside(region.rows, n_rows, "rows")
    first_col, last_col = _inside(region.columns, n_cols, "columns")
    b = region.bin
    rows = tuple(range(first_row, last_row - b + 1, b))
    width = (last_col - first_col) // b * b
    if not rows or not width:
        raise ValueError(
            f"region of {last_row - first_row} rows x {last_col - first_col} columns is smaller than a bin of "
            f"{b}; take more rows and columns or a smaller bin"
        )
    return Selection(tuple(range(0, n_theta, region.views)), rows, (first_col, first_col + width), b)


def preview_of(shape: tuple[int, int, int], region: Region, *, n_slices: int = 3) -> Selection:
    """Work out a quick look: binned by 2 at least, every fourth view, a few slices over the height.

    Parameters
    ----------
    shape : tuple of int
        (n_theta, n_rows, n_cols) of the scan.
    region : Region
        The configured region, within which the preview stays.
    n_slices : int
        Number of slices, evenly spread.

    Returns
    -------
    Selection
        A light part of the scan.
    """
    _, height, width = shape
    b = max(2 * region.bin, 2 if max(height, width) > 1 else 1)
    b = min(b, height, width)
    views = region.views * (4 if shape[0] // region.views >= 360 else 2 if shape[0] // region.views >= 90 else 1)
    coarse = select(shape, region.model_copy(update={"bin": b, "views": views}))
    places = np.linspace(0, len(coarse.rows) - 1, n_slices + 2)[1:-1]
    rows = tuple(coarse.rows[round(float(place))] for place in places)
    return Selection(coarse.views, tuple(dict.fromkeys(rows)), coarse.columns, b)


CONE_PREVIEW_PX = 256


def cone_preview_of(shape: tuple[int, int, int], region: Region) -> Selection:
    """Work out a quick look at a cone-beam scan, whose slices need many rows: binned further, every row kept.

    Parameters
    ----------
    shape : tuple of int
        (n_theta, n_rows, n_cols) of the scan.
    region : Region
        The configured region, within which the preview stays.

    Returns
    -------
    Selection
        At most 256 rows and columns, and some 360 views.
    """
    first = select(shape, region)
    widest = max(first.shape[1:])
    size = region.bin * max(1, -(-widest // CONE_PREVIEW_PX))
    views = region.views * max(1, first.shape[0] // 360)
    return select(shape, region.model_copy(update={"bin": size, "views": views}))


def _inside(span: tuple[int, int] | None, length: int, name: str) -> tuple[int, int]:
    if span is None:
        return 0, length
    if span[1] > length:
        raise ValueError(f"region.{name} is {list(span)} but the scan has {length} {name}; stay below {length}")
    return span


def select_theta(theta: NDArray[np.float64], selection: Selection) -> NDArray[np.float64]:
    """Return the angles of the selected views.

    Parameters
    ----------
    theta : (n_theta,) array
        Angles of the whole scan, in rad.
    selection : Selection
        The part in use.

    Returns
    -------
    (n_views,) array
        In rad.
    """
    angles: NDArray[Any] = np.asarray(theta, np.float64)[list(selection.views)]
    return angles
