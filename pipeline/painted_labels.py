"""Labels from strokes over a whole volume: block by block, into an image beside the phases."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..arrays import blocks
from ..segmentation.painted import REACH_PX, Painter, paint
from .image_group import ImageGroup
from .store import create_image, plan_layout, publish, register_label, write_slab

NAME = "painted"
BLOCK_PX = 256


def write_painted(painter: Painter, images: Sequence[ImageGroup]) -> Path:
    """Label a volume from strokes.

    Parameters
    ----------
    painter : Painter
        What the strokes taught.
    images : sequence of ImageGroup
        The scans that it was taught on, on one grid; the labels go beside the first.

    Returns
    -------
    Path
        Label image `labels/painted`; what stood there is replaced when the new one is whole.
    """
    main = images[0]
    n_z, n_y, n_x = main.shape
    layout = plan_layout((n_z, n_y, n_x), voxel_um=main.voxels_um[0][0])
    target = main.path / "labels" / NAME
    partial = target.with_name(f"{NAME}.partial")
    partial.parent.mkdir(exist_ok=True)
    create_image(partial, layout, name=NAME, dtype=np.uint8, attributes={"quantity": "phases from strokes"})
    for slab in layout.slabs:
        labels = np.empty((len(slab), n_y, n_x), np.uint8)
        for y in blocks(n_y, BLOCK_PX):
            for x in blocks(n_x, BLOCK_PX):
                wide = tuple(
                    slice(max(b.start - REACH_PX, 0), min(b.stop + REACH_PX, n))
                    for b, n in zip((slab, y, x), main.shape, strict=True)
                )
                found, _ = paint(painter, [np.asarray(image.levels[0][wide], np.float32) for image in images])
                z0, y0, x0 = (b.start - w.start for b, w in zip((slab, y, x), wide, strict=True))
                kept = found[z0 : z0 + len(slab), y0 : y0 + len(y), x0 : x0 + len(x)]
                labels[:, y.start : y.stop, x.start : x.stop] = kept
        write_slab(partial, layout, slab, labels)
    publish(partial, target)
    register_label(main.path, NAME)
    return target
