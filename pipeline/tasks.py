"""What one block of either pass does, as records that a thread, a process or another machine can run.

A task carries paths and small facts, never arrays: it reads its own part from disk, writes its own whole chunks, and
answers with a few numbers for the ledger. Running it twice writes the same bytes twice.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from ..arrays import Array, Block, blocks, open_device
from ..arrays.blocks import thread_count
from ..scans.geometry import ConeBeam
from ..scans.scan import Frames
from .chain import (
    Corrected,
    correct_block,
    halo_views,
    reconstruct_cone_slab,
    reconstruct_slab,
    rows_of_slab,
)
from .checksums import save_slab
from .fields import Fields
from .frame_reader import FrameReader
from .scratch import Integrals, plain_files
from .selection import Selection
from .steps import Step
from .stopwatch import collecting, rounded
from .store import ImageLayout

FRAME_COPIES, SLAB_COPIES = 7, 4
"""Room that a block of frames and a slab take on a GPU, in units of their own size."""

Facts = Mapping[str, Any]
Task = Callable[[Block], Facts]


@dataclass(frozen=True)
class Stored:
    """A record whose arrays lie in files, so that it can be sent anywhere.

    Parameters
    ----------
    record : object
        A dataclass, its arrays taken out.
    arrays : dict of Path
        File of each array, by field.
    """

    record: Any
    arrays: Mapping[str, Path]

    def load(self) -> Any:
        """Return the record with its arrays, mapped into memory and read where they are touched.

        Returns
        -------
        object
            Of the kind of `record`.
        """
        return replace(self.record, **{name: np.load(path, mmap_mode="r") for name, path in self.arrays.items()})


def store_record(record: Any, folder: Path) -> Stored:
    """Write the arrays of a record to files.

    Parameters
    ----------
    record : object
        A dataclass.
    folder : Path
        Made where missing.

    Returns
    -------
    Stored
        Without arrays of its own.

    Raises
    ------
    TypeError
        If it is no dataclass.
    """
    if not is_dataclass(record):
        raise TypeError(f"a {type(record).__name__} cannot be stored by its fields; give a dataclass")
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Path] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, np.ndarray) and value.size:
            arrays[field.name] = folder / f"{field.name}.npy"
            np.save(arrays[field.name], value)
    return Stored(replace(record, **dict.fromkeys(arrays)), arrays)  # type: ignore[type-var]


@dataclass(frozen=True)
class ProjectionTask:
    """First pass: frames of one block of views to line integrals on scratch.

    Parameters
    ----------
    projections : Frames
        (n_theta, n_rows, n_cols) of the whole scan, read when sliced.
    selection : Selection
        The part of it that is run.
    steps : tuple of Step
        Steps that read projections.
    fields : Stored
        Beam and detector.
    integrals, sums : Path
        Scratch arrays: line integrals of every view, and the sum of the transmission of every block.
    batch : int
        Views in memory at a time; divides the block.
    device : {"auto", "cpu", "gpu"}
        Where the machine that runs the task is to work.
    is_ahead : bool
        Whether frames that are unpacked beside those of a block are kept for the next one.
    """

    projections: Frames
    selection: Selection
    steps: tuple[Step, ...]
    fields: Stored
    integrals: Path
    sums: Path
    batch: int
    device: str = "cpu"
    is_ahead: bool = False

    def __call__(self, block: Block) -> Facts:
        """Correct the block's views and write them; the answer counts what was repaired."""
        return self.in_order()(block)

    def in_order(self) -> Task:
        """Return the same for blocks that follow one another, whose frames are then read once."""
        reader = FrameReader(self.projections, self.selection, is_ahead=self.is_ahead)
        return partial(self._block, reader=reader)

    def _block(self, block: Block, reader: FrameReader) -> Facts:
        """Correct one block with the frames that a reader gives."""
        started = time.perf_counter()
        integrals = plain_files(zarr.open_array(self.integrals, mode="r"))
        known: Fields = self.fields.load()
        margin, n_theta = halo_views(self.steps), len(self.selection.views)
        digest, read_before = hashlib.sha256(), reader.seconds
        total = np.zeros(integrals.shape[1:], np.float32)
        repaired: dict[str, int] = {}
        seconds: dict[str, float] = {}
        for part in blocks(len(block), self.batch):
            start, stop = block.start + part.start, block.start + part.stop
            first, last = max(start - margin, 0), min(stop + margin, n_theta)
            frames = reader.read(first, last)
            reader.add_to(digest, start, stop)
            with collecting() as spent:
                done = self._corrected(frames, known, first_view=first, halo=(start - first, last - stop))
            clock = time.perf_counter()
            integrals.write((start, 0, 0), done.integrals)
            spent["write"] = time.perf_counter() - clock
            seconds = {name: seconds.get(name, 0.0) + spent.get(name, 0.0) for name in {**seconds, **spent}}
            total += done.transmission_sum
            for key, value in done.repaired.items():
                repaired[key] = repaired.get(key, 0) + int(value)
        zarr.open_array(self.sums, mode="r+")[block.index] = total
        seconds |= {"read": reader.seconds - read_before, "block": time.perf_counter() - started}
        return {"repaired": repaired, "sha256": digest.hexdigest(), "seconds": rounded(seconds)}

    def _corrected(
        self, frames: NDArray[np.float32], known: Fields, *, first_view: int, halo: tuple[int, int]
    ) -> Corrected:
        """Correct frames on the device, with flats and darks beside them."""
        possible = ("flats", "dark", "dead", "floor", "beam", "modes") if known.flats is not None else ()
        names = tuple(name for name in possible if getattr(known, name) is not None)
        images = tuple(getattr(known, name) for name in names)

        def _work(there: Array, *moved: Array) -> Corrected:
            beside = replace(known, **dict(zip(names, moved, strict=True)))
            return correct_block(there, beside, self.steps, first_view=first_view, halo=halo)

        needs = FRAME_COPIES * frames.nbytes + sum(image.nbytes for image in images)
        return open_device(self.device).run(_work, frames, *images, needs=needs)


