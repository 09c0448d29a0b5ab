"""Do balance and the means against overfitting help? Three data sets made of the demo corpus.

    python -m benchmarks.recipes                 # all three, three seeds each
    python -m benchmarks.recipes long-tail --seeds 1

long-tail: ten times as many videos of the first class as of the last one. noise: three of ten
training videos have a wrong label. few: eight training videos of each class. Validated on all
classes alike, so that video top-1 is the mean class accuracy. Everything trains for as many steps;
the last epoch counts, not the best one.
"""

import argparse
import csv
import statistics
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np

import app
from datasets.demo import write_demo_corpus

STEPS = 288
BATCH_SIZE = 16
# What is added to the recipe of the demo, by group of options.
PLAIN = {}
CLIP = {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "erasing": 0.25}
WAYS = {
    "long-tail": {
        "none": PLAIN,
        "balance sqrt": {"data": {"balance": "sqrt"}},
        "balance equal": {"data": {"balance": "equal"}},
        "class_weights inverse": {"optim": {"class_weights": "inverse"}},
        "class_weights effective": {"optim": {"class_weights": "effective"}},
    },
    "noise": {
        "none": PLAIN,
        "label_smoothing 0.1": {"optim": {"label_smoothing": 0.1}},
        "mixup 0.2": {"train": {"mixup": 0.2}},
        "dropout, smoothing, mixup": {
            "model": {"dropout": 0.5},
            "optim": {"label_smoothing": 0.1},
            "train": {"mixup": 0.2},
        },
        "ema 0.98": {"optim": {"ema": 0.98}},
    },
    "few": {
        "none": PLAIN,
        "colours and erasing": {"clip": CLIP},
        "mixup 0.2": {"train": {"mixup": 0.2}},
        "dropout 0.5": {"model": {"dropout": 0.5}},
    },
}


def rows_of(corpus, kind, seed):
    """The training videos of a data set: `(path, class)`."""
    generator = np.random.default_rng(seed)
    classes = sorted(path.name for path in (corpus / "train").iterdir())
    rows = []
    for number, name in enumerate(classes):
        videos = sorted((corpus / "train" / name).iterdir())
        kept = len(videos)
        if kind == "long-tail":
            kept = round(kept * 10 ** (-number / (len(classes) - 1)))
        if kind == "few":
            kept = 8
        for video in videos[:kept]:
            label = name
            if kind == "noise" and generator.random() < 0.3:
                label = str(generator.choice([other for other in classes if other != name]))
            rows.append((video, label))
    return rows


def train(corpus, kind, options, seed, folder):
    """The video top-1 of the last epoch."""
    lists = {
        "train": rows_of(corpus, kind, seed),
        "val": [(path, path.parent.name) for path in sorted((corpus / "val").glob("*/*"))],
    }
    for split, rows in lists.items():
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    epochs = round(STEPS * BATCH_SIZE / len(lists["train"]))
    groups = {
        "model": app.ModelConfig(depth=10, widen_factor=0.25, conv1_t_size=3, conv1_t_stride=2),
        "data": app.DataConfig(videos=str(corpus), annotation=str(folder)),
        "clip": app.ClipConfig(size=48, crop_scale=(0.8, 1.0), crop_ratio=(0.87, 1.15), flip=0.0),
        "train": app.TrainConfig(epochs=epochs, batch_size=BATCH_SIZE, seed=seed, threads=1),
        "optim": app.OptimConfig(lr=0.02, schedule="cosine", warmup_epochs=1),
    }
    groups = {name: replace(group, **options.get(name, {})) for name, group in groups.items()}
    with redirect_stdout(sys.stderr):
        return app.fit(app.FitConfig(str(folder / "run"), **groups)).evaluation.video_top1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=list(WAYS), help=", ".join(WAYS))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        corpus = write_demo_corpus(place)
        ways = [(kind, name) for kind in args.kinds for name in WAYS[kind]]
        for kind, name in ways:
            found = []
            for seed in range(args.seeds):
                folder = Path(tempfile.mkdtemp(dir=place))
                found.append(train(corpus, kind, WAYS[kind][name], seed, folder))
            values = " ".join(f"{value:.3f}" for value in found)
            print(f"{kind}: {name}: {statistics.mean(found):.3f} ({values})", flush=True)


if __name__ == "__main__":
    main()
