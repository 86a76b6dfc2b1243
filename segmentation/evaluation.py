"""How good labels are, against a truth or a second labelling: overlap, surfaces, thickness, filaments, confidence."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..materials import Phase
from ..materials.phases import NOT_LABELLED
from .filters import dilate
from .fractions import CONFIDENCE

SURFACE_VOXELS = 1
FILAMENT_WIDTHS = (1, 2, 3, 5)
"""Widths, in voxels, by which filaments of lithium are sorted."""

FOUND_SHARE = 0.5
"""Share of a filament's voxels that must be called lithium for it to count as found."""

BINS = 10


@dataclass(frozen=True)
class PhaseScore:
    """How well one phase was found.

    Parameters
    ----------
    iou, dice : float or None
        Overlap over union, and over the mean size; dimensionless, None where neither labelling has the phase.
    surface_dice : float or None
        Share of both surfaces that lies within 1 voxel of the other one; dimensionless, None where neither has one.
    precision, recall : float or None
        Share of the found voxels that are right, and of the true ones that were found.
    voxels, true_voxels : int
        Voxels found and true.
    """

    iou: float | None
    dice: float | None
    surface_dice: float | None
    precision: float | None
    recall: float | None
    voxels: int
    true_voxels: int


@dataclass(frozen=True)
class Evaluation:
    """How well a labelling agrees with another one that is taken for true.

    Parameters
    ----------
    phases : mapping of Phase to PhaseScore
        Phases that either labelling has.
    mean_iou : float or None
        Over void, lithium, carbon and electrolyte, as far as either has them.
    thickness_bias_um : float or None
        Mean lithium per column, found less true, in µm; None where the voxel is not known.
    thickness_rmse_um : float or None
        Root mean square of the difference per column, in µm; None where the voxel is not known.
    volume_closure : float or None
        Lithium found over lithium true, dimensionless; None where there is none.
    filaments : mapping of int to (int, int)
        By width in voxels: filaments found, and there.
    calibration_error : float or None
        Mean distance between confidence and share of right voxels, weighted with the voxels; dimensionless.
    reliability : tuple of (float, float, int)
        For each tenth of the confidence: mean confidence, share that is right, voxels.
    """

    phases: Mapping[Phase, PhaseScore]
    mean_iou: float | None
    thickness_bias_um: float | None
    thickness_rmse_um: float | None
    volume_closure: float | None
    filaments: Mapping[int, tuple[int, int]]
    calibration_error: float | None
    reliability: tuple[tuple[float, float, int], ...] = ()


SCORED = (Phase.VOID, Phase.LITHIUM, Phase.CARBON, Phase.ELECTROLYTE)
INNER = (Phase.LITHIUM, Phase.CARBON, Phase.ELECTROLYTE, Phase.COLLECTOR)
"""Of these there is some in every column of the bore."""


def evaluate(
    labels: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    *,
    voxel_um: float | None,
    confidence: NDArray[np.float32] | None = None,
) -> Evaluation:
    """Compare labels with others that are taken for true.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, or 255.
    truth : (n_z, n_y, n_x) array of uint8
        The same; voxels that are 255 in either are left out, and so is gas around the bore.
    voxel_um : float or None
        Edge of a voxel, in µm; without it thickness is not given.
    confidence : (n_z, n_y, n_x) array, optional
        Probability that the labels are right, to be checked.

    Returns
    -------
    Evaluation
        All scores.

    Raises
    ------
    ValueError
        If shapes differ, values are unknown, no voxel is labelled in both, the voxel is not above 0, or a confidence
        is no probability.
    """
    check_labels(labels)
    check_labels(truth)
    if voxel_um is not None and not 0 < voxel_um < np.inf:
        raise ValueError(f"the voxel is {voxel_um:g} µm; give more than 0 µm")
    if labels.shape != truth.shape:
        raise ValueError(f"labels are {labels.shape}, the truth {truth.shape} voxels; bring them to one grid first")
    truth = without_gas_around(truth)
    known = (labels != NOT_LABELLED) & (truth != NOT_LABELLED)
    if not known.any():
        raise ValueError("no voxel is labelled in both; give labellings that overlap")
    if confidence is not None:
        _check_confidence(confidence, known)
    phases = {p: _score(labels == p, truth == p, known) for p in Phase}
    phases = {p: s for p, s in phases.items() if s.voxels or s.true_voxels}
    scored = [phases[p].iou for p in SCORED if p in phases]
    bias, rmse, closure = _thickness(labels, truth, known, voxel_um)
    reliability = () if confidence is None else _reliability(confidence[known], (labels == truth)[known])
    return Evaluation(
        phases=phases,
        mean_iou=float(np.mean([iou for iou in scored if iou is not None])) if scored else None,
        thickness_bias_um=bias,
        thickness_rmse_um=rmse,
        volume_closure=closure,
        filaments=filament_rates(labels, truth),
        calibration_error=_calibration_error(reliability),
        reliability=reliability,
    )


