"""The viewer in real windows: a run opened, the axis moved, levels dragged, the map clicked; and very large volumes."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
import zarr

from xelith.materials.phases import COLOURS, Phase
from xelith.pipeline.quantities import quantity
from xelith.pipeline.store import create_image, open_level, plan_layout
from xelith.pipeline.viewer import import_napari, layers_of, napari_get_reader

pytestmark = [pytest.mark.display, pytest.mark.usefixtures("no_pictures")]
MANIFEST = Path(__file__).parents[2] / "pipeline" / "napari.yaml"
REQUIRED = os.environ.get("XELITH_REQUIRE", "").split(",")


def absent(reason):
    if "display" in REQUIRED:
        pytest.fail(f"{reason} (XELITH_REQUIRE names display)")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def display():
    """An X display of our own; Xvfb ends with its last window, because Qt ends the process whose display goes away."""
    pytest.importorskip("napari")
    if shutil.which("Xvfb") is None:
        absent("no Xvfb on the path")
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1600x1100x24", "+extension", "GLX", "-terminate"]
    server = subprocess.Popen(command, pass_fds=(write_end,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end) as told:
        number = told.readline().strip()
    if not number:
        absent("Xvfb opened no display")
    before = os.environ.get("DISPLAY")
    os.environ["DISPLAY"] = f":{number}"
    yield os.environ["DISPLAY"]
    from qtpy.QtWidgets import QApplication

    if QApplication.instance() is None and server.poll() is None:
        server.terminate()
        server.wait(10)
    if before is None:
        del os.environ["DISPLAY"]
    else:
        os.environ["DISPLAY"] = before


@pytest.fixture(scope="module")
def own_run(small_run, tmp_path_factory):
    """A copy of the small run that tests may change, with its configuration and raw scans."""
    folder = tmp_path_factory.mktemp("own") / "cell"
    shutil.copytree(small_run.parent, folder)
    owner = folder / "run" / ".xelith" / "owner.json"
    owner.write_text(json.dumps({"config": str(folder / "run.yaml")}))
    return folder / "run"


class Window:
    """A viewer and its tools, with the event loop turned by hand."""

    def __init__(self, folder: Path) -> None:
        from napari.utils.notifications import notification_manager
        from qtpy.QtWidgets import QApplication

        from xelith.pipeline.viewer import open_viewer

        self.folder = folder
        self.viewer = open_viewer(folder)
        self.app = QApplication.instance()
        self.viewer.window._qt_window.resize(1400, 1000)
        self.tools = dict(self.viewer.window.dock_widgets)
        self.notes = notification_manager.records
        self.wait(lambda: False, seconds=0.5)

    def wait(self, condition, seconds=30.0):
        until = time.monotonic() + seconds
        while time.monotonic() < until and not condition():
            self.app.processEvents()
            time.sleep(0.01)
        return condition()

    def only(self, *names):
        for layer in self.viewer.layers:
            layer.visible = layer.name in names
        self.wait(lambda: False, seconds=0.3)

    def picture(self):
        self.wait(lambda: False, seconds=0.3)
        return self.viewer.screenshot(canvas_only=True, flash=False)[..., :3]

    def pixel_of(self, y_um, x_um):
        """Where a point of the shown plane lies on the canvas."""
        canvas = self.viewer.window._qt_viewer.canvas
        height, width = canvas.size
        centre = self.viewer.camera.center[-2:]
        zoom = self.viewer.camera.zoom
        return width / 2 + (x_um - centre[1]) * zoom, height / 2 + (y_um - centre[0]) * zoom


@pytest.fixture(scope="module")
def window(display, own_run):
    window = Window(own_run)
    yield window
    window.viewer.close()


def test_a_run_opens_with_names_scale_and_unit(window):
    names = [layer.name for layer in window.viewer.layers]
    assert names[:2] == ["xenon µ (cm⁻¹)", "argon µ (cm⁻¹)"]
    assert {"phases", "truth", "thickness (µm)", "lithium fraction (1 = all)"} <= set(names)
    image = window.viewer.layers["xenon µ (cm⁻¹)"]
    assert image.multiscale and tuple(image.scale) == (2.0, 2.0, 2.0)
    assert [str(unit) for unit in image.units] == ["micrometer"] * 3
    assert window.viewer.scale_bar.visible
    assert list(window.tools)[:2] == ["Map", "Axis"]
    assert not [note for note in window.notes if str(note.severity) == "error"]


def test_labels_are_drawn_in_the_phases_colours_where_the_phases_are(window):
    window.only("phases")
    layer = window.viewer.layers["phases"]
    layer.opacity = 1.0
    labels = open_level(window.folder / "xenon.ome.zarr" / "labels" / "phases")[:]
    z = int(np.argmax((labels == Phase.LITHIUM).sum((1, 2))))
    window.viewer.dims.set_current_step(0, z)
    picture = window.picture()
    seen = {tuple(colour) for colour in picture.reshape(-1, 3)}
    for phase in (Phase.LITHIUM, Phase.CASING):
        assert tuple(bytes.fromhex(COLOURS[phase][1:])) in seen, phase
    x, y = window.pixel_of(2.0 * 100, 2.0 * 100)  # the middle of the cell
    ratio = picture.shape[1] / window.viewer.window._qt_viewer.canvas.size[1]
    middle = picture[int(y * ratio), int(x * ratio)]
    assert "#" + bytes(middle.tolist()).hex() == COLOURS[Phase(int(labels[z, 100, 100]))]
    layer.opacity = 0.7


def test_the_scale_bar_is_drawn(window):
    window.only()
    drawn = window.picture().astype(int)
    window.viewer.scale_bar.visible = False
    without = window.picture().astype(int)
    window.viewer.scale_bar.visible = True
    changed = np.argwhere(abs(drawn - without).max(axis=-1) > 60)
    assert len(changed) > 100  # bar and number
    assert (changed.mean(axis=0) / drawn.shape[:2] > 0.6).all()  # at the lower right


def test_the_axis_slider_moves_the_live_slice(window):
    axis = window.tools["Axis"]
    axis.row.value = 24
    found = window.viewer.layers
    centre = axis.centre.value
    axis.read()
    assert window.wait(lambda: "live slice (cm⁻¹)" in found and not axis._newest.is_busy)
    run = open_level(window.folder / "xenon.ome.zarr")[24]
    layer = found["live slice (cm⁻¹)"]
    # the slider stands on a twentieth of a pixel beside the run's axis: within the noise of 1 cm^-1
    assert np.nanstd(layer.data - run) < 0.5
    axis.centre.value = centre + 6
    assert window.wait(lambda: abs(layer.metadata["xelith"]["centre_px"] - centre - 6) < 0.06)
    assert np.nanstd(layer.data - run) > 1
    assert axis.sinogram._line.get_xdata()[0] == pytest.approx(centre + 6, abs=0.06)
    for place in np.linspace(centre - 5, centre, 20):  # faster than slices come: only the newest counts
        axis.centre.value = place
    assert window.wait(lambda: not axis._newest.is_busy and abs(layer.metadata["xelith"]["centre_px"] - centre) < 0.06)


def test_the_axis_is_found_and_the_slider_goes_there(window):
    axis = window.tools["Axis"]
    truth = json.loads((window.folder / "results.json").read_text())["scans"]["xenon"]["centre_px"]
    axis.centre.value = truth + 4
    axis._find()
    assert window.wait(lambda: "confidence" in axis.state.value, seconds=60)
    assert axis.centre.value == pytest.approx(truth, abs=0.5)  # from fewer rows than the run has, in strong noise


def test_the_axis_is_written_to_the_configuration(window):
    axis = window.tools["Axis"]
    axis.centre.value = 100.5
    axis._write()
    written = yaml.safe_load((window.folder.parent / "run.yaml").read_text())
    assert written["scans"]["xenon"]["centre_px"] == 100.5
    assert "written" in axis.state.value


def test_an_error_is_a_notification_and_the_window_lives_on(window):
    axis = window.tools["Axis"]
    axis.row.value = 5000
    before = len(window.notes)
    assert window.wait(lambda: not axis._newest.is_busy)
    axis.read()
    assert window.wait(lambda: len(window.notes) > before)
    assert "row is 5000, and scan xenon has rows 0 to 63; choose one of them" in str(window.notes[-1].message)
    assert axis.state.value == "could not be read"
    axis.row.value = 24


def test_a_step_is_shown_before_and_after(window):
    steps = window.tools["Steps"]
    steps.row.value = 24
    steps.step.value = "rings"
    steps.form["size"].value = 31
    steps.compare()
    assert window.wait(lambda: steps.state.value.startswith("std"))
    after, before = (window.viewer.layers[f"slice {word} the step (cm⁻¹)"].data for word in ("with", "without"))
    assert abs(after - before).max() > 0.01
    steps._write()
    written = yaml.safe_load((window.folder.parent / "run.yaml").read_text())
    assert {"step": "rings", "size": 31} in written["reconstruction"]


def test_every_step_has_a_form_that_makes_the_step(window):
    steps = window.tools["Steps"]
    assert {"rings", "phase", "deblur", "zingers"} <= set(steps._kinds)
    for name, kind in steps._kinds.items():
        steps.step.value = name
        fields = {field.name for field in steps.form}
        assert fields <= set(kind.model_fields)
        required = {key for key, about in kind.model_fields.items() if about.is_required() and key != "step"}
        assert required <= fields, name
        assert isinstance(steps.chosen(), kind)


def test_a_level_is_dragged_and_written(window):
    from matplotlib.backend_bases import MouseEvent

    widget = window.tools["Histogram"]
    assert window.wait(lambda: len(widget.levels) >= 3)
    lithium = next(level for level in widget.levels if level.phase == "lithium")
    for name, place in {"button_press_event": lithium.mu_per_cm, "motion_notify_event": 0.3}.items():
        x, y = widget.axes.transData.transform((place, widget.axes.get_ylim()[1] / 2))
        widget.canvas.callbacks.process(name, MouseEvent(name, widget.canvas, x, y, button=1))
    widget.canvas.callbacks.process("button_release_event", None)
    assert lithium.mu_per_cm == pytest.approx(0.3, abs=0.01)
    widget.write_levels()
    written = yaml.safe_load((window.folder.parent / "run.yaml").read_text())
    assert written["segmentation"]["levels"]["xenon"] == {"lithium": lithium.mu_per_cm}


def test_a_click_reads_the_map_there(window):
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest

    window.only("phases")
    window.viewer.layers.selection.active = window.viewer.layers["phases"]
    window.viewer.reset_view()
    window.wait(lambda: False, seconds=0.3)
    y_um, x_um = 220.0, 180.0
    x, y = window.pixel_of(y_um, x_um)
    canvas = window.viewer.window._qt_viewer.canvas.native
    QTest.mouseMove(canvas, QPoint(round(x), round(y)))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(round(x), round(y)))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(round(x), round(y)))
    reading = window.tools["Map"].reading
    assert window.wait(lambda: "thickness" in reading.value, seconds=5)
    place = window.viewer.layers["column"].data[0]
    assert place == pytest.approx((y_um, x_um), abs=3)  # a pixel of the screen is less than a voxel
    values = window.viewer.layers["thickness (µm)"].data
    value = float(values[tuple(np.round(place / 2).astype(int))])
    assert f"thickness {quantity(value)} µm" in reading.value
    assert "deepest anywhere" in reading.value or "penetration" in reading.value


def test_a_place_beside_the_map_is_not_measured(window):
    assert window.tools["Map"].read(-50.0, -50.0)["thickness"] is None
    assert "thickness not measured" in window.tools["Map"].reading.value


def test_strokes_train_and_label_the_tile_and_the_volume(window):
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest

    widget = window.tools["Scribbles"]
    truth = open_level(window.folder.parent / "truth.ome.zarr")[:]
    window.only("xenon µ (cm⁻¹)", "strokes")
    window.viewer.reset_view()
    window.viewer.dims.set_current_step(0, 24)
    before = len(window.notes)
    widget.learn()
    assert "there is no tile; cut one" in str(window.notes[before].message)
    widget.cut_tile()
    assert window.wait(lambda: "strokes" in window.viewer.layers)
    strokes, start = window.viewer.layers["strokes"], np.array(widget.tile.start)
    assert tuple(strokes.translate) == tuple(2.0 * start)
    # a stroke with the mouse, on a real window
    widget.phase.value = "lithium"
    canvas = window.viewer.window._qt_viewer.canvas.native
    x, y = (round(v) for v in window.pixel_of(2.0 * 100, 2.0 * 100))
    none = Qt.KeyboardModifier.NoModifier
    window.wait(lambda: False, seconds=0.3)
    QTest.mouseMove(canvas, QPoint(x - 15, y))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, none, QPoint(x - 15, y))
    for step in range(-14, 16, 4):
        QTest.mouseMove(canvas, QPoint(x + step, y))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, none, QPoint(x + 15, y))
    window.wait(lambda: False, seconds=0.3)
    assert (np.asarray(strokes.data) == Phase.LITHIUM).sum() >= 8
    # the rest of the strokes by the layer's own brush: where the truth has each phase
    window_ = tuple(slice(s, s + n) for s, n in zip(start, strokes.data.shape, strict=True))
    for phase in (Phase.LITHIUM, Phase.CASING):
        for place in np.argwhere(truth[window_] == phase)[:: max(1, int((truth[window_] == phase).sum() // 12))]:
            strokes.brush_size = 3
            strokes.paint(tuple(place), int(phase))
    widget.learn()
    assert window.wait(lambda: widget.painter is not None)
    result = np.asarray(window.viewer.layers["phases from strokes, tile"].data)
    inner = (truth[window_] == Phase.LITHIUM) | (truth[window_] == Phase.CASING)
    assert (result == truth[window_])[inner].mean() > 0.8  # by smoothed grey values alone, in strong noise
    widget.apply_everywhere()
    assert window.wait(lambda: "painted" in window.viewer.layers, seconds=60)
    whole = open_level(window.folder / "xenon.ome.zarr" / "labels" / "painted")
    assert set(np.unique(whole[:])) <= {Phase.LITHIUM, Phase.CASING}
    for name in ("strokes", "phases from strokes, tile", "painted"):
        window.viewer.layers.remove(name)


def test_slices_move_together_and_the_cut_hides(window):
    space = window.tools["Cut"]
    space.open_slices()
    window.viewer.dims.set_current_step(1, 40)
    window.viewer.dims.set_current_step(2, 70)
    window.wait(lambda: False, seconds=0.3)
    for model, order in zip(space.side.models, ((1, 0, 2), (2, 0, 1)), strict=True):
        assert tuple(model.dims.order) == order
        assert tuple(model.dims.point) == tuple(window.viewer.dims.point)
    space.axis.value, space.depth.value = "x", 0.5
    plane = window.viewer.layers["phases"].experimental_clipping_planes[0]
    assert plane.enabled and tuple(plane.normal) == (0.0, 0.0, 1.0)
    assert plane.position[2] == pytest.approx(99.5, abs=0.6)
    space.depth.value = 0.0


def test_numbers_in_viewer_report_and_json_agree(window):
    results = json.loads((window.folder / "results.json").read_text())
    page = (window.folder / "report.html").read_text(encoding="utf8")
    shown = window.tools["Run"].balance.value
    balance, charge = results["balance"], results["coulometry"]
    for value, std, key in (
        (balance["measured_um"], balance["measured_um_std"], "balance.measured_um"),
        (charge["expected_thickness_um"], charge["expected_thickness_um_std"], "coulometry.expected_thickness_um"),
    ):
        text = quantity(value, std, "µm")
        assert text in shown
        cell = page.partition(f'data-key="{key}">')[2].partition("<")[0]
        assert cell.strip() == quantity(value, std)
    mapped = window.viewer.layers["thickness (µm)"].data
    # the map holds float32, and its bare columns count as zero
    assert np.nanmean(mapped) == pytest.approx(results["deposit"]["mean_thickness_um"], rel=1e-4)


def test_run_from_here_does_what_changed(window):
    run = window.tools["Run"]
    config = window.folder.parent / "run.yaml"
    text = yaml.safe_load(config.read_text())
    text["scans"]["xenon"].pop("centre_px", None)
    text["segmentation"] = {"levels": {"xenon": {"lithium": 0.4}}}
    text.pop("reconstruction", None)
    config.write_text(yaml.safe_dump(text))
    run.run()
    assert not run.start.enabled
    assert window.wait(lambda: run.start.enabled, seconds=120)
    assert run.state.value == "done"
    results = json.loads((window.folder / "results.json").read_text())
    assert results["report"]["found_mu"]["xenon"]["lithium"] == 0.4
    assert any("levels given by hand, in cm⁻¹: lithium in xenon 0.4" in note for note in results["report"]["notes"])
    assert "phases" in window.viewer.layers


LARGE = """
import json, sys, time
from pathlib import Path
import napari, napari.qt
from xelith.pipeline import viewer
import dask.array, matplotlib
napari.Viewer(show=False).close()
read = []
import zarr
original = zarr.Array.__getitem__
def counted(self, selection):
    found = original(self, selection)
    read.append(found.nbytes)
    return found
