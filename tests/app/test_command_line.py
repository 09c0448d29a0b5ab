import subprocess
import sys
from typing import get_args

import pytest

import models
from app.command_line import VERBS, main
from app.configuration import Architecture, FitConfig, ModelConfig
from app.describe import NETWORK_OPTIONS
from app.option_words import plain_words
from app.run_folder import RunFolder, config_text
from tests.app.small_run import PROJECT


def complaint(capsys, *arguments):
    """The one line that a mistake of the user gives."""
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert captured.err.startswith("error: ")
    return captured.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("fit --optim.learning_rate 1", "--optim.learning_rate"),
        ("fit --train.epochs many", "--train.epochs"),
        ("fit --train.epochs 0", "--train.epochs"),
        ("fit --model.depth 19", "--model.depth"),
        ("fit --optim.schedule step", "--optim.schedule"),
        ("fit --model.conv1_t_size 4", "--model.conv1_t_size"),
        ("fit --clip.crop_scale [1.0,0.5]", "--clip.crop_scale"),
        ("fit --data.max_failures 1.5", "--data.max_failures"),
        ("fit --data.videos /no/such/folder", "/no/such/folder"),
        ("fit --config /no/such/file.yaml", "/no/such/file.yaml"),
        ("fit --train.device gpu", "device gpu"),
        ("fit --train.device tpu", "device tpu"),
        ("fit --data.annotation x.json", "x.json"),
        ("index /no/such/folder", "/no/such/folder"),
        ("fit --resume", "--run_dir"),
        ("fit --resume --run_dir /no/such/run", "/no/such/run"),
        ("evaluate /no/such/run", "/no/such/run"),
        ("board --run_dir /no/such/run", "/no/such/run"),
        ("convert /no/such/file.pth", "/no/such/file.pth"),
        ("fly", "fly"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(words, named, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert named in complaint(capsys, *words.split())


def test_a_wrong_value_in_a_file_is_named(tmp_path, capsys):
    (tmp_path / "recipe.yaml").write_text("optim:\n  learning_rate: 1\n")
    error = complaint(capsys, "fit", "--config", str(tmp_path / "recipe.yaml"))
    assert "learning_rate" in error


def test_help_does_not_import_paddle():
    code = (
        "import sys; from app.command_line import build_parser; build_parser().format_help();"
        "sys.exit('paddle' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0


def test_help_names_every_verb():
    result = subprocess.run(
        [sys.executable, "-m", "app", "--help"], cwd=PROJECT, capture_output=True, text=True
    )
    assert result.returncode == 0
    for verb in VERBS:
        assert verb in result.stdout


def test_the_printed_configuration_is_one_that_can_be_read(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["fit", "--data.videos", "x", "--optim.lr", "0.25", "--print_config"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "lr: 0.25" in printed and "videos: x" in printed


def test_a_configuration_survives_its_file(tmp_path):
    config = FitConfig()
    config.data.max_failures = 3
    config.optim.milestones = (2, 5)
    config.model.mean = (0.1, 0.2, 0.3)
    (tmp_path / "config.yaml").write_text(config_text(config))
    assert RunFolder(tmp_path).read_config() == config


@pytest.mark.parametrize("recipe", sorted((PROJECT / "configs").glob("*.yaml")), ids=str)
def test_every_recipe_can_be_read(recipe, tmp_path):
    (tmp_path / "config.yaml").write_text(recipe.read_text())
    RunFolder(tmp_path).read_config()


def test_summary_counts(capsys):
    assert main(["summary", "--model.depth", "18", "--n_classes", "400"]) == 0
    out = capsys.readouterr().out
    assert "parameters: 33,409,104" in out
    assert "multiply-adds for one clip of 3x16x112x112: 8,30" in out


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        ("predict run --timeline a.mp4", "predict run --timeline=true a.mp4"),
        ("fit --resume", "fit --resume=true"),
        ("fit --resume false", "fit --resume false"),
        ("convert a.pth --no-check", "convert a.pth --no_check=true"),
        ("score a b --k 1 5", "score a b --k [1,5]"),
        ("fit --data.videos my-videos", "fit --data.videos my-videos"),
    ],
)
def test_what_people_type(typed, parsed):
    flags = {"--timeline", "--resume", "--no_check"}
    assert plain_words(typed.split(), flags) == parsed.split()


def test_ctrl_c_is_no_traceback(monkeypatch, capsys):
    def interrupt(config):
        raise KeyboardInterrupt

    monkeypatch.setattr("app.published_weights.list_weights", interrupt)
    assert main(["weights"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_dashes_and_underscores_are_the_same(capsys):
    assert main(["summary", "--n-classes", "2", "--model.widen-factor", "0.1"]) == 0
    assert "parameters" in capsys.readouterr().out


def test_weights_lists_the_published_checkpoints(capsys):
    assert main(["weights"]) == 0
    out = capsys.readouterr().out
    assert out.count("_200ep") == 21 and "Google Drive" in out and "imagenet" in out
    rows = out.split("\n\n")[0].splitlines()
    # The 17 of the original's README first.
    assert len(rows) == 1 + 45 and all(row.startswith("r3d") for row in rows[1:18])
    assert main(["weights", "--family", "densenet"]) == 0
    rows = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert [row.split()[0] for row in rows[1:]] == [
        "densenet-121-kinetics",
        "densenet-201-kinetics",
    ]


def test_every_family_and_its_options_can_be_asked_for():
    assert get_args(Architecture) == tuple(models.FAMILIES)
    for family in models.FAMILIES.values():
        assert set(family.options) - {"n_classes", "in_channels"} <= set(NETWORK_OPTIONS)
        depth = ModelConfig.__dataclass_fields__["depth"].type
        assert set(family.depths) <= set(get_args(get_args(depth)[0]))


def test_an_option_of_another_family_is_refused_by_name(capsys):
    densenet = ("summary", "--model.architecture", "densenet")
    assert "densenet has no option shortcut" in complaint(capsys, *densenet, "--model.shortcut=A")
    resnext = ("summary", "--model.architecture", "resnext")
    assert "no ResNeXt of depth 18; there are: 50" in complaint(
        capsys, *resnext, "--model.depth=18"
    )


def test_a_summary_of_another_family(capsys):
    assert main(["summary", "--model.architecture", "densenet", "--n_classes", "400"]) == 0
    assert "parameters: 11,696,528" in capsys.readouterr().out