def without_gas_around(truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Leave out the gas between the tubes that hold a cell, and around them: it is void, but none of the cell's.

    Parameters
    ----------
    truth : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, or 255.

    Returns
    -------
    (n_z, n_y, n_x) array of uint8
        With 255 for void in columns that hold void, casing and outside alone, where a casing is labelled at all.
    """
    if not (truth == Phase.CASING).any():
        return truth
    around = ~np.isin(truth, INNER).any(axis=0)
    return np.where(around & (truth == Phase.VOID), np.uint8(NOT_LABELLED), truth)


def _check_confidence(confidence: NDArray[np.float32], known: NDArray[np.bool_]) -> None:
    """Refuse what is no probability of each labelled voxel."""
    if confidence.shape != known.shape:
        raise ValueError(
            f"the confidence is {confidence.shape}, the labels {known.shape} voxels; give that of the labels"
        )
    said = confidence[known]
    low, high = float(said.min()), float(said.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"the confidence runs from {low:g} to {high:g}; give probabilities from 0 to 1")


def check_labels(labels: NDArray[np.uint8]) -> None:
    """Refuse labels that stand for no phase.

    Parameters
    ----------
    labels : array of an integer type
        Values of `Phase`, or 255.

    Raises
    ------
    ValueError
        If values are unknown.
    TypeError
        If the labels are not integers.
    """
    if np.asarray(labels).dtype.kind not in "ui":
        raise TypeError(f"labels are {np.asarray(labels).dtype}; give whole numbers from 0 to 6, or 255")
    unknown = sorted(set(np.unique(labels).tolist()) - {int(p) for p in Phase} - {NOT_LABELLED})
    if unknown:
        names = ", ".join(f"{int(p)} {p.name.lower()}" for p in Phase)
        raise ValueError(f"labels hold the values {unknown[:5]}; known are {names}, and 255 not labelled")


def iou_table(labels: NDArray[np.uint8], truth: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the voxels that both labellings give to a phase, and those that either does.

    Parameters
    ----------
    labels, truth : (n_z, n_y, n_x) array of uint8
        Values of `Phase`; voxels that are 255 in either are left out.

    Returns
    -------
    both, either : (n_phases,) array of int64
        In the order of `Phase`; sums over several cells may be divided.
    """
    known = (labels != NOT_LABELLED) & (truth != NOT_LABELLED)
    n = len(Phase)
    table = np.bincount(labels[known].astype(np.int64) * n + truth[known], minlength=n * n).reshape(n, n)
    both = np.diagonal(table)
    return both, table.sum(axis=0) + table.sum(axis=1) - both


def _score(found: NDArray[np.bool_], true: NDArray[np.bool_], known: NDArray[np.bool_]) -> PhaseScore:
    found, true = found & known, true & known
    n_found, n_true, both = int(found.sum()), int(true.sum()), int((found & true).sum())
    if not (n_found or n_true):
        return PhaseScore(None, None, None, None, None, 0, 0)
    return PhaseScore(
        iou=both / (n_found + n_true - both),
        dice=2 * both / (n_found + n_true),
        surface_dice=_surface_dice(found, true, known),
        precision=both / n_found if n_found else None,
        recall=both / n_true if n_true else None,
        voxels=n_found,
        true_voxels=n_true,
    )


def _surface_dice(found: NDArray[np.bool_], true: NDArray[np.bool_], known: NDArray[np.bool_]) -> float | None:
    """Share of both surfaces within a voxel of the other (Nikolov et al., arXiv 1809.04430); None without any."""
    cube = np.ones((3, 3, 3), dtype=bool)
    edges = [mask & ndimage.binary_dilation(~mask & known) for mask in (found, true)]
    total = int(edges[0].sum() + edges[1].sum())
    if total == 0:
        return None
    near = [ndimage.binary_dilation(edge, cube, iterations=SURFACE_VOXELS) for edge in edges]
    return float(((edges[0] & near[1]).sum() + (edges[1] & near[0]).sum()) / total)


def _thickness(
    labels: NDArray[np.uint8], truth: NDArray[np.uint8], known: NDArray[np.bool_], voxel_um: float | None
) -> tuple[float | None, float | None, float | None]:
    """Bias and RMSE of lithium per column, over columns that lie in the cell, and found over true volume."""
    inside = np.isin(truth, SCORED).any(axis=0)
    found, true = (((part == Phase.LITHIUM) & known).sum(axis=0)[inside] for part in (labels, truth))
    closure = float(found.sum() / true.sum()) if true.sum() > 0 else None
    if found.size == 0 or voxel_um is None:
        return None, None, closure
    off_um = (found.astype(np.float64) - true) * voxel_um
    return float(off_um.mean()), float(np.sqrt((off_um**2).mean())), closure


def filament_rates(labels: NDArray[np.uint8], truth: NDArray[np.uint8]) -> dict[int, tuple[int, int]]:
    """Count the thin parts of the true lithium by width, and those that were found.

    Parameters
    ----------
    labels, truth : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, or 255.

    Returns
    -------
    dict of int to (int, int)
        Width in voxels (the smallest of `FILAMENT_WIDTHS` that holds it) to filaments found and there. A part
        counts if it is at least three times as long as wide.
    """
    parts, _ = ndimage.label(truth == Phase.LITHIUM, np.ones((3, 3, 3)))
    rates = {width: [0, 0] for width in FILAMENT_WIDTHS}
    for index, box in enumerate(ndimage.find_objects(parts), start=1):
        if box is None:
            continue
        part = parts[box] == index
        depth = ndimage.distance_transform_edt(np.pad(part, 1))
        width = max(2 * float(depth.max()) - 1, 1.0)
        fitting = [w for w in FILAMENT_WIDTHS if width <= w + 0.5]
        if not fitting or max(part.shape) < 3 * width:
            continue
        rates[fitting[0]][1] += 1
        rates[fitting[0]][0] += bool((labels[box][part] == Phase.LITHIUM).mean() >= FOUND_SHARE)
    return {width: (found, there) for width, (found, there) in rates.items()}


def _reliability(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> tuple[tuple[float, float, int], ...]:
    place = np.clip((confidence * BINS).astype(int), 0, BINS - 1)
    count = np.bincount(place, minlength=BINS)
    mean = np.bincount(place, weights=confidence.astype(np.float64), minlength=BINS)
    hits = np.bincount(place, weights=right.astype(np.float64), minlength=BINS)
    return tuple((float(m / c), float(h / c), int(c)) for m, h, c in zip(mean, hits, count, strict=True) if c)


def _calibration_error(reliability: tuple[tuple[float, float, int], ...]) -> float | None:
    """Expected calibration error (Guo et al., ICML 2017)."""
    total = sum(count for _, _, count in reliability)
    return None if total == 0 else sum(abs(mean - right) * count for mean, right, count in reliability) / total


@dataclass(frozen=True)
class IntervalScore:
    """Whether stated intervals of lithium's share hold the truth.

    Parameters
    ----------
    blocks : int
        Blocks that were compared.
    inside : float
        Share of them whose 95 % interval holds the true share; dimensionless.
    mean_error, error_std : float
        Mean and standard deviation of found less true share, dimensionless.
    stated_std : float
        Root mean square of the stated standard deviations, dimensionless.
    """

    blocks: int
    inside: float
    mean_error: float
    error_std: float
    stated_std: float


def score_intervals(
    found: NDArray[np.float64], std: NDArray[np.float64], true: NDArray[np.float64]
) -> IntervalScore | None:
    """Compare shares of blocks and their standard deviations with true ones.

    Parameters
    ----------
    found, std, true : array
        Share of lithium in each block, its stated standard deviation, and the true share, of one shape,
        dimensionless; blocks in which one is not finite are left out.

    Returns
    -------
    IntervalScore or None
        None where no block is left.
    """
    known = np.isfinite(found) & np.isfinite(std) & np.isfinite(true)
    if not known.any():
        return None
    error, stated = (found - true)[known], std[known]
    return IntervalScore(
        blocks=int(error.size),
        inside=float((np.abs(error) <= CONFIDENCE * stated).mean()),
        mean_error=float(error.mean()),
        error_std=float(error.std()),
        stated_std=float(np.sqrt((stated**2).mean())),
    )


def worst_slices(labels: NDArray[np.uint8], truth: NDArray[np.uint8], *, count: int = 4) -> list[int]:
    """Return the slices with the most wrong voxels, away from surfaces.

    Parameters
    ----------
    labels, truth : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, or 255.
    count : int
        Slices wanted.

    Returns
    -------
    list of int
        The worst first.
    """
    wrong = (labels != truth) & (truth != NOT_LABELLED) & (labels != NOT_LABELLED)
    gross = wrong & ~dilate(~wrong, 1)
    order = np.lexsort((-wrong.sum(axis=(1, 2)), -gross.sum(axis=(1, 2))))
    return [int(z) for z in order[:count]]
