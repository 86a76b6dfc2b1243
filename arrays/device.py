"""The namespace of an array, host or GPU, without importing CuPy where no GPU array was seen."""

import importlib
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

Array = Any
"""A NumPy or CuPy array; docstrings give its shape, unit and dtype."""


def array_namespace(*arrays: Array) -> Any:
    """Return the array module that all given arrays belong to.

    Parameters
    ----------
    *arrays : array
        NumPy or CuPy arrays of any shape.

    Returns
    -------
    module
        `array_api_compat.numpy` or `array_api_compat.cupy`.

    Raises
    ------
    TypeError
        If the arrays are split between host and GPU, or one is not an array.
    """
    try:
        return array_api_compat.array_namespace(*arrays)
    except TypeError as error:
        kinds = ", ".join(sorted({f"{type(a).__module__}.{type(a).__qualname__}" for a in arrays}))
        raise TypeError(
            f"arrays are of kinds {kinds}; all must live on one device: move them with numpy.asarray, "
            "cupy.asarray or xelith.arrays.to_host"
        ) from error


def is_on_gpu(array: Array) -> bool:
    """Tell whether an array lies on a GPU, without importing CuPy.

    Parameters
    ----------
    array : object
        Anything.

    Returns
    -------
    bool
        True for a CuPy array.
    """
    return bool(array_api_compat.is_cupy_array(array))


def gpu_bytes(share: float) -> int:
    """Return a share of the current GPU's memory.

    Parameters
    ----------
    share : float
        0 to 1, dimensionless.

    Returns
    -------
    int
        Bytes.
    """
    cupy: Any = importlib.import_module("cupy")
    return int(share * cupy.cuda.Device().mem_info[1])


def to_host(array: Array) -> NDArray[Any]:
    """Copy an array to the host; a host array is returned as it is.

    Parameters
    ----------
    array : array
        NumPy or CuPy array of any shape.

    Returns
    -------
    numpy.ndarray
        The same values on the host.
    """
    if is_on_gpu(array):
        return array.get()
    return np.asarray(array)
