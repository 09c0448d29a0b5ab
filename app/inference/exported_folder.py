"""Turns a network into a folder that needs none of this project's code.

FOLDER/inference.json       the program
FOLDER/inference.pdiparams  its weights; for ONNX both are in FOLDER/model.onnx
FOLDER/model.json           labels and input contract: a `weights.description`

uint8 `[B, 3, T, H, W]` RGB goes in, scores `[B, n_classes]` from 0 to 1 come out; the batch is
free, the normalisation inside.
"""

import os
from pathlib import Path

import paddle
from paddle import nn

from app.inference.native_output import native_output_hidden
from weights.description import NetworkDescription
from weights.errors import WeightsError

PROGRAM = "inference.json"
PARAMETERS = "inference.pdiparams"
DESCRIPTION = "model.json"
ONNX = "model.onnx"
FILES = {PROGRAM, PARAMETERS, DESCRIPTION, ONNX}


class Scores(nn.Layer):
    """A recogniser that ends in its scores: what is exported.

    Args:
        recogniser: `models.Recogniser`.
    """

    def __init__(self, recogniser):
        super().__init__()
        self.recogniser = recogniser
        self.eval()

    def forward(self, clips):
        """
        Args:
            clips: uint8 `[B, 3, T, H, W]` RGB.

        Returns:
            float32 `[B, n_classes]`.
        """
        return self.recogniser.scores(clips)


class Features(Scores):
    """A recogniser that ends in its pooled embedding."""

    def forward(self, clips):
        """
        Args:
            clips: uint8 `[B, 3, T, H, W]` RGB.

        Returns:
            float32 `[B, D]`.
        """
        return self.recogniser.embed(clips)


def write_inference_model(layer, description, folder):
    """Write an exported folder's three files.

    Args:
        layer: `Scores` or `Features`.
        description: `weights.description.NetworkDescription` of the network.
        folder: An existing folder.
    """
    clips = paddle.static.InputSpec([None, 3, None, None, None], "uint8", "clips")
    with native_output_hidden():
        paddle.jit.save(layer, os.fspath(Path(folder) / "inference"), input_spec=[clips])
    (Path(folder) / DESCRIPTION).write_text(description.to_json(), encoding="utf-8")


def is_exported(folder):
    """Whether a folder looks like an exported one, whole or not."""
    return any((Path(folder) / name).exists() for name in (PROGRAM, PARAMETERS, ONNX))


def find_parameters(folder):
    """The file with the weights in an exported folder."""
    folder = Path(folder)
    has_onnx_only = (folder / ONNX).exists() and not (folder / PARAMETERS).exists()
    return folder / (ONNX if has_onnx_only else PARAMETERS)


def exported_output(description):
    """What an exported network gives by its description: "scores" or "features"."""
    origin = (description.source or {}).get("exported")
    output = origin.get("output") if isinstance(origin, dict) else None
    return output if output == "features" else "scores"


def read_exported_description(folder):
    """The description in an exported folder.

    Raises:
        WeightsError: One of its files is missing, or the description is damaged.
    """
    folder = Path(folder)
    network = (ONNX,) if find_parameters(folder).name == ONNX else (PROGRAM, PARAMETERS)
    for name in (*network, DESCRIPTION):
        if not (folder / name).is_file():
            raise WeightsError(folder, f"not a whole exported model, there is no {name} in it")
    path = folder / DESCRIPTION
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(path, f"cannot be read ({error})") from None
    return NetworkDescription.from_json(text, path)
