"""What each correction does to grey values: a fault without the step, with it, and the step on a scan without fault.

Run `python benchmarks/corrections.py`; it writes a table in Markdown to standard output, and with
`--dendrite FILE OUT` the picture of a dendrite before and after its rings are taken out. The object is a cell of µ
8 cm^-1 with six voids in a tube, on the axis, 192 columns of 10 µm, 240 views over half a turn, 6 rows, exact line
integrals averaged over each pixel, no noise.
"""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from xelith.materials import MATERIALS, Gas, tube
from xelith.pipeline.chain import correct_block, reconstruct_slab
from xelith.pipeline.config import Region
from xelith.pipeline.fields import open_fields
from xelith.pipeline.selection import select
from xelith.pipeline.steps import (
    Air,
    BadPixels,
    Deblur,
    DynamicFlats,
    FlatField,
    FourierFbp,
    GlareFloor,
    HalfAcquisition,
    Hardening,
    PhaseRetrieval,
    Rings,
    Shifts,
    Step,
    Truncation,
    Zingers,
)
from xelith.reconstruction.hardening import Linearisation, linearisation
from xelith.scans.geometry import ParallelBeam
from xelith.scans.scan import Scan

N, VIEWS, ROWS, PIXEL_UM, MU = 192, 240, 6, 10.0, 8.0
FLAT, DARK = 30_000.0, 200.0
SHAPE = (VIEWS, ROWS, N)
CELL_PX, TUBE_PX, TUBE_MU = 50.0, 80.0, 0.9
VOIDS = [(30 * math.cos(k), 30 * math.sin(k), 5.0 + k % 3) for k in range(6)]
END = FourierFbp(window="shepp-logan")
rng = np.random.default_rng(0)


@dataclass(frozen=True)
class Case:
    """A fault, the step against it, and what the fault-free scan is compared with."""

    name: str
    reference: str
    fault: str
    step: Step
    scan: Scan
    clean: Scan
    hardening: Linearisation | None = None
    truth: np.ndarray | None = None
    without: tuple[Step, ...] = field(default_factory=tuple)


def theta_of(views: int = VIEWS, degrees: float = 180.0) -> np.ndarray:
    return np.deg2rad(degrees) * np.arange(views) / views


def depth_of(
    theta: np.ndarray, *, n: int = N, centre_px: float | None = None, scale: float = 1.0, drift: Any = 0.0
) -> np.ndarray:
    """(n_theta, n, 8) line integrals at eight places across each pixel."""
    centre = (N - 1) / 2 if centre_px is None else centre_px
    s = ((np.arange(n * 8) + 0.5) / 8 - 0.5 - centre)[None] - np.broadcast_to(drift, theta.shape)[:, None]
    tube = [np.sqrt(np.clip(r**2 - s**2, 0, None)) for r in (TUBE_PX, CELL_PX)]
    total = 2 * TUBE_MU * (tube[0] - tube[1]) + 2 * MU * tube[1]
    for x, y, radius in VOIDS:
        off = s - (x * np.cos(theta) + y * np.sin(theta))[:, None]
        total -= 2 * MU * np.sqrt(np.clip(radius**2 - off**2, 0, None))
    return (scale * PIXEL_UM * 1e-4 * total).reshape(len(theta), n, 8)


def light_of(theta: np.ndarray, **options: Any) -> np.ndarray:
    """(n_theta, ROWS, n) transmission."""
    return np.repeat(np.exp(-depth_of(theta, **options)).mean(axis=2)[:, None], ROWS, axis=1)


def scan_of(
    light: np.ndarray, *, beam: Any = FLAT, flats: Any = None, theta: np.ndarray | None = None, **parts: Any
) -> Scan:
    """Counts behind the object, without noise."""
    size = light.shape[1:]
    known: dict[str, Any] = {
        "projections": (DARK + beam * light).astype(np.float32),
        "flats": (DARK + (np.full((4, *size), FLAT) if flats is None else flats)).astype(np.float32),
        "darks": np.full((2, *size), DARK, np.float32),
        "theta": theta_of() if theta is None else theta,
        "geometry": ParallelBeam(PIXEL_UM, (N - 1) / 2),
    }
    return Scan(**(known | parts))


def reconstructed(scan: Scan, steps: Sequence[Step], table: Linearisation | None = None) -> np.ndarray:
    """Middle slices of a scan after its steps."""
    chosen = select(scan.shape, Region())
    first = tuple(s for s in steps if s.reads.value == "projections")
    fields = replace(open_fields(scan, chosen, first), hardening=table)
    frames = chosen.read(scan.projections, 0, scan.shape[0])
    integrals = correct_block(frames, fields, (FlatField(), *first), first_view=0).integrals
    last = tuple(s for s in steps if s.reads.value == "sinograms")
    volume = reconstruct_slab(
        np.ascontiguousarray(np.swapaxes(integrals, 0, 1)),
        np.asarray(scan.theta),
        (*last, END),
        centre_px=float(scan.geometry.centre_px or 0.0),
        voxel_um=PIXEL_UM,
        threads=2,
    )
    return np.asarray(volume)[1:-1]


