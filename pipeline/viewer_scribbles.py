"""Paint strokes on a tile, learn from them in a thread, and label the tile or the whole volume."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from magicgui.widgets import ComboBox, Container, Label, PushButton
from numpy.typing import NDArray

from ..materials import NOT_LABELLED, Phase
from ..segmentation.painted import Painter, learn_strokes, paint
from .image_group import ImageGroup, open_image
from .painted_labels import NAME, write_painted
from .viewer_layers import UNIT, label_layer, phase_colours
from .viewer_session import session_of
from .viewer_working import in_background, show_error

TILE_PX = 192
TILE_ROWS = 12
STROKES, RESULT = "strokes", "phases from strokes, tile"
PAINTED = tuple(phase for phase in Phase if phase != Phase.OUTSIDE)


@dataclass(frozen=True, eq=False)
class Tile:
    """A part of the scans in memory, small enough to be painted on.

    Parameters
    ----------
    volumes : tuple of (n_z, n_y, n_x) array
        µ in cm^-1 of each scan.
    start : tuple of int
        First voxel along z, y and x.
    """

    volumes: tuple[NDArray[np.float32], ...]
    start: tuple[int, int, int]


class ScribbleWidget(Container):
    """Cut a tile at the viewer's place, paint phases on it, train, and apply.

    Strokes of several tiles add up; only the newest tile can be painted on.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer; a run must be open in it.
    """

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = napari_viewer
        self._session = session_of(napari_viewer)
        self._images = self._open()
        self.cut = PushButton(text="cut a tile here to paint on")
        self.phase = ComboBox(choices=[p.name.lower() for p in PAINTED], value="lithium", label="paint")
        self.train = PushButton(text="train and apply to the tile")
        self.everywhere = PushButton(text="apply to the whole volume")
        self.state = Label(value=f"scans: {', '.join(self._images)}")
        super().__init__(widgets=[self.cut, self.phase, self.train, self.everywhere, self.state])
        self.tile: Tile | None = None
        self.painter: Painter | None = None
        self._earlier: list[tuple[Tile, NDArray[np.uint8]]] = []
        self.cut.clicked.connect(self.cut_tile)
        self.phase.changed.connect(self._choose)
        self.train.clicked.connect(self.learn)
        self.everywhere.clicked.connect(self.apply_everywhere)

    def _open(self) -> dict[str, ImageGroup]:
        """The scans on the grid of the first, xenon if there is one."""
        folder = self._session.folder
        names = sorted((p.name.removesuffix(".ome.zarr") for p in folder.glob("[!.]*.ome.zarr")), reverse=True)
        images = {name: open_image(folder / f"{name}.ome.zarr") for name in names}
        if not images:
            raise ValueError(f"{folder} has no image to paint on; run it first")
        main = next(iter(images.values()))
        return {name: image for name, image in images.items() if image.shape == main.shape}

    @property
    def main(self) -> ImageGroup:
        """The image whose grid is painted on."""
        return next(iter(self._images.values()))

    def cut_tile(self) -> None:
        """Read a tile around the viewer's slice and the middle of what it shows, in a thread."""
        voxel = self.main.voxels_um[0]
        centre = [self._viewer.dims.point[0], *self._viewer.camera.center[-2:]]
        sizes = (TILE_ROWS, TILE_PX, TILE_PX)
        start = []
        for place_um, edge, size, n in zip(centre, voxel, sizes, self.main.shape, strict=True):
            start.append(int(np.clip(round(place_um / edge) - size // 2, 0, max(n - size, 0))))
        window = tuple(slice(s, s + size) for s, size in zip(start, sizes, strict=True))
        images = tuple(self._images.values())
        self.state.value = "reading ..."

        def _work() -> Tile:
            volumes = tuple(np.asarray(image.levels[0][window], np.float32) for image in images)
            return Tile(volumes, (start[0], start[1], start[2]))

        in_background(_work, done=self._show_tile, failed=self._failed)

    def _show_tile(self, tile: Tile) -> None:
        self._keep_strokes()
        for name in (STROKES, RESULT):
            if name in self._viewer.layers:
                self._viewer.layers.remove(name)
        self.tile = tile
        strokes = np.zeros(tile.volumes[0].shape, np.uint8)
        layer = self._viewer.add_labels(strokes, name=STROKES, **self._placed(tile))
        layer.metadata["xelith"] = {"kind": "strokes"}
        layer.brush_size = 6
        layer.mode = "paint"
        self._choose()
        self._viewer.layers.selection.active = layer
        self.state.value = f"tile of {strokes.shape} voxels at {tile.start}: paint at least two phases"

    def _placed(self, tile: Tile) -> dict[str, Any]:
        voxel = self.main.voxels_um[0]
        return {
            "scale": voxel,
            "translate": tuple(s * v for s, v in zip(tile.start, voxel, strict=True)),
            "units": (UNIT,) * 3,
            "axis_labels": ("z", "y", "x"),
            "colormap": phase_colours(),
        }

    def _choose(self) -> None:
        if STROKES in self._viewer.layers:
            self._viewer.layers[STROKES].selected_label = int(Phase[self.phase.value.upper()])

    def _strokes(self) -> NDArray[np.uint8] | None:
        if STROKES not in self._viewer.layers:
            return None
        painted = np.array(self._viewer.layers[STROKES].data, np.uint8)
        painted[painted == 0] = NOT_LABELLED  # napari's ground is "nothing here"
        return painted

    def _keep_strokes(self) -> None:
        strokes = self._strokes()
        if self.tile is not None and strokes is not None and (strokes != NOT_LABELLED).any():
            self._earlier.append((self.tile, strokes))

    def learn(self) -> None:
        """Learn from all strokes and label the tile, in a thread."""
        tile, strokes = self.tile, self._strokes()
        if tile is None or strokes is None:
            show_error(ValueError("there is no tile; cut one at the viewer's place, and paint on it"))
            return
        pairs = [*self._earlier, (tile, strokes)]
        self.state.value = "training ..."

        def _work() -> tuple[Painter, NDArray[np.uint8], float]:
            volumes = [np.concatenate([t.volumes[i] for t, _ in pairs]) for i in range(len(tile.volumes))]
            painter = learn_strokes(volumes, np.concatenate([s for _, s in pairs]))
            labels, confidence = paint(painter, tile.volumes)
            return painter, labels, float(confidence.mean())

        in_background(_work, done=self._learned, failed=self._failed)

    def _learned(self, answer: tuple[Painter, NDArray[np.uint8], float]) -> None:
        self.painter, labels, confidence = answer
        if RESULT in self._viewer.layers:
            self._viewer.layers[RESULT].data = labels
        elif self.tile is not None:
            layer = self._viewer.add_labels(labels, name=RESULT, opacity=0.5, **self._placed(self.tile))
            layer.metadata["xelith"] = {"kind": "labels"}
            self._viewer.layers.selection.active = self._viewer.layers[STROKES]
            self._viewer.layers.move(len(self._viewer.layers) - 1, self._viewer.layers.index(STROKES))
        names = ", ".join(Phase(int(p)).name.lower() for p in self.painter.phases)
        self.state.value = f"learnt {names}; mean confidence {confidence:.2f}"

    def apply_everywhere(self) -> None:
        """Label the whole volume block by block, in a thread, into `labels/painted` beside the phases."""
        painter = self.painter
        if painter is None:
            show_error(ValueError("nothing was learnt; train on a tile first"))
            return
        images = tuple(self._images.values())
        self.everywhere.enabled = False
        self.state.value = "labelling the whole volume ..."
        in_background(lambda: write_painted(painter, images), done=self._applied, failed=self._failed)

    def _applied(self, path: Path) -> None:
        self.everywhere.enabled = True
        if NAME in self._viewer.layers:
            self._viewer.layers.remove(NAME)
        data, options, _ = label_layer(open_image(path), NAME)
        self._viewer.add_labels(data, **options)
        self.state.value = f"written: {path}"

    def _failed(self) -> None:
        self.everywhere.enabled = True
        self.state.value = "not done"
