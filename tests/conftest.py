"""What the tests share: where the real data lie, and what must not be skipped."""

import os
from pathlib import Path

import pytest

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


@pytest.fixture(params=["numpy", pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request):
    """NumPy, and CuPy where a device is at hand."""
    module = pytest.importorskip(request.param)
    if request.param == "cupy" and not module.cuda.is_available():
        pytest.skip("no CUDA device")
    return module
