"""A network made quick to look through says what it said before."""

import pytest

from xelith.segmentation.network_passes import folded, logits_within
from xelith.segmentation.unet import build_network

torch = pytest.importorskip("torch")
pytest.importorskip("monai")


@pytest.fixture(scope="module")
def network():
    """A small network whose normalisation and activation differ from where training begins."""
    torch.manual_seed(2)
    built = build_network(1, (4, 6, 8, 10))
    for part in built.modules():
        if isinstance(part, torch.nn.BatchNorm3d):
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.3, 2)
            part.weight.data.uniform_(0.5, 2)
            part.bias.data.normal_(0, 0.3)
        if isinstance(part, torch.nn.PReLU):
            part.weight.data.uniform_(-0.3, 0.4)
    return built.eval()


def test_folding_changes_no_logit(network):
    seen = torch.randn(1, 2, 32, 24, 40)
    with torch.inference_mode():
        before, after = network(seen), folded(network)(seen)
    # float32 sums of some hundred terms of size 1, in another order
    assert torch.allclose(before, after, atol=2e-4)
    kinds = {type(part) for part in folded(network).modules()}
    assert torch.nn.BatchNorm3d not in kinds and torch.nn.PReLU not in kinds
    assert any(isinstance(part, torch.nn.BatchNorm3d) for part in network.modules())  # the original is left alone


@pytest.mark.parametrize(
    "kept", [[(0, 48), (0, 40), (0, 40)], [(16, 32), (8, 25), (15, 40)], [(21, 22), (0, 3), (39, 40)]]
)
def test_what_is_kept_is_what_the_whole_network_says_there(network, kept):
    seen = torch.randn(1, 2, 48, 40, 40)
    with torch.inference_mode():
        whole, part = network(seen)[0], logits_within(network, seen, kept)
    inner = whole[(slice(None), *(slice(*span) for span in kept))]
    assert part.shape == inner.shape
    assert torch.allclose(part, inner, atol=1e-5)  # the same sums over tiles of another size


def test_less_is_computed_where_less_is_kept(network):
    sizes = []
    hook = network.model[2].register_forward_hook(lambda module, given, found: sizes.append(tuple(found.shape[2:])))
    with torch.inference_mode():
        logits_within(network, torch.randn(1, 2, 48, 48, 48), [(16, 32)] * 3)
    hook.remove()
    assert sizes == [(24, 24, 24)]
