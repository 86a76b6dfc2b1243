"""Whether the network that a configuration asks for can be had, told before anything heavy is imported."""

import importlib.util

from .config import Config


def network_faults(config: Config) -> list[str]:
    """Say why a configuration that asks for the network cannot have it.

    Parameters
    ----------
    config : Config
        The configuration.

    Returns
    -------
    list of str
        Sentences with the remedy; empty where all is there, or the network is not asked for.
    """
    if config.segmentation.method != "unet":
        return []
    lacking = [name for name in ("torch", "monai", "safetensors") if importlib.util.find_spec(name) is None]
    faults = []
    if lacking:
        faults.append(f"segmentation.method is unet, but {lacking[0]} is not installed; pip install 'xelith[ml]'")
    weights = config.segmentation.weights
    if weights is not None and not weights.is_file():
        faults.append(f"segmentation.weights names {weights}, which is no file; give one that `xelith train` wrote")
    return faults
