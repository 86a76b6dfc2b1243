"""The ray decomposition on the CPU: Newton's method, one ray after the other, without intermediate arrays.

The same maths as the array code in `two_gas`, which is its twin and runs on the GPU.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@njit(nogil=True, cache=True, inline="always")
def _looked_up(table: Floats, solid: float, gas: float) -> tuple[float, float, float]:  # type: ignore[no-any-unimported]
    """Value and both slopes of a table by parabolas through the nearest knots."""
    n_solid, n_gas = table.shape
    i = min(max(int(np.rint(solid)), 1), n_solid - 2)
    j = min(max(int(np.rint(gas)), 1), n_gas - 2)
    s, g = solid - i, gas - j
    middle = float(table[i, j])
    up, down = float(table[i + 1, j]), float(table[i - 1, j])
    right, left = float(table[i, j + 1]), float(table[i, j - 1])
    first_s, second_s = (up - down) / 2, up + down - 2 * middle
    first_g, second_g = (right - left) / 2, right + left - 2 * middle
    corners = float(table[i + 1, j + 1]) - float(table[i + 1, j - 1])
    corners += float(table[i - 1, j - 1]) - float(table[i - 1, j + 1])
    mixed = corners / 4
    value = middle + first_s * s + first_g * g + second_s * s * s / 2 + second_g * g * g / 2 + mixed * s * g
    return value, first_s + second_s * s + mixed * g, first_g + second_g * g + mixed * s


@njit(nogil=True, cache=True)
def decompose(
    argon: Floats,
    xenon: Floats,
    tables: tuple[Floats, Floats, Floats],
    wall: tuple[Floats, float, float],
    steps: tuple[float, float, float],
    iterations: int,
    paths: tuple[Floats, Floats],
) -> int:
    """Turn line integrals into paths.

    Parameters
    ----------
    argon, xenon : (n_rays, n_cols) array of float32
        Measured line integrals, dimensionless.
    tables : tuple of (n_solid, n_gas) array
        Line integrals in argon and in xenon, and µ of the wall in cm^-1.
    wall : (array, float, float)
        Path of each ray through the wall, (n_wall, n_cols) in cm, of which row i modulo n_wall is used; the mean
        path that the tables are made for, in cm; its line integral.
    steps : tuple of float
        Step of the tables in electrolyte and in gas, and gas path of the first column, in cm.
    iterations : int
        Newton steps.
    paths : tuple of (n_rays, n_cols) array
        Electrolyte and gas path, in cm; written.

    Returns
    -------
    int
        Rays beyond the tables.
    """
    in_argon, in_xenon, behind = tables
    wall_cm, mean_cm, wall_integral = wall
    solid_cm, gas_cm, gas_first_cm = steps
    n_solid, n_gas = in_argon.shape
    gasless = in_argon[:, n_gas // 2]
    n_outside = 0
    for i in range(argon.shape[0]):
        for j in range(argon.shape[1]):
            a, x = float(argon[i, j]), float(xenon[i, j])
            more = float(wall_cm[i % wall_cm.shape[0], j]) - mean_cm
            if a > 0:
                knot = min(max(np.searchsorted(gasless, np.float32(a)), 1), n_solid - 1)
                low, high = float(gasless[knot - 1]), float(gasless[knot])
                solid = knot - 1 + min(max((a - low) / (high - low), 0.0), 1.0)
            else:
                solid = a / float(gasless[1])
            gas = -gas_first_cm / gas_cm
            for _ in range(iterations):
                p = min(max(int(np.rint(solid)), 0), n_solid - 1)
                q = min(max(int(np.rint(gas)), 0), n_gas - 1)
                own = wall_integral + more * float(behind[p, q])
                va, a_s, a_g = _looked_up(in_argon, solid, gas)
                vx, x_s, x_g = _looked_up(in_xenon, solid, gas)
                miss_a, miss_x = a - own - va, x - own - vx
                determinant = a_s * x_g - a_g * x_s
                solid += (miss_a * x_g - miss_x * a_g) / determinant
                gas += (miss_x * a_s - miss_a * x_s) / determinant
                solid = min(max(solid, -float(n_solid)), n_solid - 1.0)
                gas = min(max(gas, 0.0), n_gas - 1.001)
            if solid >= n_solid - 1 or gas <= 0 or gas >= n_gas - 1.001:
                n_outside += 1
            paths[0][i, j] = solid * solid_cm
            paths[1][i, j] = gas * gas_cm + gas_first_cm
    return n_outside
