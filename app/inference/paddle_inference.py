"""An exported network run by `paddle.inference`: oneDNN on the CPU, or a GPU."""

import os
from pathlib import Path

import numpy as np
from paddle import inference

from app.errors import UserError
from app.inference.engine import Engine
from app.inference.exported_folder import PARAMETERS, PROGRAM
from app.inference.native_output import native_output_hidden
from datasets.cores import available_cores

# Memory to begin with on a GPU, in MB; Paddle takes more when it needs more.
GPU_MEMORY = 256


class InferenceEngine(Engine):
    """An exported folder in `paddle.inference`.

    Args:
        folder: The exported folder; it may be deleted once the engine is there.
        description: Its `NetworkDescription`.
        device: "cpu", or a GPU as "gpu:0".
        output: What the folder gives: "scores" or "features".

    Raises:
        UserError: Paddle cannot load the folder.
    """

    def __init__(self, folder, description, device="cpu", output="scores"):
        super().__init__(description, f"paddle.inference on {device}")
        self._output = output
        config = inference.Config(
            os.fspath(Path(folder) / PROGRAM), os.fspath(Path(folder) / PARAMETERS)
        )
        config.disable_glog_info()
        if device == "cpu":
            config.set_cpu_math_library_num_threads(_n_threads())
        else:
            config.enable_use_gpu(GPU_MEMORY, int(device.partition(":")[2] or 0))
        self._predictor = self._load(config, folder)

    def _load(self, config, folder):
        contract = self.description.input
        # The first run chooses the kernels, and prints about it from C++; it also shows whether
        # the program and its weights fit.
        try:
            blank = np.zeros((1, 3, contract.frames, contract.size, contract.size), np.uint8)
            with native_output_hidden():
                predictor = inference.create_predictor(config)
                _run(predictor, blank)
        except (RuntimeError, ValueError, OSError, MemoryError) as error:
            raise UserError(
                f"{folder}: paddle.inference cannot load it, export it again ({_summary(error)})"
            ) from None
        return predictor

    def _scores(self, clips):
        return self._run(clips, "scores")

    def _features(self, clips):
        return self._run(clips, "features")

    def _run(self, clips, output):
        if output != self._output:
            raise UserError(
                f"an exported model gives its {self._output} only; take the run folder or the "
                f"weight file for {output}"
            )
        return _run(self._predictor, clips)


def _run(predictor, clips):
    predictor.get_input_handle(predictor.get_input_names()[0]).copy_from_cpu(clips)
    predictor.run()
    return predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()


def _n_threads():
    """Threads to compute with: one per core this process may use.

    OMP_NUM_THREADS tells nothing here: importing Paddle sets it to 1 where nobody did.
    """
    return available_cores()


def _summary(error):
    """What Paddle says in the last line of its long errors."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].partition(" (at ")[0] if lines else type(error).__name__
