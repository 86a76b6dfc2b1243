"""Maps of one value per column, as a run leaves them in TIFF files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .image_group import ImageGroup


def read_map(path: Path, images: Iterable[ImageGroup]) -> tuple[NDArray[Any], tuple[float, float]]:
    """Read a map and the size of its columns: from an image of the same grid, or from its own tags.

    Parameters
    ----------
    path : Path
        TIFF file.
    images : iterable of ImageGroup
        Images of the run.

    Returns
    -------
    (n_y, n_x) array of float32
        The map; NaN where nothing was measured.
    (float, float)
        Size of a column along y and x, in µm.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        values = file.asarray().astype(np.float32)
        tags = file.pages.first.tags
        per_unit = [tags[n].value if n in tags else (1, 1) for n in ("YResolution", "XResolution")]
        in_cm = "ResolutionUnit" in tags and tags["ResolutionUnit"].value == 3
    for image in images:
        if image.shape[1:] == values.shape:
            return values, image.voxels_um[0][1:]
    y, x = ((1e4 if in_cm else 1.0) * below / above for above, below in per_unit)
    return values, (y, x)
