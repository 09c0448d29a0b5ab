"""`python -m app VERB`: parse, call one function with a configuration object, print its result."""

import contextlib
import difflib
import errno
import importlib
import inspect
import os
import platform
import re
import signal
import sys
import warnings
from dataclasses import MISSING, fields
from importlib import metadata
from pathlib import Path

from jsonargparse import ArgumentError, ArgumentParser

from app import configuration
from app.errors import UserError
from app.options import (
    check_file,
    groups_of,
    not_finite,
    options_of,
    plain_words,
    wrong_value,
)
from app.version import __version__
from datasets.shown import shown

# verb -> configuration class, and the module and function that do the work. The module is imported
# only when its verb runs: Paddle takes seconds to import, `--help` should not.
VERBS = {
    "fit": (configuration.FitConfig, "app.fit", "fit"),
    "evaluate": (configuration.EvaluateConfig, "app.evaluate", "evaluate"),
    "score": (configuration.ScoreConfig, "app.score", "score"),
    "summary": (configuration.SummaryConfig, "app.summary", "summarise"),
    "index": (configuration.IndexConfig, "app.index", "index"),
    "prepare": (configuration.PrepareConfig, "app.prepare", "prepare"),
    "convert": (configuration.ConvertConfig, "app.convert", "convert"),
    "weights": (configuration.WeightsConfig, "app.published_weights", "list_weights"),
    "predict": (configuration.PredictConfig, "app.predict", "predict"),
    "demo": (configuration.DemoConfig, "app.demo", "open_demo"),
    "export": (configuration.ExportConfig, "app.export", "export"),
    "report": (configuration.ReportConfig, "app.report", "report"),
    "board": (configuration.BoardConfig, "app.board", "open_board"),
}
POSITIONAL = {
    *("evaluate", "score", "convert", "index", "prepare", "predict", "demo", "export", "report")
}
# Verbs with one option that may be given as a word alone.
LONE_WORD = {"board": "run_dir"}
# The recipes lie beside app/ in the project, and in it where it was installed.
RECIPES = [Path(__file__).parent.parent / "configs", Path(__file__).parent / "recipes"]


def build_parser():
    """The parser of the whole command line."""
    parser = ArgumentParser(
        prog="python -m app",
        usage="python -m app VERB ...     (python -m app VERB --help lists its options)",
        description="Action recognition in video with 3D ResNets on PaddlePaddle.",
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=_versions())
    verbs = parser.add_subcommands(dest="verb", required=True)
    for verb, (config_class, _, _) in VERBS.items():
        several = _several(config_class) if verb in POSITIONAL else None
        summary = config_class.__doc__.splitlines()[0]
        verb_parser = ArgumentParser(
            usage=_usage(verb, config_class), exit_on_error=False, allow_abbrev=False
        )
        verb_parser.add_argument("--config", action="config", help="YAML file with these options.")
        verb_parser.add_class_arguments(
            config_class,
            as_group=False,
            as_positional=verb in POSITIONAL,
            skip={several} if several else None,
        )
        if several:
            # Words one after the other, instead of one that is written as a list.
            verb_parser.add_argument(
                several,
                nargs="+",
                type=str,
                metavar=several.upper().removesuffix("S"),
                help=_help_of(config_class, several),
            )
        verbs.add_subcommand(verb, verb_parser, help=summary, description=summary)
    return parser


