"""Everything that one label volume tells: frame, film, penetration and electrolyte in one call."""

from dataclasses import dataclass, replace
from math import cos

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..materials import Phase
from .deposit import UM2_PER_CM2, Deposit, deposit_statistics
from .electrolyte import Electrolyte, inspect_electrolyte
from .filaments import Filament, measure_filaments
from .film import film_map
from .frame import Frame, find_frame
from .growth import Growth, trace_growth
from .interfaces import TOLERANCE_STDS, Interfaces
from .ligament import Ligament, narrowest_ligament
from .penetration import Penetration, penetration_of
from .stack import Side, Stack
from .surface_area import surface_um2
from .uniformity import Texture, texture
from .voxels import VoxelSize

MOST_CUT = 0.01
"""A volume begins within the cell where more than this share of its columns does."""


@dataclass(frozen=True, eq=False)
class Survey:
    """What one label volume tells of a cell.

    Parameters
    ----------
    frame : Frame
        Layers, electrode and tilt.
    thickness_um : (n_y, n_x) array of float32
        Film along the collector's normal, in µm; NaN off the electrode or not measured. The film is the lithium
        on the anode's side of the interface, with its roughness.
    unlabelled_um : (n_y, n_x) array of float32
        Height of unlabelled voxels in each column, in µm: the most that the film may be short.
    deposit : Deposit
        The film in numbers.
    texture : Texture or None
        How even it is.
    penetration : Penetration or None
        Lithium beyond the interface; None where the labels hold no electrolyte.
    in_electrolyte_um : float or None
        Connected lithium beyond the interface over the area in view, in µm.
    isolated_um : float or None
        Unconnected lithium there over the area in view, in µm: an upper bound without a scan before charging.
    ligament : Ligament or None
        Shortest way left to the counter side; None if no way leads there, or the cell is shorted.
    filament_count : int
        Pieces of lithium grown deeper than the film's roughness.
    filaments : tuple of Filament
        The largest of them.
    electrolyte : Electrolyte or None
        Porosity, cracks and lost contact.
    voxel_um : tuple of float
        Edges of a voxel along the stack and along the rows and columns of a map, in µm.
    grown : (n, n_y, n_x) array of bool or None
        Connected lithium beyond the interface, from its first plane to its last; None without electrolyte.
    counter_in_view : bool
        False where the volume ends in the electrolyte: how much of it is crossed, and what is left, is then unknown.
    anode_in_view : bool
        False where the volume begins within the cell: a film that it cuts is thicker than what was measured, and a
        column that begins in carbon or electrolyte is not measured.
    """

    frame: Frame
    thickness_um: NDArray[np.float32]
    unlabelled_um: NDArray[np.float32]
    deposit: Deposit
    texture: Texture | None
    penetration: Penetration | None
    in_electrolyte_um: float | None
    isolated_um: float | None
    ligament: Ligament | None
    filament_count: int
    filaments: tuple[Filament, ...]
    electrolyte: Electrolyte | None
    voxel_um: tuple[float, float, float] = (1.0, 1.0, 1.0)
    grown: NDArray[np.bool_] | None = None
    counter_in_view: bool = True
    anode_in_view: bool = True

    @property
    def grown_surface_um2(self) -> float:
        """Surface of the lithium that has grown beyond the interface, in µm^2."""
        return 0.0 if self.grown is None else surface_um2(self.grown, voxel_um=self.voxel_um)


