"""The film's thickness through levels, labels and shares at blurs of 0.5, 1 and 2 voxels, noise-free."""

import numpy as np
import pytest

from xelith.metrology import survey_labels
from xelith.segmentation import CellLayout, apply, prepare


def film_ratio(cell, scans):
    """Film of a survey of the labels of some scans, over the true one."""
    volumes = {scan: cell.volumes[scan] for scan in scans}
    layout = CellLayout(inner_diameter_um=92.0)
    found = prepare(volumes, layout, voxel_um=2.0, expected=cell.expected, transmission=cell.transmission)
    labels, lithium = apply(found, volumes.get("argon"), volumes.get("xenon"), 0)
    survey = survey_labels(labels, voxel_um=2.0, axis=0, anode="high", fractions=lithium, mask=cell.inside)
    known = np.isfinite(survey.thickness_um) & cell.inside
    assert known.sum() > 0.97 * cell.inside.sum()
    return survey.thickness_um[known].mean() / cell.thickness_um[known].mean()


@pytest.mark.parametrize("scans", [("argon", "xenon"), ("xenon",), ("argon",)])
@pytest.mark.parametrize("blur", [0.5, 1.0, 2.0])
def test_the_film_is_as_thick_at_any_blur(small_cell, blur, scans):
    ratios = [film_ratio(small_cell(seed=seed, noise=0.0, blur=blur, voids=0), scans) for seed in (0, 1)]
    assert ratios == pytest.approx([1.0, 1.0], abs=0.015)  # the figure of issue 6; found: 0.0005 and, at 2.0, 0.0055


@pytest.mark.parametrize("scans", [("argon", "xenon"), ("xenon",)])
@pytest.mark.parametrize(("blur", "most"), [(0.5, 0.015), (1.0, 0.015), (2.0, 0.03)])
def test_pores_in_the_film_are_seen_unless_the_blur_is_half_their_width(small_cell, blur, most, scans):
    # six pores 5 to 8 voxels across are 2.6 % of the film; at a blur of 2 voxels (4.7 wide) they pass for lithium
    ratios = [film_ratio(small_cell(seed=seed, noise=0.0, blur=blur), scans) for seed in (0, 1)]
    assert ratios == pytest.approx([1.0, 1.0], abs=most)
