"""The networks' layers on oneDNN: parameters and names of Paddle's, other kernels.

A layer looks at what carries the activations. An `Activation` (dynamic mode, on the processor)
goes through the kernels of this room; a Paddle tensor (static graphs, exports) goes through
Paddle's, so the same network does both.
"""

import sys

import paddle
from paddle import nn

import models.layers
from models.onednn.activation import Activation
from models.onednn.folding import Folding
from models.onednn.library import OneDnnError, UnavailableError, unavailable_because
from models.onednn.memory import keep_freed_memory
from models.onednn.rearrangement import channels_behind, channels_first
from models.onednn.stem import Clips
from models.onednn.tape import Tape

DTYPES = {"fp32": paddle.float32, "bf16": paddle.bfloat16}


class Conv3D(nn.Conv3D):
    def forward(self, x):
        return x.convolve(self) if isinstance(x, (Activation, Clips)) else super().forward(x)


class BatchNorm3D(models.layers.BatchNorm3D):
    def forward(self, x):
        return x.normalise(self, self.relu) if isinstance(x, Activation) else super().forward(x)


class MaxPool3D(nn.MaxPool3D):
    def forward(self, x):
        if isinstance(x, Activation):
            return x.max_pool(*map(_three, (self.ksize, self.stride, self.padding)))
        return super().forward(x)


class AvgPool3D(nn.AvgPool3D):
    def forward(self, x):
        if isinstance(x, Activation):
            return x.average_pool(*map(_three, (self.ksize, self.stride, self.padding)))
        return super().forward(x)


class PaddedIdentity(models.layers.PaddedIdentity):
    def forward(self, x):
        if isinstance(x, Activation):
            return x.subsample(self.stride, self.out_channels)
        return super().forward(x)


def _three(value):
    return (value,) * 3 if isinstance(value, int) else tuple(value)


class OneDnnLayers(models.layers.Layers):
    """Layers and operations on oneDNN's kernels, channels last.

    Args:
        precision: `"fp32"`, or `"bf16"` for bfloat16 convolutions and activations; parameters,
            statistics and their gradients are float32 in both.
        bn_epsilon: Epsilon of every BatchNorm.
        frozen: Whether the parameters do not change once the network has been used, so that its
            BatchNorms can be folded into its convolutions: for evaluation.

    Raises:
        UnavailableError: The kernels, or bfloat16 arithmetic, are not to be had here.
    """

    conv3d = Conv3D
    batch_norm3d = BatchNorm3D
    max_pool3d = MaxPool3D
    average_pool3d = AvgPool3D
    padded_identity3d = PaddedIdentity

    def __init__(self, precision="fp32", bn_epsilon=1e-5, frozen=False):
        super().__init__(bn_epsilon)
        reason = unavailable_because(precision)
        if reason:
            raise UnavailableError(reason)
        keep_freed_memory()
        self.dtype = DTYPES[precision]
        self._works = True
        self._folding = Folding() if frozen else None

    def normalise(self, clips, normalisation):
        if not self._can_take(clips):
            return super().normalise(clips, normalisation)
        return Clips(self._new_tape(), clips, normalisation)

    def run(self, trunk, clips):
        try:
            return super().run(trunk, clips)
        except OneDnnError as error:
            print(f"oneDNN failed, Paddle's kernels go on: {error}", file=sys.stderr, flush=True)
            self._works = False
            return super().run(trunk, clips)

    def enter(self, clips):
        if isinstance(clips, Clips):
            return clips if self._works else clips.normalised_by_paddle()
        if not self._can_take(clips):
            return clips
        tape = self._new_tape()
        learns = tape.learns(clips)
        x = Activation(tape, channels_behind(clips, tape.dtype), learns)
        if learns:
            tape.record(lambda: tape.set_gradient(clips, channels_first(x.take_gradient())))
        return x

    def _new_tape(self):
        return Tape(self.dtype, self._folding)

    def _can_take(self, clips):
        return self._works and paddle.in_dynamic_mode() and clips.place.is_cpu_place()

    def add(self, x, y):
        return x.add(y, relu=False) if isinstance(x, Activation) else super().add(x, y)

    def add_relu(self, x, y):
        return x.add(y, relu=True) if isinstance(x, Activation) else super().add_relu(x, y)

    def concatenate(self, x, y):
        return x.concatenate(y) if isinstance(x, Activation) else super().concatenate(x, y)

    def global_mean(self, x):
        return x.global_mean() if isinstance(x, Activation) else super().global_mean(x)
