"""The options of a verb: their names, what they take in plain words, and what was meant instead."""

import difflib
import math
import re
import types
import typing
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

import yaml

from app.errors import UserError
from datasets.shown import shown

# What users of other programs type, where the last part of our name is another one.
ALIASES = {
    "amp": "train.precision",
    "arch": "model.architecture",
    "bs": "train.batch_size",
    "checkpoint": "model.pretrained",
    "dataset": "data.videos",
    "gpus": "train.device",
    "learning_rate": "optim.lr",
    "n_epochs": "train.epochs",
    "num_epochs": "train.epochs",
    "num_workers": "train.workers",
    "output_dir": "run_dir",
    "pretrain_path": "model.pretrained",
    "root_path": "run_dir",
    "sample_duration": "clip.frames",
    "sample_size": "clip.size",
    "video_path": "data.videos",
    "work_dir": "run_dir",
}
# What jsonargparse's restricted numbers mean.
NUMBERS = {
    "PositiveInt": "a whole number above 0",
    "NonNegativeInt": "a whole number, 0 or more",
    "PositiveFloat": "a number above 0",
    "NonNegativeFloat": "a number, 0 or more",
    "ClosedUnitInterval": "a number from 0 to 1",
    "OpenUnitInterval": "a number between 0 and 1",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
}
NUMBER = re.compile(r"[\[(]?[-+]?(\d|\.\d|inf|nan)[^\s]*[\])]?", re.IGNORECASE)


@dataclass(frozen=True)
class Option:
    """One option.

    Args:
        name: As on the command line, without dashes: `optim.lr`.
        kind: Its type, as the configuration class has it.
    """

    name: str
    kind: object

    @property
    def is_flag(self):
        """Whether it is true or false."""
        return bool in _alternatives(self.kind)

    @property
    def is_list(self):
        """Whether it takes several values."""
        return any(typing.get_origin(kind) in (tuple, list) for kind in _alternatives(self.kind))

    @property
    def words(self):
        """What it takes, in plain words."""
        return _words(self.kind)


def options_of(config_class, prefix=""):
    """The options of a configuration class, those of its groups included.

    Returns:
        Name -> `Option`.
    """
    kinds = typing.get_type_hints(config_class)
    options = {}
    for field in fields(config_class):
        name, kind = prefix + field.name, kinds[field.name]
        if is_dataclass(kind):
            options |= options_of(kind, f"{name}.")
        else:
            options[name] = Option(name, kind)
    return options


def groups_of(options):
    """The names of the groups of options: `optim` where there is `optim.lr`."""
    return {name.rpartition(".")[0] for name in options} - {""}


def no_such_option(name, options, where):
    """The error about an option that is not there, with the one that was probably meant.

    Args:
        name: Without dashes.
        options: Name -> `Option`.
        where: What it was given to: the verb, or a file and its line.

    Returns:
        `UserError`.
    """
    meant = _meant(name, options)
    hint = f"; did you mean {' or '.join(f'--{m}' for m in meant)}?" if meant else ""
    return UserError(f"--{shown(name)}: no such option ({where}){hint}")


def _meant(name, options):
    last = name.rpartition(".")[2]
    same = [option for option in options if option.rpartition(".")[2] == last]
    if same:
        return same[:3]
    if ALIASES.get(last) in options:
        return [ALIASES[last]]
    close = difflib.get_close_matches(name, options, 1, 0.75)
    lasts = {option.rpartition(".")[2]: option for option in options}
    close += [lasts[word] for word in difflib.get_close_matches(last, lasts, 1, 0.75)]
    return close[:1]


