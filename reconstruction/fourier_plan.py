"""What all slices of a scan share in Fourier reconstruction, on the host and on a GPU."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .polar import PolarSamples


@dataclass(frozen=True)
class Plan:
    """What all slices of a scan share.

    Parameters
    ----------
    n : int
        Rows of the grid; it has n // 2 + 1 columns.
    polar : PolarSamples
        The samples of a view.
    rays : (n_theta, 2) array of float32
        Cosine and sine of each view, turned by pi where the cosine is negative.
    signs : (n_theta,) array of float32
        -1 where it was turned.
    turns : (n_theta,) array of float64
        Column of the axis in each view over the padded length: the phase of its samples, in turns a sample.
    scale : (n_theta,) array of float64
        Angle that each view stands for over the pixel, in rad cm^-1.
    kernel : flat array of float32
        Polynomials of the gridding kernel.
    deapodise : (n_cols,) array of float32
        One over the kernel's transform at the image's pixels.
    spans : (n_cols, 2) array of int64
        First column and last plus one of each image row.
    """

    n: int
    polar: PolarSamples
    rays: NDArray[np.float32]
    signs: NDArray[np.float32]
    turns: NDArray[np.float64]
    scale: NDArray[np.float64]
    kernel: NDArray[np.float32]
    deapodise: NDArray[np.float32]
    spans: NDArray[np.int64]
