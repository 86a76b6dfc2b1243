"""The likeliest phase of each voxel and its probability, from a network's logits."""

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..arrays import thread_map

if TYPE_CHECKING:
    import torch

LEAST = np.float32(-120.0)
"""Powers of two below this count as this: nothing beside 1."""

ROUND = np.float32(0.5)
TERMS = tuple(np.float32(math.log(2) ** k / math.factorial(k)) for k in range(6))
"""Of the exponential's series, enough for 3e-6 within half a power of two."""


def decide(logits: "torch.Tensor", temperature: float) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the phase with the largest logit, the first of equals, and its softmax probability.

    Parameters
    ----------
    logits : (n_phases, n_z, n_y, n_x) tensor
        On the host or a GPU; bfloat16 on the host is worked through row by row, without copies of the whole.
    temperature : float
        By which logits are divided, above 0.

    Returns
    -------
    labels : (n_z, n_y, n_x) array of uint8
        Indices of phases.
    confidence : (n_z, n_y, n_x) array of float32
        Their probability, dimensionless.
    """
    import torch

    if logits.device.type != "cpu" or logits.dtype is not torch.bfloat16:
        return decide_by_torch(logits, temperature)
    bits = logits.movedim(0, -1).view(torch.int16).numpy().view(np.uint16)
    labels = np.empty(bits.shape[:3], np.uint8)
    confidence = np.empty(bits.shape[:3], np.float32)
    per_power = np.float32(1 / (temperature * math.log(2)))
    for _ in thread_map(
        lambda z: _decide_rows(bits[z], per_power, labels[z], confidence[z]),
        range(len(bits)),
        threads=torch.get_num_threads(),
    ):
        pass
    return labels, confidence


def decide_by_torch(logits: "torch.Tensor", temperature: float) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Do the same on any device and in any precision.

    Parameters
    ----------
    logits : (n_phases, n_z, n_y, n_x) tensor
        As for `decide`.
    temperature : float
        By which logits are divided, above 0.

    Returns
    -------
    labels, confidence : (n_z, n_y, n_x) arrays
        As from `decide`.
    """
    import torch

    values = logits.float()
    best, labels = values.max(dim=0)
    confidence = (values - best).mul_(1 / temperature).exp_().sum(dim=0).reciprocal_()
    return labels.to(torch.uint8).cpu().numpy(), confidence.cpu().numpy()


@njit(nogil=True, cache=True, error_model="numpy", fastmath=True, boundscheck=False)
def _decide_rows(bits, per_power, labels, confidence):  # type: ignore[no-untyped-def]
    """Work through (n_y, n_x, n_phases) bfloat16 as its bits; every loop along x runs on vectors."""
    n_y, n_x, n = bits.shape
    raw = np.empty((n, n_x), np.uint32)
    values = raw.view(np.float32)
    best, total, part = np.empty(n_x, np.float32), np.empty(n_x, np.float32), np.empty(n_x, np.float32)
    code, power = np.empty(n_x, np.int32), np.empty(n_x, np.int32)
    lifted = power.view(np.float32)
    for y in range(n_y):
        for x in range(n_x):
            for k in range(n):
                raw[k, x] = np.uint32(bits[y, x, k]) << np.uint32(16)
        for x in range(n_x):
            best[x], code[x], total[x] = values[0, x], 0, np.float32(0)
        for k in range(1, n):
            for x in range(n_x):
                is_more = values[k, x] > best[x]
                best[x] = values[k, x] if is_more else best[x]
                code[x] = k if is_more else code[x]
        for k in range(n):
            for x in range(n_x):
                exponent = max((values[k, x] - best[x]) * per_power, LEAST)
                whole = np.floor(exponent + ROUND)
                f = exponent - whole
                power[x] = (np.int32(whole) + np.int32(127)) << np.int32(23)
                part[x] = TERMS[0] + f * (TERMS[1] + f * (TERMS[2] + f * (TERMS[3] + f * (TERMS[4] + f * TERMS[5]))))
            for x in range(n_x):
                total[x] += part[x] * lifted[x]
        for x in range(n_x):
            labels[y, x] = code[x]
            confidence[y, x] = np.float32(1) / total[x]
