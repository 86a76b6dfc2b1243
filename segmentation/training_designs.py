"""Random small cells and random scans of them: what a network is trained on, wider than any one instrument."""

from dataclasses import dataclass

import numpy as np

from ..materials import MATERIALS, Gas, Spectrum, monochromatic, tube
from ..materials.lithium import thickness_um
from ..simulation import (
    Bore,
    Carbon,
    CellDesign,
    Charge,
    Collector,
    Deposit,
    Electrolyte,
    Film,
    Optics,
    Pose,
)

Random = np.random.Generator

KINDS = {
    "film": 0.34,
    "mass": 0.16,
    "no-interlayer": 0.16,
    "uncharged": 0.10,
    "delaminated": 0.12,
    "symmetric": 0.12,
}
"""Kinds of cells and how often each is drawn; a negative control is a cell without lithium."""

NO_LITHIUM = ("uncharged", "delaminated")


@dataclass(frozen=True)
class ScanDraw:
    """How a random cell is scanned in both gases.

    Parameters
    ----------
    spectrum : Spectrum
        Weights of the energies in the detector's signal.
    gases : dict of str to Gas
        Argon and xenon.
    poses : dict of str to Pose
        Where the cell stands in each scan; they differ by what registration leaves.
    optics : Optics
        Fringes, glare and scatter.
    n_views : int
        Views over 180 degrees.
    blur_px : float
        Blur of the detector, in pixels.
    noise : float
        Standard deviation of µ in rows without electrolyte, over µ of carbon, dimensionless.
    ring_std : float
        Standard deviation of the pixels' change of gain, dimensionless.
    ring_filter : bool
        Whether rings are filtered afterwards.
    window : str
        Window of the reconstruction.
    extra_um : float
        Electrolyte that the beam passes beside what is in view, in µm: its noise, without its shadow.
    bend : float
        Share of the strongest line integral that hardening takes away or a correction adds; dimensionless.
    """

    spectrum: Spectrum
    gases: dict[str, Gas]
    poses: dict[str, Pose]
    optics: Optics
    n_views: int
    blur_px: float
    noise: float
    ring_std: float
    ring_filter: bool
    window: str
    extra_um: float
    bend: float


def draw_voxel_um(rng: Random) -> float:
    """Draw the edge of a voxel.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    float
        In µm; often 1.08 or 2, else between 0.7 and 2.6.
    """
    return float(rng.choice([1.08, 1.08, 2.0, float(np.exp(rng.uniform(np.log(0.7), np.log(2.6))))]))


def draw_cell(rng: Random, kind: str, shape: tuple[int, int], voxel_um: float) -> tuple[CellDesign, Charge]:
    """Draw a cell of one kind that fills a small view.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of random numbers.
    kind : str
        A key of `KINDS`.
    shape : (n_rows, n_cols)
        Detector pixels of the view.
    voxel_um : float
        Edge of a voxel of the reconstruction, in µm.

    Returns
    -------
    design : CellDesign
        The cell, higher than the view.
    charge : Charge
        What plates its lithium.
    """
    n_rows, n_cols = shape
    film_px = 0.0 if kind in NO_LITHIUM else float(rng.uniform(2, 40))
    height_um = (n_rows + 12) * voxel_um
    deposit, charge_px = _draw_deposit(rng, kind, film_px, n_rows * voxel_um)
    carbon = None
    if kind not in ("no-interlayer", "symmetric") and not (kind == "uncharged" and rng.random() < 0.3):
        carbon = Carbon(
            thickness_um=float(rng.uniform(4, 26)) * voxel_um,
            roughness_um=float(rng.uniform(0, 2.5)) * voxel_um,
            porosity=float(rng.choice([0.0, rng.uniform(0.05, 0.5)], p=[0.15, 0.85])),
            pore_um=float(rng.uniform(1.5, 5)) * voxel_um,
            closed_share=float(rng.choice([0.0, rng.uniform(0, 0.5)], p=[0.7, 0.3])),
        )
    counter: tuple[tuple[str, float], ...] = ()
    if kind == "symmetric":
        counter = (("lithium", float(rng.uniform(6, 20)) * voxel_um), ("steel", 12 * voxel_um))
    elif rng.random() < 0.12:
        counter = (("inli", 12 * voxel_um),)
    design = CellDesign(
        bore=_draw_bore(rng, n_cols, height_um, voxel_um),
        collector=_draw_collector(rng, voxel_um),
        film=_draw_film(rng, kind, voxel_um),
        carbon=carbon,
        electrolyte=_draw_electrolyte(rng, kind, voxel_um),
        counter=counter,
        deposit=deposit,
        name=kind,
    )
    return design, Charge(charge_px * voxel_um / thickness_um(1.0))


