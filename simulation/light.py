"""What all views of a cell in one gas share: tissues to project, attenuation, phase, pixels; prepared once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..materials import Absorber, Gas
from .acquisition import Acquisition, Pose
from .cell import Cell
from .fringes import WAVELENGTH_UM_KEV
from .pixels import PixelWeights, pixel_weights
from .rays import TISSUES, pack_slices
from .tissues import Fill

CM_PER_UM = 1e-4


@dataclass(frozen=True, eq=False)
class LightPath:
    """All that the views of one cell in one gas share.

    One tissue is the base: it fills each ray's chord through the tube, and the others count with what they
    attenuate more or less than it. Tube, rings and base are analytic; only the other tissues are projected.

    Parameters
    ----------
    acquisition : Acquisition
        How the cell is scanned.
    pose : Pose
        Where it stands.
    labels : array of uint8
        (n_blocks, n, n, 64) as the parallel projector reads them, or (n, n, n_z) for a cone beam.
    n_slices : int
        Slices of the cell.
    codes : (n_codes,) array of uint8
        Tissues to project.
    excess : (n_energies, n_channels) array of float32
        Attenuation of each projected tissue over the base's, per voxel; channels come in fours.
    shared : (n_rings + 1, n_energies) array of float64
        Attenuation of the base and of each ring, in µm^-1.
    jig : (n_energies,) array of float64
        Optical depth of the gas outside the tubes.
    excess_phase, shared_phase : (n_channels,) and (n_rings + 1,) arrays of float64
        Phase that the wave falls behind, in rad per voxel and per µm, as for attenuation.
    radii_um : (n_rings + 1,) array of float64
        Radius of the tube and of each ring in µm.
    weights : (n_energies,) array of float32
        Share of each energy in the signal.
    voxel_um : float
        Edge of a voxel of the cell in µm.
    columns : PixelWeights
        How the detector's columns weigh rays.
    """

    acquisition: Acquisition
    pose: Pose
    labels: NDArray[np.uint8]
    n_slices: int
    codes: NDArray[np.uint8]
    excess: NDArray[np.float32]
    shared: NDArray[np.float64]
    jig: NDArray[np.float64]
    excess_phase: NDArray[np.float64]
    shared_phase: NDArray[np.float64]
    radii_um: NDArray[np.float64]
    weights: NDArray[np.float32]
    voxel_um: float
    columns: PixelWeights

    @property
    def open_beam(self) -> float:
        """Share of the beam that the gas outside the tubes lets through."""
        return float(np.exp(-self.jig) @ self.weights)

    def rows(self, shift_z_um: float) -> PixelWeights:
        """Return how the detector's rows weigh slices (parallel beam) or fine rows (cone beam).

        Parameters
        ----------
        shift_z_um : float
            Shift of the cell along z in µm.

        Returns
        -------
        PixelWeights
            The weights.
        """
        detector = self.acquisition.detector
        if self.acquisition.cone is None:
            return _pixels(self.acquisition, detector.n_rows, -shift_z_um, self.n_slices, self.voxel_um)
        fine = self.acquisition.rays_per_pixel
        cell = detector.pixel_um / fine
        return _pixels(self.acquisition, detector.n_rows, 0.0, detector.n_rows * fine, cell)


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
        If the rows of a parallel beam's detector reach beyond the cell's ends.
    """
    pose = pose or Pose()
    if acquisition.cone is None:
        _check_rows(cell, acquisition, pose)
    spectrum, energy_kev = acquisition.spectrum, acquisition.spectrum.mean_kev
    alike = _alike(cell)
    counts = np.bincount(alike, cell.voxel_counts(), len(alike))
    base = int(counts.argmax())
    codes = np.array([code for code in np.flatnonzero(counts) if code != base], dtype=np.uint8)
    n_channels = -(-len(codes) // TISSUES) * TISSUES
    mu = np.stack([tissue.mu_per_cm(spectrum.energy_kev, gas) for tissue in cell.tissues])
    rings: list[Absorber] = [gas if isinstance(r.filling, Fill) else r.filling for r in cell.rings]
    shared = np.stack([mu[base], *(ring.mu_per_cm(spectrum.energy_kev) for ring in rings)])
    behind = _phase_per_um([tissue.decrement(energy_kev, gas) for tissue in cell.tissues], energy_kev)
    excess = np.zeros((spectrum.energy_kev.size, n_channels), dtype=np.float32)
    excess[:, : len(codes)] = (mu[codes] - mu[base]).T * cell.voxel_um * CM_PER_UM
    excess_phase = np.zeros(n_channels)
    excess_phase[: len(codes)] = (behind[codes] - behind[base]) * cell.voxel_um
    ring_phase = _phase_per_um([ring.decrement(energy_kev) for ring in rings], energy_kev)
    detector, fine = acquisition.detector, acquisition.rays_per_pixel
    labels = alike[cell.labels]
    return LightPath(
        acquisition=acquisition,
        pose=pose,
        labels=np.ascontiguousarray(np.moveaxis(labels, 0, 2)) if acquisition.cone else pack_slices(labels),
        n_slices=cell.labels.shape[0],
        codes=codes,
        excess=excess,
        shared=shared * CM_PER_UM,
        jig=gas.mu_per_cm(spectrum.energy_kev) * acquisition.optics.jig_gas_mm / 10,
        excess_phase=excess_phase,
        shared_phase=np.concatenate([behind[base : base + 1], ring_phase]),
        radii_um=np.array([cell.radius_um, *(ring.outer_radius_um for ring in cell.rings)]),
        weights=spectrum.photons.astype(np.float32),
        voxel_um=cell.voxel_um,
        columns=_pixels(acquisition, detector.n_cols, 0.0, detector.n_cols * fine, detector.pixel_um / fine),
    )


def _check_rows(cell: Cell, acquisition: Acquisition, pose: Pose) -> None:
    """Refuse a view that reaches beyond the cell, drift included."""
    drift_um = abs(acquisition.drift.sample_um[0]) / 2
    low_um = -pose.shift_um[0] - drift_um
    high_um = low_um + acquisition.detector.n_rows * acquisition.detector.pixel_um + 2 * drift_um
    if low_um < 0 or high_um > cell.height_um:
        raise ValueError(
            f"the rows see {low_um:g} to {high_um:g} µm of a cell of {cell.height_um:g} µm; give fewer "
            "rows, a taller cell, or a shift along z that keeps the view inside"
        )


def _pixels(
    acquisition: Acquisition, n_pixels: int, first_edge_um: float, n_cells: int, cell_um: float
) -> PixelWeights:
    """Weigh fine cells by pixels that are blurred by scintillator and penumbra."""
    detector = acquisition.detector
    penumbra_um = acquisition.optics.penumbra_um * (acquisition.cone.magnification if acquisition.cone else 1)
    return pixel_weights(
        n_pixels,
        pixel=detector.pixel_um,
        first_edge=first_edge_um,
        n_cells=n_cells,
        cell=cell_um,
        blur=float(np.hypot(detector.blur_px * detector.pixel_um, penumbra_um)),
    )


def _alike(cell: Cell) -> NDArray[np.uint8]:
    """Map each label to the first that is made of the same: lithium is one material wherever it lies."""
    parts = [tissue.parts for tissue in cell.tissues]
    return np.array([parts.index(part) for part in parts], dtype=np.uint8)


def _phase_per_um(decrements: list[float], energy_kev: float) -> NDArray[np.float64]:
    """Return the phase that the wave falls behind, 2 pi delta / lambda, in rad per µm."""
    return 2 * np.pi * energy_kev / WAVELENGTH_UM_KEV * np.array(decrements, dtype=np.float64)
