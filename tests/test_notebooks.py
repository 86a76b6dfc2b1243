"""Every notebook runs from its first cell to its last, on one small cell that all of them share."""

import os
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))


def test_the_seven_notebooks_are_there():
    assert [name.partition("_")[0] for name in NAMES if name[0].isdigit()] == list("1234567")


@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs(name, small_run, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(FOLDER / name, as_version=4)
    monkeypatch.setenv("XELITH_RUN", str(small_run))
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "2"))
    for cell in notebook.cells:  # its pictures are drawn from a third of the views, all else as it stands
        cell.source = re.sub(r"n_views=(\d+)", lambda found: f"n_views={int(found[1]) // 3}", cell.source)
    resources = {"metadata": {"path": str(FOLDER)}}
    client = nbclient.NotebookClient(notebook, timeout=180, kernel_name="python3", resources=resources)
    client.execute()  # a cell that fails raises with its traceback
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [o for o in outputs if o.output_type == "stream" and o.name == "stderr" and "Warning" in o.text]
    assert any("image/png" in output.get("data", {}) for output in outputs) or "own_data" in name


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_kept_with_its_outputs_and_is_small(name):
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(FOLDER / name, as_version=4)
    nbformat.validate(notebook)
    assert any(cell.get("outputs") for cell in notebook.cells)
    assert (FOLDER / name).stat().st_size < 700_000
    text = (FOLDER / name).read_text(encoding="utf8")
    assert "/tmp/vw" not in text and "Traceback" not in text