def main(arguments=None):
    """Run the command line.

    Args:
        arguments: List of words after `python -m app`; those of the process where left out.

    Returns:
        Exit code: 0 when all went well, 1 when some of the inputs failed and are named, 2 for a
        mistake of the user, 128 + the signal's number after Ctrl-C or SIGTERM.
    """
    if arguments is None:
        _begin_in_utf8()
        arguments = sys.argv[1:]
    # Names may hold anything, and the locale may be plain ASCII: nothing printed ends a run.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        if not arguments:
            build_parser().print_help()
            return 0
        if arguments == ["--version"]:
            # argparse would break the line.
            print(_versions())
            return 0
        config_class, module, function = VERBS.get(arguments[0], (None, None, None))
        config = _parse(arguments, config_class)
        # Paddle recommends a compiler cache, and says in every epoch what BatchNorm always does.
        warnings.filterwarnings("ignore", message="No ccache found")
        warnings.filterwarnings("ignore", message="When training, we now always track")
        work = getattr(importlib.import_module(module), function)
        result = work(config)
        text = str(result)
        if text:
            print(text, flush=True)
    except _user_errors() as error:
        return _complain(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader of our output (`| head`) has gone; not an error.
        _discard_output()
        return 0
    except OSError as error:
        # Files of ours are named where they are written; what is left is where we print to.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or error.filename is not None:
            raise
        _discard_output()
        return _complain(f"the output could not be written: {error.strerror}")
    return getattr(result, "exit_code", 0)


def _discard_output():
    """Let nothing of what is still to be printed fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _begin_in_utf8():
    """Begin anew where the locale has another encoding: names and files are in UTF-8 everywhere."""
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", "-m", "app", *sys.argv[1:]])


def _parse(arguments, config_class):
    """The configuration object that the words of a command line stand for."""
    parser = build_parser()
    if config_class is None:
        if not arguments[0].startswith("-"):
            close = difflib.get_close_matches(arguments[0], VERBS, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise UserError(
                f"{shown(arguments[0])}: no such command; there are {', '.join(VERBS)}{hint}"
            )
        parser.parse_args(arguments)
        raise UserError(f"{shown(arguments[0])}: name a command first: {', '.join(VERBS)}")
    options = options_of(config_class)
    verb, *words = arguments
    if verb in LONE_WORD and words and not words[0].startswith("-"):
        words = [f"--{LONE_WORD[verb]}", *words]
    words = _with_implied_config(verb, plain_words(words, options, verb in POSITIONAL))
    for place, word in enumerate(words[:-1]):
        if word == "--config":
            words[place + 1] = str(find_recipe(words[place + 1]))
    in_files = {}
    for name, value in _values(words):
        if name == "config" or name in groups_of(options):
            in_files |= check_file(value, options) if name == "config" else {}
    try:
        parsed = parser.parse_args([verb, *words])
        config = parser.instantiate(parsed)[verb]
    except ArgumentError as error:
        raise _in_plain_words(str(error), options, dict(_values(words)), in_files) from None
    config = config_class(**{name: config[name] for name in config_class.__dataclass_fields__})
    for name, value in not_finite(config):
        raise wrong_value(name, options, value)
    return config


def _in_plain_words(message, options, typed, in_files):
    """What jsonargparse says, as its users would say it."""
    key = re.match(r'Parser key "([^"]+)":', message)
    name = key and key[1]
    if name in options:
        if name in typed:
            return wrong_value(name, options, typed[name])
        if name in in_files:
            line, text = in_files[name]
            return UserError(f"{wrong_value(name, options, text)} (--config, line {line})")
        return wrong_value(name, options, None)
    missing = re.search(r"arguments are required: (.*)", message)
    if missing:
        names = [name.strip().replace(".", " needs ", 1) for name in missing[1].split(",")]
        return UserError("; ".join(names))
    strange = re.search(r"unrecognized arguments: (.*)", message)
    if strange:
        return UserError(f"{shown(strange[1])}: belongs to no option of this command")
    return UserError(re.sub(r"^Subcommand '\w+': ", "", message))


def _several(config_class):
    """The field that takes all remaining words, or None."""
    options = options_of(config_class)
    required = [f.name for f in fields(config_class) if f.default is f.default_factory is MISSING]
    return next((name for name in required if options[name].is_list), None)


def _usage(verb, config_class):
    required = [f.name for f in fields(config_class) if f.default is f.default_factory is MISSING]
    several = _several(config_class)
    words = [name.upper() if name != several else f"{name.upper()}..." for name in required]
    return " ".join(["python -m app", verb, *words, "[--config FILE] [--OPTION VALUE ...]"])


def _help_of(config_class, name):
    """What the docstring of a configuration class says of a field."""
    # Python 3.13 takes away the indentation that a class gives its docstring; others leave it.
    text = inspect.cleandoc(config_class.__doc__)
    found = re.search(rf"^    {name}: (.*?)(?=^    \w+: |\Z)", text, re.M | re.S)
    return " ".join(found[1].split())


def _versions():
    """The version of the project and of what it stands on."""
    versions = [f"paddle-3d-resnets {__version__}"]
    for package in ("paddlepaddle-gpu", "paddlepaddle", "av", "numpy"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions.append(f"{package} {metadata.version(package)}")
    return ", ".join([*versions, f"Python {platform.python_version()}"])


def _user_errors():
    """The errors that a user can mend; the rooms they come from are imported only now."""
    from datasets.annotations.errors import AnnotationError
    from datasets.clips.errors import WorkerLostError
    from weights.errors import WeightsError

    return ArgumentError, UserError, AnnotationError, WorkerLostError, WeightsError


def _with_implied_config(verb, words):
    """Put the configuration file that `fit` implies before the user's own options.

    A resumed run starts from its own config.yaml; a run without any videos is the demo.
    """
    if verb != "fit" or {"-h", "--help"} & set(words):
        return words
    options = dict(_values(words))
    if options.get("resume", "false").lower() == "true":
        if "run_dir" not in options:
            raise UserError("--resume continues the run in --run_dir: name the folder")
        recipe = Path(options["run_dir"]) / "config.yaml"
        if not recipe.is_file():
            raise UserError(
                f"{shown(recipe.parent)}: nothing to resume, there is no config.yaml in it"
            )
    elif {"config", "data", "data.videos", "data.annotation"} & options.keys():
        return words
    else:
        recipe = find_recipe("demo.yaml")
    return ["--config", str(recipe), *words]


def find_recipe(name):
    """The path of a file of options: as it is, else among the project's own recipes.

    Args:
        name: A path, or the name of a file in configs/.
    """
    places = [Path(name), *(folder / Path(name).name for folder in RECIPES)]
    return next((path for path in places if path.is_file()), Path(name))


def _values(words):
    """The options among command-line words, as (name, value) pairs; flags are "true"."""
    for position, word in enumerate(words):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if not equals and position + 1 < len(words):
                value = words[position + 1]
            yield name, value


def _complain(error):
    """Print one line and return the exit code of a user's mistake."""
    print("error: " + shown(" ".join(str(error).split())), file=sys.stderr)
    return 2
