"""Write the tube spectra that ship with `xelith.materials`; needs spekpy.

Usage: python benchmarks/tube_spectra.py FOLDER, where FOLDER is `materials/` of the checkout.
"""

import csv
import sys
from pathlib import Path

from xelith.materials.spectra import TABLES, simulated_tube


def main(folder: Path) -> None:
    """Write one CSV table per entry of `TABLES`.

    Parameters
    ----------
    folder : Path
        Where the tables go.
    """
    for (target, kv), name in TABLES.items():
        with (folder / name).open("w", newline="", encoding="ascii") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("energy_kev", "photons"))
            for energy, photons in zip(*simulated_tube(target, kv), strict=True):
                writer.writerow((f"{energy:g}", f"{photons:.6e}"))
        print(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
