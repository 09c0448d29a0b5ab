import contextlib
import json

import pytest

from weights.description import InputContract, NetworkDescription
from weights.errors import WeightsError

DESCRIPTION = NetworkDescription(
    architecture="r3d",
    options={"depth": 10, "widen_factor": 0.25, "n_classes": 2},
    labels=("Handstand", "Trinkgeld zählen"),
    input=InputContract(mean=(100.0, 90.0, 80.0), std=(1, 1, 1), value_range=255, frames=8),
    source={"file": "some.pth", "sha256": "00"},
)


def test_a_description_survives_its_json():
    assert NetworkDescription.from_json(DESCRIPTION.to_json(), "model.json") == DESCRIPTION


def test_it_builds_its_network():
    assert DESCRIPTION.build().fc.weight.shape == [128, 2]


def test_a_file_from_before_there_was_a_choice_has_one_class_per_clip():
    assert NetworkDescription.from_json(changed("activation", ...), "").activation == "softmax"


def changed(path, value):
    fields = json.loads(DESCRIPTION.to_json())
    inner = fields
    *parents, last = path.split(".")
    for key in parents:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return json.dumps(fields)


@pytest.mark.parametrize(
    ("path", "value", "trouble"),
    [
        ("format", 2, "'format' is 2"),
        ("labels", ..., "no 'labels'"),
        ("labels", ["one"], "1 'labels' for 2 'options.n_classes'"),
        ("labels", [1, 2], "'labels' must be null or a list of class names"),
        ("activation", "tanh", "'activation' must be softmax or sigmoid"),
        ("activation", [], "'activation' must be softmax or sigmoid"),
        ("colour", 1, "unknown key 'colour'"),
        ("architecture", 3, "'architecture' must be a name"),
        ("options", [], "'options' must be a JSON object"),
        ("options.dpeth", 18, "unknown key 'options.dpeth'"),
        ("options.depth", "18", "'options.depth' must be int"),
        ("options.max_pool", 1, "'options.max_pool' must be bool"),
        ("options.in_channels", 1, "3 'input.mean' for 1 input channels"),
        ("input", None, "'input' must be a JSON object"),
        ("input.std", ..., "no 'input.std'"),
        ("input.gamma", 2.2, "unknown key 'input.gamma'"),
        ("input.mean", [0.5, 0.5], "'input.mean' and 'input.std' differ in length"),
        ("input.mean", [0.5, None, 0.5], "'input.mean' must be a list of numbers"),
        ("input.std", [1, 0, 1], "'input.std' must be positive"),
        ("input.value_range", 128, "'input.value_range' must be 1 or 255"),
        ("input.size", 112.0, "'input.size' must be a positive whole number"),
        ("input.frames", 0, "'input.frames' must be a positive whole number"),
        ("source", "here", "'source' must be null or a JSON object"),
    ],
)
def test_a_wrong_key_or_value_is_named(path, value, trouble):
    with pytest.raises(WeightsError) as caught:
        NetworkDescription.from_json(changed(path, value), "runs/x/model.json")
    assert str(caught.value).startswith("runs/x/model.json: ")
    assert trouble in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"format": 1}', '{"mean": NaN'])
def test_what_is_no_description_is_refused(text):
    with pytest.raises(WeightsError, match="model.json: "):
        NetworkDescription.from_json(text, "model.json")


STRANGE = [None, True, -1, 0, 2**70, 1e308, float("nan"), "", "18", "\0", [], [[]], {}, [None] * 3]


def places(value, path=()):
    """The way to every value in a tree of JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield *path, key
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def test_whatever_is_damaged_is_refused_or_read():
    fields = json.loads(DESCRIPTION.to_json())
    refused = 0
    for path in list(places(fields)):
        for value in STRANGE:
            damaged = json.loads(DESCRIPTION.to_json())
            inner = damaged
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value
            try:
                description = NetworkDescription.from_json(json.dumps(damaged), "model.json")
            except WeightsError:
                refused += 1
            else:
                # What is accepted is what was there, and can be written and read again.
                again = NetworkDescription.from_json(description.to_json(), "model.json")
                assert again.to_json() == description.to_json()
    assert refused > 200


def test_a_text_cut_short_or_with_a_wrong_letter_is_refused_or_read():
    text = DESCRIPTION.to_json()
    for end in range(0, len(text) - 2, 7):
        with pytest.raises(WeightsError):
            NetworkDescription.from_json(text[:end], "model.json")
    for place in range(0, len(text), 3):
        for letter in ('"', "]", "9", "\\"):
            with contextlib.suppress(WeightsError):
                NetworkDescription.from_json(text[:place] + letter + text[place + 1 :], "a.json")
