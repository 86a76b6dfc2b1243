"""Counts of a simulated scan, made view by view as they are read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Block, blocks
from .acquisition import Acquisition
from .detector import Patterns, expose_view, flicker
from .light import LightPath
from .projection import expected_views
from .rays import LANES
from .slabs import PackedLabels
from .waves import each

MOST_VIEWS = 8
"""Most views that a thread makes at a time."""

FRESNEL_COPIES = 6
"""Complex copies of a fine view that propagation takes."""


@dataclass(eq=False)
class SimulatedFrames:
    """Projections that are made when they are sliced; the last block made is kept.

    Parameters
    ----------
    path : LightPath
        Cell, gas and beam.
    fixed : Patterns
        Detector and beam profile.
    seed : int
        Seed of the noise.
    threads : int
        Threads to use.
    memory_gib : float
        Memory to keep to, in GiB.
    progress : callable or None
        Called with the number of views that are done.
    """

    path: LightPath
    fixed: Patterns
    seed: int
    threads: int
    memory_gib: float
    progress: Callable[[int], Any] | None = None
    _made: tuple[int, NDArray[np.uint16]] | None = field(default=None, init=False, repr=False)
    _lock: Any = field(default_factory=Lock, init=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave lock and kept block behind: both belong to one process."""
        return self.__dict__ | {"_lock": None, "_made": None, "progress": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make a lock of this process."""
        self.__dict__.update(state)
        self._lock = Lock()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_theta, n_rows, n_cols)."""
        acquisition = self.path.acquisition
        return acquisition.n_views, acquisition.detector.n_rows, acquisition.detector.n_cols

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the counts."""
        return np.dtype(np.uint16)

    @property
    def made(self) -> range:
        """The views that are kept."""
        if self._made is None:
            return range(0)
        start, counts = self._made
        return range(start, start + len(counts))

    def __getitem__(self, key: slice | tuple[slice, ...]) -> NDArray[np.uint16]:
        """Make a part of the stack."""
        first, *rest = key if isinstance(key, tuple) else (key,)
        start, stop, _ = first.indices(self.shape[0])
        counts = np.empty((max(stop - start, 0), *self.shape[1:]), dtype=np.uint16)
        with self._lock:
            for block in blocks(self.shape[0], self._at_once()):
                low, high = max(start, block.start), min(stop, block.stop)
                if low < high:
                    counts[low - start : high - start] = self._block(block)[low - block.start : high - block.start]
        return counts[(slice(None), *rest)]

    def _block(self, block: Block) -> NDArray[np.uint16]:
        """Return the views of a block, made or kept."""
        if self._made is None or self._made[0] != block.start:
            self._made = None
            self._made = block.start, np.concatenate(list(self._make(block)))
        return self._made[1]

    def _make(self, block: Block) -> Iterator[NDArray[np.uint16]]:
        """Make a block: packed labels are unpacked once for all its views, others are shared out by views."""
        packed = isinstance(self.path.labels, PackedLabels)
        workers = self._workers()
        size = len(block) if packed else min(MOST_VIEWS, max(1, self._at_once() // workers))
        parts = [Block(b.index, b.start + block.start, b.stop + block.start) for b in blocks(len(block), size)]

        def _one(index: int) -> NDArray[np.uint16]:
            return self._views(parts[index], workers if packed else 1)

        made = each(_one, len(parts), 1 if packed else workers)
        for part, counts in zip(parts, made, strict=True):
            if self.progress is not None:
                self.progress(part.stop)
            yield counts

    def _views(self, part: Block, threads: int) -> NDArray[np.uint16]:
        """Expose some views."""
        acquisition, detector = self.path.acquisition, self.path.acquisition.detector
        times = np.arange(acquisition.n_views) / max(acquisition.n_views - 1, 1)
        moved_um = (times - 0.5)[:, None] * np.asarray(acquisition.drift.sample_um)
        expected = expected_views(self.path, acquisition.theta[part.slice], moved_um[part.slice], threads=threads)
        counts = np.empty(expected.shape, dtype=np.uint16)
        for place, view in enumerate(range(part.start, part.stop)):
            frame = acquisition.n_flats + view
            beam = open_beam(acquisition, self.fixed, times[view], seed=self.seed, frame=frame)
            counts[place] = expose_view(detector, self.fixed, beam * expected[place], seed=self.seed, index=view)
        return counts

    def _room(self) -> tuple[float, int, int]:
        """Return the bytes left beside the labels, and what a view and what a thread takes."""
        path = self.path
        acquisition, detector, fine = path.acquisition, path.acquisition.detector, path.acquisition.rays_per_pixel
        rays = detector.n_cols * fine
        rows = detector.n_rows * fine if acquisition.climbs else len(path.palettes) * LANES
        with_phase = acquisition.optics.propagation_mm > 0
        view = 4 * rays * rows * (1 + with_phase) + 10 * detector.n_rows * detector.n_cols
        own = 8 * rays * rows * FRESNEL_COPIES if with_phase else 0
        if acquisition.climbs:
            own += 12 * rays * rows * (len(path.palettes[0].codes) + len(path.radii_um))
        labels = path.labels
        held = labels.packed_bytes if isinstance(labels, PackedLabels) else 2 * labels.nbytes
        if isinstance(labels, PackedLabels):
            held += 3 * LANES * labels.shape[1] * labels.shape[2]
        return 0.85 * self.memory_gib * 2**30 - held, view, own

    def _workers(self) -> int:
        """Return how many threads fit the memory."""
        left, view, own = self._room()
        return int(np.clip(left / (view + own), 1, self.threads))

    def _at_once(self) -> int:
        """Return how many views fit the memory beside what the threads take."""
        left, view, own = self._room()
        return max(int((left - own * self._workers()) / view), 1)


def open_beam(acquisition: Acquisition, fixed: Patterns, time: float, *, seed: int, frame: int) -> NDArray[np.float32]:
    """Return the expected photons of the open beam in each pixel at one moment.

    Parameters
    ----------
    acquisition : Acquisition
        How the scan is taken.
    fixed : Patterns
        Beam profile and its change.
    time : float
        Moment, 0 at the first view and 1 at the last.
    seed : int
        Seed of the scan.
    frame : int
        Frame, in order of time over flats, views and late flats.

    Returns
    -------
    (n_rows, n_cols) array of float32
        Photons per pixel.
    """
    drift = acquisition.drift
    level = acquisition.photons * (1 + drift.beam * time)
    if drift.flicker > 0:
        level *= max(1 + drift.flicker * flicker(seed, frame), 0.0)
    profile = fixed.beam + np.float32(drift.profile * time) * fixed.change
    return np.maximum(profile, 0) * np.float32(level)
