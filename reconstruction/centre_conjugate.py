"""The centre from conjugate views: a view and the one half a turn later mirror each other about the axis.

With p(theta + pi, j) = p(theta, 2c - j) and P the Fourier transform along columns, the opposite of a view is
exp(-2i omega c) conj(P). Every measure below that is quadratic in the data is therefore, as a function of the
centre c, a constant plus 2 Re sum_omega C(omega) exp(2i omega c): one spectrum C holds it for all c.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

OVERSAMPLING = 4  # of the score: steps of 1 / (2 * OVERSAMPLING) columns
PARTNER_GAP = 2.5  # in steps of theta: an opposite view is interpolated across no more than this
WEDGE_MARGIN = 1.0  # harmonics added to the wedge's half width


@dataclass(frozen=True)
class Conjugate:
    """How badly mirrored views disagree, as a spectrum over the centre.

    Parameters
    ----------
    spectrum : (n_frequencies,) array of complex128
        C(omega) above, for omega = 2 pi k / length, divided by `power`.
    length : int
        Padded number of columns.
    power : float
        Value that makes the score run from -1 (perfect agreement) to 1.
    """

    spectrum: NDArray[np.complex128]
    length: int
    power: float

    def score(self, n_columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Evaluate the disagreement for every centre on the detector.

        Parameters
        ----------
        n_columns : int
            Columns of the detector.

        Returns
        -------
        (n,) array
            Centres, 1/8 column apart, as pixel-centre indices.
        (n,) array
            Disagreement, dimensionless, -1 where mirrored views are equal.
        """
        n = self.length * OVERSAMPLING
        value = scipy.fft.irfft(self.spectrum, n) * n / max(self.power, np.finfo(float).tiny)
        centres = np.arange(n) / (2 * OVERSAMPLING)
        inside = centres <= n_columns - 1
        return centres[inside], value[inside]


def opposite_views(sinograms: NDArray[np.float32], theta: NDArray[np.float64]) -> Conjugate | None:
    """Correlate every view with the mirror image of the one half a turn later.

    Where no view lies at theta + pi exactly, its two neighbours are interpolated.

    Parameters
    ----------
    sinograms : (n_rows, n_views, n_cols) array
        Line integrals.
    theta : (n_views,) array
        Rising angles within one turn, in rad.

    Returns
    -------
    Conjugate or None
        None where no view has an opposite.
    """
    turn = 2 * np.pi
    step = float(np.median(np.diff(theta)))
    ring = np.concatenate([theta, theta[:1] + turn])
    wanted = theta[0] + np.mod(theta + np.pi - theta[0], turn)
    after = np.searchsorted(ring, wanted - 1e-9 * turn)
    after = np.clip(after, 1, theta.size)
    before = after - 1
    gap = ring[after] - ring[before]
    weight = np.clip((wanted - ring[before]) / np.maximum(gap, np.finfo(float).tiny), 0, 1)
    near = np.minimum(wanted - ring[before], ring[after] - wanted)
    has_partner = (gap <= PARTNER_GAP * step) | (near <= 0.05 * step)
    weight = np.where(gap > PARTNER_GAP * step, np.round(weight), weight)
    if not has_partner.any():
        return None
    length, spectra = _spectra(sinograms)
    own = spectra[:, has_partner]
    weight, before, after = weight[has_partner], before[has_partner], after[has_partner] % theta.size
    weight = weight.astype(np.float32)
    partner = (1 - weight)[:, None] * spectra[:, before] + weight[:, None] * spectra[:, after]
    return _conjugate(-np.sum(own * partner, axis=1), np.sum(_square(own) + _square(partner), axis=1) / 2, length)


