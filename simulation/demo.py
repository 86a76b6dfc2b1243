"""The demo: a small process-3 cell, and its scans in argon and in xenon."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ..materials import Gas
from ..scans.scan import Scan
from .acquisition import Acquisition, Pose
from .cell import Cell
from .charge import Charge
from .design import Bore, CellDesign, Collector, Film
from .presets import KODAMA_MAH_PER_CM2, Preset
from .setups import demo_setup
from .truth import Truth
from .twin import twin

GASES: Mapping[str, Gas] = MappingProxyType({"argon": Gas("argon", 1.0), "xenon": Gas("xenon", 6.0)})
"""Gas of each scan, by the scan's name."""

DEMO = Preset(
    CellDesign(
        bore=Bore(inner_diameter_um=380.0, height_um=192.0, walls_um=(12.0, 8.0, 14.0)),
        collector=Collector(thickness_um=23.0),
        film=Film(correlation_um=40.0),
        name="demo",
    ),
    Charge(KODAMA_MAH_PER_CM2),
    "a process-3 cell, 0.38 mm wide inside a double PEEK tube, small enough to lie in the view with its casing",
)
"""The cell and its charge: 0.2 mA cm^-2 for 4000 min, 13.33 mAh cm^-2, 64.7 µm of lithium."""

POSE = Pose(shift_um=(-6.4, 0.0, 0.0))
"""The view begins inside the collector, whose surface lies at 8.3 rows: between two rows, as in real scans."""


def demo_acquisition() -> Acquisition:
    """Return how the demo is scanned: `setups.demo_setup`.

    Returns
    -------
    Acquisition
        360 views over 180 degrees, 90 x 240 pixels of 2 µm.
    """
    return demo_setup()


def demo_scans(
    seed: int = 0,
    *,
    threads: int | None = None,
    progress: Callable[[str, int], Any] | None = None,
) -> tuple[Cell, dict[str, Scan], Truth]:
    """Build the demo's cell and scan it in argon and in xenon.

    Parameters
    ----------
    seed : int
        Seed of the cell and of the noise, not negative.
    threads : int, optional
        Threads to use; None is one per core.
    progress : callable, optional
        Called with the scan's name and the number of its views that are done.

    Returns
    -------
    cell : Cell
        The cell on its fine grid.
    scans : dict of str to Scan
        Counts by the name of the gas.
    truth : Truth
        What is in the cell, on the grid of the reconstruction.
    """
    poses = dict.fromkeys(GASES, POSE)
    result = twin(DEMO, demo_acquisition(), GASES, seed=seed, poses=poses, threads=threads, progress=progress)
    return result.cell, dict(result.scans), result.truth
