"""A corpus and options so small that a whole training run takes seconds."""

import os
import subprocess
import sys
from pathlib import Path

from tests.videos import write_video

PROJECT = Path(__file__).parents[2]

OPTIONS = (
    "--model.depth 10 --model.widen_factor 0.1 --model.conv1_t_size 3 "
    "--clip.frames 4 --clip.size 32 --clip.val_clips 2 "
    "--train.epochs 3 --train.batch_size 4 --train.workers 0 --train.device cpu --train.threads 1 "
    "--optim.lr 0.05 --optim.schedule cosine --optim.warmup_epochs 0.5"
).split()


def write_corpus(folder, n_train=4, n_val=2, classes=("walk", "run", "jump")):
    """Small videos below ``folder/{train,val}/<class>``; returns the folder."""
    for split, count in (("train", n_train), ("val", n_val)):
        for number, label in enumerate(classes):
            (folder / split / label).mkdir(parents=True)
            for i in range(count):
                seed = 100 * number + i + (50 if split == "val" else 0)
                path = folder / split / label / f"{i}.mp4"
                write_video(path, frames=12, width=48, height=40, seed=seed)
    return folder


def write_lists(folder, corpus):
    """Lists of a corpus in which every other video has the next class too; returns the folder."""
    folder.mkdir(parents=True)
    for split in ("train", "val"):
        classes = sorted(path.name for path in (corpus / split).iterdir())
        lines = []
        for label, other in zip(classes, classes[1:] + classes[:1], strict=True):
            for number, path in enumerate(sorted((corpus / split / label).iterdir())):
                second = f" {other}" if number % 2 else ""
                lines.append(f"{path.relative_to(corpus)} {label}{second}\n")
        (folder / f"{split}.txt").write_text("".join(lines))
    return folder


def command(*arguments):
    """The words that start `python -m app` in a process of its own."""
    return [sys.executable, "-m", "app", *map(str, arguments)]


def start(*arguments, **options):
    """Start `python -m app` in the background, one thread of computation per process."""
    return subprocess.Popen(
        command(*arguments),
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(*arguments, timeout=120):
    """Run `python -m app` to its end: ``(exit code, stdout, stderr)``."""
    process = start(*arguments)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, err
