"""What a viewer shows of a run folder, or of one part of it, in which order and under which names."""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .image_group import ImageGroup, open_image
from .maps import read_map
from .summary import section
from .viewer_layers import (
    LayerData,
    argon_shift_um,
    draped_layer,
    fraction_layer,
    grey_window,
    image_layer,
    is_label,
    label_layer,
    lazy_levels,
    map_layer,
    placed,
)

ALIGNED_PX = 0.25

logger = logging.getLogger(__name__)


def folder_layers(folder: Path) -> list[LayerData]:
    """Lay out everything that a run folder holds.

    Parameters
    ----------
    folder : Path
        A run folder; parts that are missing or broken are left out with a warning.

    Returns
    -------
    list of tuple
        Images first, then the difference of the gases, fractions, labels, maps and the truth.

    Raises
    ------
    ValueError
        If there is nothing to show.
    """
    results = read_results(folder)
    images = dict(_images(folder))
    layers: list[LayerData] = [image_layer(image, name, results) for name, image in images.items()]
    for _, options, _ in layers[1:]:
        options["visible"] = False
    layers += _difference(images, results)
    for name, image in images.items():
        layers += _beside(name, image)
    layers += _map_layers(folder, images)
    layers += _truth(folder, results)
    if not layers:
        raise ValueError(f"{folder} holds nothing to show; give a run folder, an *.ome.zarr image or a thickness.tif")
    return layers


def part_layers(path: Path) -> list[LayerData]:
    """Lay out one part of a run: an OME-Zarr image with what stands beside it, labels, or a map.

    Parameters
    ----------
    path : Path
        An *.ome.zarr folder, a label or fraction image in it, or a TIFF map.

    Returns
    -------
    list of tuple
        Layer data.
    """
    if path.suffix.lower() in (".tif", ".tiff"):
        return [map_layer(path.stem, *read_map(path, ()))]
    image = open_image(path)
    if is_label(image):
        return [label_layer(image, path.name)]
    if path.parent.name == "fractions":
        return [fraction_layer(image, path.name)]
    name = path.name.removesuffix(".ome.zarr")
    return [image_layer(image, name, read_results(path.parent)), *_beside(name, image)]


def read_results(folder: Path) -> dict[str, Any]:
    """Read results.json of a folder.

    Parameters
    ----------
    folder : Path
        A run folder.

    Returns
    -------
    dict
        Its content; empty where there is none yet, or it cannot be read.
    """
    try:
        found = json.loads((folder / "results.json").read_text(encoding="utf8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _images(folder: Path) -> Iterator[tuple[str, ImageGroup]]:
    names = sorted(p.name.removesuffix(".ome.zarr") for p in folder.glob("[!.]*.ome.zarr"))
    for name in sorted(names, key=lambda n: ("xenon", "argon", n).index(n)):
        try:
            yield name, open_image(folder / f"{name}.ome.zarr")
        except (ValueError, OSError) as error:
            logger.warning("the %s image is left out: %s", name, error)


def _beside(name: str, image: ImageGroup) -> Iterator[LayerData]:
    """Fractions, confidence and labels that stand beside an image."""
    groups = sorted(p.parent for kind in ("fractions", "labels") for p in image.path.glob(f"{kind}/*/zarr.json"))
    groups += sorted(p.parent for p in image.path.glob("confidence/zarr.json"))
    for path in groups:
        if "multiscales" not in (path / "zarr.json").read_text(encoding="utf8"):
            continue  # sums over blocks, for the balance
        try:
            found = open_image(path)
        except (ValueError, OSError) as error:
            logger.warning("%s is left out: %s", path, error)
            continue
        title = path.name if name == "xenon" else f"{path.name}, {name}"
        yield label_layer(found, title) if is_label(found) else fraction_layer(found, title)


def _difference(images: Mapping[str, ImageGroup], results: Mapping[str, Any]) -> Iterator[LayerData]:
    """Xenon less argon, level by level, where both stand on one grid."""
    if not {"argon", "xenon"} <= images.keys():
        return
    argon, xenon = images["argon"], images["xenon"]
    shift = argon_shift_um(results, xenon) or (0.0, 0.0, 0.0)
    if argon.shape != xenon.shape or max(map(abs, shift)) > ALIGNED_PX * min(xenon.voxels_um[0]):
        logger.warning("no difference is shown: argon lies %s µm beside xenon, or on another grid", shift)
        return
    levels = [x - a for x, a in zip(lazy_levels(xenon), lazy_levels(argon), strict=True)]
    expected = section(dict(results), "report", "expected_mu")
    high = grey_window(xenon, expected)[1] / 2
    options = {
        "name": "xenon - argon (cm⁻¹)",
        "colormap": "PiYG",
        "contrast_limits": (-high, high),
        "visible": False,
        "metadata": {"xelith": {"kind": "difference"}},
    }
    yield levels if len(levels) > 1 else levels[0], {**placed(xenon), **options}, "image"


def _map_layers(folder: Path, images: Mapping[str, ImageGroup]) -> Iterator[LayerData]:
    """Every map of the folder, flat and, where the collector is labelled, laid over its face."""
    labels = next((p for i in images.values() if (p := i.path / "labels" / "phases").is_dir()), None)
    for path in sorted(folder.glob("*.tif")):
        try:
            values, column_um = read_map(path, tuple(images.values()))
        except (ValueError, OSError) as error:
            logger.warning("%s is left out: %s", path, error)
            continue
        if values.ndim != 2:
            continue
        yield map_layer(path.stem, values, column_um)
        if labels is not None:
            try:
                yield draped_layer(path.stem, values, column_um, open_image(labels))
            except ValueError as error:
                logger.warning("%s is not laid over the collector: %s", path.stem, error)


def _truth(folder: Path, results: Mapping[str, Any]) -> Iterator[LayerData]:
    """Labels of a simulated cell, beside the raw scans or where the configuration names the truth."""
    if not section(dict(results), "truth"):
        return
    beside = [Path(str(scan.get("path"))).parent for scan in section(dict(results), "scans").values()]
    for place in dict.fromkeys([*beside, folder / "raw", folder]):
        if (place / "truth.ome.zarr").is_dir():
            data, options, kind = label_layer(open_image(place / "truth.ome.zarr"), "truth")
            yield data, {**options, "visible": False}, kind
            return
