"""Whether a scan is whole and agrees with itself, before anything heavy starts."""

import numpy as np

from .errors import ScanError
from .scan import Scan


def check_scan(scan: Scan) -> Scan:
    """Pass a scan on if its parts fit together.

    Parameters
    ----------
    scan : Scan
        Its description is looked at, not its frames.

    Returns
    -------
    Scan
        The same.

    Raises
    ------
    ScanError
        If angles, flats, darks, shifts or distances do not fit the projections.
    """
    check_frames(scan)
    name, n_theta = scan.path or "the scan", scan.shape[0]
    if scan.theta is not None:
        check_theta(scan)
    for field, n in (("shifts_px", n_theta), ("flat_positions", 0 if scan.flats is None else scan.flats.shape[0])):
        values = getattr(scan, field)
        if values is not None and len(values) != n:
            raise ScanError(f"{name} has {len(values)} {field} for {n} frames; give one for each")
    if scan.flat_positions is not None and np.any(np.diff(scan.flat_positions) < 0):
        raise ScanError(f"{name} has flat_positions that go back in time; sort the flats by when they were taken")
    check_geometry(scan)
    return scan


def check_frames(scan: Scan) -> None:
    """Check that there are frames, and that flats and darks have the size of the projections.

    Parameters
    ----------
    scan : Scan
        Any scan.

    Raises
    ------
    ScanError
        If a stack is empty or of another frame size.
    """
    name = scan.path or "the scan"
    n_theta, n_rows, n_cols = scan.shape
    if min(scan.shape) < 1:
        raise ScanError(f"{name} has {n_theta} projections of {n_rows} x {n_cols} pixels; it needs at least one pixel")
    for kind in ("flats", "darks"):
        frames = getattr(scan, kind)
        if frames is not None and frames.shape[1:] != scan.shape[1:]:
            size = " x ".join(map(str, frames.shape[1:]))
            raise ScanError(
                f"{name} has {kind} of {size} and projections of {n_rows} x {n_cols} pixels; "
                f"give {kind} of the same region and binning"
            )
        if frames is not None and frames.shape[0] < 1:
            raise ScanError(f"{name} has no {kind} in its stack; leave {kind} out, or give at least one")


def check_theta(scan: Scan) -> None:
    """Check that there is one finite angle for each projection.

    Parameters
    ----------
    scan : Scan
        A scan with angles.

    Raises
    ------
    ScanError
        If their number differs, one is not finite, or all are the same.
    """
    name, n_theta, theta = scan.path or "the scan", scan.shape[0], scan.theta
    if theta is None or theta.ndim != 1 or len(theta) != n_theta:
        raise ScanError(
            f"{name} has {0 if theta is None else theta.size} angles and {n_theta} projections; "
            "both must be as many: give theta_deg or theta_range_deg for the projections that are there"
        )
    wrong = np.flatnonzero(~np.isfinite(theta))
    if wrong.size:
        raise ScanError(f"{name} has {wrong.size} angles that are no number, the first at {wrong[0]}; give theta_deg")
    if n_theta > 1 and np.ptp(theta) == 0:
        raise ScanError(f"{name} has {n_theta} angles, all {np.degrees(theta[0]):g} degrees; give theta_range_deg")


def check_geometry(scan: Scan) -> None:
    """Check that lengths are above zero and the detector lies behind the axis.

    Parameters
    ----------
    scan : Scan
        Any scan.

    Raises
    ------
    ScanError
        If a length is not a number above zero, or the axis lies behind the detector.
    """
    name, geometry = scan.path or "the scan", scan.geometry
    lengths = {"energy_kev": scan.energy_kev, "exposure_s": scan.exposure_s}
    lengths |= {key: getattr(geometry, key, None) for key in ("pixel_um", "source_axis_mm", "source_detector_mm")}
    for key, value in lengths.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ScanError(f"{name} has {key} {value:g}; it must be above 0: give {key} as a hint")
    near, far = lengths["source_axis_mm"], lengths["source_detector_mm"]
    if near is not None and far is not None and near > far:
        raise ScanError(f"{name} has its axis {near:g} mm from the source and its detector {far:g} mm; swap them")
