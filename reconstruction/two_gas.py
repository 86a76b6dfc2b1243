"""An argon and a xenon scan of one cell, decomposed ray by ray into electrolyte path and gas path.

Only the gas changes between the scans, so for each ray the two transmissions

    T_g = sum_E w_E exp(-(mu_SE(E) p_SE + mu_g(E) p_gas))

of the spectrum w with g = argon and xenon determine p_SE and p_gas. Lithium's own attenuation, 0.2 % of that of the
bromine electrolyte, is left out: f_Li = 1 - f_SE - f_gas reads that share of itself too low. Each path is then
reconstructed on its own, and a voxel's share of it needs no µ at all. Subtracting two hardened volumes instead errs by
0.06 to 0.10 in the share of lithium, since electrolyte hardens the beam on which xenon works.
The same idea, two energies in place of two gases, is dual-energy CT [1]_.

References
----------
.. [1] Alvarez & Macovski, Phys. Med. Biol. 21 (1976) 733.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, array_namespace
from ..materials import Spectrum
from ..materials.attenuation import Absorber
from .hardening import DEEPEST
from .two_gas_kernels import decompose

SOLID_KNOTS, GAS_KNOTS = 256, 257
GAS_REACH = 8.0
"""Gas paths are tabulated to this many bores on either side of zero: a starved ray's gas path is mostly noise."""

ITERATIONS = 4
"""Newton steps; the tables are smooth, so the residual falls below the tables' own error after three."""


@dataclass(frozen=True, eq=False)
class RayModel:
    """Line integrals in both gases, tabulated over the paths through electrolyte and gas.

    Parameters
    ----------
    solid_cm, gas_cm : float
        Step of the tables in each path, in cm.
    gas_first_cm : float
        Gas path of the first column, in cm; below zero, so that noise finds an answer.
    argon, xenon : (n_solid, n_gas) array of float32
        Line integrals, dimensionless, behind the mean path through the wall, without the wall's own.
    wall : (n_solid, n_gas) array of float32
        µ of the wall in the beam that is left behind these paths, in cm^-1; 0 without a wall.
    wall_mean_cm : float
        Path through the wall that the tables are made for, in cm.
    wall_integral : float
        Line integral of that path alone, dimensionless.
    """

    solid_cm: float
    gas_cm: float
    gas_first_cm: float
    argon: NDArray[np.float32]
    xenon: NDArray[np.float32]
    wall: NDArray[np.float32]
    wall_mean_cm: float
    wall_integral: float


@dataclass(frozen=True)
class Paths:
    """What a ray crosses.

    Parameters
    ----------
    solid_cm : array of float32
        Path through solid electrolyte, in cm; negative values are noise and are kept.
    gas_cm : array of float32
        Path through open pores, in cm.
    n_outside : int
        Rays whose answer lies beyond the tables (starved rays); they are held at the tables' edge.
    """

    solid_cm: Array
    gas_cm: Array
    n_outside: int


def ray_model(
    spectrum: Spectrum,
    solid: Absorber,
    argon: Absorber,
    xenon: Absorber,
    *,
    longest_cm: float,
    wall: tuple[Absorber, float] | None = None,
) -> RayModel:
    """Tabulate what both scans read behind paths through electrolyte and gas.

    Parameters
    ----------
    spectrum : Spectrum
        Weights of the energies in the detector's signal, as the flats saw it.
    solid : Absorber
        The electrolyte.
    argon, xenon : Absorber
        Gas of each scan.
    longest_cm : float
        Longest path in the cell, its bore, in cm.
    wall : (Absorber, float), optional
        Casing that rays cross and the flats did not: material, and mean path through it in cm.

    Returns
    -------
    RayModel
        For `decompose_rays`.

    Raises
    ------
    ValueError
        If the longest path is not positive, or both gases attenuate alike.
    """
    if not longest_cm > 0:
        raise ValueError(f"longest_cm is {longest_cm}; give the bore of the cell, above 0 cm")
    energy = spectrum.energy_kev
    mu_wall = np.zeros_like(energy) if wall is None else np.asarray(wall[0].mu_per_cm(energy))
    mean_cm = 0.0 if wall is None else wall[1]
    passed = spectrum.photons * np.exp(-mu_wall * mean_cm)
    weights = passed / passed.sum()
    gases = [np.asarray(gas.mu_per_cm(energy)) for gas in (argon, xenon)]
    if not abs(float(weights @ (gases[1] - gases[0]))) > 1e-6:
        raise ValueError("both gases attenuate alike in this beam, so that a pair tells nothing; use argon and xenon")
    solid_cm = 1.25 * longest_cm / (SOLID_KNOTS - 1)
    gas_first_cm, gas_cm = -GAS_REACH * longest_cm, 2 * GAS_REACH * longest_cm / (GAS_KNOTS - 1)
    paths = solid_cm * np.arange(SOLID_KNOTS), gas_first_cm + gas_cm * np.arange(GAS_KNOTS)
    mu_solid = np.asarray(solid.mu_per_cm(energy))
    tables = [_table(paths, mu_solid, mu_gas, weights) for mu_gas in gases]
    behind = _mean_mu(paths, mu_solid, gases[0], weights, mu_wall)
    wall_integral = -float(np.log(passed.sum()))
    return RayModel(solid_cm, gas_cm, gas_first_cm, tables[0], tables[1], behind, mean_cm, wall_integral)


