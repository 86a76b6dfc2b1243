"""Maps of a run as files: float32 TIFF with the pixel in its tags."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray


def write_map(path: Path, values: NDArray[Any], pixel_um: float, *, quantity: str = "µm") -> None:
    """Write a map as float32 TIFF whose resolution tags give the pixel.

    Parameters
    ----------
    path : Path
        Final name.
    values : (n_y, n_x) array
        Any quantity.
    pixel_um : float
        Edge of a pixel, in µm.
    quantity : str
        Unit of the values.
    """
    partial = path.with_name(path.name + ".partial")
    per_cm = 1e4 / pixel_um
    tifffile.imwrite(
        partial,
        np.asarray(values, np.float32),
        imagej=True,
        resolution=(1 / pixel_um, 1 / pixel_um),
        metadata={"unit": "um", "axes": "YX", "Info": f"values in {quantity}; {per_cm:g} pixels per cm"},
    )
    partial.replace(path)
