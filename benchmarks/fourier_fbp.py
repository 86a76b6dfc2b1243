"""Time, accuracy and memory of parallel-beam reconstruction, beside other packages in the same run.

    python benchmarks/fourier_fbp.py                      # W1 and W2, everything that is installed
    python benchmarks/fourier_fbp.py --workload 360x512x4 --method fourier_fbp --method fbp
    python benchmarks/fourier_fbp.py --prototype FOLDER NAME NAME
    python benchmarks/fourier_fbp.py --page docs/benchmarks/fourier_fbp.md --append

Methods take turns, round after round, so that a busy machine slows all of them; ratios are medians over
rounds. Memory is measured in a process of its own. scikit-image, algotom and astra-toolbox are used when
they are installed. A prototype folder holds modules with a dict ALL of name: (setup, 0), where
setup(ctx)(sinograms) reconstructs about column n / 2.
"""

import argparse
import datetime
import importlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

WORKLOADS = {"W1": (1000, 1024, 32), "W2": (1500, 2048, 8)}
BLAS_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")
Run = Callable[[Any], Any]


def xelith_method(name: str) -> Callable[..., tuple[Run, float]]:
    def setup(theta, n, threads):
        module = importlib.import_module(f"xelith.reconstruction.{'fourier' if name == 'fourier_fbp' else name}")
        options = {"centre_px": (n - 1) / 2, "voxel_um": 1e4, "threads": threads}
        return (lambda sinograms: getattr(module, name)(sinograms, theta, **options)), (n - 1) / 2

    return setup


