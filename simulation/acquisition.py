"""How a scan is taken: views, beam, and where the cell stands."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..materials import Spectrum
from .detector import Detector


@dataclass(frozen=True)
class Pose:
    """Where the cell stands on the rotation axis.

    Parameters
    ----------
    shift_um : (z, y, x)
        Shift of the cell in µm; at zero the tube's axis is the rotation axis and the cell's lowest slice begins
        at the lower edge of detector row 0.
    turn_rad : float
        Turn of the cell about z in rad, counter-clockwise seen from above.
    """

    shift_um: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_rad: float = 0.0


@dataclass(frozen=True)
class Acquisition:
    """How a parallel-beam scan is taken.

    Parameters
    ----------
    detector : Detector
        What records it.
    spectrum : Spectrum
        Weight of each energy in the detector's signal.
    n_views : int
        Projections, evenly spaced, the end of the range left out.
    range_deg : float
        Range of angles in degrees.
    centre_px : float or None
        Column of the rotation axis as a pixel-centre index; None is the middle.
    photons : float
        Mean photons per pixel and frame in the open beam, above 0.
    n_flats, n_darks : int
        Frames of the open beam and of the closed shutter.
    rays_per_pixel : int
        Rays across a pixel, at least 1; the fine grid sets how many slices it averages.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    detector: Detector
    spectrum: Spectrum
    n_views: int
    range_deg: float = 180.0
    centre_px: float | None = None
    photons: float = 4e4
    n_flats: int = 20
    n_darks: int = 20
    rays_per_pixel: int = 2

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(self.n_views, self.n_flats, self.n_darks, self.rays_per_pixel) < 1:
            raise ValueError(
                f"the scan has {self.n_views} views, {self.n_flats} flats, {self.n_darks} darks and "
                f"{self.rays_per_pixel} rays per pixel; give at least 1 of each"
            )
        if not self.photons > 0:
            raise ValueError(f"the open beam has {self.photons} photons per pixel; give more than 0")
        if not 0 < abs(self.range_deg) <= 360:
            raise ValueError(f"the scan turns by {self.range_deg} degrees; give up to 360, not 0")

    @property
    def theta(self) -> NDArray[np.float64]:
        """(n_views,) angles in rad."""
        return np.deg2rad(self.range_deg) * np.arange(self.n_views) / self.n_views

    @property
    def axis_px(self) -> float:
        """Column of the rotation axis as a pixel-centre index."""
        return (self.detector.n_cols - 1) / 2 if self.centre_px is None else self.centre_px
