"""Bring two states of one cell into register, on the texture of the electrolyte that the charge has left alone.

Between two scans a cell is taken off the stage, charged and put back: turned by any angle, shifted, slightly tilted,
and its electrolyte lifted by the film. The edge towards the anode has changed; pores and density farther off have not.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .rigid import RigidMove
from .rigid_fit import ROUNDS, UPRIGHT, Piece, Registration, fitted
from .texture import Binned, Texture, banded, binned_texture

COARSE_RADIUS_PX = 32
"""Radius of the bore, in binned voxels, to which scans are binned to seek the turn."""

POLAR_STEPS = 360
"""Turns that are told apart at that radius; more in proportion where few rows forbid so coarse a binning."""

OFFSETS_PX = 2
"""Binned voxels by which the axes of both bores may be off in the search for the turn."""

VIEW_OFFSETS_PX = 8
"""The same where the view ends before the bore does, and its axis is not known."""

FAR_TURN_DEG = 15
"""Degrees beyond which another turn is a rival of the best, not its flank."""

LEAST_LEAD = 1.4
"""The best turn's correlation must exceed that of all others by this factor; the best of noise led by 1.0 to 1.26."""

LEAST_ROWS = 8
LEAST_SHARED = 0.4
"""Share of the shorter scan's rows in which the two must overlap."""

BLOCK = (32, 96, 96)
MOST_BLOCKS = 24
MOST_VOXELS = 12_000
"""Voxels compared in a block: those with the steepest texture."""

STEEP = 2.0
"""Over the median slope: what only noise has slopes of is steeper in 2 % of voxels, a pore all over its edge."""

LEAST_VOXELS = 100
MARGIN = 6
COARSE_ROUNDS = 12
LEAST_CORRELATION = 0.5
"""In register; noise fitted to noise, whatever its turn, came to 0.12 to 0.28 in four draws, another cell to 0.38."""

MOST_RESIDUAL_PX = 0.4
MOST_OFF_PX = 3.0
MOST_OFF_SHARE = 0.02
"""The move may put the bores' axes this far apart, in voxels or in radii of the bore, whichever is more: what stands
still in both scans, such as rings, is no texture of the cell."""

LIKELY_TILT = float(np.exp(-2.0))
"""Share of upright cells that may be told to lean by so little that it costs less than leaving a lean out would: a cell
that was taken off the stage is likely to lean (Akaike's criterion for two numbers)."""

_Floats = NDArray[np.float64]


