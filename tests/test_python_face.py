"""What `import app` and `import weights` give, in whatever order their modules are imported."""

import ast
import os
import subprocess
import sys

import paddle
import pytest

import app
import datasets
import weights
from app import command_line
from tests.app.small_run import PROJECT, write_corpus
from tests.app.trained import CONTRACT, LABELS, small_network, write_run, write_weights

VERBS = [f"app.{function}" for _, _, function in command_line.VERBS.values()]
MODULES = [module for _, module, _ in command_line.VERBS.values()]


def python(source, folder, *arguments):
    """Run lines of Python in a folder that is not the project's, and return what they print."""
    done = subprocess.run(
        [sys.executable, *arguments, "-c", source],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_heavy_is_imported_with_the_names(tmp_path):
    source = (
        "import app, datasets, weights, sys\n"
        "app.FitConfig(data=app.DataConfig(videos='x'))\n"
        "print(sorted({'paddle', 'av', 'torch', 'numpy', 'matplotlib'} & sys.modules.keys()))"
    )
    assert python(source, tmp_path) == "[]\n"


@pytest.mark.parametrize("order", ["packages first", "modules first"])
def test_functions_stay_functions_when_the_modules_of_their_names_are_imported(order, tmp_path):
    functions = [*VERBS, "app.open_engine", "weights.pretrained", "weights.load_network"]
    packages = ["import app, weights"]
    imports = [f"import {module}" for module in [*MODULES, "weights.pretrained"]]
    checks = [f"assert callable({function}), {function}" for function in functions]
    first, second = (packages, imports) if order == "packages first" else (imports, packages)
    python("\n".join([*first, *checks, *second, *checks]), tmp_path)


def test_every_configuration_class_is_there():
    tree = ast.parse((PROJECT / "app" / "configuration.py").read_text(encoding="utf-8"))
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assert classes <= set(app.__all__)
    for name in app.__all__:
        assert getattr(app, name) is not None
    assert set(app.__all__) <= set(dir(app))


def test_a_name_that_is_not_there_is_an_attribute_error():
    for package in (app, weights, datasets):
        with pytest.raises(AttributeError, match=f"{package.__name__}.*nonsense"):
            _ = package.nonsense


def test_functions_check_what_the_command_line_checks(tmp_path):
    with pytest.raises(app.UserError, match="--run_dir"):
        app.fit(app.FitConfig(resume=True))
    with pytest.raises(app.UserError, match="not a run folder"):
        app.fit(app.FitConfig(resume=True, run_dir=str(tmp_path)))


def test_a_network_is_loaded_from_a_weight_file_and_from_a_run(tmp_path):
    path = write_weights(tmp_path / "network.pdparams")
    run = write_run(tmp_path / "run")
    expected, _ = small_network()
    expected.eval()
    clips = paddle.randn([1, 3, CONTRACT.frames, CONTRACT.size, CONTRACT.size])
    for place in (path, run):
        network, description = weights.load_network(place)
        assert description.labels == LABELS
        assert not network.training
        assert bool((network(clips) == expected(clips)).all())
    with pytest.raises(weights.WeightsError, match="nowhere"):
        weights.load_network(tmp_path / "nowhere")


def test_pretrained_weights_become_a_recogniser_of_other_classes(tmp_path):
    path = write_weights(tmp_path / "network.pdparams")
    clips = paddle.randint(0, 256, [2, 3, CONTRACT.frames, CONTRACT.size, CONTRACT.size])
    same = weights.pretrained(str(path), labels=list(LABELS))
    other = weights.pretrained(str(path), labels=["a", "b"])
    assert other(clips.astype("uint8")).shape == [2, 2]
    network, description = weights.load_network(path)
    expected = description.recogniser(network)
    same.eval()
    assert bool((same(clips.astype("uint8")) == expected(clips.astype("uint8"))).all())


def test_published_weights_are_looked_for_where_the_command_looks(tmp_path, monkeypatch):
    monkeypatch.setattr("weights.opening.weights_folder", lambda: tmp_path)
    with pytest.raises(weights.WeightsError, match=str(tmp_path / "r3d18_K_200ep.pth")):
        weights.pretrained("r3d18_K_200ep", labels=["a", "b"])


def documented_programs():
    """The Python programs of docs/python.md: its indented blocks that import something."""
    blocks, block = [], []
    text = (PROJECT / "docs" / "python.md").read_text(encoding="utf-8")
    for line in [*text.splitlines(), "end"]:
        if line.startswith("    ") or not line:
            block.append(line[4:])
        else:
            blocks.append("\n".join(block).strip())
            block = []
    return [block for block in blocks if block.startswith(("import ", "from "))]


def check_program(program, folder, run):
    """Run a program of the documentation beside the videos and the run that it speaks of."""
    write_corpus(folder / "my_videos", n_train=4, n_val=1)
    write_run(folder / "runs" / "my_videos", folder / "my_videos")
    (folder / "new_clip.mp4").symlink_to(folder / "my_videos" / "val" / "walk" / "0.mp4")
    printed = run(program, folder)
    assert any(label in printed for label in ("walk", "run", "jump")), printed


@pytest.mark.parametrize("program", documented_programs(), ids=lambda text: text.split("\n")[0])
def test_the_documented_programs_run_from_another_folder(program, tmp_path):
    check_program(program, tmp_path, python)
