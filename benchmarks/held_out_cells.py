"""The held-out cells of the segmentation benchmark, and the ways in which they are scanned: fixed seeds, both gases."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xelith.materials import MATERIALS, Gas, Phase, Spectrum, monochromatic, tube
from xelith.reconstruction.fdk import fdk
from xelith.reconstruction.flat_field import line_integrals
from xelith.segmentation.contrast import ExpectedMu, expected_mu
from xelith.segmentation.layout import CellLayout
from xelith.segmentation.training_designs import ScanDraw
from xelith.segmentation.training_set import _photons, _row_share, majority, reconstructed
from xelith.simulation import (
    Acquisition,
    Bore,
    Carbon,
    Cell,
    CellDesign,
    Charge,
    Collector,
    Cone,
    Deposit,
    Detector,
    Electrolyte,
    Film,
    Optics,
    Pose,
    Truth,
    build_cell,
    truth_of,
)
from xelith.simulation.light import light_path
from xelith.simulation.projection import expected_views

UM_PER_MAH = 4.849
VIEW_UM = (96 * 1.08, 120 * 1.08)
BORE_UM = 96.0
VIEWS = 170
INSIDE = Deposit(film=0.0, mass=0.75, mixed=0.25, mass_um=35.0, mass_height_um=15.0)
PLATES_INSIDE = ("process 1", "process 2", "no interlayer", "symmetric")
"""Cells whose presets say that lithium may lie in the electrolyte; a run calls dark bodies there lithium where one gas
alone cannot tell."""

CONE = Cone(source_axis_mm=1.0, source_detector_mm=4.0)
"""Rows at the edge of the view are seen at 3 degrees, as those of a cell of 2 mm from 20 mm away."""


@dataclass(frozen=True)
class Condition:
    """How the cells are scanned.

    Parameters
    ----------
    says : str
        What is different, for the tables.
    sigma_per_cm : float
        Noise of µ by the ramp filter in rows without electrolyte, in cm^-1.
    blur_px : float
        Blur of the detector, in pixels.
    fringes_mm : float
        Distance over which fringes form, in mm.
    xenon_atm : float
        Pressure of the xenon, absolute, in atm.
    voxel_um : float
        Edge of a voxel, in µm.
    electrolyte : str or None
        Material in the place of each cell's own.
    is_cone : bool
        Whether a point source close by takes the place of the parallel beam.
    n_seeds : int
        Sets of cells that are scanned so; only the standard scan has the cells without lithium twice.
    is_beyond : bool
        Whether it belongs to the table of scans that are unlike those of the training, or nearly so.
    noise_seed : int
        Another one is another scan of the same cell.
    """

    says: str
    sigma_per_cm: float = 0.75
    blur_px: float = 0.8
    fringes_mm: float = 0.0
    xenon_atm: float = 6.0
    voxel_um: float = 1.08
    electrolyte: str | None = None
    is_cone: bool = False
    n_seeds: int = 1
    is_beyond: bool = False
    noise_seed: int = 77


CONDITIONS = {
    "standard": Condition("3e4 photons", n_seeds=2),
    "1e4 photons": Condition("1e4 photons", sigma_per_cm=1.3, n_seeds=2),
    "3e3 photons": Condition("3e3 photons", sigma_per_cm=2.4, n_seeds=2),
    "fringes 1 mm": Condition("fringes of 1 mm", fringes_mm=1.0),
    "fringes 3 mm": Condition("fringes of 3 mm", fringes_mm=3.0),
    "noise x3": Condition("three times the noise", sigma_per_cm=2.25, is_beyond=True),
    "blur x2": Condition("twice the blur", blur_px=1.6, is_beyond=True),
    "cone": Condition("cone beam", is_cone=True, is_beyond=True),
    "li6ps5cl": Condition("Li6PS5Cl", electrolyte="li6ps5cl", is_beyond=True),
    "8 atm": Condition("xenon of 8 atm", xenon_atm=8.0, is_beyond=True),
    "voxel x1.5": Condition("voxel of 1.62 µm", voxel_um=1.62, is_beyond=True),
}


@dataclass(frozen=True, eq=False)
class Case:
    """A cell, scanned and reconstructed.

    Parameters
    ----------
    name : str
        A key of `designs`.
    volumes : dict of str to (n_z, n_y, n_x) array of float32
        µ in cm^-1 of each gas.
    truth : Truth
        What is in the cell.
    known : (n_z, n_y, n_x) array of bool
        Voxels of the bore.
    learnable : (n_z, n_y, n_x) array of uint8
        True phases, 255 where none fills half of a voxel.
    expected : dict
        For each gas what each phase should read.
    layout : CellLayout
        What a run is told of the cell.
    voxel_um : float
        Edge of a voxel, in µm.
    """

    name: str
    volumes: dict[str, NDArray[np.float32]]
    truth: Truth
    known: NDArray[np.bool_]
    learnable: NDArray[np.uint8]
    expected: dict[str, dict[Phase, ExpectedMu]]
    layout: CellLayout
    voxel_um: float

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(n_y, n_x) array: columns of the electrode."""
        return np.isfinite(self.truth.thickness_um)

    @property
    def film_um(self) -> float:
        """Mean true lithium of film and foil over the electrode, in µm."""
        return float(np.nanmean(self.truth.thickness_um))


