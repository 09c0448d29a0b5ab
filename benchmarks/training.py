"""Training steps on a processor: oneDNN's kernels, eager Paddle, PyTorch, and what is possible.

    python -m benchmarks.training            R3D-18 with 8 clips, R3D-50 with 4
    python -m benchmarks.training 18 --rounds 15

Every contender lives in a process of its own, with as many threads, and they take steps in turn;
between two steps the threads of the last one come to rest. Ratios are of medians. PyTorch is
needed, see requirements.txt here.
"""

import argparse
import statistics
import time
from pathlib import Path

from benchmarks.contender import Contender, parse_timing, serve

CLIPS = {18: 8, 50: 4}
CLASSES = 101
ONEDNN, ONEDNN_BF16 = "oneDNN, float32", "oneDNN, bfloat16"
ONEDNN_AVX2 = "oneDNN, float32, AVX2 only"
PADDLE = "Paddle, eager"
TORCH, TORCH_LAST = "PyTorch", "PyTorch, channels last"
TORCH_BF16, TORCH_LAST_BF16 = "PyTorch autocast", "PyTorch autocast, channels last"
CONTENDERS = [
    *(TORCH, TORCH_LAST, TORCH_BF16, TORCH_LAST_BF16),
    *(PADDLE, ONEDNN, ONEDNN_BF16, ONEDNN_AVX2),
]
LIMIT = "limit"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("depths", nargs="*", type=int, help="18, 50 or both")
    options, clock = parse_timing(parser)
    if options.serve:
        serve(lambda: contend(options.serve, options.depths[0], options.threads, clock), clock)
        return
    print(f"{processor()}, threads: {options.threads}")
    for depth in options.depths or CLIPS:
        print(f"\nR3D-{depth}, {CLIPS[depth]} clips of 16x112x112")
        compare(depth, options)


def processor():
    """The processor's name, and which vector instructions matter here that it has."""
    first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    pairs = (line.split(":", 1) for line in first.splitlines())
    lines = {name.strip(): value.strip() for name, value in pairs}
    known = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    return f"{lines['model name']} ({' '.join(f for f in known if f in lines['flags'].split())})"


def compare(depth, options):
    """Let the contenders take their steps in turn, and print the table."""
    contenders = {
        name: Contender(
            ["benchmarks.training", depth, "--serve", name, "--threads", options.threads]
            + ["--processor-time"] * options.processor_time,
            options.threads,
            {"ONEDNN_MAX_CPU_ISA": "AVX2"} if name == ONEDNN_AVX2 else {},
        )
        for name in [*CONTENDERS, LIMIT]
    }
    steps = {name: [] for name, contender in contenders.items() if contender.refusal is None}
    # The first step makes the primitives, and PyTorch's second one still chooses.
    for number in range(2 + options.rounds):
        for name in steps:
            measured = contenders[name].step()
            time.sleep(0.3)
            if number >= 2:
                steps[name].append(measured)
    for contender in contenders.values():
        contender.close()
    limits = [statistics.median(rates) for rates in zip(*steps.pop(LIMIT), strict=True)]
    medians = {name: statistics.median(ms for (ms,) in taken) for name, taken in steps.items()}
    for name in CONTENDERS:
        if name in medians:
            least, most = min(steps[name])[0], max(steps[name])[0]
            print(f"  {name:34}{medians[name]:7.0f} ms   ({least:.0f} to {most:.0f})")
        else:
            print(f"  {name:34}{contenders[name].refusal}")
    operations, rate, rate_bf16 = limits
    possible = operations / rate * 1e3
    print(f"  {'convolutions at the best rate':34}{possible:7.0f} ms   ({rate:.0f} GFLOP/s)")
    if rate_bf16:
        possible_bf16 = operations / rate_bf16 * 1e3
        print(f"  {'the same in bfloat16':34}{possible_bf16:7.0f} ms   ({rate_bf16:.0f} GFLOP/s)")
    best_torch = min(medians[TORCH], medians[TORCH_LAST])
    goals = [
        ("float32 over the better PyTorch", best_torch, ONEDNN, {18: 1.35, 50: 1.25}),
        ("float32 over eager Paddle", medians[PADDLE], ONEDNN, {18: 3.5, 50: 2.7}),
        (
            "bfloat16 over PyTorch autocast, channels last",
            medians[TORCH_LAST_BF16],
            ONEDNN_BF16,
            {18: 1.9, 50: 1.3},
        ),
    ]
    for text, other, name, goal in goals:
        if name in medians:
            print(f"  {text:48}{other / medians[name]:6.2f}   (target {goal[depth]})")
    text = "float32 step over the arithmetic limit"
    print(f"  {text:48}{medians[ONEDNN] / possible:6.2f}   (target: within 1.35)")


