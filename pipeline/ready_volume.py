"""A volume that was reconstructed elsewhere: TIFF slices or OME-Zarr, its grey values tied to µ by references."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from ..scans.sources import tiff_files
from ..scans.tiff_frames import tiff_frames
from ..scans.tiff_stack import check_sequence
from ..scans.units import LENGTH_UM, to_unit
from ..scans.zarr_frames import ZarrFrames, is_zarr, open_node
from ..segmentation.calibration import Calibration, Reference, calibrate, region_reference
from .axis import Axis
from .checksums import save_slab
from .config import Config, ScanEntry
from .config import Reference as NamedReference
from .job import Reconstructed
from .ledger import Ledger, fingerprint
from .opening import Opened, region_of
from .provenance import image_attributes
from .selection import Selection, select
from .status import STATE
from .store import create_image, plan_layout, publish, write_text

log = logging.getLogger(__name__)

SAMPLED_SLICES = 9
AIR_NAMES = {"air", "outside", "gas"}
CASING_NAMES = {"casing", "peek", "tube", "ptfe"}
UNIFORM = 0.15
"""A place counts as one material if its spread is below this share of the span of the references."""


class Volume(Protocol):
    """(z, y, x) values that are read when sliced."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(nz, ny, nx)."""
        ...

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read a part."""
        ...


@dataclass(frozen=True)
class Source:
    """A volume on disk and the voxel its files state.

    Parameters
    ----------
    values : Volume
        (nz, ny, nx) grey values or µ.
    voxel_um : float or None
        Edge of a voxel in µm, where the files say so.
    """

    values: Any
    voxel_um: float | None


def open_volume(path: Path) -> Source:
    """Open a volume without reading it.

    Parameters
    ----------
    path : Path
        OME-Zarr group, TIFF file of many pages, or folder of TIFF slices.

    Returns
    -------
    Source
        Sliceable values, and the voxel where OME-Zarr or the tags of ImageJ state it.

    Raises
    ------
    ValueError
        If the folder holds neither, or the array is not (z, y, x).
    """
    if is_zarr(path):
        return _open_zarr(path)
    files = list(check_sequence(tiff_files(path))) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path} holds no TIFF slices and is no OME-Zarr group; give the folder of the slices")
    return Source(tiff_frames(files), _tagged_voxel_um(files[0]))


def _tagged_voxel_um(file: Path) -> float | None:
    """Return the edge of a voxel in µm that the tags of an ImageJ file state; None where they tell of no cube."""
    with tifffile.TiffFile(file) as tiff:
        about, page = tiff.imagej_metadata, tiff.pages.first
        if about is None:
            return None
        per_unit = [*page.resolution, 1 / float(about.get("spacing") or np.inf)]
    unit = str(about.get("unit") or "pixel").replace(r"\u00B5", "µ")
    is_cube = min(per_unit) > 0 and max(per_unit) < 1.001 * min(per_unit)
    try:
        return to_unit(1 / per_unit[0], unit, LENGTH_UM, default="um") if is_cube else None
    except KeyError:  # a unit that is no length
        return None


def _open_zarr(path: Path) -> Source:
    group = open_node(path)
    if isinstance(group, zarr.Array):
        return Source(ZarrFrames(path), None)
    attrs: Any = dict(group.attrs)
    try:
        dataset = attrs.get("ome", attrs)["multiscales"][0]["datasets"][0]
        name, transforms = str(dataset["path"]), dataset.get("coordinateTransformations", [])
        scale = next((t["scale"] for t in transforms if t["type"] == "scale"), None)
        units = {axis.get("unit") for axis in attrs.get("ome", attrs)["multiscales"][0].get("axes", [])}
        edges = None if scale is None else [float(edge) for edge in scale]
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{path} is a zarr group without the multiscales metadata of OME-Zarr, or they are damaged ({error!r}); "
            "give an OME-Zarr image"
        ) from error
    if name.startswith("/") or ".." in name.split("/"):
        raise ValueError(f"{path} names its array {name!r}, outside of itself; give an OME-Zarr image")
    values = ZarrFrames(path, name)
    if edges is None or units != {"micrometer"}:
        return Source(values, None)
    if not edges or not all(0 < edge < 1e6 for edge in edges) or max(edges) > 1.001 * min(edges):
        raise ValueError(f"{path} has voxels of {edges} µm; resample it to cubes, which thickness and µ rest on")
    return Source(values, edges[0])


def import_volume(config: Config, one: Opened, folder: Path, ledger: Ledger, mark: str) -> Reconstructed:
    """Copy a ready volume into the run folder as µ in cm^-1.

    Parameters
    ----------
    config : Config
        The configuration.
    one : Opened
        The scan entry with its volume.
    folder : Path
        The run folder.
    ledger : Ledger
        What is done.
    mark : str
        Fingerprint of the input.

    Returns
    -------
    Reconstructed
        The image; its centre is that of the slices and its transmission unknown.

    Raises
    ------
    ValueError
        If the voxel size is missing or a reference cannot be found.
    """
    source = open_volume(one.source)
    entry = one.entry
    voxel_um = entry.voxel_um or source.voxel_um
    if voxel_um is None:
        raise ValueError(f"volume {one.source} states no voxel size; give voxel_um in its entry")
    chosen = select(_shape(source.values), region_of(config, one.name).model_copy(update={"bin": 1, "views": 1}))
    nz, ny, nx = chosen.shape
    layout = plan_layout((nz, ny, nx), voxel_um=voxel_um, most_levels=config.output.levels)
    mark = fingerprint(mark, entry.model_dump(mode="json"), config.cell.model_dump(mode="json"), layout)
    image, stage = folder / f"{one.name}.ome.zarr", f"{one.name}/volume"
    if not (image.exists() and all(ledger.done(stage, n, mark) for n in (-1, *(s.index for s in layout.slabs)))):
        calibration = find_calibration(source.values, entry, config, voxel_um)
        partial = image.with_name(image.name + ".partial")
        attributes = image_attributes(config.model_dump_json(), scan=one.name, source=one.source)
        create_image(partial, layout, name=one.name, attributes=attributes)
        for slab in layout.slabs:
            values = _cut(source.values, chosen, slab.start, slab.stop)
            sums = save_slab(partial, layout, slab, calibration.mu_per_cm(values))
            ledger.record(stage, slab.index, mark, {"crc32c": {image.name: sums}})
        publish(partial, image)
        ledger.record(stage, -1, mark, {"slope": calibration.slope, "inverted": calibration.is_inverted})
        write_text(folder / STATE / f"{one.name}-calibration.txt", repr(calibration))
    blank = np.full((nz, nx), np.nan, np.float32)
    return Reconstructed(image, layout, Axis((nx - 1) / 2), blank, {}, mark)


def _shape(values: Volume) -> tuple[int, int, int]:
    if len(values.shape) != 3:
        raise ValueError(f"the volume has shape {values.shape}; give (z, y, x)")
    nz, ny, nx = values.shape
    return nz, ny, nx


def _cut(values: Volume, chosen: Selection, start: int, stop: int) -> NDArray[np.float32]:
    planes = slice(chosen.views[start], chosen.views[stop - 1] + 1)
    rows = slice(chosen.rows[0], chosen.rows[-1] + 1)
    return np.asarray(values[planes, rows, slice(*chosen.columns)], np.float32)


def find_calibration(values: Volume, entry: ScanEntry, config: Config, voxel_um: float) -> Calibration:
    """Tie grey values to µ by the references that the user named.

    Parameters
    ----------
    values : Volume
        (nz, ny, nx) grey values.
    entry : ScanEntry
        Names the references; each has its grey value, a region, or a name whose place is known: air (beside the
        tube) and casing.
    config : Config
        Gives the bore, for the place of the casing.
    voxel_um : float
        Edge of a voxel in µm.

    Returns
    -------
    Calibration
        Slope negative where the picture is inverted.

    Raises
    ------
    ValueError
        If a reference has no known place, or its place is not uniform.
    """
    if entry.grey.unit == "per_cm":
        return Calibration(1.0, 0.0, None, "calibrated")
    sampled = _sampled(values)
    found = [_reference(values, sampled, named, config, voxel_um) for named in entry.grey.references]
    span = max(r.grey for r in found) - min(r.grey for r in found)
    for reference, named in zip(found, entry.grey.references, strict=True):
        if named.grey is None and named.region is None and reference.std > UNIFORM * span:
            raise ValueError(
                f"reference {named.name}: its usual place is not uniform (spread {reference.std:.3g} of a span of "
                f"{span:.3g} grey values); give its grey value or a region [[z0, z1], [y0, y1], [x0, x1]]"
            )
    calibration = calibrate(found)
    polarity = "inverted: bright means little attenuation" if calibration.is_inverted else "not inverted"
    log.info("grey values are %s; %.4g grey per cm^-1, %.4g at zero", polarity, calibration.slope, calibration.offset)
    if calibration.state != "calibrated":
        raise ValueError(
            f"references {[(r.name, r.mu_per_cm, round(r.grey, 3)) for r in found]} do not lie on one line "
            f"({calibration.state}); give two or more materials of different µ that agree"
        )
    return calibration


def _sampled(values: Volume) -> NDArray[np.float32]:
    """A few slices over the height."""
    nz = values.shape[0]
    places = np.unique(np.linspace(0, nz - 1, min(SAMPLED_SLICES, nz)).round().astype(int))
    return np.concatenate([np.asarray(values[slice(z, z + 1), :, :], np.float32) for z in places])


def _reference(
    values: Volume, sampled: NDArray[np.float32], named: NamedReference, config: Config, voxel_um: float
) -> Reference:
    if named.grey is not None:
        return Reference(named.name, named.mu_per_cm, named.grey)
    if named.region is not None:
        return region_reference(values, named.name, named.mu_per_cm, named.region)
    ny, nx = sampled.shape[1:]
    y, x = np.ogrid[:ny, :nx]
    radius = np.hypot(y - (ny - 1) / 2, x - (nx - 1) / 2)
    name = named.name.lower()
    if name in AIR_NAMES:
        half = min(ny, nx) / 2
        ring = (radius > 0.95 * half) & (radius < 0.98 * half)
    elif name in CASING_NAMES and config.cell.inner_diameter_um is not None:
        bore = config.cell.inner_diameter_um / 2 / voxel_um
        ring = (radius > bore + 2) & (radius < bore + max(5, 0.06 * bore))  # the innermost wall, clear of its edge
    else:
        raise ValueError(
            f"reference {named.name} has no place that is known; give its grey value, or a region "
            "[[z0, z1], [y0, y1], [x0, x1]] (known places: air, and casing where cell.inner_diameter_mm is given)"
        )
    grey = sampled[:, ring]
    if grey.size == 0:
        raise ValueError(f"reference {named.name}: its place lies outside the volume; give a region or a grey value")
    middle = float(np.median(grey))
    around = np.rint(radius[ring]).astype(int)
    per_circle = [float(np.median(grey[:, around == r])) for r in np.unique(around)]
    return Reference(named.name, named.mu_per_cm, middle, float(np.std(per_circle)))
