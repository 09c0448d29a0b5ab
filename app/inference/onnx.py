"""ONNX as a second form of an exported network; needs requirements-onnx.txt."""

import importlib.util
import os
from pathlib import Path

import numpy as np

from app.errors import UserError
from app.inference.engine import Engine
from app.inference.exported_folder import ONNX
from app.inference.native_output import native_output_hidden
from datasets.cores import available_cores

# The first with every operator in the form that uint8 input and 3D pooling need.
OPSET = 17


def require_onnx():
    """Make sure that the optional packages are installed.

    Raises:
        UserError: They are not.
    """
    _require("--format onnx", "onnxruntime", "paddle2onnx")


def write_onnx(program, parameters, path):
    """Convert an exported network.

    Args:
        program, parameters: The files of `paddle.jit.save`.
        path: The .onnx file to write.

    Raises:
        UserError: paddle2onnx cannot convert it.
    """
    import paddle2onnx

    try:
        with native_output_hidden():
            # The default optimizer, polygraphy, would pip install packages on its own.
            paddle2onnx.export(
                os.fspath(program),
                os.fspath(parameters),
                os.fspath(path),
                opset_version=OPSET,
                optimize_tool="onnxoptimizer",
            )
    except (RuntimeError, ValueError) as error:
        raise UserError(f"--format onnx: paddle2onnx failed: {error}") from None


class OnnxEngine(Engine):
    """An ONNX export run by onnxruntime on the CPU.

    Args:
        folder: The exported folder.
        description: Its `NetworkDescription`.

    Raises:
        UserError: onnxruntime is not installed, or cannot load the folder.
    """

    def __init__(self, folder, description):
        super().__init__(description, "onnxruntime on cpu")
        _require(str(folder), "onnxruntime")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # Errors only: the converter leaves constants behind that nobody reads.
        options.log_severity_level = 3
        options.intra_op_num_threads = available_cores()
        contract = description.input
        try:
            blank = np.zeros((1, 3, contract.frames, contract.size, contract.size), np.uint8)
            self._session = onnxruntime.InferenceSession(
                os.fspath(Path(folder) / ONNX), options, providers=["CPUExecutionProvider"]
            )
            self._scores(blank)
        # onnxruntime's errors have nothing but this in common.
        except Exception as error:
            lines = str(error).splitlines() or [type(error).__name__]
            raise UserError(
                f"{folder}: onnxruntime cannot load it, export it again ({lines[0]})"
            ) from None

    def _scores(self, clips):
        return self._session.run(None, {self._session.get_inputs()[0].name: clips})[0]

    def _features(self, clips):
        raise UserError(
            "an ONNX export gives its scores only; take the run folder or the weight file for "
            "features"
        )


def _require(what, *packages):
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise UserError(
                f"{what}: {package} is not installed; pip install -r requirements-onnx.txt"
            )