def core(n: int) -> np.ndarray:
    y, x = np.ogrid[:n, :n]
    return np.hypot(x - (n - 1) / 2, y - (n - 1) / 2) < CELL_PX - 4


def compared(volume: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Change of the core's mean, and root mean square difference inside it, in per cent of its mean."""
    n = min(volume.shape[1], truth.shape[1])
    cut = [v[:, (v.shape[1] - n) // 2 :][:, :n, (v.shape[2] - n) // 2 :][:, :, :n] for v in (volume, truth)]
    inside = [c[:, core(n)] for c in cut]
    level = float(inside[1].mean())
    return 100 * (float(inside[0].mean()) / level - 1), 100 * float(
        np.sqrt(((inside[0] - inside[1]) ** 2).mean())
    ) / level


def wavy(period: float) -> np.ndarray:
    return np.broadcast_to(np.sin(np.arange(N) / period), (ROWS, N))


def cases() -> list[Case]:
    """Every correction with a fault of a realistic size."""
    theta = theta_of()
    light = light_of(theta)
    clean = scan_of(light)
    found: list[Case] = []

    def add(name: str, reference: str, fault: str, step: Step, scan: Scan, **more: Any) -> None:
        found.append(Case(name, reference, fault, step, scan, more.pop("clean", clean), **more))

    growth = 1 + 0.1 * (theta / np.pi - 0.5)[:, None, None] * wavy(20.0)
    flats = FLAT * np.concatenate([np.repeat((1 + 0.1 * a * wavy(20.0))[None], 2, 0) for a in (-0.5, 0.5)])
    places = np.array([0, 0, VIEWS, VIEWS])
    add("flats before and after", "linear in time", "profile of the beam turns by 10 %", FlatField(),
        scan_of(light * growth, flats=flats, flat_positions=places),
        truth=reconstructed(scan_of(light * growth, flats=flats), ()))  # fmt: skip
    add("`air`", "", "beam flickers by 3 %", Air(columns=((0, 12), (N - 12, N))),
        scan_of(light * (1 + 0.03 * rng.standard_normal((VIEWS, ROWS, 1)))))  # fmt: skip
    stripes = 0.05 * wavy(3.0)
    modes = FLAT * (1 + rng.standard_normal((24, 1, 1)) * stripes)
    beam = FLAT * (1 + rng.standard_normal((VIEWS, 1, 1)) * stripes)
    changing = scan_of(light, beam=beam, flats=modes)
    add("`dynamic-flats`", "Van Nieuwenhove 2015", "stripes of the beam change by 5 %", DynamicFlats(), changing)
    hot = np.full((2, ROWS, N), DARK)
    hot[:, 3, 90] += 0.4 * FLAT
    counts = DARK + FLAT * light
    counts[:, 3, 90] *= 1.3
    add("`bad-pixels`", "", "a pixel whose offset grew by 40 % of the beam", BadPixels(hot=0.3),
        scan_of(light, darks=hot.astype(np.float32), projections=counts.astype(np.float32)))  # fmt: skip
    spots = light.copy()
    spots[tuple(rng.integers(0, k, 600) for k in SHAPE)] += 2.0
    add("`zingers`", "", "600 samples of 276 480 twice the beam too bright", Zingers(), scan_of(spots))
    drift = 3.0 * (np.arange(VIEWS) / (VIEWS - 1) - 0.5)
    add("`shifts`", "", "sample drifts by 3 px", Shifts(drift_px=(0.0, 3.0)), scan_of(light_of(theta, drift=drift)))
    add("`floor`", "", "glare of 1 %", GlareFloor(share=0.01 / 1.01), scan_of((light + 0.01) / 1.01))
    f = np.fft.fftfreq(N)
    add("`deblur`", "Wiener", "blur of 1 px (std)", Deblur(sigma_px=1.0, noise=0.05),
        scan_of(filtered(light, np.exp(-2 * (math.pi * f) ** 2))))  # fmt: skip
    ratio, distance = 250.0, 20.0
    area = distance * 1e3 * 1.23984198e-3 / 25 * ratio / (4 * math.pi) / PIXEL_UM**2
    add("`phase`", "Paganin 2002", "fringes of delta / beta 250 at 25 keV, 20 mm",
        PhaseRetrieval(delta_beta=ratio, distance_mm=distance, energy_kev=25.0),
        scan_of(filtered(light, 1 + area * (2 * math.pi * f) ** 2)))  # fmt: skip
    spectrum, solid = tube("Mo", 44, filters=[("Al", 0.2)]), MATERIALS["li6ps5cl"]
    path = np.linspace(0, 0.2, 400)
    hard = -np.log(np.exp(-np.multiply.outer(path, solid.mu_per_cm(spectrum.energy_kev))) @ spectrum.photons)
    table = linearisation(spectrum, solid)
    polychromatic = np.exp(-np.interp(depth_of(theta) / table.mu_ref_per_cm, path, hard)).mean(axis=2)[:, None]
    add("`hardening`", "Herman 1979", "Mo tube at 44 kV", Hardening(),
        scan_of(np.repeat(polychromatic, ROWS, axis=1)), hardening=table)  # fmt: skip
    gas = Gas("xenon", 6.0)
    line = -math.log(float(np.exp(-0.1 * gas.mu_per_cm(spectrum.energy_kev)) @ spectrum.photons))
    print(f"xenon of 6 atm beside the cell: a line integral of {line:.3f} per mm in this beam\n", file=sys.stderr)
    gain = 1 + 0.02 * rng.standard_normal(N)
    for step, label in (
        (Rings(), "column mean"),
        (Rings(method="sorting"), "Vo 2018"),
        (Rings(method="all"), "Vo 2018"),
        (Rings(method="wavelet"), "Münch 2009"),
        (Rings(method="wavelet", levels=6), "Münch 2009"),
    ):
        levels = f" {step.levels} levels" if step.method == "wavelet" else ""
        add(
            f"`rings` {step.method}{levels}", label, "gain of each column off by 2 % (std)", step, scan_of(light * gain)
        )
    wide = np.ones(N)
    wide[100:118] = 1.5
    add("`rings` large", "Vo 2018", "18 columns 50 % too bright", Rings(method="large", snr=1.5), scan_of(light * wide))
    stuck = light.copy()
    stuck[:, :, 120] = 0.5
    add("`rings` dead", "Vo 2018", "one column stuck at 0.5", Rings(method="dead"), scan_of(stuck))
    full = theta_of(2 * VIEWS, 360.0)
    near = scan_of(light_of(full, n=110, centre_px=14.3), theta=full, geometry=ParallelBeam(PIXEL_UM, 14.3))
    add("`half-acquisition`", "", "axis 14 columns from the edge of 110", HalfAcquisition(), near,
        truth=reconstructed(clean, ()))  # fmt: skip
    cut = scan_of(light_of(theta, n=128, centre_px=63.5), geometry=ParallelBeam(PIXEL_UM, 63.5))
    add("`truncation`", "Hsieh 2004", "view of 128 columns, tube of 160",
        Truncation(outer_diameter_mm=2e-3 * TUBE_PX * PIXEL_UM, mu_per_cm=TUBE_MU), cut,
        truth=reconstructed(clean, ()))  # fmt: skip
    return found


def filtered(light: np.ndarray, transfer: np.ndarray) -> np.ndarray:
    return np.asarray(np.fft.ifft(np.fft.fft(light, axis=2) * transfer, axis=2).real)


def table_of(found: list[Case], write: Callable[[str], Any]) -> None:
    """One line a correction; means and root mean squares in per cent of the core's µ."""
    write("| step | method | fault | mean, rms without | mean, rms with | mean, rms it costs a clean scan |")
    write("|---|---|---|---|---|---|")
    for case in found:
        clean = reconstructed(case.clean, ())
        truth = clean if case.truth is None or case.name.startswith("flats") else case.truth
        steps = () if case.name.startswith("flats") else (case.step,)
        mended = compared(reconstructed(case.scan, steps, case.hardening), truth)
        if case.name.startswith("flats") and case.truth is not None:
            plain: tuple[float, float] | None = compared(case.truth, clean)
        else:
            plain = compared(reconstructed(case.scan, ()), truth)
        odd = isinstance(case.step, HalfAcquisition | Truncation | Hardening | PhaseRetrieval | FlatField | GlareFloor)
        unharmed = isinstance(case.step, Shifts | Deblur)
        cost = None if odd or unharmed else compared(reconstructed(case.clean, (case.step,)), clean)
        cells = ["" if v is None else f"{v[0]:+.2f}, {v[1]:.2f} %" for v in (plain, mended, cost)]
        write(f"| {case.name} | {case.reference} | {case.fault} | {' | '.join(cells)} |")


def dendrite(source: Path, target: Path) -> None:
    """Draw the slice of a dendrite before and after its rings are taken out."""
    import imageio.v3 as iio

    from xelith.reconstruction import rings
    from xelith.reconstruction.fourier import fourier_fbp
    from xelith.scans import open_scan

    scan = open_scan(source)
    sinogram = np.ascontiguousarray(np.swapaxes(scan.projections[:], 0, 1)) / 1000
    pictures = []
    for values in (sinogram, rings.remove_mean(sinogram), rings.remove_wavelet(sinogram, levels=6)):
        image = fourier_fbp(values, scan.theta, centre_px=628.58, voxel_um=1.0, window="hann")[0]
        n = image.shape[0]
        low, high = np.percentile(image[n // 4 : 3 * n // 4, n // 4 : 3 * n // 4], [1, 99.5])
        pictures.append(np.clip((image - low) / (high - low), 0, 1)[220:1040:3, 220:1040:3])
    iio.imwrite(target, (255 * np.hstack(pictures)).astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dendrite", nargs=2, type=Path, metavar=("FILE", "OUT"))
    chosen = parser.parse_args()
    if chosen.dendrite:
        dendrite(*chosen.dendrite)
        return
    table_of(cases(), lambda line: sys.stdout.write(line + "\n"))


if __name__ == "__main__":
    main()
