"""What is installed is what is here: the packages, their data files, the command `r3d`."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.small_run import PROJECT
from tests.test_python_face import check_program, documented_programs

ROOMS = ("app", "callbacks", "datasets", "models", "weights")
PYPROJECT = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
# The recipes are not below app/ here, but go there.
RECIPES = "app.recipes"


def listed(pattern):
    """A list of pyproject.toml."""
    return ast.literal_eval(re.search(pattern + r" = (\[[^]]*\])", PYPROJECT)[1])


def tracked(pattern):
    """The files of the rooms that git knows; all but caches where there is no git."""
    found = subprocess.run(
        ["git", "ls-files", *ROOMS], cwd=PROJECT, capture_output=True, encoding="utf-8"
    )
    names = found.stdout.splitlines() or [
        str(path.relative_to(PROJECT)) for room in ROOMS for path in (PROJECT / room).rglob("*.*")
    ]
    return [Path(name) for name in names if re.search(pattern, name)]


def test_every_folder_with_modules_is_a_package():
    folders = {".".join(path.parent.parts) for path in tracked(r"\.py$")}
    assert folders | {RECIPES} == set(listed("packages"))


def test_every_data_file_comes_along():
    packages = set(listed("packages"))
    patterns = listed(r'"\*"')
    for path in tracked(r"^(?!.*\.(py|pyc|pth|pdparams|json)$)"):
        package = next(p for p in path.parents if ".".join(p.parts) in packages)
        assert any(path.relative_to(package).match(pattern) for pattern in patterns), path


def python(environment, *arguments, cwd):
    """Run the Python of an environment without this project on its path; returns what it prints."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [environment / "bin" / "python", *map(str, arguments)],
        cwd=cwd,
        env={**inherited, "XDG_CACHE_HOME": str(cwd / "cache"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("editable", [False, True], ids=["copied", "editable"])
def test_the_package_installs_into_an_empty_environment_and_works_there(editable, tmp_path):
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "--quiet", PROJECT, source], check=True)
    words = ["install", "--quiet", *(["--editable"] if editable else []), source]
    python(environment, "-m", "pip", *words, cwd=tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = environment / "bin" / "r3d"
    shown = subprocess.run([command, "--help"], cwd=elsewhere, capture_output=True, text=True)
    assert shown.returncode == 0 and "prepare" in shown.stdout
    # Without --data.videos the recipe of the demo is found wherever it was installed.
    printed = python(environment, "-m", "app", "fit", "--print_config", cwd=elsewhere)
    assert "demo: directions" in printed and "epochs: 200" not in printed
    for number, program in enumerate(documented_programs()):
        place = elsewhere / str(number)
        place.mkdir()
        check_program(program, place, lambda text, at: python(environment, "-c", text, cwd=at))
