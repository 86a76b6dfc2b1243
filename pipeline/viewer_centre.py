"""The rotation axis by hand: a slider, and the slice as it would be."""

import time
from typing import Any

from magicgui.widgets import ComboBox, Container, FloatSlider, Label, PushButton, SpinBox

from .config_edit import set_in_file
from .live_slice import LiveSlice, read_slice
from .viewer_layers import UNIT
from .viewer_session import session_of, shown
from .viewer_sinogram import SinogramPicture
from .viewer_working import Newest, in_background, show_error

REACH_PX = 12.0
STEP_PX = 0.05
SLICE = "live slice (cm⁻¹)"


class CentreWidget(Container):
    """Move the axis and see the slice: reconstructed from the raw projections, in a thread.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer; a run must be open in it.
    """

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = napari_viewer
        self._session = session_of(napari_viewer)
        config = self._session.config
        raw = [name for name, entry in config.scans.items() if entry.path is not None]
        if not raw:
            raise ValueError("this run has no raw projections; its axis was chosen where it was reconstructed")
        first = "xenon" if "xenon" in raw else raw[0]
        self.scan = ComboBox(choices=raw, value=first, label="scan")
        self.row = SpinBox(min=0, max=10**5, label="detector row")
        self.centre = FloatSlider(min=0, max=1, step=STEP_PX, label="axis (px)", tracking=True)
        self.load = PushButton(text="read this row")
        self.find = PushButton(text="find the axis")
        self.write = PushButton(text="write centre_px to the configuration")
        self.state = Label(value="read a row first")
        super().__init__(widgets=[self.scan, self.row, self.load, self.centre, self.find, self.write, self.state])
        self.sinogram = SinogramPicture()
        self.native.layout().addWidget(self.sinogram.canvas)
        self._slice: LiveSlice | None = None
        self.seconds: float | None = None
        self._newest = Newest(self._timed, self._show)
        self._adopt()
        self.scan.changed.connect(self._adopt)
        self.load.clicked.connect(self.read)
        self.find.clicked.connect(self._find)
        self.write.clicked.connect(self._write)
        self.centre.changed.connect(self._ask)

    def _adopt(self) -> None:
        """Start from the axis and the middle row of the run."""
        facts = self._session.results.get("scans", {}).get(self.scan.value, {})
        shape = facts.get("shape") or [2, 2, 2]
        self.row.value = int(shape[0]) // 2
        centre = float(facts.get("centre_px") or (shape[2] - 1) / 2)
        self.centre.min, self.centre.max = centre - 10 * REACH_PX, centre + 10 * REACH_PX  # never min above max
        self.centre.value = centre
        self.centre.min, self.centre.max = max(centre - REACH_PX, 0.0), centre + REACH_PX
        self._slice = None

    def read(self) -> None:
        """Read the row and its sinogram, and show the slice at the slider's axis."""
        config, scan, row = self._session.config, self.scan.value, int(self.row.value)
        self.state.value = f"reading row {row} of {scan} ..."
        in_background(lambda: read_slice(config, scan, row).prepared(), done=self._ready, failed=self._failed)

    def _failed(self) -> None:
        self.state.value = "could not be read"

    def _ready(self, slice_: LiveSlice) -> None:
        self._slice = slice_
        n_cols = slice_.sinogram.shape[1]
        last = slice_.selection.full_px(n_cols - 1.0)
        self.centre.max = min(self.centre.max, last)
        self.sinogram.show(slice_)
        self._ask()

    def _ask(self) -> None:
        if self._slice is not None:
            self._newest.ask(self._slice, float(self.centre.value))

    @staticmethod
    def _timed(slice_: LiveSlice, centre_px: float) -> tuple[Any, LiveSlice, float, float]:
        start = time.perf_counter()
        return slice_.at(centre_px), slice_, centre_px, time.perf_counter() - start

    def _show(self, answer: tuple[Any, LiveSlice, float, float]) -> None:
        image, slice_, centre_px, self.seconds = answer
        voxel = slice_.voxel_um
        like = f"{self.scan.value} µ (cm⁻¹)"
        limits = self._viewer.layers[like].contrast_limits if like in self._viewer.layers else None
        options: dict[str, Any] = {"colormap": "gray", "scale": (voxel, voxel), "units": (UNIT, UNIT)}
        if limits is not None:
            options["contrast_limits"] = limits
        layer = shown(self._viewer, SLICE, image, **options)
        layer.metadata["xelith"] = {"kind": "live", "centre_px": centre_px, "row": slice_.row}
        self.sinogram.mark(centre_px)
        self.state.value = f"row {slice_.row}, axis at {centre_px:.2f} px, {1e3 * self.seconds:.0f} ms"

    def _find(self) -> None:
        from .looking import find_scan_centre

        entry = self._session.config.scans[self.scan.value]
        path = entry.path
        if path is None:
            return
        hints = {name: value for name, value in entry.hints().items() if name != "centre_px"}
        self.state.value = "looking for the axis ..."
        in_background(lambda: find_scan_centre(path, hints)[0], done=self._found, failed=self._failed)

    def _found(self, found: dict[str, Any]) -> None:
        centre = float(found["centre_px"])
        self.centre.max, self.centre.min = max(self.centre.max, centre), min(self.centre.min, centre)
        self.centre.value = centre
        self.state.value = f"axis at {centre:.2f} px, {found['verdict']} (confidence {found['confidence']:.2f})"

    def _write(self) -> None:
        keys, value = ("scans", self.scan.value, "centre_px"), round(float(self.centre.value), 3)
        try:
            set_in_file(self._session.config_path, keys, value)
        except (ValueError, OSError) as error:
            show_error(error)
            return
        self.state.value = f"{'.'.join(keys)}: {value} written; run from here to use it"
