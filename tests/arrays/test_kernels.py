import numpy as np
import pytest

from xelith.arrays import kernels, launch, to_host

SOURCE = """\
// y = a x + K, for n numbers
extern "C" __global__ void scale(const float *x, float *y, int n, float a)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = a * x[i] + K;
}
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "scale.cu"
    path.write_text(SOURCE)
    return path


def test_source_and_options_are_what_a_compiler_reads(source):
    assert kernels.cuda_source(source) == '#line 1 "scale.cu"\n' + SOURCE
    assert kernels.cuda_options({"K": 2, "A": 1}) == ("-std=c++17", "-DA=1", "-DK=2")


def test_every_item_has_its_thread(device, source):
    x = device.asarray(np.arange(11, dtype=np.float32))
    for k in (1, 5):
        y = device.full(12, -1.0, dtype=np.float32)
        launch(source, "scale", (x, y, 11, 2.0), items=(11, 1, 1), block=(4, 1, 1), constants={"K": k})
        np.testing.assert_array_equal(to_host(y), [*(2 * np.arange(11) + k), -1])


def test_a_file_is_compiled_once_for_each_set_of_constants(device, source, monkeypatch):
    made = []
    monkeypatch.setattr(device, "RawModule", lambda real=device.RawModule, **given: made.append(given) or real(**given))
    x = device.zeros(3, dtype=np.float32)
    for k in (1, 2, 1, 2):
        launch(source, "scale", (x, x, 3, 1.0), items=(3, 1, 1), block=(4, 1, 1), constants={"K": k})
    assert [given["options"][-1] for given in made] == ["-DK=1", "-DK=2"]
    launch(source, "scale", (x, x, 0, 1.0), items=(0, 1, 1), block=(4, 1, 1), constants={"K": 3})
    assert len(made) == 2  # no items, no work


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (np.zeros(3, np.float32), TypeError, "scale was given a ndarray; kernels take GPU arrays"),
        (True, TypeError, "scale was given a bool"),
        (2**31, ValueError, "given 2147483648, and its integers have 32 bits; work on fewer slices"),
        ("three", ValueError, "given a str that is not an array in C order"),
    ],
)
def test_other_arguments_are_refused(cupy_twin, source, value, kind, message):
    with pytest.raises(kind, match=message):
        launch(source, "scale", (value,), items=(1, 1, 1), block=(1, 1, 1), constants={"K": 1})


def test_an_array_in_another_order_is_refused(cupy_twin, source):
    turned = cupy_twin.zeros((3, 4), dtype=np.float32).T
    with pytest.raises(ValueError, match="not an array in C order; copy it first"):
        launch(source, "scale", (turned,), items=(1, 1, 1), block=(1, 1, 1), constants={"K": 1})


def test_the_shim_refuses_arguments_of_a_wrong_size(cuda_on_cpu):
    box, array = (1, 1, 1), np.zeros(1, np.float32)
    with pytest.raises(TypeError, match="argument 3 has a wrong size"):
        cuda_on_cpu.run(SOURCE, ("-DK=1",), "scale", box, box, (array, array, np.int64(1), np.float32(1)))
    with pytest.raises(TypeError, match="wrong number of arguments"):
        cuda_on_cpu.run(SOURCE, ("-DK=1",), "scale", box, box, (array, array))
