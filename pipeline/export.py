"""Volumes out: TIFF for ImageJ, Dragonfly and Avizo, slab by slab, with voxel size and unit in the tags."""

import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..materials.phases import COLOURS, NOT_LABELLED
from .image_group import ImageGroup, open_image, open_labels

IMAGEJ_LIMIT_BYTES = 2**32 - 2**24
"""Largest file that ImageJ opens by itself, less 16 MiB for tags; more becomes a BigTIFF with OME-XML."""

UINT16_STEPS = 65535


@dataclass(frozen=True)
class _Values:
    """How stored numbers follow from µ, and what the tags say of it."""

    dtype: np.dtype[Any]
    encode: Callable[[NDArray[Any]], NDArray[Any]]
    tags: dict[str, Any]


def export_tiff(
    image_group: Path,
    out: Path,
    *,
    what: str = "volume",
    dtype: str = "float32",
    level: int = 0,
) -> Path:
    """Write an OME-Zarr image as TIFF, with bounded memory; `out` appears when all of it is written.

    A volume is an ImageJ hyperstack, whose tags give the voxel size along x, y and z in µm; one of more
    than 4 GB, which ImageJ's own format cannot hold, is a BigTIFF with OME-XML (opened with Bio-Formats).
    With `dtype="uint16"` µ runs from the volume's lowest to its highest value in 65535 steps; both stand
    in the tags, and ImageJ shows µ through its calibration. NaN becomes 0 there.

    Parameters
    ----------
    image_group : Path
        OME-Zarr group, such as `xenon.ome.zarr`.
    out : Path
        File to write (replaced if it is there); for slices a folder, which must be new or empty.
    what : {"volume", "slices", "labels"}
        µ in one file, µ in one file a slice, or the phase numbers (uint8) in one file.
    dtype : {"float32", "uint16"}
        float32 keeps µ in cm^-1 as it is; labels ignore this.
    level : int
        Pyramid level, 0 is the finest.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    FileNotFoundError
        If there is no such group, or no labels in it.
    FileExistsError
        If slices are wanted in a folder that holds files already, or under the name of a file.
    ValueError
        If there is no such level, kind or type, or the group is no OME-Zarr image.
    """
    if what not in ("volume", "slices", "labels") or dtype not in ("float32", "uint16"):
        raise ValueError(f"cannot export {what!r} as {dtype!r}; choose volume, slices or labels, float32 or uint16")
    image = open_labels(image_group) if what == "labels" else open_image(image_group)
    if image is None:
        raise FileNotFoundError(f"{image_group} holds no labels; run the segmentation first, or export the volume")
    if not 0 <= level < len(image.levels):
        raise ValueError(f"level {level} is not in {image.path}; it has levels 0 to {len(image.levels) - 1}")
    values = _values(image, "uint8" if what == "labels" else dtype, level)
    out.parent.mkdir(parents=True, exist_ok=True)
    if what == "slices":
        return _whole_folder(out, lambda folder: _write_slices(folder, image, values, level))
    return _whole_file(out, lambda file: _write_volume(file, image, values, level))


def _values(image: ImageGroup, dtype: str, level: int) -> _Values:
    if dtype == "uint8":
        luts = [_phase_lut()]
        return _Values(np.dtype("u1"), lambda a: a, {"min": 0, "max": max(COLOURS), "LUTs": luts})
    low, high = _range(image, level)
    if dtype == "float32":
        tags = {"min": low, "max": high, "vunit": "cm^-1"}
        return _Values(np.dtype("f4"), lambda a: a, tags | _range_tags(low, high))
    step = (high - low) / UINT16_STEPS or 1.0

    def encode(mu: NDArray[Any]) -> NDArray[Any]:
        filled = np.nan_to_num(mu.astype(np.float64), nan=low, posinf=high, neginf=low)
        return np.clip(np.rint((filled - low) / step), 0, UINT16_STEPS)

    calibration = {"min": 0, "max": UINT16_STEPS, "cf": 0, "c0": low, "c1": step, "vunit": "cm^-1"}
    return _Values(np.dtype("u2"), encode, calibration | _range_tags(low, high))


