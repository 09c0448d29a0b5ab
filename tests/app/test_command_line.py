import os
import subprocess
import sys
from typing import get_args

import pytest

import models
from app.command_line import VERBS, main
from app.configuration import Architecture, FitConfig, ModelConfig
from app.run_folder import RunFolder, config_text
from app.training.network import NETWORK_OPTIONS
from tests.app.small_run import PROJECT, command


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
        ("fit --optim.learning_rate 1", "did you mean --optim.lr?"),
        ("fit --train.epochs many", "--train.epochs many: must be a whole number above 0"),
        ("fit --lr 0.1", "did you mean --optim.lr?"),
        ("fit --epochs 3", "did you mean --train.epochs?"),
        ("fit --optim.momentun 1", "did you mean --optim.momentum?"),
        ("fit --clip.crop_scale 0.5", "--clip.crop_scale 0.5: must be 2 values, each a number"),
        ("fit --optim.nesterov maybe", "--optim.nesterov maybe: must be true or false"),
        ("score a b --k 0", "--k 0: must be a list, each a whole number above 0\n"),
        ("score a b --k 1 x", "x: belongs to no option"),
        ("fit --optim.schedule step", "must be one of multistep, cosine, plateau, constant"),
        ("fitt", "did you mean fit?"),
        ("evaluate", "evaluate needs run"),
        ("predict run", "predict needs sources"),
        ("summary --clip.flip 0.5", "--clip.flip: no such option"),
        ("fit --train.device cpu:0", "device cpu:0"),
        ("fit --model.widen_factor inf", "--model.widen_factor inf"),
        ("fit --train.epochs 0", "--train.epochs"),
        ("fit --model.depth 19", "--model.depth"),
        ("fit --optim.schedule step", "--optim.schedule"),
        ("fit --model.conv1_t_size 4", "--model.conv1_t_size"),
        ("fit --clip.crop_scale [1.0,0.5]", "--clip.crop_scale"),
        ("fit --data.max_failures 1.5", "--data.max_failures"),
        ("fit --data.videos /no/such/folder", "/no/such/folder"),
        ("fit --config /no/such/file.yaml", "/no/such/file.yaml"),
        ("fit --config", "--config: name the YAML file"),
        ("fit --train.device gpu", "device gpu"),
        ("fit --train.device tpu", "device tpu"),
        ("fit --data.annotation x.json", "x.json"),
        ("index /no/such/folder", "/no/such/folder"),
        ("fit --resume", "--run_dir"),
        ("fit --resume --run_dir /no/such/run", "/no/such/run"),
        ("evaluate /no/such/run", "/no/such/run"),
        ("board --run_dir /no/such/run", "/no/such/run"),
        ("board /no/such/run", "/no/such/run"),
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
    assert "learning_rate" in error and "recipe.yaml, line 2" in error and "--optim.lr?" in error


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("optim:\n  lr: fast\n", "--optim.lr fast: must be a number above 0 (--config, line 2)"),
        ("optim: [1\n", "line 2: not YAML"),
        ("- 1\n", "must hold options by name"),
        ("optimizer:\n  lr: 1\n", "line 1"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(text, named, tmp_path, capsys):
    (tmp_path / "recipe.yaml").write_text(text)
    error = complaint(capsys, "fit", "--config", str(tmp_path / "recipe.yaml"))
    assert named in error and "class" not in error


@pytest.mark.parametrize("typed", ["0.5 1.0", "0.5,1.0", "[0.5,1.0]", "[0.5, 1.0]", "0.5 1"])
def test_lists_are_read_however_they_are_written(typed, capsys):
    words = typed.split() if "[" not in typed else [typed]
    with pytest.raises(SystemExit):
        main(["fit", "--clip.crop_scale", *words, "--print_config"])
    assert "crop_scale:\n  - 0.5\n  - 1.0\n" in capsys.readouterr().out.replace(
        "  - ", "  - "
    ).replace("    - ", "  - ")


def test_without_a_command_the_help_is_shown(capsys):
    assert main([]) == 0
    assert "fit" in capsys.readouterr().out


def test_the_version_is_told(capsys):
    assert main(["--version"]) == 0
    told = capsys.readouterr().out
    assert "paddlepaddle" in told and told.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_behind_the_output_is_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run(command("weights"), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: the output could not be written: No space left on device\n"


def test_the_help_of_a_command_begins_with_its_options(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    assert "--run_dir" in "\n".join(capsys.readouterr().out.splitlines()[:12])


def test_names_are_shown_without_their_control_characters(capsys):
    error = complaint(capsys, "evaluate", "a\x1b[31m\nb")
    assert r"a\x1b[31m" in error and "\x1b" not in error


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


def test_an_option_that_stands_twice_in_a_file_is_refused(capsys, tmp_path):
    (tmp_path / "recipe.yaml").write_text("optim:\n  lr: 0.1\n  lr: 0.2\n")
    error = complaint(capsys, "fit", "--config", str(tmp_path / "recipe.yaml"))
    assert "recipe.yaml, line 3: optim.lr stands there a second time" in error


@pytest.mark.parametrize("recipe", sorted((PROJECT / "configs").glob("*.yaml")), ids=str)
def test_every_recipe_can_be_read(recipe, tmp_path):
    (tmp_path / "config.yaml").write_text(recipe.read_text())
    RunFolder(tmp_path).read_config()


def test_summary_counts(capsys):
    assert main(["summary", "--model.depth", "18", "--n_classes", "400"]) == 0
    out = capsys.readouterr().out
    assert "parameters: 33,409,104" in out
    assert "multiply-adds for one clip of 3x16x112x112: 8,30" in out


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


def test_names_are_utf_8_whatever_the_locale(tmp_path):
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        command("fit", "--data.videos", "vidéos/走路", "--print_config"),
        cwd=PROJECT,
        env={**os.environ, **plain},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert "vidéos/走路" in done.stdout