def register_texture(first: Texture, second: Texture) -> Registration:
    """Find the rigid move of the electrolyte between two states of a cell, whatever the turn about its axis.

    The turn and the height come from the correlation of the binned texture in polar coordinates about the bore
    [1]_, over all angles at once; least squares on blocks [2]_, from coarse to fine, gives all six numbers. The
    collector does not count, since a film lifts the electrolyte off it.

    Parameters
    ----------
    first, second : Texture
        The electrolyte of both scans, rows that the charge has changed left out.

    Returns
    -------
    Registration
        The move and its uncertainty, in voxels of the scans.

    Raises
    ------
    ValueError
        If voxel sizes differ, too few rows of electrolyte are in view, or the texture cannot tell the move.

    References
    ----------
    .. [1] Reddy & Chatterji, IEEE Trans. Image Processing 5 (1996) 1266-1271.
    .. [2] Lucas & Kanade, Proc. IJCAI (1981) 674-679.
    """
    if not abs(first.voxel_um / second.voxel_um - 1) < 1e-3:
        raise ValueError(
            f"voxels are {first.voxel_um:g} and {second.voxel_um:g} µm; bring both scans to one voxel size first"
        )
    rows = min(stop - start for start, stop in (first.rows, second.rows))
    coarsest = 1
    while first.bore.radius_px / coarsest > COARSE_RADIUS_PX and rows >= 2 * (LEAST_ROWS + 1) * coarsest:
        coarsest *= 2
    pair = binned_texture(first, coarsest), binned_texture(second, coarsest)
    fewest = min((b.texture.rows[1] - b.texture.rows[0]) // coarsest for b in pair)
    if fewest < LEAST_ROWS:
        raise ValueError(
            f"{fewest * coarsest} rows of undisturbed electrolyte are in view in both scans; {LEAST_ROWS * coarsest} "
            "are needed: extend the rows"
        )
    move = _coarse(*pair, coarsest)
    binning: int = coarsest
    found: Registration | None = None
    while binning >= 1:
        rounds, upright = (COARSE_ROUNDS, UPRIGHT) if binning > 1 else (ROUNDS, LIKELY_TILT)
        pieces = list(_pieces(*pair, _at(move, binning), binning))
        found = fitted(
            pieces,
            _at(move, binning),
            rounds=rounds,
            is_robust=True,
            upright=upright,
        )
        move = _full(found.move, binning)
        binning //= 2
    if found is None or found.correlation < LEAST_CORRELATION or not found.residual_px < MOST_RESIDUAL_PX:
        correlation, residual = (0.0, np.inf) if found is None else (found.correlation, found.residual_px)
        raise ValueError(
            f"the electrolyte's texture does not match: correlation {correlation:.2f} (at least {LEAST_CORRELATION}) "
            f"and residual {residual:.2f} voxels (at most {MOST_RESIDUAL_PX}) in register; check that both scans show "
            "the same cell, and scan longer if its pores drown in noise"
        )
    _check_axes(found.move, first, second)
    return found


def _check_axes(move: RigidMove, first: Texture, second: Texture) -> None:
    """Refuse a move that does not bring bore to bore, where both were seen."""
    if "view" in (first.bore.source, second.bore.source):
        return
    there = move.moved(np.array([[move.centre_px[0]], [first.bore.y], [first.bore.x]]))[1:, 0]
    off = float(np.hypot(*(there - (second.bore.y, second.bore.x))))
    most = max(MOST_OFF_PX, MOST_OFF_SHARE * first.bore.radius_px)
    if off > most:
        raise ValueError(
            f"the electrolyte's texture would put the axes of the two bores {off:.1f} voxels apart (at most "
            f"{most:.1f}); it holds what stands still in both scans, such as rings: remove rings, or scan longer"
        )


def _at(move: RigidMove, binning: int) -> RigidMove:
    """The same move between binned voxels."""
    shift = (move.shift_px[0] / binning, move.shift_px[1] / binning, move.shift_px[2] / binning)
    z, y, x = ((c - (binning - 1) / 2) / binning for c in move.centre_px)
    return RigidMove(shift, move.rotation_rad, (z, y, x))


def _full(move: RigidMove, binning: int) -> RigidMove:
    """The same move between voxels of the scans."""
    shift = (move.shift_px[0] * binning, move.shift_px[1] * binning, move.shift_px[2] * binning)
    z, y, x = (c * binning + (binning - 1) / 2 for c in move.centre_px)
    return RigidMove(shift, move.rotation_rad, (z, y, x))


def _coarse(first: Binned, second: Binned, binning: int) -> RigidMove:
    """Turn, height and axis from the correlation of coarse texture in polar coordinates, over all turns."""
    volumes = []
    for one in (first, second):
        values, known = one.kept[binning]
        rows = slice(one.texture.rows[0] // binning, None)
        volumes.append(banded(values[rows], known[rows]))
    axes = [
        ((t.bore.y + 0.5) / binning - 0.5, (t.bore.x + 0.5) / binning - 0.5) for t in (first.texture, second.texture)
    ]
    reach = min(t.bore.radius_px for t in (first.texture, second.texture)) / binning
    radius = np.arange(2.0, max(reach, 4.0))
    n_angles = POLAR_STEPS * max(1, -(-round(reach) // COARSE_RADIUS_PX))
    own = _polar(volumes[0], *axes[0], radius, n_angles)
    best, profile = (-np.inf, 0, 0, 0, 0), np.full(n_angles, -np.inf)
    most = VIEW_OFFSETS_PX if "view" in (first.texture.bore.source, second.texture.bore.source) else OFFSETS_PX
    for dy, dx in product(range(-most, most + 1), repeat=2):
        other = _polar(volumes[1], axes[1][0] + dy, axes[1][1] + dx, radius, n_angles)
        table, lags = _correlations(own, other)
        place = np.unravel_index(int(table.argmax()), table.shape)
        if table[place] > best[0]:
            best = (float(table[place]), int(lags[place[0]]), int(place[1]), dy, dx)
        profile = np.maximum(profile, table.max(axis=0))
    height, lag, turn, dy, dx = best
    _check_lead(profile, turn, height)
    a, b = first.texture, second.texture
    dz = lag * binning + b.rows[0] - a.rows[0]
    shift = (float(dz), b.bore.y - a.bore.y + dy * binning, b.bore.x - a.bore.x + dx * binning)
    angle = 2 * np.pi * turn / n_angles
    angle = angle - 2 * np.pi if angle > np.pi else angle
    return RigidMove(shift, (float(angle), 0.0, 0.0), (0.5 * (a.rows[0] + a.rows[1] - 1), a.bore.y, a.bore.x))


def _check_lead(profile: _Floats, turn: int, height: float) -> None:
    """Refuse a turn that other turns rival."""
    apart = np.abs(np.arange(profile.size) - turn)
    rivals = profile[np.minimum(apart, profile.size - apart) > FAR_TURN_DEG / 360 * profile.size]
    if not height > LEAST_LEAD * rivals.max():
        raise ValueError(
            f"the electrolyte's texture does not tell how the cell was turned: the best turn's correlation of "
            f"{height:.2f} is {height / rivals.max():.2f} times that of the next (at least {LEAST_LEAD}); an "
            "electrolyte without pores or other marks looks alike from all sides, and pores may drown in noise: scan "
            "longer, or mark the cell"
        )


def _polar(volume: NDArray[np.float32], y: float, x: float, radius: _Floats, n_angles: int) -> _Floats:
    """Unroll each row about an axis: (z, radius, angle), weighted by the root of the area."""
    angle = 2 * np.pi * np.arange(n_angles) / n_angles
    places = [y + np.multiply.outer(radius, np.sin(angle)), x + np.multiply.outer(radius, np.cos(angle))]
    rows = [ndimage.map_coordinates(row, places, order=1, mode="constant") for row in volume]
    return np.stack(rows).astype(np.float64) * np.sqrt(radius)[:, None]


def _correlations(first: _Floats, second: _Floats) -> tuple[_Floats, NDArray[np.intp]]:
    """Correlation of all heights at which enough rows overlap, and all turns; and those heights."""
    n_a, n_b, n_angles = len(first), len(second), first.shape[2]
    n_z = n_a + n_b
    spectra = [np.fft.fft(np.fft.rfft(part, axis=2), n=n_z, axis=0) for part in (first, second)]
    cross = (spectra[0].conj() * spectra[1]).sum(axis=1)
    table = np.fft.irfft(np.fft.ifft(cross, axis=0), n=n_angles, axis=1)
    energy = [np.concatenate([[0.0], np.cumsum((part**2).sum(axis=(1, 2)))]) for part in (first, second)]
    least = max(LEAST_ROWS // 2, round(LEAST_SHARED * min(n_a, n_b)))
    lags = np.array([lag for lag in range(-n_a + 1, n_b) if min(n_a, n_b - lag) - max(0, -lag) >= least])
    found = np.empty((len(lags), n_angles))
    for index, lag in enumerate(lags):
        low, high = max(0, -lag), min(n_a, n_b - lag)
        power = (energy[0][high] - energy[0][low]) * (energy[1][high + lag] - energy[1][low + lag])
        found[index] = table[lag % n_z] / np.sqrt(max(power, 1e-300))
    return found, lags


def _pieces(first: Binned, second: Binned, start: RigidMove, binning: int) -> Iterator[Piece]:
    """Blocks of the first scan's texture, and their surroundings in the second."""
    own, other = first.texture, second.texture
    limits, begin = second.shape(binning), other.rows[0] // binning
    window = own.bore.window(*own.volume.shape[1:])
    spans = [(own.rows[0] // binning, own.rows[1] // binning)]
    spans += [(w.start // binning, -(-w.stop // binning)) for w in window]
    corners = _corners(spans)
    # Of many blocks an even choice is taken, so that turn and tilt stay well conditioned.
    chosen = np.unique(np.linspace(0, len(corners) - 1, min(MOST_BLOCKS, len(corners))).astype(int))
    for index in chosen:
        low, high = corners[int(index)]
        values, known = first.box(binning, low, high)
        box = np.array([[a, b - 1] for a, b in zip(low, high, strict=True)], dtype=np.float64)
        moved = start.moved(np.array(np.meshgrid(*box, indexing="ij")).reshape(3, -1))
        there = [
            (max(int(np.floor(m.min())) - MARGIN, least), min(int(np.ceil(m.max())) + MARGIN + 1, n))
            for m, least, n in zip(moved, (begin, 0, 0), limits, strict=True)
        ]
        if any(b - a <= 2 * MARGIN for a, b in there):
            continue
        (z0, z1), (y0, y1), (x0, x1) = there
        others, clear = second.box(binning, (z0, y0, x0), (z1, y1, x1))
        weight = known & _steep(values, known) & _seen(start, low, values.shape, clear, (z0, y0, x0))
        if weight.sum() < LEAST_VOXELS:
            continue
        yield Piece(values, weight, low, ndimage.spline_filter(others, order=3, output=np.float32), (z0, y0, x0))


_Corner = tuple[int, int, int]


def _corners(spans: list[tuple[int, int]]) -> list[tuple[_Corner, _Corner]]:
    """Blocks that fill a box: at least two along z and three across, if not too small."""
    edges = []
    for (start, stop), most, least in zip(spans, BLOCK, (2, 3, 3), strict=True):
        n = max(least, -(-(stop - start) // most))
        edges.append(np.linspace(start, stop, n + 1).round().astype(int))
    return [
        ((int(z[0]), int(y[0]), int(x[0])), (int(z[1]), int(y[1]), int(x[1])))
        for z in zip(edges[0][:-1], edges[0][1:], strict=True)
        for y in zip(edges[1][:-1], edges[1][1:], strict=True)
        for x in zip(edges[2][:-1], edges[2][1:], strict=True)
    ]


def _steep(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The voxels at which the texture is steepest."""
    slope = np.sqrt(sum(np.gradient(values, axis=axis) ** 2 for axis in range(3)))
    slopes = slope[known]
    if slopes.size == 0:
        return known
    steepest = np.partition(slopes, max(slopes.size - MOST_VOXELS, 0))[max(slopes.size - MOST_VOXELS, 0)]
    return slope >= max(float(steepest), STEEP * float(np.median(slopes)))


def _seen(
    move: RigidMove, corner: _Corner, shape: tuple[int, ...], clear: NDArray[np.bool_], there: _Corner
) -> NDArray[np.bool_]:
    """Which voxels of a block lie, moved, where the other scan's texture is known."""
    points = np.indices(shape).reshape(3, -1) + np.array(corner, dtype=np.float64)[:, None]
    places = np.rint(move.moved(points)).astype(int) - np.array(there)[:, None]
    within = ((places >= 0) & (places < np.array(clear.shape)[:, None])).all(axis=0)
    found = np.zeros(points.shape[1], bool)
    found[within] = clear[tuple(places[:, within])]
    return found.reshape(shape)