def survey_labels(
    labels: Array,
    *,
    voxel_um: VoxelSize,
    axis: int | None = None,
    anode: Side | None = None,
    degree: int = 1,
    mask: Array | None = None,
    area_cm2: tuple[float, float] | None = None,
    fractions: Array | None = None,
) -> Survey:
    """Measure a label volume from end to end.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, 255 where not labelled. Read in slabs along the stack axis.
    voxel_um : float or (3,) sequence of float
        Edge of a cubic voxel, or the edges (z, y, x), in µm.
    axis : int, optional
        Stack axis; None finds it.
    anode : {"low", "high"}, optional
        End of the axis at which the anode lies; None finds it.
    degree : int
        1 for plane layers, 2 for a bent collector.
    mask : (n_y, n_x) array of bool, optional
        Columns of the electrode; None finds them.
    area_cm2 : (area, std), optional
        Area of the whole electrode and its standard deviation, in cm^2.
    fractions : (n_z, n_y, n_x) array of float32, optional
        Lithium fraction, unclipped, used for the film instead of the label lithium.

    Returns
    -------
    Survey
        All that was measured.

    Raises
    ------
    TypeError
        If labels are not uint8.
    ValueError
        If axis or anode cannot be told, no column holds a layer of the cell, or shapes differ.
    """
    frame = find_frame(labels, voxel_um=voxel_um, axis=axis, anode=anode, degree=degree, mask=mask, area_cm2=area_cm2)
    stack = Stack(labels, voxel_um, frame.axis, frame.anode)
    faces = interfaces_of(frame)
    growth = None if faces is None else trace_growth(stack, faces, keep_volume=True)
    end = None if faces is None or growth is None else film_end_px(faces, growth)
    along, unlabelled = film_map(stack, end, fractions=fractions)
    is_cut, is_past = _first_plane(stack, frame.electrode)
    measured = frame.electrode & ~is_past
    thickness = np.where(measured, frame.along_normal_um(along), np.float32(np.nan)).astype(np.float32)
    deposit = deposit_statistics(
        thickness, frame.electrode, voxel_um=voxel_um, axis=frame.axis, area_cm2=frame.area_cm2
    )
    deposit = replace(deposit, area_in_view_cm2=deposit.area_in_view_cm2 / cos(frame.tilt_rad))
    grain = texture(thickness, frame.electrode, pixel_um=stack.pixel_um)
    edges = (stack.depth_um, *stack.pixel_um)
    film = Survey(
        frame=frame,
        thickness_um=thickness,
        unlabelled_um=unlabelled,
        deposit=deposit,
        texture=grain,
        penetration=None,
        in_electrolyte_um=None,
        isolated_um=None,
        ligament=None,
        filament_count=0,
        filaments=(),
        electrolyte=None,
        voxel_um=edges,
        anode_in_view=not is_cut,
    )
    if faces is None or growth is None:
        return film
    depth = penetration_of(stack, faces, growth=growth)
    area_um2 = frame.area_in_view_cm2 * UM2_PER_CM2
    count, filaments = measure_filaments(growth.kept(), voxel_um=edges)
    return replace(
        film,
        penetration=depth,
        in_electrolyte_um=depth.volume_um3 / area_um2,
        isolated_um=depth.isolated_volume_um3 / area_um2,
        ligament=narrowest_ligament(stack, faces, growth=growth),
        filament_count=count,
        filaments=filaments,
        electrolyte=inspect_electrolyte(stack, faces, electrode=frame.electrode),
        grown=growth.kept(),
        counter_in_view=float(np.mean(faces.far_px)) < stack.depth - 1,
    )


def _first_plane(stack: Stack, electrode: NDArray[np.bool_]) -> tuple[bool, NDArray[np.bool_]]:
    """Whether the volume begins within the cell, and the columns that begin beyond any film."""
    _, slab = next(stack.slabs(0, 1))
    is_past = electrode & ((slab[0] == Phase.CARBON) | (slab[0] == Phase.ELECTROLYTE))
    is_cut = is_past | (electrode & (slab[0] == Phase.LITHIUM))
    return bool(is_cut.sum() > MOST_CUT * electrode.sum()), is_past


def interfaces_of(frame: Frame) -> Interfaces | None:
    """Return the electrolyte's surfaces of a frame, as penetration needs them.

    Parameters
    ----------
    frame : Frame
        Layers of a cell.

    Returns
    -------
    Interfaces or None
        None where the labels hold no electrolyte.
    """
    if frame.interface is None or frame.counter is None:
        return None
    return Interfaces(
        frame.interface.heights_px(),
        frame.counter.heights_px(),
        TOLERANCE_STDS * frame.interface.std_px,
        frame.electrode,
    )


def film_end_px(faces: Interfaces, growth: Growth) -> NDArray[np.float64]:
    """Return where the film ends: at the interface, or beyond its roughness where nothing has grown through.

    Parameters
    ----------
    faces : Interfaces
        Where the electrolyte begins and ends.
    growth : Growth
        Lithium beyond the interface.

    Returns
    -------
    (n_y, n_x) array of float64
        Index counted from the anode.
    """
    rise = np.where(np.isfinite(growth.deepest_px), growth.deepest_px + 0.5 - faces.near_px, 0.0)
    is_rough = (rise > 0) & (rise <= faces.tolerance_px)
    return np.where(is_rough, faces.near_px + rise + 1.0, faces.near_px)
