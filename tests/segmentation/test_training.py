"""The loss passes over what is not labelled; training goes on where it was stopped."""

import numpy as np
import pytest

from xelith.materials import Phase
from xelith.segmentation.training import Plan, Trainer, masked_loss
from xelith.segmentation.unet import build_network

torch = pytest.importorskip("torch")
pytest.importorskip("monai")
EXACT = Plan(rate=5e-3, warm_up=1, half_precision=False)


def _batch(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, 5, (2, 16, 16, 16)).astype(np.uint8)
    labels[:, :8] = labels[:, :1, :1, :1]
    inputs = np.stack([labels, -labels.astype(int)], axis=1).astype(np.float32)
    return inputs, labels


def test_unlabelled_voxels_change_neither_loss_nor_gradient():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(1, 7, 4, 4, 4, generator=generator, requires_grad=True)
    labels = torch.randint(1, 5, (1, 4, 4, 4), generator=generator)
    labels[:, 2:] = 255
    loss = masked_loss(logits, labels)
    loss.backward()
    assert torch.all(logits.grad[:, :, 2:] == 0) and torch.any(logits.grad[:, :, :2] != 0)
    other = logits.detach().clone()
    other[:, :, 2:] = 100.0
    assert float(masked_loss(other, labels)) == pytest.approx(float(loss.detach()), rel=1e-6)


def test_loss_is_nothing_for_a_sure_and_right_answer_and_for_no_answer():
    labels = torch.randint(0, 7, (1, 6, 6, 6), generator=torch.Generator().manual_seed(1))
    logits = 100.0 * torch.nn.functional.one_hot(labels, 7).movedim(-1, 1).float()
    assert float(masked_loss(logits, labels)) < 1e-5
    assert float(masked_loss(logits, torch.full_like(labels, 255))) == 0.0


def test_training_lowers_the_loss_and_goes_on_from_its_state():
    torch.manual_seed(0)
    trainer = Trainer(build_network(1), EXACT)
    losses = [trainer.learn(*_batch(1)) for _ in range(8)]
    assert losses[-1] < losses[0] - 0.2
    saved = trainer.state()
    twin = Trainer(build_network(1), EXACT)
    twin.restore(torch.load(_bytes(saved), weights_only=True))
    assert twin.step == 8
    assert twin.learn(*_batch(50)) == pytest.approx(trainer.learn(*_batch(50)), rel=1e-6)
    assert twin.learn(*_batch(51)) == pytest.approx(trainer.learn(*_batch(51)), rel=1e-3)  # threads add in any order


def test_the_rate_rises_stays_or_falls_to_its_end():
    steady, falling = Plan(rate=1e-3, warm_up=10), Plan(rate=1e-3, warm_up=10, steps=1000)
    assert steady.rate_at(0) == pytest.approx(1e-4) and steady.rate_at(10**6) == 1e-3
    assert falling.rate_at(500) == pytest.approx(0.505e-3)  # half of the cosine: the mean of 1 and 0.01
    assert falling.rate_at(1000) == falling.rate_at(5000) == pytest.approx(1e-5)


def _bytes(state):
    import io

    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return file


def test_the_mean_of_the_weights_follows_them():
    trainer = Trainer(build_network(1), EXACT)
    trainer.learn(*_batch(1))
    network, mean = trainer.network.state_dict(), trainer.averaged().state_dict()
    name = next(iter(mean))
    assert not torch.equal(network[name], mean[name])
    assert not trainer.averaged().training
    assert len(Phase) == 7
