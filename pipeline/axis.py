"""The rotation axis of one scan: given, or found from a few of its rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..reconstruction.axis_tilt import Band, centre_at, find_tilt
from ..reconstruction.centre import Candidate, find_centre
from ..reconstruction.centre import Centre as Found
from ..reconstruction.centre_cone import find_cone_centre
from ..scans.geometry import ConeBeam
from .selection import Selection
from .steps import Centre

BAND_ROWS = 4
MOST_VIEWS = 1500
MOST_BANDS = 7
MOST_ROWS = 8
CONE_ROWS = 32


@dataclass(frozen=True)
class Axis:
    """The rotation axis on the detector, and how far it can be trusted.

    Parameters
    ----------
    centre_px : float
        Column, as a pixel-centre index, in the middle row.
    verdict : str
        "given", or the verdict of `find_centre`: resolved, at-edge, ambiguous or flat.
    confidence : float
        Between 0 and 1, dimensionless; 1 where it was given.
    tilt_rad : float
        How the axis leans in the plane of the detector, as in `reconstruction.axis_tilt`; 0 where not measured.
    tilt_std_rad : float or None
        Its standard deviation; None where it was not measured.
    tilt_verdict : str
        "measured", "negligible" or "not-measured".
    is_upright : bool
        False where the tilt is to be corrected.
    rows_px, centres_px : sequence of float
        The centre of each row that shows one.
    candidates : sequence of Candidate
        What each method found; not kept in the ledger.
    """

    centre_px: float
    verdict: str = "given"
    confidence: float = 1.0
    tilt_rad: float = 0.0
    tilt_std_rad: float | None = None
    tilt_verdict: str = "not-measured"
    is_upright: bool = True
    rows_px: Sequence[float] = ()
    centres_px: Sequence[float] = ()
    candidates: Sequence[Candidate] = ()

    @property
    def is_trusted(self) -> bool:
        """Whether it was given or resolved."""
        return self.verdict in ("given", "resolved")

    def on_detector(self, selection: Selection) -> "Axis":
        """Return the axis in rows and columns of the whole detector.

        Parameters
        ----------
        selection : Selection
            The part of the detector in which it was found.

        Returns
        -------
        Axis
            The same axis.
        """
        rows = tuple((row + 0.5) * selection.bin - 0.5 + selection.rows[0] for row in self.rows_px)
        centres = tuple(selection.full_px(centre) for centre in self.centres_px)
        return replace(self, centre_px=selection.full_px(self.centre_px), rows_px=rows, centres_px=centres)

    def text(self) -> str:
        """Say where the axis is, how it leans, and what each method found.

        Returns
        -------
        str
            A few lines.
        """
        lines = [f"centre {self.centre_px:.2f} px, {self.verdict} (confidence {self.confidence:.2f})"]
        if self.tilt_std_rad is not None:
            angle, std = math.degrees(self.tilt_rad), math.degrees(self.tilt_std_rad)
            lines.append(f"tilt {angle:.3f} ± {std:.3f} degrees against the columns, {self.tilt_verdict}")
        lines += [f"  candidate {c.centre_px:.2f} px by {c.method}" for c in self.candidates]
        return "\n".join(lines)

    def as_facts(self) -> dict[str, Any]:
        """Return what `from_facts` reads, JSON-able.

        Returns
        -------
        dict
            Every field but the candidates.
        """
        return {key: value for key, value in asdict(self).items() if key != "candidates"}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Axis":
        """Make an axis of what `as_facts` wrote.

        Parameters
        ----------
        facts : mapping
            Every field.

        Returns
        -------
        Axis
            The same.
        """
        return cls(**facts)


def band_rows(n_rows: int) -> list[tuple[int, int]]:
    """Choose rows at several heights, the outermost sixteenths left out.

    Parameters
    ----------
    n_rows : int
        Rows of the detector.

    Returns
    -------
    list of (int, int)
        Half-open ranges, each within the detector, in order.
    """
    height = min(BAND_ROWS, n_rows)
    n_bands = min(MOST_BANDS, max(1, n_rows // height))
    first, last = n_rows / 16, n_rows - height - n_rows / 16
    starts = np.linspace(first, max(first, last), n_bands) if n_bands > 1 else [(n_rows - height) / 2]
    return [(int(start), int(start) + height) for start in np.unique(np.round(starts).astype(int))]


def middle_rows(n_rows: int, row_px: float) -> tuple[int, int]:
    """Choose rows nearest the plane of a cone's source.

    Parameters
    ----------
    n_rows : int
        Rows of the detector.
    row_px : float
        Row that the central ray meets.

    Returns
    -------
    (int, int)
        Half-open range.
    """
    height = min(CONE_ROWS, n_rows)
    first = int(np.clip(round(row_px - (height - 1) / 2), 0, n_rows - height))
    return first, first + height


def find_axis(
    integrals: Any, theta: NDArray[np.float64], step: Centre, selection: Selection, cone: ConeBeam | None = None
) -> Axis:
    """Find the rotation axis from a few rows.

    Parameters
    ----------
    integrals : zarr array or array
        (n_theta, n_rows, n_cols) line integrals, read when sliced; a few rows at several heights are read.
    theta : (n_theta,) array
        In rad.
    step : Centre
        Range to search, in columns of the whole detector, and what to do about a tilt.
    selection : Selection
        The part of the detector in use.
    cone : ConeBeam, optional
        The beam as the selected detector sees it, where it is a cone.

    Returns
    -------
    Axis
        In columns of the selection.
    """
    n_rows = integrals.shape[1]
    low_high = None
    if step.search_px is not None:
        low_high = (selection.centre_px(step.search_px[0]), selection.centre_px(step.search_px[1]))
    every = max(1, len(theta) // MOST_VIEWS)
    bands = [
        Band((a + b - 1) / 2, np.asarray(integrals[::every, a:b]))
        for a, b in band_rows(n_rows)
        if step.tilt != "off" or cone is None
    ]
    middle = None
    if cone is not None:
        row_px = (n_rows - 1) / 2 if cone.row_px is None else cone.row_px
        a, b = middle_rows(n_rows, row_px)
        middle = Band(row_px - a, np.asarray(integrals[::every, a:b]))
    return axis_of(bands, theta[::every], n_rows, search_px=low_high, tilt=step.tilt, cone=cone, middle=middle)


def axis_of(
    bands: Sequence[Band],
    theta: NDArray[np.float64],
    n_rows: int,
    *,
    search_px: tuple[float, float] | None = None,
    tilt: str = "correct",
    cone: ConeBeam | None = None,
    middle: Band | None = None,
) -> Axis:
    """Find the rotation axis from rows that were read.

    Parameters
    ----------
    bands : sequence of Band
        Rows at several heights.
    theta : (n_theta,) array
        In rad.
    n_rows : int
        Rows of the detector.
    search_px : tuple of float, optional
        Columns to search between.
    tilt : str
        "correct", "measure" or "off".
    cone : ConeBeam, optional
        The beam, where it is a cone.
    middle : Band, optional
        For a cone: rows near the plane of the source; its `row_px` is that of the central ray among them.

    Returns
    -------
    Axis
        The column in the middle row, or for a cone in the row of the central ray.
    """
    if cone is not None and middle is not None:
        beam = replace(cone, row_px=middle.row_px)
        found = find_cone_centre(middle.projections, theta, beam, search_px=search_px)
        at_row = (n_rows - 1) / 2 if cone.row_px is None else cone.row_px
        near = (at_row, found.centre_px)
    else:
        found, near = _parallel_centre(bands, theta, search_px)
        at_row = (n_rows - 1) / 2
    stated = cone is not None and cone.detector_tilt_rad != 0
    if tilt == "off" or stated or len(bands) < 2 or found.verdict in ("flat", "at-edge"):
        return Axis(found.centre_px, found.verdict, found.confidence, candidates=found.candidates)
    leaning = find_tilt(bands, theta, near=near, n_rows=n_rows, geometry=cone)
    centre_px = found.centre_px
    if leaning.verdict == "measured" and cone is None:
        centre_px = centre_at(leaning, at_row) or centre_px
    return Axis(
        centre_px,
        found.verdict,
        found.confidence,
        leaning.tilt_rad,
        leaning.std_rad,
        leaning.verdict,
        not (tilt == "correct" and leaning.verdict == "measured" and found.verdict == "resolved"),
        leaning.rows_px,
        leaning.centres_px,
        found.candidates,
    )


def _parallel_centre(
    bands: Sequence[Band], theta: NDArray[np.float64], search_px: tuple[float, float] | None
) -> tuple[Found, tuple[float, float]]:
    """Centre from the rows with the most structure; and a row near it, for an axis that leans.

    Rows of all heights speak together where they agree with those of one height, as an upright axis has it.
    """
    structure = [float(np.nanstd(band.projections)) for band in bands]
    best = bands[int(np.argmax(structure))]
    alone = find_centre(np.ascontiguousarray(best.projections), theta, search_px=search_px)
    near = (best.row_px, alone.centre_px)
    if len(bands) < 2:
        return alone, near
    places = [(k, row) for k, band in enumerate(bands) for row in range(band.projections.shape[1])]
    worth = np.concatenate([np.nanstd(band.projections, axis=(0, 2)) for band in bands])
    chosen = [places[i] for i in np.sort(np.argsort(worth)[::-1][:MOST_ROWS])]
    rows = np.stack([bands[k].projections[:, row] for k, row in chosen], axis=1)
    together = find_centre(rows, theta, search_px=search_px)
    if together.verdict == "resolved" or alone.verdict != "resolved":
        return together, near if alone.verdict == "resolved" else (best.row_px, together.centre_px)
    return alone, near
