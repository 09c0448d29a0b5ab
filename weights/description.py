"""What must be known to use a weight file: the JSON beside every ``.pdparams``.

The checkpoints of a run and the converted files share this format, so either can be evaluated,
predicted with, exported and fine-tuned from.
"""

import json
from dataclasses import asdict, dataclass, replace

import models
from weights.errors import WeightsError

FORMAT = 1


@dataclass(frozen=True)
class InputContract:
    """What a network wants to be fed with.

    Args:
        mean: One mean per channel, in units of ``value_range``.
        std: One standard deviation per channel, in the same units.
        value_range: What the pixel value 255 becomes before mean and std apply: 1 or 255.
        size: Height and width of a clip in pixels.
        frames: Length of a clip in frames.
        stride: Step between two frames of a clip.
        resize: Height and width in pixels that a frame is brought to, whatever its aspect ratio
            and without smoothing, before the square of ``size`` is cut out of it; None where its
            shorter side becomes ``size``, scaled smoothly.
    """

    mean: tuple[float, ...] = models.normalisation.KINETICS_MEAN
    std: tuple[float, ...] = models.normalisation.KINETICS_STD
    value_range: float = 1
    size: int = 112
    frames: int = 16
    stride: int = 1
    resize: tuple[int, int] | None = None

    def with_clips(self, size, frames, stride):
        """The same for a network that is trained on other clips, cut from frames as they are."""
        return replace(self, size=size, frames=frames, stride=stride, resize=None)


@dataclass(frozen=True)
class NetworkDescription:
    """A network without its weights.

    Args:
        architecture: The first argument of ``models.build``.
        options: Its other arguments by name, ``n_classes`` among them: 0 for a backbone, which
            has no head and no classes.
        labels: Class names in the order of the outputs, or None when nobody knows them.
        input: What the network wants to be fed with.
        source: Where the weights come from (file name, SHA-256, ...), or None.
        activation: What makes scores of the outputs: ``softmax``, or ``sigmoid`` where a clip may
            have several classes.
    """

    architecture: str
    options: dict
    labels: tuple[str, ...] | None
    input: InputContract
    source: dict | None = None
    activation: str = "softmax"

    def build(self, layers=None):
        """Build the bare network, with fresh weights.

        Args:
            layers: The operations to run on, as for ``models.build``.

        Returns:
            What ``models.build`` returns.

        Raises:
            ValueError: ``models.build`` refuses an option.
        """
        return models.build(self.architecture, layers, **self.options)

    def recogniser(self, network):
        """Put the input contract's normalisation in front of a network.

        Args:
            network: A bare network, as ``build`` makes it.

        Returns:
            A ``models.Recogniser``: uint8 clips in, logits or scores out.
        """
        contract = self.input
        return models.Recogniser(
            network,
            models.Normalisation(contract.mean, contract.std, contract.value_range),
            self.activation,
        )

    def to_json(self):
        """The text of the JSON file, ending with a newline."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text, path):
        """Read and check what ``to_json`` wrote.

        Args:
            text: The JSON.
            path: The file it comes from, for the errors.

        Returns:
            A ``NetworkDescription``.

        Raises:
            WeightsError: Not JSON, a key missing, unknown or of the wrong kind, or values that
                contradict each other.
        """
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise WeightsError(path, f"not JSON ({error})") from None
        # Files from before there was a choice have neither this nor `resize`.
        if isinstance(fields, dict):
            fields.setdefault("activation", "softmax")
        _check_keys(fields, ("format", *cls.__dataclass_fields__), "", path)
        if fields["format"] != FORMAT:
            raise WeightsError(
                path,
                f"'format' is {fields['format']!r}, this version of the project reads {FORMAT}",
            )
        if isinstance(fields["input"], dict):
            fields["input"].setdefault("resize", None)
        _check_keys(fields["input"], tuple(InputContract.__dataclass_fields__), "input.", path)
        description = cls(
            architecture=fields["architecture"],
            options=fields["options"],
            labels=_labels(fields["labels"], path),
            input=_input_contract(fields["input"], path),
            source=fields["source"],
            activation=fields["activation"],
        )
        _check_network(description, path)
        return description


def _check_keys(fields, expected, prefix, path):
    if not isinstance(fields, dict):
        where = f"'{prefix.rstrip('.')}'" if prefix else "the file"
        raise WeightsError(path, f"{where} must be a JSON object")
    for key in expected:
        if key not in fields:
            raise WeightsError(path, f"no '{prefix}{key}'")
    for key in fields:
        if key not in expected:
            raise WeightsError(path, f"unknown key '{prefix}{key}'")


def _labels(value, path):
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise WeightsError(path, "'labels' must be null or a list of class names")
    return tuple(value)


def _input_contract(fields, path):
    for key in ("mean", "std"):
        value = fields[key]
        if not isinstance(value, list) or not value or not all(map(_is_number, value)):
            raise WeightsError(path, f"'input.{key}' must be a list of numbers")
    if len(fields["mean"]) != len(fields["std"]):
        raise WeightsError(path, "'input.mean' and 'input.std' differ in length")
    if min(fields["std"]) <= 0:
        raise WeightsError(path, "'input.std' must be positive")
    if fields["value_range"] not in (1, 255):
        raise WeightsError(path, "'input.value_range' must be 1 or 255")
    for key in ("size", "frames", "stride"):
        if type(fields[key]) is not int or fields[key] < 1:
            raise WeightsError(path, f"'input.{key}' must be a positive whole number")
    resize = fields["resize"]
    if resize is not None and not (
        isinstance(resize, list)
        and len(resize) == 2
        and all(type(length) is int and length >= fields["size"] for length in resize)
    ):
        raise WeightsError(
            path, "'input.resize' must be null or [height, width], neither below 'input.size'"
        )
    lists = {name: tuple(fields[name]) for name in ("mean", "std")}
    resize = None if resize is None else tuple(resize)
    return InputContract(**{**fields, **lists, "resize": resize})


def _is_number(value):
    # A whole number of JSON may be too long for a float.
    return type(value) in (int, float) and abs(value) < 1e30


def _check_network(description, path):
    options = description.options
    if description.activation not in list(models.ACTIVATIONS):
        raise WeightsError(path, f"'activation' must be {' or '.join(models.ACTIVATIONS)}")
    if not isinstance(description.architecture, str):
        raise WeightsError(path, "'architecture' must be a name")
    if not isinstance(options, dict):
        raise WeightsError(path, "'options' must be a JSON object")
    try:
        defaults = models.family(description.architecture).options
    except ValueError as error:
        raise WeightsError(path, str(error)) from None
    for key, value in options.items():
        if key not in defaults:
            raise WeightsError(path, f"unknown key 'options.{key}'")
        wanted = type(defaults[key])
        fits = type(value) is wanted or (wanted is float and type(value) is int)
        if not fits:
            raise WeightsError(path, f"'options.{key}' must be {wanted.__name__}, not {value!r}")
    n_classes = options.get("n_classes", defaults["n_classes"])
    if description.labels is not None and len(description.labels) != n_classes:
        raise WeightsError(
            path, f"{len(description.labels)} 'labels' for {n_classes} 'options.n_classes'"
        )
    channels = options.get("in_channels", defaults["in_channels"])
    if len(description.input.mean) != channels:
        raise WeightsError(
            path, f"{len(description.input.mean)} 'input.mean' for {channels} input channels"
        )
    if description.source is not None and not isinstance(description.source, dict):
        raise WeightsError(path, "'source' must be null or a JSON object")
