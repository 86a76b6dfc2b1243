"""Weights of cone-beam views: the arc each view stands for, and the share of rays that are measured twice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .parallel_beam import WIDE_GAP, WIDE_GAP_RAD


@dataclass(frozen=True)
class Arc:
    """The part of the circle that a scan covers, and what each view stands for.

    Parameters
    ----------
    beta : (n_theta,) array of float64
        Angle of each view from the start of the arc, in rad, 0 to `span_rad`.
    width : (n_theta,) array of float64
        Angle that each view stands for, in rad; they sum to `span_rad`.
    span_rad : float
        Angle covered, in rad; 2 pi for a full scan.
    """

    beta: NDArray[np.float64]
    width: NDArray[np.float64]
    span_rad: float

    @property
    def is_full(self) -> bool:
        """True if the views go all the way round."""
        return self.span_rad == 2 * np.pi


def covered_arc(theta: NDArray[np.floating]) -> Arc:
    """Find which part of the circle a scan covers, whatever the order and spacing of its views.

    A gap wider than `WIDE_GAP` medians and `WIDE_GAP_RAD` ends a scan that does not go all the way round.
    Each view stands for half the gap to its neighbours on either side, so that a view taken twice (the
    last of a scan from 0 to 360 degrees with both ends) counts half each time.

    Parameters
    ----------
    theta : (n_theta,) array
        Angles in rad, in any order, over any number of turns.

    Returns
    -------
    Arc
        Covered part of the circle; one view alone counts as a full scan of a body of revolution.

    Raises
    ------
    ValueError
        If there is no angle, or one is not finite.
    """
    theta = np.asarray(theta, np.float64)
    if theta.ndim != 1 or theta.size == 0 or not np.isfinite(theta).all():
        raise ValueError(f"theta has shape {theta.shape}; give one finite angle in rad for every view")
    order = np.argsort(theta % (2 * np.pi), kind="stable")
    turned = (theta % (2 * np.pi))[order]
    gaps = np.diff(turned, append=turned[0] + 2 * np.pi)
    largest = int(np.argmax(gaps))
    others = np.delete(gaps, largest)
    others = others[others > 1e-9]
    is_full = others.size == 0 or gaps[largest] <= max(WIDE_GAP * float(np.median(others)), WIDE_GAP_RAD)
    start = 0 if is_full else (largest + 1) % theta.size
    order, gaps = np.roll(order, -start), np.roll(gaps, -start)
    before = np.roll(gaps, 1)
    if not is_full:
        gaps[-1], before[0] = gaps[-2], gaps[0]
    width = np.empty_like(theta)
    width[order] = (before + gaps) / 2
    span = 2 * np.pi if is_full else float(width.sum())
    first = 0.0 if is_full else before[0] / 2
    beta = np.empty_like(theta)
    beta[order] = first + np.concatenate([[0.0], np.cumsum(gaps[:-1])])
    return Arc(beta, width, span)


def parker_weights(beta: NDArray[np.float64], gamma: NDArray[np.float64], span_rad: float) -> NDArray[np.float64]:
    """Share out the rays that a short scan measures twice.

    Parker's weights [1]_ with the overscan of Silver [2]_: the half angle of the fan in Parker's formula
    is replaced by delta = (span - pi) / 2, so that every span between 180 and 360 degrees is used whole.

    Parameters
    ----------
    beta : (n_theta,) array
        Angle of each view from the start of the arc, in rad.
    gamma : (n_cols,) array
        Fan angle of each column, in rad, positive on the side of growing columns.
    span_rad : float
        Angle covered, in rad.

    Returns
    -------
    (n_theta, n_cols) array of float64
        Dimensionless, 0 to 1; a ray and its conjugate at (beta + pi - 2 gamma, -gamma) sum to 1.

    References
    ----------
    .. [1] Parker, Optimal short scan convolution reconstruction for fan beam CT, Med. Phys. 9 (1982) 254.
    .. [2] Silver, A method for including redundant data in computed tomography, Med. Phys. 27 (2000) 773.
    """
    delta = (span_rad - np.pi) / 2
    early = np.maximum(delta + gamma, 1e-12)[None, :]
    late = np.maximum(delta - gamma, 1e-12)[None, :]
    rising = np.sin(np.pi / 4 * np.clip(beta[:, None] / early, 0, 2)) ** 2
    falling = np.sin(np.pi / 4 * np.clip((span_rad - beta[:, None]) / late, 0, 2)) ** 2
    return rising * falling


def is_offset(gamma: NDArray[np.float64]) -> bool:
    """Return True if the axis is so far from the middle of the detector that one side must stand in.

    Parameters
    ----------
    gamma : (n_cols,) array
        Fan angle of each column, in rad, growing.

    Returns
    -------
    bool
        True if the axis is on the detector, more than a pixel from its middle.
    """
    near, far = sorted((-gamma[0], gamma[-1]))
    return bool(near > 0 and far - near > 2 * (far + near) / gamma.size)


def offset_weights(gamma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share out the rays that a full scan with a shifted detector measures twice.

    The weight goes smoothly from 0 at the near edge of the detector to 1 where only the far side sees, as
    in Wang [1]_: w(gamma) + w(-gamma) = 1. Wang's sine spans the whole overlap; here the change is
    (1 - cos) / 2 over four times the excess of the far side at most, and one half between, which for a
    detector off by some pixels keeps the noise of a centred one.

    Parameters
    ----------
    gamma : (n_cols,) array
        Fan angle of each column, in rad, growing.

    Returns
    -------
    (n_cols,) array of float64
        Dimensionless, 0 to 1; one half everywhere if the axis is within a pixel of the middle.

    References
    ----------
    .. [1] Wang, X-ray micro-CT with a displaced detector array, Med. Phys. 29 (2002) 1634.
    """
    near, far = sorted((-gamma[0], gamma[-1]))
    if not is_offset(gamma):
        return np.full(gamma.size, 0.5)
    change = min(near, 4 * (far - near))
    outward = np.clip((np.abs(gamma) - (near - change)) / change, 0, 1)
    side = np.sign(gamma) if gamma[-1] == far else -np.sign(gamma)
    return 0.5 + 0.25 * side * (1 - np.cos(np.pi * outward))


def redundancy_weights(arc: Arc, gamma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh every view and column so that each line through the object counts once.

    Parameters
    ----------
    arc : Arc
        What the scan covers.
    gamma : (n_cols,) array
        Fan angle of each column, in rad, growing.

    Returns
    -------
    (n_theta, n_cols) or (1, n_cols) array of float64
        Dimensionless: one half for a centred full scan.
    """
    if not arc.is_full:
        return parker_weights(arc.beta, gamma, arc.span_rad)
    return offset_weights(gamma)[None, :]
