"""Shortest ways through one phase: distances by the eikonal equation, and the electrolyte left to cross."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FAR = np.float32(3.4e38)
MAX_ROUNDS = 20


def geodesic_um(
    is_open: NDArray[np.bool_], sources: NDArray[np.bool_], *, voxel_um: Sequence[float]
) -> NDArray[np.float32]:
    """Return the length of the shortest way from the sources through open voxels.

    The eikonal equation |grad T| = 1 by fast sweeping [1]_, first order: exact along the axes and from flat
    sources; along the space diagonal from a point it is 18 % long at 5 voxels, 12 % at 10 and 5 % at 40.

    Parameters
    ----------
    is_open : (n_z, n_y, n_x) array of bool
        Voxels that may be crossed.
    sources : (n_z, n_y, n_x) array of bool
        Voxels whose centres have distance 0; they need not be open.
    voxel_um : (3,) sequence of float
        Edges (z, y, x) of a voxel, in µm.

    Returns
    -------
    (n_z, n_y, n_x) array of float32
        Distance of each voxel's centre, in µm; infinite where no way leads.

    Raises
    ------
    ValueError
        If shapes differ.

    References
    ----------
    .. [1] Zhao, Math. Comput. 74, 603 (2005).
    """
    if is_open.shape != sources.shape:
        raise ValueError(f"open voxels are {is_open.shape} and sources {sources.shape}; give one shape to both")
    time = np.where(sources, np.float32(0), FAR)
    edges = np.asarray(voxel_um, dtype=np.float32)
    passable = is_open & ~sources
    for _ in range(MAX_ROUNDS):
        if not _sweep_all(time, passable, edges):
            break
    time[time >= FAR] = np.inf
    return time


@njit(nogil=True, cache=True)
def _arrival(a: Any, b: Any, c: Any, ha: Any, hb: Any, hc: Any) -> Any:
    """Solve sum of ((T - t) / h)^2 over the neighbours t below T, equal to 1 (Godunov's upwind scheme)."""
    if a > b:
        a, b, ha, hb = b, a, hb, ha
    if b > c:
        b, c, hb, hc = c, b, hc, hb
    if a > b:
        a, b, ha, hb = b, a, hb, ha
    t = a + ha
    if t <= b:
        return t
    wa, wb = 1 / (ha * ha), 1 / (hb * hb)
    s = wa + wb
    m = wa * a + wb * b
    d = m * m - s * (wa * a * a + wb * b * b - 1)
    t = (m + np.sqrt(max(d, 0.0))) / s
    if t <= c:
        return t
    wc = 1 / (hc * hc)
    s += wc
    m += wc * c
    d = m * m - s * (wa * a * a + wb * b * b + wc * c * c - 1)
    return (m + np.sqrt(max(d, 0.0))) / s


@njit(nogil=True, cache=True)
def _sweep_all(time: Any, is_open: Any, edges: Any) -> bool:
    """Sweep once in each of the eight directions; return whether anything became nearer."""
    n_z, n_y, n_x = time.shape
    hz, hy, hx = edges[0], edges[1], edges[2]
    least = 1e-4 * min(hz, hy, hx)
    changed = False
    for direction in range(8):
        for i in range(n_z):
            z = i if direction & 1 == 0 else n_z - 1 - i
            for j in range(n_y):
                y = j if direction & 2 == 0 else n_y - 1 - j
                for k in range(n_x):
                    x = k if direction & 4 == 0 else n_x - 1 - k
                    if not is_open[z, y, x]:
                        continue
                    a, b, c = FAR, FAR, FAR
                    if z > 0:
                        a = time[z - 1, y, x]
                    if z + 1 < n_z:
                        a = min(a, time[z + 1, y, x])
                    if y > 0:
                        b = time[z, y - 1, x]
                    if y + 1 < n_y:
                        b = min(b, time[z, y + 1, x])
                    if x > 0:
                        c = time[z, y, x - 1]
                    if x + 1 < n_x:
                        c = min(c, time[z, y, x + 1])
                    if min(a, b, c) >= FAR:
                        continue
                    t = _arrival(a, b, c, hz, hy, hx)
                    if t < time[z, y, x] - least:
                        time[z, y, x] = t
                        changed = True
    return changed
