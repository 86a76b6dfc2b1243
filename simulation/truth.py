"""What is really in a simulated cell, on the grid of a reconstruction: the reference for every number."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..materials import Phase
from .acquisition import Acquisition, Pose
from .cell import Cell
from .tissues import Site

ROWS_AT_ONCE = 16
"""Rows of the grid that a whole truth is put together from."""

LITHIUM, FILM = len(Phase), len(Phase) + 1
"""Channels behind those of the phases: all lithium metal, and that of film and foil."""


@dataclass(frozen=True, eq=False)
class Balance:
    """The lithium of a cell, counted on its fine grid.

    Parameters
    ----------
    area_cm2 : float
        Area of the electrode in cm^2.
    volume_um3 : float
        Volume of all lithium metal in the cell, in µm^3.
    film_um, in_electrolyte_um, mixed_zone_um, in_carbon_um, isolated_um : float
        Volume of plated lithium at each place over the area of the electrode, in µm.
    foil_um, counter_um : float
        The same for lithium that was there before the charge: on the collector, and in the counter electrode.
    """

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


@dataclass(frozen=True, eq=False)
class Truth(Balance):
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
    """

    labels: NDArray[np.uint8]
    fractions: NDArray[np.float32]
    lithium: NDArray[np.float32]
    thickness_um: NDArray[np.float32]
    voxel_um: float


@dataclass(frozen=True, eq=False)
class TruthRows:
    """Some rows of a truth.

    Parameters
    ----------
    fractions : (n_phases, n_rows, n_y, n_x) array of float32
        Share of each phase.
    lithium : (n_rows, n_y, n_x) array of float32
        Share of lithium metal.
    film_um : (n_y, n_x) array of float32
        Lithium of film and foil in these rows, in µm.
    """

    fractions: NDArray[np.float32]
    lithium: NDArray[np.float32]
    film_um: NDArray[np.float32]

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(n_rows, n_y, n_x) array: the phase that fills most of each voxel."""
        return self.fractions.argmax(axis=0).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class TruthGrid:
    """A cell's truth on the grid of a reconstruction, which any rows may be asked of.

    The grid has one voxel per detector pixel, `(n_rows, n_cols, n_cols)`, with the rotation axis in its middle.

    Parameters
    ----------
    cell : Cell
        The cell.
    shape : (n_rows, n_cols, n_cols)
        Size of the grid.
    voxel_um : float
        Its voxel in µm.
    low_um : float
        Lower edge of the first row over the cell's lower end, in µm.
    """

    cell: Cell
    shape: tuple[int, int, int]
    voxel_um: float
    low_um: float

    def rows(self, start: int, stop: int) -> TruthRows:
        """Average the fine grid over the voxels of some rows.

        Parameters
        ----------
        start, stop : int
            First row, and one past the last.

        Returns
        -------
        TruthRows
            Their shares.
        """
        cell, n = self.cell, self.shape[1]
        fine, coarse = cell.voxel_um, self.voxel_um
        low, high = self.low_um + start * coarse, self.low_um + stop * coarse
        first = min(max(int(np.floor(low / fine)), 0), cell.labels.shape[0])
        last = min(max(int(np.ceil(high / fine)), first), cell.labels.shape[0])
        shares = np.zeros((stop - start, len(Phase) + 2, n, n), dtype=np.float32)
        shares[:, : len(Phase)] = _casing_shares(cell, n, coarse)
        across = _overlap(n, coarse, (cell.labels.shape[1] * fine - n * coarse) / 2, cell.labels.shape[1], fine)
        if last > first:
            along = _overlap(stop - start, coarse, low - first * fine, last - first, fine)
            labels = np.ascontiguousarray(cell.labels[first:last])
            _gather(labels, cell.inside, _channels(cell), *along, *across, shares)
        return TruthRows(
            fractions=np.ascontiguousarray(shares[:, : len(Phase)].swapaxes(0, 1)),
            lithium=np.ascontiguousarray(shares[:, LITHIUM]),
            film_um=shares[:, FILM].sum(axis=0) * np.float32(coarse),
        )

    def electrode(self) -> NDArray[np.float32]:
        """Return the share of each pixel that is electrode.

        Returns
        -------
        (n_y, n_x) array of float32
            Shares, dimensionless.
        """
        n, side = self.shape[1], self.cell.labels.shape[1]
        first, weights = _overlap(
            n, self.voxel_um, (side * self.cell.voxel_um - n * self.voxel_um) / 2, side, self.cell.voxel_um
        )
        matrix = np.zeros((n, side), dtype=np.float32)
        for tap in range(weights.shape[1]):
            place = first + tap
            known = (place >= 0) & (place < n)
            matrix[place[known], np.flatnonzero(known)] = weights[known, tap]
        return matrix @ self.cell.inside.astype(np.float32) @ matrix.T

    def thickness_um(self, film_um: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn the lithium over each pixel into its thickness over the electrode there.

        Parameters
        ----------
        film_um : (n_y, n_x) array of float32
            Sum of `TruthRows.film_um` over all rows.

        Returns
        -------
        (n_y, n_x) array of float32
            Thickness in µm, NaN where less than half of the pixel is electrode.
        """
        share = self.electrode()
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(share > 0.5, film_um / share, np.nan).astype(np.float32)


