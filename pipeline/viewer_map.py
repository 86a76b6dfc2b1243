"""The maps read by a click: thickness and penetration of the column under the pointer."""

from typing import Any

import numpy as np
from magicgui.widgets import Container, Label, PushButton

from .quantities import number
from .viewer_session import session_of

MARK = "column"


class MapWidget(Container):
    """Click anywhere on the cell and read the maps at that column.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer; a run with a thickness map must be open in it.
    """

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = napari_viewer
        self.show_map = PushButton(text="show the thickness map")
        self.drape = PushButton(text="show it on the collector, in 3-D")
        self.reading = Label(value="click on the cell")
        super().__init__(widgets=[self.show_map, self.drape, self.reading])
        self.show_map.clicked.connect(self._flat)
        self.drape.clicked.connect(self._draped)
        if not self._maps():
            self.reading.value = "this run left no map"
        napari_viewer.mouse_drag_callbacks.append(self._clicked)

    def _maps(self, kind: str = "map") -> list[Any]:
        return [layer for layer in self._viewer.layers if layer.metadata.get("xelith", {}).get("kind") == kind]

    def _flat(self) -> None:
        self._viewer.dims.ndisplay = 2
        for layer in self._maps():
            layer.visible = layer.metadata["xelith"]["map"] == "thickness"

    def _draped(self) -> None:
        self._viewer.dims.ndisplay = 3
        for layer in self._maps("draped"):
            layer.visible = layer.metadata["xelith"]["map"] == "thickness"

    def _clicked(self, viewer: Any, event: Any) -> Any:
        """Read on release, unless the pointer was dragged to move the view."""
        moved = False
        yield
        while event.type == "mouse_move":
            moved = True
            yield
        if not moved and viewer.dims.ndisplay == 2:
            self.read(*viewer.cursor.position[-2:])

    def read(self, y_um: float, x_um: float) -> dict[str, float | None]:
        """Read every map at a place.

        Parameters
        ----------
        y_um, x_um : float
            Place in µm.

        Returns
        -------
        dict of str to float or None
            Map to value in µm; None where nothing was measured, or the place lies beside the map.
        """
        found: dict[str, float | None] = {}
        for layer in self._maps():
            y, x = (round(value) for value in layer.world_to_data((y_um, x_um)))
            inside = 0 <= y < layer.data.shape[0] and 0 <= x < layer.data.shape[1]
            value = float(layer.data[y, x]) if inside else float("nan")
            found[layer.metadata["xelith"]["map"]] = value if np.isfinite(value) else None
        texts = [f"{name} {'not measured' if v is None else number(v) + ' µm'}" for name, v in found.items()]
        if "penetration" not in found:
            deepest = session_of(self._viewer).results.get("penetration", {}).get("max_depth_um")
            texts.append("penetration not measured" if deepest is None else f"deepest anywhere {number(deepest)} µm")
        self.reading.value = f"x {x_um:.0f} µm, y {y_um:.0f} µm\n" + "\n".join(texts)
        self._mark(y_um, x_um)
        return found

    def _mark(self, y_um: float, x_um: float) -> None:
        if MARK in self._viewer.layers:
            self._viewer.layers[MARK].data = [(y_um, x_um)]
            return
        options: dict[str, Any] = {"size": 12, "symbol": "cross", "face_color": "white", "border_color": "black"}
        active = self._viewer.layers.selection.active
        self._viewer.add_points([(y_um, x_um)], name=MARK, units=("micrometer",) * 2, **options)
        self._viewer.layers.selection.active = active
