"""Normalisation as a layer, so that a network can be fed with raw uint8 frames."""

import paddle
from paddle import nn

# Channel means and standard deviations of Kinetics, values 0-1, from the PyTorch original.
KINETICS_MEAN = (0.4345, 0.4051, 0.3775)
KINETICS_STD = (0.2768, 0.2713, 0.2737)


class Normalisation(nn.Layer):
    """Turns uint8 clips into normalised float32 ones, on the device of the network.

    Args:
        mean: One mean per channel, in units of `value_range`.
        std: One standard deviation per channel, in the same units.
        value_range: What the pixel value 255 becomes before mean and std apply: 1 for networks
            trained on 0-1 values, 255 for those trained on 0-255.
    """

    def __init__(self, mean=KINETICS_MEAN, std=KINETICS_STD, value_range=1):
        super().__init__()
        if len(mean) != len(std):
            raise ValueError(f"{len(mean)} means for {len(std)} standard deviations")
        if any(s <= 0 for s in std):
            raise ValueError(f"standard deviations must be positive, not {list(std)}")
        shape = [1, len(mean), 1, 1, 1]
        # (v * range / 255 - mean) / std, written as one multiplication and one addition.
        scale = paddle.to_tensor([value_range / 255 / s for s in std], dtype="float32")
        shift = paddle.to_tensor([-m / s for m, s in zip(mean, std, strict=True)], dtype="float32")
        self.register_buffer("scale", scale.reshape(shape))
        self.register_buffer("shift", shift.reshape(shape))

    def forward(self, clips):
        """
        Args:
            clips: uint8 `[B, C, T, H, W]`.

        Returns:
            float32 `[B, C, T, H, W]`.
        """
        return clips.astype("float32") * self.scale + self.shift