def _draw_bore(rng: Random, n_cols: int, height_um: float, voxel_um: float) -> Bore:
    share = rng.uniform(0.62, 0.88) if rng.random() < 0.78 else rng.uniform(1.1, 1.4)
    walls: tuple[float, ...] = (float(rng.uniform(3, 12)) * voxel_um,)
    if rng.random() < 0.35:
        walls = (*walls, float(rng.uniform(2, 6)) * voxel_um, float(rng.uniform(3, 10)) * voxel_um)
    casing = str(rng.choice(["peek", "peek", "ptfe"]))
    return Bore(share * n_cols * voxel_um, height_um, voxel_um / 1.7, walls, casing)


def _draw_collector(rng: Random, voxel_um: float) -> Collector:
    return Collector(
        thickness_um=float(rng.uniform(8, 16)) * voxel_um,
        material=str(rng.choice(["steel", "steel", "indium"])),
        roughness_um=float(rng.choice([0.0, rng.uniform(0, 1.5)])) * voxel_um,
        correlation_um=float(rng.uniform(5, 40)) * voxel_um,
        tilt_deg=float(rng.choice([0.0, rng.uniform(0, 1.5)])),
        tilt_to_deg=float(rng.uniform(0, 360)),
    )


def _draw_film(rng: Random, kind: str, voxel_um: float) -> Film:
    return Film(
        roughness_um=float(rng.uniform(0.2, 5)) * voxel_um,
        correlation_um=float(rng.uniform(8, 50)) * voxel_um,
        foil_um=float(rng.uniform(5, 20)) * voxel_um if kind == "symmetric" else 0.0,
        gap_um=float(rng.uniform(2, 40)) * voxel_um if kind == "delaminated" else 0.0,
        pockets=int(rng.integers(0, 14)),
        pocket_um=float(rng.uniform(4, 18)) * voxel_um,
        bare_spots=int(rng.choice([0, 1, 2, 3])) if kind == "film" else 0,
        bare_um=float(rng.uniform(4, 15)) * voxel_um,
    )


def _draw_electrolyte(rng: Random, kind: str, voxel_um: float) -> Electrolyte:
    bromine = "li5.5ps4.5br1.5"
    return Electrolyte(
        material=str(rng.choice(["li6ps5cl", bromine], p=[0.75, 0.25] if kind == "symmetric" else [0.35, 0.65])),
        void_share=float(rng.choice([0.0, rng.uniform(0.002, 0.05)], p=[0.2, 0.8])),
        void_um=float(rng.uniform(1.5, 9)) * voxel_um,
        closed_share=float(rng.choice([0.0, rng.uniform(0, 0.5)], p=[0.7, 0.3])),
        cracks=int(rng.choice([0, 0, 1, 3])),
        crack_um=float(rng.uniform(15, 50)) * voxel_um,
    )


