"""How well any reader could tell a pore of the carbon: the ideal observer's d' for one pore of known place.

python -m benchmarks.pore_detectability

Noise is taken from two scans of one cell that differ in nothing but their photons, in the rows of the lithium and the
carbon: its power spectrum N(f), in slices and along z. A ball of carbon or of gas, blurred as the scan is, has the
spectrum S(f), and the ideal observer tells one from the other with d'^2 = contrast^2 sum |S|^2 / N (Barrett and
Myers, Foundations of Image Science, 2004, ch. 13). With even odds it errs in Phi(-d'/2) of all pores. Real pores are
of unknown place and shape, so a reader errs more often.
"""

import math

import numpy as np

from benchmarks.held_out_cells import Condition, scan
from xelith.materials import MATERIALS, Gas
from xelith.materials.phases import Phase

WIDTHS = (2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
FINE = 5
BLUR_PX = 0.9
"""Blur of the detector, 0.8 pixels, and of the window."""


def noise_spectrum() -> tuple[np.ndarray, float]:
    """Return the noise power of µ per frequency, (n, n, n), and its standard deviation in cm^-1."""
    pair = [scan("process 3", 800002, Condition("again", noise_seed=seed)) for seed in (1, 2)]
    rows = np.flatnonzero((pair[0].truth.labels == Phase.LITHIUM).mean(axis=(1, 2)) > 0.3)[:24]
    n = len(rows)
    noise = (pair[0].volumes["xenon"] - pair[1].volumes["xenon"])[rows] / math.sqrt(2)
    middle, power, count = noise.shape[1] // 2, np.zeros((n, n, n)), 0
    for y in range(middle - 30, middle + 30 - n, n // 2):
        for x in range(middle - 30, middle + 30 - n, n // 2):
            cube = noise[:, y : y + n, x : x + n]
            power += np.abs(np.fft.fftn(cube - cube.mean())) ** 2
            count += 1
    # The spectrum of so few cubes is smoothed over alike frequencies: same radius in the slice, same along z.
    power /= count
    f = np.fft.fftfreq(n)
    ring = np.round(n * np.hypot(f[:, None], f[None])).astype(int)
    smooth = np.empty_like(power)
    for r in np.unique(ring):
        smooth[:, ring == r] = power[:, ring == r].mean()
    return smooth, float(noise[:, middle - 30 : middle + 30, middle - 30 : middle + 30].std())


def ball(width: float, n: int) -> np.ndarray:
    """Return the share of each voxel that a ball in the middle of the cube fills, blurred, (n, n, n)."""
    fine = (np.arange(n * FINE) + 0.5) / FINE - n / 2
    inside = fine[:, None, None] ** 2 + fine[None, :, None] ** 2 + fine[None, None] ** 2 < (width / 2) ** 2
    share = inside.reshape(n, FINE, n, FINE, n, FINE).mean(axis=(1, 3, 5))
    f = np.fft.fftfreq(n)
    squares = f[:, None, None] ** 2 + f[None, :, None] ** 2 + f[None, None] ** 2
    return np.fft.ifftn(np.fft.fftn(share) * np.exp(-2 * (math.pi * BLUR_PX) ** 2 * squares)).real


def main() -> None:
    """Print d' and the share of errors for each width of pore and each gas."""
    power, sigma = noise_spectrum()
    n, kev = len(power), 17.48
    carbon = float(MATERIALS["carbon"].mu_per_cm(kev))
    gases = {"argon, 1 atm": Gas("argon", 1.0), "xenon, 6 atm": Gas("xenon", 6.0), "xenon, 8 atm": Gas("xenon", 8.0)}
    contrasts = {name: abs(float(gas.mu_per_cm(kev)) - carbon) for name, gas in gases.items()}
    print(f"noise {sigma:.2f} cm^-1; contrast to carbon", {name: round(c, 2) for name, c in contrasts.items()})
    print("| width of the pore, voxels | " + " | ".join(f"{name}: d' (errors)" for name in contrasts) + " |")
    print("|---|" + "---|" * len(contrasts))
    for width in WIDTHS:
        signal = np.abs(np.fft.fftn(ball(width, n))) ** 2
        base = math.sqrt(float((signal.ravel()[1:] / power.ravel()[1:]).sum()))
        shown = [f"{c * base:.2f} ({50 * math.erfc(c * base / 2 / math.sqrt(2)):.0f} %)" for c in contrasts.values()]
        print(f"| {width:g} | " + " | ".join(shown) + " |")


if __name__ == "__main__":
    main()
