"""Training on real footage: classes cut from the clips that lie beside the project."""

import json

import pytest

from app.configuration import (
    ClipConfig,
    DataConfig,
    FitConfig,
    ModelConfig,
    OptimConfig,
    TrainConfig,
)
from app.fit import fit
from datasets.decoding.video_reader import VideoReader
from tests.app.small_run import PROJECT
from tests.videos import write_video

CLIPS = sorted((PROJECT.parent / "shared" / "clips").glob("*.*"))


def cut(clip, folder, first, last, frames=20):
    """Write pieces of a clip, frames `first` to `last`, into a folder."""
    folder.mkdir(parents=True)
    with VideoReader(clip) as video:
        for number, begin in enumerate(range(first, last, frames)):
            pictures = video.read(range(begin, min(begin + frames, last)))
            height, width = (side - side % 2 for side in pictures.shape[1:3])
            path = folder / f"{number}.mp4"
            pictures = pictures[:, :height, :width]
            write_video(path, width=width, height=height, pictures=pictures)


@pytest.mark.slow
@pytest.mark.skipif(not CLIPS, reason="the real clips are not beside the project")
def test_a_folder_cut_from_real_clips_is_learnt(tmp_path):
    for clip in CLIPS:
        with VideoReader(clip) as video:
            # A whole film would take minutes; its first 200 frames show the same.
            end = min(len(video), 200)
        middle = round(0.7 * end)
        cut(clip, tmp_path / "videos" / "train" / clip.stem, 0, middle)
        cut(clip, tmp_path / "videos" / "val" / clip.stem, middle, end)
    fit(
        FitConfig(
            run_dir=str(tmp_path / "run"),
            model=ModelConfig(depth=10, widen_factor=0.25, conv1_t_size=3),
            data=DataConfig(videos=str(tmp_path / "videos")),
            clip=ClipConfig(frames=8, size=48),
            train=TrainConfig(epochs=16, batch_size=8, workers=2, device="cpu"),
            optim=OptimConfig(lr=0.05, schedule="cosine", warmup_epochs=1),
        )
    )
    epochs = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").open()]
    assert max(epoch["train_top1"] for epoch in epochs) == 1.0
    assert max(epoch["val_video_top1"] for epoch in epochs) == 1.0
