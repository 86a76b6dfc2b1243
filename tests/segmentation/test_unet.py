"""What the network sees is alike for every energy; its weights travel as bytes, and wrong ones are refused."""

from dataclasses import replace

import numpy as np
import pytest

from xelith.segmentation.unet import (
    Reference,
    Weights,
    build_network,
    features,
    fewer_scans,
    network_of,
    shipped_weights,
    weights_bytes,
    weights_from_bytes,
    weights_of,
)

torch = pytest.importorskip("torch")
pytest.importorskip("monai")
safetensors = pytest.importorskip("safetensors")


def test_features_do_not_depend_on_the_scale_of_mu():
    mu = np.random.default_rng(1).normal(1.0, 2.0, (4, 5, 6)).astype(np.float32)
    seen = features([mu], [Reference(1.2, 60.0)])
    again = features([2.5 * mu], [Reference(3.0, 150.0)])
    assert seen.shape == (2, 4, 5, 6) and seen.dtype == np.float32
    np.testing.assert_allclose(again, seen, rtol=1e-5, atol=1e-6)  # float32 products in another order


def test_features_are_one_at_their_references_and_cut_beyond():
    mu = np.array([1.2, 60.0, 1e4, -1e4], np.float32).reshape(1, 1, 4)
    light, dense = features([mu], [Reference(1.2, 60.0)])
    np.testing.assert_allclose(light.ravel(), [1.0, 4.0, 4.0, -2.0], rtol=1e-6)
    np.testing.assert_allclose(dense.ravel(), [0.02, 1.0, 3.0, -0.5], rtol=1e-6)


@pytest.mark.parametrize("levels", [(0.0, 60.0), (2.0, 1.0), (-1.0, 5.0)])
def test_references_in_the_wrong_order_are_refused(levels):
    with pytest.raises(ValueError, match="light level .* above 0, and the electrolyte above that"):
        Reference(*levels)


def test_weights_come_back_from_their_bytes():
    network = build_network(1)
    weights = weights_of(network, ["xenon"], temperature=1.3, steps="7")
    back = weights_from_bytes(weights_bytes(weights))
    assert back.scans == ("xenon",) and back.temperature == 1.3 and back.notes == {"steps": "7"}
    assert sum(a.size for a in back.tensors.values()) < 1.5e6
    assert len(weights_bytes(weights)) < 6e6
    twin = network_of(back)
    seen = torch.randn(1, 2, 16, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        difference = (twin(seen) - network.eval()(seen)).abs().max()
    assert difference < 2e-2  # parameters are kept as float16: 5e-4 of each, through a dozen layers


def test_strange_files_and_weights_of_another_network_are_refused():
    with pytest.raises(ValueError, match="no safetensors file"):
        weights_from_bytes(b"not weights at all")
    strange = safetensors.numpy.save({"a": np.zeros(3, np.float32)}, metadata={"format": "pt"})
    with pytest.raises(ValueError, match="kind 'pt'"):
        weights_from_bytes(strange)
    one = weights_of(build_network(1), ["xenon"])
    for absurd in ((8, 16, 24, 10**9), (8, 16)):
        with pytest.raises(ValueError, match="4 numbers from 1 to 1024 are allowed"):
            weights_from_bytes(weights_bytes(replace(one, channels=absurd)))
    with pytest.raises(ValueError, match=r"sees 4 channels \(theirs sees 2\)"):
        network_of(Weights(one.tensors, ("argon", "xenon")))


def test_weights_say_how_wide_their_network_is():
    narrow = weights_of(build_network(1, (8, 16, 24, 32)), ["xenon"])
    content = weights_bytes(narrow)
    back = weights_from_bytes(content)
    assert back.channels == (8, 16, 24, 32)
    network_of(back)
    older = weights_from_bytes(safetensors.numpy.save(dict(back.tensors), metadata=OLDER))
    assert older.channels == (16, 32, 64, 96)  # of the first weights, which did not say


OLDER = {"format": "xelith.unet/1", "scans": "xenon", "temperature": "1.0"}


def test_a_network_for_one_scan_can_begin_with_one_for_two():
    two = weights_of(build_network(2), ["argon", "xenon"])
    one = fewer_scans(two, ["xenon"])
    network, seen = network_of(one), torch.zeros(1, 4, 16, 16, 16)
    seen[:, 2:] = torch.randn(1, 2, 16, 16, 16, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(network(seen[:, 2:]), network_of(two)(seen))  # argon is nought: it adds nothing
    with pytest.raises(ValueError, match="know nothing of krypton"):
        fewer_scans(two, ["krypton"])


def test_no_weights_ship_for_argon_alone():
    with pytest.raises(ValueError, match="no weights ship for argon"):
        shipped_weights(["argon"])
