"""Work on blocks that lie on the host: here, or up on a GPU, worked on and down again, several blocks at a time.

While one block is computed, others are read, copied and written: each has a stream and a pinned buffer of its own, and
the caller's threads do the rest. Device memory is asked for once and kept by CuPy's pool.
"""

import importlib
import importlib.util
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .device import Array, is_on_gpu

log = logging.getLogger(__name__)

T = TypeVar("T")

LANES = 3
"""Blocks on the GPU at a time: one goes up, one is worked on, one comes down."""

PLANS = 4
"""FFT plans that a thread keeps: their work areas take memory, and a scan needs two or three."""

SHARE = 0.85
"""Share of the free device memory that blocks may take."""


class Device(Protocol):
    """Where blocks are worked on."""

    @property
    def name(self) -> str:
        """What the device is called."""
        ...

    def run(self, work: Callable[..., T], *arrays: NDArray[Any], needs: int = 0) -> T:
        """Call a function with arrays on the device; arrays in its result are brought to the host.

        Parameters
        ----------
        work : callable
            Takes the arrays.
        *arrays : array
            On the host.
        needs : int
            Bytes of device memory that the call takes, estimated.

        Returns
        -------
        object
            What the function returns.
        """
        ...


class Host:
    """The host itself: nothing is moved."""

    name = "CPU"

    def run(self, work: Callable[..., T], *arrays: NDArray[Any], needs: int = 0) -> T:
        """Call a function.

        Parameters
        ----------
        work : callable
            Takes the arrays.
        *arrays : array
            On the host.
        needs : int
            Not looked at.

        Returns
        -------
        object
            What the function returns.
        """
        return work(*arrays)


def gpu_problem() -> str | None:
    """Say why no GPU can be used, and what to do.

    Returns
    -------
    str or None
        None if CuPy sees a device.
    """
    if importlib.util.find_spec("cupy") is None:
        return (
            "CuPy is not installed; pip install 'xelith[cuda13]' or 'xelith[cuda12]', the one that nvidia-smi names "
            "as its CUDA version"
        )
    try:
        cupy: Any = importlib.import_module("cupy")
        if not cupy.cuda.is_available():
            return "CuPy sees no CUDA device; see that nvidia-smi lists one and CUDA_VISIBLE_DEVICES does not hide it"
        spectrum = cupy.fft.rfft(cupy.arange(8, dtype=cupy.float32) + 1)  # needs the driver, the compiler and cuFFT
        is_right = abs(float(spectrum[0].real) - 36) < 1e-3
    except Exception as error:  # whatever driver, libraries and card may raise
        return f"CuPy fails here ({type(error).__name__}: {error}); install the one that fits the driver, with [ctk]"
    return None if is_right else "CuPy sums 1 to 8 wrongly here; see that driver and CuPy fit together"


def visible_gpus() -> tuple[str, ...]:
    """Name the GPUs that this process may use, for processes that are to have one each.

    Returns
    -------
    tuple of str
        By the names that CUDA_VISIBLE_DEVICES takes; empty where CuPy is missing or sees none.
    """
    if importlib.util.find_spec("cupy") is None:
        return ()
    try:
        number = int(importlib.import_module("cupy").cuda.runtime.getDeviceCount())
    except Exception:  # whatever a driver that is missing or old may raise
        return ()
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return tuple(named[:number]) if named[0] else tuple(map(str, range(number)))


_OPENING = threading.Lock()


def open_device(kind: str) -> Device:
    """Return the device that blocks are worked on, one for a process.

    Parameters
    ----------
    kind : {"auto", "cpu", "gpu"}
        auto is the GPU where CuPy sees one.

    Returns
    -------
    Device
        Host or GPU.

    Raises
    ------
    ValueError
        If a GPU is asked for and cannot be used.
    """
    with _OPENING:  # blocks on several threads ask at once
        return _opened(kind)


@cache
def _opened(kind: str) -> Device:
    """Open a device once."""
    if kind == "cpu":
        return Host()
    problem = gpu_problem()
    if problem is None:
        return Gpu()
    if kind == "gpu":
        raise ValueError(f"compute.device is gpu, and {problem}, or set device: cpu")
    if importlib.util.find_spec("cupy") is not None:
        log.warning("the GPU is not used: %s", problem)
    return Host()


