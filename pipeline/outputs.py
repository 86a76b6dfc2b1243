"""What a run leaves beside its numbers: maps as OME-Zarr, tables as CSV, figures as PNG and SVG.

`DIR/maps/*.ome.zarr` hold film thickness, its standard deviation and penetration depth (axes z y x, one plane),
`DIR/tables/*.csv` uniformity, spots, filaments and isolated pieces, and `DIR/figures` the maps and the balance.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Block
from ..metrology.deposit import deposit_statistics
from ..metrology.survey import Survey
from ..metrology.uniformity import dispersion, find_spots, radial_profile
from .balance_terms import LEVEL_STD_SHARE
from .config import Config
from .figures import thickness_figure
from .map_files import write_map
from .store import create_image, plan_layout, publish, write_slab, write_text

COLUMN_STD_VOXELS = 0.5
"""Standard deviation of where lithium ends in a single column, in voxels."""


def write_outputs(folder: Path, config: Config, survey: Survey, results: Mapping[str, Any]) -> None:
    """Write maps, tables and figures of a run.

    Parameters
    ----------
    folder : Path
        The run folder.
    config : Config
        Gives regions of interest.
    survey : Survey
        What the labels tell.
    results : mapping
        Content of results.json.
    """
    voxel_um = survey.voxel_um[1]
    maps = {"thickness": survey.thickness_um, "thickness_std": thickness_std_um(survey)}
    if survey.penetration is not None:
        depth = np.where(survey.frame.electrode, survey.penetration.depth_um, np.nan)
        maps["penetration_depth"] = depth.astype(np.float32)
    write_map(folder / "thickness_std.tif", maps["thickness_std"], voxel_um)
    for name, values in maps.items():
        _write_zarr(folder / "maps" / f"{name}.ome.zarr", values, voxel_um)
    for name, rows in tables(config, survey, results).items():
        write_text(_made(folder / "tables") / f"{name}.csv", as_csv(rows))
    _write_figures(_made(folder / "figures"), maps, voxel_um, results)


def thickness_std_um(survey: Survey) -> NDArray[np.float32]:
    """Return the standard deviation of each column's thickness.

    Parameters
    ----------
    survey : Survey
        The film and its unlabelled height.

    Returns
    -------
    (n_y, n_x) array of float32
        In µm: the surface of a column, the levels, and what is not labelled; NaN where thickness is.
    """
    height = survey.thickness_um.astype(np.float64)
    variance = (COLUMN_STD_VOXELS * survey.voxel_um[0]) ** 2 + (LEVEL_STD_SHARE * height) ** 2
    return np.sqrt(variance + (survey.unlabelled_um / sqrt(12)) ** 2).astype(np.float32)


def tables(config: Config, survey: Survey, results: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the tables of a run.

    Parameters
    ----------
    config : Config
        Gives regions of interest.
    survey : Survey
        What the labels tell.
    results : mapping
        Content of results.json.

    Returns
    -------
    dict of str to list of dict
        Rows by table, units in the keys.
    """
    film, mask, pixel_um = survey.thickness_um, survey.frame.electrode, survey.voxel_um[1:]
    spread = dispersion(film, mask, pixel_um=pixel_um)
    ring = radial_profile(film, mask, pixel_um=pixel_um)
    spots = find_spots(film, mask, pixel_um=pixel_um, bare_below_um=0.5 * survey.voxel_um[0])
    found: dict[str, list[dict[str, Any]]] = {
        "balance": [{"term": key, "value": value} for key, value in results["balance"].items() if key != "advice"],
        "dispersion": _columns(
            window_um=spread.window_um, index_um=spread.index_um, cv=spread.cv, windows=spread.windows
        ),
        "radial_profile": _columns(radius_um=ring.radius_um, mean_um=ring.mean_um, columns=ring.columns),
        "spots": [asdict(spot) for spot in spots],
        "filaments": [asdict(filament) for filament in survey.filaments],
        "regions": [{"region": name, **values} for name, values in region_deposits(config, survey).items()],
    }
    if survey.penetration is not None:
        pieces = survey.penetration.isolated
        found["isolated"] = _columns(volume_um3=pieces.volume_um3, distance_um=pieces.distance_um)
    return {name: rows for name, rows in found.items() if rows}


def region_deposits(config: Config, survey: Survey) -> dict[str, dict[str, Any]]:
    """Return the film of each region of interest in numbers.

    Parameters
    ----------
    config : Config
        Names the regions.
    survey : Survey
        The film.

    Returns
    -------
    dict of str to dict
        Fields of `Deposit`, by the region's name.
    """
    found = {}
    for name, (rows, columns) in config.metrology.regions.items():
        within = np.zeros(survey.thickness_um.shape, dtype=bool)
        within[slice(*rows), slice(*columns)] = True
        deposit = deposit_statistics(survey.thickness_um, within & survey.frame.electrode, voxel_um=survey.voxel_um)
        found[name] = asdict(deposit)
    return found


def as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows as CSV with a header.

    Parameters
    ----------
    rows : iterable of mapping
        All with the keys of the first.

    Returns
    -------
    str
        Comma-separated, one line a row; empty where there is no row.
    """
    listed = list(rows)
    if not listed:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(listed[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return text.getvalue()


def _columns(**columns: NDArray[Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*(c.tolist() for c in columns.values()), strict=True)]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_zarr(path: Path, values: NDArray[Any], pixel_um: float) -> None:
    """Write a map as an image of one plane."""
    layout = plan_layout((1, *values.shape), voxel_um=pixel_um)
    partial = path.with_name(path.name + ".partial")
    create_image(
        partial, layout, name=path.name, attributes={"quantity": path.name.split(".")[0], "unit": "micrometer"}
    )
    write_slab(partial, layout, Block(0, 0, 1), np.asarray(values, np.float32)[None])
    publish(partial, path)


def _write_figures(folder: Path, maps: Mapping[str, NDArray[Any]], pixel_um: float, results: Mapping[str, Any]) -> None:
    from .charts import balance_figure
    from .summary import balance_rows

    labels = {"thickness": "lithium thickness (µm)", "penetration_depth": "depth of lithium in the electrolyte (µm)"}
    figures = {
        name: thickness_figure(maps[name], voxel_um=(pixel_um, pixel_um), label=label)
        for name, label in labels.items()
        if name in maps and np.isfinite(maps[name]).any()
    }
    figures["balance"] = balance_figure(balance_rows(dict(results)))
    for name, figure in figures.items():
        for form in ("png", "svg"):
            figure.savefig(folder / f"{name}.{form}", format=form, facecolor="white")
