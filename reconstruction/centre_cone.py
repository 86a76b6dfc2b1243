"""The column on which a cone beam projects its axis, from rays that run along one line from both ends."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from ..arrays import Array
from ..scans.geometry import ConeBeam
from .centre import CLEAR, DISTINCT, SHARP_GAIN, STRUCTURE, Candidate, Centre, Verdict, agreement_px, checked_search
from .centre_matches import Match
from .centre_overlap import CLEAR_LEAD, DETAIL_SHARES, peak_of, whole_range
from .centre_overlap import STILL as STILL_SHARE
from .centre_sharpness import BLUR, blur
from .centre_views import Views, detail, prepare_views
from .fan_rays import conjugate_agreement, even_fan, parallel_views
from .fourier import fourier_fbp

MOST_ROWS = 32  # nearest the plane of the source that are used
ROW_DRIFT = 2.0  # rows by which a ray may miss its opposite at the edge of the view
SHARP_COLUMNS = 320  # columns after binning for the images whose sharpness is compared
SHARP_STEPS = np.arange(-6.0, 6.4, 0.8)


def find_cone_centre(
    projections: Array, theta: ArrayLike, geometry: ConeBeam, *, search_px: tuple[float, float] | None = None
) -> Centre:
    """Find the column on which the axis of a circular cone-beam scan is projected.

    In the plane of the source, the ray of fan angle g in the view at angle b runs along the line of the ray -g
    in the view at b + pi - 2 g [1]_. About the true axis the two carry the same line integral. They are
    compared wherever both are measured, by their correlation at two scales of detail, over the whole detector
    in a full turn (so that a shifted detector needs no hint). Independently, the sharpest of the slices about
    columns close by is looked for, from the fan's rays sorted into parallel views.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Line integrals of µ, dimensionless; rows near the plane of the source are enough.
    theta : (n_theta,) array
        Angles in rad, in any order.
    geometry : ConeBeam
        Distances, pixel, direction; `row_px` counts the rows given. Its `centre_px` is not used.
    search_px : (low, high), optional
        Range of columns to search; None is all but 2 % at either edge of a full turn, else the middle half.

    Returns
    -------
    Centre
        Column, verdict and confidence as from `find_centre`.

    Raises
    ------
    ValueError
        If shapes do not match, angles are not finite, there are too few views or columns, the range is empty, or
        the pixel is not known.

    References
    ----------
    .. [1] Parker, Optimal short scan convolution reconstruction for fan beam CT, Med. Phys. 9 (1982) 254.
    """
    angles = np.asarray(theta, dtype=np.float64)
    low, high = checked_search(projections, angles, search_px)
    if geometry.pixel_um is None:
        raise ValueError("pixel_um is None; the opening of the fan is needed: give the pitch of the detector in µm")
    band = _middle_rows(projections.shape, geometry)
    angles = angles * geometry.direction
    views = prepare_views(projections[:, band], angles)
    if views.full_turn and search_px is None:
        low, high = whole_range(projections.shape[2])
    pixels = geometry.source_detector_mm * 1000 / geometry.pixel_um
    matches = [conjugate_match(views, pixels / views.bin_px, low, high, share) for share in DETAIL_SHARES]
    matches.sort(key=lambda match: -match.lead)
    best, other = (Candidate(match.centre_px, match.lead, match.method) for match in matches)
    best_end, other_end = (match.beyond for match in matches)
    tolerance = agreement_px(projections.shape[2])
    is_still = views.moving < STRUCTURE
    if is_still and (best.score < DISTINCT or abs(best.centre_px - other.centre_px) > tolerance / 2):
        return Centre((low + high) / 2, "flat", 0.0, (best, other))
    sharp = _sharpest(projections[:, band], angles, geometry, best.centre_px)
    together = abs(best.centre_px - other.centre_px) <= tolerance
    confirmed = sharp.score > 0 and abs(sharp.centre_px - best.centre_px) <= max(tolerance, sharp_reach(projections))
    contradicted = sharp.score > 0 and not confirmed
    doubtful = contradicted if views.full_turn else not confirmed
    is_distinct = best.score >= CLEAR_LEAD and (together or best.score >= CLEAR)
    verdict: Verdict = "resolved"
    if best_end or (other_end and not together):
        verdict = "at-edge"
    elif not (is_distinct and (together or confirmed)) or (doubtful and best.score < CLEAR):
        verdict = "ambiguous"
    apart = min(abs(c.centre_px - best.centre_px) for c in (other, *((sharp,) if sharp.score > 0 else ())))
    confidence = float(best.score * np.exp(-((apart / tolerance) ** 2)))
    chosen = best if views.full_turn or not confirmed else sharp  # a short scan has few conjugate rays
    candidates = (chosen, *(c for c in (best, other, sharp) if c is not chosen))
    return Centre(chosen.centre_px, verdict, confidence if verdict == "resolved" else confidence / 2, candidates)


def sharp_reach(projections: Array) -> float:
    """Return how far the sharpest slice may lie from the centre and confirm it.

    Parameters
    ----------
    projections : (n_theta, n_rows, n_cols) array
        Line integrals.

    Returns
    -------
    float
        In columns: one of the binned columns that sharpness is judged on.
    """
    return float(-(-projections.shape[2] // SHARP_COLUMNS))


def _middle_rows(shape: tuple[int, ...], geometry: ConeBeam) -> slice:
    """Rows whose rays miss their opposites by no more than `ROW_DRIFT`; the nearest one where there is none."""
    _, n_rows, n_columns = shape
    row_px = (n_rows - 1) / 2 if geometry.row_px is None else geometry.row_px
    pixels = geometry.source_detector_mm * 1000 / float(geometry.pixel_um or 1.0)
    reach = min(ROW_DRIFT * pixels / n_columns, MOST_ROWS / 2)
    rows = np.arange(n_rows)
    near = rows[np.abs(rows - row_px) <= reach]
    if near.size == 0:
        near = rows[[int(np.abs(rows - row_px).argmin())]]
    return slice(int(near[0]), int(near[-1]) + 1)


def conjugate_match(views: Views, pixels: float, low: float, high: float, share: int) -> Match:
    """Compare conjugate rays at one scale of detail.

    Parameters
    ----------
    views : Views
        Prepared views of a fan.
    pixels : float
        Distance from source to detector, in binned columns.
    low, high : float
        Range of centres, in columns.
    share : int
        Detail below this part of the detector's width is compared.

    Returns
    -------
    Match
        `beyond` where the range does not hold the centre.
    """
    scale = max(3.0, views.sinograms.shape[-1] / share)
    fine = detail(views.sinograms, scale, fade_edges=False)
    if views.moving > STILL_SHARE:
        fine = fine - np.mean(fine, axis=1, keepdims=True)  # what stands still matches itself anywhere
    agreement = conjugate_agreement(even_fan(fine, views, pixels))
    centre, lead, at_end = peak_of(views, agreement, low, high, scale)
    return Match(f"conjugate rays, detail below 1/{share} of the width", centre, lead, at_end, lead >= CLEAR_LEAD)


def cone_slices(
    band: Array, theta: NDArray[np.float64], geometry: ConeBeam, centres: NDArray[np.float64]
) -> list[NDArray[np.float32]]:
    """Reconstruct the row of most contrast near the plane of the source about several columns, binned.

    Parameters
    ----------
    band : (n_theta, n_rows, n_cols) array
        Line integrals, dimensionless.
    theta : (n_theta,) array
        Angles in rad, counted in the direction of `ConeBeam.direction` 1.
    geometry : ConeBeam
        Distances and pixel.
    centres : (n,) array
        Columns taken for the axis, as pixel-centre indices.

    Returns
    -------
    list of (n, n) arrays of float32
        µ per binned pixel, one slice a centre.
    """
    views = prepare_views(band, theta)
    bin_px = -(-band.shape[2] // SHARP_COLUMNS)
    ratio = bin_px / views.bin_px
    row = int(np.argmax(views.sinograms.std(axis=(1, 2))))
    smooth = gaussian_filter1d(views.sinograms[row : row + 1], BLUR * ratio, axis=-1, mode="nearest")
    fan = even_fan(smooth, views, geometry.source_detector_mm * 1000 / float(geometry.pixel_um or 1) / views.bin_px)
    binned = np.asarray(views.to_binned(centres), np.float64)
    middle = float(np.median(binned))
    n = 2 * int(max(middle, views.sinograms.shape[2] - 1 - middle) / ratio) + 1
    n_half = max(4, min(round(np.pi / fan.step_rad), 2 * SHARP_COLUMNS))
    parallel = np.arange(n_half) * np.pi / n_half + fan.start_rad
    sinograms = parallel_views(fan, binned, parallel, n_columns=n, step_px=ratio)
    return list(fourier_fbp(sinograms, parallel, centre_px=(n - 1) / 2, voxel_um=1e4))


def _sharpest(band: Array, theta: NDArray[np.float64], geometry: ConeBeam, start: float) -> Candidate:
    """Look for the centre, within some binned columns of `start`, about which a slice is sharpest."""
    n_columns = band.shape[2]
    bin_px = -(-n_columns // SHARP_COLUMNS)

    def blurs(centres: NDArray[np.float64]) -> NDArray[np.float64]:
        images = cone_slices(band, theta, geometry, centres)
        middle = (images[0].shape[0] - 1) / 2
        y, x = np.ogrid[: 2 * middle + 1, : 2 * middle + 1]
        disc = (np.hypot(y - middle, x - middle) < 0.9 * middle - 2)[:-1, :-1]
        return np.array([blur(image, disc) for image in images])

    centres = start + SHARP_STEPS * bin_px
    centres = centres[(centres >= 1) & (centres <= n_columns - 2)]
    if centres.size < 5:
        return Candidate(start, 0.0, "sharpness")
    coarse = blurs(centres)
    best = int(coarse.argmin())
    if best in (0, centres.size - 1) or not coarse[best] > 0:
        return Candidate(float(centres[best]), 0.0, "sharpness")
    gain = float(np.median(coarse[np.abs(centres - centres[best]) >= 4 * bin_px]) / coarse[best] - 1)
    fine = centres[best] + np.linspace(-0.8, 0.8, 9) * bin_px
    a, b, _ = np.polyfit(fine - centres[best], blurs(fine), 2)
    vertex = float(np.clip(-b / (2 * a), -0.8 * bin_px, 0.8 * bin_px)) if a > 0 else 0.0
    score = float(np.clip(gain, 0, 1)) if gain >= SHARP_GAIN else 0.0
    return Candidate(float(centres[best] + vertex), score, "sharpness")
