"""The lithium balance in words and rows: the same for the terminal and the report."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .quantities import NOT_MEASURED, is_number, number, percent, quantity

if TYPE_CHECKING:
    from rich.table import Table

TERMS = {
    "film_um": ("lithium film", "mean_thickness_um"),
    "in_electrolyte_um": ("inside the electrolyte", "in_electrolyte_um"),
    "mixed_zone_um": ("mixed zone of electrolyte and lithium", "mixed_zone_um"),
    "in_carbon_um": ("inside the carbon", "in_carbon_um"),
    "isolated_um": ("isolated, without contact", "isolated_um"),
}
"""Terms of the balance: their words, and their key in the truth of a simulated cell."""

VERDICTS = {
    "consistent": "consistent with the charge",
    "not-consistent": "not consistent with the charge",
    "not-measured": "not measured",
}
FINDINGS = {
    "film": "lithium lies as a film",
    "lithium-in-electrolyte": "lithium has grown into the electrolyte",
    "mixed-zone": "lithium and electrolyte are mixed in a zone finer than a voxel",
    "lithium-in-carbon": "lithium sits inside the carbon",
    "shorted": "lithium crosses the electrolyte: the cell is shorted",
}


@dataclass(frozen=True)
class BalanceRow:
    """One line of the balance, all values in µm of lithium over the electrode area in view.

    Parameters
    ----------
    key : str
        Where the value stands in results.json, for instance "balance.film_um".
    name : str
        What it is, in words.
    value : float or (float, float) or None
        The value, an interval, or None where it was not measured.
    std : float or None
        Its standard deviation, if known.
    truth : float or None
        What the simulator states, for a simulated cell.
    is_total : bool
        True for the sums at the end.
    """

    key: str
    name: str
    value: Any
    std: Any = None
    truth: Any = None
    is_total: bool = False


def section(results: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return a part of the results, empty where it is null or missing.

    Parameters
    ----------
    results : dict
        Content of results.json.
    *names : str
        Keys, outermost first.

    Returns
    -------
    dict
        The part.
    """
    part: Any = results
    for name in names:
        part = part.get(name) if isinstance(part, dict) else None
    return part if isinstance(part, dict) else {}


def balance_rows(results: dict[str, Any]) -> list[BalanceRow]:
    """Return the balance line by line: the terms, their sum, and what the charge asks for.

    Parameters
    ----------
    results : dict
        Content of results.json.

    Returns
    -------
    list of BalanceRow
        Five terms, "measured" and "expected from the charge".
    """
    balance, truth = section(results, "balance"), section(results, "truth")
    expected = section(results, "coulometry")
    declared = balance.get("declared") or ()
    rows = [
        BalanceRow(
            f"balance.{key}",
            f"{words} (declared)" if key in declared else words,
            balance.get(key),
            balance.get(f"{key}_std"),
            truth.get(true_key),
        )
        for key, (words, true_key) in TERMS.items()
    ]
    true_terms = [row.truth for row in rows if is_number(row.truth)]
    measured = BalanceRow(
        "balance.measured_um",
        "measured, sum of the terms",
        balance.get("measured_um"),
        balance.get("measured_um_std"),
        sum(true_terms) if true_terms else None,
        is_total=True,
    )
    charged = BalanceRow(
        "coulometry.expected_thickness_um",
        "expected from the charge",
        expected.get("expected_thickness_um"),
        expected.get("expected_thickness_um_std"),
        is_total=True,
    )
    return [*rows, measured, charged]


def verdict_text(results: dict[str, Any]) -> str:
    """Say in one sentence whether the lithium adds up, and where it lies.

    Parameters
    ----------
    results : dict
        Content of results.json.

    Returns
    -------
    str
        For instance "consistent with the charge; lithium lies as a film".
    """
    balance = section(results, "balance")
    verdict, finding = balance.get("verdict"), balance.get("finding")
    words = VERDICTS.get(str(verdict), str(verdict) if verdict else NOT_MEASURED)
    if not finding:
        return words
    return f"{words}; {FINDINGS.get(str(finding), str(finding))}"


def deposit_rows(results: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what is known of the deposit beside the balance.

    Parameters
    ----------
    results : dict
        Content of results.json.

    Returns
    -------
    list of (str, str, str)
        Key of results.json, words, and the value as text with its unit; only what was measured.
    """
    found = {f"deposit.{k}": v for k, v in section(results, "deposit").items()}
    found |= {f"penetration.{k}": v for k, v in section(results, "penetration").items()}
    rows = []
    for key, (words, unit) in _DEPOSIT.items():
        value, std = found.get(key), found.get(f"{key}_std")
        if is_number(value):
            rows.append((key, words, percent(value, std) if unit == "%" else quantity(value, std, unit)))
    return rows


def balance_table(results: dict[str, Any]) -> "Table":
    """Lay the lithium balance out for the terminal.

    Parameters
    ----------
    results : dict
        Content of results.json.

    Returns
    -------
    rich.table.Table
        Values in µm, the truth beside them for a simulated cell, closure and verdict below.
    """
    from rich.table import Table
    from rich.text import Text

    rows = balance_rows(results)
    has_truth = bool(section(results, "truth"))
    table = Table(title="Lithium balance", caption=Text(verdict_text(results)), title_justify="left")
    table.add_column("lithium, µm over the area in view")
    table.add_column("value", justify="right")
    table.add_column("± std", justify="right")
    if has_truth:
        table.add_column("truth", justify="right")
    for row in rows:
        value, _, std = quantity(row.value, row.std).partition(" ± ")
        truth = [number(row.truth) if is_number(row.truth) else ""] if has_truth else []
        if row.key == "balance.measured_um":
            table.add_section()
        style = "bold" if row.is_total else ("dim" if value == NOT_MEASURED else "")
        table.add_row(row.name, value, std, *truth, style=style)
    table.add_section()
    balance = section(results, "balance")
    extra = [""] if has_truth else []
    closure = percent(balance.get("closure"), balance.get("closure_std"))
    table.add_row("closure, measured / expected", *_pair(closure), *extra, style="bold")
    for _, words, text in deposit_rows(results):
        table.add_row(Text(words), *_pair(text), *extra)
    return table


def _pair(text: str) -> tuple[str, str]:
    """Split "64.7 ± 1.2 µm" into "64.7 µm" and "1.2"."""
    value, mark, rest = text.partition(" ± ")
    if not mark:
        return text, ""
    std, _, unit = rest.partition(" ")
    return f"{value} {unit}".rstrip(), std


_DEPOSIT = {
    "deposit.mean_thickness_um": ("mean thickness of the film", "µm"),
    "deposit.median_um": ("median thickness", "µm"),
    "deposit.p05_um": ("thickness, 5th percentile", "µm"),
    "deposit.p95_um": ("thickness, 95th percentile", "µm"),
    "deposit.sq_um": ("roughness Sq", "µm"),
    "deposit.uniformity_cv": ("unevenness, std over mean", "%"),
    "deposit.coverage": ("electrode covered", "%"),
    "deposit.area_cm2": ("electrode area", "cm²"),
    "deposit.area_in_view_cm2": ("electrode area in view", "cm²"),
    "penetration.max_depth_um": ("deepest lithium in the electrolyte", "µm"),
    "penetration.electrolyte_crossed": ("electrolyte crossed", "%"),
    "penetration.narrowest_ligament_um": ("narrowest ligament", "µm"),
    "penetration.volume_um3": ("volume inside the electrolyte", "µm³"),
    "penetration.isolated_volume_um3": ("isolated volume", "µm³"),
    "penetration.least_body_um3": ("smallest body there told from a pore", "µm³"),
}