def double_wedge(sinograms: NDArray[np.float32], theta: NDArray[np.float64]) -> Conjugate:
    """Measure what a half turn and its mirror image leave outside the double wedge of a sinogram's spectrum.

    The transform of a full turn over theta and columns vanishes where the harmonic k exceeds omega times the
    radius of the object [1]_. A half turn, completed by its mirror image about a wrong centre, breaks at the
    seams and leaks. Vo et al. sum the modulus there [2]_; the sum of squares used here has the closed form in
    the head of this module, so that all centres cost one transform.

    Parameters
    ----------
    sinograms : (n_rows, n_views, n_cols) array
        Line integrals.
    theta : (n_views,) array
        Rising angles in rad; the half turn that starts at the first is used.

    Returns
    -------
    Conjugate
        Disagreement over the centre.

    References
    ----------
    .. [1] Edholm, Lewitt & Lindholm, SPIE 671 (1986) 8, doi:10.1117/12.966672.
    .. [2] Vo et al., Optics Express 22 (2014) 19078, doi:10.1364/OE.22.019078.
    """
    n_rows, _, n_columns = sinograms.shape
    length = scipy.fft.next_fast_len(2 * n_columns, real=True)
    n_views = max(4, round(np.pi / float(np.median(np.diff(theta)))))
    even = theta[0] + np.arange(n_views) * np.pi / n_views
    omega = 2 * np.pi * np.arange(length // 2 + 1) / length
    harmonic = np.fft.fftfreq(2 * n_views, 1 / (2 * n_views)).round()
    outside = np.abs(harmonic)[:, None] > omega * n_columns / 2 + WEDGE_MARGIN
    signed = np.where(harmonic % 2 == 0, np.float32(1), np.float32(-1))[:, None] * outside
    mirrored = -np.arange(2 * n_views)  # index of the harmonic -k
    cross, power = np.zeros((n_rows, omega.size), complex), np.zeros((n_rows, omega.size))
    for row in range(n_rows):
        views = scipy.fft.rfft(_at_angles(sinograms[row], theta, even), length, axis=1)
        spectrum = scipy.fft.fft(views, 2 * n_views, axis=0)
        cross[row] = np.sum(signed * spectrum * spectrum[mirrored], axis=0)
        power[row] = np.sum(outside * _square(spectrum), axis=0)
    return _conjugate(cross, power, length)


def seam(sinograms: NDArray[np.float32], theta: NDArray[np.float64]) -> Conjugate:
    """Compare the first and last view of a half turn with what lies across the seam, mirrored.

    The first view is predicted from the second one and the mirrored last one, by linear interpolation in
    angle, the last view likewise: 0/180 correlation for scans in which no two views are exactly opposite.

    Parameters
    ----------
    sinograms : (n_rows, n_views, n_cols) array
        Line integrals.
    theta : (n_views,) array
        Rising angles in rad; views within half a turn of the first are used.

    Returns
    -------
    Conjugate
        Disagreement over the centre.
    """
    last = int(np.searchsorted(theta, theta[0] + np.pi + 1e-6, side="right")) - 1
    across = max(theta[0] + np.pi - theta[last], 0.0)
    length, spectra = _spectra(sinograms[:, [0, 1, last - 1, last]])
    first, second, before_last, final = np.moveaxis(spectra, 1, 0)
    cross, power = 0.0, 0.0
    for view, beyond, step, opposite in (
        (first, second, theta[1] - theta[0], final),
        (final, before_last, theta[last] - theta[last - 1], first),
    ):
        share = step / (step + across)  # of the mirrored view in the prediction
        rest = view - (1 - share) * beyond
        cross = cross - share * rest * opposite
        power = power + (_square(rest) + share**2 * _square(opposite)) / 2
    return _conjugate(np.asarray(cross), np.asarray(power), length)


def _spectra(sinograms: NDArray[np.float32]) -> tuple[int, NDArray[np.complex64]]:
    """Transform along columns, padded twofold so that no centre on the detector wraps."""
    length = scipy.fft.next_fast_len(2 * sinograms.shape[-1], real=True)
    return length, scipy.fft.rfft(sinograms, length, axis=-1)


def _square(values: NDArray[np.complex64]) -> NDArray[np.floating]:
    return values.real**2 + values.imag**2


def _conjugate(cross: NDArray[np.complex64], power: NDArray[np.floating], length: int) -> Conjugate:
    """Add rows up, each by its own power, so that a strong row does not drown the others."""
    folded = np.full(power.shape[-1], 2.0)
    folded[0] = 1.0
    if length % 2 == 0:
        folded[-1] = 1.0
    row_power = np.sum(power * folded, axis=-1, keepdims=True)
    alive = row_power[:, 0] > 0
    spectrum = np.sum(cross[alive] / row_power[alive], axis=0) if alive.any() else np.zeros(power.shape[-1])
    return Conjugate(spectrum=np.asarray(spectrum, complex), length=length, power=float(max(alive.sum(), 1)))


def _at_angles(
    sinogram: NDArray[np.float32], theta: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Interpolate views linearly to other angles; beyond the last view it is repeated."""
    place = np.interp(wanted, theta, np.arange(theta.size))
    before = np.minimum(place.astype(int), theta.size - 2)
    weight = (place - before).astype(np.float32)[:, None]
    return (1 - weight) * sinogram[before] + weight * sinogram[before + 1]
