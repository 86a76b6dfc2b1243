"""Learn from a scan, once, what its slabs need to be labelled: surfaces, bore, levels, noise, separability."""

import logging
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, to_host
from ..materials import Phase
from .bore import Bore, check_bore, find_bore, outer_radius
from .calibration import Reference, calibrate
from .collector_lean import shadow, upright
from .contrast import Contrast, contrast_table
from .exchange import check_gases, gas_doubt
from .layout import CellLayout, End
from .levels import Levels, robust_std
from .light_rows import LEAST_ROWS, lightest_rows, reaches_collector, row_choices, sample_rows, settle_levels
from .references import WALL_VOXELS, Expected, counter_row, deep_rows, find_references, mean_plane, planes
from .surfaces import (
    Surface,
    collector_surface_from_transmission,
    dense_surface,
    profile_from_volume,
    row_profile,
)
from .thresholds import Thresholds
from .unmixing import shares

logger = logging.getLogger(__name__)

LIGHTEST_DENSE = 6.0
"""A starved collector reads so many times too little at most; µ in mm^-1 is ten times too small."""


def prepare(
    volumes: Mapping[str, Array],
    layout: CellLayout,
    *,
    voxel_um: float,
    expected: Mapping[str, Expected],
    transmission: Mapping[str, Array] | None = None,
) -> Thresholds:
    """Measure in a scan, or in an argon and xenon pair, all that labelling its slabs needs.

    Parameters
    ----------
    volumes : mapping of str to (n_z, n_y, n_x) array
        µ in cm^-1 under the names "argon" and "xenon", one or both, registered to one grid. They are sliced,
        never read whole.
    layout : CellLayout
        Phases of the cell and their order.
    voxel_um : float
        Edge of a voxel, in µm.
    expected : mapping of str to mapping of Phase to ExpectedMu
        For each scan what `expected_mu` says, void (the gas) included.
    transmission : mapping of str to (n_rows, n_cols) array, optional
        For each scan the transmission, mean over the views, rows as those of the volumes. Without it surfaces
        are sought in rays through the volume itself.

    Returns
    -------
    Thresholds
        For `apply`.

    Raises
    ------
    ValueError
        If no scan or an unknown one is given, grids differ, or µ is in wrong units.
    """
    scans = _checked(volumes, expected, layout)
    if not 0 < voxel_um < np.inf:
        raise ValueError(f"the voxel is {voxel_um:g} µm; give more than 0 µm")
    n_z, n_y, n_x = volumes[scans[0]].shape
    given_px = None if layout.inner_diameter_um is None else layout.inner_diameter_um / voxel_um
    guess = Bore((n_y - 1) / 2, (n_x - 1) / 2, min(given_px or 0.8 * n_x, min(n_y, n_x)) / 2)
    profiles = _profiles({s: volumes[s] for s in scans}, guess, voxel_um, transmission)
    images = [None if transmission is None else transmission[s] for s in scans]
    collector = _collector(layout, profiles, images, voxel_um)
    electrolyte = _electrolyte(layout, profiles, collector, expected, 2e-4 * guess.radius_px * voxel_um)
    electrolyte = _at_collector(volumes[scans[0]], profiles[0], guess, collector, electrolyte, expected[scans[0]])
    if electrolyte is None and layout.has_electrolyte:
        _check_dense(volumes[scans[0]], profiles[0], guess, collector, expected[scans[0]])
    bore = _bore(volumes[scans[0]], electrolyte, guess, given_px, expected[scans[0]], voxel_um)
    choices = row_choices(n_z, collector, electrolyte)
    rows = choices[0] if choices else lightest_rows(profiles[0], collector)
    bore = _with_outer_radius(volumes, scans, rows, bore)
    seen = find_references({s: volumes[s] for s in scans}, expected, rows, electrolyte, bore)
    draft = Thresholds(layout, voxel_um, bore, collector, electrolyte, {s: {} for s in scans}, {}, {}, 0.0)
    start = {s: _start(expected[s], seen[s]) for s in scans}
    draft = replace(draft, counter_row=_counter(volumes[scans[0]], electrolyte, bore, seen[scans[0]]))
    dense_noise = {s: _dense_noise(volumes[s], electrolyte, draft) for s in scans if electrolyte}
    halfway = _halfway(start[scans[0]], seen[scans[0]])
    rows, found, note = settle_levels(
        {s: volumes[s] for s in scans},
        choices,
        bore,
        start,
        halfway=halfway,
        phases=draft.light_phases,
        noise_per_cm=dense_noise or dict.fromkeys(scans, 1.0),
    )
    doubt = None
    if rows.size:
        sample = sample_rows({s: volumes[s] for s in scans}, rows, bore, halfway)
        check_gases(sample, expected, sigma_px=found.smoothing_px)
        doubt = gas_doubt(sample, expected)
    levels = {s: {**start[s], **_dense_level(seen[s]), **found.levels[s]} for s in scans}
    draft = replace(
        draft,
        levels=levels,
        noise_per_cm=found.noise_per_cm,
        dense_noise_per_cm=dense_noise,
        smoothing_px=found.smoothing_px,
        gas_behind_electrolyte=expected[scans[-1]][Phase.VOID].behind_electrolyte,
        separability=_separability(levels, found, draft.light_phases),
        calibration={s: calibrate(list(seen[s].values())) for s in scans},
    )
    depth, roughness = _film(draft, {s: volumes[s] for s in scans}, rows)
    draft = replace(draft, film_depth=depth, film_roughness=roughness)
    return replace(draft, notes=(*_notes(draft, found), *(said for said in (note, doubt) if said is not None)))