def scikit_image(theta, n, threads):
    """iradon, one slice a thread; it rotates about column n // 2 and counts angles backwards."""
    import numpy as np
    from skimage.transform import iradon

    degrees = -np.rad2deg(theta)

    def one(sinogram):
        return iradon(np.ascontiguousarray(sinogram.T), theta=degrees, filter_name="ramp", output_size=n)

    def run(sinograms):
        with ThreadPoolExecutor(threads) as pool:
            return np.stack(list(pool.map(one, sinograms)))

    return run, float(n // 2)


def algotom(theta, n, threads):
    """Filtered back-projection on the CPU, padded twofold, angles backwards."""
    import numpy as np
    from algotom.rec.reconstruction import fbp_reconstruction

    options = {"ratio": None, "filter_name": None, "pad": n // 2, "pad_mode": "constant", "apply_log": False}

    def run(sinograms):
        volume = fbp_reconstruction(
            np.moveaxis(sinograms, 0, 1), (n - 1) / 2, angles=-theta, gpu=False, ncore=threads, **options
        )
        return np.moveaxis(volume, 1, 0)

    return run, (n - 1) / 2


def astra(theta, n, threads):
    """FBP with the linear CPU projector, one slice at a time; y grows upwards, so angles run backwards."""
    import astra
    import numpy as np

    geometry = astra.create_proj_geom("parallel", 1.0, n, -theta)
    grid = astra.create_vol_geom(n, n)
    projector = astra.create_projector("linear", geometry, grid)

    def one(sinogram):
        data, image = astra.data2d.create("-sino", geometry, sinogram), astra.data2d.create("-vol", grid)
        settings = astra.astra_dict("FBP")
        settings.update(ProjectionDataId=data, ReconstructionDataId=image, ProjectorId=projector)
        settings["option"] = {"FilterType": "ram-lak"}
        algorithm = astra.algorithm.create(settings)
        astra.algorithm.run(algorithm)
        result = astra.data2d.get(image)
        astra.algorithm.delete(algorithm)
        astra.data2d.delete([data, image])
        return result

    return (lambda sinograms: np.stack([one(s) for s in sinograms])), (n - 1) / 2


METHODS: dict[str, tuple[str, Callable[..., tuple[Run, float]]]] = {
    "fourier_fbp": ("xelith", xelith_method("fourier_fbp")),
    "fbp": ("xelith", xelith_method("fbp")),
    "scikit-image iradon": ("scikit-image", scikit_image),
    "algotom fbp": ("algotom", algotom),
    "astra FBP linear": ("astra-toolbox", astra),
}
"""Name: (distribution, set-up); a set-up returns the call and the column it rotates about."""

ONE_BY_ONE = ("scikit-image iradon", "algotom fbp", "astra FBP linear")
"""Methods that gain nothing from more slices: they are given one slice a thread, and timed per slice."""


def prototypes(folder: str, names: list[str]) -> dict[str, tuple[str, Callable[..., tuple[Run, float]]]]:
    """Methods of the modules in a folder that keep a dict ALL."""
    sys.path.insert(0, folder)
    found: dict[str, Any] = {}
    for file in sorted(Path(folder).glob("*.py")):
        try:
            found.update(getattr(importlib.import_module(file.stem), "ALL", {}))
        except ImportError as error:
            print(f"{file.name} left out: {error}", file=sys.stderr)

    def adapted(name: str) -> Callable[..., tuple[Run, float]]:
        def setup(theta, n, threads):
            context = {"n": n, "theta": theta, "axis": n / 2, "filt": "ramlak", "threads": threads, "libs": {}}
            return found[name][0](types.SimpleNamespace(**context)), n / 2

        return setup

    return {name: ("prototype", adapted(name)) for name in names}


def installed(methods: dict[str, tuple[str, Any]]) -> dict[str, tuple[str, Any]]:
    """Methods whose distribution is here."""
    kept = {}
    for name, (distribution, setup) in methods.items():
        try:
            if distribution != "prototype":
                importlib.metadata.version(distribution)
            kept[name] = (distribution, setup)
        except importlib.metadata.PackageNotFoundError:
            print(f"{name} left out: {distribution} is not installed", file=sys.stderr)
    return kept


def shape_of(workload: str) -> tuple[int, int, int]:
    """Views, columns and slices of a workload."""
    views, columns, slices = WORKLOADS.get(workload) or map(int, workload.split("x"))
    return views, columns, slices


def dataset(workload: str, axis: float) -> tuple[Any, Any]:
    """Sinograms, all slices alike, and angles over half a turn."""
    import numpy as np
    from parallel_phantom import sinogram

    views, n, slices = shape_of(workload)
    theta = np.arange(views) * np.pi / views
    return np.repeat(sinogram(n, theta, axis)[None], slices, axis=0), theta


def measure(workload: str, methods: dict[str, Any], threads: int, repeats: int) -> dict[str, dict[str, float]]:
    """Score every method once, then time all of them in turn."""
    import numpy as np
    from parallel_phantom import score, truth

    views, n, slices = shape_of(workload)
    theta, true = np.arange(views) * np.pi / views, truth(n)
    data, runs, results = {}, {}, {}
    for name, (_, setup) in methods.items():
        begin = time.perf_counter()
        run, axis = setup(theta, n, threads)
        data.setdefault(axis, dataset(workload, axis)[0])
        sinograms = data[axis][: threads if name in ONE_BY_ONE else slices]
        image = np.array(run(sinograms)[0])
        results[name] = {"first s": time.perf_counter() - begin, **score(image, true)}
        runs[name] = (run, sinograms)
        print(f"# {workload} {name}: {results[name]}", file=sys.stderr, flush=True)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, (run, sinograms) in runs.items():
            begin = time.perf_counter()
            run(sinograms)
            times[name].append((time.perf_counter() - begin) * 1e3 / len(sinograms))
    for name, taken in times.items():
        ours = times.get("fourier_fbp", taken)
        ratios = [t / o for t, o in zip(taken, ours, strict=True)]
        results[name].update(ms=statistics.median(taken), best=min(taken), ratio=statistics.median(ratios))
    return results


def peak_mib(workload: str, name: str, setup: Callable[..., tuple[Run, float]], threads: int) -> float:
    """Memory in MiB that one call takes beside its sinograms and its volume (Linux)."""
    import numpy as np

    status = Path("/proc/self/status")

    def kib(key: str) -> int:
        return int(next(line for line in status.read_text().splitlines() if line.startswith(key)).split()[1])

    small, theta = dataset(f"24x64x{shape_of(workload)[2]}", 31.5)
    setup(theta, 64, threads)[0](small)  # compiled code and imports are not the call's
    views, n, slices = shape_of(workload)
    theta = np.arange(views) * np.pi / views
    run, axis = setup(theta, n, threads)
    sinograms = dataset(f"{views}x{n}x{threads if name in ONE_BY_ONE else slices}", axis)[0]
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = kib("VmRSS")
    volume = run(sinograms)
    return (kib("VmHWM") - before) / 1024 - volume.nbytes / 2**20


def peak_apart(arguments: argparse.Namespace, workload: str, name: str) -> float:
    """`peak_mib` in a process of its own; NaN where it cannot be measured."""
    command = [sys.executable, __file__, "--workload", workload, "--threads", str(arguments.threads)]
    if arguments.prototype:
        command += ["--prototype", *arguments.prototype]
    done = subprocess.run([*command, "--peak-of", name], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"# no peak of {name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return float("nan")
    return float(json.loads(done.stdout.splitlines()[-1]))


def table(results: dict[str, dict[str, float]]) -> str:
    """Markdown rows, one a method."""
    columns = {
        "ms/slice": ("ms", ".1f"),
        "best": ("best", ".1f"),
        "x fourier_fbp": ("ratio", ".2f"),
        "RMSE": ("rmse", ".4f"),
        "bias at 40": ("bias at 40", "+.4f"),
        "bias at 1": ("bias at 1", "+.4f"),
        "bias at 0.1": ("bias at 0.1", "+.4f"),
        "peak MiB": ("peak", ".0f"),
    }
    lines = [f"| method | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, values in results.items():
        lines.append(f"| {name} | {' | '.join(format(values[k], f) for k, f in columns.values())} |")
    return "\n".join(lines)


def machine(methods: dict[str, Any], threads: int) -> str:
    """Date, processor and versions."""
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    used = sorted({d for d, _ in methods.values()} - {"prototype"} | {"numpy", "scipy", "numba"})
    versions = ", ".join(f"{d} {importlib.metadata.version(d)}" for d in used)
    today = datetime.date.today().isoformat()
    return f"{today}, {names[0]}, {threads} threads, Python {platform.python_version()}; {versions}."


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", action="append", help="W1, W2 or VIEWSxCOLUMNSxSLICES; may be repeated")
    parser.add_argument("--method", action="append", help="a method's name; default all installed")
    parser.add_argument("--prototype", nargs="+", metavar=("FOLDER", "NAME"), help="folder and its methods")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--page", type=Path, help="Markdown file to write")
    parser.add_argument("--append", action="store_true", help="keep the tables that the page has")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.update(dict.fromkeys(BLAS_THREADS, str(arguments.threads)))
    methods = installed(METHODS)
    if arguments.method:
        methods = {name: methods[name] for name in arguments.method}
    if arguments.prototype:
        methods |= prototypes(arguments.prototype[0], arguments.prototype[1:])
    workloads = arguments.workload or list(WORKLOADS)
    if arguments.peak_of:
        print(json.dumps(peak_mib(workloads[0], arguments.peak_of, methods[arguments.peak_of][1], arguments.threads)))
        return
    parts = [machine(methods, arguments.threads)]
    for workload in workloads:
        results = measure(workload, methods, arguments.threads, arguments.repeats)
        for name in results:
            results[name]["peak"] = peak_apart(arguments, workload, name)
        views, n, slices = shape_of(workload)
        parts += [f"## {views} views of {n} columns, {slices} slices", table(results)]
        print("\n".join(parts[-2:]), flush=True)
    if arguments.page:
        head, mark, tables = arguments.page.read_text().partition("<!-- measured -->\n")
        kept = tables if arguments.append else ""
        arguments.page.write_text(head + mark + kept + "\n" + "\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
