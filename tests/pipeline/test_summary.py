"""The balance in the terminal: every term, its uncertainty, the truth beside it, nothing invented."""

import io

import pytest
from rich.console import Console

from xelith.pipeline.summary import balance_rows, balance_table, deposit_rows, verdict_text


def printed(results) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(balance_table(results))
    return console.file.getvalue()  # type: ignore[attr-defined]


def line(text: str, start: str) -> list[str]:
    """Cells of the first line whose first cell starts so."""
    rows = [[cell.strip() for cell in row.strip("│┃ ").split("│")] for row in text.splitlines()]
    return next(row for row in rows if row[0].startswith(start))


@pytest.fixture
def results(run_dir):
    import json

    return json.loads((run_dir / "results.json").read_text())


def test_every_term_with_std_and_truth(results):
    text = printed(results)
    assert line(text, "lithium film") == ["lithium film", "9.8", "0.4", "9.90"]
    assert line(text, "inside the electrolyte")[1:] == ["0.12", "0.30", "0.0"]
    assert line(text, "mixed zone")[1] == "not measured"
    assert line(text, "isolated")[1] == "0.000 to 0.400"
    assert line(text, "measured")[1:] == ["9.9", "0.5", "9.90"]
    assert line(text, "expected")[1:3] == ["9.94", "0.11"]
    assert line(text, "closure")[1] == "100.1 %"
    assert line(text, "electrode covered")[1] == "97.5 %"
    assert "consistent with the charge; lithium lies as a film" in " ".join(text.split())


def test_without_truth_there_is_no_column_for_it(results):
    del results["truth"]
    assert "truth" not in printed(results)


@pytest.mark.parametrize("empty", [{}, {"balance": None, "coulometry": None}, {"balance": {"film_um": None}}])
def test_nothing_measured_is_said_not_hidden(empty):
    text = printed(empty)
    for term in ("lithium film", "inside the carbon", "measured", "expected", "closure"):
        assert line(text, term)[1] == "not measured"
    assert verdict_text(empty) == "not measured"
    assert deposit_rows(empty) == []


def test_zero_is_measured_and_differs_from_null():
    rows = {row.key: row.value for row in balance_rows({"balance": {"film_um": 0.0, "in_carbon_um": None}})}
    assert rows["balance.film_um"] == 0.0
    assert rows["balance.in_carbon_um"] is None
    assert line(printed({"balance": {"film_um": 0.0}}), "lithium film")[1] == "0.0"


def test_a_declared_term_says_so():
    rows = balance_rows({"balance": {"in_carbon_um": 5.0, "declared": ["in_carbon_um"]}})
    assert [row.name for row in rows if "declared" in row.name] == ["inside the carbon (declared)"]


def test_unknown_words_pass_without_markup():
    odd = {"balance": {"verdict": "[bold]odd[/nonsense]", "finding": "shorted"}}
    assert "[bold]odd[/nonsense]" in printed(odd)