def _table(
    paths: tuple[NDArray[np.floating], NDArray[np.floating]],
    mu_solid: NDArray[np.float64],
    mu_gas: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float32]:
    """-ln of the transmission over a grid of paths; the sum over energies is a matrix product."""
    solid, gas = paths
    left = np.exp(-np.multiply.outer(solid, mu_solid)) * weights
    right = np.exp(-np.multiply.outer(gas, mu_gas))
    light = left @ right.T
    return -np.log(np.maximum(light, np.exp(-4 * DEEPEST))).astype(np.float32)


def _mean_mu(
    paths: tuple[NDArray[np.floating], NDArray[np.floating]],
    mu_solid: NDArray[np.float64],
    mu_gas: NDArray[np.float64],
    weights: NDArray[np.float64],
    mu: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Mean of a µ in the beam that is left behind a grid of paths."""
    solid, gas = paths
    left = np.exp(-np.multiply.outer(solid, mu_solid - mu_solid.min())) * weights
    right = np.exp(-np.multiply.outer(np.maximum(gas, 0), mu_gas))
    return ((left * mu) @ right.T / np.maximum(left @ right.T, 1e-300)).astype(np.float32)


def decompose_rays(argon: Array, xenon: Array, model: RayModel, *, wall_cm: Array | None = None) -> Paths:
    """Turn the line integrals of a registered pair of scans into paths.

    Newton's method on the tabulated model, every ray on its own. Values are not clipped at zero, so that sums and
    means over noisy rays are free of bias.

    Parameters
    ----------
    argon, xenon : array
        Measured line integrals of the same rays, dimensionless, of one shape.
    model : RayModel
        From `ray_model`.
    wall_cm : array, optional
        Path of each ray through the casing, in cm, broadcast against the line integrals (`tube_wall_cm`). None says
        that the line integrals have none of it.

    Returns
    -------
    Paths
        Of the shape and on the device of the input.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    array_namespace(argon, xenon)  # both on one device
    if argon.shape != xenon.shape:
        raise ValueError(f"argon is {argon.shape} and xenon {xenon.shape}; register both scans to one grid first")
    if isinstance(argon, np.ndarray) and argon.ndim:
        return _on_host(argon, xenon, model, wall_cm)
    return decompose_arrays(argon, xenon, model, wall_cm=wall_cm)


def _on_host(argon: NDArray[np.floating], xenon: NDArray[np.floating], model: RayModel, wall_cm: Array | None) -> Paths:
    """The same in one pass over the rays."""
    n_cols = argon.shape[-1]
    first, second = (np.ascontiguousarray(values, dtype=np.float32).reshape(-1, n_cols) for values in (argon, xenon))
    found = np.empty_like(first), np.empty_like(first)
    wall = np.zeros((1, n_cols), np.float32), 0.0, 0.0
    if wall_cm is not None:
        wide = np.asarray(wall_cm, np.float32)
        if wide.ndim > 2 or (wide.ndim == 2 and len(wide) not in (1, argon.shape[-2])):
            wide = np.broadcast_to(wide, argon.shape)
        wide = np.ascontiguousarray(np.broadcast_to(wide, (*wide.shape[:-1], n_cols))).reshape(-1, n_cols)
        wall = wide, model.wall_mean_cm, model.wall_integral
    n_outside = decompose(
        first,
        second,
        (model.argon, model.xenon, model.wall),
        wall,
        (model.solid_cm, model.gas_cm, model.gas_first_cm),
        ITERATIONS,
        found,
    )
    return Paths(found[0].reshape(argon.shape), found[1].reshape(argon.shape), n_outside)


def decompose_arrays(argon: Array, xenon: Array, model: RayModel, *, wall_cm: Array | None = None) -> Paths:
    """Turn line integrals into paths by array operations: the GPU's way, and the twin of the CPU's.

    Parameters
    ----------
    argon, xenon : array
        As for `decompose_rays`.
    model : RayModel
        From `ray_model`.
    wall_cm : array, optional
        As for `decompose_rays`.

    Returns
    -------
    Paths
        Of the shape and on the device of the input.
    """
    xp = array_namespace(argon, xenon)
    tables = xp.asarray(model.argon), xp.asarray(model.xenon)
    gasless = tables[0][:, GAS_KNOTS // 2]
    solid = xp.where(argon > 0, xp.interp(argon, gasless, xp.arange(SOLID_KNOTS)), argon / gasless[1])
    solid = solid.astype(xp.float32)
    gas = xp.full(argon.shape, -model.gas_first_cm / model.gas_cm, dtype=xp.float32)
    wall = None if wall_cm is None else (xp.asarray(model.wall), wall_cm - model.wall_mean_cm, model.wall_integral)
    for _ in range(ITERATIONS):
        own = 0.0 if wall is None else wall[2] + wall[1] * _nearest(wall[0], solid, gas)
        solid, gas = _newton_step(xp, (argon - own, xenon - own), tables, solid, gas)
    outside = (solid >= SOLID_KNOTS - 1) | (gas <= 0) | (gas >= GAS_KNOTS - 1.001)
    return Paths(
        (solid * model.solid_cm).astype(xp.float32),
        (gas * model.gas_cm + model.gas_first_cm).astype(xp.float32),
        int(xp.sum(outside)),
    )


def _newton_step(
    xp: Any, measured: tuple[Array, Array], tables: tuple[Array, Array], solid: Array, gas: Array
) -> tuple[Array, Array]:
    """One step in both paths, in units of knots; the tables are linear beyond their first row."""
    (a, a_s, a_g), (x, x_s, x_g) = (_looked_up(xp, table, solid, gas) for table in tables)
    miss_a, miss_x = measured[0] - a, measured[1] - x
    determinant = a_s * x_g - a_g * x_s
    step_s = (miss_a * x_g - miss_x * a_g) / determinant
    step_g = (miss_x * a_s - miss_a * x_s) / determinant
    solid = (solid + step_s).clip(-float(SOLID_KNOTS), SOLID_KNOTS - 1.0)
    return solid, (gas + step_g).clip(0.0, GAS_KNOTS - 1.001)


def _nearest(table: Array, solid: Array, gas: Array) -> Array:
    """Value of a smooth table at the nearest knots."""
    i = solid.round().clip(0, SOLID_KNOTS - 1).astype("int32")
    return table[i, gas.round().clip(0, GAS_KNOTS - 1).astype("int32")]


def tube_wall_cm(
    n_cols: int, *, centre_px: float, pixel_um: float, inner_radius_um: float, outer_radius_um: float
) -> NDArray[np.float32]:
    """Return the path of each detector column through the wall of a tube around the rotation axis.

    Parameters
    ----------
    n_cols : int
        Detector columns.
    centre_px : float
        Column of the tube's axis, pixel-centre index.
    pixel_um : float
        Pixel in µm.
    inner_radius_um, outer_radius_um : float
        Radii of the wall, in µm.

    Returns
    -------
    (n_cols,) array of float32
        Path in cm, averaged over the pixel.

    Raises
    ------
    ValueError
        If the outer radius is not larger than the inner one.
    """
    if not outer_radius_um > inner_radius_um >= 0:
        raise ValueError(
            f"the wall reaches from {inner_radius_um} to {outer_radius_um} µm; give the larger radius second"
        )
    place = ((np.arange(n_cols * 8) + 0.5) / 8 - 0.5 - centre_px) * pixel_um
    outer, inner = (np.sqrt(np.clip(r**2 - place**2, 0, None)) for r in (outer_radius_um, inner_radius_um))
    return (2e-4 * (outer - inner)).reshape(n_cols, 8).mean(axis=1).astype(np.float32)


def _looked_up(xp: Any, table: Array, solid: Array, gas: Array) -> tuple[Array, Array, Array]:
    """Value and both slopes of a table between its knots, the value by parabolas through the nearest ones."""
    i = solid.round().clip(1, SOLID_KNOTS - 2).astype("int32")
    j = gas.round().clip(1, GAS_KNOTS - 2).astype("int32")
    s, g = solid - i, gas - j
    middle = table[i, j]
    up, down, right, left = table[i + 1, j], table[i - 1, j], table[i, j + 1], table[i, j - 1]
    first_s, second_s = (up - down) / 2, up + down - 2 * middle
    first_g, second_g = (right - left) / 2, right + left - 2 * middle
    mixed = (table[i + 1, j + 1] - table[i + 1, j - 1] - table[i - 1, j + 1] + table[i - 1, j - 1]) / 4
    value = middle + first_s * s + first_g * g + second_s * s * s / 2 + second_g * g * g / 2 + mixed * s * g
    return value, first_s + second_s * s + mixed * g, first_g + second_g * g + mixed * s
