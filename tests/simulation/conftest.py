"""A cell small enough to be scanned in a second."""

import pytest

from xelith.materials import monochromatic
from xelith.simulation import (
    Acquisition,
    Bore,
    Carbon,
    CellDesign,
    Charge,
    Collector,
    Detector,
    Electrolyte,
    Film,
    Pose,
    build_cell,
)

SMALL = CellDesign(
    bore=Bore(inner_diameter_um=80.0, height_um=64.0, walls_um=(8.0, 6.0, 8.0)),
    collector=Collector(thickness_um=8.0),
    film=Film(roughness_um=2.0, correlation_um=16.0, pockets=2, pocket_um=6.0, bare_spots=1, bare_um=8.0),
    carbon=Carbon(thickness_um=8.0, roughness_um=0.5),
    electrolyte=Electrolyte(void_share=0.01, void_um=3.0),
    name="small",
)


@pytest.fixture(scope="session")
def small_design():
    """Sizes of the small cell: 80 µm wide, 64 µm high."""
    return SMALL


@pytest.fixture(scope="session")
def small_charge():
    """A charge that plates 20 µm of lithium."""
    return Charge(20.0 / 4.849)


@pytest.fixture(scope="session")
def small_cell(small_charge):
    """A process-3 cell with 20 µm of lithium."""
    return build_cell(SMALL, small_charge, seed=3)


@pytest.fixture(scope="session")
def small_scan():
    """How the small cell is scanned: 2 µm pixels, one energy, the axis off the middle."""
    detector = Detector(n_rows=28, n_cols=66, pixel_um=2.0)
    return Acquisition(detector, monochromatic(20.0), n_views=20, centre_px=33.4, n_flats=6, n_darks=5)


@pytest.fixture(scope="session")
def small_pose():
    """The view begins 4.6 µm above the bottom of the cell."""
    return Pose(shift_um=(-4.6, 0.0, 0.0))
