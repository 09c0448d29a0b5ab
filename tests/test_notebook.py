"""The notebook, run from its first cell to the last as a user does."""

import shutil

import pytest

from tests.app.small_run import PROJECT

NOTEBOOK = PROJECT / "docs" / "quickstart.ipynb"
nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")


def test_the_notebook_is_kept_without_what_it_printed():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    for name in ("app", "callbacks", "configs", "datasets", "docs", "models", "weights"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    for path in PROJECT.glob("requirements*.txt"):
        shutil.copy(path, tmp_path)
    notebook = nbformat.read(tmp_path / "docs" / NOTEBOOK.name, as_version=4)
    place = {"metadata": {"path": str(tmp_path / "docs")}}
    nbclient.NotebookClient(notebook, timeout=1800, resources=place).execute()
    printed = str([cell.outputs for cell in notebook.cells if cell.cell_type == "code"])
    assert "best: epoch" in printed and "<iframe" in printed and "image/png" in printed
    assert "video/mp4" in printed
    assert (tmp_path / "runs" / "quickstart" / "report.html").is_file()
