"""A run folder as a run leaves it, small and made by hand, and a browser to open its report in."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import yaml
import zarr

SHAPE = (30, 48, 48)
VOXEL_UM = 2.0
MU_PER_CM = {
    "argon": {"void": 0.021, "lithium": 0.106, "carbon": 1.15, "electrolyte": 15.7, "casing": 0.89},
    "xenon": {"void": 1.27, "lithium": 0.106, "carbon": 1.15, "electrolyte": 15.7, "casing": 0.89},
}
NUMBERS = {"outside": 0, "void": 1, "lithium": 2, "carbon": 3, "electrolyte": 4, "collector": 5, "casing": 6}


def cell_labels() -> np.ndarray:
    """A cell in a tube: collector, lithium with a rough face, carbon, electrolyte with a void."""
    rng = np.random.default_rng(7)
    z, y, x = np.indices(SHAPE)
    radius = np.hypot(y - 23.5, x - 23.5)
    film = 5 + 1.5 * np.sin(x[0] / 6.0) + rng.normal(0, 0.5, SHAPE[1:])
    film[(x[0] - 33) ** 2 + (y[0] - 18) ** 2 < 9] = 0  # a bare spot
    labels = np.full(SHAPE, NUMBERS["electrolyte"], np.uint8)
    labels[z < 15] = NUMBERS["carbon"]
    labels[z < 4 + film] = NUMBERS["lithium"]
    labels[z < 4] = NUMBERS["collector"]
    labels[(z - 22) ** 2 + (y - 30) ** 2 + (x - 20) ** 2 < 12] = NUMBERS["void"]
    labels[radius > 19] = NUMBERS["casing"]
    labels[radius > 23] = NUMBERS["outside"]
    return labels


def cell_mu(labels: np.ndarray, gas: str) -> np.ndarray:
    """µ of the cell in cm^-1 with noise of 0.3, float32."""
    table = np.zeros(256, np.float32)
    for name, mu in (MU_PER_CM[gas] | {"collector": 60.0}).items():
        table[NUMBERS[name]] = mu
    noise = np.random.default_rng(len(gas)).normal(0, 0.3, labels.shape)
    return (table[labels] + noise).astype(np.float32)


def write_image(path: Path, levels: list[np.ndarray], *, voxel_um: float = VOXEL_UM) -> None:
    """Write an OME-Zarr 0.5 group with the given levels, each half as fine as the one before."""
    group = zarr.open_group(str(path), mode="w")
    datasets: list[dict[str, Any]] = []
    for index, level in enumerate(levels):
        group.create_array(str(index), data=level, chunks=(8, 24, 24))
        scale = [voxel_um * 2**index] * 3
        shift = [voxel_um * (2**index - 1) / 2] * 3
        transforms = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]
        datasets.append({"path": str(index), "coordinateTransformations": transforms})
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": datasets, "name": path.name}],
    }


def halved(volume: np.ndarray) -> np.ndarray:
    """Mean over blocks of 2 x 2 x 2."""
    nz, ny, nx = (n // 2 for n in volume.shape)
    return volume.reshape(nz, 2, ny, 2, nx, 2).mean((1, 3, 5)).astype(volume.dtype)


def run_results() -> dict[str, Any]:
    """Content of results.json with every section filled."""
    scan = {"path": "cell7.h5", "sha256": "ab12" * 16, "voxel_um": 2.0, "centre_px": 23.5}
    scan |= {"centre_verdict": "resolved", "noise_per_cm": 0.302}
    expected = {
        gas: {
            name: {"mu_per_cm": mu, "low": 0.95 * mu, "high": 1.05 * mu} for name, mu in values.items()
        }
        for gas, values in MU_PER_CM.items()
    }  # fmt: skip
    return {
        "schema": "xelith.results/1",
        "scans": {"argon": dict(scan), "xenon": scan | {"path": "cell7_xe.h5"}},
        "registration": {"shift_um": [0.1, -0.2, 0.05], "rotation_deg": 0.02, "residual_um": 0.15},
        "deposit": {
            "area_cm2": 0.0001, "area_in_view_cm2": 4.5e-5,
            "mean_thickness_um": 9.83, "mean_thickness_um_std": 0.42, "median_um": 10.0, "p05_um": 6.0,
            "p95_um": 14.0, "coverage": 0.975, "sq_um": 2.31, "uniformity_cv": 0.22,
        },
        "penetration": {
            "max_depth_um": None, "volume_um3": None, "electrolyte_crossed": 0.0,
            "narrowest_ligament_um": None, "isolated_volume_um3": None,
        },
        "coulometry": {
            "charge_mah": 9.2e-5, "areal_capacity_mah_per_cm2": 2.05,
            "expected_thickness_um": 9.94, "expected_thickness_um_std": 0.11,
        },
        "balance": {
            "film_um": 9.83, "film_um_std": 0.42, "in_electrolyte_um": 0.12, "in_electrolyte_um_std": 0.3,
            "mixed_zone_um": None, "in_carbon_um": None, "isolated_um": [0.0, 0.4], "measured_um": 9.95,
            "measured_um_std": 0.52, "missing": ["mixed_zone_um", "in_carbon_um"], "closure": 1.001,
            "verdict": "consistent", "finding": "film",
        },
        "truth": {"mean_thickness_um": 9.9, "volume_um3": 44570.0, "in_electrolyte_um": 0.0},
        "provenance": {"version": "0.1.0", "config_sha256": "cd34" * 16, "started": "2026-01-05T10:00:00",
            "seconds": 71.2},
        "report": {
            "expected_mu": expected,
            "found_mu": {"xenon": {"lithium": 0.112, "carbon": 1.147}},
            "separability": [
                {"first": "void", "second": "lithium", "scans": ["argon", "xenon"],
                 "contrast_per_cm": [0.09, -1.16], "d_prime": 11.4, "verdict": "separable"},
            ],
            "calibration": {"xenon": "calibrated"},
            "notes": ["Void and carbon look alike in xenon."],
            "quality": {"argon": {"repaired_pixels": 12, "mean_transmission": 0.41}},
            "timings": {"reconstruction_s": 21.5, "segmentation_s": 3.25},
        },
    }  # fmt: skip


def build_run(
    folder: Path,
    *,
    results: Any = None,
    scans: tuple[str, ...] = ("argon", "xenon"),
    thickness: bool = True,
) -> Path:
    """Fill a new folder with what a run leaves; labels and lithium stand beside the last scan."""
    folder.mkdir()
    labels = cell_labels()
    for gas in scans:
        mu = cell_mu(labels, gas if gas in MU_PER_CM else "xenon")
        write_image(folder / f"{gas}.ome.zarr", [mu, halved(mu)])
    if scans:
        beside = folder / f"{scans[-1]}.ome.zarr"
        write_image(beside / "labels" / "phases", [labels])
        write_image(beside / "fractions" / "lithium", [(labels == NUMBERS["lithium"]).astype(np.float32)])
    if thickness:
        map_um = VOXEL_UM * (labels == NUMBERS["lithium"]).sum(0).astype(np.float32)
        map_um[(labels[10] == NUMBERS["casing"]) | (labels[10] == NUMBERS["outside"])] = np.nan
        tags: dict[str, Any] = {"resolution": (1 / VOXEL_UM, 1 / VOXEL_UM), "metadata": {"unit": "um"}}
        tifffile.imwrite(folder / "thickness.tif", map_um, imagej=True, **tags)
    content = run_results() if results is None else results
    (folder / "results.json").write_text(json.dumps(content), encoding="utf8")
    config = {"sample": "process 3, cell 7", "scans": {gas: {"path": f"{gas}.h5"} for gas in scans}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf8")
    return folder


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a run folder; its options change or leave out parts."""
    return lambda **options: build_run(tmp_path / "run", **options)


