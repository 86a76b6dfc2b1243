"""Surfaces of dense layers along z, found in transmission, where blur and pixel averaging are linear.

Half-way in µ lies up to 2.4 rows inside a dense layer, because the logarithm is taken after the blur; the share
`s = (T_light - T) / (T_light - T_dense)` of a row that the dense layer covers does not care.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, to_host
from .layout import End

LEVEL_ROWS = 5
"""Rows from which the transmission beside a surface is taken."""

COLLECTOR_REACH = 4
DARKER = 0.05
"""Fall in transmission beyond which a row beside the collector holds another dense layer."""

COLLECTOR_SEEN = 0.003
"""A collector is flat. Where it covers 0.003 of a row, ln(1 - 0.003) is a tenth of carbon over 0.2 mm."""

ONSET = 0.3
"""Share of the line integral that tells a layer at which it is said to begin."""

STILL_FALLING = 0.05
"""A fall in transmission ends where a row adds less than this share of it."""

STEP_ROWS = 3
ROUGH_REACH = 12
ROUGH_SEEN = 0.06
"""An electrolyte is rough, and the layers beside it differ by a few per cent in transmission."""


@dataclass(frozen=True)
class Surface:
    """The surface of a dense layer that lies across the rotation axis.

    Parameters
    ----------
    z : float
        Place in rows, sub-row; row r reaches from r - 0.5 to r + 0.5.
    std : float
        Standard deviation of `z`, in rows, from the noise of the transmission.
    end : {"low", "high"}
        End of z towards which the dense layer lies.
    guard : int
        Whole rows on the light side, counted from the surface, in which the dense layer is still seen.
    light, dense : float
        Transmission beside and inside the layer, dimensionless.
    settled : int
        Whole rows inside the layer, counted from the surface, in which light still comes past it.
    """

    z: float
    std: float
    end: End
    guard: int
    light: float
    dense: float
    settled: int = 2

    def depth(self, rows: Array) -> Array:
        """Return how deep the centres of rows lie inside the layer.

        Parameters
        ----------
        rows : array
            Row indices, any shape.

        Returns
        -------
        array
            Distance in rows, positive inside the layer and negative on its light side.
        """
        return rows - self.z if self.end == "high" else self.z - rows

    def covered(self, rows: Array) -> Array:
        """Return the share of each row that lies inside the layer.

        Parameters
        ----------
        rows : array
            Row indices, any shape.

        Returns
        -------
        array
            Between 0 and 1, dimensionless.
        """
        return (self.depth(rows) + 0.5).clip(0.0, 1.0)


def row_profile(transmission: Array) -> NDArray[np.float64]:
    """Average a transmission image over the columns behind the middle of the cell.

    Parameters
    ----------
    transmission : (n_rows, n_cols) array
        Transmission, mean over the views, dimensionless; a 1-D profile is returned as it is.

    Returns
    -------
    (n_rows,) array of float64
        Mean over the middle half of the columns in the shadow of the densest row.

    Raises
    ------
    ValueError
        If there are fewer than 8 rows, or a value is not finite.
    """
    image = np.asarray(to_host(transmission), dtype=np.float64)
    if image.ndim not in (1, 2) or image.shape[0] < 8:
        raise ValueError(f"the transmission has shape {image.shape}; give (n_rows, n_cols) with at least 8 rows")
    if not np.isfinite(image).all():
        raise ValueError(
            f"the transmission holds {int((~np.isfinite(image)).sum())} values that are not finite; "
            "repair the projections first"
        )
    if image.ndim == 1:
        return image
    darkest = np.partition(image, 2, axis=0)[:3].mean(axis=0)
    shadow = np.flatnonzero(darkest <= 0.5 * (darkest.min() + np.median(np.sort(darkest)[-3:])))
    first, last = int(shadow[0]), int(shadow[-1]) + 1
    quarter = (last - first) // 4
    return image[:, first + quarter : max(last - quarter, first + quarter + 1)].mean(axis=1)


def collector_surface_from_transmission(transmission: Array, *, end: End | None = None) -> Surface | None:
    """Find the surface of the collector, the layer that transmits least, at either end of z.

    Parameters
    ----------
    transmission : (n_rows, n_cols) or (n_rows,) array
        Transmission, mean over the views, dimensionless; or its row profile.
    end : {"low", "high"}, optional
        End of z at which the collector is known to lie; None finds it.

    Returns
    -------
    Surface or None
        None if no end of z is dark: the collector is out of view.

    Raises
    ------
    ValueError
        If both ends transmit equally little and `end` is not given.
    """
    profile = row_profile(transmission)
    light = float(np.percentile(profile, 95))
    middle = 0.5 * (light + profile.min())
    if light - profile.min() < 0.2 * abs(light):
        return None
    levels = {side: float(np.median(_towards(profile, side)[-3:])) for side in _ENDS}
    if end is None:
        dark = [side for side in _ENDS if levels[side] < middle]
        if not dark:
            return None
        if len(dark) == 2 and min(levels.values()) > 0.8 * max(levels.values()):
            raise ValueError(
                f"both ends of z transmit alike ({levels['low']:.2g} and {levels['high']:.2g}), so that the "
                "collector cannot be told from the electrolyte: say at which end it lies "
                "(cell: {collector_end: low}, or high)"
            )
        darkest: End = min(dark, key=lambda side: levels[side])
        end = darkest
    towards = _towards(profile, end)
    if towards[-1] >= middle:
        return None
    crossing = int(np.flatnonzero(towards >= middle)[-1]) + 1
    return _measured(profile, end, crossing, COLLECTOR_REACH, COLLECTOR_SEEN, _lit_from(towards, crossing))


def dense_surface(transmission: Array, *, end: End, start: float, limit: float) -> Surface | None:
    """Find the next surface of a dense layer, going from row `start` towards an end of z.

    Parameters
    ----------
    transmission : (n_rows, n_cols) or (n_rows,) array
        Transmission, mean over the views, dimensionless; or its row profile.
    end : {"low", "high"}
        Direction to go.
    start : float
        Row to start from, the lightest on the near side of the layer.
    limit : float
        Line integral above that of the light rows, dimensionless, beyond which a row belongs to the layer.

    Returns
    -------
    Surface or None
        None if no such row comes.
    """
    profile = row_profile(transmission)
    towards = _towards(profile, end)
    first = round(start if end == "high" else profile.size - 1 - start)
    light = float(towards[first])
    dense = np.flatnonzero(towards[first:] < light * np.exp(-limit))
    step = _first_step(towards, first, light * np.exp(-ONSET * limit))
    late = towards.size if dense.size == 0 else first + int(dense[0])
    if step is not None and step[1] + STEP_ROWS < late:
        return _measured(profile, end, step[0], max(step[1] - step[0], STEP_ROWS), ROUGH_SEEN, first)
    if dense.size == 0:
        return None
    crossing = first + int(dense[0])
    inside = float(np.median(towards[min(crossing + ROUGH_REACH, towards.size - 1) :][:LEVEL_ROWS]))
    below = np.flatnonzero(towards[first:] < 0.5 * (light + inside))
    crossing = first + int(below[0]) if below.size else crossing
    return _measured(profile, end, crossing, ROUGH_REACH, ROUGH_SEEN, first)


def profile_from_volume(volume: Array, *, centre_yx: tuple[float, float], radius_px: float, voxel_um: float) -> Array:
    """Return the transmission of rays through the middle of a reconstructed cell, row by row.

    The twin of a measured transmission for users who hold only a volume: the logarithm is undone before
    surfaces are looked for.

    Parameters
    ----------
    volume : (n_z, n_y, n_x) array
        µ in cm^-1; sliced row by row.
    centre_yx : (2,) tuple of float
        Axis of the bore, in voxels.
    radius_px : float
        Radius of the bore, in voxels.
    voxel_um : float
        Edge of a voxel, in µm.

    Returns
    -------
    (n_z,) array of float64
        exp(-mean line integral) along x and along y through the middle third of the bore, dimensionless.
    """
    n_z, n_y, n_x = volume.shape
    y0, y1 = _span(centre_yx[0], radius_px, n_y)
    x0, x1 = _span(centre_yx[1], radius_px, n_x)
    third_y, third_x = (y1 - y0) // 3, (x1 - x0) // 3
    profile = np.empty(n_z)
    for z in range(n_z):
        plane = np.asarray(to_host(volume[z, y0:y1, x0:x1]), dtype=np.float64)
        along_x = np.exp(-plane[third_y:-third_y].sum(axis=1) * voxel_um * 1e-4)
        along_y = np.exp(-plane[:, third_x:-third_x].sum(axis=0) * voxel_um * 1e-4)
        profile[z] = 0.5 * (along_x.mean() + along_y.mean())
    return profile


def _first_step(towards: NDArray[np.float64], first: int, below: float) -> tuple[int, int] | None:
    """Half-way and end of the first fall in transmission: where lithium grew inside a layer, a long slope follows."""
    fallen = np.flatnonzero(towards[first:] < below)
    if fallen.size == 0:
        return None
    stop, light = first + int(fallen[0]), float(towards[first])
    while stop + 1 < towards.size and towards[stop] - towards[stop + 1] > STILL_FALLING * (light - towards[stop + 1]):
        stop += 1
    half = np.flatnonzero(towards[first:] < 0.5 * (light + towards[stop]))
    return first + int(half[0]), stop


_ENDS: tuple[End, End] = ("low", "high")


def _span(centre: float, radius: float, size: int) -> tuple[int, int]:
    return max(round(centre - radius), 0), min(round(centre + radius) + 1, size)


def _towards(profile: NDArray[np.float64], end: End) -> NDArray[np.float64]:
    """Turn the profile so that `end` comes last."""
    return profile if end == "high" else profile[::-1]


def _lit_from(towards: NDArray[np.float64], crossing: int) -> int:
    """First of the rows beside the collector that transmit alike: before a few of them lies a dense layer."""
    first = max(crossing - COLLECTOR_REACH - LEVEL_ROWS, 0)
    beside = towards[first:crossing]
    lightest = int(beside.argmax())
    darker = np.flatnonzero(beside[:lightest] < beside[lightest] - DARKER * (beside[lightest] - towards[-1]))
    return first + int(darker[-1]) + 1 if darker.size else 0


def _measured(
    profile: NDArray[np.float64], end: End, crossing: int, reach: int, seen: float, lightest: int = 0
) -> Surface:
    """Add up the uncovered shares of the rows around `crossing`, counted towards `end`, from `lightest` on."""
    towards = _towards(profile, end)
    n = towards.size
    first, stop = max(crossing - reach, lightest), min(crossing + reach, n)
    before = towards[max(first - LEVEL_ROWS, lightest) : first + 1]
    after = towards[min(crossing + reach - 1, n - 1) : crossing + reach + LEVEL_ROWS]
    light, dense = float(np.median(before)), float(np.median(after))
    share = (light - towards[first:stop]) / (light - dense)
    z = first - 0.5 + float((1.0 - share).sum())
    noise = float(np.std(before) / np.sqrt(before.size)) + float(np.std(after) / np.sqrt(after.size))
    std = max(float(noise / (light - dense) * np.sqrt(stop - first)), 1e-3)
    least = max(seen, 3.0 * float(np.std(before)) / (light - dense))
    touched, open_rows = np.flatnonzero(share > least), np.flatnonzero(share < 1.0 - least)
    guard = int(np.clip(np.ceil(z - (first + touched[0] - 0.5)) if touched.size else 1, 1, reach + 1)) + 1
    settled = int(np.clip(np.ceil(first + open_rows[-1] + 0.5 - z) if open_rows.size else 1, 1, reach + 1)) + 1
    return Surface(z if end == "high" else n - 1 - z, std, end, guard, light, dense, settled)
