"""Every CUDA file, compiled by NVRTC for three generations of cards; needs the compiler, not a card."""

import re

import pytest

from xelith.arrays.kernels import cuda_options, cuda_source
from xelith.reconstruction import cone_cuda, fbp_cuda, fourier_cuda
from xelith.reconstruction.gridding import TAPS

FILES = {
    fbp_cuda.KERNEL: {"SLICES": fbp_cuda.SLICES},
    fourier_cuda.KERNEL: {"SLICES": fourier_cuda.SLICES, "TAPS": TAPS, "DEGREE": fourier_cuda.DEGREE},
    cone_cuda.KERNEL: {"SLICES": cone_cuda.SLICES},
}


def compiled(nvrtc, path, options):
    """Return success, the compiler's messages and the machine code."""
    _, program = nvrtc.nvrtcCreateProgram(cuda_source(path).encode(), path.name.encode(), 0, [], [])
    flags = [option.encode() for option in options]
    (status,) = nvrtc.nvrtcCompileProgram(program, len(flags), flags)
    text = bytearray(nvrtc.nvrtcGetProgramLogSize(program)[1])
    nvrtc.nvrtcGetProgramLog(program, text)
    is_good = status == nvrtc.nvrtcResult.NVRTC_SUCCESS
    code = bytearray(nvrtc.nvrtcGetCUBINSize(program)[1] if is_good else 0)
    if is_good:
        nvrtc.nvrtcGetCUBIN(program, code)
    return is_good, text.decode(), bytes(code)


def test_no_file_is_left_out():
    assert set(FILES) == set(fbp_cuda.KERNEL.parent.glob("*.cu"))


@pytest.mark.compiler
@pytest.mark.parametrize("card", ["sm_80", "sm_90", "sm_100"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nvrtc_takes_the_file_and_registers_suffice(nvrtc, path, card):
    options = (*cuda_options(FILES[path]), f"--gpu-architecture={card}", "--ptxas-options=-v")
    is_good, messages, code = compiled(nvrtc, path, options)
    assert is_good, messages
    assert code.startswith(b"\x7fELF")
    names = re.findall(r'extern "C" __global__ void (\w+)\(', path.read_text())
    assert names and all(name.encode() in code for name in names)
    assert "warning" not in messages
    spills = re.findall(r"(\d+) bytes spill", messages)
    assert spills and set(spills) == {"0"}, messages


@pytest.mark.compiler
def test_messages_name_the_file_and_its_line(nvrtc, tmp_path):
    path = tmp_path / "broken.cu"
    path.write_text('extern "C" __global__ void broken(float *x)\n{\n    x[0] = nothing;\n}\n')
    is_good, messages, _ = compiled(nvrtc, path, (*cuda_options({}), "--gpu-architecture=sm_90"))
    assert not is_good
    assert 'broken.cu(3): error: identifier "nothing" is undefined' in messages


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_head_states_layouts_launch_and_boundary(path):
    head = path.read_text().split("\n\nstatic_assert")[0].split('\nextern "C"')[0]
    for word in ("Layouts, C order:", "// Launch: ", "// Boundary: ", "64 bit"):
        assert word in head
