import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.decoding.errors import VideoError
from tests.videos import write_video


@pytest.fixture
def videos(tmp_path):
    for part, count in (("train", 3), ("val", 2)):
        for number, label in enumerate(("run", "walk")):
            (tmp_path / part / label).mkdir(parents=True)
            for i in range(count):
                path = tmp_path / part / label / f"{i}.mp4"
                write_video(path, frames=12, width=48, height=40, seed=10 * number + i)
    return tmp_path


def test_items_are_clips_with_the_numbers_of_their_classes(videos):
    dataset = datasets.open_dataset(videos, part="train", frames=4, size=32)
    assert dataset.labels == ["run", "walk"] and len(dataset) == 6
    clip, label = dataset[4]
    assert (clip.dtype, clip.shape) == (np.uint8, (3, 4, 32, 32))
    assert [label for _, label in dataset] == [0, 0, 0, 1, 1, 1]


def test_training_clips_differ_every_time_and_follow_numpys_seed(videos):
    dataset = datasets.open_dataset(videos, part="train", frames=4, size=32)
    np.random.seed(1)
    first, second = dataset[0][0], dataset[0][0]
    assert (first != second).any()
    np.random.seed(1)
    np.testing.assert_array_equal(dataset[0][0], first)


def test_validation_clips_are_always_the_same(videos):
    dataset = datasets.open_dataset(videos, part="val", frames=4, size=32)
    np.testing.assert_array_equal(dataset[1][0], dataset[1][0])
    assert len(dataset) == 4


def test_a_broken_video_is_named_and_the_next_one_taken(videos):
    (videos / "train" / "run" / "1.mp4").write_bytes(b"no video")
    dataset = datasets.open_dataset(videos, part="train", frames=4, size=32)
    with pytest.warns(UserWarning, match=r"run/1\.mp4: .*the next video is taken"):
        _, label = dataset[1]
    assert label == 0


def test_a_set_without_any_sound_video_is_refused_when_it_is_opened(videos):
    for path in (videos / "val").rglob("*.mp4"):
        path.write_bytes(b"no video")
    with pytest.warns(UserWarning), pytest.raises(VideoError, match="none of its videos"):
        datasets.open_dataset(videos, part="val", frames=4, size=32)
    with pytest.raises(datasets.AnnotationError, match="nowhere"):
        datasets.open_dataset(videos / "nowhere")


LOADERS = """
import shutil, sys, warnings
from paddle.io import DataLoader
import datasets

warnings.simplefilter("ignore")
dataset = datasets.open_dataset(sys.argv[1], part="train", frames=4, size=32)
loaders = [DataLoader(dataset, batch_size=4, num_workers=workers) for workers in (0, 2)]
for loader in loaders:
    assert [len(clips) for clips, _ in loader] == [4, 2]
shutil.rmtree(sys.argv[1])
for loader in loaders:
    try:
        list(loader)
        print(loader.num_workers, "ended as if all were well")
    except (SystemError, datasets.VideoError) as error:
        print(loader.num_workers, type(error).__name__, error, flush=True)
"""


def test_when_all_videos_are_gone_a_loader_ends_and_says_so(videos):
    """In a process of its own: without workers it used to wait for ever."""
    done = subprocess.run(
        [sys.executable, "-c", LOADERS, videos],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert f"0 VideoError {videos}: none of its videos can be read" in done.stdout
    assert "2 SystemError" in done.stdout
    assert f"RuntimeError: {videos}: none of its videos can be read" in done.stderr
