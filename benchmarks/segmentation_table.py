"""Score every method of telling phases on held-out twins, in and out of the range of the training.

python -m benchmarks.segmentation_table --rows rows.jsonl --page docs/benchmarks/segmentation.md

Every row is kept as it is made, and what is there is not made again: stop it at any time. Rows of a network belong to
its weights; the others stay where weights change.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.held_out_cells import CONDITIONS, Case, cells_of, designs, scan
from benchmarks.phase_methods import (
    BOTH,
    XENON,
    Found,
    forest,
    global_thresholds,
    network,
    physics,
    prepared,
    score,
)
from benchmarks.segmentation_page import tables, write_page
from xelith.segmentation.unet import Weights, shipped_weights, weights_from_bytes

SEEDS = (800001, 800002)
"""Of the held-out sets, which no network has seen."""


SLOW = ("random forest, two gases",)
"""Methods for the standard scan only."""

Row = dict[str, Any]


def mark_of(weights: Weights) -> str:
    """Tell weights from others."""
    digest = hashlib.sha256(repr((weights.scans, weights.temperature, weights.channels)).encode())
    for name in sorted(weights.tensors):
        digest.update(weights.tensors[name].tobytes())
    return digest.hexdigest()[:12]


def chosen_networks(given: list[Path], big: list[Path]) -> dict[str, Weights]:
    """Return the networks of a table by name: those given, else those that ship, and big ones where given."""
    found = {f"network, {_named(scans)}": shipped_weights(list(scans)) for scans in (BOTH, XENON)}
    for prefix, paths in (("", given), ("big ", big)):
        for weights in (weights_from_bytes(path.read_bytes()) for path in paths):
            found[f"{prefix}network, {_named(weights.scans)}"] = weights
    return found


def _named(scans: tuple[str, ...]) -> str:
    return "two gases" if len(scans) == 2 else scans[0]


def methods_of(networks: dict[str, Weights]) -> dict[str, str]:
    """Return the names of all methods, each with the mark that its rows carry."""
    marks = {name: mark_of(weights) for name, weights in networks.items()}
    others = ("physics, two gases", "physics, xenon", "best global thresholds, xenon", *SLOW, "truth")
    return {**marks, **dict.fromkeys(others, "")}


def rows_of(case: Case, wanted: list[str], networks: dict[str, Weights], seed: int) -> dict[str, Row]:
    """Score the wanted methods on a case; what a method refuses is its row."""
    thresholds, rows = {}, {}
    for scans in (BOTH, XENON):
        try:
            thresholds[scans] = prepared(case, scans)
        except ValueError as error:
            thresholds[scans] = str(error)
    calls: dict[str, Callable[[], Found]] = {
        "best global thresholds, xenon": partial(global_thresholds, case),
        "random forest, two gases": partial(forest, case, seed),
        "truth": partial(Found, case.truth.labels),
    }
    for scans in (BOTH, XENON):
        name = f"physics, {_named(scans)}"
        if isinstance(thresholds[scans], str):
            rows[name] = {"refused": thresholds[scans]}
        else:
            calls[name] = partial(physics, case, thresholds[scans])
    for name, weights in networks.items():
        ready = thresholds[weights.scans]
        calls[name] = partial(network, case, weights, None if isinstance(ready, str) else ready)
    made = {name: score(case, calls[name]()) for name in wanted if name in calls}
    return {**{name: row for name, row in rows.items() if name in wanted}, **made}


def read_rows(path: Path) -> list[Row]:
    """Read what was made so far; a last line that a kill cut short is left out."""
    rows = []
    for line in path.read_text(encoding="utf8").splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def run(path: Path, conditions: list[str], cells: list[str] | None, methods: dict[str, str], networks: Any) -> None:
    """Make the rows that are not there yet, and append them one by one."""
    keys = ("condition", "cell", "seed", "method", "weights")
    there = {tuple(row[key] for key in keys) for row in read_rows(path)}
    for condition in conditions:
        for seed in SEEDS[: CONDITIONS[condition].n_seeds]:
            for cell in cells_of(condition):
                fits = [name for name in methods if condition == "standard" or name not in SLOW]
                todo = [name for name in fits if (condition, cell, seed, name, methods[name]) not in there]
                if not todo or (cells is not None and cell not in cells):
                    continue
                clock = time.monotonic()
                found = rows_of(scan(cell, seed, CONDITIONS[condition]), todo, networks, seed)
                with path.open("a", encoding="utf8") as file:
                    for name, row in found.items():
                        place = dict(zip(keys, (condition, cell, seed, name, methods[name]), strict=True))
                        file.write(json.dumps({**place, **row}) + "\n")
                print(f"{condition}: {cell} {seed} {time.monotonic() - clock:.0f} s", flush=True)


def main() -> None:
    """Make the rows, then print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, default=Path("segmentation_rows.jsonl"), help="where rows are kept")
    parser.add_argument("--conditions", nargs="+", choices=list(CONDITIONS), default=list(CONDITIONS))
    parser.add_argument("--cells", nargs="+", choices=list(designs()), help="default: all of each condition")
    parser.add_argument("--methods", nargs="+", help="begin of their names; default: all")
    parser.add_argument("--weights", type=Path, nargs="+", default=[], help="in the place of those that ship")
    parser.add_argument("--big", type=Path, nargs="+", default=[], help="weights of large networks to compare with")
    parser.add_argument("--page", type=Path, help="Markdown file whose marked tables are replaced; else printed")
    parser.add_argument("--only-tables", action="store_true", help="make no rows")
    given = parser.parse_args()
    networks = chosen_networks(given.weights, given.big)
    every = methods_of(networks)
    methods = {name: mark for name, mark in every.items() if name.startswith(tuple(given.methods or [""]))}
    if not given.only_tables:
        run(given.rows, given.conditions, given.cells, methods, networks)
    kept = [row for row in read_rows(given.rows) if every.get(row["method"]) == row["weights"]]
    found = tables(kept)
    if given.page is not None:
        write_page(given.page, found)
    else:
        print("\n\n".join(f"{name}\n\n{text}" for name, text in found.items()))


if __name__ == "__main__":
    main()
