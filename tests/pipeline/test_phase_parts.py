"""How slabs are cut into parts while they are labelled, so that memory holds."""

from dataclasses import replace

import pytest

from xelith.pipeline import phase_map, phase_task
from xelith.pipeline.compute import Compute
from xelith.pipeline.phase_task import PhasesTask
from xelith.pipeline.planning import slabs_at_once
from xelith.pipeline.store import ImageLayout


@pytest.mark.parametrize("memory_gib", [1, 8, 64])
def test_two_slabs_at_a_time_fit_the_memory(memory_gib):
    layout = ImageLayout((2160, 2560, 2560), 1.0, 8, 4)
    task = PhasesTask({}, None, None, None, None, layout, ("labels", "lithium"))
    fitted = task.within(phase_map.PART_OF_MEMORY * memory_gib * 2**30)
    assert 2 * fitted.slab_bytes <= 0.8 * memory_gib * 2**30
    assert slabs_at_once(Compute(memory_gib=memory_gib), fitted.slab_bytes, threaded=2) == 2
    assert task.slab_bytes > 16 * 2**30  # without parts


def test_a_network_s_bodies_are_judged_in_whole_slabs(tmp_path):
    layout = ImageLayout((64, 512, 512), 1.0, 8, 1)
    task = PhasesTask({}, None, tmp_path, None, None, layout, ("labels", "lithium"))
    assert task.within(0.0) is task
    assert replace(task, network=None).within(0.0).part_px == phase_task.SMALLEST_PART
