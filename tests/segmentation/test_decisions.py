"""Labels and confidence from logits: the row-by-row code beside PyTorch's softmax."""

import numpy as np
import pytest

from xelith.segmentation.decisions import decide, decide_by_torch

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 17)])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
def test_the_rows_say_what_softmax_says(shape, temperature):
    rng = torch.Generator().manual_seed(3)
    logits = (8 * torch.randn(7, *shape, generator=rng)).bfloat16()
    labels, confidence = decide(logits, temperature)
    expected = torch.softmax(logits.float() / temperature, dim=0)
    assert labels.dtype == np.uint8 and confidence.dtype == np.float32
    assert np.array_equal(labels, logits.float().argmax(0).numpy())
    assert np.abs(confidence - expected.amax(0).numpy()).max() < 1e-5  # six terms of the exponential's series


def test_a_part_of_a_channels_last_tile_is_read_where_it_lies():
    tile = torch.randn(1, 7, 6, 8, 10).bfloat16().to(memory_format=torch.channels_last_3d)
    part = tile[0, :, 2:5, 1:, 3:9]
    for found, expected in zip(decide(part, 1.3), decide_by_torch(part, 1.3), strict=True):
        assert np.allclose(found, expected, atol=1e-5)


def test_equal_and_extreme_logits_give_the_first_phase_and_finite_shares():
    logits = torch.zeros(7, 1, 1, 2).bfloat16()
    logits[:, 0, 0, 1] = torch.tensor([-3e38, 3e38, 0, 0, 0, 0, 0])
    labels, confidence = decide(logits, 1.0)
    assert labels.ravel().tolist() == [0, 1]
    assert confidence.ravel() == pytest.approx([1 / 7, 1.0])
