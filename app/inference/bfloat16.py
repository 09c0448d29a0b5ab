"""The network in bfloat16 on a processor, its BatchNorms folded into its convolutions."""

import sys

import numpy as np
import paddle
from tqdm import tqdm

from app.errors import UserError
from app.inference.eager import DynamicEngine
from datasets.cores import available_cores
from datasets.shown import counted
from models.onednn import UnavailableError, choose_layers, set_threads
from weights.files import load_network


class Bfloat16Engine(DynamicEngine):
    """A network on oneDNN's kernels in bfloat16; prints how far its first results are from float32.

    Args:
        weights: The `.pdparams` file.
        description: Its `NetworkDescription`.

    Raises:
        UserError: The processor has no bfloat16 arithmetic.
        WeightsError: The file cannot be used.
    """

    def __init__(self, weights, description):
        network, _ = load_network(weights, _layers("bf16"))
        super().__init__(network, description)
        self.name = "oneDNN in bfloat16 on cpu"
        exact, _ = load_network(weights, _layers("fp32"))
        self._in_float32 = DynamicEngine(exact, description)
        set_threads(available_cores())

    def _scores(self, clips):
        self._compare(clips, "scores", super()._scores)
        return super()._scores(clips)

    def _logits(self, clips):
        self._compare(clips, "scores", super()._scores)
        return super()._logits(clips)

    def _features(self, clips):
        self._compare(clips, "features", super()._features)
        return super()._features(clips)

    def _compare(self, clips, output, compute):
        if self._in_float32 is None:
            return
        exact = getattr(self._in_float32, output)(clips)
        self._in_float32 = None
        difference = np.abs(compute(clips) - exact).max()
        unit = ""
        if output == "features":
            difference /= np.abs(exact).max()
            unit = " of the largest one"
        if paddle.distributed.get_rank() == 0:
            tqdm.write(
                f"bfloat16: the {output} of the first {counted(len(clips), 'clip')} differ from "
                f"those in float32 by at most {difference:.1e}{unit}",
                file=sys.stderr,
            )


def _layers(precision):
    try:
        return choose_layers("onednn", precision, frozen=True)[0]
    except UnavailableError as error:
        raise UserError(f"--precision bf16: {error}") from None
