"""The small 3-D U-Net: what it sees of a scan, how it is built, and its weights as bytes without pickle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace
from ..materials import Phase

if TYPE_CHECKING:
    from torch import nn

CHANNELS = (32, 64, 96, 128)
"""Features of each level, the first of which works on half the resolution."""

FIRST_CHANNELS = (16, 32, 64, 96)
"""Of weights that do not say."""

MOST_CHANNELS = 1024

STRIDE = 8
"""Edges of what the network sees are multiples of this, in voxels."""

LIGHT_RANGE = (-2.0, 4.0)
DENSE_RANGE = (-0.5, 3.0)
FEATURES_PER_SCAN = 2
SCANS = (("argon", "xenon"), ("xenon",))
"""Scans for which weights ship, in the order of the channels."""

FORMAT = "xelith.unet/1"


@dataclass(frozen=True)
class Reference:
    """Two levels that a scan's µ is told by.

    Parameters
    ----------
    light_per_cm : float
        µ of carbon in argon, of the gas in xenon, in cm^-1, above 0.
    electrolyte_per_cm : float
        µ of the electrolyte, or of what is densest beside the collector, in cm^-1, above `light_per_cm`.

    Raises
    ------
    ValueError
        If the levels are not in this order.
    """

    light_per_cm: float
    electrolyte_per_cm: float

    def __post_init__(self) -> None:
        """Check the order."""
        if not 0 < self.light_per_cm < self.electrolyte_per_cm:
            raise ValueError(
                f"references are {self.light_per_cm:g} and {self.electrolyte_per_cm:g} cm^-1; give the light level "
                "(carbon in argon, the gas in xenon) above 0, and the electrolyte above that"
            )


def features(volumes: Sequence[Array], references: Sequence[Reference]) -> Array:
    """Turn µ into what the network sees, alike for every energy, gas pressure and electrolyte.

    Each scan becomes two channels: µ over its light level, cut to -2 to 4, which parts lithium, carbon and gas;
    and µ over the electrolyte, cut to -0.5 to 3, which parts electrolyte, mixtures and collector.

    Parameters
    ----------
    volumes : sequence of (n_z, n_y, n_x) array
        µ of each scan in cm^-1.
    references : sequence of Reference
        Levels of each scan.

    Returns
    -------
    (2 n_scans, n_z, n_y, n_x) array of float32
        Dimensionless, on the device of the volumes.
    """
    xp = array_namespace(*volumes)
    channels = []
    for volume, reference in zip(volumes, references, strict=True):
        mu = volume.astype(xp.float32)
        channels.append(xp.clip(mu * np.float32(1 / reference.light_per_cm), *map(np.float32, LIGHT_RANGE)))
        channels.append(xp.clip(mu * np.float32(1 / reference.electrolyte_per_cm), *map(np.float32, DENSE_RANGE)))
    return xp.stack(channels)


def build_network(n_scans: int, channels: Sequence[int] = CHANNELS) -> "nn.Module":
    """Build the network without weights: MONAI's U-Net [1]_ with residual units.

    The first layer halves the resolution, so that most of the work is done on an eighth of the voxels; the last
    one brings it back. Batch normalisation makes the answer for a voxel independent of the tile it lies in.

    Parameters
    ----------
    n_scans : int
        Scans that it sees, 1 or 2.
    channels : sequence of int
        Features of each of the four levels.

    Returns
    -------
    torch.nn.Module
        (n, 2 n_scans, z, y, x) features to (n, 7, z, y, x) logits, in the order of `Phase`; edges are multiples
        of `STRIDE`.

    References
    ----------
    .. [1] Kerfoot et al., STACOM 2018, LNCS 11395, 371, doi:10.1007/978-3-030-12029-0_40.
    """
    from monai.networks.nets import UNet

    return UNet(
        spatial_dims=3,
        in_channels=FEATURES_PER_SCAN * n_scans,
        out_channels=len(Phase),
        channels=tuple(channels),
        strides=(2,) * (len(channels) - 1),
        num_res_units=1,
        norm="batch",
    )


@dataclass(frozen=True)
class Weights:
    """A trained network.

    Parameters
    ----------
    tensors : mapping of str to array
        Parameters by name, as the network's state names them.
    scans : tuple of str
        Scans it was trained on, in the order of its channels.
    temperature : float
        By which logits are divided before they are called a probability; fitted on held-out cells.
    notes : mapping of str to str
        What else is known of it: steps, seeds, figures.
    channels : tuple of int
        Features of each level of the network.
    """

    tensors: Mapping[str, NDArray[Any]]
    scans: tuple[str, ...]
    temperature: float = 1.0
    notes: Mapping[str, str] | None = None
    channels: tuple[int, ...] = CHANNELS


def weights_bytes(weights: Weights) -> bytes:
    """Return weights as a safetensors file [1]_, which is read without running anything.

    Parameters
    ----------
    weights : Weights
        The weights; parameters are kept as float16.

    Returns
    -------
    bytes
        The file.

    References
    ----------
    .. [1] https://github.com/huggingface/safetensors
    """
    from safetensors.numpy import save

    kept = {
        name: array.astype(np.float16) if array.dtype == np.float32 and not name.endswith("running_var") else array
        for name, array in weights.tensors.items()
    }
    facts = {"format": FORMAT, "scans": ",".join(weights.scans), "temperature": repr(weights.temperature)}
    facts["channels"] = ",".join(map(str, weights.channels))
    return save(kept, metadata={**(weights.notes or {}), **facts})


def weights_from_bytes(content: bytes) -> Weights:
    """Read weights.

    Parameters
    ----------
    content : bytes
        A safetensors file.

    Returns
    -------
    Weights
        Its weights, parameters as float32.

    Raises
    ------
    ValueError
        If it is no such file, or one of another network.
    """
    import json

    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(content)
        size = int.from_bytes(content[:8], "little")
        facts = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"this is no safetensors file ({error}); give weights that `xelith train` wrote") from error
    if facts.get("format") != FORMAT:
        raise ValueError(
            f"the weights are of the kind {facts.get('format')!r}, this network's are {FORMAT!r}; give weights that "
            "`xelith train` wrote"
        )
    notes = {k: v for k, v in facts.items() if k not in ("format", "scans", "temperature", "channels")}
    channels = _channels(facts.get("channels"))
    full = {k: v.astype(np.float32) if v.dtype == np.float16 else v for k, v in tensors.items()}
    return Weights(full, tuple(facts["scans"].split(",")), float(facts["temperature"]), notes, channels)


def _channels(said: str | None) -> tuple[int, ...]:
    """Read the features of each level, without believing sizes that no weights file has."""
    if said is None:
        return FIRST_CHANNELS
    parts = said.split(",")
    if len(parts) != len(CHANNELS) or not all(part.isdecimal() and 0 < int(part) <= MOST_CHANNELS for part in parts):
        raise ValueError(
            f"the weights name {said[:40]!r} as features of their levels; {len(CHANNELS)} numbers from 1 to "
            f"{MOST_CHANNELS} are allowed: give weights that `xelith train` wrote"
        )
    return tuple(map(int, parts))


def shipped_weights(scans: Sequence[str]) -> Weights:
    """Return the weights that ship with the package.

    Parameters
    ----------
    scans : sequence of str
        Scans to be looked at: "xenon", or "argon" and "xenon".

    Returns
    -------
    Weights
        Of the network for these scans.

    Raises
    ------
    ValueError
        If no weights ship for these scans.
    """
    wanted = tuple(sorted(scans))
    if wanted not in SCANS:
        names = " or ".join(" and ".join(group) for group in SCANS)
        raise ValueError(f"no weights ship for {' and '.join(wanted) or 'no scan'}; give scans in {names}")
    name = "-".join(wanted) + ".safetensors"
    file = resources.files("xelith.segmentation.weights").joinpath(name)
    if not file.is_file():
        raise ValueError(f"the weights {name} are missing from this installation; install the package again")
    return weights_from_bytes(file.read_bytes())


def fewer_scans(weights: Weights, scans: Sequence[str]) -> Weights:
    """Return weights for some of the scans only: where the training for them can begin.

    Parameters
    ----------
    weights : Weights
        Of a network for more scans.
    scans : sequence of str
        Some of its scans.

    Returns
    -------
    Weights
        With the first layer's channels of these scans.

    Raises
    ------
    ValueError
        If the weights lack a scan.
    """
    lacking = sorted(set(scans) - set(weights.scans))
    if lacking:
        raise ValueError(f"the weights are for {' and '.join(weights.scans)}; they know nothing of {lacking[0]}")
    kept = [FEATURES_PER_SCAN * weights.scans.index(scan) + i for scan in scans for i in range(FEATURES_PER_SCAN)]
    seen = FEATURES_PER_SCAN * len(weights.scans)
    # Of all layers the first alone sees so few channels.
    tensors = {n: a[:, kept] if a.ndim == 5 and a.shape[1] == seen else a for n, a in weights.tensors.items()}
    return replace(weights, tensors=tensors, scans=tuple(scans))


def network_of(weights: Weights) -> "nn.Module":
    """Build the network and give it its weights.

    Parameters
    ----------
    weights : Weights
        From `shipped_weights`, or the user's own.

    Returns
    -------
    torch.nn.Module
        In evaluation mode, on the host.

    Raises
    ------
    ValueError
        If the weights belong to another number of scans or another network.
    """
    import torch

    network = build_network(len(weights.scans), weights.channels)
    state = {name: torch.from_numpy(np.array(array)) for name, array in weights.tensors.items()}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        first = next((v for v in state.values() if v.ndim == 5), None)
        seen = "an unknown number of" if first is None else str(first.shape[1])
        raise ValueError(
            f"the weights do not fit the network for {' and '.join(weights.scans)}, which sees "
            f"{FEATURES_PER_SCAN * len(weights.scans)} channels (theirs sees {seen}); give weights that were trained "
            "on these scans"
        ) from error
    return network.eval()


def weights_of(network: "nn.Module", scans: Sequence[str], *, temperature: float = 1.0, **notes: str) -> Weights:
    """Take the weights out of a network.

    Parameters
    ----------
    network : torch.nn.Module
        From `build_network`.
    scans : sequence of str
        Scans it was trained on.
    temperature : float
        Of its probabilities.
    **notes : str
        What else is to be kept with them.

    Returns
    -------
    Weights
        Copies on the host.
    """
    tensors = {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}
    channels: Any = network.channels
    return Weights(tensors, tuple(scans), temperature, notes, tuple(channels))
