"""Space around a volume: three slices that move together, and a cut into the volume in three dimensions."""

from typing import Any

from magicgui.widgets import ComboBox, Container, FloatSlider, Label, PushButton
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSplitter

AXES = "zyx"
SHOWN = ("image", "labels", "fraction", "difference")


class SpaceWidget(Container):
    """Cut the volume along an axis in 3-D, and open slices across y and x beside the one across z.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = napari_viewer
        self.axis = ComboBox(choices=list(AXES), value="y", label="cut across")
        self.depth = FloatSlider(min=0, max=1, step=0.01, value=0.0, label="cut away (share)")
        self.beside = PushButton(text="slices across y and x")
        self.state = Label(value="the cut shows in 3-D")
        super().__init__(widgets=[self.axis, self.depth, self.beside, self.state])
        self.side: OrthogonalSlices | None = None
        self.axis.changed.connect(self.cut)
        self.depth.changed.connect(self.cut)
        self.beside.clicked.connect(self.open_slices)

    def cut(self) -> None:
        """Hide what lies before a plane, on every image and label of the viewer."""
        place = AXES.index(self.axis.value)
        normal = [0.0, 0.0, 0.0]
        normal[place] = 1.0
        for layer in self._viewer.layers:
            if layer.ndim != 3 or layer.metadata.get("xelith", {}).get("kind") not in SHOWN:
                continue
            low, high = layer.extent.data[:, place]
            position = [0.0, 0.0, 0.0]
            position[place] = float(low + self.depth.value * (high - low))
            plane = {"position": tuple(position), "normal": tuple(normal), "enabled": self.depth.value > 0}
            layer.experimental_clipping_planes = [plane]
        self.state.value = f"{100 * self.depth.value:.0f} % cut away across {self.axis.value}"

    def open_slices(self) -> None:
        """Open the two other slices in a dock; they move with the first."""
        if self.side is None:
            self.side = OrthogonalSlices(self._viewer)
            self._viewer.window.add_dock_widget(self.side, name="slices across y and x", area="right", tabify=False)


class OrthogonalSlices(QSplitter):
    """Two more views of the same layers, cut across y and across x at the same point.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer whose layers and whose point are shown.
    """

    def __init__(self, viewer: Any) -> None:
        from napari.components.viewer_model import ViewerModel
        from napari.qt import QtViewer

        super().__init__(Qt.Orientation.Vertical)
        self.setMinimumHeight(420)
        self.models = [ViewerModel(title=f"across {axis}", axis_labels=tuple(AXES)) for axis in "yx"]
        for model, order in zip(self.models, ((1, 0, 2), (2, 0, 1)), strict=True):
            view = QtViewer(model)
            view.dims.hide()
            self.addWidget(view)
            for layer in viewer.layers:
                if layer.ndim == 3 and layer.metadata.get("xelith", {}).get("kind") in SHOWN:
                    data, state, kind = layer.as_layer_data_tuple()
                    model._add_layer_from_data(data, state, kind)
            model.dims.order = order
            model.scale_bar.visible = True
            model.reset_view()
            model.dims.events.point.connect(lambda event, m=model: self._follow(m.dims, viewer.dims))
            viewer.dims.events.point.connect(lambda event, m=model: self._follow(viewer.dims, m.dims))
            for layer in viewer.layers:
                if layer.name in model.layers:
                    layer.events.visible.connect(lambda event, m=model: self._mirror(event.source, m))
            self._follow(viewer.dims, model.dims)

    @staticmethod
    def _follow(leader: Any, follower: Any) -> None:
        if leader.ndim == follower.ndim == 3 and tuple(follower.point) != tuple(leader.point):
            follower.point = leader.point

    @staticmethod
    def _mirror(layer: Any, model: Any) -> None:
        if layer.name in model.layers:
            model.layers[layer.name].visible = layer.visible
