"""ONNX as a second form of an exported network; needs requirements-onnx.txt."""

import os

from app.errors import UserError
from app.inference.native_output import native_output_hidden

# The first with every operator in the form that uint8 input and 3D pooling need.
OPSET = 17


def require_onnx():
    """Make sure that the optional packages are installed.

    Raises:
        UserError: They are not.
    """
    try:
        import onnxruntime  # noqa: F401
        import paddle2onnx  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"--format onnx: {error.name or error} is not installed; "
            "pip install -r requirements-onnx.txt"
        ) from None


def write_onnx(program, parameters, path):
    """Convert an exported network.

    Args:
        program, parameters: The files of ``paddle.jit.save``.
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


class OnnxScores:
    """Scores of clips by onnxruntime on the CPU.

    Args:
        path: The .onnx file.
    """

    def __init__(self, path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # Errors only: the converter leaves constants behind that nobody reads.
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            os.fspath(path), options, providers=["CPUExecutionProvider"]
        )

    def scores(self, clips):
        """
        Args:
            clips: uint8 ``[N, 3, T, S, S]`` RGB.

        Returns:
            float32 ``[N, n_classes]``.
        """
        return self._session.run(None, {self._session.get_inputs()[0].name: clips})[0]
