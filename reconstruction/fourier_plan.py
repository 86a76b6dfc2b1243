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
    filters : flat (n_theta, n_kept) array of float32 pairs
        Complex factor of each sample: ramp, angle of the view and phase of the axis.
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
    filters: NDArray[np.float32]
    kernel: NDArray[np.float32]
    deapodise: NDArray[np.float32]
    spans: NDArray[np.int64]
