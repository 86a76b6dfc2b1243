"""What is really in a simulated cell, on the grid of a reconstruction: the reference for every number."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..materials import Phase
from .acquisition import Acquisition, Pose
from .cell import Cell
from .tissues import Site


@dataclass(frozen=True, eq=False)
class Truth:
    """Phases, fractions and the lithium balance of a cell.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Phase that fills most of each voxel of the reconstruction's grid.
    fractions : (n_phases, n_z, n_y, n_x) array of float32
        Share of each phase in each voxel, in the order of `Phase`; sub-voxel mixtures count as their phase.
    lithium : (n_z, n_y, n_x) array of float32
        Share of lithium metal in each voxel, mixtures included.
    thickness_um : (n_y, n_x) array of float32
        Lithium on the collector over each pixel of the electrode in µm, foil included, NaN outside it.
    voxel_um : float
        Edge of a voxel of the reconstruction's grid in µm.
    area_cm2 : float
        Area of the electrode in cm^2.
    volume_um3 : float
        Volume of all lithium metal in the cell, in µm^3.
    film_um, in_electrolyte_um, mixed_zone_um, in_carbon_um, isolated_um : float
        Volume of plated lithium at each place over the area of the electrode, in µm.
    foil_um, counter_um : float
        The same for lithium that was there before the charge: on the collector, and in the counter electrode.
    """

    labels: NDArray[np.uint8]
    fractions: NDArray[np.float32]
    lithium: NDArray[np.float32]
    thickness_um: NDArray[np.float32]
    voxel_um: float
    area_cm2: float
    volume_um3: float
    film_um: float
    in_electrolyte_um: float
    mixed_zone_um: float
    in_carbon_um: float
    isolated_um: float
    foil_um: float
    counter_um: float

    def summary(self) -> dict[str, float]:
        """Return the balance under the keys of `results.json`, section truth.

        Returns
        -------
        dict of str to float
            Thicknesses in µm, volume in µm^3, area in cm^2.
        """
        return {
            "mean_thickness_um": self.film_um,
            "volume_um3": self.volume_um3,
            "area_cm2": self.area_cm2,
            "in_electrolyte_um": self.in_electrolyte_um,
            "mixed_zone_um": self.mixed_zone_um,
            "in_carbon_um": self.in_carbon_um,
            "isolated_um": self.isolated_um,
        }


def truth_of(cell: Cell, acquisition: Acquisition, pose: Pose | None = None) -> Truth:
    """Bring a cell's truth onto the grid that a scan of it is reconstructed on.

    The grid has one voxel per detector pixel, `(n_rows, n_cols, n_cols)`, with the rotation axis in its middle.

    Parameters
    ----------
    cell : Cell
        The cell.
    acquisition : Acquisition
        The scan.
    pose : Pose, optional
        Where the cell stands; shifts along z only. None is on the axis.

    Returns
    -------
    Truth
        Fractions averaged over the fine grid, and the balance counted on it.

    Raises
    ------
    ValueError
        If the pose moves the cell off the rotation axis or turns it.
    """
    pose = pose or Pose()
    if pose.shift_um[1:] != (0.0, 0.0) or pose.turn_rad != 0.0:
        raise ValueError(f"the cell stands at {pose}; truth is known on the axis: give a pose shifted along z only")
    z, yx = _overlaps(cell, acquisition, -pose.shift_um[0])
    fractions = _casing_shares(cell, acquisition)[:, None].repeat(z.shape[0], axis=1)
    lithium, film = np.zeros_like(fractions[0]), np.zeros_like(fractions[0])
    inside = cell.inside
    for y in range(yx.shape[0]):
        for kind, share in zip(cell.tissues, _tissue_shares(cell, inside, z, yx, y), strict=True):
            fractions[kind.phase, :, y] += share
            metal = np.float32(kind.lithium_share) * share
            lithium[:, y] += metal
            if kind.site in (Site.FILM, Site.FOIL):
                film[:, y] += metal
    electrode = (yx @ (yx @ inside.astype(np.float32)).T).T
    pixel_um = acquisition.voxel_um
    with np.errstate(invalid="ignore", divide="ignore"):
        thickness = np.where(electrode > 0.5, film.sum(axis=0) * pixel_um / electrode, np.nan)
    area_um2 = cell.area_cm2 * 1e8
    return Truth(
        labels=fractions.argmax(axis=0).astype(np.uint8),
        fractions=fractions,
        lithium=lithium,
        thickness_um=thickness.astype(np.float32),
        voxel_um=pixel_um,
        area_cm2=cell.area_cm2,
        volume_um3=cell.lithium_um3(),
        **{f"{site.value}_um": cell.lithium_um3(site) / area_um2 for site in Site},
    )


def _overlaps(cell: Cell, acquisition: Acquisition, low_um: float) -> tuple[csr_array, csr_array]:
    """Return how much of each coarse cell each fine one fills, along z and across: (n_coarse, n_fine) each."""
    detector, n = acquisition.detector, cell.labels.shape[1]
    first = (n * cell.voxel_um - detector.n_cols * acquisition.voxel_um) / 2
    return (
        _overlap(detector.n_rows, acquisition.voxel_um, low_um, cell.labels.shape[0], cell.voxel_um),
        _overlap(detector.n_cols, acquisition.voxel_um, first, n, cell.voxel_um),
    )


def _overlap(n_out: int, coarse: float, first_edge: float, n_in: int, fine: float) -> csr_array:
    """Return the (n_out, n_in) share of each coarse cell that each fine one fills."""
    low = first_edge + coarse * np.arange(n_out)[:, None]
    edge = fine * np.arange(n_in)[None, :]
    shared = np.minimum(low + coarse, edge + fine) - np.maximum(low, edge)
    return csr_array((np.maximum(shared, 0.0) / coarse).astype(np.float32))


def _tissue_shares(
    cell: Cell, inside: NDArray[np.bool_], z: csr_array, yx: csr_array, y: int
) -> Iterator[NDArray[np.float32]]:
    """Average each tissue in the tube over one coarse plane of y: an (n_z, n_x) array a tissue."""
    first, last = yx.indptr[y], yx.indptr[y + 1]
    planes = [(yx.data[k], yx.indices[k]) for k in range(first, last)]
    for code in range(len(cell.tissues)):
        plane = np.zeros((cell.labels.shape[1], cell.labels.shape[0]), dtype=np.float32)
        for weight, fine in planes:
            plane += weight * ((code == cell.labels[:, fine].T) & inside[fine][:, None])
        yield z @ (yx @ plane).T


def _casing_shares(cell: Cell, acquisition: Acquisition) -> NDArray[np.float32]:
    """Rasterise the rings on the fine grid and average: (n_phases, n_y, n_x), nothing inside the tube."""
    n_out, pixel_um = acquisition.detector.n_cols, acquisition.voxel_um
    ratio = max(1, round(pixel_um / cell.voxel_um))
    n_fine = n_out * ratio
    offset = (np.arange(n_fine) - (n_fine - 1) / 2) * pixel_um / ratio
    radius = np.hypot(offset[:, None], offset[None, :])
    phases = np.full(radius.shape, int(Phase.OUTSIDE), dtype=np.uint8)
    for ring in cell.rings[::-1]:
        phases[radius < ring.outer_radius_um] = ring.phase
    phases[radius < cell.radius_um] = 255
    shares = np.zeros((len(Phase), n_out, n_out), dtype=np.float32)
    for phase in Phase:
        shares[phase] = (phases == phase).reshape(n_out, ratio, n_out, ratio).mean(axis=(1, 3))
    return shares