def _range_tags(low: float, high: float) -> dict[str, Any]:
    return {"mu_min_per_cm": low, "mu_max_per_cm": high}


def _range(image: ImageGroup, level: int) -> tuple[float, float]:
    """Lowest and highest finite value, from one pass over the slabs; (0, 0) where there is none."""
    low, high = math.inf, -math.inf
    for _, slab in image.slabs(level):
        finite = slab[np.isfinite(slab)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 0.0)


def _phase_lut() -> NDArray[np.uint8]:
    """ImageJ's look-up table (3, 256) that shows each phase in its colour."""
    table = np.zeros((3, 256), np.uint8)
    for phase, colour in COLOURS.items():
        table[:, phase] = list(bytes.fromhex(colour[1:]))
    table[:, NOT_LABELLED] = 255
    return table


def _pages(image: ImageGroup, values: _Values, level: int) -> Iterator[NDArray[Any]]:
    for _, slab in image.slabs(level):
        for plane in slab:
            yield np.ascontiguousarray(values.encode(plane).astype(values.dtype, copy=False))


def _write_volume(file: Path, image: ImageGroup, values: _Values, level: int) -> None:
    import tifffile

    shape, (z_um, y_um, x_um) = image.levels[level].shape, image.voxels_um[level]
    common: dict[str, Any] = {"shape": shape, "dtype": values.dtype, "photometric": "minisblack"}
    common |= {"software": _software()}
    if math.prod(shape) * values.dtype.itemsize <= IMAGEJ_LIMIT_BYTES:
        metadata = {"axes": "ZYX", "spacing": z_um, "unit": "um", **values.tags}
        with tifffile.TiffWriter(file, imagej=True) as writer:
            resolution = (1 / x_um, 1 / y_um)
            writer.write(_pages(image, values, level), resolution=resolution, metadata=metadata, **common)
        return
    sizes = {f"PhysicalSize{axis}": um for axis, um in zip("ZYX", (z_um, y_um, x_um), strict=True)}
    units = {f"PhysicalSize{axis}Unit": "µm" for axis in "ZYX"}
    about = "; ".join(f"{key} = {value}" for key, value in values.tags.items() if key != "LUTs")
    with tifffile.TiffWriter(file, bigtiff=True, ome=True) as writer:
        writer.write(
            _pages(image, values, level),
            resolution=(1e4 / x_um, 1e4 / y_um),
            resolutionunit="CENTIMETER",
            metadata={"axes": "ZYX", **sizes, **units, "Description": about},
            **common,
        )


def _write_slices(folder: Path, image: ImageGroup, values: _Values, level: int) -> None:
    import tifffile

    depth, (z_um, y_um, x_um) = image.levels[level].shape[0], image.voxels_um[level]
    digits = max(4, len(str(depth - 1)))
    metadata = {"axes": "YX", "spacing": z_um, "unit": "um", **values.tags}
    for index, plane in enumerate(_pages(image, values, level)):
        with tifffile.TiffWriter(folder / f"slice_{index:0{digits}d}.tif", imagej=True) as writer:
            resolution = (1 / x_um, 1 / y_um)
            writer.write(plane, resolution=resolution, metadata=metadata, software=_software())


def _software() -> str:
    try:
        return f"xelith {version('xelith')}"
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "xelith"


def _whole_file(out: Path, write: Callable[[Path], None]) -> Path:
    """Write under a temporary name beside `out`, and give it its name once it is whole."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        write(part)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return out


def _whole_folder(out: Path, write: Callable[[Path], None]) -> Path:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} is there already and not an empty folder; give a new name or remove it")
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    part.mkdir()
    try:
        write(part)
        part.replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out
