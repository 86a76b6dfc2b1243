"""One layer of a viewer for each kind of image: scale, unit, window and colours, read lazily."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..materials.phases import COLOURS, Phase
from .figures import THICKNESS_COLOURS, thickness_limits
from .image_group import ImageGroup
from .quantities import is_number
from .summary import section

LayerData = tuple[Any, dict[str, Any], str]
"""Data, keyword arguments and kind of a layer, as napari's readers return them."""

LONGEST_MESH = 256
SOFT = ("void", "lithium", "carbon", "casing")
UNIT = "micrometer"


def image_layer(image: ImageGroup, name: str, results: Mapping[str, Any]) -> LayerData:
    """Lay out a volume of µ in grey.

    Parameters
    ----------
    image : ImageGroup
        µ in cm^-1.
    name : str
        Name of its scan.
    results : mapping
        Content of results.json; the µ expected there set the window.

    Returns
    -------
    tuple
        Layer data, multiscale and lazy.
    """
    low, high = grey_window(image, section(dict(results), "report", "expected_mu"))
    options: dict[str, Any] = {
        "name": f"{name} µ (cm⁻¹)",
        "colormap": "gray",
        "contrast_limits": (low, high),
        "metadata": {"xelith": {"kind": "image", "scan": name, "path": str(image.path)}},
    }
    if name == "argon" and (moved := argon_shift_um(results, image)) is not None:
        options["translate"] = tuple(-s for s in moved)
    return lazy(image), {**placed(image), **options}, "image"


def label_layer(image: ImageGroup, name: str) -> LayerData:
    """Lay out phase numbers in the phases' colours.

    Parameters
    ----------
    image : ImageGroup
        Phase numbers.
    name : str
        Name of the layer.

    Returns
    -------
    tuple
        Layer data; the status bar names the phase under the pointer.
    """
    options = {
        "name": name,
        "opacity": 0.7,
        "colormap": phase_colours(),
        "features": {"index": [int(p) for p in Phase], "phase": [p.name.lower() for p in Phase]},
        "metadata": {"xelith": {"kind": "labels", "path": str(image.path)}},
    }
    return lazy(image), {**placed(image), **options}, "labels"


def fraction_layer(image: ImageGroup, name: str) -> LayerData:
    """Lay out the share of a phase, or the confidence of a label, in each voxel.

    Parameters
    ----------
    image : ImageGroup
        Shares, dimensionless; noise may pass both ends.
    name : str
        What it is a share of.

    Returns
    -------
    tuple
        Layer data, hidden at first.
    """
    title = "confidence (1 = sure)" if name.startswith("confidence") else f"{name} fraction (1 = all)"
    options = {
        "name": title,
        "colormap": THICKNESS_COLOURS,
        "contrast_limits": (0.0, 1.0),
        "visible": False,
        "blending": "translucent",
        "metadata": {"xelith": {"kind": "fraction", "path": str(image.path)}},
    }
    return lazy(image), {**placed(image), **options}, "image"


def map_layer(name: str, values: NDArray[Any], column_um: tuple[float, float]) -> LayerData:
    """Lay out a map of one value per column.

    Parameters
    ----------
    name : str
        What it shows, for instance "thickness".
    values : (n_y, n_x) array
        In µm; NaN where not measured.
    column_um : (float, float)
        Size of a column along y and x, in µm.

    Returns
    -------
    tuple
        Layer data of an image that every slice across z shows, hidden at first.
    """
    options = {
        "name": f"{name} (µm)",
        "colormap": THICKNESS_COLOURS,
        "contrast_limits": thickness_limits(values),
        "scale": column_um,
        "units": (UNIT,) * 2,
        "axis_labels": ("y", "x"),
        "visible": False,
        "metadata": {"xelith": {"kind": "map", "map": name}},
    }
    return values, options, "image"


