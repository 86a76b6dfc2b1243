"""FDK on the two cone-beam scans whose truth is known: a barrel by formula, a tetrahedron by its mesh."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage, optimize

from xelith.reconstruction.fdk import fdk
from xelith.scans.geometry import ConeBeam

pytestmark = pytest.mark.data


def test_barrel_has_its_density(data_dir):
    """AXITOM: one view of a cylinder of 1 per mm, rotation axis along the array's second axis."""
    view = np.load(data_dir / "conebeam/axitom_barrel/barrel_projections_axisym.npy").T.astype(np.float32)
    columns = np.arange(500)
    centre_px = float((view * columns).sum() / view.sum())  # every view is the same: its middle is the axis
    assert centre_px == pytest.approx(248.3, abs=0.1)
    beam = ConeBeam(800.0, 76.7192516326904, 1127.464, centre_px, 249.5)
    n_theta = 120
    theta = np.arange(n_theta) * 2 * np.pi / n_theta
    projections = np.broadcast_to(view, (n_theta, *view.shape))
    for z_range in ((246, 254), (60, 64), (436, 440)):
        density_per_mm = fdk(projections, theta, beam, z_range=z_range) / 10
        y, x = np.indices(density_per_mm.shape[1:]) - 249.5
        radius_mm = np.hypot(y, x) * 0.8 / beam.magnification
        inside = radius_mm < 0.9 * 0.7 * 250 * 0.8 / 14.696
        # 0.003 is what a plain FDK reaches; the line integrals themselves are 0.0026 above the formula
        assert abs(density_per_mm[:, inside] - 1).mean() < 0.004


def tetrahedron(folder):
    """Line integrals, angles and beam as the scenario defines them, and the mesh in the volume's frame.

    The source is the lab's origin; its central ray runs along X, the stage turns about Z (its w). The
    detector's u is -Y and its v = w x u = -Z. With phi the angle of a stage that turns counter-clockwise,
    a point (a, b, c) of the stage is seen at u = -(a sin phi + b cos phi), depth a cos phi - b sin phi
    and v = -c. The volume's frame has u = x cos theta + y sin theta and depth -x sin theta + y cos theta,
    so theta = -phi (direction -1), x = -b, y = a, z = -c. A sample's centre is that of its bounding box.
    """
    scenario = json.loads((folder / "tetra.json").read_text())
    place = {name: scenario["geometry"][name] for name in ("source", "stage", "detector")}
    where = {name: np.array([part["center"][k]["value"] for k in "xyz"]) for name, part in place.items()}
    pitch_mm = scenario["detector"]["pixel_pitch"]["u"]["value"]
    assert scenario["acquisition"]["direction"] == "CCW"
    beam = ConeBeam(
        pitch_mm * 1000,
        float(np.linalg.norm(where["stage"] - where["source"])),
        float(np.linalg.norm(where["detector"] - where["source"])),
        centre_px=(150 - 1) / 2,
        direction=-1,
    )
    raw = folder / "projections"
    counts = np.fromfile(raw / "tetra_projections.raw", "<u2").reshape(21, 150, 150).astype(np.float64)
    flat = np.mean([np.fromfile(raw / f"tetra_flat_000{k}.raw", "<u2").reshape(150, 150) for k in (0, 1, 2)], 0)
    dark = np.fromfile(raw / "tetra_dark.raw", "<u2").reshape(150, 150)
    integrals = -np.log((counts - dark) / (flat - dark))
    content = (folder / "tetra.stl").read_bytes()[84:]
    facets = np.frombuffer(content, np.dtype([("n", "<f4", 3), ("v", "<f4", (3, 3)), ("a", "<u2")]))["v"]
    middle = (facets.min((0, 1)) + facets.max((0, 1))) / 2
    position = scenario["samples"][0]["position"]["center"]
    stage = facets.astype(np.float64) - middle + [position[k]["value"] for k in "uvw"]
    mesh = np.stack([-stage[..., 1], stage[..., 0], -stage[..., 2]], axis=-1)
    return integrals.astype(np.float32), np.linspace(0, 2 * np.pi, 21), beam, mesh


