"""Every network in PyTorch, straight from a state dict: what a conversion is checked against.

It shares nothing with `models` nor with `weights.structure`: blocks, steps, groups, shortcuts and
the order of layers are read off the tensors' names and shapes here once more, and what no tensor
shows is written down here once more, so that a mistake there cannot hide here.
"""

import re

import torch
import torch.nn.functional as F


@torch.no_grad()
def logits(state, clips, bn_epsilon=None):
    """Run a network in evaluation mode.

    Args:
        state: name -> `torch.Tensor`, with the names of the PyTorch original.
        clips: float32 array `[B, C, T, H, W]`, normalised.
        bn_epsilon: Epsilon of every BatchNorm where somebody knows better; None for what files of
            these names and shapes were trained with.

    Returns:
        float32 `numpy.ndarray`: logits `[B, n_classes]`, or the pooled features where the state
        dict has no head.
    """
    return Network(state, bn_epsilon).logits(torch.from_numpy(clips)).numpy()


class Network:
    """A network in evaluation mode.

    Args:
        state: As for `logits`.
        bn_epsilon: As for `logits`.
    """

    def __init__(self, state, bn_epsilon=None):
        self.state = state
        # Facebook's networks were trained in Caffe2 with another epsilon. Theirs are known by
        # the middle of layer2.0.conv2: 3*9*128*128 weights of a whole kernel, shared out over
        # 9*128 + 3*128 for each channel in between.
        middle = state.get("layer2.0.conv2.0.0.weight")
        from_caffe2 = middle is not None and len(middle) == 288
        self.epsilon = bn_epsilon or (1e-3 if from_caffe2 else 1e-5)

    def logits(self, x):
        """As the function, on a `torch.Tensor`."""
        if "features.conv0.weight" in self.state or "features.conv1.weight" in self.state:
            x = self.densenet(x)
        elif "stem.0.weight" in self.state:
            x = self.torchvision(x)
        else:
            x = self.hara(x)
        x = x.mean(dim=(2, 3, 4))
        for head in ("fc", "classifier"):
            if f"{head}.weight" in self.state:
                weight, bias = (self.state[f"{head}.{part}"].float() for part in ("weight", "bias"))
                x = F.linear(x, weight, bias)
        return x

    def convolution(self, name, x, stride=1):
        weight = self.state[f"{name}.weight"].float()
        padding = tuple(length // 2 for length in weight.shape[2:])
        groups = x.shape[1] // weight.shape[1]
        return F.conv3d(x, weight, stride=stride, padding=padding, groups=groups)

    def norm(self, name, x):
        mean, variance, weight, bias = (
            self.state[f"{name}.{part}"].float()
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, variance, weight, bias, eps=self.epsilon)

    def norm_relu(self, name, x):
        return self.norm(name, x).relu()

    def shortcut(self, name, x, stride, channels):
        if f"{name}.0.weight" in self.state:
            return self.norm(f"{name}.1", self.convolution(f"{name}.0", x, stride))
        if stride == 1 and x.shape[1] == channels:
            return x
        # Shortcut A as the original writes it: an average over one element, then zero channels.
        x = F.avg_pool3d(x, kernel_size=1, stride=stride)
        return F.pad(x, (0, 0, 0, 0, 0, 0, 0, channels - x.shape[1]))

    def blocks(self):
        """The blocks of a residual network in order, and the stride of each."""
        found = {re.match(r"layer(\d)\.(\d+)\.", name) for name in self.state} - {None}
        places = sorted({(int(place[1]), int(place[2])) for place in found})
        for stage, number in places:
            yield f"layer{stage}.{number}", 2 if stage > 1 and number == 0 else 1

    # Hara's R3D, Wide ResNet, ResNeXt, pre-activation ResNet and R(2+1)D.

    def hara(self, x):
        if "conv1_s.weight" in self.state:
            x = self.norm_relu("bn1_s", self.convolution("conv1_s", x, (1, 2, 2)))
            x = self.norm_relu("bn1_t", self.convolution("conv1_t", x))
        else:
            x = self.norm_relu("bn1", self.convolution("conv1", x, (1, 2, 2)))
        x = F.max_pool3d(x, 3, stride=2, padding=1)
        for block, stride in self.blocks():
            x = self.hara_block(block, x, stride)
        return x

    def hara_block(self, block, x, stride):
        last = 3 if f"{block}.conv3.weight" in self.state else 2
        strided = 2 if last == 3 else 1
        y = x
        for number in range(1, last + 1):
            step = stride if number == strided else 1
            if self.normalises_first(block, last):
                y = self.norm_relu(f"{block}.bn{number}", y)
                y = self.convolution(f"{block}.conv{number}", y, step)
                continue
            if f"{block}.conv{number}_s.weight" in self.state:
                y = self.convolution(f"{block}.conv{number}_s", y, (1, step, step))
                y = self.norm_relu(f"{block}.bn{number}_s", y)
                y = self.convolution(f"{block}.conv{number}_t", y, (step, 1, 1))
                y = self.norm(f"{block}.bn{number}_t", y)
            else:
                y = self.convolution(f"{block}.conv{number}", y, step)
                y = self.norm(f"{block}.bn{number}", y)
            if number < last:
                y = y.relu()
        y = y + self.shortcut(f"{block}.downsample", x, stride, y.shape[1])
        return y if self.normalises_first(block, last) else y.relu()

    def normalises_first(self, block, last):
        """Whether BatchNorm comes before its convolution, to be seen where the width changes."""
        widening = f"{block[:6]}.0" if last == 3 else "layer2.0"
        number = 3 if last == 3 else 1
        convolution = self.state.get(f"{widening}.conv{number}.weight")
        if convolution is None or convolution.shape[0] == convolution.shape[1]:
            return False
        return len(self.state[f"{widening}.bn{number}.weight"]) == convolution.shape[1]

    # torchvision's R3D, MC3 and R(2+1)D, and IG-65M's R(2+1)D.

    def torchvision(self, x):
        x = self.norm_relu("stem.1", self.convolution("stem.0", x, (1, 2, 2)))
        if "stem.3.weight" in self.state:
            x = self.norm_relu("stem.4", self.convolution("stem.3", x))
        for block, stride in self.blocks():
            y = self.torchvision_convolution(f"{block}.conv1", x, stride).relu()
            y = self.torchvision_convolution(f"{block}.conv2", y, 1)
            x = (y + self.torchvision_shortcut(f"{block}.downsample", block, x, stride)).relu()
        return x

    def torchvision_convolution(self, name, x, stride):
        if f"{name}.0.0.weight" in self.state:
            x = self.convolution(f"{name}.0.0", x, (1, stride, stride))
            x = self.convolution(f"{name}.0.3", self.norm_relu(f"{name}.0.1", x), (stride, 1, 1))
        else:
            # A kernel that sees one frame at a time leaves out none.
            time = stride if self.state[f"{name}.0.weight"].shape[2] > 1 else 1
            x = self.convolution(f"{name}.0", x, (time, stride, stride))
        return self.norm(f"{name}.1", x)

    def torchvision_shortcut(self, name, block, x, stride):
        whole = self.state.get(f"{block}.conv1.0.weight")
        time = 1 if whole is not None and whole.shape[2] == 1 else stride
        if f"{name}.0.weight" in self.state:
            x = self.norm(f"{name}.1", self.convolution(f"{name}.0", x, (time, stride, stride)))
        return x

    # DenseNet, under the names of either release.

    def densenet(self, x):
        first = "0" if "features.conv0.weight" in self.state else "1"
        x = self.convolution(f"features.conv{first}", x, (1, 2, 2))
        x = F.max_pool3d(self.norm_relu(f"features.norm{first}", x), 3, stride=2, padding=1)
        for block in (1, 2, 3, 4):
            number = 1
            while self.has_dense_layer(f"features.denseblock{block}.denselayer{number}"):
                new = self.dense_layer(f"features.denseblock{block}.denselayer{number}", x)
                x = torch.cat([x, new], dim=1)
                number += 1
            if block < 4:
                name = f"features.transition{block}"
                x = self.convolution(f"{name}.conv", self.norm_relu(f"{name}.norm", x))
                x = F.avg_pool3d(x, 2, stride=2)
        return self.norm_relu("features.norm5", x)

    def has_dense_layer(self, name):
        return any(other.startswith(f"{name}.") for other in self.state)

    def dense_layer(self, name, x):
        dot = "." if f"{name}.norm.1.weight" in self.state else ""
        for number in (1, 2):
            x = self.norm_relu(f"{name}.norm{dot}{number}", x)
            x = self.convolution(f"{name}.conv{dot}{number}", x)
        return x
