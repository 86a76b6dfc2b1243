"""Expected projections of a cell: what a detector without noise would see of a polychromatic beam."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from .angles import cos_sin
from .beam import transmitted
from .climbing import climbing_waves
from .fringes import propagate
from .light import LightPath, Palette
from .pixels import average_pixels
from .rays import LANES, TISSUES, path_lengths
from .waves import Wave, each, mean_chords, within_tube


def expected_views(
    path: LightPath,
    theta: NDArray[np.float64],
    moved_um: NDArray[np.float64] | None = None,
    *,
    threads: int = 1,
) -> NDArray[np.float32]:
    """Return the expected intensity in each pixel of some views.

    Transmission is averaged over fine rays and slices as intensity; blur, scatter and glare act on it before any
    noise.

    Parameters
    ----------
    path : LightPath
        What the views share.
    theta : (n,) array of float64
        Angles in rad.
    moved_um : (n, 3) array of float64, optional
        Further shift of the cell along z, y and x in each view, in µm.
    threads : int
        Threads over the views.

    Returns
    -------
    (n, n_rows, n_cols) array of float32
        Expected intensity over that of the beam without cell and jig, dimensionless.
    """
    moved = np.zeros((len(theta), 3)) if moved_um is None else moved_um
    waves = (climbing_waves if path.acquisition.climbs else _parallel)(path, theta, moved, threads)
    still = path.rows(path.pose.shift_um[0])

    def _finish(view: int) -> NDArray[np.float32]:
        z_um = float(moved[view, 0])
        rows = still if z_um == 0 else path.rows(path.pose.shift_um[0] + z_um)
        fine = _roll(path, _arrive(path, waves[view]))
        return _lighten(path, average_pixels(fine, path.columns, rows))

    return np.stack(list(each(_finish, len(theta), threads)))


def _parallel(path: LightPath, theta: NDArray[np.float64], moved_um: NDArray[np.float64], threads: int) -> list[Wave]:
    """Project views of a parallel beam, block of slices by block, each of which stays in cache for all views."""
    detector, fine = path.acquisition.detector, path.acquisition.rays_per_pixel
    step_um, n_rays = detector.pixel_um / fine, detector.n_cols * fine
    rays_um = step_um * (np.arange(n_rays) + 0.5) - (path.acquisition.axis_px + 0.5) * detector.pixel_um
    shifts_um = np.asarray(path.pose.shift_um)[1:] + moved_um[:, 1:]
    cos, sin = cos_sin(theta)
    offset_um = shifts_um[:, 1] * cos + shifts_um[:, 0] * sin
    distances = [rays_um - offset for offset in offset_um]
    around = [mean_chords(path, s) for s in distances]
    lines = [within_tube(path, s, chord[0]) for s, chord in zip(distances, around, strict=True)]
    cos, sin = cos_sin(theta - path.pose.turn_rad)
    intensity = np.empty((len(theta), n_rays, len(path.palettes) * LANES), dtype=np.float32)
    with_phase = path.acquisition.optics.propagation_mm > 0
    phase = np.empty(intensity.shape, dtype=np.float32) if with_phase else None
    for block, palette in enumerate(path.palettes):
        part, labels = slice(block * LANES, (block + 1) * LANES), path.block(block)

        def _project(view: int, labels: Any = labels, palette: Palette = palette, part: slice = part) -> None:
            direction = (float(cos[view]), float(sin[view]))
            paths = _block_paths(path, labels, palette, direction, lines[view][0] / path.voxel_um)
            paths *= lines[view][1][:, None, None]
            depths = path.jig + sum(np.multiply.outer(a, b) for a, b in zip(around[view], palette.shared, strict=True))
            intensity[view, :, part] = transmitted(paths, palette.excess, depths.astype(np.float32), path.weights)
            if phase is not None:
                phase[view, :, part] = _phase(palette, paths, around[view])

        for _ in each(_project, len(theta), threads):
            pass
    return [Wave(intensity[view], None if phase is None else phase[view]) for view in range(len(theta))]


def _block_paths(
    path: LightPath,
    labels: NDArray[np.uint8],
    palette: Palette,
    direction: tuple[float, float],
    distances_px: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Project all tissues but the base in one block of slices: (n_rays, n_channels, 64)."""
    radius_px = float(path.radii_um[0]) / path.voxel_um
    codes = palette.codes
    groups = [codes[i : i + TISSUES] for i in range(0, len(codes), TISSUES)]
    parts = [path_lengths(labels, direction, distances_px, radius_px, group) for group in groups]
    if not parts:
        return np.zeros((len(distances_px), 0, LANES), dtype=np.float32)
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _phase(palette: Palette, paths: NDArray[np.float32], chords_um: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the phase behind the cell, (n_rays, n_rows), in rad: negative, as matter holds the wave back."""
    # A single tissue in the last group of paths is not padded.
    turns = palette.excess_phase[: paths.shape[1]]
    inner = sum(paths[:, c] * np.float32(turn) for c, turn in enumerate(turns))
    around = sum(turn * chord for turn, chord in zip(palette.shared_phase, chords_um, strict=True))
    return -(inner + np.asarray(around)[:, None]).astype(np.float32)


def _arrive(path: LightPath, wave: Wave) -> NDArray[np.float32]:
    """Let phase turn into fringes on the way to the detector."""
    acquisition = path.acquisition
    n_slices = path.n_slices if not acquisition.climbs else wave.intensity.shape[1]
    intensity = wave.intensity[:, :n_slices]
    if wave.phase is None:
        return intensity
    fine_um = acquisition.voxel_um / acquisition.rays_per_pixel
    return propagate(
        intensity,
        wave.phase[:, :n_slices],
        step_um=(fine_um, path.voxel_um if not acquisition.climbs else fine_um),
        energy_kev=acquisition.spectrum.mean_kev,
        distance_mm=acquisition.optics.propagation_mm,
    )


def _roll(path: LightPath, fine: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn the image of the cell about the beam, as a rolled axis does, around the axis in the middle row."""
    acquisition = path.acquisition
    angle = np.deg2rad(acquisition.optics.roll_deg)
    if angle == 0:
        return fine
    detector = acquisition.detector
    step_um = detector.pixel_um / acquisition.rays_per_pixel
    cell_um = path.voxel_um if not acquisition.climbs else step_um
    low_um = -path.pose.shift_um[0] if not acquisition.climbs else 0.0
    middle_um = low_um + detector.n_rows * detector.pixel_um / 2
    u = step_um * (np.arange(fine.shape[0]) + 0.5)[:, None] - (acquisition.axis_px + 0.5) * detector.pixel_um
    v = cell_um * (np.arange(fine.shape[1]) + 0.5)[None, :] - middle_um
    s, z = u * np.cos(angle) - v * np.sin(angle), u * np.sin(angle) + v * np.cos(angle)
    ray = (s + (acquisition.axis_px + 0.5) * detector.pixel_um) / step_um - 0.5
    places = np.stack([ray, (z + middle_um) / cell_um - 0.5])
    return map_coordinates(fine, places, order=1, mode="nearest", output=np.float32)


def _lighten(path: LightPath, frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add scatter, and spread a share of the light over the frame."""
    optics = path.acquisition.optics
    if optics.glare == 0 and optics.scatter == 0:
        return frame
    lit = frame + np.float32(optics.scatter)
    return np.float32(1 - optics.glare) * lit + np.float32(optics.glare * lit.mean(dtype=np.float64))
