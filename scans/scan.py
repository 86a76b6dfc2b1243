"""The record every reader fills: raw projections, what belongs to them, and what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .geometry import Geometry, ParallelBeam


class Frames(Protocol):
    """A stack of detector frames that is read when it is sliced; picklable, safe in threads.

    `frames[a:b]`, `frames[a:b, rows]` and `frames[a:b, rows, columns]` return NumPy arrays and read only
    what was asked for; slices have step 1 and keep three axes.
    """

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, n_rows, n_cols)."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored counts."""
        ...

    def __getitem__(self, key: slice | tuple[slice, ...]) -> NDArray[Any]:
        """Read a part of the stack."""
        ...


@dataclass(frozen=True)
class Scan:
    """Raw projections of one scan and all that is known of how they were taken.

    Parameters
    ----------
    projections : Frames
        (n_theta, n_rows, n_cols) detector counts with the sample in, in order of `theta`.
    flats : Frames or None
        (n_flats, n_rows, n_cols) counts with the sample out; None where the file has none.
    darks : Frames or None
        (n_darks, n_rows, n_cols) counts with the shutter closed; None where the file has none.
    theta : (n_theta,) array or None
        Angle of each projection in rad, as the file gives them (not folded); None where unknown.
    geometry : ParallelBeam or ConeBeam
        Beam and detector; fields that the file lacks are None.
    energy_kev : float or None
        Photon energy of a monochromatic beam, in keV.
    exposure_s : float or None
        Exposure of one projection, in s.
    is_line_integral : bool
        True if `projections` are line integrals of µ already, dimensionless, not counts.
    shifts_px : (n_theta, 2) array or None
        Row and column shift of each projection, in pixels, as stored by the instrument.
    flat_positions : (n_flats,) array or None
        Place of each flat in time: the index of the projection that follows it.
    path : Path or None
        File or folder the scan came from.
    format : str
        Name of the file layout, for instance "DataExchange HDF5".
    provenance : mapping
        Further facts from the file (instrument, sample, dates), for the record.
    """

    projections: Frames
    flats: Frames | None = None
    darks: Frames | None = None
    theta: NDArray[np.float64] | None = None
    geometry: Geometry = field(default_factory=ParallelBeam)
    energy_kev: float | None = None
    exposure_s: float | None = None
    is_line_integral: bool = False
    shifts_px: NDArray[np.float64] | None = None
    flat_positions: NDArray[np.int64] | None = None
    path: Path | None = None
    format: str = "memory"
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_theta, n_rows, n_cols)."""
        return self.projections.shape

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of what a reconstruction needs and the file does not give, with "centre" left out."""
        absent = []
        if not self.is_line_integral:
            absent += [name for name in ("flats", "darks") if getattr(self, name) is None]
        if self.theta is None:
            absent.append("theta")
        if self.geometry.pixel_um is None:
            absent.append("pixel_um")
        return tuple(absent)