def draped_layer(name: str, values: NDArray[Any], column_um: tuple[float, float], labels: ImageGroup) -> LayerData:
    """Lay a map over the collector's face, as a surface in three dimensions.

    Parameters
    ----------
    name : str
        What it shows.
    values : (n_y, n_x) array
        In µm; NaN where not measured.
    column_um : (float, float)
        Size of a column along y and x, in µm.
    labels : ImageGroup
        Phase numbers, in which the collector's face is found.

    Returns
    -------
    tuple
        Layer data, hidden at first.

    Raises
    ------
    ValueError
        If no voxel is labelled as collector.
    """
    step = max(1, -(-max(values.shape) // LONGEST_MESH))
    thin = values[::step, ::step]
    height_um = collector_height_um(labels, thin.shape)
    y, x = np.indices(thin.shape)
    scale = (labels.voxels_um[0][0], *column_um)  # as the images', so that the slider moves by whole voxels
    vertices = np.stack([height_um / scale[0], y * step, x * step], axis=-1).reshape(-1, 3)
    options = {
        "scale": scale,
        "name": f"{name} on the collector (µm)",
        "colormap": THICKNESS_COLOURS,
        "contrast_limits": thickness_limits(values),
        "visible": False,
        "units": (UNIT,) * 3,
        "axis_labels": ("z", "y", "x"),
        "metadata": {"xelith": {"kind": "draped", "map": name}},
    }
    faces = _faces(np.isfinite(thin))
    data = (vertices.astype(np.float32), faces, np.nan_to_num(thin).ravel().astype(np.float32))
    return data, options, "surface"


def collector_height_um(labels: ImageGroup, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Find the height of the collector's face that looks at the cell, column by column.

    Parameters
    ----------
    labels : ImageGroup
        Phase numbers.
    shape : (int, int)
        Columns wanted along y and x, spread over the image.

    Returns
    -------
    (n_y, n_x) array of float32
        Height along z in µm; the median face where a column has no collector.

    Raises
    ------
    ValueError
        If no voxel is labelled as collector.
    """
    level = labels.level_for(pixels=LONGEST_MESH)
    array, voxel = labels.levels[level], labels.voxels_um[level]
    is_collector = np.asarray(array[...]) == Phase.COLLECTOR
    if not is_collector.any():
        raise ValueError(f"{labels.path} has no collector; label it, and the maps can be laid over it")
    n_z, n_y, n_x = is_collector.shape
    z = np.arange(n_z)[:, None, None]
    is_low = (is_collector * z).sum() / is_collector.sum() < (n_z - 1) / 2
    face = np.where(is_collector, z + 0.5, -1).max(0) if is_low else np.where(is_collector, z - 0.5, n_z).min(0)
    seen = is_collector.any(0)
    height = np.where(seen, face, np.median(face[seen])) * voxel[0]
    rows, columns = ((np.arange(n) * m) // n for n, m in zip(shape, (n_y, n_x), strict=True))
    return height[np.ix_(rows, columns)].astype(np.float32)


def grey_window(image: ImageGroup, expected: Mapping[str, Any]) -> tuple[float, float]:
    """Choose the window of µ in which lithium, gas and carbon differ.

    Parameters
    ----------
    image : ImageGroup
        µ in cm^-1; only its coarsest level is read, and only where no µ is expected.
    expected : mapping
        Gas to phase to {"mu_per_cm"}, as in results.json; all gases share one window.

    Returns
    -------
    (float, float)
        Black and white, in cm^-1.
    """
    entries = ((table or {}).get(name) or {} for table in expected.values() for name in SOFT)
    known = [float(e["mu_per_cm"]) for e in entries if is_number(e.get("mu_per_cm"))]
    if known:
        return -max(known), 2 * max(known)
    coarsest = image.levels[-1]
    thin = tuple(slice(None, None, max(1, n // 64)) for n in coarsest.shape)
    values = np.asarray(coarsest[thin]) if coarsest.size < 2**27 else np.zeros(1)
    finite = values[np.isfinite(values)]
    low, high = (float(v) for v in np.percentile(finite, (1, 99))) if finite.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def phase_colours() -> dict[int | None, Any]:
    """Return the colour of every label.

    Returns
    -------
    dict of int to (4,) tuple of float
        Red, green, blue and opacity; outside and unlabelled voxels are clear.
    """
    table: dict[int | None, Any] = {None: (0.0, 0.0, 0.0, 0.0)}
    for phase, colour in COLOURS.items():
        opacity = 0.0 if phase == Phase.OUTSIDE else 1.0
        table[int(phase)] = (*(byte / 255 for byte in bytes.fromhex(colour[1:])), opacity)
    return table


def is_label(image: ImageGroup) -> bool:
    """Return whether an image holds phase numbers.

    Parameters
    ----------
    image : ImageGroup
        Any image.

    Returns
    -------
    bool
        True for whole numbers of one byte.
    """
    return bool(image.levels[0].dtype == np.uint8)


def lazy(image: ImageGroup) -> Any:
    """Return the data of a layer: the levels, or the one array of an image without a pyramid.

    Parameters
    ----------
    image : ImageGroup
        Any image.

    Returns
    -------
    list of dask.array.Array or dask.array.Array
        As napari takes them with what `placed` says.
    """
    levels = lazy_levels(image)
    return levels if len(levels) > 1 else levels[0]


def lazy_levels(image: ImageGroup) -> list[Any]:
    """Return the levels of an image as arrays that are read when shown.

    Parameters
    ----------
    image : ImageGroup
        Any image.

    Returns
    -------
    list of dask.array.Array
        (z, y, x), finest first; one zarr chunk is one piece.
    """
    import dask.array as da

    return [da.from_array(level, chunks=level.chunks, name=False, inline_array=True) for level in image.levels]


def placed(image: ImageGroup) -> dict[str, Any]:
    """Return how an image lies in space.

    Parameters
    ----------
    image : ImageGroup
        Any image.

    Returns
    -------
    dict
        Keyword arguments of a layer: scale in µm, units and names of the axes.
    """
    return {
        "multiscale": len(image.levels) > 1,
        "scale": image.voxels_um[0],
        "units": (UNIT,) * 3,
        "axis_labels": ("z", "y", "x"),
    }


def argon_shift_um(results: Mapping[str, Any], image: ImageGroup) -> tuple[float, ...] | None:
    """Return how far the argon volume lies beside the xenon one.

    Parameters
    ----------
    results : mapping
        Content of results.json.
    image : ImageGroup
        One of the two, for its voxels.

    Returns
    -------
    tuple of float or None
        Shift along z, y and x in µm; None where none was measured, or it is below a hundredth of a voxel.
    """
    shift = section(dict(results), "registration").get("shift_um")
    if not (isinstance(shift, list) and len(shift) == 3 and all(map(is_number, shift))):
        return None
    near = all(abs(s) < 0.01 * v for s, v in zip(shift, image.voxels_um[0], strict=True))
    return None if near else tuple(float(s) for s in shift)


def _faces(measured: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Two triangles for each square of columns that are all measured."""
    n_y, n_x = measured.shape
    index = np.arange(n_y * n_x, dtype=np.int32).reshape(n_y, n_x)
    whole = measured[:-1, :-1] & measured[1:, :-1] & measured[:-1, 1:] & measured[1:, 1:]
    a, b, c, d = (corner[whole] for corner in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
    return np.concatenate([np.stack([a, b, c], axis=-1), np.stack([b, d, c], axis=-1)])
