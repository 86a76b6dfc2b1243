"""The tables of a report: names, units and uncertainties from the keys of results.json."""

from collections.abc import Iterator, Mapping
from typing import Any

from .quantities import NOT_MEASURED, is_number, name_and_unit, number, percent, quantity
from .summary import section

Row = dict[str, str]
"""One line of a table: where it stands in results.json ("key"), its name and its text."""


def facts(part: Mapping[str, Any], path: str, *, prefix: str = "") -> Iterator[Row]:
    """Lay a part of the results out line by line: numbers with their std, nested parts one below the other.

    Parameters
    ----------
    part : mapping
        Keys with their units in them.
    path : str
        Where the part stands, for instance "scans.xenon".
    prefix : str
        Words before each name.

    Yields
    ------
    dict
        A row; standard deviations stand in the row of their value.
    """
    for key, value in part.items():
        if key.endswith("_std") and key.removesuffix("_std") in part:
            continue
        name, unit = name_and_unit(key)
        if key == "versions" and isinstance(value, Mapping):
            text = ", ".join(f"{package} {release}" for package, release in value.items())
            yield {"key": f"{path}.{key}", "name": prefix + name, "text": text}
        elif isinstance(value, Mapping):
            yield from facts(value, f"{path}.{key}", prefix=f"{prefix}{name}: ")
        else:
            share = key.endswith("_share") and is_number(value)
            text = percent(value) if share else _text(value, part.get(f"{key}_std"), unit)
            yield {"key": f"{path}.{key}", "name": prefix + name, "text": text}


def budget_rows(results: dict[str, Any]) -> list[Row]:
    """Return the error budget, where a run has one.

    Parameters
    ----------
    results : dict
        Content of results.json; report.error_budget is a list of {"name", "std_um", "share"}.

    Returns
    -------
    list of dict
        One row a cause.
    """
    return [
        {
            "key": "",
            "name": str(entry.get("name", "")),
            "text": f"{quantity(entry.get('std_um'), unit='µm')}, {percent(entry.get('share'))}",
        }
        for entry in _records(results, "error_budget")
    ]


def quality_tables(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is known of each scan's quality, and of the scans' registration.

    Parameters
    ----------
    results : dict
        Content of results.json.

    Returns
    -------
    list of dict
        "caption" and "rows" of each table; empty tables are left out.
    """
    tables = []
    scans, quality = section(results, "scans"), section(results, "report", "quality")
    for name in dict.fromkeys([*scans, *quality]):
        rows = [
            *facts(section(scans, name), f"scans.{name}"),
            *facts(section(quality, name), f"report.quality.{name}"),
        ]
        if not isinstance(quality.get(name, {}), dict):
            rows += facts({name: quality[name]}, "report.quality")
        tables.append({"caption": f"Scan: {name}", "rows": rows})
    registration = {k: v for k, v in section(results, "registration").items() if v is not None}
    if registration:
        rows = list(facts(registration, "registration"))
        tables.append({"caption": "Registration of the scans to each other", "rows": rows})
    before = {k: v for k, v in section(results, "registration_before").items() if v is not None}
    if before:
        rows = list(facts(before, "registration_before"))
        tables.append({"caption": "Registration to the scan before charging", "rows": rows})
    return [table for table in tables if table["rows"]]


def phase_rows(results: dict[str, Any], gas: str) -> list[Row]:
    """Return what each phase should read in a gas, and what it was found to read.

    Parameters
    ----------
    results : dict
        Content of results.json: report.expected_mu and report.found_mu.
    gas : str
        Name of the gas or scan.

    Returns
    -------
    list of dict
        "name", "mu", "range" and "found", the last three in cm^-1 as text.
    """
    expected = section(results, "report", "expected_mu", gas)
    found = section(results, "report", "found_mu", gas)
    rows = []
    for phase in dict.fromkeys([*expected, *found]):
        entry = section(expected, phase)
        low, high = entry.get("low"), entry.get("high")
        material = entry.get("name")
        rows.append(
            {
                "name": f"{phase} ({material})" if material and material != phase else phase,
                "mu": quantity(entry.get("mu_per_cm")).replace(NOT_MEASURED, ""),
                "range": f"{number(low)} to {number(high)}" if is_number(low) and is_number(high) else "",
                "found": number(found[phase]) if is_number(found.get(phase)) else "",
            }
        )
    return rows


def scan_gas(results: Mapping[str, Any], config: Mapping[str, Any], name: str) -> str:
    """Return under which name the expected µ of a scan stand: its own, or that of its gas.

    Parameters
    ----------
    results : mapping
        Content of results.json.
    config : mapping
        The configuration.
    name : str
        Name of the scan.

    Returns
    -------
    str
        A key of report.expected_mu, where it is known.
    """
    gas = section(dict(config), "scans", name, "gas").get("name")
    return name if name in section(dict(results), "report", "expected_mu") else str(gas).lower()


def contrast_table(results: dict[str, Any]) -> dict[str, list[Any]]:
    """Return which phases each scan, and both together, can tell apart.

    Parameters
    ----------
    results : dict
        Content of results.json: report.separability.

    Returns
    -------
    dict
        "scans", the columns, and "rows" of "name" (the pair) and "texts" (d' and verdict, one a column).
    """
    found: dict[str, dict[str, str]] = {}
    for pair in _records(results, "separability"):
        name, scans = f"{pair.get('first')} and {pair.get('second')}", pair.get("scans")
        apart = f"{number(pair['d_prime'])}, " if is_number(pair.get("d_prime")) else ""
        together = " and ".join(map(str, scans)) if isinstance(scans, list) else str(scans)
        found.setdefault(name, {})[together] = f"{apart}{pair.get('verdict') or NOT_MEASURED}"
    columns = list(dict.fromkeys(scans for texts in found.values() for scans in texts))
    rows = [{"name": n, "texts": [texts.get(c, "") for c in columns]} for n, texts in found.items()]
    return {"scans": columns, "rows": rows}


def notes(results: dict[str, Any]) -> list[str]:
    """Return the sentences that a reader of the labels must know.

    Parameters
    ----------
    results : dict
        Content of results.json: report.notes and report.calibration.

    Returns
    -------
    list of str
        One sentence each.
    """
    given = section(results, "report").get("notes")
    states = section(results, "report", "calibration")
    lines = [f"The grey values of the {gas} scan are {state}." for gas, state in states.items()]
    return [*lines, *(str(line) for line in given)] if isinstance(given, list) else lines


def _records(results: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = section(results, "report").get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _text(value: Any, std: Any, unit: str) -> str:
    if value is None:
        return NOT_MEASURED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:_} {unit}".rstrip().replace("_", "\u202f")  # thin spaces between thousands
    if is_number(value):
        return quantity(value, std, unit)
    if isinstance(value, (list, tuple)):
        parts = [number(v) if isinstance(v, float) else str(v) for v in value]
        return f"{', '.join(parts)} {unit if parts else ''}".strip() or "none"
    return str(value)
