"""Does the demo need motion? Its validation clips, frames in order and frames shuffled.

    python -m app fit                                # trains runs/demo
    python -m benchmarks.demo_shuffled runs/demo

Prints the video top-1 of the trained network on the same clips in both orders, and chance. A corpus
that any single frame, or any unordered set of frames, gave away would score as high when shuffled.
"""

import argparse

import numpy as np

from app.data import read_splits
from app.evaluation.scores import VideoScores
from app.inference.open_engine import open_engine
from app.trained import find_trained
from datasets.clips.clip_shape import ClipShape
from datasets.clips.stream import ClipStream
from datasets.clips.views import Views


def shuffled(clips, generator):
    """Clips with the frames of each in a random order."""
    orders = [generator.permutation(clips.shape[2]) for _ in clips]
    return np.stack([clip[:, order] for clip, order in zip(clips, orders, strict=True)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="run folder of the demo")
    trained = find_trained(parser.parse_args().run)
    config, contract = trained.configuration, trained.description.input
    index = read_splits(config.data, config.train.seed)["val"]
    engine = open_engine(trained)
    shape = ClipShape(contract.frames, contract.stride, contract.size)
    stream = ClipStream(index, Views("even", config.clip.val_clips), shape, engine.batch_size, 0)
    orders = {"in order": lambda clips, _: clips, "shuffled": shuffled}
    for name, ordered in orders.items():
        scores = VideoScores(index.label, len(index.labels))
        generator = np.random.default_rng(0)
        for piece in stream:
            scores.add(piece.rows, engine.logits(ordered(piece.clips, generator)))
            scores.finish(piece.finished)
        print(f"frames {name}: video top-1 {scores.summary().video_top1:.3f}", flush=True)
    print(f"chance: {1 / len(index.labels):.3f} ({len(index)} videos)")


if __name__ == "__main__":
    main()
