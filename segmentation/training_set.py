"""Examples to train a network on: random cells, scanned in argon and in xenon and reconstructed, and their truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..materials import MATERIALS, Gas, Material, Phase, effective_mu_per_cm
from ..materials.phases import NOT_LABELLED
from ..reconstruction.flat_field import line_integrals
from ..reconstruction.fourier import fourier_fbp
from ..reconstruction.rings import remove_mean
from ..reconstruction.truncation import extend
from ..simulation import Acquisition, Cell, Detector, Pose, Truth, build_cell, truth_of
from ..simulation.light import light_path
from ..simulation.projection import expected_views
from .contrast import expected_mu
from .training_designs import KINDS, ScanDraw, draw_cell, draw_scan, draw_voxel_um

CM_PER_UM = 1e-4
SHAPE = (88, 112)
"""Rows and columns of the detector: small cells, many of them."""

FBP_NOISE = np.pi / np.sqrt(12.0)
"""Standard deviation of µ in a slice by the ramp filter, times voxel and the root of all photons of a ray."""

DEEPEST = 5.0
"""Largest optical depth that electrolyte out of view adds."""

REFERENCE_STD = 0.05
"""Relative standard deviation by which reference levels are off."""

TRIES = 20


@dataclass(frozen=True, eq=False)
class Example:
    """A reconstructed pair and its truth.

    Parameters
    ----------
    mu : (2, n_z, n_y, n_x) array of float16
        µ in argon over that of carbon, and in xenon over that of the gas; dimensionless.
    dense : (2,) array of float32
        Reference of `mu` over µ of the electrolyte, in each scan.
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`; 255 where none fills half of the voxel.
    kind : str
        Kind of cell.
    noise : float
        Standard deviation of µ in the light rows over µ of carbon, as drawn.
    voxel_um : float
        Edge of a voxel in µm.
    """

    mu: NDArray[np.float16]
    dense: NDArray[np.float32]
    labels: NDArray[np.uint8]
    kind: str
    noise: float
    voxel_um: float


def make_example(seed: int, *, threads: int = 1) -> Example:
    """Make one example: a random cell, two scans, two reconstructions.

    Parameters
    ----------
    seed : int
        Seed of everything that is drawn, not negative.
    threads : int
        Threads of the reconstruction.

    Returns
    -------
    Example
        The same for the same seed.

    Raises
    ------
    ValueError
        If no cell of twenty drawn could be built.
    """
    rng = np.random.default_rng([seed, 5])
    kind = str(rng.choice(list(KINDS), p=np.array(list(KINDS.values())) / sum(KINDS.values())))
    for _ in range(TRIES):
        voxel_um = draw_voxel_um(rng)
        design, charge = draw_cell(rng, kind, SHAPE, voxel_um)
        try:
            cell = build_cell(design, charge, seed=int(rng.integers(2**31)))
        except ValueError:
            continue
        return _scanned(cell, draw_scan(rng, voxel_um), voxel_um, rng, threads)
    raise ValueError(f"none of {TRIES} cells of kind {kind} could be built with seed {seed}; take another seed")


def _scanned(cell: Cell, draw: ScanDraw, voxel_um: float, rng: np.random.Generator, threads: int) -> Example:
    detector = Detector(*SHAPE, pixel_um=voxel_um, blur_px=draw.blur_px)
    acquisition = Acquisition(detector, draw.spectrum, n_views=draw.n_views, optics=draw.optics)
    truth = truth_of(cell, acquisition, draw.poses["xenon"])
    mu, dense = [], []
    for name, gas in draw.gases.items():
        volume = reconstructed(cell, gas, acquisition, draw, draw.poses[name], truth, rng, threads)
        light, electrolyte = _references(cell, gas, draw, truth, volume)
        light, electrolyte = np.array([light, electrolyte]) * np.exp(REFERENCE_STD * rng.standard_normal(2))
        mu.append(np.clip(volume / light, -1000, 1000).astype(np.float16))
        dense.append(light / electrolyte)
    return Example(np.stack(mu), np.array(dense, np.float32), majority(truth), cell.name, draw.noise, voxel_um)


def majority(truth: Truth) -> NDArray[np.uint8]:
    """Return the phase that fills at least half of each voxel.

    Parameters
    ----------
    truth : Truth
        What is in the cell.

    Returns
    -------
    (n_z, n_y, n_x) array of uint8
        Values of `Phase`, and 255 where none does.
    """
    return np.where(truth.fractions.max(axis=0) >= 0.5, truth.labels, np.uint8(NOT_LABELLED))


def _references(cell: Cell, gas: Gas, draw: ScanDraw, truth: Truth, volume: NDArray[np.float32]) -> tuple[float, float]:
    """Return what `mu` and the electrolyte are told by: expected µ of carbon or xenon, measured electrolyte."""
    names = {part.phase: part for tissue in cell.tissues for part, _ in tissue.parts if isinstance(part, Material)}
    solids = {Phase.CARBON: MATERIALS["carbon"], Phase.ELECTROLYTE: names[Phase.ELECTROLYTE]}
    expected = expected_mu(solids, gas, draw.spectrum, path_um=2 * cell.radius_um)
    light = expected[Phase.CARBON if gas.name == "argon" else Phase.VOID].mu_per_cm
    deep = truth.fractions[Phase.ELECTROLYTE] > 0.99
    measured = float(np.median(volume[deep])) if deep.sum() > 100 else 0.0
    return light, max(measured, 0.3 * expected[Phase.ELECTROLYTE].mu_per_cm)


def reconstructed(
    cell: Cell,
    gas: Gas,
    acquisition: Acquisition,
    draw: ScanDraw,
    pose: Pose,
    truth: Truth,
    rng: np.random.Generator,
    threads: int = 1,
) -> NDArray[np.float32]:
    """Scan a cell in one gas with the noise that was drawn, and reconstruct it.

    The noise of a wide cell is given to a narrow one: rows with electrolyte get fewer photons, by what the
    electrolyte out of view would take, and the logarithm is told so.

    Parameters
    ----------
    cell : Cell
        The cell.
    gas : Gas
        What fills its pores.
    acquisition : Acquisition
        Detector, beam and views.
    draw : ScanDraw
        Noise, rings, filters.
    pose : Pose
        Where the cell stands.
    truth : Truth
        Says in which rows the electrolyte lies.
    rng : numpy.random.Generator
        Source of the noise.
    threads : int
        Threads of the reconstruction.

    Returns
    -------
    (n_rows, n_cols, n_cols) array of float32
        µ in cm^-1.
    """
    expected = expected_views(light_path(cell, gas, acquisition, pose), acquisition.theta)
    photons = _photons(expected, acquisition, draw) * _row_share(cell, truth, draw)[:, None]
    ring = 1 + draw.ring_std * rng.standard_normal(expected.shape[1:])
    counts = rng.poisson(expected * (photons * ring)) + 0.3 * rng.standard_normal(expected.shape)
    integrals, _ = line_integrals((counts / photons).astype(np.float32), floor=(0.5 / photons).astype(np.float32))
    if draw.bend:
        integrals = integrals * (1 - draw.bend * integrals / max(float(np.percentile(integrals, 99)), 0.1))
    sinograms = np.ascontiguousarray(integrals.transpose(1, 0, 2), dtype=np.float32)
    if draw.ring_filter:
        sinograms = remove_mean(sinograms)
    centre = acquisition.axis_px
    added = 0
    if 2 * cell.outer_radius_um > acquisition.detector.n_cols * acquisition.voxel_um:
        casing = cell.rings[0].filling
        wide = extend(
            sinograms,
            centre_px=centre,
            outer_radius_px=cell.outer_radius_um / acquisition.voxel_um,
            mu_per_px=float(effective_mu_per_cm(casing, draw.spectrum)) * acquisition.voxel_um * CM_PER_UM,  # type: ignore[arg-type]
        )
        sinograms, centre, added = np.ascontiguousarray(wide.sinograms), wide.centre_px, wide.left_px
    options = {"centre_px": centre, "voxel_um": acquisition.voxel_um, "window": draw.window, "threads": threads}
    volume = fourier_fbp(sinograms, acquisition.theta, **options)  # type: ignore[arg-type]
    n = acquisition.detector.n_cols
    return volume[:, added : added + n, added : added + n]


def _photons(expected: NDArray[np.float32], acquisition: Acquisition, draw: ScanDraw) -> NDArray[np.float64]:
    """Photons per pixel and view, (1, n_cols), that give the drawn noise in the rows that transmit most."""
    carbon = float(effective_mu_per_cm(MATERIALS["carbon"], draw.spectrum, 0.02))
    middle = expected.shape[2] // 2
    light = float(np.percentile(expected[:, :, middle - 8 : middle + 8].mean(axis=(0, 2)), 90))
    per_ray = (FBP_NOISE / (acquisition.voxel_um * CM_PER_UM * draw.noise * carbon)) ** 2
    return np.full((1, expected.shape[2]), per_ray / acquisition.n_views / light)


def _row_share(cell: Cell, truth: Truth, draw: ScanDraw) -> NDArray[np.float64]:
    """Share of the photons that electrolyte out of view leaves each row, (n_rows,)."""
    electrolyte = next(t for t in cell.tissues if t.phase is Phase.ELECTROLYTE)
    path_cm = draw.extra_um * CM_PER_UM
    material = electrolyte.parts[0][0]
    depth = float(effective_mu_per_cm(material, draw.spectrum, path_cm)) * path_cm  # type: ignore[arg-type]
    solid = truth.fractions[Phase.ELECTROLYTE].sum(axis=(1, 2))
    return np.exp(-min(depth, DEEPEST) * solid / max(float(solid.max()), 1e-6))