def designs() -> dict[str, tuple[CellDesign, Charge]]:
    """Return the held-out cells: every type at its true scale, cut to a narrow bore."""
    base = CellDesign(
        bore=Bore(BORE_UM, 112.0, voxel_um=0.6, walls_um=(7.0,)),
        collector=Collector(11.0),
        film=Film(2.5, 25.0, pockets=3, pocket_um=8.0, bare_spots=1, bare_um=8.0),
        carbon=Carbon(22.0),
    )
    bare = replace(base, film=replace(base.film, pockets=0, bare_spots=0))
    inside = replace(base, carbon=Carbon(28.0, porosity=0.45), deposit=INSIDE)
    lost = replace(base, carbon=None, deposit=replace(INSIDE, mass=0.7, mixed=0.3, mass_height_um=0.0))
    sulphide = Electrolyte("li6ps5cl", void_share=0.01, void_um=6.0)
    short = replace(base, carbon=None, electrolyte=sulphide, film=replace(bare.film, foil_um=12.0))
    short = replace(short, deposit=Deposit(film=0.6, filaments=0.4, filament_um=5.0), counter=(("lithium", 10.0),))
    pressed = replace(inside, carbon=Carbon(18.0))
    charged = {
        "process 3": (base, 35.0),
        "process 3, thin": (base, 15.0),
        "process 1": (inside, 6.0),
        "process 2": (pressed, 5.0),
        "no interlayer": (lost, 7.0),
        "symmetric": (short, 12.0),
    }
    cells = {name: (design, Charge(um / UM_PER_MAH)) for name, (design, um) in charged.items()}
    empty = {"process 3": bare, "process 1": replace(bare, carbon=inside.carbon), "no interlayer": lost}
    for name, design in empty.items():
        cells[f"uncharged {name}"] = (replace(design, film=bare.film, deposit=Deposit()), Charge(0.0))
    cells["delaminated"] = (replace(bare, film=replace(bare.film, gap_um=30.0)), Charge(0.0))
    cells["uncharged process 2"] = (replace(bare, carbon=pressed.carbon), Charge(0.0))
    return cells


CHARGED = tuple(name for name, (_, charge) in designs().items() if charge.areal_capacity_mah_per_cm2)
CONTROLS = tuple(name for name in designs() if name not in CHARGED)
FILMS = ("process 3", "process 3, thin")


def cells_of(condition: str) -> tuple[str, ...]:
    """Return the cells that are scanned in a condition: all in the standard one, else without the uncharged."""
    return (*CHARGED, *CONTROLS) if condition == "standard" else (*CHARGED, "delaminated")


def beam_of(name: str, seed: int) -> Spectrum:
    """Return the beam of a cell: every other one is scanned with a molybdenum tube."""
    if (seed + list(designs()).index(name)) % 2:
        return tube("Mo", 44.0, filters=[("Al", 0.2)]).trimmed(1e-3).coarser(1.5)
    return monochromatic(17.48)


