"""The ways of telling phases that the segmentation benchmark compares, and what a run makes of their labels."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.held_out_cells import CONTROLS, FILMS, Case
from xelith.materials import Phase
from xelith.metrology.survey import survey_labels
from xelith.segmentation.evaluation import iou_table
from xelith.segmentation.forest import label_from_scribbles
from xelith.segmentation.prediction import Predictor
from xelith.segmentation.preparation import prepare
from xelith.segmentation.thresholds import Thresholds, apply
from xelith.segmentation.unet import Reference, Weights

BOTH, XENON = ("argon", "xenon"), ("xenon",)
DISCS = 25
"""Discs of true labels that the forest is given of each phase, 0.2 % of the voxels in all."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a method says of a case.

    Parameters
    ----------
    labels : (n_z, n_y, n_x) array of uint8
        Values of `Phase`, straight from the method.
    run : (n_z, n_y, n_x) array of uint8 or None
        The same as a run leaves them: specks taken out, surfaces where the scan has them.
    lithium : (n_z, n_y, n_x) array of float32 or None
        Share of lithium in each voxel, as a run measures the film by.
    confidence : (n_z, n_y, n_x) array of float32 or None
        Probability of the labels.
    separability : dict
        Pair of phases to d' and verdict of the gate.
    """

    labels: NDArray[np.uint8]
    run: NDArray[np.uint8] | None = None
    lithium: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None
    separability: dict[str, list[float | str | None]] | None = None


def prepared(case: Case, scans: tuple[str, ...]) -> Thresholds:
    """Measure in the scans what a run measures before it labels."""
    volumes = {gas: case.volumes[gas] for gas in scans}
    expected = {gas: case.expected[gas] for gas in scans}
    return prepare(volumes, case.layout, voxel_um=case.voxel_um, expected=expected)


def physics(case: Case, thresholds: Thresholds) -> Found:
    """Label by the physics thresholds, as a run does without a network."""
    scans = thresholds.scans
    pair = [case.volumes[gas] if gas in scans else None for gas in BOTH]
    labels, lithium = apply(thresholds, *pair, 0)
    gate = {
        f"{c.first.name.lower()} and {c.second.name.lower()}": [c.d_prime, c.verdict]
        for c in thresholds.separability
        if set(c.scans) == set(scans)
    }
    return Found(labels, labels, lithium, separability=gate)


def network(case: Case, weights: Weights, thresholds: Thresholds | None) -> Found:
    """Label by a network; where the scans could be prepared, also as a run does."""
    references = {}
    for gas in weights.scans:
        light = case.expected[gas][Phase.CARBON if gas == "argon" else Phase.VOID].mu_per_cm
        volume = case.volumes[gas]
        dense = volume[volume > 0.4 * case.expected[gas][Phase.ELECTROLYTE].mu_per_cm]
        references[gas] = Reference(light, max(float(np.median(dense)), 3 * light))
    labels, confidence = Predictor(weights, references).tile([case.volumes[gas] for gas in weights.scans])
    if thresholds is None:
        return Found(labels, confidence=confidence)
    pair = [case.volumes[gas] if gas in weights.scans else None for gas in BOTH]
    run, lithium = apply(thresholds, *pair, 0, phases=labels)
    return Found(labels, run, lithium, confidence)


def global_thresholds(case: Case) -> Found:
    """Label the xenon scan by the global thresholds that are best for this very cell, chosen with its truth."""
    mu, learnable = case.volumes["xenon"], case.learnable
    centres = [Phase.LITHIUM, Phase.VOID, Phase.CARBON, Phase.ELECTROLYTE, Phase.COLLECTOR]
    seen = [case.known & (learnable == p) for p in centres]
    levels = [float(np.median(mu[mask])) if mask.any() else np.nan for mask in seen]
    order = [i for i in np.argsort(levels) if np.isfinite(levels[i])]
    edges = [(levels[a] + levels[b]) / 2 for a, b in pairwise(order)]
    return Found(np.array([centres[i] for i in order], np.uint8)[np.digitize(mu, edges)])


def forest(case: Case, seed: int) -> Found:
    """Label by a random forest on both scans from 0.2 % of the true labels, in discs."""
    rng, labels = np.random.default_rng(seed), case.learnable
    scribbles = np.full(labels.shape, 255, np.uint8)
    for phase in np.unique(labels[labels != 255]):
        places = np.argwhere(labels == phase)
        for z, y, x in places[rng.integers(0, len(places), DISCS)]:
            cut = (z, slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2))
            scribbles[cut] = labels[cut]
    found = label_from_scribbles(list(case.volumes.values()), scribbles)
    return Found(found.labels, confidence=found.confidence)


def score(case: Case, found: Found) -> dict[str, object]:
    """Return all that the tables need of a method on a case."""
    exact = case.truth.labels
    both, either = iou_table(np.where(case.known, found.labels, np.uint8(255)), exact)
    row: dict[str, object] = {"both": both.tolist(), "either": either.tolist(), "film_true_um": case.film_um}
    row["lithium_um"] = _lithium_um(case, found.labels)
    row["lithium_true_um"] = _lithium_um(case, exact)
    row["right"] = float((found.labels == exact)[case.known].mean())
    if found.run is not None:
        row["run_lithium_um"] = _lithium_um(case, found.run)
    if case.name in (*FILMS, *CONTROLS):
        row["straight"] = _measured(case, found.labels, None)
    if found.run is not None and case.name in (*FILMS, *CONTROLS):
        row["run"] = _measured(case, found.run, None)
    if found.run is not None and case.name in FILMS:
        row["shares"] = _measured(case, found.run, found.lithium)
    if found.confidence is not None:
        row["confidence"] = float(found.confidence[case.known].mean())
    if found.separability is not None:
        row["separability"] = found.separability
    return row


def _measured(case: Case, labels: NDArray[np.uint8], lithium: NDArray[np.float32] | None) -> dict[str, object]:
    """Film and penetration by the functions that a run measures them with."""
    try:
        survey = survey_labels(labels, voxel_um=case.voxel_um, axis=0, anode="low", mask=case.inside, fractions=lithium)
    except ValueError as error:
        return {"refused": str(error)}
    depth = survey.penetration
    return {
        "film_um": survey.deposit.mean_thickness_um,
        "depth_voxels": None if depth is None else depth.max_depth_um / case.voxel_um,
        "in_electrolyte_um": survey.in_electrolyte_um,
        "isolated_um": survey.isolated_um,
    }


def _lithium_um(case: Case, labels: NDArray[np.uint8]) -> float:
    """Mean lithium per column of the electrode, in µm."""
    return float((labels == Phase.LITHIUM).sum(axis=0)[case.inside].mean() * case.voxel_um)