def plain_words(words, options, takes_words=True):
    """Put what people type into the words that jsonargparse understands.

    Dashes may stand for underscores; a flag alone is switched on, and leaves the word behind it
    alone where the verb takes words without an option; a list may be written as `[1,5]`, `1,5` or
    `1 5`.

    Args:
        words: The words behind the verb.
        options: Name -> `Option` of the verb.
        takes_words: Whether the verb takes words that belong to no option.

    Returns:
        The words to parse.

    Raises:
        UserError: An option that the verb does not have.
    """
    known = {"config", "print_config", "help"} | options.keys() | groups_of(options)
    plain = []
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if not word.startswith("--") or word == "--":
            plain.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        name = name.replace("-", "_")
        if name not in known:
            raise no_such_option(name, options, "of this command")
        option = options.get(name)
        following = words[position] if position < len(words) else "--"
        if option and option.is_flag and not equals:
            named = following.lower() in ("true", "false", "yes", "no")
            named |= not takes_words and not following.startswith("--")
            plain.append(f"--{name}" if named else f"--{name}=true")
        elif option and option.is_list:
            values = [value] if equals else []
            while position < len(words) and NUMBER.fullmatch(words[position]):
                values.append(words[position])
                position += 1
            items = ",".join(re.sub(r"[\[\]()]", "", text) for text in values)
            plain += [f"--{name}", f"[{items}]"] if values else [f"--{name}"]
        else:
            plain.append(f"--{name}{equals}{value}")
    return plain


def wrong_value(name, options, given):
    """The error about a value that an option does not take.

    Args:
        name: Of the option, without dashes.
        options: Name -> `Option`.
        given: The value as it was given, or None where that is not known.

    Returns:
        `UserError`.
    """
    if given is not None and options[name].is_list:
        # One value may be given without the brackets that it was given here.
        given = re.sub(r"^\[([^,]*)\]$", r"\1", str(given))
    given = "" if given is None else f" {shown(given)}"
    return UserError(f"--{name}{given}: must be {options[name].words}")


def not_finite(config, prefix=""):
    """The options whose value is infinite or not a number, as pairs of name and value."""
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            yield from not_finite(value, f"{prefix}{field.name}.")
        else:
            for one in value if isinstance(value, tuple | list) else [value]:
                if isinstance(one, float) and not math.isfinite(one):
                    yield prefix + field.name, one


def check_file(path, options):
    """Make sure that a YAML file of options names only those that there are.

    Args:
        path: The file.
        options: Name -> `Option`.

    Returns:
        Name -> `(line number, text)` of every value in it.

    Raises:
        UserError: The file cannot be read, is no YAML, or names an option that there is not.
    """
    if not path:
        raise UserError("--config: name the YAML file")
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        tree = yaml.compose(text, yaml.SafeLoader)
    except OSError as error:
        raise UserError(f"--config {shown(path)}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UserError(f"--config {shown(path)}: not a text file in UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "damaged"
        raise UserError(f"{shown(path)}{line}: not YAML: {problem}") from None
    if tree is None:
        return {}
    if not isinstance(tree, yaml.MappingNode):
        raise UserError(f"{shown(path)}: must hold options by name, such as optim: {{lr: 0.1}}")
    return _values(tree, "", path, options)


def _values(node, prefix, path, options):
    found, seen = {}, set()
    for key, value in node.value:
        name, line = f"{prefix}{key.value}", key.start_mark.line + 1
        if name in seen:
            raise UserError(f"{shown(path)}, line {line}: {shown(name)} stands there a second time")
        seen.add(name)
        if name in options:
            found[name] = line, value.start_mark.buffer and _source(value)
        elif name in groups_of(options) and isinstance(value, yaml.MappingNode):
            found |= _values(value, f"{name}.", path, options)
        else:
            raise no_such_option(name, options, f"{shown(path)}, line {line}")
    return found


def _source(node):
    """The text of a value as it stands in the file."""
    return node.start_mark.buffer[node.start_mark.pointer : node.end_mark.pointer].strip("\0 \n")


def _alternatives(kind):
    """The types of `A | B`, None left out."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return [one for one in typing.get_args(kind) if one is not type(None)]
    return [kind]


def _words(kind):
    alternatives = _alternatives(kind)
    # A value alone stands for a list of one.
    items = {typing.get_args(one)[0] for one in alternatives if typing.get_origin(one) is tuple}
    return " or ".join(dict.fromkeys(_one(one) for one in alternatives if one not in items))


def _one(kind):
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        values = [str(value) for value in arguments]
        return f"one of {', '.join(values)}" if len(values) > 1 else values[0]
    if origin in (tuple, list):
        if arguments[-1] is Ellipsis or origin is list:
            return f"a list, each {_words(arguments[0])}"
        return f"{len(arguments)} values, each {_words(arguments[0])}"
    return NUMBERS.get(getattr(kind, "__name__", ""), "a value")
