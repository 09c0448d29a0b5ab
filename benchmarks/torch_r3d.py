"""R3D in PyTorch, as a rival to time: the layers of Hara's network, its own initialisation."""

import torch.nn.functional as F
from torch import nn


def _convolution(in_channels, out_channels, kernel, stride=1):
    padding = tuple(k // 2 for k in kernel)
    return nn.Conv3d(in_channels, out_channels, kernel, stride, padding, bias=False)


class _Block(nn.Module):
    """Convolutions of a basic block or a bottleneck beside a shortcut."""

    def __init__(self, in_channels, channels, stride, bottleneck):
        super().__init__()
        three, one = (3, 3, 3), (1, 1, 1)
        out_channels = 4 * channels if bottleneck else channels
        if bottleneck:
            shapes = [
                (in_channels, channels, one, 1),
                (channels, channels, three, stride),
                (channels, out_channels, one, 1),
            ]
        else:
            shapes = [(in_channels, channels, three, stride), (channels, channels, three, 1)]
        self.convolutions = nn.ModuleList(_convolution(*shape) for shape in shapes)
        self.norms = nn.ModuleList(nn.BatchNorm3d(shape[1]) for shape in shapes)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                _convolution(in_channels, out_channels, one, stride), nn.BatchNorm3d(out_channels)
            )

    def forward(self, x):
        y = x
        for number, (convolution, norm) in enumerate(
            zip(self.convolutions, self.norms, strict=True), 1
        ):
            y = norm(convolution(y))
            if number < len(self.norms):
                y = F.relu(y)
        return F.relu(y + self.shortcut(x))


class R3D(nn.Module):
    """A 3D ResNet.

    Args:
        depth: 18 or 50.
        n_classes: Number of outputs.
    """

    def __init__(self, depth, n_classes):
        super().__init__()
        blocks, bottleneck = {18: ((2, 2, 2, 2), False), 50: ((3, 4, 6, 3), True)}[depth]
        self.stem = nn.Sequential(
            _convolution(3, 64, (7, 7, 7), (1, 2, 2)),
            nn.BatchNorm3d(64),
            nn.ReLU(),
            nn.MaxPool3d(3, 2, 1),
        )
        layers, in_channels = [], 64
        for stage, (channels, number) in enumerate(zip((64, 128, 256, 512), blocks, strict=True)):
            for index in range(number):
                stride = 2 if stage and not index else 1
                layers.append(_Block(in_channels, channels, stride, bottleneck))
                in_channels = 4 * channels if bottleneck else channels
        self.stages = nn.Sequential(*layers)
        self.head = nn.Linear(in_channels, n_classes)

    def forward(self, x):
        return self.head(self.stages(self.stem(x)).mean((2, 3, 4)))
