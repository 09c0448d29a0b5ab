"""What freezing saves: the time of a training step of R3D-18 with and without it.

    python -m benchmarks.finetuning [--from layer4] [--batch 4] [--frames 16] [--size 112]

Steps with everything trained and with ``finetune_from`` alternate in one run, so that a busy
machine slows both alike; the medians are compared. A forward pass alone is shown beside them:
less than that a step cannot cost.
"""

import argparse
import statistics
import time

import numpy as np
import paddle

import models
from weights.freezing import freeze_before


def build(finetune_from):
    """A network under training, as ``fit`` has it."""
    network = models.build(depth=18, n_classes=101)
    report = freeze_before(network, finetune_from)
    model = paddle.Model(models.Recogniser(network, models.Normalisation()))
    optimizer = paddle.optimizer.Momentum(
        0.001,
        momentum=0.9,
        weight_decay=1e-3,
        parameters=[p for p in model.parameters() if not p.stop_gradient],
    )
    model.prepare(optimizer, paddle.nn.CrossEntropyLoss())
    return model, report


def seconds(step):
    """How long a call takes."""
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="finetune_from", default="layer4")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--steps", type=int, default=7)
    options = parser.parse_args()

    random = np.random.default_rng(0)
    shape = (options.batch, 3, options.frames, options.size, options.size)
    clips = random.integers(0, 256, shape, dtype=np.uint8)
    labels = random.integers(0, 101, (options.batch, 1))
    whole, _ = build("")
    frozen, report = build(options.finetune_from)
    steps = {
        "all layers": lambda: whole.train_batch([clips], [labels]),
        f"from {options.finetune_from}": lambda: frozen.train_batch([clips], [labels]),
        "forward only": lambda: whole.predict_batch([clips]),
    }
    times = {name: [] for name in steps}
    for round_number in range(options.steps + 1):
        for name, step in steps.items():
            elapsed = seconds(step)
            if round_number:  # The first round allocates memory.
                times[name].append(elapsed)

    print(f"R3D-18, {options.batch} clips of {options.frames} x {options.size} x {options.size}")
    print(*report.lines(), sep="\n")
    reference = statistics.median(times["all layers"])
    for name, measured in times.items():
        median = statistics.median(measured)
        print(f"{name:14} {1000 * median:8.0f} ms   {median / reference:5.2f} of all layers")


if __name__ == "__main__":
    main()
