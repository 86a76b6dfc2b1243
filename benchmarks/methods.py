"""Every reconstruction method beside its peers: time, error, bias and memory, in one run.

    python benchmarks/methods.py --page docs/benchmarks/methods.md
    python benchmarks/methods.py --table "few views" --rounds 3
    python benchmarks/methods.py --rtk PYTHON        # an interpreter that has itk-rtk, for the cone

Methods of a table take turns, round after round, in one process, so that a busy machine slows all of them alike;
ratios are medians over rounds. Memory is measured in a process of its own. Peers are used where they are installed
(TomoPy, algotom, astra-toolbox, scikit-image, finufft) and named where they are not.
"""

import argparse
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fourier_fbp as parallel

Run = Callable[[], Any]


@dataclass(frozen=True)
class Method:
    """How one package reconstructs the data of a table.

    Parameters
    ----------
    package : str
        Distribution that must be installed.
    setup : callable
        Called with (size, threads); returns the call to time and the number of slices that it makes.
    """

    package: str
    setup: Callable[[tuple[int, int, int], int], tuple[Run, int]]


def even_views(name: str) -> Method:
    """A method of `benchmarks/fourier_fbp.py` on even views of half a turn."""
    package, setup = (PARALLEL | parallel.METHODS)[name]

    def made(size: tuple[int, int, int], threads: int) -> tuple[Run, int]:
        import numpy as np
        from parallel_phantom import sinogram

        views, n, slices = size
        theta = np.arange(views) * np.pi / views
        run, axis = setup(theta, n, threads)
        count = threads if name in parallel.ONE_BY_ONE else slices
        sinograms = np.repeat(sinogram(n, theta, axis)[None], count, axis=0)
        return (lambda: run(sinograms)), count

    return Method(package, made)


def tomopy(theta, n, threads):
    """Gridrec on projections padded twofold; y grows upwards, so angles run backwards; centre on pixel edges."""
    import numpy as np
    import tomopy as package

    pad = n // 2

    def run(sinograms):
        wide = np.pad(sinograms, ((0, 0), (0, 0), (pad, pad)))
        options = {"algorithm": "gridrec", "filter_name": "ramlak", "ncore": threads, "sinogram_order": True}
        volume = package.recon(wide, -theta, center=(n - 1) / 2 + pad + 0.5, **options)
        return volume[:, pad : pad + n, pad : pad + n]

    return run, (n - 1) / 2


def finufft(theta, n, threads):
    """Band-limited ramp, then the adjoint non-uniform transform, all slices in one plan."""
    import finufft as package
    import numpy as np

    wide = 2 * n
    offsets = np.fft.fftfreq(wide, 1 / wide).round().astype(int)
    kernel = np.where(offsets % 2 == 1, -1 / (np.pi * np.where(offsets == 0, 1, offsets)) ** 2, 0.0)
    kernel[0] = 0.25
    ramp = np.fft.fft(kernel).real
    omega = 2 * np.pi * np.fft.fftfreq(wide)
    x, y = (np.outer(f(theta), omega).ravel() for f in (np.cos, np.sin))
    middle = (n - 1) / 2
    shift = n // 2 - middle  # modes count from -n // 2; the image's middle is a pixel's edge for even n
    phase = np.exp(1j * (omega[None] * middle + shift * (x + y).reshape(theta.size, wide)))
    weights = (phase * ramp * np.pi / theta.size / wide).astype(np.complex64)
    plan = package.Plan(1, (n, n), n_trans=1, eps=1e-4, isign=1, dtype="complex64", nthreads=threads)
    plan.setpts(y.astype(np.float32), x.astype(np.float32))

    def run(sinograms):
        images = []
        for sinogram in sinograms:
            spectrum = np.fft.fft(sinogram, wide, axis=1).astype(np.complex64) * weights
            images.append(plan.execute(spectrum.ravel()).real)
        return np.stack(images)

    return run, middle


PARALLEL = {
    "TomoPy gridrec, padded": ("tomopy", tomopy),
    "finufft adjoint": ("finufft", finufft),
}