class Gpu:
    """The current GPU, its streams and its memory."""

    def __init__(self) -> None:
        self._has_warned = False
        self._cupy: Any = importlib.import_module("cupy")
        properties = self._cupy.cuda.runtime.getDeviceProperties(self._cupy.cuda.Device().id)
        self.name = str(properties["name"].decode())
        self._budget = int(SHARE * self._cupy.cuda.Device().mem_info[0])
        self._cupy.get_default_memory_pool().set_limit(size=self._budget)
        self._used = 0
        self._room = threading.Condition()
        self._turns = threading.Semaphore(LANES)
        self._own = threading.local()

    def run(self, work: Callable[..., T], *arrays: NDArray[Any], needs: int = 0) -> T:
        """Call a function with arrays on the GPU; arrays in its result are brought to the host.

        Where the device's memory does not suffice, the function is called on the host instead, and a warning says so.

        Parameters
        ----------
        work : callable
            Takes the arrays, on either device.
        *arrays : array
            On the host.
        needs : int
            Bytes of device memory that the call takes, estimated: it waits until there is room, and runs alone where
            there never is.

        Returns
        -------
        object
            What the function returns; arrays inside tuples and dataclasses are brought to the host as well.
        """
        with self._reserved(needs), self._lane() as lane:
            try:
                with lane.stream:
                    return lane.down(work(*[lane.up(array) for array in arrays]))
            except MemoryError as error:
                self._cupy.get_default_memory_pool().free_all_blocks()
                self._warn_once(error)
        return work(*arrays)

    def _warn_once(self, error: MemoryError) -> None:
        """Say that blocks are too large, and what to do."""
        if not self._has_warned:
            log.warning(
                "%s has %.1f GiB for blocks, and a block takes more (%s): the CPU works on it; lower "
                "compute.memory_gib, so that blocks are smaller",
                self.name,
                self._budget / 2**30,
                error,
            )
        self._has_warned = True

    @contextmanager
    def _reserved(self, needs: int) -> Iterator[None]:
        """Wait until the memory that is wanted is free, or nobody else has any."""
        with self._room:
            self._room.wait_for(lambda: self._used == 0 or self._used + needs <= self._budget)
            self._used += max(needs, 1)
        try:
            yield
        finally:
            with self._room:
                self._used -= max(needs, 1)
                self._room.notify_all()

    @contextmanager
    def _lane(self) -> Iterator["_Lane"]:
        """Wait for a turn, and take the lane of this thread.

        A lane stays with its thread because CuPy keeps FFT plans by thread: their work areas then belong to one stream,
        and none is freed while another stream uses it.
        """
        with self._turns:
            if not hasattr(self._own, "lane"):
                self._own.lane = _Lane(self._cupy)
                self._cupy.fft.config.set_plan_cache_size(PLANS)
            yield self._own.lane


class _Lane:
    """A stream, and a pinned buffer through which arrays go up and come down."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._cupyx: Any = importlib.import_module("cupyx")
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self._buffer: NDArray[np.uint8] = np.empty(0, np.uint8)

    def _pinned(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """The buffer as an array; it grows where it must, and is kept."""
        size = int(np.prod(shape)) * dtype.itemsize
        if self._buffer.nbytes < size:
            self._buffer = self._cupyx.empty_pinned((size,), np.uint8)
        return self._buffer[:size].view(dtype).reshape(shape)

    def up(self, array: NDArray[Any]) -> Array:
        """Copy an array to the device."""
        held = self._pinned(array.shape, array.dtype)
        held[...] = array
        there = self._cupy.empty(array.shape, dtype=array.dtype)
        there.set(held)
        self.stream.synchronize()
        return there

    def down(self, value: T) -> T:
        """Bring the arrays in a result to the host."""
        if is_on_gpu(value):
            return self._array_down(value)
        if is_dataclass(value) and not isinstance(value, type):
            parts = {field.name: getattr(value, field.name) for field in fields(value)}
            return replace(value, **{name: self.down(part) for name, part in parts.items()})  # type: ignore[return-value]
        if isinstance(value, tuple):
            return tuple(self.down(part) for part in value)  # type: ignore[return-value]
        return value

    def _array_down(self, array: Any) -> Any:
        """Copy an array to the host, into memory of its own."""
        held = self._pinned(array.shape, array.dtype)
        self._cupy.ascontiguousarray(array).get(out=held)
        self.stream.synchronize()
        return held.copy()
