"""Expected projections of a cell: what a detector without noise would see of a polychromatic beam."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..materials import Gas
from .acquisition import Acquisition, Pose
from .beam import transmitted
from .cell import Cell
from .pixels import PixelWeights, average_pixels, pixel_weights
from .rays import LANES, TISSUES, pack_slices, path_lengths
from .tissues import Fill

CM_PER_UM = 1e-4


@dataclass(frozen=True, eq=False)
class LightPath:
    """All that the views of one cell in one gas share, prepared once.

    One tissue is the base: it fills each ray's chord through the tube, and the others count with what they
    attenuate more or less than it. Tube, rings and base are analytic; only the other tissues are projected.

    Parameters
    ----------
    packed : (n_blocks, n, n, 64) array of uint8
        Labels, as the projector reads them.
    groups : tuple of (n,) array of uint8
        Tissues to project, at most four at a time.
    excess : (n_energies, n_channels) array of float32
        Attenuation of each projected tissue over the base's, per voxel.
    shared : (n_rings + 1, n_energies) array of float64
        Attenuation of the base and of each ring, in µm^-1.
    radii_um : (n_rings + 1,) array of float64
        Radius of the tube and of each ring in µm.
    weights : (n_energies,) array of float32
        Share of each energy in the signal.
    voxel_um : float
        Edge of a voxel in µm.
    rays_um : (n_rays,) array of float64
        Distance of each ray from the rotation axis in µm.
    columns, rows : PixelWeights
        How pixels weigh rays and slices.
    pose : Pose
        Where the cell stands.
    """

    packed: NDArray[np.uint8]
    groups: tuple[NDArray[np.uint8], ...]
    excess: NDArray[np.float32]
    shared: NDArray[np.float64]
    radii_um: NDArray[np.float64]
    weights: NDArray[np.float32]
    voxel_um: float
    rays_um: NDArray[np.float64]
    columns: PixelWeights
    rows: PixelWeights
    pose: Pose


def light_path(cell: Cell, gas: Gas, acquisition: Acquisition, pose: Pose | None = None) -> LightPath:
    """Prepare the projection of a cell.

    Parameters
    ----------
    cell : Cell
        The cell.
    gas : Gas
        What fills open pores and gaps.
    acquisition : Acquisition
        How it is scanned.
    pose : Pose, optional
        Where the cell stands; None is on the axis.

    Returns
    -------
    LightPath
        What all views share.

    Raises
    ------
    ValueError
        If the rows of the detector reach beyond the cell's ends.
    """
    pose = pose or Pose()
    detector, spectrum = acquisition.detector, acquisition.spectrum
    view_um, low_um = detector.n_rows * detector.pixel_um, -pose.shift_um[0]
    if low_um < 0 or low_um + view_um > cell.height_um:
        raise ValueError(
            f"the rows see {low_um:g} to {low_um + view_um:g} µm of a cell of {cell.height_um:g} µm; give fewer "
            "rows, a taller cell, or a shift along z that keeps the view inside"
        )
    alike = _alike(cell)
    counts = np.bincount(alike, cell.voxel_counts(), len(alike))
    base = int(counts.argmax())
    codes = np.array([code for code in np.flatnonzero(counts) if code != base], dtype=np.uint8)
    mu = np.stack([tissue.mu_per_cm(spectrum.energy_kev, gas) for tissue in cell.tissues])
    fillings = [gas if isinstance(ring.filling, Fill) else ring.filling for ring in cell.rings]
    rings = [filling.mu_per_cm(spectrum.energy_kev) for filling in fillings]
    padded = np.zeros((spectrum.energy_kev.size, -(-len(codes) // TISSUES) * TISSUES), dtype=np.float32)
    padded[:, : len(codes)] = (mu[codes] - mu[base]).T * cell.voxel_um * CM_PER_UM
    step = detector.pixel_um / acquisition.rays_per_pixel
    n_rays = detector.n_cols * acquisition.rays_per_pixel
    edge_um = -(acquisition.axis_px + 0.5) * detector.pixel_um
    blur_um = detector.blur_px * detector.pixel_um
    return LightPath(
        packed=pack_slices(alike[cell.labels]),
        groups=tuple(codes[i : i + TISSUES] for i in range(0, len(codes), TISSUES)),
        excess=padded,
        shared=np.stack([mu[base], *rings]) * CM_PER_UM,
        radii_um=np.array([cell.radius_um, *(ring.outer_radius_um for ring in cell.rings)]),
        weights=spectrum.photons.astype(np.float32),
        voxel_um=cell.voxel_um,
        rays_um=edge_um + step * (np.arange(n_rays, dtype=np.float64) + 0.5),
        columns=pixel_weights(
            detector.n_cols, pixel=detector.pixel_um, first_edge=0.0, n_cells=n_rays, cell=step, blur=blur_um
        ),
        rows=pixel_weights(
            detector.n_rows,
            pixel=detector.pixel_um,
            first_edge=low_um,
            n_cells=cell.labels.shape[0],
            cell=cell.voxel_um,
            blur=blur_um,
        ),
        pose=pose,
    )


def _alike(cell: Cell) -> NDArray[np.uint8]:
    """Map each label to the first that is made of the same: lithium is one material wherever it lies."""
    parts = [tissue.parts for tissue in cell.tissues]
    return np.array([parts.index(part) for part in parts], dtype=np.uint8)


def expected_views(path: LightPath, theta: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the transmitted share of the open beam in each pixel of some views.

    Transmission is averaged over fine rays and slices as intensity; blur acts on it before any noise.

    Parameters
    ----------
    path : LightPath
        What the views share.
    theta : (n,) array of float64
        Angles in rad.

    Returns
    -------
    (n, n_rows, n_cols) array of float32
        Expected intensity over the open beam's, dimensionless.
    """
    n_blocks, _, _, _ = path.packed.shape
    intensity = np.empty((len(theta), len(path.rays_um), n_blocks * LANES), dtype=np.float32)
    rays = [_rays_of(path, angle) for angle in theta]
    for block in range(n_blocks):  # a block of slices stays in cache for all views of the call
        for view, (direction, distances, depths) in enumerate(rays):
            paths = _paths(path, block, direction, distances)
            intensity[view, :, block * LANES : (block + 1) * LANES] = transmitted(
                paths, path.excess, depths, path.weights
            )
    return np.stack([average_pixels(view, path.columns, path.rows) for view in intensity])


def _rays_of(path: LightPath, theta: float) -> tuple[tuple[float, float], NDArray[np.float64], NDArray[np.float32]]:
    """Return a view's direction and distances in the cell's own frame, and the analytic optical depths."""
    _, y_um, x_um = path.pose.shift_um
    distances = path.rays_um - (x_um * np.cos(theta) + y_um * np.sin(theta))
    chords = 2 * np.sqrt(np.maximum(path.radii_um[:, None] ** 2 - distances**2, 0.0))
    depths = np.diff(chords, axis=0, prepend=0.0).T @ path.shared
    angle = theta - path.pose.turn_rad
    return (float(np.cos(angle)), float(np.sin(angle))), distances / path.voxel_um, depths.astype(np.float32)


def _paths(
    path: LightPath, block: int, direction: tuple[float, float], distances_px: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Project all tissues but the base in one block of slices."""
    radius_px = float(path.radii_um[0]) / path.voxel_um
    if not path.groups:
        return np.zeros((len(distances_px), 0, LANES), dtype=np.float32)
    parts = [path_lengths(path.packed[block], direction, distances_px, radius_px, codes) for codes in path.groups]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
