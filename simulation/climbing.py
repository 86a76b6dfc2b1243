"""Views whose rays climb: a cone beam, or a parallel beam along a leaning axis."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .angles import cos_sin
from .beam import transmitted
from .cone_rays import Fan, cone_path_lengths, fan
from .light import LightPath
from .rays import LANES
from .waves import Wave, each, mean_chords, within_tube


@dataclass(frozen=True, eq=False)
class _Pencil:
    """Fine rays to the detector: columns and rows in µm from the axis and the middle row, and how they climb."""

    u: NDArray[np.float64]
    v: NDArray[np.float64]
    climbs: NDArray[np.float64]
    heights_um: NDArray[np.float64]


def climbing_waves(
    path: LightPath, theta: NDArray[np.float64], moved_um: NDArray[np.float64], threads: int
) -> list[Wave]:
    """Project views whose rays climb; the analytic parts are channels too, as each row has its own climb.

    Parameters
    ----------
    path : LightPath
        What the views share.
    theta : (n,) array of float64
        Angles in rad.
    moved_um : (n, 3) array of float64
        Further shift of the cell along z, y and x in each view, in µm.
    threads : int
        Threads over the views.

    Returns
    -------
    list of Wave
        One a view, on fine columns and fine rows.
    """
    pencil = _pencil(path)
    codes = path.palettes[0].codes
    channels = np.full(256, len(codes), dtype=np.int64)
    channels[codes] = np.arange(len(codes))
    places = np.asarray(path.pose.shift_um) + moved_um

    def _project(view: int) -> Wave:
        dz, dy, dx = places[view]
        lines = _lines(path, pencil, float(theta[view]), (float(dy), float(dx)))
        around = mean_chords(path, lines.distances)
        held_um, share = within_tube(path, lines.distances, around[0])
        paths = cone_path_lengths(
            path.labels[:],
            _in_voxels(replace(lines, distances=held_um), path.voxel_um, path.pose.turn_rad),
            float(path.radii_um[0]) / path.voxel_um,
            pencil.climbs,
            heights=(pencil.heights_um - dz) / path.voxel_um,
            channels=channels,
            n_channels=len(codes),
        )
        return _wave(path, paths * share[:, None, None], around, pencil.climbs)

    return list(each(_project, len(theta), threads))


def _pencil(path: LightPath) -> _Pencil:
    """Place the fine rays; heights are over the lower edge of the view on the axis, where rays start."""
    acquisition, fine = path.acquisition, path.acquisition.rays_per_pixel
    detector, cone = acquisition.detector, acquisition.cone
    step_um = detector.pixel_um / fine
    u = (
        step_um * (np.arange(detector.n_cols * fine, dtype=np.float64) + 0.5)
        - (acquisition.axis_px + 0.5) * detector.pixel_um
    )
    v = step_um * (np.arange(detector.n_rows * fine, dtype=np.float64) + 0.5) - detector.n_rows * detector.pixel_um / 2
    middle_um = detector.n_rows / 2 * acquisition.voxel_um
    if cone is None:
        cos, sin = cos_sin(np.deg2rad(acquisition.optics.pitch_deg))
        return _Pencil(u, v, np.full((len(u), len(v)), sin / cos), middle_um + v / cos)
    climbs = v[None, :] / np.hypot(cone.source_detector_mm * 1e3, u)[:, None]
    return _Pencil(u, v, climbs, np.full(len(v), middle_um))


def _lines(path: LightPath, pencil: _Pencil, theta: float, shift: tuple[float, float]) -> Fan:
    """Return the lines of a view seen from above, in µm; those of a parallel beam start beside the axis."""
    cone = path.acquisition.cone
    if cone is not None:
        tangents = pencil.u / (cone.source_detector_mm * 1e3)
        return fan(cone.direction * theta, tangents, source_axis=cone.source_axis_mm * 1e3, shift=shift)
    cos, sin = (np.full(len(pencil.u), value) for value in cos_sin(theta))
    y, x = shift
    return Fan(cos, sin, pencil.u - (x * cos + y * sin), -(y * cos - x * sin))


def _in_voxels(lines: Fan, voxel_um: float, turn_rad: float) -> Fan:
    """Return lines in voxels of the cell, turned into its own frame."""
    cos, sin = np.cos(turn_rad), np.sin(turn_rad)
    return Fan(
        lines.cos * cos + lines.sin * sin,
        lines.sin * cos - lines.cos * sin,
        lines.distances / voxel_um,
        lines.sources / voxel_um,
    )


def _wave(
    path: LightPath, paths: NDArray[np.float32], around: NDArray[np.float64], climbs: NDArray[np.float64]
) -> Wave:
    """Send the beam through projected tissues, base and rings."""
    lengthening = np.sqrt(1 + climbs**2)
    analytic = (around.T[:, :, None] * lengthening[:, None]).astype(np.float32)
    channels = np.concatenate([paths, analytic], axis=1)
    palette = path.palettes[0]
    n_codes = len(palette.codes)
    excess = np.concatenate([palette.excess[:, :n_codes], palette.shared.T.astype(np.float32)], axis=1)
    n_rows = climbs.shape[1]
    padded = np.zeros((*channels.shape[:2], -(-n_rows // LANES) * LANES), dtype=np.float32)
    padded[..., :n_rows] = channels
    base = np.broadcast_to(path.jig.astype(np.float32), (around.shape[1], path.jig.size))
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
    return Wave(intensity, phase)