def _checked(volumes: Mapping[str, Array], expected: Mapping[str, Expected], layout: CellLayout) -> list[str]:
    unknown = sorted(set(volumes) - {"argon", "xenon"})
    if unknown or not volumes:
        raise ValueError(f"scans are {sorted(volumes)}; give volumes under the names argon, xenon or both")
    scans = [name for name in ("argon", "xenon") if name in volumes]
    shapes = {tuple(volumes[s].shape) for s in scans}
    if len(shapes) > 1:
        raise ValueError(f"volumes have the shapes {sorted(shapes)}; register them to one grid first")
    if len(shape := next(iter(shapes))) != 3 or 0 in shape:
        raise ValueError(f"volumes have the shape {shape}; give (z, y, x) with at least 8 rows")
    for scan in scans:
        lacking = {Phase.VOID, *layout.order} - {Phase.COLLECTOR} - set(expected.get(scan, {}))
        if lacking:
            names = ", ".join(sorted(phase.name.lower() for phase in lacking))
            raise ValueError(f"the expected µ of {names} in {scan} is missing; give their materials")
    return scans


def _profiles(
    volumes: Mapping[str, Array], guess: Bore, voxel_um: float, transmission: Mapping[str, Array] | None
) -> list[NDArray[np.float64]]:
    if transmission is None:
        return [
            profile_from_volume(v, centre_yx=(guess.y, guess.x), radius_px=guess.radius_px, voxel_um=voxel_um)
            for v in volumes.values()
        ]
    for scan, volume in volumes.items():
        if transmission[scan].shape[0] != volume.shape[0]:
            raise ValueError(
                f"the transmission of {scan} has {transmission[scan].shape[0]} rows, the volume "
                f"{volume.shape[0]}; give the same rows"
            )
    return [row_profile(transmission[scan]) for scan in volumes]


def _mean_surface(found: list[Surface]) -> Surface:
    """Weigh the scans' answers by their variance."""
    weight = np.array([s.std**-2 for s in found])
    z = float((weight * [s.z for s in found]).sum() / weight.sum())
    return replace(found[0], z=z, std=float(weight.sum() ** -0.5), guard=max(s.guard for s in found))


def _collector(
    layout: CellLayout, profiles: list[NDArray[np.float64]], images: list[Array | None], voxel_um: float
) -> Surface | None:
    if not layout.has_collector:
        return None
    found = []
    for profile, image in zip(profiles, images, strict=True):
        surface = collector_surface_from_transmission(profile, end=layout.collector_end)
        place = None if surface is None or image is None else shadow(image, surface)
        if surface is not None and place is not None:
            surface = upright(surface, image, centre_px=place[0], radius_px=place[1], voxel_um=voxel_um)
        found += [] if surface is None else [surface]
    return _mean_surface(found) if found else None


