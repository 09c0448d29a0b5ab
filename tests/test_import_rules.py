"""Which room may import which, read from the sources."""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from app.command_line import VERBS

ROOT = Path(__file__).parent.parent
# Room -> the rooms whose files it may import besides its own.
MAY_IMPORT = {
    "app": {"callbacks", "datasets", "models", "weights"},
    "callbacks": set(),
    "datasets": set(),
    "models": set(),
    "weights": {"models"},
}
# Room -> the installed packages that it has no business with.
FOREIGN = {
    "callbacks": {"av", "torch"},
    "datasets": {"torch", "visualdl", "jsonargparse"},
    "models": {"av", "torch", "visualdl", "jsonargparse"},
    "weights": {"av", "torch", "visualdl", "jsonargparse"},
}
# The only files that read PyTorch's format or compare with PyTorch.
WITH_TORCH = {"weights/torch_files.py", "weights/torch_forward.py"}


@cache
def sources():
    """Module name -> path of every file in a room."""
    found = {}
    for room in MAY_IMPORT:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(module, only_at_import=False):
    """The modules that a module imports, at its top or (unless told otherwise) in a function."""
    tree = ast.parse(sources()[module].read_text(encoding="utf-8"))
    names = set()
    for node in _statements(tree) if only_at_import else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            inside = submodules & sources().keys()
            names |= inside or {node.module}
    return frozenset(names)


def _statements(tree):
    """The statements that run when a module is imported."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node
            yield from _statements(node)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_below_it(room):
    for module, path in sources().items():
        if module.partition(".")[0] != room:
            continue
        packages = {name.partition(".")[0] for name in imports(module)}
        strangers = packages & MAY_IMPORT.keys() - {room} - MAY_IMPORT[room]
        assert not strangers, f"{path.relative_to(ROOT)} imports {strangers}"
        assert not packages & {"tests", "benchmarks"}, f"{path.relative_to(ROOT)}"
        foreign = packages & FOREIGN.get(room, set())
        if path.relative_to(ROOT).as_posix() in WITH_TORCH:
            foreign -= {"torch"}
        assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"


def test_no_module_imports_itself_in_a_circle():
    # What is imported inside a function counts: a circle is a circle when it is run late, too.
    order = TopologicalSorter({m: imports(m) & sources().keys() for m in sources()})
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail("a circle: " + " <- ".join(error.args[1]))


def test_nothing_in_a_folder_imports_a_verb_from_above():
    # `app/evaluation/` serves `app/evaluate.py`, and does not know it.
    verbs = {module for _, module, _ in VERBS.values()}
    for module in sources():
        if module.startswith("app.") and module.count(".") > 1:
            assert not imports(module) & verbs, module


@pytest.mark.parametrize(
    "module", ["app", "app.command_line", "app.configuration", "weights", "datasets"]
)
def test_paddle_waits_until_something_is_asked_for(module):
    """What the face and the command line import at their top does not reach Paddle."""
    reached, new = set(), {module}
    while new:
        reached |= new
        parents = {name.rpartition(".")[0] for name in new} - {""}
        found = {name for m in new & sources().keys() for name in imports(m, True)} | parents
        new = found - reached
    assert not {name.partition(".")[0] for name in reached} & {"paddle", "torch", "visualdl"}


def test_the_files_that_the_architecture_names_are_there():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_0-9]+/[a-z_0-9/]*(?:\.py)?)`", text)
    assert len(named) > 30
    for name in named:
        assert (ROOT / name).exists(), name


def test_the_way_of_a_clip_takes_at_most_nine_files():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    way = re.search(r"from file to loss\n\n(.*?)\n\n", text, re.S)[1]
    assert 5 <= len(re.findall(r"^\d\. `", way, re.M)) <= 9
