"""The deployment example, which has nothing of the project but the exported folder."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from app.configuration import ExportConfig, PredictConfig
from app.export import export
from app.inference.open_engine import open_engine
from app.predict import predict
from tests.app.small_run import PROJECT
from tests.app.trained import CONTRACT, write_run, write_weights
from tests.videos import write_video

SCRIPT = PROJECT / "app" / "examples" / "paddle_inference.py"
CLIPS = PROJECT.parent / "shared" / "clips"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("example") / "run")
    open_engine(run, device="cpu")
    return run / "export" / "best"


def start(*words, cwd):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, words)],
        cwd=cwd,  # where nothing of the project can be imported
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def check_agrees(exported, videos, cwd):
    """The scores that the example prints are those of `predict`."""
    done = start(exported, *videos, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    report = predict(PredictConfig(str(exported), list(map(str, videos)), device="cpu"))
    blocks = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    expected = []
    for prediction in report.predictions:
        expected.append([f"{prediction.source.name}:", f"{len(prediction.starts)} clips"])
        expected += [[score, label] for label, score in prediction.top(5)]
    assert [second for _, second in blocks] == [second for _, second in expected]
    for (ours, _), (theirs, _) in zip(blocks, expected, strict=True):
        if isinstance(theirs, str):
            assert ours == theirs
        else:
            assert float(ours) == pytest.approx(theirs, abs=1e-4)


def test_it_agrees_with_predict(exported, tmp_path):
    videos = [
        write_video(tmp_path / "short.mp4", frames=3, seed=1),
        write_video(tmp_path / "whole_windows.mp4", frames=32, seed=2),
        write_video(tmp_path / "several_batches.avi", codec="mpeg4", frames=8 * 9 + 1, seed=3),
        write_video(tmp_path / "phone.mp4", frames=30, seed=4, rotation=90),
        write_video(tmp_path / "upside_down.mp4", frames=30, seed=4, rotation=180),
    ]
    check_agrees(exported, videos, tmp_path)


def test_it_agrees_where_frames_are_resized_first(tmp_path):
    resized = replace(CONTRACT, resize=(40, 56))
    weights = write_weights(tmp_path / "resized.pdparams", contract=resized)
    folder = export(ExportConfig(str(weights))).folder
    videos = [
        write_video(tmp_path / "wide.mp4", width=96, frames=20, seed=5),
        write_video(tmp_path / "phone.mp4", frames=20, seed=6, rotation=90),
    ]
    check_agrees(folder, videos, tmp_path)


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the clips in ../shared/clips are not here")
def test_it_agrees_with_predict_on_real_clips(exported, tmp_path):
    check_agrees(exported, sorted(CLIPS.iterdir()), tmp_path)


def test_without_arguments_it_tells_how_it_is_used(tmp_path):
    done = start(cwd=tmp_path)
    assert done.returncode == 0 and "usage:" in done.stdout and "video" in done.stdout


def test_what_fails_is_named_and_the_rest_is_done(exported, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    video = write_video(tmp_path / "good.mp4", frames=9)
    done = start(exported, tmp_path / "bad.mp4", video, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "bad.mp4" in done.stderr and "good.mp4: 2 clips" in done.stdout
    done = start(tmp_path, video, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "no exported folder" in done.stderr


def peak_memory(exported, video):
    """Most megabytes of a run of the example."""
    done = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(exported), str(video)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(done.pid, 0)
    assert status == 0
    return usage.ru_maxrss / 1024


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(exported, tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (50, 48, 64, 3), dtype=np.uint8)
    short, long = (
        write_video(
            tmp_path / f"{n}.avi",
            codec="mpeg4",
            b_frames=0,
            pictures=(pictures[i % len(pictures)] for i in range(n)),
        )
        for n in (100, 6000)
    )
    # All frames, and all clips as one batch, take 170 MB more.
    assert peak_memory(exported, long) < peak_memory(exported, short) + 40
