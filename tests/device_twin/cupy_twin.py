"""A CuPy that keeps its arrays on the host: same names, same refusals, kernels run by `cuda_on_cpu`.

What CuPy refuses is refused: mixing with NumPy arrays, silent copies to the host, names that it has not. So code that
runs on these arrays does not leave the device unasked, and its kernels get arguments of the right size.
"""

import importlib.machinery
import operator
import types

import numpy as np
import scipy.fft
import scipy.ndimage

FUNCTIONS = """
abs all any arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argsort array_equal bincount
broadcast_arrays broadcast_shapes broadcast_to ceil clip concatenate copy cos count_nonzero cumprod cumsum diff dot
empty empty_like equal exp expand_dims expm1 eye flatnonzero flip floor full full_like greater hypot interp invert
isfinite isin isinf isnan left_shift less linspace log log1p logical_and logical_not logical_or matmul max maximum mean
median meshgrid min minimum mod moveaxis multiply nan_to_num nonzero ones ones_like outer pad percentile power prod
put_along_axis ravel repeat reshape right_shift roll round searchsorted sign sin sort sqrt squeeze stack std subtract
sum swapaxes take take_along_axis tan tanh tensordot tile transpose trunc unique var where zeros zeros_like
"""
CONSTANTS = """
bool_ complex128 complex64 dtype e finfo float32 float64 iinfo inf int16 int32 int64 int8 integer intp isdtype
issubdtype nan newaxis pi uint16 uint32 uint64 uint8
"""
METHODS = """
all any argmax argmin argsort astype clip conj copy cumsum dot fill item max mean min nonzero prod ravel repeat reshape
round sort squeeze std sum swapaxes take tolist transpose var view
"""
BINARY = "add sub mul truediv floordiv mod pow and or xor lshift rshift matmul"
COMPARE = "lt le eq ne gt ge"
FFT = "fft ifft fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft fftfreq rfftfreq fftshift ifftshift"
NDIMAGE = """
binary_closing binary_dilation binary_erosion binary_fill_holes binary_opening convolve convolve1d
distance_transform_edt gaussian_filter gaussian_filter1d generate_binary_structure grey_closing grey_dilation
grey_erosion label map_coordinates maximum maximum_filter mean median_filter
minimum minimum_filter shift sum uniform_filter uniform_filter1d zoom
"""
LINALG = "cholesky eigh inv lstsq matrix_rank norm pinv qr slogdet solve svd"


class ndarray:
    """An array on the pretend device."""

    __array_ufunc__ = None
    __hash__ = None

    def __init__(self, host):
        self._host = host

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def get(self, stream=None, out=None):
        """Copy to the host."""
        if out is None:
            return self._host.copy()
        out[...] = self._host
        return out

    def set(self, values, stream=None):
        """Copy from the host."""
        self._host[...] = values

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    flags = property(lambda self: self._host.flags)
    device = property(lambda self: Device())
    T = property(lambda self: ndarray(self._host.T))
    real = property(lambda self: ndarray(self._host.real))
    imag = property(lambda self: ndarray(self._host.imag))

    def __getitem__(self, index):
        return wrapped(np.asarray(self._host[unwrapped(index)]))

    def __setitem__(self, index, value):
        self._host[unwrapped(index)] = unwrapped(value)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (ndarray(np.asarray(part)) for part in self._host)

    def __repr__(self):
        return f"twin of {self._host!r}"