def few_views(name: str, package: str, reconstruct: Callable[..., Any]) -> Method:
    """A method on few, noisy views."""

    def made(size: tuple[int, int, int], threads: int) -> tuple[Run, int]:
        import numpy as np
        from parallel_phantom import sinogram

        views, n, slices = size
        count = slices if package == "xelith" else 1
        theta = np.arange(views) * np.pi / views
        axis = float(n // 2) if package == "scikit-image" else (n - 1) / 2
        clean = sinogram(n, theta, axis) * FEW_SCALE
        noisy = -np.log(np.maximum(np.random.default_rng(0).poisson(FEW_PHOTONS * np.exp(-clean)), 0.5) / FEW_PHOTONS)
        same = np.repeat(noisy.astype(np.float32)[None], count, axis=0)
        return (lambda: reconstruct(same, theta, threads) / FEW_SCALE), count

    return Method(package, made)


FEW_PHOTONS = 20_000
FEW_SCALE = 1 / 4000  # brings the densest ray of 128 columns to an attenuation of about one


def _xelith_few(name: str) -> Callable[..., Any]:
    def run(sinograms, theta, threads):
        from xelith.reconstruction import iterative
        from xelith.reconstruction.fourier import fourier_fbp
        from xelith.scans.geometry import ParallelBeam

        n = sinograms.shape[2]
        if name == "fourier_fbp":
            options = {"centre_px": (n - 1) / 2, "voxel_um": 1e4, "window": "hann", "threads": threads}
            return fourier_fbp(sinograms, theta, **options)
        beam, views = ParallelBeam(1e4, (n - 1) / 2), sinograms.swapaxes(0, 1).copy()
        if name == "sirt":
            return iterative.sirt(views, theta, beam, iterations=60)
        return iterative.total_variation(views, theta, beam, strength_cm=0.01, iterations=120)

    return run


def _sart(sinograms, theta, threads):
    import numpy as np
    from skimage.transform import iradon_sart

    degrees, image = -np.rad2deg(theta), None
    for _ in range(2):
        image = iradon_sart(np.ascontiguousarray(sinograms[0].T, dtype=np.float64), theta=degrees, image=image)
    return image[None]


def _astra_sirt(sinograms, theta, threads):
    import astra

    n = sinograms.shape[2]
    grid = astra.create_vol_geom(n, n)
    projector = astra.create_projector("linear", astra.create_proj_geom("parallel", 1.0, n, -theta), grid)
    data = astra.data2d.create("-sino", astra.projector.projection_geometry(projector), sinograms[0])
    image = astra.data2d.create("-vol", grid, 0.0)
    settings = astra.astra_dict("SIRT")
    settings.update(ProjectionDataId=data, ReconstructionDataId=image, ProjectorId=projector)
    algorithm = astra.algorithm.create(settings)
    astra.algorithm.run(algorithm, 60)
    result = astra.data2d.get(image)
    astra.algorithm.delete(algorithm)
    astra.data2d.delete([data, image])
    return result[None]


def cone(name: str) -> Method:
    """A method on a full turn of a cone."""

    def made(size: tuple[int, int, int], threads: int) -> tuple[Run, int]:
        import fdk as balls

        views, n, _ = size
        projections = balls.line_integrals(n, views)
        if name == "fdk":
            return balls.xelith_whole(projections, n, views), n
        from xelith.reconstruction.iterative import sirt

        return (lambda: sirt(projections, balls.angles(views), balls.beam(n), iterations=10)), n

    return Method("xelith", made)


@dataclass(frozen=True)
class Table:
    """Methods on the same data.

    Parameters
    ----------
    size : tuple of int
        Views, columns, slices.
    about : str
        What the data are.
    methods : dict of Method
        The first is what the others are compared with.
    """

    size: tuple[int, int, int]
    about: str
    methods: dict[str, Method]


TABLES = {
    "even views": Table(
        (500, 512, 16),
        "Disc of µ 40 with weak inclusions, exact sinograms of half a turn, ramp filter. RMSE over the circle that "
        "every view sees, bias in an even region of µ 40 and of µ 1; both in 1 / pixel.",
        {name: even_views(name) for name in (*parallel.METHODS, *PARALLEL)},
    ),
    "few views": Table(
        (48, 128, 16),
        f"The same disc from 48 views and {FEW_PHOTONS} photons a pixel, its densest ray at an attenuation of about 1. "
        "Iterations: SIRT 60, total variation 120, SART 2 rounds. One slice for packages that work slice by slice.",
        {
            "fourier_fbp, hann": few_views("fourier_fbp", "xelith", _xelith_few("fourier_fbp")),
            "sirt": few_views("sirt", "xelith", _xelith_few("sirt")),
            "total_variation": few_views("tv", "xelith", _xelith_few("tv")),
            "scikit-image iradon_sart": few_views("sart", "scikit-image", _sart),
            "astra SIRT, linear": few_views("astra", "astra-toolbox", _astra_sirt),
        },
    ),
    "cone": Table(
        (120, 96, 96),
        "Four balls of 1 cm^-1, 10.5 degrees of fan and cone. RMSE and bias well inside the balls, in cm^-1.",
        {"fdk": cone("fdk"), "sirt, cone, 10 steps": cone("sirt")},
    ),
}


def score(table: str, volume: Any, size: tuple[int, int, int]) -> dict[str, float]:
    """Root mean square error, and bias in even regions."""
    import numpy as np

    if table == "cone":
        import fdk as balls

        found = balls.accuracy(np.asarray(volume), size[1])
        return {"rmse": found["rms"], "bias": found["mean"] - 1}
    from parallel_phantom import score as parallel_score
    from parallel_phantom import truth

    found = parallel_score(np.asarray(volume)[0], truth(size[1]))
    return {"rmse": found["rmse"], "bias": found["bias at 40"], "bias at 1": found["bias at 1"]}


def measure(name: str, table: Table, threads: int, rounds: int) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Score every method once, then time all in turns; name those that are not installed."""
    runs: dict[str, tuple[Run, int]] = {}
    results: dict[str, dict[str, float]] = {}
    absent = []
    for method, what in table.methods.items():
        try:
            importlib.metadata.version(what.package)
        except importlib.metadata.PackageNotFoundError:
            absent.append(f"{method} ({what.package})")
            continue
        runs[method] = what.setup(table.size, threads)
        results[method] = score(name, runs[method][0](), table.size)
        print(f"# {name}: {method} {results[method]}", file=sys.stderr, flush=True)
    times: dict[str, list[float]] = {method: [] for method in runs}
    for _ in range(rounds):
        for method, (run, slices) in runs.items():
            begin = time.perf_counter()
            run()
            times[method].append((time.perf_counter() - begin) * 1e3 / slices)
    base = next(iter(times.values()))
    for method, taken in times.items():
        ratio = statistics.median(t / b for t, b in zip(taken, base, strict=True))
        results[method].update(ms=statistics.median(taken), ratio=ratio)
    return results, absent


def peak_mib(table: Table, method: str, threads: int) -> float:
    """Memory in MiB that one call takes beside its data, its volume included (Linux)."""
    status = Path("/proc/self/status")

    def kib(key: str) -> int:
        return int(next(line for line in status.read_text().splitlines() if line.startswith(key)).split()[1])

    views, n, slices = table.size
    what = table.methods[method]
    what.setup((24, 32, min(slices, 32)), threads)[0]()  # compiled code and imports are not the call's
    run, _ = what.setup((views, n, slices), threads)
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = kib("VmRSS")
    run()
    return (kib("VmHWM") - before) / 1024


def peak_apart(table: str, method: str, threads: int) -> float:
    """`peak_mib` in a process of its own; NaN where it cannot be measured."""
    command = [sys.executable, __file__, "--table", table, "--threads", str(threads), "--peak-of", method]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(json.loads(done.stdout.splitlines()[-1])) if done.returncode == 0 else float("nan")


def with_rtk(python: str, size: tuple[int, int, int], rounds: int) -> dict[str, float]:
    """FDK of RTK, in turns with ours, each in a process of its own; the ratio is of CPU time."""
    import fdk as balls
    import numpy as np

    views, n, _ = size
    with tempfile.TemporaryDirectory() as name:
        np.save(Path(name) / "projections.npy", balls.line_integrals(n, views))
        pairs = [
            [balls.measure(m, p, n, views, Path(name)) for m, p in (("xelith_whole", sys.executable), ("rtk", python))]
            for _ in range(rounds)
        ]
        found = balls.accuracy(np.load(Path(name) / "rtk.npy"), n)
    return {
        "ms": statistics.median(theirs["cpu_s"] for _, theirs in pairs) * 1e3 / n,
        "ratio": statistics.median(theirs["cpu_s"] / ours["cpu_s"] for ours, theirs in pairs),
        "rmse": found["rms"],
        "bias": found["mean"] - 1,
        "peak": statistics.median(theirs["added_mib"] for _, theirs in pairs),
    }


def markdown(results: dict[str, dict[str, float]]) -> str:
    """Rows of a table, one a method."""
    columns = {
        "time ratio": ("ratio", ".2f"),
        "ms/slice": ("ms", ".1f"),
        "RMSE": ("rmse", ".4f"),
        "bias": ("bias", "+.4f"),
    }
    if any("bias at 1" in values for values in results.values()):
        columns["bias at µ 1"] = ("bias at 1", "+.4f")
    columns["peak MiB"] = ("peak", ".0f")
    lines = [f"| method | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, values in results.items():
        cells = (format(values.get(key, float("nan")), form) for key, form in columns.values())
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="append", choices=list(TABLES), help="default all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rtk", help="interpreter that has itk-rtk")
    parser.add_argument("--page", type=Path, help="Markdown file whose measured part is written")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    given = parser.parse_args()
    os.environ.update(dict.fromkeys(parallel.BLAS_THREADS, str(given.threads)))
    names = given.table or list(TABLES)
    if given.peak_of:
        print(json.dumps(peak_mib(TABLES[names[0]], given.peak_of, given.threads)))
        return
    used = {m: (what.package, None) for name in names for m, what in TABLES[name].methods.items()}
    here = {
        m: p for m, p in used.items() if any(d.metadata["Name"] == p[0] for d in importlib.metadata.distributions())
    }
    parts = [parallel.machine(here, given.threads)]
    for name in names:
        table = TABLES[name]
        results, absent = measure(name, table, given.threads, given.rounds)
        for method in results:
            results[method]["peak"] = peak_apart(name, method, given.threads)
        if name == "cone" and given.rtk:
            results["RTK FDK, CPU time"] = with_rtk(given.rtk, table.size, max(1, given.rounds // 2))
        elif name == "cone":
            absent.append("RTK FDK (itk-rtk; give --rtk)")
        views, n, slices = table.size
        parts += [
            f"## {name.capitalize()}: {views} views of {n} columns, {slices} slices",
            table.about,
            markdown(results),
        ]
        if absent:
            parts.append(f"Not installed here: {', '.join(absent)}.")
        print("\n\n".join(parts[-4:]), flush=True)
    if given.page:
        head, mark, _ = given.page.read_text(encoding="utf8").partition("<!-- measured -->\n")
        given.page.write_text(head + mark + "\n" + "\n\n".join(parts) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
