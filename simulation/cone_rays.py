"""Path lengths of rays that climb, in a cone beam or along a leaning axis, through the labels of a cell.

Seen from above, the rays to one column of the detector are one line; they climb at different slopes. So each
column steps through the grid once, as in a parallel beam, and at each step every row reads the label at its own
height.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Fan:
    """The lines, seen from above, on which the rays to the columns of a detector run.

    Parameters
    ----------
    cos, sin : (n_cols,) array of float64
        Cosine and sine of the angle of the parallel ray that each line would be; it runs along (-sin, cos).
    distances : (n_cols,) array of float64
        Signed distance of each line from the tube's axis.
    sources : (n_cols,) array of float64
        Place of the source along each line, from the point nearest to the tube's axis; negative.
    """

    cos: NDArray[np.float64]
    sin: NDArray[np.float64]
    distances: NDArray[np.float64]
    sources: NDArray[np.float64]


def fan(
    theta: float, columns: NDArray[np.float64], *, source_axis: float, shift: tuple[float, float] = (0.0, 0.0)
) -> Fan:
    """Return the lines of a view.

    Parameters
    ----------
    theta : float
        Angle of the view in rad.
    columns : (n_cols,) array of float64
        Tangent of the angle between each column's line and the central ray.
    source_axis : float
        Distance from the source to the rotation axis, in any unit.
    shift : (y, x)
        Place of the tube's axis from the rotation axis, in that unit.

    Returns
    -------
    Fan
        Distances in that unit.
    """
    gamma = np.arctan(columns)
    angle = theta - gamma
    cos, sin = np.cos(angle), np.sin(angle)
    y, x = shift
    return Fan(
        cos,
        sin,
        source_axis * np.sin(gamma) - (x * cos + y * sin),
        -source_axis * np.cos(gamma) - (y * cos - x * sin),
    )


def cone_path_lengths(
    labels: NDArray[np.uint8],
    lines: Fan,
    radius: float,
    climbs: NDArray[np.float64],
    *,
    heights: NDArray[np.float64],
    channels: NDArray[np.int64],
    n_channels: int,
) -> NDArray[np.float32]:
    """Return the path of every ray of one view in every tissue.

    Parameters
    ----------
    labels : (n, n, n_z) array of uint8
        Labels of a cell, z running fastest.
    lines : Fan
        Lines seen from above, in voxels, turned into the cell's own frame.
    radius : float
        Radius of the tube in voxels.
    climbs : (n_cols, n_rows) array of float64
        Rise of each ray along z for each step along its line, dimensionless.
    heights : (n_rows,) array of float64
        Height of each row's rays where they start, over the lower edge of the lowest slice, in voxels.
    channels : (256,) array of int64
        Channel of each label; `n_channels` and more are left out.
    n_channels : int
        Channels of the result.

    Returns
    -------
    (n_cols, n_channels, n_rows) array of float32
        Path in voxels, the ray's climb included. Beyond its ends the cell goes on as it ends.
    """
    paths = np.zeros((climbs.shape[0], n_channels + 1, climbs.shape[1]), dtype=np.float32)
    wanted = np.minimum(channels, n_channels)
    _project(
        labels,
        lines.cos,
        lines.sin,
        lines.distances,
        lines.sources,
        radius,
        climbs.astype(np.float32),
        heights.astype(np.float32),
        wanted,
        paths,
    )
    return paths[:, :n_channels] * np.sqrt(1 + climbs**2).astype(np.float32)[:, None]


@njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
def _project(labels, coses, sines, distances, sources, radius, climbs, heights, channels, paths):  # type: ignore[no-untyped-def]
    """Add the path, seen from above, of every ray in every channel to `paths`, (n_cols, n_channels, n_rows)."""
    n, n_z = labels.shape[0], labels.shape[2]
    middle = 0.5 * (n - 1)
    for column in range(distances.shape[0]):
        cos, sin, s = coses[column], sines[column], distances[column]
        squared = radius * radius - s * s
        if squared <= 0.0:
            continue
        along_x = abs(sin) >= abs(cos)
        # x = s cos - t sin, y = s sin + t cos: `major` is the coordinate that changes faster along the line.
        rise, slope = (cos, -sin) if along_x else (sin, cos)
        rise_minor, slope_minor = (sin, cos) if along_x else (cos, -sin)
        half = np.sqrt(squared) * abs(slope)
        start, stop = s * rise - half + middle, s * rise + half + middle
        for step in range(int(np.floor(start + 0.5)), int(np.floor(stop + 0.5)) + 1):
            a, b = max(start, step - 0.5), min(stop, step + 0.5)
            if b <= a:
                continue
            t = (0.5 * (a + b) - middle - s * rise) / slope
            minor = s * rise_minor + t * slope_minor + middle
            index = int(np.floor(minor))
            share = minor - index
            weight = (b - a) / abs(slope)
            near, far = np.float32(weight * (1.0 - share)), np.float32(weight * share)
            if along_x:
                left, right = labels[index, step], labels[index + 1, step]
            else:
                left, right = labels[step, index], labels[step, index + 1]
            travelled = np.float32(t - sources[column])
            for row in range(climbs.shape[1]):
                height = heights[row] + climbs[column, row] * travelled
                k = min(max(int(np.floor(height)), 0), n_z - 1)
                paths[column, channels[left[k]], row] += near
                paths[column, channels[right[k]], row] += far
