"""Scanners by name: how the twin is scanned where the papers or a beamline would scan it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from ..materials import MATERIALS, monochromatic, tube
from .acquisition import Acquisition, Cone, Optics
from .detector import Detector


def kodama_nano3dx() -> Acquisition:
    """Return Kodama's scan [1]_ on a Rigaku nano3DX: quasi-parallel beam of a molybdenum tube at 44 kV.

    1000 views at 0.18 degrees and the pixel of 0.54 µm are the paper's. Assumed: a screen of 20 µm GAGG, 1e4
    photons per pixel, 2 mm to the detector, a source of 70 µm (full width) at 260 mm, glare of 1 %.

    Returns
    -------
    Acquisition
        The scan; a view of 0.89 mm, narrower than the tubes.

    References
    ----------
    .. [1] Kodama et al., Journal of Power Sources Advances 26 (2024) 100142.
    """
    return Acquisition(
        detector=Detector(n_rows=1250, n_cols=1650, pixel_um=0.54, blur_px=0.8, zingers=3.0),
        spectrum=tube("Mo", 44.0).detected(MATERIALS["gagg"], 20.0).trimmed(),
        n_views=1000,
        photons=1e4,
        optics=Optics(propagation_mm=2.0, penumbra_um=0.23, scatter=0.003, glare=0.01, jig_gas_mm=1.0),
    )


def ham_versa() -> Acquisition:
    """Return Ham's scan [1]_ on a Zeiss Versa 510: cone beam of a tungsten tube at 80 kV, 2401 views.

    Assumed: 0.35 mm of aluminium, a screen of 100 µm CsI, 1024 x 1024 pixels of 6.6 µm, source and detector at
    15 mm and 40 mm, so that a voxel is 2.5 µm.

    Returns
    -------
    Acquisition
        The scan, over 360 degrees.

    References
    ----------
    .. [1] Ham, dissertation (2024).
    """
    return Acquisition(
        detector=Detector(n_rows=1024, n_cols=1024, pixel_um=6.6, blur_px=0.7, zingers=2.0),
        spectrum=tube("W", 80.0, filters=[("Al", 0.35)]).detected(MATERIALS["csi"], 100.0).trimmed(),
        n_views=2401,
        range_deg=360.0,
        photons=1e4,
        n_flats=10,
        cone=Cone(source_axis_mm=15.0, source_detector_mm=40.0),
        optics=Optics(penumbra_um=0.6, scatter=0.01, glare=0.01),
    )


def beamline_25kev() -> Acquisition:
    """Return a fast scan at a synchrotron: 25 keV, parallel, fringes of a long flight path.

    Returns
    -------
    Acquisition
        1800 views over 180 degrees, 0.65 µm pixels, 30 mm to the detector.
    """
    return Acquisition(
        detector=Detector(n_rows=1000, n_cols=2048, pixel_um=0.65, blur_px=0.8, zingers=5.0),
        spectrum=monochromatic(25.0),
        n_views=1800,
        photons=2e4,
        n_late_flats=20,
        optics=Optics(propagation_mm=30.0, penumbra_um=0.1, glare=0.01),
    )


def demo_setup() -> Acquisition:
    """Return how the demo is scanned.

    Returns
    -------
    Acquisition
        360 views over 180 degrees, 90 x 240 pixels of 2 µm, Mo tube at 44 kV behind 0.2 mm of aluminium, the axis
        3.3 pixels off the middle.
    """
    return Acquisition(
        detector=Detector(n_rows=90, n_cols=240, pixel_um=2.0),
        spectrum=tube("Mo", 44.0, filters=[("Al", 0.2)]).trimmed(),
        n_views=360,
        centre_px=119.5 + 3.3,
        photons=4e4,
    )


SETUPS: Mapping[str, Callable[[], Acquisition]] = MappingProxyType(
    {
        "demo": demo_setup,
        "kodama-nano3dx": kodama_nano3dx,
        "ham-versa": ham_versa,
        "beamline-25kev": beamline_25kev,
    }
)
"""Functions that return a scanner's settings, by name."""


def resized(
    acquisition: Acquisition, *, n_rows: int | None = None, n_cols: int | None = None, n_views: int | None = None
) -> Acquisition:
    """Return the same scanner with a smaller or larger frame, the axis as far from the middle as before.

    Parameters
    ----------
    acquisition : Acquisition
        The scanner.
    n_rows, n_cols : int, optional
        New size of the detector; None keeps it.
    n_views : int, optional
        New number of views; None keeps it.

    Returns
    -------
    Acquisition
        The scan; pixel, beam and optics stay.
    """
    detector = acquisition.detector
    wide = n_cols or detector.n_cols
    off_px = acquisition.axis_px - (detector.n_cols - 1) / 2
    return replace(
        acquisition,
        detector=replace(detector, n_rows=n_rows or detector.n_rows, n_cols=wide),
        n_views=n_views or acquisition.n_views,
        centre_px=(wide - 1) / 2 + off_px,
    )
