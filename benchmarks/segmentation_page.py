"""The tables of docs/benchmarks/segmentation.md from the rows of `benchmarks.segmentation_table`."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.held_out_cells import CHARGED, CONDITIONS, CONTROLS, FILMS, cells_of
from xelith.materials import Phase

SCORED = (Phase.VOID, Phase.LITHIUM, Phase.CARBON, Phase.ELECTROLYTE)
ORDER = (
    "network, two gases",
    "big network, two gases",
    "physics, two gases",
    "random forest, two gases",
    "network, xenon",
    "big network, xenon",
    "physics, xenon",
    "best global thresholds, xenon",
)
SHORT = ("network, two gases", "physics, two gases", "network, xenon", "physics, xenon")

Row = dict[str, Any]


def tables(rows: list[Row]) -> dict[str, str]:
    """Return every table as Markdown; those without rows are left out.

    Parameters
    ----------
    rows : list of dict
        Of one set of weights.

    Returns
    -------
    dict of str to str
        By the name that marks their place on the page.
    """
    makers: dict[str, Callable[[list[Row]], list[list[str]]]] = {
        "standard": _standard,
        "by cell": _by_cell,
        "controls": _controls,
        "film": _film,
        "photons and fringes": _photons,
        "beyond": _beyond,
        "gate": _gate,
        "aims": _aims,
    }
    found = {name: make(rows) for name, make in makers.items()}
    return {name: _markdown(lines) for name, lines in found.items() if len(lines) > 1}


def write_page(path: Path, found: dict[str, str]) -> None:
    """Put each table between `<!-- table: NAME -->` and `<!-- end -->` of a page.

    Parameters
    ----------
    path : Path
        The page.
    found : dict of str to str
        From `tables`.
    """
    text = path.read_text(encoding="utf8")
    for name, table in found.items():
        begin = f"<!-- table: {name} -->"
        if begin not in text:
            raise ValueError(f"{path} has no place for the table {name!r}; add {begin} and <!-- end -->")
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{table}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
    path.write_text(text, encoding="utf8")


def _markdown(lines: list[list[str]]) -> str:
    rule = "|" + "---|" * len(lines[0])
    head, *rest = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([head, rule, *rest])


def _chosen(rows: Iterable[Row], **wanted: str) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def _present(rows: list[Row], order: tuple[str, ...] = ORDER) -> list[str]:
    there = {row["method"] for row in rows}
    return [name for name in order if name in there]


def _iou(rows: list[Row]) -> np.ndarray:
    """IoU of each phase, sums over all rows; NaN where no row has the phase."""
    scored = [row for row in rows if "both" in row]
    both = np.sum([row["both"] for row in scored] or [np.zeros(len(Phase))], axis=0)
    either = np.sum([row["either"] for row in scored] or [np.zeros(len(Phase))], axis=0)
    return np.where(either > 0, both / np.maximum(either, 1), np.nan)


def _mean(iou: np.ndarray) -> float:
    return float(np.mean([iou[phase] for phase in SCORED]))


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:.{digits}f}"


def _standard(rows: list[Row]) -> list[list[str]]:
    lines = [["all cells", "void", "lithium", "carbon", "electrolyte", "mean", "cells", "confidence", "right"]]
    for method in _present(rows):
        own = _chosen(rows, condition="standard", method=method)
        iou, scored = _iou(own), [row for row in own if "both" in row]
        numbers = [_number(iou[phase], 3) for phase in SCORED]
        sure = [row["confidence"] for row in scored if "confidence" in row]
        right = [_number(float(np.mean([row["right"] for row in scored])), 3)] if scored else ["-"]
        confidence = _number(float(np.mean(sure)), 3) if sure else "-"
        lines.append([method, *numbers, _number(_mean(iou), 3), f"{len(scored)} of {len(own)}", confidence, *right])
    return lines


def _aims(rows: list[Row]) -> list[list[str]]:
    """What was asked for beside what the rows say."""
    own = _chosen(rows, condition="standard")
    lines = [["aim", "reached"]]
    for name, wanted in (("network, two gases", 0.90), ("network, xenon", 0.82)):
        part = _chosen(own, method=name)
        if not part:
            continue
        iou, gap = _iou(part), max(abs(row["confidence"] - row["right"]) for row in part)
        lines.append([f"{name}: mean IoU {wanted:.2f}", _verdict(_mean(iou), wanted, above=True)])
        if wanted == 0.90:
            lines.append([f"{name}: lithium 0.90", _verdict(iou[Phase.LITHIUM], 0.90, above=True)])
        if big := _chosen(own, method=f"big {name}"):
            lines.append([f"{name}: within 0.01 of the big one", _verdict(_mean(_iou(big)) - _mean(iou), 0.01)])
        lines.append([f"{name}: confidence less share of right voxels, worst cell", f"{gap:.3f}"])
        controls = [row for row in part if row["cell"] in CONTROLS]
        film, depth = _largest(controls, "run_lithium_um"), _deepest(controls, "run")
        lines.append([f"{name}: no lithium in the controls as a run leaves them, 0.5 µm", _verdict(film, 0.5)])
        lines.append([f"{name}: no penetration in them, 2 voxels", _verdict(depth, 2.0, digits=1)])
        for condition in ("standard", "3e3 photons"):
            films = [row for row in _chosen(rows, condition=condition, method=name) if row["cell"] in FILMS]
            worst = max((abs(float(_bias([row], "shares"))) for row in films), default=None)
            lines.append([f"{name}: film of process 3 in %, {CONDITIONS[condition].says}, 3", _verdict(worst, 3.0, 1)])
    return lines


def _verdict(value: float | None, limit: float, digits: int = 3, *, above: bool = False) -> str:
    if value is None:
        return "not measured"
    is_met = value >= limit if above else value <= limit
    return f"{'yes' if is_met else 'no'}: {_number(value, digits)}"


def _by_cell(rows: list[Row]) -> list[list[str]]:
    methods = _present(rows, SHORT)
    lines = [["cell", *(f"{phase}: {name}" for phase in ("lithium", "void") for name in methods)]]
    for cell in (*CHARGED, "delaminated"):
        iou = [_iou(_chosen(rows, condition="standard", cell=cell, method=name)) for name in methods]
        charged = cell in CHARGED
        lithium = [_number(found[Phase.LITHIUM] if charged else None) for found in iou]
        lines.append([cell, *lithium, *(_number(found[Phase.VOID]) for found in iou)])
    return lines


def _controls(rows: list[Row]) -> list[list[str]]:
    """Film and penetration that are not there: the larger of all seeds, straight / as a run leaves it."""
    methods = _present(rows, SHORT)
    lines = [["control", *(f"{name}: {what}" for name in methods for what in ("µm", "voxels deep"))]]
    for cell in CONTROLS:
        line = [cell]
        for name in methods:
            own = _chosen(rows, condition="standard", cell=cell, method=name)
            straight, run = _largest(own, "lithium_um"), _largest(own, "run_lithium_um")
            line.append(f"{_number(straight)} / {_number(run)}")
            line.append(" / ".join(_number(_deepest(own, key), 1) for key in ("straight", "run")))
        lines.append(line)
    return lines


def _largest(rows: list[Row], key: str) -> float | None:
    return max((row[key] for row in rows if key in row), default=None)


def _deepest(rows: list[Row], key: str) -> float | None:
    depths = [row[key]["depth_voxels"] for row in rows if key in row and "depth_voxels" in row[key]]
    return max((depth for depth in depths if depth is not None), default=None)


def _film(rows: list[Row]) -> list[list[str]]:
    """Error of the mean film of process-3 cells, in %, straight / as a run leaves it / by its shares of lithium."""
    lines = [["cell", "photons", "true, µm", *(name for name in SHORT if name in _present(rows))]]
    for condition in ("standard", "1e4 photons", "3e3 photons"):
        for cell in FILMS:
            for seed in sorted({row["seed"] for row in rows}):
                own = _chosen(rows, condition=condition, cell=cell, seed=seed)
                if not own:
                    continue
                true = next(row["film_true_um"] for row in own if "film_true_um" in row)
                line = [cell, CONDITIONS[condition].says.removesuffix(" photons"), _number(true)]
                for name in _present(rows, SHORT):
                    line.append(
                        " / ".join(_bias(_chosen(own, method=name), key) for key in ("straight", "run", "shares"))
                    )
                lines.append(line)
    return lines


def _bias(rows: list[Row], key: str) -> str:
    for row in rows:
        film = row.get(key, {}).get("film_um")
        if film is not None:
            return f"{100 * (film / row['film_true_um'] - 1):+.1f}"
    return "-"


def _photons(rows: list[Row]) -> list[list[str]]:
    methods = _present(rows, SHORT)
    lines = [["mean IoU (void, lithium)", *methods]]
    for name, condition in CONDITIONS.items():
        own = _same_cells(_chosen(rows, condition=name), condition.n_seeds)
        if not condition.is_beyond and own:
            lines.append([condition.says, *(_short(_iou(_chosen(own, method=method))) for method in methods)])
    return lines


def _short(iou: np.ndarray) -> str:
    return f"{_number(_mean(iou), 3)} ({_number(iou[Phase.VOID])}, {_number(iou[Phase.LITHIUM])})"


def _same_cells(rows: list[Row], n_seeds: int = 1) -> list[Row]:
    """Keep the cells that every condition has."""
    seeds = sorted({row["seed"] for row in rows})[:n_seeds]
    return [row for row in rows if row["cell"] in cells_of("other") and row["seed"] in seeds]


def _beyond(rows: list[Row]) -> list[list[str]]:
    """Loss of mean IoU against the standard scan of the same cells, and the confidence that goes with it."""
    methods = _present(rows, SHORT)
    nets = [name for name in methods if "network" in name]
    lines = [["scan", *methods, *(f"{name}: confidence / right" for name in nets)]]
    standard = _same_cells(_chosen(rows, condition="standard"))
    for name, condition in CONDITIONS.items():
        own = _same_cells(_chosen(rows, condition=name))
        if not own or not (condition.is_beyond or name == "standard"):
            continue
        line = [condition.says]
        for method in methods:
            now, then = (_iou(_chosen(part, method=method)) for part in (own, standard))
            loss = "" if name == "standard" else f" ({_mean(now) - _mean(then):+.3f})"
            line.append(_number(_mean(now), 3) + loss)
        for method in nets:
            part = _chosen(own, method=method)
            sure, right = (float(np.mean([row[key] for row in part])) for key in ("confidence", "right"))
            line.append(f"{sure:.3f} / {right:.3f}")
        lines.append(line)
    return lines


def _gate(rows: list[Row]) -> list[list[str]]:
    """What the separability gate of the physics says: d' of each pair of light phases, least over the cells."""
    pairs = ("void and lithium", "void and carbon", "lithium and carbon")
    methods = [name for name in _present(rows, SHORT) if "physics" in name]
    lines = [["scan", *(f"{name}: {pair}" for name in methods for pair in pairs), "refused"]]
    for name, condition in CONDITIONS.items():
        own = _same_cells(_chosen(rows, condition=name))
        refused = [row for row in own if "refused" in row]
        line = [condition.says]
        for method in methods:
            gates = [row["separability"] for row in _chosen(own, method=method) if "separability" in row]
            for pair in pairs:
                seen = [gate[pair] for gate in gates if pair in gate and gate[pair][0] is not None]
                least = min(seen, default=None, key=lambda found: found[0])
                line.append("-" if least is None else f"{least[0]:.1f}, {least[1]}")
        if own:
            lines.append([*line, f"{len(refused)} of {len([r for r in own if r['method'] in methods])}"])
    return lines
