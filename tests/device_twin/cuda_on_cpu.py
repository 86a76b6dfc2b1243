"""CUDA sources compiled by g++ and run on the CPU, called as CuPy calls a kernel."""

import ctypes
import hashlib
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

HEADER = Path(__file__).with_name("cuda_on_cpu.h")
FLAGS = ("-O2", "-march=native", "-shared", "-fPIC", "-Wall", "-Werror", "-Wno-unknown-pragmas", "-Wno-unused-function")


def compiler():
    """Path of g++, or None."""
    return shutil.which("g++")


@cache
def build_folder():
    """Folder of compiled kernels, emptied when the tests end."""
    return tempfile.TemporaryDirectory(prefix="xelith-kernels-")


@cache
def compiled(code, options):
    """Compile a CUDA source for the CPU and load it."""
    names = re.findall(r'extern "C" __global__ void (\w+)\(', code)
    entries = [
        f'extern "C" int walk_{name}(const unsigned *grid, const unsigned *block, void **arguments, '
        f"const std::size_t *sizes, int count) {{ return walk({name}, grid, block, arguments, sizes, count); }}"
        for name in names
    ]
    text = "\n".join([f'#include "{HEADER}"', code, *entries])
    stem = Path(build_folder().name) / hashlib.sha256((text + str(options)).encode()).hexdigest()[:16]
    source, library = stem.with_suffix(".cpp"), stem.with_suffix(".so")
    source.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [compiler(), *FLAGS, *options, "-o", library, source], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"g++ refuses the kernel:\n{done.stderr}")
    return ctypes.CDLL(str(library))


def run(code, options, name, grid, block, arguments):
    """Run one kernel over all blocks and threads; arguments are NumPy arrays and NumPy scalars."""
    if np.prod(block) > 1024:
        raise RuntimeError(f"a block of {block} threads is more than a GPU takes")
    held, sizes = [], []
    for value in arguments:
        if isinstance(value, np.ndarray):
            held.append(ctypes.c_void_p(value.ctypes.data))
            sizes.append(8)
        elif isinstance(value, np.generic):
            held.append(ctypes.create_string_buffer(value.tobytes(), value.itemsize))
            sizes.append(value.itemsize)
        else:
            raise TypeError(f"kernel argument {value!r} has no size; give a NumPy scalar")
    pointers = (ctypes.c_void_p * len(held))(*[ctypes.addressof(value) for value in held])
    boxes = [(ctypes.c_uint * 3)(*[int(n) for n in box]) for box in (grid, block)]
    entry = getattr(compiled(code, tuple(options)), f"walk_{name}")
    wrong = entry(*boxes, pointers, (ctypes.c_size_t * len(sizes))(*sizes), len(held))
    if wrong:
        raise TypeError(f"{name}: {'wrong number of arguments' if wrong < 0 else f'argument {wrong} has a wrong size'}")