def contend(name, depth, threads, clock):
    """The function that takes a contender's steps."""
    if name == LIMIT:
        step = limit(depth, threads, clock)
    elif name.startswith("PyTorch"):
        step = torch_step(name, depth, threads)
    else:
        step = paddle_step(name, depth, threads)
    return lambda _: step()


def paddle_step(name, depth, threads):
    """A training step on Paddle's kernels or on oneDNN's."""
    import paddle
    import paddle.nn.functional as F

    import models
    from models import onednn

    onednn.set_threads(threads)
    precision = "bf16" if name == ONEDNN_BF16 else "fp32"
    layers, _ = onednn.choose_layers("paddle" if name == PADDLE else "onednn", precision)
    network = models.build("r3d", layers=layers, depth=depth, n_classes=CLASSES)
    recogniser = models.Recogniser(network, models.Normalisation())
    optimizer = paddle.optimizer.Momentum(
        1e-3, momentum=0.9, weight_decay=1e-3, parameters=network.parameters()
    )
    clips = paddle.randint(0, 256, [CLIPS[depth], 3, 16, 112, 112]).astype("uint8")
    labels = paddle.randint(0, CLASSES, [CLIPS[depth]])

    def step():
        loss = F.cross_entropy(recogniser(clips), labels)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)
        float(loss)

    return step


def torch_step(name, depth, threads):
    """The same in PyTorch."""
    import torch
    import torch.nn.functional as F

    from benchmarks.torch_r3d import R3D

    torch.set_num_threads(threads)
    last = name in (TORCH_LAST, TORCH_LAST_BF16)
    layout = torch.channels_last_3d if last else torch.contiguous_format
    network = R3D(depth, CLASSES).to(memory_format=layout)
    optimizer = torch.optim.SGD(network.parameters(), 1e-3, momentum=0.9, weight_decay=1e-3)
    clips = torch.randint(0, 256, (CLIPS[depth], 3, 16, 112, 112), dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (CLIPS[depth],))
    bfloat16 = name in (TORCH_BF16, TORCH_LAST_BF16)

    def step():
        normalised = ((clips.float() / 255 - 0.41) / 0.27).to(memory_format=layout)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = F.cross_entropy(network(normalised), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        float(loss)

    return step


def limit(depth, threads, clock):
    """What the convolutions of a step would take at the rate of the best single one.

    Returns:
        A function that returns the GFLOP of a step's convolutions, and the GFLOP/s of the best
        one in float32 and in bfloat16 (0 where there is none).
    """
    import math

    import paddle

    import models
    from models import onednn
    from models.onednn import convolution as kernels
    from models.onednn.primitives import BFLOAT16, FLOAT32, channels_last

    library = onednn.load()
    onednn.set_threads(threads)
    shapes = [(8, 64, 8, 28, 28), (8, 128, 4, 14, 14), (8, 256, 2, 7, 7)]
    runs = {FLOAT32: [], BFLOAT16: []}
    for data_type in [FLOAT32] + [BFLOAT16] * library.has_bfloat16:
        for shape in shapes:
            c = shape[1]
            kernel = kernels.Convolution(
                channels_last(shape, data_type),
                (c, c, 3, 3, 3),
                (1, 1, 1),
                (1, 1, 1),
                1,
                to_input=False,
                to_weights=False,
            )
            memory = [paddle.zeros([math.prod(shape)]) for _ in range(2)]
            memory.insert(1, paddle.zeros([kernel.packed_size // 4]))
            work = gflop(shape, (c, c, 3, 3, 3), (1, 1, 1), (1, 1, 1))
            runs[data_type].append((work, kernel, memory))
    counted = []
    count = kernels.convolution

    def counting(source, weights, stride, padding, groups, to_input, to_weights):
        work = gflop(source.shape, weights, stride, padding)
        counted.append(work * (1 + to_input + to_weights))
        return count(source, weights, stride, padding, groups, to_input, to_weights)

    kernels.convolution = counting
    network = models.build("r3d", layers=onednn.OneDnnLayers(), depth=depth, n_classes=CLASSES)
    network(paddle.zeros([CLIPS[depth], 3, 16, 112, 112]))
    kernels.convolution = count

    def best(data_type):
        rates = [0.0]
        for work, kernel, memory in runs[data_type]:
            for _ in range(5):
                began = clock()
                kernel.forward.run(*(part.data_ptr() for part in memory))
                rates.append(work / (clock() - began))
        return max(rates)

    return lambda: [sum(counted), best(FLOAT32), best(BFLOAT16)]


def gflop(source, weights, stride, padding):
    """Arithmetic of a convolution; what meets padding is not counted, for it can be left out."""
    pairs = 1
    for length, k, s, p in zip(source[2:], weights[2:], stride, padding, strict=True):
        outputs = range((length + 2 * p - k) // s + 1)
        pairs *= sum(0 <= out * s - p + tap < length for out in outputs for tap in range(k))
    return 2 * source[0] * weights[0] * weights[1] * pairs / 1e9


if __name__ == "__main__":
    main()