zarr.Array.__getitem__ = counted
start = time.perf_counter()
window = viewer.open_viewer(Path(sys.argv[1]))
from qtpy.QtWidgets import QApplication
QApplication.instance().processEvents()
picture = window.screenshot(canvas_only=True, flash=False)
seconds = time.perf_counter() - start
status = Path("/proc/self/status").read_text()  # rusage would count the process that started this one
peak = int(status.partition("VmHWM:")[2].split()[0]) / 2**20
layer = window.layers[0]
print(json.dumps({"seconds": seconds, "peak_gib": peak, "read_bytes": sum(read), "lit": int(picture[..., :3].max()),
                  "nbytes": int(layer.data[0].size) * 4, "levels": len(layer.data)}))
window.close()
"""


def test_a_volume_of_40_gb_opens_without_being_read(display, tmp_path, record_property):
    layout = plan_layout((2304, 2176, 2176), voxel_um=0.54)
    path = tmp_path / "xenon.ome.zarr"
    create_image(path, layout, name="xenon", attributes={})
    group = zarr.open_group(path, mode="r+")
    for level, array in sorted(group.arrays()):
        z = array.shape[0] // 2
        array[z : z + 1, :64, :64] = 1.0 + int(level)  # the rest is sparse
    found = subprocess.run([sys.executable, "-c", LARGE, str(path)], capture_output=True, text=True, timeout=300)
    facts = json.loads(found.stdout.strip().splitlines()[-1])
    record_property("large_volume", facts)
    assert facts["nbytes"] > 40e9 and facts["levels"] == 5
    assert facts["lit"] > 50  # something was drawn
    assert facts["read_bytes"] < 100e6  # one slice of a coarse level, and thumbnails
    assert facts["peak_gib"] < 1
    assert facts["seconds"] < 5 * max(1.0, os.getloadavg()[0] / 2)  # 5 s on two cores that are free


def test_the_manifest_names_what_is_there():
    from importlib import import_module

    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(MANIFEST)
    for command in manifest.contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(import_module(module), name))
    assert [widget.display_name for widget in manifest.contributions.widgets][:2] == ["Map", "Axis"]
    assert manifest.contributions.readers[0].accepts_directories


def test_the_reader_takes_our_own_and_leaves_the_rest(small_run, tmp_path):
    assert napari_get_reader(str(tmp_path)) is None
    assert napari_get_reader([str(small_run)]) is None
    for part in (small_run, small_run / "xenon.ome.zarr", small_run / "thickness.tif"):
        layers = napari_get_reader(str(part))(str(part))
        assert layers and all(len(layer) == 3 for layer in layers)


def test_raw_projections_open_view_by_view(small_run):
    ((data, options, kind),) = layers_of(small_run.parent / "xenon.h5")
    assert kind == "image" and data.shape == (150, 64, 200)
    assert options["axis_labels"] == ("view", "row", "column")
    assert data[3].compute().max() > 0


def test_what_cannot_be_shown_says_why(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="give a run folder, an image in it, or a raw scan"):
        layers_of(tmp_path / "nothing")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OSError, match="no display to open a window on"):
        import_napari()
    monkeypatch.setitem(sys.modules, "napari", None)
    with pytest.raises(ImportError, match=r"pip install 'xelith\[viewer\]'"):
        import_napari()