def _electrolyte(
    layout: CellLayout,
    profiles: list[NDArray[np.float64]],
    collector: Surface | None,
    expected: Mapping[str, Expected],
    bore_cm: float,
) -> Surface | None:
    if not layout.has_electrolyte:
        return None
    any_scan = next(iter(expected.values()))
    light = max(any_scan[p].high_per_cm for p in any_scan if p in (Phase.LITHIUM, Phase.CARBON, Phase.VOID))
    limit = 0.5 * max(any_scan[Phase.ELECTROLYTE].low_per_cm - light, 0.0) * bore_cm
    found = []
    for profile in profiles:
        end: End = "low" if collector is None or collector.end == "high" else "high"
        starts = _light_starts(profile, collector)
        surfaces = (dense_surface(profile, end=end, start=row, limit=limit) for row in starts)
        surface = next((surface for surface in surfaces if surface is not None), None)
        found += [] if surface is None else [surface]
    return _mean_surface(found) if found else None


def _light_starts(profile: NDArray[np.float64], collector: Surface | None) -> list[int]:
    """Return the lightest row and, as lithium behind the electrolyte may be lighter, the lightest one before it."""
    lightest = int(np.argmax(profile))
    if collector is None:
        return [lightest]
    rows = np.arange(profile.size) if collector.end == "low" else np.arange(profile.size)[::-1]
    way = rows[: int(np.flatnonzero(rows == lightest)[0])]
    way = way[-collector.depth(way) > max(collector.guard, collector.settled)]
    before = way[: int(np.argmin(profile[way]))] if way.size else way
    return [lightest, *([int(before[np.argmax(profile[before])])] if before.size else [])]


def _check_dense(
    volume: Array, profile: NDArray[np.float64], guess: Bore, collector: Surface | None, expected: Expected
) -> None:
    """Where no electrolyte was found: refuse a volume whose densest row is far too light for any dense layer."""
    dense = Phase.ELECTROLYTE if collector is None or Phase.COLLECTOR not in expected else Phase.COLLECTOR
    within = guess.distance(*volume.shape[1:]) < 0.8 * guess.radius_px
    row = int(np.argmin(profile))
    found = float(np.asarray(to_host(volume[row : row + 1]), dtype=np.float64)[0][within].mean())
    if not found * LIGHTEST_DENSE > expected[dense].low_per_cm:
        raise ValueError(
            f"the densest row reads {found:.3g} cm^-1, where {dense.name.lower()} should read "
            f"{expected[dense].low_per_cm:.3g}: check the unit of the volume (µ in cm^-1) and the materials, and that "
            "electrolyte is in view"
        )


def _at_collector(
    volume: Array,
    profile: NDArray[np.float64],
    guess: Bore,
    collector: Surface | None,
    electrolyte: Surface | None,
    expected: Expected,
) -> Surface | None:
    """Let the electrolyte begin at the collector where no row is free of it: lithium then grew inside it."""
    if collector is None or Phase.ELECTROLYTE not in expected:
        return electrolyte
    light = max(expected[p].high_per_cm for p in expected if p in (Phase.LITHIUM, Phase.CARBON, Phase.VOID))
    dense = expected[Phase.ELECTROLYTE].low_per_cm
    if not reaches_collector(volume, profile, guess, light_per_cm=light, dense_per_cm=dense):
        return electrolyte
    end: End = "low" if collector.end == "high" else "high"
    return replace(collector, end=end, light=collector.light, dense=collector.light)


def _bore(
    volume: Array,
    electrolyte: Surface | None,
    guess: Bore,
    given_px: float | None,
    expected: Expected,
    voxel_um: float,
) -> Bore:
    if electrolyte is None:
        logger.warning("no dense layer fills the bore in view; taking a bore of %.1f voxels", 2 * guess.radius_px)
        return replace(guess, source="given" if given_px else "view")
    plane = mean_plane(volume, deep_rows(electrolyte, volume.shape[0]))
    if given_px is not None and Phase.CASING in expected:
        check_bore(
            plane,
            diameter_px=given_px,
            voxel_um=voxel_um,
            electrolyte=expected[Phase.ELECTROLYTE],
            casing=expected[Phase.CASING],
            gas=expected[Phase.VOID],
        )
    return find_bore(plane, diameter_px=given_px)


def _with_outer_radius(volumes: Mapping[str, Array], scans: list[str], rows: NDArray[np.intp], bore: Bore) -> Bore:
    return replace(bore, outer_radius_px=outer_radius(mean_plane(volumes[scans[0]], rows), bore))


def _start(expected: Expected, seen: Mapping[Phase, Reference]) -> dict[Phase, float]:
    """Scale the expected levels by the casing, which hardens like the light phases beside it."""
    casing = seen.get(Phase.CASING)
    scale = 1.0 if casing is None or casing.mu_per_cm <= 0 else casing.grey / casing.mu_per_cm
    return {phase: scale * value.mu_per_cm for phase, value in expected.items()}


