"""CUDA kernels from `.cu` files: compiled once by CuPy at run time, launched over a box of items."""

import importlib
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Box = tuple[int, int, int]
"""Number of items, or of threads in a block, along x, y and z."""

LARGEST_INT = 2**31 - 1


def cuda_source(path: Path) -> str:
    """Read a kernel file, so that a compiler's messages name it and its lines.

    Parameters
    ----------
    path : Path
        The `.cu` file.

    Returns
    -------
    str
        Its text behind a `#line` directive.
    """
    return f'#line 1 "{path.name}"\n{path.read_text(encoding="utf-8")}'


def cuda_options(constants: Mapping[str, int]) -> tuple[str, ...]:
    """Return the options that a kernel file is compiled with.

    Parameters
    ----------
    constants : mapping
        Names and values that are fixed when it is compiled, such as slices a thread.

    Returns
    -------
    tuple of str
        For NVRTC.
    """
    return ("-std=c++17", *(f"-D{name}={value}" for name, value in sorted(constants.items())))


def launch(
    path: Path,
    function: str,
    arguments: Sequence[Any],
    *,
    items: Box,
    block: Box,
    constants: Mapping[str, int] | None = None,
) -> None:
    """Run a kernel on the current device and stream, one thread for each item, without waiting for it.

    The file is compiled when it is first used with these constants. CuPy is imported here and nowhere else.

    Parameters
    ----------
    path : Path
        The `.cu` file.
    function : str
        Name of the kernel in it, declared `extern "C"`.
    arguments : sequence
        In order: CuPy arrays in C order, Python integers (32 bit) and floats (single precision).
    items : (int, int, int)
        Threads wanted along x, y and z; blocks may overhang.
    block : (int, int, int)
        Threads of a block, 1024 in all at most.
    constants : mapping, optional
        Names and integers fixed when the file is compiled.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If an array is not in C order, or an integer does not fit 32 bits.
    """
    if 0 in items:
        return
    compiled = _compiled(path, tuple(sorted((constants or {}).items())))
    grid = tuple(math.ceil(n / size) for n, size in zip(items, block, strict=True))
    compiled.get_function(function)(grid, block, tuple(_checked(value, function) for value in arguments))


@cache
def _compiled(path: Path, constants: tuple[tuple[str, int], ...]) -> Any:
    """CuPy's module of a file, one for each set of constants."""
    cupy: Any = importlib.import_module("cupy")
    return cupy.RawModule(code=cuda_source(path), options=cuda_options(dict(constants)))


def _checked(value: Any, function: str) -> Any:
    """Give an argument the type that kernels take."""
    if isinstance(value, bool | np.ndarray):
        raise TypeError(f"{function} was given a {type(value).__name__}; kernels take GPU arrays, integers and floats")
    if isinstance(value, int | np.integer):
        if abs(int(value)) > LARGEST_INT:
            raise ValueError(
                f"{function} was given {value}, and its integers have 32 bits; work on fewer slices at once"
            )
        return np.int32(value)
    if isinstance(value, float | np.floating):
        return np.float32(value)
    flags = getattr(value, "flags", None)
    if flags is None or not flags.c_contiguous:
        raise ValueError(
            f"{function} was given a {type(value).__name__} that is not an array in C order; copy it first"
        )
    return value