def truth_grid(cell: Cell, acquisition: Acquisition, pose: Pose | None = None) -> TruthGrid:
    """Lay the grid that a scan of a cell is reconstructed on over the cell.

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
    TruthGrid
        The grid.

    Raises
    ------
    ValueError
        If the pose moves the cell off the rotation axis or turns it.
    """
    pose = pose or Pose()
    if pose.shift_um[1:] != (0.0, 0.0) or pose.turn_rad != 0.0:
        raise ValueError(f"the cell stands at {pose}; truth is known on the axis: give a pose shifted along z only")
    detector = acquisition.detector
    return TruthGrid(cell, (detector.n_rows, detector.n_cols, detector.n_cols), acquisition.voxel_um, -pose.shift_um[0])


def truth_of(cell: Cell, acquisition: Acquisition, pose: Pose | None = None) -> Truth:
    """Bring a cell's truth onto the grid that a scan of it is reconstructed on, whole.

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
    grid = truth_grid(cell, acquisition, pose)
    starts = range(0, grid.shape[0], ROWS_AT_ONCE)
    parts = [grid.rows(start, min(start + ROWS_AT_ONCE, grid.shape[0])) for start in starts]
    fractions = np.concatenate([part.fractions for part in parts], axis=1)
    return Truth(
        labels=fractions.argmax(axis=0).astype(np.uint8),
        fractions=fractions,
        lithium=np.concatenate([part.lithium for part in parts]),
        thickness_um=grid.thickness_um(np.sum([part.film_um for part in parts], axis=0)),
        voxel_um=grid.voxel_um,
        **vars(balance_of(cell)),
    )


def balance_of(cell: Cell) -> Balance:
    """Count the lithium of a cell.

    Parameters
    ----------
    cell : Cell
        The cell.

    Returns
    -------
    Balance
        Volumes and thicknesses.
    """
    volumes, area_um2 = cell.lithium_by_site(), cell.area_cm2 * 1e8
    return Balance(
        area_cm2=cell.area_cm2,
        volume_um3=sum(volumes.values()),
        **{f"{site.value}_um": volume / area_um2 for site, volume in volumes.items()},
    )


def _channels(cell: Cell) -> NDArray[np.float32]:
    """Return phase, share of lithium, and share of film of a voxel of each tissue: (n_tissues, 3)."""
    table = np.zeros((len(cell.tissues), 3), dtype=np.float32)
    for code, kind in enumerate(cell.tissues):
        film = kind.lithium_share if kind.site in (Site.FILM, Site.FOIL) else 0
        table[code] = kind.phase, kind.lithium_share, film
    return table


def _overlap(
    n_out: int, coarse: float, first_edge: float, n_in: int, fine: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the first coarse cell that each fine one meets, and the share it fills of that and its followers."""
    edge = fine * np.arange(n_in) - first_edge
    first = np.floor(edge / coarse).astype(np.int64)
    taps = int(np.ceil(fine / coarse)) + 1
    place = first[:, None] + np.arange(taps)
    shared = np.minimum((place + 1) * coarse, edge[:, None] + fine) - np.maximum(place * coarse, edge[:, None])
    weights = np.where((place >= 0) & (place < n_out), np.maximum(shared, 0.0) / coarse, 0.0)
    return first, weights.astype(np.float32)


@njit(nogil=True, cache=True, error_model="numpy")
def _gather(labels, inside, channels, first_row, row_weights, first, weights, shares):  # type: ignore[no-untyped-def]
    """Add the fine voxels in the tube to `shares`, (n_rows, n_channels, n_y, n_x)."""
    _, n_channels, n, _ = shares.shape
    line, used = np.zeros((n_channels, n), dtype=np.float32), np.zeros(n_channels, dtype=np.bool_)
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                if not inside[y, x]:
                    continue
                phase, lithium, film = channels[labels[z, y, x]]
                which = int(phase)
                used[which] = True
                used[LITHIUM] |= lithium > 0
                used[FILM] |= film > 0
                for tap in range(weights.shape[1]):
                    weight, column = weights[x, tap], first[x] + tap
                    if weight > 0:
                        line[which, column] += weight
                        if lithium > 0:
                            line[LITHIUM, column] += weight * lithium
                            line[FILM, column] += weight * film
            for channel in range(n_channels):
                if not used[channel]:
                    continue
                for row_tap in range(row_weights.shape[1]):
                    for tap in range(weights.shape[1]):
                        weight = row_weights[z, row_tap] * weights[y, tap]
                        if weight > 0:
                            target = shares[first_row[z] + row_tap, channel, first[y] + tap]
                            for column in range(n):
                                target[column] += weight * line[channel, column]
                line[channel] = 0
                used[channel] = False


def _casing_shares(cell: Cell, n_out: int, pixel_um: float) -> NDArray[np.float32]:
    """Rasterise the rings on the fine grid and average: (n_phases, n_y, n_x), nothing inside the tube."""
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