def _draw_deposit(rng: Random, kind: str, film_px: float, view_um: float) -> tuple[Deposit, float]:
    """Return where the lithium goes, and how much there is, in voxels over the electrode."""
    sizes = {
        "mass_um": float(rng.uniform(0.1, 0.4)) * view_um,
        "mass_height_um": float(rng.choice([0.0, rng.uniform(0, 0.3)])) * view_um,
        "mixed_fraction": float(rng.uniform(0.05, 0.5)),
        "filament_um": float(rng.uniform(0.02, 0.06)) * view_um,
        "cluster_um": float(rng.uniform(0.015, 0.05)) * view_um,
    }
    if kind == "film":
        inside = float(rng.choice([0.0, rng.uniform(0, 0.15)]))
        pores = float(rng.choice([0.0, rng.uniform(0, 0.05)]))
        return Deposit(film=1 - inside - pores, isolated=inside, in_carbon=pores, **sizes), film_px
    if kind in ("mass", "no-interlayer"):
        mixed = float(rng.choice([0.0, rng.uniform(0.1, 0.4)]))
        isolated = float(rng.choice([0.0, rng.uniform(0.02, 0.15)]))
        film = float(rng.choice([0.0, rng.uniform(0.05, 0.4)]))
        return Deposit(film=film, mass=1 - film - mixed - isolated, mixed=mixed, isolated=isolated, **sizes), float(
            rng.uniform(1.5, 10)
        )
    if kind == "symmetric":
        mass, filaments = float(rng.uniform(0, 0.4)), float(rng.uniform(0.1, 0.4))
        return Deposit(film=1 - mass - filaments, mass=mass, filaments=filaments, **sizes), float(rng.uniform(4, 16))
    return Deposit(), 0.0


def draw_scan(rng: Random, voxel_um: float) -> ScanDraw:
    """Draw how a cell is scanned.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of random numbers.
    voxel_um : float
        Edge of a voxel, in µm.

    Returns
    -------
    ScanDraw
        One scan in argon and one in xenon.
    """
    low = Pose((-float(rng.uniform(1, 7)) * voxel_um, 0.0, 0.0))
    moved = low.moved(tuple(float(v) for v in rng.normal(0, 0.12, 3).clip(-0.3, 0.3) * voxel_um))  # type: ignore[arg-type]
    filtered = bool(rng.random() < 0.75)
    fringes_mm = float(rng.choice([0.0, rng.uniform(0.1, 2.0)], p=[0.8, 0.2]))
    return ScanDraw(
        spectrum=_draw_spectrum(rng),
        gases={
            "argon": Gas("argon", float(rng.uniform(0.9, 1.5))),
            "xenon": Gas("xenon", float(rng.uniform(4.5, 8.5))),
        },
        poses={"argon": moved, "xenon": low},
        optics=Optics(propagation_mm=fringes_mm, glare=float(rng.choice([0.0, 0.003, 0.01]))),
        n_views=int(rng.integers(140, 190)),
        blur_px=float(rng.uniform(0.25, 1.2)),
        noise=float(np.exp(rng.uniform(np.log(0.1), np.log(1.3)))),
        ring_std=float(rng.uniform(0, 0.001 if filtered else 0.0002)),
        ring_filter=filtered,
        window=str(rng.choice(["shepp-logan", "shepp-logan", "ramp", "hann"])),
        extra_um=float(rng.choice([0.0, rng.uniform(0, 900)])),
        bend=float(rng.choice([0.0, rng.uniform(-0.1, 0.25)])),
    )


def _draw_spectrum(rng: Random) -> Spectrum:
    if rng.random() < 0.55:
        return monochromatic(float(rng.choice([17.48, rng.uniform(16, 30)])))
    filters = [[], [("Al", 0.2)], [("Zr", 0.1)], [("Al", 0.5)]]
    beam = tube("Mo", 44.0, filters=filters[int(rng.integers(4))])
    if rng.random() < 0.25:
        beam = tube("W", float(rng.choice([60.0, 80.0])), filters=[("Al", 0.5)])
    beam = beam.detected(MATERIALS["gagg"], 20.0) if rng.random() < 0.4 else beam
    return beam.trimmed(1e-3).coarser(2.0)
