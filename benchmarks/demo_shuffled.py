"""Does the demo need motion? Its validation clips, frames in order and frames shuffled.

    python -m app fit                                # trains runs/demo
    python -m benchmarks.demo_shuffled runs/demo

Prints the video top-1 of the trained network on the same clips in both orders, and chance. A corpus
that any single frame, or any unordered set of frames, gave away would score as high when shuffled.
"""

import argparse

import numpy as np
from paddle.io import Dataset

from app.checkpoints import WEIGHTS
from app.data import read_splits
from app.run_folder import RunFolder
from app.training.video_model import VideoModel
from datasets.clips.evaluation import EvaluationClips
from datasets.clips.loader import ClipLoader
from datasets.clips.video_order import EvaluationSampler
from weights.files import load_network


class ShuffledFrames(Dataset):
    """The clips of another dataset with the frames of each in random order."""

    def __init__(self, clips):
        super().__init__()
        self.clips = clips
        # The loader looks at these to size its shared memory.
        self.frames, self.size = clips.frames, clips.size

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, row):
        sample = self.clips[row]
        generator = np.random.default_rng(row)
        shuffled = [clip[:, generator.permutation(self.frames)] for clip in sample.clips]
        return sample._replace(clips=np.stack(shuffled))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="run folder of the demo")
    run = RunFolder(parser.parse_args().run)
    config = run.read_config()
    index = read_splits(config.data, config.train.seed)["val"]
    network, description = load_network(run.find_checkpoint("best") / WEIGHTS)
    model = VideoModel(description.recogniser(network), len(index.labels))
    model.prepare_training(None)

    clip = config.clip
    in_order = EvaluationClips(index, clip.frames, clip.stride, clip.size, clip.val_clips)
    for name, dataset in (("in order", in_order), ("shuffled", ShuffledFrames(in_order))):
        loader = ClipLoader(dataset, EvaluationSampler(len(index), 8), 0, on_failure=print)
        evaluation = model.evaluate(loader)
        print(f"frames {name}: video top-1 {evaluation.video_top1:.3f}", flush=True)
    print(f"chance: {1 / len(index.labels):.3f} ({len(index)} videos)")


if __name__ == "__main__":
    main()
