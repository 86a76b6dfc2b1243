"""What of this package's optional parts is installed, and what each missing one would give."""

import importlib.metadata
import importlib.util
import shutil
from dataclasses import dataclass

from .provenance import versions


@dataclass(frozen=True)
class Part:
    """An optional part.

    Parameters
    ----------
    name : str
        In words.
    state : str
        Version, or "missing".
    gives : str
        What it is for, and how to get it.
    """

    name: str
    state: str
    gives: str


OPTIONAL = (
    ("viewer", "napari", "xelith view: volumes, labels and maps in 3-D", "pip install 'xelith[viewer]'"),
    ("U-Net", "torch", "segmentation by texture and place, training, GPU labels", "pip install 'xelith[ml]'"),
    ("U-Net layers", "monai", "the network itself", "pip install 'xelith[ml]'"),
    ("GPU", "cupy", "reconstruction on an NVIDIA GPU", "pip install 'xelith[cuda12]' or 'xelith[cuda13]'"),
    (
        "tube spectra",
        "spekpy",
        "spectra of tubes and filters beyond the built-in ones",
        "pip install 'xelith[spectra]'",
    ),
    ("Neware files", "fastnda", "cycler files .nda and .ndax", "pip install 'xelith[cycler]'"),
    ("cluster", "dask_jobqueue", "Dask workers through a cluster's scheduler", "pip install 'xelith[cluster]'"),
)


def installed_parts() -> list[Part]:
    """Look for every optional part, without importing the heavy ones.

    Returns
    -------
    list of Part
        Packages first, then the GPU, its driver and SLURM.
    """
    parts = []
    packages = importlib.metadata.packages_distributions()
    for name, module, gives, how in OPTIONAL:
        there = importlib.util.find_spec(module) is not None
        state = _version(packages.get(module, [module])[0]) if there else "missing"
        parts.append(Part(name, state, gives if there else f"{gives}: {how}"))
    parts.append(_device())
    sbatch = shutil.which("sbatch")
    gives = "xelith submit: a batch as an array of jobs"
    parts.append(Part("SLURM", sbatch or "missing", gives if sbatch else f"{gives}: run on a login node"))
    return parts


def versions_text() -> str:
    """Return the versions of what every number depends on.

    Returns
    -------
    str
        One line.
    """
    return ", ".join(f"{name} {version}" for name, version in versions().items())


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "there"


def _device() -> Part:
    gives = "reconstruction in a fraction of the time"
    if importlib.util.find_spec("cupy") is None:
        driver = shutil.which("nvidia-smi")
        advice = (
            "a driver is there: install CuPy" if driver else "no NVIDIA driver on this machine; all runs on the CPU"
        )
        return Part("CUDA device", "missing", f"{gives}: {advice}")
    try:
        import cupy

        found = cupy.cuda.runtime.getDeviceProperties(0)
        version = cupy.cuda.runtime.runtimeGetVersion()
        name = found["name"].decode()
        return Part("CUDA device", f"{name}, CUDA {version // 1000}.{version % 1000 // 10}", gives)
    except Exception as error:  # CuPy raises its own kinds for a driver that is missing, old or busy
        return Part("CUDA device", "missing", f"{gives}: CuPy finds none ({error})")
