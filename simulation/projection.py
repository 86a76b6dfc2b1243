"""Expected projections of a cell: what a detector without noise would see of a polychromatic beam."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from .beam import transmitted
from .cone_rays import Fan, cone_path_lengths, fan
from .fringes import propagate
from .light import LightPath, Palette
from .pixels import average_pixels
from .rays import LANES, TISSUES, path_lengths


@dataclass(frozen=True, eq=False)
class _Wave:
    """Intensity over the open beam's, and phase in rad, of fine rays and slices: (n_rays, n_slices) each."""

    intensity: NDArray[np.float32]
    phase: NDArray[np.float32] | None


def expected_views(
    path: LightPath, theta: NDArray[np.float64], moved_um: NDArray[np.float64] | None = None
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

    Returns
    -------
    (n, n_rows, n_cols) array of float32
        Expected intensity over that of the beam without cell and jig, dimensionless.
    """
    moved = np.zeros((len(theta), 3)) if moved_um is None else moved_um
    waves = (_parallel if path.acquisition.cone is None else _cone)(path, theta, moved)
    still = path.rows(path.pose.shift_um[0])
    frames = []
    for wave, (z_um, _, _) in zip(waves, moved, strict=True):
        rows = still if z_um == 0 else path.rows(path.pose.shift_um[0] + float(z_um))
        fine = _roll(path, _arrive(path, wave))
        frames.append(_lighten(path, average_pixels(fine, path.columns, rows)))
    return np.stack(frames)


def _parallel(path: LightPath, theta: NDArray[np.float64], moved_um: NDArray[np.float64]) -> list[_Wave]:
    """Project views of a parallel beam, block of slices by block, each of which stays in cache for all views."""
    detector, fine = path.acquisition.detector, path.acquisition.rays_per_pixel
    step_um, n_rays = detector.pixel_um / fine, detector.n_cols * fine
    rays_um = step_um * (np.arange(n_rays) + 0.5) - (path.acquisition.axis_px + 0.5) * detector.pixel_um
    shifts_um = np.asarray(path.pose.shift_um)[1:] + moved_um[:, 1:]
    distances = [
        rays_um - (x * np.cos(angle) + y * np.sin(angle)) for angle, (y, x) in zip(theta, shifts_um, strict=True)
    ]
    chords = [_chords(path, s) for s in distances]
    turned = theta - path.pose.turn_rad
    intensity = np.empty((len(theta), n_rays, len(path.labels) * LANES), dtype=np.float32)
    with_phase = path.acquisition.optics.propagation_mm > 0
    phase = np.empty(intensity.shape, dtype=np.float32) if with_phase else None
    for block, palette in enumerate(path.palettes):
        part = slice(block * LANES, (block + 1) * LANES)
        for view, angle in enumerate(turned):
            direction = (float(np.cos(angle)), float(np.sin(angle)))
            paths = _block_paths(path, block, direction, distances[view] / path.voxel_um)
            depths = (chords[view].T @ palette.shared + path.jig).astype(np.float32)
            intensity[view, :, part] = transmitted(paths, palette.excess, depths, path.weights)
            if phase is not None:
                phase[view, :, part] = _phase(palette, paths, chords[view])
    waves = []
    for view in range(len(theta)):
        waves.append(_Wave(intensity[view], None if phase is None else phase[view]))
    return waves


def _chords(path: LightPath, distances_um: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the path in the tube and in each ring, (n_rings + 1, n_rays), in µm."""
    chords = 2 * np.sqrt(np.maximum(path.radii_um[:, None] ** 2 - distances_um**2, 0.0))
    return np.diff(chords, axis=0, prepend=0.0)


def _block_paths(
    path: LightPath, block: int, direction: tuple[float, float], distances_px: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Project all tissues but the base in one block of slices: (n_rays, n_channels, 64)."""
    radius_px = float(path.radii_um[0]) / path.voxel_um
    codes = path.palettes[block].codes
    groups = [codes[i : i + TISSUES] for i in range(0, len(codes), TISSUES)]
    parts = [path_lengths(path.labels[block], direction, distances_px, radius_px, group) for group in groups]
    if not parts:
        return np.zeros((len(distances_px), 0, LANES), dtype=np.float32)
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _phase(palette: Palette, paths: NDArray[np.float32], chords_um: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the phase behind the cell, (n_rays, n_rows), in rad: negative, as matter holds the wave back."""
    inner = np.tensordot(paths, palette.excess_phase.astype(np.float32), axes=(1, 0))
    return -(inner + (palette.shared_phase @ chords_um)[:, None]).astype(np.float32)


def _cone(path: LightPath, theta: NDArray[np.float64], moved_um: NDArray[np.float64]) -> list[_Wave]:
    """Project views of a cone beam; the analytic parts are channels too, as each row has its own climb."""
    acquisition, fine = path.acquisition, path.acquisition.rays_per_pixel
    detector, cone = acquisition.detector, acquisition.cone
    if cone is None:
        return []
    distance_um = cone.source_detector_mm * 1e3
    step_um = detector.pixel_um / fine
    u = (
        step_um * (np.arange(detector.n_cols * fine, dtype=np.float64) + 0.5)
        - (acquisition.axis_px + 0.5) * detector.pixel_um
    )
    v = step_um * (np.arange(detector.n_rows * fine) + 0.5) - detector.n_rows * detector.pixel_um / 2
    climbs = v[None, :] / np.hypot(distance_um, u)[:, None]
    codes = path.palettes[0].codes
    channels = np.full(256, len(codes), dtype=np.int64)
    channels[codes] = np.arange(len(codes))
    waves = []
    for angle, (dz, dy, dx) in zip(theta, np.asarray(path.pose.shift_um) + moved_um, strict=True):
        lines = fan(cone.direction * angle, u / distance_um, source_axis=cone.source_axis_mm * 1e3, shift=(dy, dx))
        paths = cone_path_lengths(
            path.labels,
            _in_voxels(lines, path.voxel_um, path.pose.turn_rad),
            float(path.radii_um[0]) / path.voxel_um,
            climbs,
            source_z=(detector.n_rows / 2 * acquisition.voxel_um - dz) / path.voxel_um,
            channels=channels,
            n_channels=len(codes),
        )
        waves.append(_cone_wave(path, paths, lines.distances, climbs))
    return waves


def _in_voxels(lines: Fan, voxel_um: float, turn_rad: float) -> Fan:
    """Return lines in voxels of the cell, turned into its own frame."""
    cos, sin = np.cos(turn_rad), np.sin(turn_rad)
    return Fan(
        lines.cos * cos + lines.sin * sin,
        lines.sin * cos - lines.cos * sin,
        lines.distances / voxel_um,
        lines.sources / voxel_um,
    )


def _cone_wave(
    path: LightPath, paths: NDArray[np.float32], distances_um: NDArray[np.float64], climbs: NDArray[np.float64]
) -> _Wave:
    """Send the beam through projected tissues, base and rings."""
    chords = _chords(path, distances_um)
    lengthening = np.sqrt(1 + climbs**2)
    analytic = (chords.T[:, :, None] * lengthening[:, None]).astype(np.float32)
    channels = np.concatenate([paths, analytic], axis=1)
    palette = path.palettes[0]
    n_codes = len(palette.codes)
    excess = np.concatenate([palette.excess[:, :n_codes], palette.shared.T.astype(np.float32)], axis=1)
    n_rows = climbs.shape[1]
    padded = np.zeros((*channels.shape[:2], -(-n_rows // LANES) * LANES), dtype=np.float32)
    padded[..., :n_rows] = channels
    base = np.broadcast_to(path.jig.astype(np.float32), (len(chords.T), path.jig.size))
    intensity = np.concatenate(
        [
            transmitted(np.ascontiguousarray(padded[..., k : k + LANES]), excess, base, path.weights)
            for k in range(0, padded.shape[2], LANES)
        ],
        axis=1,
    )[:, :n_rows]
    phase = None
    if path.acquisition.optics.propagation_mm > 0:
        phases = np.concatenate([palette.excess_phase[:n_codes], palette.shared_phase]).astype(np.float32)
        phase = -np.tensordot(channels, phases, axes=(1, 0)).astype(np.float32)
    return _Wave(intensity, phase)


def _arrive(path: LightPath, wave: _Wave) -> NDArray[np.float32]:
    """Let phase turn into fringes on the way to the detector."""
    acquisition = path.acquisition
    n_slices = path.n_slices if acquisition.cone is None else wave.intensity.shape[1]
    intensity = wave.intensity[:, :n_slices]
    if wave.phase is None:
        return intensity
    fine_um = acquisition.voxel_um / acquisition.rays_per_pixel
    return propagate(
        intensity,
        wave.phase[:, :n_slices],
        step_um=(fine_um, path.voxel_um if acquisition.cone is None else fine_um),
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
    cell_um = path.voxel_um if acquisition.cone is None else step_um
    low_um = -path.pose.shift_um[0] if acquisition.cone is None else 0.0
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