def scan(name: str, seed: int, condition: Condition) -> Case:
    """Build a cell, scan it in both gases and reconstruct it.

    Parameters
    ----------
    name : str
        A key of `designs`.
    seed : int
        Of the set; each cell has its own from it.
    condition : Condition
        How it is scanned.

    Returns
    -------
    Case
        The same for the same arguments.
    """
    design, charge = designs()[name]
    own = seed + 10 * list(designs()).index(name)
    if condition.electrolyte is not None:
        design = replace(design, electrolyte=replace(design.electrolyte, material=condition.electrolyte))
    cell, beam, voxel_um = build_cell(design, charge, seed=own), beam_of(name, seed), condition.voxel_um
    pose = Pose((-5.0, 0.0, 0.0))
    moved = pose.moved((0.1 * voxel_um, -0.1 * voxel_um, 0.05 * voxel_um))
    gases = {"argon": Gas("argon", 1.0), "xenon": Gas("xenon", condition.xenon_atm)}
    carbon = float(MATERIALS["carbon"].mu_per_cm(beam.energy_kev) @ beam.photons)
    draw = ScanDraw(
        beam, gases, {"argon": moved, "xenon": pose}, Optics(propagation_mm=condition.fringes_mm), VIEWS,
        condition.blur_px, condition.sigma_per_cm / carbon, 3e-4, True, "shepp-logan", 900.0, 0.0,
    )  # fmt: skip
    shape = [round(um / voxel_um) for um in VIEW_UM]
    parallel = Acquisition(
        Detector(*shape, pixel_um=voxel_um, blur_px=condition.blur_px), beam, n_views=VIEWS, optics=draw.optics
    )
    truth, rng = truth_of(cell, parallel, pose), np.random.default_rng([own, condition.noise_seed])
    through = _cone_volume if condition.is_cone else reconstructed
    volumes = {gas: through(cell, fill, parallel, draw, draw.poses[gas], truth, rng) for gas, fill in gases.items()}
    inside = np.isfinite(truth.thickness_um)
    known = inside[None] & (truth.labels != Phase.OUTSIDE) & (truth.labels != Phase.CASING)
    return Case(
        name, volumes, truth, known, majority(truth), _expected(design, gases, beam), _layout(name, design), voxel_um
    )


def _cone_volume(
    cell: Cell,
    gas: Gas,
    parallel: Acquisition,
    draw: ScanDraw,
    pose: Pose,
    truth: Truth,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Scan a cell all the way round from a point source, with the photons of the parallel scan, and reconstruct it."""
    detector = replace(parallel.detector, pixel_um=parallel.detector.pixel_um * CONE.magnification)
    around = replace(parallel, detector=detector, cone=CONE, n_views=2 * VIEWS, range_deg=360.0)
    # A pose counts from the lower edge of row 0 as it is seen on the axis, in both beams.
    views = expected_views(light_path(cell, gas, around, pose), around.theta)
    photons = _photons(views, parallel, draw) * _row_share(cell, truth, draw)[:, None] * VIEWS / around.n_views
    counts = rng.poisson(views * photons) + 0.3 * rng.standard_normal(views.shape)
    integrals, _ = line_integrals((counts / photons).astype(np.float32), floor=(0.5 / photons).astype(np.float32))
    geometry = replace(around.geometry, centre_px=around.axis_px)
    return fdk(np.asarray(integrals, np.float32), around.theta, geometry, window=draw.window)


def _expected(design: CellDesign, gases: dict[str, Gas], beam: Spectrum) -> dict[str, dict[Phase, ExpectedMu]]:
    solids = {Phase.CARBON: MATERIALS["carbon"], Phase.CASING: MATERIALS["peek"], Phase.LITHIUM: MATERIALS["lithium"]}
    solids[Phase.ELECTROLYTE] = MATERIALS[design.electrolyte.material]
    return {gas: expected_mu(solids, fill, beam, path_um=BORE_UM, casing_um=14.0) for gas, fill in gases.items()}


def _layout(name: str, design: CellDesign) -> CellLayout:
    present = [Phase.COLLECTOR, Phase.ELECTROLYTE, *([Phase.CARBON] if design.carbon else [])]
    dark = Phase.LITHIUM if name.removeprefix("uncharged ") in PLATES_INSIDE else Phase.VOID
    return CellLayout.of(present, inner_diameter_um=BORE_UM, collector_end="low", dark_in_electrolyte=dark)
