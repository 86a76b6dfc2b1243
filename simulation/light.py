"""What all views of a cell in one gas share: tissues to project, attenuation, phase, pixels; prepared once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..materials import Absorber, Gas, Spectrum
from .acquisition import Acquisition, Pose
from .cell import Cell
from .fringes import WAVELENGTH_UM_KEV
from .pixels import PixelWeights, pixel_weights
from .rays import LANES, TISSUES, pack_slices
from .slabs import Labels, PackedLabels
from .tissues import Fill

CM_PER_UM = 1e-4


@dataclass(frozen=True, eq=False)
class Palette:
    """The tissues of some slices, and what they do to the beam.

    One tissue is the base: it fills each ray's chord through the tube, and the others count with what they
    attenuate more or less than it. Tube, rings and base are analytic; only the other tissues are projected.

    Parameters
    ----------
    codes : (n_codes,) array of uint8
        Tissues to project.
    excess : (n_energies, n_channels) array of float32
        Attenuation of each projected tissue over the base's, per voxel; none, one or a multiple of four
        channels.
    shared : (n_rings + 1, n_energies) array of float64
        Attenuation of the base and of each ring, in µm^-1.
    excess_phase, shared_phase : (n_channels,) and (n_rings + 1,) arrays of float64
        Phase that the wave falls behind, in rad per voxel and per µm, as for attenuation.
    """

    codes: NDArray[np.uint8]
    excess: NDArray[np.float32]
    shared: NDArray[np.float64]
    excess_phase: NDArray[np.float64]
    shared_phase: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LightPath:
    """All that the views of one cell in one gas share.

    Parameters
    ----------
    acquisition : Acquisition
        How the cell is scanned.
    pose : Pose
        Where it stands.
    labels : array of uint8 or PackedLabels
        (n_blocks, n, n, 64) as the parallel projector reads them, or (n, n, n_z) for rays that climb; labels of
        the cell itself where they are packed.
    alike : (n_tissues,) array of uint8
        First label that is made of the same as each.
    n_slices : int
        Slices of the cell.
    palettes : tuple of Palette
        Tissues of each block of slices, or of the whole cell for a cone beam.
    jig : (n_energies,) array of float64
        Optical depth of the gas outside the tubes.
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
    labels: Labels
    alike: NDArray[np.uint8]
    n_slices: int
    palettes: tuple[Palette, ...]
    jig: NDArray[np.float64]
    radii_um: NDArray[np.float64]
    weights: NDArray[np.float32]
    voxel_um: float
    columns: PixelWeights

    @property
    def open_beam(self) -> float:
        """Share of the beam that the gas outside the tubes lets through."""
        return float(np.exp(-self.jig) @ self.weights)

    def block(self, index: int) -> NDArray[np.uint8]:
        """Return 64 slices as the parallel projector reads them.

        Parameters
        ----------
        index : int
            Which of them.

        Returns
        -------
        (n, n, 64) array of uint8
            Labels, unpacked.
        """
        if isinstance(self.labels, PackedLabels):
            return pack_slices(self.labels[index * LANES : (index + 1) * LANES], self.alike)[0]
        return self.labels[index]

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
        if not self.acquisition.climbs:
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
    spectrum = acquisition.spectrum
    alike = _alike(cell)
    counts = np.zeros((cell.labels.shape[0], len(alike)), dtype=np.int64)
    for code, count in zip(alike, cell.slice_counts().T, strict=True):
        counts[:, code] += count
    height = len(counts) if acquisition.climbs else LANES
    detector, fine = acquisition.detector, acquisition.rays_per_pixel
    return LightPath(
        acquisition=acquisition,
        pose=pose,
        labels=_arranged(cell, alike, acquisition),
        alike=alike,
        n_slices=len(counts),
        palettes=tuple(
            _palette(cell, gas, spectrum, counts[z : z + height].sum(axis=0)) for z in range(0, len(counts), height)
        ),
        jig=gas.mu_per_cm(spectrum.energy_kev) * acquisition.optics.jig_gas_mm / 10,
        radii_um=np.array([cell.radius_um, *(ring.outer_radius_um for ring in cell.rings)]),
        weights=spectrum.photons.astype(np.float32),
        voxel_um=cell.voxel_um,
        columns=_pixels(acquisition, detector.n_cols, 0.0, detector.n_cols * fine, detector.pixel_um / fine),
    )


def _palette(cell: Cell, gas: Gas, spectrum: Spectrum, counts: NDArray[np.int64]) -> Palette:
    """Choose the commonest tissue as the base, and weigh the others against it."""
    base = int(counts.argmax())
    codes = np.array([code for code in np.flatnonzero(counts) if code != base], dtype=np.uint8)
    n_channels = len(codes) if len(codes) < 2 else -(-len(codes) // TISSUES) * TISSUES
    kinds = [cell.tissues[base], *(cell.tissues[code] for code in codes)]
    rings: list[Absorber] = [gas if isinstance(r.filling, Fill) else r.filling for r in cell.rings]
    mu = np.stack([kind.mu_per_cm(spectrum.energy_kev, gas) for kind in kinds]) * CM_PER_UM
    ring_mu = [ring.mu_per_cm(spectrum.energy_kev) * CM_PER_UM for ring in rings]
    energy_kev = spectrum.mean_kev
    behind = _phase_per_um([kind.decrement(energy_kev, gas) for kind in kinds], energy_kev)
    ring_behind = _phase_per_um([ring.decrement(energy_kev) for ring in rings], energy_kev)
    excess = np.zeros((spectrum.energy_kev.size, n_channels), dtype=np.float32)
    excess[:, : len(codes)] = (mu[1:] - mu[0]).T * cell.voxel_um
    excess_phase = np.zeros(n_channels)
    excess_phase[: len(codes)] = (behind[1:] - behind[0]) * cell.voxel_um
    return Palette(
        codes=codes,
        excess=excess,
        shared=np.stack([mu[0], *ring_mu]),
        excess_phase=excess_phase,
        shared_phase=np.concatenate([behind[:1], ring_behind]),
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


def _arranged(cell: Cell, alike: NDArray[np.uint8], acquisition: Acquisition) -> Labels:
    """Arrange the labels as the projector of the beam reads them; packed ones stay so, but for rays that climb."""
    if acquisition.climbs:
        n_z, n, _ = cell.labels.shape
        upright = np.empty((n, n, n_z), dtype=np.uint8)
        for start in range(0, n_z, LANES):
            part = cell.labels[start : start + LANES]
            upright[..., start : start + len(part)] = np.moveaxis(alike[part], 0, 2)
        return upright
    return cell.labels if isinstance(cell.labels, PackedLabels) else pack_slices(cell.labels, alike)


def _alike(cell: Cell) -> NDArray[np.uint8]:
    """Map each label to the first that is made of the same: lithium is one material wherever it lies."""
    parts = [tissue.parts for tissue in cell.tissues]
    return np.array([parts.index(part) for part in parts], dtype=np.uint8)


def _phase_per_um(decrements: list[float], energy_kev: float) -> NDArray[np.float64]:
    """Return the phase that the wave falls behind, 2 pi delta / lambda, in rad per µm."""
    return 2 * np.pi * energy_kev / WAVELENGTH_UM_KEV * np.array(decrements, dtype=np.float64)