def _counter(volume: Array, electrolyte: Surface | None, bore: Bore, seen: Mapping[Phase, Reference]) -> int | None:
    if electrolyte is None or Phase.ELECTROLYTE not in seen:
        return None
    return counter_row(volume, electrolyte, bore, level_per_cm=seen[Phase.ELECTROLYTE].grey)


def _dense_noise(volume: Array, electrolyte: Surface, t: Thresholds) -> float:
    """Noise of a voxel in the electrolyte, from the difference of neighbouring rows."""
    deep = deep_rows(electrolyte, volume.shape[0])
    own = deep[~t.is_counter(deep)]
    deep = own if own.size else deep
    middle = int(deep[deep.size // 2])
    pair = np.asarray(to_host(volume[max(middle - 1, 0) : middle + 1]), dtype=np.float64)
    within = t.bore.distance(*pair.shape[1:]) < t.bore.radius_px - WALL_VOXELS
    return robust_std((pair[-1] - pair[0])[within]) / np.sqrt(2.0)


def _dense_level(seen: Mapping[Phase, Reference]) -> dict[Phase, float]:
    return {Phase.ELECTROLYTE: seen[Phase.ELECTROLYTE].grey} if Phase.ELECTROLYTE in seen else {}


def _halfway(start: Mapping[Phase, float], seen: Mapping[Phase, Reference]) -> float:
    """Half-way from the light phases to the electrolyte, in cm^-1; infinite where there is none."""
    if Phase.ELECTROLYTE not in seen:
        return np.inf
    light = max(start[phase] for phase in start if phase not in (Phase.ELECTROLYTE, Phase.COLLECTOR))
    return 0.5 * (light + seen[Phase.ELECTROLYTE].grey)


def _separability(
    levels: Mapping[str, Mapping[Phase, float]], found: Levels, light: tuple[Phase, ...]
) -> tuple[Contrast, ...]:
    phases = {*light, Phase.LITHIUM, Phase.VOID, Phase.CARBON, Phase.ELECTROLYTE}
    chosen = {s: {p: mu for p, mu in table.items() if p in phases} for s, table in levels.items()}
    return contrast_table(chosen, noise_per_cm=found.smooth_noise_per_cm)


def _film(t: Thresholds, volumes: Mapping[str, Array], rows: NDArray[np.intp]) -> tuple[float | None, float]:
    """Find where lithium's share of the bore falls to half, going away from the collector."""
    if t.collector is None or len(t.light_phases) < 2 or rows.size < LEAST_ROWS:
        return None, 0.0
    n_y, n_x = next(iter(volumes.values())).shape[1:]
    within = t.bore.distance(n_y, n_x) < t.bore.radius_px - WALL_VOXELS
    means = [np.array([plane[within].mean() for plane in planes(v, rows)]) for v in volumes.values()]
    share = shares(t.matrix(*t.light_phases), means)[0]
    depth = -t.collector.depth(rows)
    order = np.argsort(depth)
    share, depth = share[order], depth[order]
    if share[:3].mean() < 0.5:
        return None, 0.0
    below = np.flatnonzero(share < 0.5)
    edge = float(depth[below[0]]) if below.size else float(depth[-1]) + 1.0
    even = np.flatnonzero(share < 0.9)
    return edge, edge - float(depth[even[0]]) if even.size else 0.0


def _notes(t: Thresholds, found: Levels) -> tuple[str, ...]:
    notes = []
    if t.scans == ("xenon",) and t.layout.has_carbon:
        notes.append("void and carbon read alike in xenon: told apart by place, void within the film only")
    if t.scans == ("argon",):
        notes.append("lithium and void read alike in argon: voids are counted as lithium")
    for phase, count in found.counts.items():
        if count == 0 and phase != Phase.VOID:
            notes.append(f"no {phase.name.lower()} was found; its level is the expected one")
    for contrast in t.separability:
        if (
            contrast.scans == t.scans
            and contrast.verdict == "not separable"
            and Phase.LITHIUM in (contrast.first, contrast.second)
        ):
            notes.append(
                f"{contrast.first.name.lower()} and {contrast.second.name.lower()} cannot be separated in this scan"
            )
    notes += [
        f"{scan} is {c.state}: {len(c.references)} references at known places"
        for scan, c in t.calibration.items()
        if c.state != "calibrated"
    ]
    return tuple(notes)
