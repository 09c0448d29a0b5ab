"""`python -m app VERB`: parse, call one function with a configuration object, print its result."""

import importlib
import os
import re
import signal
import sys
import warnings
from pathlib import Path

from jsonargparse import ArgumentError, ArgumentParser

from app import configuration
from app.errors import UserError

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
    "export": (configuration.ExportConfig, "app.export", "export"),
    "board": (configuration.BoardConfig, "app.board", "open_board"),
}
POSITIONAL = {"evaluate", "score", "convert", "index", "prepare", "predict", "export"}
# Options that take several numbers, written one after the other.
SERIES = {"--k"}
DEMO_RECIPE = Path(__file__).parent.parent / "configs" / "demo.yaml"


def build_parser():
    """The parser of the whole command line."""
    parser = ArgumentParser(
        prog="python -m app",
        description="Action recognition in video with 3D ResNets on PaddlePaddle.",
        exit_on_error=False,
        allow_abbrev=False,
    )
    verbs = parser.add_subcommands(dest="verb", required=True)
    for verb, (config_class, _, _) in VERBS.items():
        verb_parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
        verb_parser.add_argument("--config", action="config", help="YAML file with these options.")
        verb_parser.add_class_arguments(
            config_class, as_group=False, as_positional=verb in POSITIONAL
        )
        summary = config_class.__doc__.splitlines()[0]
        verbs.add_subcommand(verb, verb_parser, help=summary, description=summary)
        for action in verb_parser._actions:
            if action.dest == "sources":
                # Several words, instead of one that is written as a list.
                action.nargs, action._typehint, action.metavar = "+", str, "SOURCE"
    return parser


def main(arguments=None):
    """Run the command line.

    Args:
        arguments: List of words after `python -m app`; those of the process where left out.

    Returns:
        Exit code: 0 for success, 2 for a mistake of the user, 130 or 143 after Ctrl-C or SIGTERM.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        parser = build_parser()
        words = plain_words(arguments, _flags(arguments[:1]))
        parsed = parser.parse_args(_with_implied_config(words))
        config = parser.instantiate(parsed)[parsed.verb]
        config_class, module, function = VERBS[parsed.verb]
        fields = {name: config[name] for name in config_class.__dataclass_fields__}
        # Paddle recommends a compiler cache, and says in every epoch what BatchNorm always does.
        warnings.filterwarnings("ignore", message="No ccache found")
        warnings.filterwarnings("ignore", message="When training, we now always track")
        work = getattr(importlib.import_module(module), function)
        result = work(config_class(**fields))
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
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return getattr(result, "exit_code", 0)


def _flags(verb):
    """The options of a verb that are off unless named, with their dashes."""
    config_class = VERBS.get(verb[0], (None,))[0] if verb else None
    fields = getattr(config_class, "__dataclass_fields__", {})
    return {f"--{name}" for name, field in fields.items() if field.default is False}


def _user_errors():
    """The errors that a user can mend; the rooms they come from are imported only now."""
    from datasets.index.video_index import AnnotationError
    from weights.errors import WeightsError

    return ArgumentError, UserError, AnnotationError, WeightsError


def _with_implied_config(arguments):
    """Put the configuration file that `fit` implies before the user's own options.

    A resumed run starts from its own config.yaml; a run without any videos is the demo.
    """
    if arguments[:1] != ["fit"] or {"-h", "--help"} & set(arguments):
        return arguments
    options = dict(_options(arguments[1:]))
    if options.get("--resume", "false").lower() in ("true", ""):
        if "--run_dir" not in options:
            raise UserError("--resume continues the run in --run_dir: name the folder")
        recipe = Path(options["--run_dir"]) / "config.yaml"
        if not recipe.is_file():
            raise UserError(f"{recipe.parent}: nothing to resume, there is no config.yaml in it")
    elif {"--config", "--data", "--data.videos", "--data.annotation"} & options.keys():
        return arguments
    else:
        recipe = DEMO_RECIPE
    return ["fit", "--config", str(recipe), *arguments[1:]]


def _options(words):
    """The options among command-line words, as (name, value) pairs."""
    for position, word in enumerate(words):
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            if not equals and position + 1 < len(words):
                following = words[position + 1]
                value = "" if following.startswith("--") else following
            yield name, value


def _complain(error):
    """Print one line and return the exit code of a user's mistake."""
    message = re.sub(r'^Parser key "([^"]+)":', r"--\1:", str(error))
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return 2


def plain_words(arguments, flags):
    """Rewrite the words of a command line.

    Args:
        arguments: The words.
        flags: Options that stand alone: `--resume` means `--resume true`.

    Returns:
        The words to parse.
    """
    return _with_lists(_with_flags(_with_underscores(arguments), flags))


def _with_underscores(words):
    """Options may be written with dashes as well: `--no-check` is `--no_check`."""
    plain = []
    for word in words:
        name, equals, value = word.partition("=")
        is_option = name.startswith("--")
        plain.append("--" + name[2:].replace("-", "_") + equals + value if is_option else word)
    return plain


def _with_flags(words, flags):
    """A flag alone is switched on, and leaves the word behind it alone."""
    plain = []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        alone = word in flags and following.lower() not in ("true", "false", "yes", "no")
        plain.append(f"{word}=true" if alone else word)
    return plain


def _with_lists(words):
    """A series is one list to jsonargparse: `--k 1 5` becomes `--k [1,5]`."""
    plain = []
    for word in words:
        if word.isdigit() and len(plain) > 1 and plain[-2] in SERIES:
            plain[-1] = f"[{plain[-1].strip('[]')},{word}]"
        else:
            plain.append(word)
    return plain