def voxelise(mesh, voxel_mm, n, samples=4):
    """Share of every voxel (z, y, x) inside the mesh: exact along z, by samples in x and y."""
    fine = (np.arange(n * samples) + 0.5) / samples - 0.5
    filled = np.zeros((n * samples, n * samples, n), np.float32)
    for (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) in mesh / voxel_mm + (n - 1) / 2:
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        i = np.flatnonzero((fine >= min(x0, x1, x2)) & (fine <= max(x0, x1, x2)))
        j = np.flatnonzero((fine >= min(y0, y1, y2)) & (fine <= max(y0, y1, y2)))
        if abs(area) < 1e-9 or i.size == 0 or j.size == 0:
            continue
        x, y = fine[i][None], fine[j][:, None]
        b = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / area
        c = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / area
        hit_j, hit_i = np.nonzero((b >= 0) & (c >= 0) & (b + c < 1))
        height = z0 + b[hit_j, hit_i] * (z1 - z0) + c[hit_j, hit_i] * (z2 - z0)
        below = np.clip(height[:, None] - (np.arange(n) - 0.5), 0, 1)
        filled[j[hit_j], i[hit_i]] += np.sign(area) * below
    return abs(filled.reshape(n, samples, n, samples, n).mean((1, 3))).transpose(2, 0, 1)


def edges(mesh):
    """Ends (in mm) of the mesh's long edges; the four inside the metal, where six facets meet, are left out."""
    corners = np.unique(mesh.reshape(-1, 3).round(2), axis=0)
    kept = [corners[0]]
    kept += [c for k, c in enumerate(corners[1:]) if np.abs(corners[: k + 1] - c).max(1).min() > 0.02]
    nodes = np.array(kept)
    index = np.linalg.norm(mesh[:, :, None] - nodes, axis=-1).argmin(-1)
    sides: dict[tuple[int, int], list] = {}
    for a, b, c in index:
        normal = np.cross(nodes[b] - nodes[a], nodes[c] - nodes[a])
        if (size := np.linalg.norm(normal)) > 0.05:  # not a sliver
            for pair in ((a, b), (b, c), (c, a)):
                sides.setdefault((min(pair), max(pair)), []).append(normal / size)
    return [
        (nodes[a], nodes[b])
        for (a, b), normals in sides.items()
        if len(normals) < 6 and np.linalg.norm(nodes[a] - nodes[b]) > 5
        and not (len(normals) == 2 and normals[0] @ normals[1] > np.cos(np.radians(15)))
    ]  # fmt: skip


def shift_of_edge(volume, solid, start, stop):
    """Shift across the edge, in voxels, at which the volume looks most like the voxelised mesh."""
    length = np.linalg.norm(stop - start)
    along = (stop - start) / length
    first = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    first /= np.linalg.norm(first)
    second = np.cross(along, first)
    s, p, q = np.meshgrid(np.arange(3, length - 3, 0.7), *[np.arange(-3, 3.1, 0.5)] * 2, indexing="ij")
    places = start[:, None] + sum(np.outer(d, k.ravel()) for d, k in ((along, s), (first, p), (second, q)))
    seen = ndimage.map_coordinates(volume, places, order=1)

    def unlike(shift):
        moved = places - (first * shift[0] + second * shift[1])[:, None]
        return -np.corrcoef(ndimage.map_coordinates(solid, moved, order=1), seen)[0, 1]

    simplex = [[0, 0], [0.5, 0], [0, 0.5]]
    found = optimize.minimize(
        unlike, [0, 0], method="Nelder-Mead", options={"xatol": 0.02, "fatol": 1e-4, "initial_simplex": simplex}
    )
    return float(np.hypot(*found.x)), -found.fun


def test_tetrahedron_has_its_edges_where_the_mesh_has_them(data_dir):
    projections, theta, beam, mesh = tetrahedron(data_dir / "conebeam/ctsimu_tetrahedron")
    voxel_mm = 0.975
    volume = fdk(projections, theta, beam)
    solid = voxelise(mesh, voxel_mm, 150)
    backwards = fdk(projections, theta, replace(beam, direction=1))
    likeness = [np.corrcoef(v.ravel(), solid.ravel())[0, 1] for v in (volume, volume[::-1], volume[:, ::-1], backwards)]
    assert likeness[0] > 0.6  # 20 views: streaks
    assert max(likeness[1:]) < 0.3  # the frame is its own image in x, in nothing else
    long_edges = edges(mesh)
    assert len(long_edges) == 30
    shifts = [shift_of_edge(volume, solid, *(end[::-1] / voxel_mm + 74.5 for end in edge)) for edge in long_edges]
    assert max(shift for shift, _ in shifts) < 1.0
    assert np.median([shift for shift, _ in shifts]) < 0.25
    assert min(likeness for _, likeness in shifts) > 0.85
    amount = float(volume[solid > 0.99].mean())
    assert amount == pytest.approx(1.875, rel=0.1)  # iron at 130 keV, in struts of three voxels
