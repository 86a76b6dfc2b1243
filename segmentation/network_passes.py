"""A trained network made quick to look through: normalisation folded away, and no more computed than is kept."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

MARGIN = 2
"""Voxels, on the grid below, that an upward layer must see around what is kept: its own reach, and that of its edge."""

Span = tuple[int, int]


def folded(network: "nn.Module") -> "nn.Module":
    """Return a copy that says the same with fewer passes over memory: batch normalisation within the convolutions.

    Parameters
    ----------
    network : torch.nn.Module
        From `build_network`, in evaluation mode.

    Returns
    -------
    torch.nn.Module
        The copy; only for looking, not for training.
    """
    import copy

    from monai.networks.blocks import Convolution
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    twin = copy.deepcopy(network).eval()
    blocks: list[Any] = [part for part in twin.modules() if isinstance(part, Convolution)]
    for block in blocks:
        around = getattr(block, "adn", None)
        if around is None or not hasattr(around, "N"):
            continue
        block.conv = fuse_conv_bn_eval(block.conv, around.N, transpose=isinstance(block.conv, nn.ConvTranspose3d))
        around.N = nn.Identity()
        around.A = nn.LeakyReLU(float(around.A.weight.detach()), inplace=True)
    return twin.requires_grad_(requires_grad=False)


def logits_within(network: "nn.Module", seen: "torch.Tensor", kept: Sequence[Span]) -> "torch.Tensor":
    """Look at a tile, and compute on the way up only what the voxels that are kept depend on.

    The way down and the coarsest level see the whole tile; each layer on the way up works on the kept voxels and the
    few around them that it reaches. Voxels away from the tile's edge get the very numbers of the whole network.

    Parameters
    ----------
    network : torch.nn.Module
        From `build_network` or `folded`.
    seen : (1, n_channels, z, y, x) tensor
        Features; edges are multiples of `STRIDE`.
    kept : sequence of (start, stop)
        Voxels that are wanted along z, y and x.

    Returns
    -------
    (n_phases, n_z, n_y, n_x) tensor
        Logits of the wanted voxels.
    """
    return _climbed(network.model, seen, kept)[0]  # type: ignore[arg-type]


def _climbed(level: Any, seen: "torch.Tensor", kept: Sequence[Span]) -> "torch.Tensor":
    """Go down one level and up again: MONAI's down, skip and up."""
    import torch

    down, skip, up = level
    coarse = down(seen)
    below = [
        (max(start // 2 - MARGIN, 0), min(-(-stop // 2) + MARGIN, size))
        for (start, stop), size in zip(kept, coarse.shape[2:], strict=True)
    ]
    deeper = skip.submodule
    if isinstance(deeper, torch.nn.Sequential):
        inner = _climbed(deeper, coarse, below)
    else:
        inner = _cut(deeper(coarse), below)
    risen = up(torch.cat([_cut(coarse, below), inner], dim=1))
    return _cut(risen, [(a - 2 * first, b - 2 * first) for (a, b), (first, _) in zip(kept, below, strict=True)])


def _cut(values: "torch.Tensor", spans: Sequence[Span]) -> "torch.Tensor":
    return values[(slice(None), slice(None), *(slice(start, stop) for start, stop in spans))]
