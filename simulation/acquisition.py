"""How a scan is taken: views, beam, optics, drift, and where the cell stands."""

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from ..materials import Spectrum
from ..scans.geometry import ConeBeam, Geometry, ParallelBeam
from .detector import Detector


@dataclass(frozen=True)
class Pose:
    """Where the cell stands on the rotation axis.

    Parameters
    ----------
    shift_um : (z, y, x)
        Shift of the cell in µm; at zero the tube's axis is the rotation axis and the cell's lowest slice begins
        at the lower edge of detector row 0 (in a cone beam, where that edge is seen on the axis).
    turn_rad : float
        Turn of the cell about z in rad, counter-clockwise seen from above.
    """

    shift_um: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_rad: float = 0.0

    def moved(self, by_um: tuple[float, float, float]) -> "Pose":
        """Return the pose with a further shift.

        Parameters
        ----------
        by_um : (z, y, x)
            Further shift in µm.

        Returns
        -------
        Pose
            The sum.
        """
        z, y, x = (a + b for a, b in zip(self.shift_um, by_um, strict=True))
        return Pose((z, y, x), self.turn_rad)


@dataclass(frozen=True)
class Cone:
    """A point source and a flat detector, the central ray through the detector's middle row.

    Parameters
    ----------
    source_axis_mm : float
        Distance from the source to the rotation axis in mm, above 0.
    source_detector_mm : float
        Distance from the source to the detector in mm, more than that.
    direction : int
        +1 if the sample turns counter-clockwise seen from above as theta grows, else -1.

    Raises
    ------
    ValueError
        If the detector does not stand behind the axis, or the direction is neither 1 nor -1.
    """

    source_axis_mm: float
    source_detector_mm: float
    direction: int = 1

    def __post_init__(self) -> None:
        """Check the distances."""
        if not 0 < self.source_axis_mm < self.source_detector_mm:
            raise ValueError(
                f"source and axis are {self.source_axis_mm} mm apart, source and detector "
                f"{self.source_detector_mm} mm; the detector stands behind the axis"
            )
        if self.direction not in (1, -1):
            raise ValueError(f"direction is {self.direction}; give 1 or -1")

    @property
    def magnification(self) -> float:
        """Size on the detector over size at the axis, dimensionless."""
        return self.source_detector_mm / self.source_axis_mm


@dataclass(frozen=True)
class Optics:
    """What happens to the beam between cell and detector, and to light within the detector.

    Parameters
    ----------
    propagation_mm : float
        Effective distance from cell to detector in mm, over which phase turns into fringes; 0 leaves them out.
    penumbra_um : float
        Standard deviation of the source's image at the detector, referred to the sample, in µm; it blurs like
        the scintillator.
    scatter : float
        Evenly spread extra light, as a share of the open beam's; dimensionless, not in flats.
    glare : float
        Share of all light that scintillator and lens spread evenly over the frame; dimensionless.
    roll_deg : float
        Turn of the rotation axis against the detector's columns about the beam, in degrees.
    pitch_deg : float
        Lean of the rotation axis along the beam, in degrees: rays climb along z as they cross the cell. For
        parallel beams.
    jig_gas_mm : float
        Path through the scan's gas outside the tubes (the jig) in mm.
    flats_in_jig : bool
        True if flats were taken through the jig with its gas, so that they hold its attenuation too.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    propagation_mm: float = 0.0
    penumbra_um: float = 0.0
    scatter: float = 0.0
    glare: float = 0.0
    roll_deg: float = 0.0
    pitch_deg: float = 0.0
    jig_gas_mm: float = 0.0
    flats_in_jig: bool = False

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("propagation_mm", "penumbra_um", "scatter", "glare", "jig_gas_mm"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} of the optics is {getattr(self, name)}; give 0 or more")
        if self.scatter >= 1 or self.glare >= 1:
            raise ValueError(f"scatter is {self.scatter} and glare {self.glare}; give shares below 1")
        if not max(abs(self.roll_deg), abs(self.pitch_deg)) < 45:
            raise ValueError(
                f"the axis is rolled by {self.roll_deg} and pitched by {self.pitch_deg} degrees; give less than 45"
            )


@dataclass(frozen=True)
class Drift:
    """What changes from the first view to the last.

    Parameters
    ----------
    beam : float
        Relative growth of the beam over the scan, above -1.
    flicker : float
        Relative standard deviation of the beam from frame to frame, flats included; not negative.
    profile : float
        Relative standard deviation, over the frame, of the change of the beam's profile; not negative.
    sample_um : (z, y, x)
        Shift of the cell over the scan in µm, even in time and nought in the middle.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    beam: float = 0.0
    flicker: float = 0.0
    profile: float = 0.0
    sample_um: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not self.beam > -1:
            raise ValueError(f"the beam changes by {self.beam}; a share above -1 leaves some of it")
        for name in ("flicker", "profile"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} of the drift is {getattr(self, name)}; give 0 or more")


@dataclass(frozen=True)
class Acquisition:
    """How a scan is taken.

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
        Frames of the open beam before the views, and of the closed shutter.
    n_late_flats : int
        Frames of the open beam after the views.
    cone : Cone or None
        Source of a cone beam; None is a parallel beam.
    optics : Optics
        Fringes, scatter, glare, roll, gas beside the cell.
    drift : Drift
        What changes during the scan.
    rays_per_pixel : int
        Rays across a pixel, at least 1; in a cone beam along both directions.

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
    n_late_flats: int = 0
    cone: Cone | None = None
    optics: Optics = field(default_factory=Optics)
    drift: Drift = field(default_factory=Drift)
    rays_per_pixel: int = 2

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(self.n_views, self.n_flats, self.n_darks, self.rays_per_pixel) < 1 or self.n_late_flats < 0:
            raise ValueError(
                f"the scan has {self.n_views} views, {self.n_flats} flats and {self.n_late_flats} late ones, "
                f"{self.n_darks} darks and {self.rays_per_pixel} rays per pixel; give at least 1 of each, and 0 "
                "or more late flats"
            )
        if self.cone is not None and self.optics.pitch_deg != 0:
            raise ValueError(
                f"the axis is pitched by {self.optics.pitch_deg} degrees in a cone beam; a lean along the beam is "
                "simulated for parallel beams: give 0"
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
    def climbs(self) -> bool:
        """True if rays do not stay in the slice they enter."""
        return self.cone is not None or self.optics.pitch_deg != 0

    @property
    def axis_px(self) -> float:
        """Column of the rotation axis as a pixel-centre index."""
        return (self.detector.n_cols - 1) / 2 if self.centre_px is None else self.centre_px

    @property
    def voxel_um(self) -> float:
        """Pixel as seen on the rotation axis in µm: the voxel of a reconstruction."""
        return self.detector.pixel_um / (self.cone.magnification if self.cone else 1.0)

    @property
    def geometry(self) -> Geometry:
        """What a scan's record says: everything but the axis, which is to be found."""
        if self.cone is None:
            return ParallelBeam(pixel_um=self.detector.pixel_um)
        distances = {item.name: getattr(self.cone, item.name) for item in fields(self.cone)}
        return ConeBeam(pixel_um=self.detector.pixel_um, **distances)
