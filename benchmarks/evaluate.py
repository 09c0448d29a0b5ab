"""How much of the network's speed an evaluation reaches, files to scores, and beside PyTorch.

    python benchmarks/evaluate.py [VIDEO ...] [--depth 18 50] [--rounds 3] [--batch 8]

Clips of 16 x 112 x 112 on the CPU. The videos are evaluated in windows of 16 frames by the same
stream of clips and the same engine as `python -m app evaluate`, with 2 decoding workers, from the
opened files to the scores of every video. In turns within one run, on the same clips and with as
many threads:

    evaluation     files to scores
    bfloat16       the same with --precision bf16, where the processor has such arithmetic
    network        paddle.inference alone, the clips lie ready in memory
    PyTorch        the same network from the same weights, clips normalised ready in memory

Without VIDEO it makes its own, in the format of UCF-101 (320 x 240, MPEG-4 with B-frames).
"""

import argparse
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import paddle
import torch

from app.evaluation.scores import VideoScores
from app.evaluation.scoring import score_pieces
from app.inference.open_engine import open_engine
from benchmarks.torch_state import torch_state
from datasets.clips.clip_shape import ClipShape
from datasets.clips.stream import ClipStream
from datasets.clips.views import Views
from datasets.cores import available_cores
from datasets.index.video_index import Row, VideoIndex
from models.normalisation import KINETICS_MEAN, KINETICS_STD
from models.onednn import unavailable_because
from tests.videos import write_video
from weights.description import InputContract, NetworkDescription
from weights.files import save_network
from weights.torch_forward import logits as torch_logits

N_CLASSES = 101
WORKERS = 2


def make_videos(folder, number=18, frames=180):
    """Videos like those of UCF-101."""
    options = {"codec": "mpeg4", "width": 320, "height": 240, "gop": 250, "frames": frames}
    return [write_video(folder / f"{n}.avi", seed=n, **options) for n in range(number)]


def make_engines(depth, folder):
    """Engines of a network with random weights by name, and the weights by PyTorch's names."""
    description = NetworkDescription(
        "r3d",
        {"depth": depth, "n_classes": N_CLASSES},
        tuple(f"class {number}" for number in range(N_CLASSES)),
        InputContract(),
    )
    paddle.seed(0)
    network = description.build()
    save_network(network, description, folder / f"{depth}.pdparams")
    state = {name: torch.from_numpy(array) for name, array in torch_state(network).items()}
    weights = folder / f"{depth}.pdparams"
    engines = {"evaluation": open_engine(weights, device="cpu", kind="inference")}
    if not unavailable_because("bf16"):
        engines["bfloat16"] = open_engine(weights, device="cpu", precision="bf16")
    return engines, state


def streamed(videos, batch, workers):
    """The stream of clips that `evaluate` reads."""
    index = VideoIndex.from_rows(
        [str(n) for n in range(N_CLASSES)], [Row(str(Path(v).resolve()), 0) for v in videos]
    )
    return index, ClipStream(index, Views("windows", 16), ClipShape(16, 1, 112), batch, workers)


def seconds(work):
    """How long a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(depth, videos, options, folder):
    """Time the three in turns and print a table."""
    engines, state = make_engines(depth, folder)
    engine = engines["evaluation"]
    # What the stream gives: the same clips in the same batches for all three.
    batches = [p.clips for p in streamed(videos, options.batch, 0)[1] if p.clips is not None]
    n_clips = sum(map(len, batches))
    mean, std = (
        np.array(v, np.float32)[:, None, None, None] for v in (KINETICS_MEAN, KINETICS_STD)
    )
    normalised = [(clips / np.float32(255) - mean) / std for clips in batches]

    def evaluation(engine):
        index, stream = streamed(videos, options.batch, WORKERS)
        scores = VideoScores(index.label.astype(np.int64), N_CLASSES)
        for _ in score_pieces(engine, stream, scores):
            pass

    def network():
        for clips in batches:
            engine.scores(clips)

    def pytorch():
        for clips in normalised:
            torch_logits(state, clips)

    difference = max(
        np.abs(
            engine.scores(ours)
            - torch.softmax(torch.from_numpy(torch_logits(state, theirs)), 1).numpy()
        ).max()
        for ours, theirs in zip(batches[:1], normalised[:1], strict=True)
    )
    rivals = {name: partial(evaluation, each) for name, each in engines.items()}
    rivals |= {"network": network, "PyTorch": pytorch}
    times = {name: [] for name in rivals}
    for round_number in range(options.rounds + 1):
        for name, work in rivals.items():
            elapsed = seconds(work)
            if round_number:  # The first round allocates memory and chooses kernels.
                times[name].append(elapsed)
    print(
        f"R3D-{depth}: {n_clips} clips of {len(videos)} videos, scores differ by {difference:.1e}"
    )
    # Ratios within a round: what else the machine does slows all three alike.
    for name in rivals:
        speed = n_clips / statistics.median(times[name])
        ratio = statistics.median(
            theirs / ours for ours, theirs in zip(times["evaluation"], times[name], strict=True)
        )
        beside = "" if name == "evaluation" else f"   evaluation / {name} = {ratio:.2f}"
        print(f"    {name:12} {speed:7.2f} clips/s{beside}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", metavar="VIDEO")
    parser.add_argument("--depth", type=int, nargs="+", default=[18, 50])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    options = parser.parse_args()
    threads = available_cores()
    torch.set_num_threads(threads)
    print(f"{threads} threads, {WORKERS} decoding workers, batches of up to {options.batch}")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        videos = options.videos or make_videos(folder)
        for depth in options.depth:
            compare(depth, videos, options, folder)


if __name__ == "__main__":
    main()
