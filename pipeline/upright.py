"""Line integrals of a scan whose axis leans, resampled so that it runs along the detector's columns."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec

from ..arrays import Block
from ..reconstruction.axis_tilt import set_upright
from .scratch import Integrals
from .tasks import Facts


@dataclass(frozen=True)
class UprightTask:
    """Set the views of one block upright, from one scratch array to another.

    Parameters
    ----------
    integrals : Path
        Scratch array (n_theta, n_rows, n_cols) of line integrals, parallel beam.
    upright : Path
        Scratch array of the same shape and chunks to write to.
    tilt_rad : float
        How the axis leans, in rad; the views are turned about the middle of the detector.
    """

    integrals: Path
    upright: Path
    tilt_rad: float

    def __call__(self, block: Block) -> Facts:
        """Resample the block's views and write them."""
        started = time.perf_counter()
        source, target = Integrals(self.integrals), zarr.open_array(self.upright, mode="r+")
        (_, n_rows, n_cols), step = source.shape, source.chunks[0]
        for start in range(block.start, block.stop, step):
            stop = min(start + step, block.stop)
            target[start:stop] = set_upright(
                source[start:stop],
                self.tilt_rad,
                centre_px=(n_cols - 1) / 2,
                row_px=(n_rows - 1) / 2,
                rows=(0, n_rows),
            )
        return {"seconds": {"block": round(time.perf_counter() - started, 4)}}


def make_upright_array(integrals: Path, upright: Path) -> None:
    """Make an empty scratch array like that of the line integrals.

    Parameters
    ----------
    integrals : Path
        The line integrals.
    upright : Path
        Where the new array goes.
    """
    source = Integrals(integrals)
    zarr.create_array(
        upright,
        shape=source.shape,
        chunks=source.chunks,
        dtype="f4",
        compressors=[Crc32cCodec()],
        fill_value=np.nan,
        overwrite=True,
    )