@pytest.fixture(scope="session")
def reported_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run folder with its report, drawn once: for tests that only read it."""
    from xelith.pipeline.report import write_report

    folder = build_run(tmp_path_factory.mktemp("reported") / "run")
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def no_pictures() -> Iterator[None]:
    """Runs of a file leave all but their pictures, which take half the time of a small run."""
    from xelith.pipeline.report_pictures import Picture

    def pictures(run: Any) -> dict[str, Any]:
        empty: dict[str, Any] = {name: [] for name in ("thickness", "depth", "attenuation", "scans", "charts")}
        return {"balance": Picture("", 1, 1, "", ""), **empty}

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("xelith.pipeline.report._pictures", pictures)
        patched.setattr("xelith.pipeline.outputs._write_figures", lambda *arguments: None)
        yield


@pytest.fixture
def run_dir(make_run: Callable[..., Path]) -> Path:
    """A complete run folder: two gases, labels, thickness map, every number."""
    return make_run()


class Browser:
    """Headless Chromium, spoken to over its DevTools pipe, with every request and complaint written down."""

    FLAGS = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --disable-dev-shm-usage --remote-debugging-pipe"
    )

    def __init__(self, program: str, profile: Path) -> None:
        read_end, self._to = os.pipe()
        self._from, write_end = os.pipe()
        command = f'exec "$0" {self.FLAGS} --user-data-dir="$1" about:blank 3<&{read_end} 4>&{write_end}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, program, str(profile)],
            pass_fds=(read_end, write_end),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_end)
        os.close(write_end)
        self._buffer, self._last, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a DevTools method and wait for its answer."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(30)
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path, *, width: int, height: int = 1000, scripts: bool = True) -> None:
        """Open a file in a window of the given width, with fresh records; wait until it has settled."""
        self.events.clear()
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=page.as_uri())
        until = time.monotonic() + 30
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next(until - time.monotonic()))

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, expression: str, *, seconds: float = 30) -> Any:
        """Evaluate again and again until the expression is true."""
        until = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > until:
                raise TimeoutError(f"{expression} did not become true in {seconds} s")
            time.sleep(0.1)
        return value

    def hover(self, x: float, y: float) -> None:
        """Move the pointer there."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self, file: Path, *, whole: bool = True) -> Path:
        """Save what the page looks like, all its height by default."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(answer["data"]))
        return file

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings of the console, uncaught exceptions, refused resources."""
        found = []
        for event in self.events:
            parameters = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(json.dumps(parameters["exceptionDetails"]))
            elif event.get("method") == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
                found.append(json.dumps(parameters["args"]))
            elif event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] != "verbose":
                found.append(json.dumps(parameters["entry"]))
        return found

    @property
    def requests(self) -> list[str]:
        """Addresses asked for, beside the page itself and what it carries in itself."""
        sent = [e for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        urls = [event["params"]["request"]["url"] for event in sent]
        return [url for url in urls if not url.startswith(("file:", "data:", "blob:", "about:"))]

    def close(self) -> None:
        """End the browser."""
        os.close(self._to)  # the end of the pipe ends the browser
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        os.close(self._from)

    def _next(self, seconds: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(seconds, 0))
            part = os.read(self._from, 1 << 20) if ready else b""
            if not part:
                raise TimeoutError(f"the browser said nothing for {seconds:.0f} s or has ended")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium; skips where there is none, fails where XELITH_REQUIRE names `browser`."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        if "browser" in os.environ.get("XELITH_REQUIRE", "").split(","):
            pytest.fail("no Chromium on the path (XELITH_REQUIRE names browser)")
        pytest.skip("no Chromium on the path")
    browser = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


class DiscRun:
    """A scan of a disc of known µ in a folder, and configurations that run it."""

    N_THETA, N_ROWS, N_COLS = 90, 20, 64
    PIXEL_UM, MU_PER_CM, RADIUS_PX, CENTRE_PX = 10.0, 8.0, 20.0, 33.25
    FLAT, DARK = 40_000.0, 200.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write_scan()

    def counts(self, n_theta: int, n_rows: int) -> np.ndarray:
        """Counts behind the disc: exact chords, averaged over each pixel as intensity, with some noise."""
        s = (np.arange(self.N_COLS * 16) + 0.5) / 16 - 0.5 - self.CENTRE_PX
        chord_cm = 2 * np.sqrt(np.clip(self.RADIUS_PX**2 - s**2, 0, None)) * self.PIXEL_UM * 1e-4
        light = np.exp(-self.MU_PER_CM * chord_cm).reshape(self.N_COLS, 16).mean(axis=1)
        noise = np.random.default_rng(3).normal(0, 20, (n_theta, n_rows, self.N_COLS))
        return (self.DARK + (self.FLAT - self.DARK) * light + noise).astype(np.float32)

    def write_scan(self, name: str = "scan.h5", *, n_theta: int = N_THETA, n_rows: int = N_ROWS) -> Path:
        """Write a DataExchange file."""
        path = self.folder / name
        with h5py.File(path, "w") as file:
            file["exchange/data"] = self.counts(n_theta, n_rows)
            file["exchange/data_white"] = np.full((3, n_rows, self.N_COLS), self.FLAT, np.float32)
            file["exchange/data_dark"] = np.full((3, n_rows, self.N_COLS), self.DARK, np.float32)
            file["exchange/theta"] = np.arange(n_theta) * 180.0 / n_theta
        return path

    def config(self, name: str = "run.yaml", **changes: Any) -> Path:
        """Write a configuration; further sections as keywords."""
        values = {
            "sample": "disc",
            "source": {"energy_kev": 25},
            "scans": {"main": {"path": "scan.h5", "pixel_um": self.PIXEL_UM, "centre_px": self.CENTRE_PX}},
            "reconstruction": [{"step": "flat-field"}, {"step": "zingers"}, {"step": "fourier-fbp", "window": "ramp"}],
        } | changes
        path = self.folder / name
        path.write_text(yaml.safe_dump(values), encoding="utf8")
        return path


@pytest.fixture
def disc_run(tmp_path: Path) -> DiscRun:
    """A small scan ready to be run."""
    return DiscRun(tmp_path)


@pytest.fixture(scope="session")
def disc_folder() -> Callable[[Path], DiscRun]:
    """Make such a scan in a folder of one's own."""
    return DiscRun
