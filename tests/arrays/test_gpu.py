import sys
import threading
from dataclasses import dataclass

import numpy as np
import pytest

from xelith.arrays import gpu, is_on_gpu, open_device, thread_map
from xelith.arrays.gpu import Gpu, Host, gpu_problem


@dataclass(frozen=True)
class Answer:
    """What a step may return."""

    image: object
    pair: tuple
    count: int


def test_the_host_moves_nothing():
    image = np.ones(3)
    assert Host().run(lambda array: array, image) is image
    assert open_device("cpu").name == "CPU"


def test_auto_is_the_cpu_without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(gpu.importlib.util, "find_spec", lambda name: None)
    gpu._opened.cache_clear()
    assert isinstance(open_device("auto"), Host)
    with pytest.raises(ValueError, match=r"device is gpu, and CuPy is not installed; pip install 'xelith\[cuda13\]'"):
        open_device("gpu")
    gpu._opened.cache_clear()


def test_auto_is_the_cpu_without_a_device(cupy_twin, monkeypatch):
    monkeypatch.setattr(cupy_twin.cuda, "is_available", lambda: False)
    assert isinstance(open_device("auto"), Host)
    with pytest.raises(ValueError, match="CuPy sees no CUDA device; see that nvidia-smi lists one.*or set device: cpu"):
        open_device("gpu")


def test_a_gpu_is_opened_once_and_asks_for_its_memory_once(device):
    assert gpu_problem() is None
    opened = list(thread_map(open_device, ["auto", "auto"], threads=2))
    assert opened[0] is opened[1]
    assert isinstance(opened[0], Gpu)
    assert opened[0].name


def test_arrays_go_up_and_come_down(device):
    rng = np.random.default_rng(0)
    images = [rng.normal(size=(5, 4, 3)).astype(np.float32), rng.integers(0, 9, (2, 2)), np.array([True, False])]

    def work(*there):
        assert all(is_on_gpu(array) for array in there)
        return Answer(there[0].swapaxes(0, 2), (there[1] + 1, there[2], "word"), 7)

    for _ in range(2):  # the second time the buffer is there already
        answer = open_device("gpu").run(work, *images)
        np.testing.assert_array_equal(answer.image, images[0].swapaxes(0, 2))
        np.testing.assert_array_equal(answer.pair[0], images[1] + 1)
        np.testing.assert_array_equal(answer.pair[1], images[2])
        assert answer.pair[2] == "word"
        assert answer.count == 7
        assert answer.pair[1].dtype == bool


def test_results_of_one_lane_do_not_share_memory(device):
    run = open_device("gpu").run
    first = run(lambda a: a + 1, np.zeros(4, np.float32))
    second = run(lambda a: a + 2, np.zeros(4, np.float32))
    np.testing.assert_array_equal(first, 1)
    np.testing.assert_array_equal(second, 2)


def test_blocks_overlap_as_far_as_there_are_lanes(cupy_twin):
    together = threading.Barrier(gpu.LANES, timeout=30)
    cupy_twin.cuda.Stream.most = 0

    def work(array):
        together.wait()  # passes only if as many blocks as lanes are at work
        return array

    run = open_device("gpu").run
    list(thread_map(lambda k: run(work, np.full(2, k)), range(2 * gpu.LANES), threads=2 * gpu.LANES))
    assert cupy_twin.cuda.Stream.most == gpu.LANES


def test_blocks_wait_for_memory_and_a_giant_runs_alone(cupy_twin):
    run, budget = open_device("gpu").run, int(gpu.SHARE * cupy_twin.cuda.Device().mem_info[0])
    assert cupy_twin.get_default_memory_pool().limit == budget
    inside, most, guard = [], [], threading.Lock()

    def work(array):
        with guard:
            inside.append(1)
            most.append(len(inside))
        threading.Event().wait(0.01)
        with guard:
            inside.pop()
        return array

    for needs, together in ((budget // 2, 2), (budget, 1), (3 * budget, 1)):
        most.clear()
        list(thread_map(lambda k, needs=needs: run(work, np.full(2, k), needs=needs), range(6), threads=6))
        assert max(most) <= together


def test_too_little_memory_is_said_and_the_host_helps_out(cupy_twin, caplog):
    def work(array):
        if is_on_gpu(array):
            raise MemoryError("out of 5 GiB")
        return array + 1

    device = open_device("gpu")
    for _ in range(2 * gpu.LANES):  # every lane is free again afterwards
        np.testing.assert_array_equal(device.run(work, np.zeros(3)), 1)
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 1
    assert "has 5.1 GiB for blocks" in warnings[0]
    assert "out of 5 GiB" in warnings[0]
    assert "lower compute.memory_gib" in warnings[0]


def test_a_broken_installation_is_said_and_auto_goes_on(cupy_twin, monkeypatch, caplog):
    def broken(array):
        raise RuntimeError("failed to load libcufft")

    monkeypatch.setattr(cupy_twin.fft, "rfft", broken)
    assert isinstance(open_device("auto"), Host)
    assert "the GPU is not used: CuPy fails here (RuntimeError: failed to load libcufft)" in caplog.text
    with pytest.raises(ValueError, match="device is gpu, and CuPy fails here.*install the one that fits the driver"):
        open_device("gpu")


def test_a_card_that_sums_wrongly_is_not_used(cupy_twin, monkeypatch):
    monkeypatch.setattr(cupy_twin.fft, "rfft", lambda array: array * 0)
    assert "sums 1 to 8 wrongly" in gpu_problem()


def test_gpus_go_by_the_names_they_were_given(cupy_twin, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(cupy_twin.cuda.runtime, "getDeviceCount", lambda: 2, raising=False)
    assert gpu.visible_gpus() == ("0", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-8f")
    assert gpu.visible_gpus() == ("3", "GPU-8f")
    monkeypatch.setattr(cupy_twin.cuda.runtime, "getDeviceCount", lambda: 1 / 0)
    assert gpu.visible_gpus() == ()
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert gpu.visible_gpus() == ()