def wrapped(value):
    """Put NumPy's answer on the device."""
    if isinstance(value, np.ndarray | np.generic):
        return ndarray(np.asarray(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(wrapped, value))
    return type(value)(map(wrapped, value)) if isinstance(value, tuple | list) else value


def unwrapped(value):
    """Take arguments off the device; NumPy arrays are refused, as CuPy refuses them."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        return type(value)(map(unwrapped, value))
    return value


def on_device(function):
    """Let a NumPy function take and return arrays on the device."""

    def call(*args, **kwargs):
        return wrapped(function(*unwrapped(args), **{key: unwrapped(value) for key, value in kwargs.items()}))

    call.__name__ = getattr(function, "__name__", "call")
    return call


def _method(name):
    return lambda self, *args, **kwargs: on_device(getattr(self._host, name))(*args, **kwargs)


def _operator(name, *, swapped=False):
    function = getattr(operator, {"and": "and_", "or": "or_"}.get(name, name))

    def call(self, other):
        pair = (self._host, unwrapped(other))
        return wrapped(function(*(pair[::-1] if swapped else pair)))

    return call


def _in_place(name):
    function = getattr(operator, "i" + name)

    def call(self, other):
        function(self._host, unwrapped(other))
        return self

    return call


for _name in METHODS.split():
    setattr(ndarray, _name, _method(_name))
for _name in BINARY.split():
    setattr(ndarray, f"__{_name}__", _operator(_name))
    setattr(ndarray, f"__r{_name}__", _operator(_name, swapped=True))
    setattr(ndarray, f"__i{_name}__", _in_place(_name))
for _name in COMPARE.split():
    setattr(ndarray, f"__{_name}__", _operator(_name))
for _name in ("neg", "pos", "abs", "invert", "index", "int", "float", "bool", "complex"):
    setattr(ndarray, f"__{_name}__", lambda self, _name=_name: wrapped(getattr(self._host, f"__{_name}__")()))


def _from_host(make):
    return lambda values, dtype=None, **kwargs: ndarray(
        make(values._host if isinstance(values, ndarray) else _host_values(values), dtype=dtype, **kwargs)
    )


def _host_values(values):
    return unwrapped(values) if isinstance(values, tuple | list) else values


class RawModule:
    """Kernels of a source, run on the CPU."""

    def __init__(self, *, code, options=()):
        self._source = (code, options)

    def get_function(self, name):
        """Return the kernel: called as (grid, block, arguments)."""
        from_host = cuda_on_cpu.run  # noqa: F821 (given by the loader)
        return lambda grid, block, arguments: from_host(*self._source, name, grid, block, unwrapped(arguments))


class Stream:
    """A queue of work that is done at once; it tells how many are entered at a time."""

    inside, most = 0, 0

    def __init__(self, non_blocking=False):
        pass

    def __enter__(self):
        Stream.inside += 1
        Stream.most = max(Stream.most, Stream.inside)
        return self

    def __exit__(self, *error):
        Stream.inside -= 1
        return False

    def synchronize(self):
        """Nothing to wait for."""


class Device:
    """The only device."""

    id = 0

    def __init__(self, number=None):
        self.number = number

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    mem_info = (6 * 2**30, 8 * 2**30)


class MemoryPool:
    """Remembers the limit it was given."""

    limit = None

    def set_limit(self, size=None, fraction=None):
        """Set the most that may be allocated."""
        self.limit = size

    def free_all_blocks(self):
        """Free nothing."""


def _module(name, **content):
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__dict__.update(content)
    return module


def modules(cuda_on_cpu):
    """Return the modules to put into `sys.modules`, by name."""
    globals()["cuda_on_cpu"] = cuda_on_cpu
    pool = MemoryPool()
    device = _module("cupy.cuda.device", Device=Device)
    cuda = _module(
        "cupy.cuda",
        device=device,
        Device=Device,
        Stream=Stream,
        is_available=lambda: True,
        runtime=_module("cupy.cuda.runtime", getDeviceProperties=lambda number: {"name": b"twin of a device"}),
    )
    config = _module("cupy.fft.config", set_plan_cache_size=lambda size: None)
    fft = _module("cupy.fft", config=config, **{name: on_device(getattr(np.fft, name)) for name in FFT.split()})
    linalg = _module("cupy.linalg", **{name: on_device(getattr(np.linalg, name)) for name in LINALG.split()})
    cupy = _module(
        "cupy",
        ndarray=ndarray,
        RawModule=RawModule,
        array=_from_host(np.array),
        asarray=_from_host(np.asarray),
        ascontiguousarray=on_device(np.ascontiguousarray),
        asnumpy=lambda a: a.get(),
        get_default_memory_pool=lambda: pool,
        cuda=cuda,
        fft=fft,
        linalg=linalg,
        **{name: on_device(getattr(np, name)) for name in FUNCTIONS.split()},
        **{name: getattr(np, name) for name in CONSTANTS.split()},
    )
    ndimage = _module(
        "cupyx.scipy.ndimage",
        **{name: on_device(getattr(scipy.ndimage, name)) for name in NDIMAGE.split()},
    )
    cosine = _module("cupyx.scipy.fft", dctn=on_device(scipy.fft.dctn), idctn=on_device(scipy.fft.idctn))
    science = _module("cupyx.scipy", ndimage=ndimage, fft=cosine)
    cupyx = _module("cupyx", scipy=science, empty_pinned=np.empty)
    every = (cupy, cuda, device, config, fft, linalg, cupyx, science, ndimage, cosine)
    return {module.__name__: module for module in every}
