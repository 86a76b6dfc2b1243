"""Training a network: the loss that passes over what is not labelled, the optimiser's state, and early stopping."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..materials.phases import NOT_LABELLED

if TYPE_CHECKING:
    import torch
    from torch import nn

LAST_RATE = 0.01
"""Learning rate at the end of a plan with a known length, over the highest."""

SMOOTH = 1.0
"""Voxels added to both sides of the Dice ratio, so that absent classes count as right."""


def masked_loss(logits: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
    """Return cross entropy plus soft Dice loss [1]_, with voxels labelled 255 left out of both.

    Parameters
    ----------
    logits : (n, n_phases, z, y, x) tensor
        Output of the network.
    labels : (n, z, y, x) tensor of int64
        Values of `Phase`, or 255.

    Returns
    -------
    () tensor
        Dimensionless; 0 gradient where nothing is labelled.

    References
    ----------
    .. [1] Milletari, Navab and Ahmadi, 3DV 2016, 565, doi:10.1109/3DV.2016.79.
    """
    import torch
    from torch.nn.functional import cross_entropy, one_hot

    logits, known = logits.float(), labels != NOT_LABELLED
    count = known.sum().clamp(min=1)
    entropy = cross_entropy(logits, labels, ignore_index=NOT_LABELLED, reduction="sum") / count
    share = logits.softmax(dim=1) * known[:, None]
    truth = one_hot(torch.where(known, labels, 0), logits.shape[1]).movedim(-1, 1) * known[:, None]
    axes = (0, 2, 3, 4)
    both, sizes = (share * truth).sum(axes), (share + truth).sum(axes)
    present = truth.sum(axes) > 0
    dice = (2 * both + SMOOTH) / (sizes + SMOOTH)
    return entropy + (1 - dice)[present].sum() / present.sum().clamp(min=1)


@dataclass(frozen=True)
class Plan:
    """How a network is trained.

    Parameters
    ----------
    rate : float
        Learning rate of AdamW, reached after `warm_up` steps.
    warm_up : int
        Steps.
    decay : float
        Weight decay, dimensionless.
    memory : float
        Share of the running mean of the weights that a step keeps; the mean is what is used.
    half_precision : bool
        Whether bfloat16 is used where the machine has it.
    steps : int or None
        Steps over which the rate falls as a cosine [1]_, to `LAST_RATE` of itself; None keeps it.

    References
    ----------
    .. [1] Loshchilov and Hutter, ICLR 2017, arXiv:1608.03983.
    """

    rate: float = 2e-3
    warm_up: int = 100
    decay: float = 1e-4
    memory: float = 0.998
    half_precision: bool = True
    steps: int | None = None

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step.

        Parameters
        ----------
        step : int
            Counted from 0.

        Returns
        -------
        float
            Rises over `warm_up` steps, then falls to the end of `steps`.
        """
        ramp = min(1.0, (step + 1) / max(self.warm_up, 1))
        if self.steps is None:
            return self.rate * ramp
        done = min(1.0, step / max(self.steps, 1))
        return self.rate * ramp * (LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * done)) / 2)


class Trainer:
    """A network in training: it, the running mean of its weights, and the optimiser.

    Parameters
    ----------
    network : torch.nn.Module
        From `build_network`, with or without weights; trained in place.
    plan : Plan
        How.
    device : str
        "cpu" or "cuda".
    """

    def __init__(self, network: "nn.Module", plan: Plan | None = None, *, device: str = "cpu") -> None:
        import torch

        self.plan, self.device, self.step = plan or Plan(), torch.device(device), 0
        self.network = network.to(self.device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=self.plan.rate, weight_decay=self.plan.decay)
        self.mean = {name: value.detach().clone() for name, value in network.state_dict().items()}

    def learn(self, inputs: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
        """Take one step.

        Parameters
        ----------
        inputs : (n, n_channels, z, y, x) array of float32
            Features of a batch.
        labels : (n, z, y, x) array of uint8
            Their labels; 255 is passed over.

        Returns
        -------
        float
            The loss before the step.
        """
        import torch

        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate_at(self.step)
        batch = torch.from_numpy(inputs).to(self.device, memory_format=torch.channels_last_3d)
        truth = torch.from_numpy(labels.astype(np.int64)).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.plan.half_precision and has_bfloat16()):
            logits = self.network(batch)
        loss = masked_loss(logits, truth)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        if bool(torch.isfinite(norm)):  # some processors' bfloat16 convolutions give NaN gradients for small crops
            self.optimiser.step()
        self.step += 1
        self._remember()
        return float(loss.detach())

    def _remember(self) -> None:
        """Move the running mean towards the weights, quickly at first."""
        keep = min(self.plan.memory, self.step / (self.step + 10))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.mean[name].lerp_(value.detach(), 1 - keep)
            else:
                self.mean[name].copy_(value)

    def averaged(self) -> "nn.Module":
        """Return a copy of the network with the running mean of its weights.

        Returns
        -------
        torch.nn.Module
            In evaluation mode, on the device of training.
        """
        import copy

        twin = copy.deepcopy(self.network)
        twin.load_state_dict(self.mean)
        return twin.eval()

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on.

        Returns
        -------
        dict
            Tensors and numbers, for `torch.save`.
        """
        return {
            "network": self.network.state_dict(),
            "mean": self.mean,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        state : mapping
            From `state`.
        """
        self.network.load_state_dict(state["network"])
        self.mean = {name: value.to(self.device).clone() for name, value in state["mean"].items()}
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])


def has_bfloat16() -> bool:
    """Return whether this machine multiplies bfloat16 in hardware.

    Returns
    -------
    bool
        True on a GPU that supports it, else for a processor with AVX-512 BF16 or AMX.
    """
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
