"""How source, axis and detector stand to each other."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ParallelBeam:
    """Parallel rays, rotation axis along the detector's columns.

    Parameters
    ----------
    pixel_um : float or None
        Detector pixel at the sample, in µm; None where no file or user gave it.
    centre_px : float or None
        Column of the rotation axis as a pixel-centre index (the middle of n columns is (n - 1) / 2);
        None until it is found.
    """

    pixel_um: float | None = None
    centre_px: float | None = None


@dataclass(frozen=True)
class ConeBeam:
    """A point source on a circle around the axis, flat detector.

    Parameters
    ----------
    pixel_um : float or None
        Pixel on the detector itself, in µm (not demagnified to the axis).
    source_axis_mm : float
        Distance from the source to the rotation axis, in mm.
    source_detector_mm : float
        Distance from the source to the detector, in mm.
    centre_px : float or None
        Column, as a pixel-centre index, on which the axis is projected.
    row_px : float or None
        Row, as a pixel-centre index, that the central ray meets; None is the middle row.
    direction : int
        +1 if the sample turns clockwise seen from above as `theta` grows, where columns grow to the right
        as the source sees the detector; -1 if it turns counter-clockwise. Which way rows grow is no matter.
    detector_tilt_rad : float
        Rotation of the detector about the central ray, in rad, positive if it turns the columns' way
        towards the rows' way.
    detector_pitch_rad : float
        Rotation about the rows, in rad, positive if pixels of high rows come nearer to the source.
    detector_slant_rad : float
        Rotation about the columns, in rad, positive if pixels of high columns move away from the source.
    """

    pixel_um: float | None
    source_axis_mm: float
    source_detector_mm: float
    centre_px: float | None = None
    row_px: float | None = None
    direction: int = 1
    detector_tilt_rad: float = 0.0
    detector_pitch_rad: float = 0.0
    detector_slant_rad: float = 0.0

    @property
    def magnification(self) -> float:
        """Size on the detector over size at the axis, dimensionless."""
        return self.source_detector_mm / self.source_axis_mm


Geometry = ParallelBeam | ConeBeam
