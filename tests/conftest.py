"""What the tests share: where the real data lie, and what must not be skipped."""

import fcntl
import importlib
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path

import pytest

LONGEST = (
    "test_submission.py",
    "test_viewer.py",
    "test_faults.py",
    "test_notebooks.py",
    "test_wheel.py",
    "test_cluster.py",
    "test_two_gas.py",
    "test_cli.py",
    "test_wrong_descriptions.py",
    "test_alignment.py",
    "test_publishing.py",
    "test_report.py",
    "test_malformed.py",
    "test_memory.py",
    "test_scan_quality.py",
)
REQUIRED = {name for name in os.environ.get("XELITH_REQUIRE", "").split(",") if name}


def absent(what: str, reason: str) -> None:
    """Skip the running test for want of `what`, or fail it where XELITH_REQUIRE names `what`."""
    if what in REQUIRED:
        pytest.fail(f"{reason} (XELITH_REQUIRE names {what})")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real scans and references that XELITH_DATA names."""
    value = os.environ.get("XELITH_DATA")
    if not value:
        absent("data", "XELITH_DATA is not set: no real scans to test on")
    folder = Path(str(value))
    if not folder.is_dir():
        absent("data", f"XELITH_DATA names {folder}, which is not a folder")
    return folder


@cache
def device_twin(name):
    """Load a module of tests/device_twin."""
    path = Path(__file__).with_name("device_twin") / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def cuda_on_cpu():
    """Runs CUDA kernels on the CPU: the module device_twin/cuda_on_cpu."""
    module = device_twin("cuda_on_cpu")
    if module.compiler() is None:
        absent("compiler", "no g++: kernels cannot be run on the CPU")
    return module


@pytest.fixture(scope="session")
def nvrtc():
    """NVIDIA's run-time compiler, which needs no device."""
    try:
        return importlib.import_module("cuda.bindings.nvrtc")
    except ImportError:
        absent("compiler", "no cuda-bindings and NVRTC: CUDA files cannot be compiled")


@pytest.fixture(scope="session")
def twin_of_cupy():
    """The module device_twin/cupy_twin."""
    return device_twin("cupy_twin")


@pytest.fixture
def cupy_twin():
    """A CuPy whose arrays lie on the host, in the place of the real one while a test runs."""
    import array_api_compat

    from xelith.arrays import gpu, kernels

    def leave(names):
        for name in names:
            sys.modules.pop(name, None)
        vars(array_api_compat).pop("cupy", None)
        kernels._compiled.cache_clear()
        gpu._opened.cache_clear()

    def loaded():
        return {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("cupy", "cupyx")} | {
            name: module for name, module in sys.modules.items() if name.startswith("array_api_compat.cupy")
        }

    twins = device_twin("cupy_twin").modules(device_twin("cuda_on_cpu"))
    before = loaded()
    leave(before)
    sys.modules.update(twins)
    yield twins["cupy"]
    leave(loaded())
    sys.modules.update(before)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that two processes end together."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a small simulated cell, run once for all tests that look at one; they may not change it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # one for all processes
    folder = base / "small" / "cell"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "run" / "report.html").exists():
            _run_small(folder)
    return folder / "run"


def _run_small(folder: Path) -> None:
    from xelith.pipeline.experiment import simulate
    from xelith.pipeline.run import run_config
    from xelith.pipeline.twin_design import Size, design_twin

    size = Size(diameter_um=240.0, height_um=150.0, rows=64, columns=200, views=150)
    design = design_twin(cell="demo", setup="demo", size=size)
    config = simulate(folder, design, advance=lambda stage, done, total: None)
    run_config(config, folder / "run", advance=lambda stage, done, total: None)


def _array_module(request):
    """The module that a parameter names; CuPy only where a device is at hand."""
    if request.param == "cupy-twin":
        return request.getfixturevalue("cupy_twin")
    module = pytest.importorskip(request.param)
    if request.param == "cupy" and not module.cuda.is_available():
        pytest.skip("no CUDA device")
    return module


@pytest.fixture(params=["numpy", "cupy-twin", pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request):
    """NumPy, a twin of CuPy on the host, and CuPy where a device is at hand."""
    return _array_module(request)


@pytest.fixture(params=["cupy-twin", pytest.param("cupy", marks=pytest.mark.gpu)])
def device(request):
    """The twin of CuPy, with kernels run by g++, and CuPy where a device is at hand."""
    if request.param == "cupy-twin":
        request.getfixturevalue("cuda_on_cpu")
    return _array_module(request)


@pytest.fixture(scope="session")
def requirement():
    """`absent`, for fixtures elsewhere: skip, or fail where the thing is required."""
    return absent