@dataclass(frozen=True)
class SlabTask:
    """Second pass: one slab of rows, from scratch to its own chunks of the volume.

    Parameters
    ----------
    integrals : Path
        Scratch array (n_theta, n_rows, n_cols) of line integrals.
    theta : (n_theta,) array
        In rad.
    steps : tuple of Step
        Steps that read sinograms; the last one reconstructs.
    centre_px : float
        Column of the axis, pixel-centre index.
    cone : ConeBeam or None
        The beam as the selected detector sees it; None for a parallel beam.
    image : Path
        The OME-Zarr group to write to.
    layout : ImageLayout
        Its shape, voxel and slabs.
    threads : int or None
        Threads to use; None is one per core of the machine that runs the task.
    device : {"auto", "cpu", "gpu"}
        Where that machine is to work.
    name : str
        Name that the image has once it is finished.
    """

    integrals: Path
    theta: NDArray[np.float64]
    steps: tuple[Step, ...]
    centre_px: float
    cone: ConeBeam | None
    image: Path
    layout: ImageLayout
    threads: int | None
    name: str
    device: str = "cpu"

    def __call__(self, slab: Block) -> Facts:
        """Reconstruct the slab and write it; the answer holds the checksums of its chunks."""
        started = time.perf_counter()
        rows, work = self._rows_and_work(slab)
        read = time.perf_counter()
        n_cols = rows.shape[2]
        needs = SLAB_COPIES * (rows.nbytes + 4 * len(slab) * n_cols**2)
        with collecting() as spent:
            volume = open_device(self.device).run(work, rows, needs=needs)
        made = time.perf_counter()
        sums = save_slab(self.image, self.layout, slab, volume)
        done = time.perf_counter()
        seconds = spent | {"read": read - started, "write": done - made, "block": done - started}
        return {"crc32c": {self.name: sums}, "seconds": rounded(seconds)}

    def _rows_and_work(self, slab: Block) -> tuple[NDArray[np.float32], Callable[[Array], Array]]:
        """Line integrals that the slab needs, and what is to be done with them."""
        integrals = Integrals(self.integrals)
        if self.cone is None:
            return integrals.sinograms(slab.slice), partial(
                reconstruct_slab,
                theta=self.theta,
                steps=self.steps,
                centre_px=self.centre_px,
                voxel_um=self.layout.voxel_um,
                threads=thread_count(self.threads),
            )
        n_rows = integrals.shape[1]
        first, last = rows_of_slab(self.cone, integrals.shape[1:], slab)
        return integrals.views(slice(first, last)), partial(
            reconstruct_cone_slab,
            theta=self.theta,
            steps=self.steps,
            geometry=self.cone,
            first_row=first,
            n_rows=n_rows,
            slab=slab,
        )
