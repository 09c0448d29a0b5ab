"""The smallest published network of every family beside the same network in PyTorch.

    python -m benchmarks.families                      all nine, 4 clips of 16x112x112 a step
    python -m benchmarks.families densenet --rounds 15

A training step, and a batch of the validation in training, on the kernels that
`--train.kernels auto` chooses. Every contender lives in a process of its own, with as many threads,
and they take steps in turn; between two steps the threads of the last one come to rest. Both begin
with the same weights and see the same clips; that they have the same loss is checked first. Ratios
are of medians, to the better of PyTorch's two memory layouts. PyTorch is needed, see
requirements.txt here.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.contender import Contender, parse_timing, serve
from benchmarks.training import processor

OURS, TORCH, TORCH_LAST = "ours", "PyTorch", "PyTorch, channels last"
CONTENDERS = [OURS, TORCH, TORCH_LAST]
LOSS, TRAIN, EVALUATE = "loss", "train", "evaluate"
# Of two losses of the same network in float32; statistics of a batch amplify rounding.
LARGEST_DIFFERENCE = 1e-2
MEAN, STD = 0.41, 0.27


def smallest_published():
    """family -> its published network of the smallest depth, a `weights.published.Published`."""
    # Reaches Paddle, which is not to be in PyTorch's processes.
    from weights.published import PUBLISHED

    smallest = {}
    for published in PUBLISHED.values():
        other = smallest.setdefault(published.architecture, published)
        if published.depth < other.depth:
            smallest[published.architecture] = published
    return smallest


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="left out, all")
    parser.add_argument("--clips", type=int, default=4, help="clips of a step")
    parser.add_argument("--weights", help=argparse.SUPPRESS)
    options, clock = parse_timing(parser)
    if options.serve:
        serve(lambda: (ours if options.serve == OURS else pytorch)(options), clock)
        return
    families = smallest_published()
    if unknown := set(options.families) - set(families):
        parser.error(f"no family {', '.join(unknown)}; there are: {', '.join(families)}")
    print(f"{processor()}, threads: {options.threads}, {options.clips} clips of 16x112x112")
    print(f"{'':24}{'training step, ms':>34}{'evaluation batch, ms':>38}")
    print(f"{'':24}" + 2 * f"{'ours':>10}{'PyTorch':>9}{'last':>7}{'ratio':>8}    ")
    for family in options.families or families:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{families[family].name:24}{compare(family, options, folder)}", flush=True)


def compare(family, options, folder):
    """Let the contenders take their steps in turn; returns the family's row."""
    weights = Path(folder) / "weights.npz"
    contenders = {}
    words = ["--clips", options.clips, "--threads", options.threads, "--weights", weights]
    words += ["--processor-time"] * options.processor_time
    try:
        for name in CONTENDERS:
            contenders[name] = Contender(
                ["benchmarks.families", family, "--serve", name, *words], options.threads
            )
            if contenders[name].refusal:
                return f"  {name}: {contenders[name].refusal}"
        return row(contenders, options.rounds)
    finally:
        for contender in contenders.values():
            contender.close()


def row(contenders, rounds):
    """The medians of every contender's steps, and their ratios."""
    losses = {name: contender.step(LOSS)[0] for name, contender in contenders.items()}
    if not np.allclose(list(losses.values()), losses[TORCH], rtol=LARGEST_DIFFERENCE):
        return f"  not the same network: the losses are {losses}"
    text = ""
    for kind in (TRAIN, EVALUATE):
        times = {name: [] for name in contenders}
        # The first step makes the primitives, and PyTorch's second one still chooses.
        for number in range(2 + rounds):
            for name, contender in contenders.items():
                (milliseconds,) = contender.step(kind)
                time.sleep(0.3)
                if number >= 2:
                    times[name].append(milliseconds)
        ours, *others = (statistics.median(times[name]) for name in CONTENDERS)
        text += f"{ours:10.0f}{others[0]:9.0f}{others[1]:7.0f}{min(others) / ours:8.2f}    "
    return text


def batch(n_classes, options):
    """Raw clips, uint8 `[B, 3, 16, 112, 112]`, and labels: the same for all contenders."""
    random = np.random.default_rng(0)
    clips = random.integers(0, 256, (options.clips, 3, 16, 112, 112), dtype=np.uint8)
    return clips, random.integers(0, n_classes, options.clips)


def ours(options):
    """The steps of a family as `fit` takes them; leaves its weights for the others."""
    import paddle
    import paddle.nn.functional as F

    import models
    from benchmarks.torch_state import torch_state
    from models import onednn

    layers, _ = onednn.choose_layers("auto")
    if isinstance(layers, onednn.OneDnnLayers):
        onednn.set_threads(options.threads)
    published = smallest_published()[options.families[0]]
    paddle.seed(0)
    network = models.build(published.architecture, layers=layers, **published.options)
    np.savez(options.weights, **torch_state(network))
    recogniser = models.Recogniser(network, models.Normalisation([MEAN] * 3, [STD] * 3))
    optimizer = paddle.optimizer.Momentum(
        1e-3, momentum=0.9, weight_decay=1e-3, parameters=network.parameters()
    )
    clips, labels = map(paddle.to_tensor, batch(published.n_classes, options))

    def step(kind):
        recogniser.eval() if kind == EVALUATE else recogniser.train()
        with paddle.set_grad_enabled(kind == TRAIN):
            loss = F.cross_entropy(recogniser(clips), labels)
        if kind == TRAIN:
            loss.backward()
            optimizer.step()
            optimizer.clear_grad(set_to_zero=False)
        loss = float(loss)
        return [loss] if kind == LOSS else None

    return step


def pytorch(options):
    """The same in PyTorch, with the weights that `ours` has left."""
    import torch
    import torch.nn.functional as F

    from weights.torch_forward import Network

    class Trained(Network):
        """With the statistics of the batch, while it is training."""

        training = True

        def norm(self, name, x):
            parts = (f"{name}.{part}" for part in ("running_mean", "running_var", "weight", "bias"))
            mean, variance, weight, bias = (self.state[part] for part in parts)
            return F.batch_norm(
                x, mean, variance, weight, bias, self.training, momentum=0.1, eps=self.epsilon
            )

    torch.set_num_threads(options.threads)
    last = options.serve == TORCH_LAST
    layout = torch.channels_last_3d if last else torch.contiguous_format
    state = {}
    for name, array in np.load(options.weights).items():
        tensor = torch.from_numpy(array)
        state[name] = tensor.to(memory_format=layout) if tensor.ndim == 5 else tensor
        state[name].requires_grad = not name.endswith(("running_mean", "running_var"))
    network = Trained(state)
    parameters = [tensor for tensor in state.values() if tensor.requires_grad]
    optimizer = torch.optim.SGD(parameters, 1e-3, momentum=0.9, weight_decay=1e-3)
    # The last tensor is the bias of the head.
    n_classes = len(list(state.values())[-1])
    clips, labels = map(torch.from_numpy, batch(n_classes, options))

    def step(kind):
        network.training = kind != EVALUATE
        normalised = ((clips.float() / 255 - MEAN) / STD).to(memory_format=layout)
        with torch.set_grad_enabled(kind == TRAIN):
            loss = F.cross_entropy(network.logits(normalised), labels)
        if kind == TRAIN:
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        loss = float(loss)
        return [loss] if kind == LOSS else None

    return step


if __name__ == "__main__":
    main()
