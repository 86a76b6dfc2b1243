"""Whether the method that names phases can be had, told before anything is reconstructed."""

import importlib.util

from .beams import chosen_scans
from .config import Config


def network_faults(config: Config) -> list[str]:
    """Say why a configuration cannot have the method that it asks for: scans it lacks, or the network.

    Parameters
    ----------
    config : Config
        The configuration.

    Returns
    -------
    list of str
        Sentences with the remedy; empty where all is there.
    """
    try:
        scans = chosen_scans(config)
    except ValueError as error:
        return [str(error)]
    if config.segmentation.method != "unet":
        return []
    lacking = [name for name in ("torch", "monai", "safetensors") if importlib.util.find_spec(name) is None]
    faults = []
    if lacking:
        faults.append(f"segmentation.method is unet, but {lacking[0]} is not installed; pip install 'xelith[ml]'")
    weights = config.segmentation.weights
    if weights is not None and not weights.is_file():
        faults.append(f"segmentation.weights names {weights}, which is no file; give one that `xelith train` wrote")
    if weights is not None and not faults:
        from .network_labels import read_weights

        try:
            read_weights(config, list(scans))
        except ValueError as error:
            faults.append(str(error))
    return faults
