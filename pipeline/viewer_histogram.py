"""The grey values of a run with the µ of its phases, movable, and back into the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QComboBox, QLabel, QPushButton, QVBoxLayout, QWidget

from ..materials.phases import COLOURS, Phase
from .charts import name_levels, phase_shares
from .config_edit import set_in_file
from .figures import INK, MU_LABEL
from .image_group import open_image, open_labels
from .overview import Sample, draw_sample
from .quantities import is_number
from .report_facts import scan_gas
from .summary import section
from .viewer_layers import grey_window
from .viewer_session import session_of
from .viewer_working import in_background, show_error

BINS = 160
NEAR = 0.03
SOFT = ("void", "lithium", "carbon", "casing")


@dataclass
class Level:
    """The µ that a phase reads, as a line that can be moved.

    Parameters
    ----------
    phase : str
        Its name.
    mu_per_cm : float
        Where the line stands, in cm^-1.
    found_per_cm : float
        Where the run put it, in cm^-1.
    """

    phase: str
    mu_per_cm: float
    found_per_cm: float

    @property
    def is_moved(self) -> bool:
        """Whether a user has moved it."""
        return self.mu_per_cm != self.found_per_cm


class HistogramWidget(QWidget):
    """Histogram of a scan with a line for each phase's µ; thresholds lie halfway between the lines.

    Drag a line, and write it to the configuration as segmentation.levels; the next run uses it.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer; a run must be open in it.
    """

    def __init__(self, napari_viewer: Any) -> None:
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
        from matplotlib.figure import Figure

        super().__init__()
        self._session = session_of(napari_viewer)
        self.scan = QComboBox()
        self.scan.addItems([p.name.removesuffix(".ome.zarr") for p in sorted(self._session.folder.glob("*.ome.zarr"))])
        self.scan.setCurrentText("xenon")
        self.canvas = FigureCanvasQTAgg(Figure(figsize=(4.5, 3.4), layout="constrained"))
        self.axes = self.canvas.figure.add_subplot()
        self.state = QLabel("reading voxels ...")
        self.state.setWordWrap(True)
        self.write = QPushButton("write the moved lines to the configuration")
        layout = QVBoxLayout(self)
        for widget in (self.scan, self.canvas, self.state, self.write):
            layout.addWidget(widget)
        self.levels: list[Level] = []
        self._held: Level | None = None
        self._sample: Sample | None = None
        self.scan.currentTextChanged.connect(lambda _: self.read())
        self.write.clicked.connect(self.write_levels)
        self.canvas.mpl_connect("button_press_event", self._press)
        self.canvas.mpl_connect("motion_notify_event", self._move)
        self.canvas.mpl_connect("button_release_event", self._release)
        self.read()

    def read(self) -> None:
        """Draw voxels of the chosen scan, in a thread, and draw their histogram."""
        path = self._session.image(self.scan.currentText())

        def _work() -> tuple[Sample, tuple[float, float]]:
            image = open_image(path)
            tables = section(self._session.results, "report", "expected_mu")
            labels = next(filter(None, map(open_labels, (path, self._session.image("xenon")))), None)
            return draw_sample(image, labels), grey_window(image, tables)

        in_background(_work, done=self._ready)

    def _ready(self, answer: tuple[Sample, tuple[float, float]]) -> None:
        self._sample, self._limits = answer
        self.levels = known_levels(self._session.results, self.gas)
        self.draw()

    @property
    def gas(self) -> str:
        """The gas of the chosen scan."""
        return scan_gas(self._session.results, self._session.config.model_dump(mode="json"), self.scan.currentText())

    def draw(self) -> None:
        """Draw histogram, lines and thresholds anew."""
        if self._sample is None:
            return
        self.axes.clear()
        for name, colour, edges, share in phase_shares(self._sample, self._limits, bins=BINS):
            self.axes.stairs(share, edges, fill=True, color=colour, alpha=0.7, label=name)
        names = name_levels([level.mu_per_cm for level in self.levels], self._limits, width=0.08)
        for level, place in zip(self.levels, names, strict=True):
            colour = COLOURS[Phase[level.phase.upper()]]
            style = "-" if level.is_moved else "--"
            self.axes.axvline(level.mu_per_cm, color=INK, linewidth=2.4)
            self.axes.axvline(level.mu_per_cm, color=colour, linestyle=style, linewidth=1.6)
            self.axes.annotate(
                f"{level.phase} {level.mu_per_cm:.3g}", (level.mu_per_cm, 0.98 - 0.3 * place),
                xycoords=("data", "axes fraction"), rotation=90, va="top", ha="right", fontsize=8,
            )  # fmt: skip
        for threshold in thresholds(self.levels):
            self.axes.axvline(threshold, color=INK, linestyle=":", linewidth=1)
        self.axes.set(xlabel=MU_LABEL, ylabel="share of voxels (%)", xlim=self._limits)
        self.canvas.draw_idle()
        halfway = ", ".join(f"{t:.3g}" for t in thresholds(self.levels))
        self.state.setText(f"{self.scan.currentText()}: drag a line; thresholds at {halfway or 'none'} cm⁻¹")

    def _press(self, event: Any) -> None:
        if event.xdata is None or not self.levels:
            return
        nearest = min(self.levels, key=lambda level: abs(level.mu_per_cm - event.xdata))
        reach = NEAR * (self._limits[1] - self._limits[0])
        self._held = nearest if abs(nearest.mu_per_cm - event.xdata) < reach else None

    def _move(self, event: Any) -> None:
        if self._held is not None and event.xdata is not None:
            self._held.mu_per_cm = round(float(event.xdata), 4)
            self.levels.sort(key=lambda level: level.mu_per_cm)
            self.draw()

    def _release(self, event: Any) -> None:
        self._held = None
        self.levels.sort(key=lambda level: level.mu_per_cm)
        self.draw()

    def write_levels(self) -> None:
        """Write the lines that were moved to segmentation.levels of the run's configuration."""
        moved = [level for level in self.levels if level.is_moved]
        try:
            for level in moved:
                keys = ("segmentation", "levels", self.gas, level.phase)
                set_in_file(self._session.config_path, keys, level.mu_per_cm)
        except (ValueError, OSError) as error:
            show_error(error)
            return
        names = ", ".join(f"{level.phase} {level.mu_per_cm:g} cm⁻¹" for level in moved)
        self.state.setText(f"written: {names}; run from here to use it" if moved else "no line was moved")


def known_levels(results: Mapping[str, Any], gas: str) -> list[Level]:
    """Return the lines of a scan: what each light phase was found to read, or is expected to.

    Parameters
    ----------
    results : mapping
        Content of results.json.
    gas : str
        The gas of the scan.

    Returns
    -------
    list of Level
        Void, lithium, carbon and casing, as far as known, by growing µ.
    """
    found = section(dict(results), "report", "found_mu", gas)
    expected = section(dict(results), "report", "expected_mu", gas)
    levels = []
    for phase in SOFT:
        mu = found.get(phase, (expected.get(phase) or {}).get("mu_per_cm"))
        if is_number(mu):
            levels.append(Level(phase, float(mu), float(mu)))
    return sorted(levels, key=lambda level: level.mu_per_cm)


def thresholds(levels: list[Level]) -> NDArray[np.float64]:
    """Return where one phase gives way to the next.

    Parameters
    ----------
    levels : list of Level
        Lines, in any order.

    Returns
    -------
    (n - 1,) array
        Halfway between neighbours, in cm^-1; the casing is told by its place and has none.
    """
    places = np.sort([level.mu_per_cm for level in levels if level.phase != "casing"])
    return (places[1:] + places[:-1]) / 2
