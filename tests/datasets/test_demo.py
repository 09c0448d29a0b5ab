import subprocess
import sys

import av
import numpy as np
import pytest

from datasets import demo
from datasets.demo import DIRECTIONS, PERIOD, STEPS, TURNS, draw_video, write_demo_corpus


def files(corpus):
    return sorted(p.relative_to(corpus) for p in corpus.rglob("*.*"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_demo_corpus(tmp_path_factory.mktemp("demo"), n_train=2, n_val=2)


def test_every_class_has_both_containers_in_both_splits(corpus):
    for split in ("train", "val"):
        assert {p.name for p in (corpus / split).iterdir()} == set(DIRECTIONS)
        for class_name in DIRECTIONS:
            videos = sorted((corpus / split / class_name).iterdir())
            assert [p.suffix for p in videos] == [".mp4", ".avi"]


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "h264"), ("avi", "mpeg4")])
def test_files_decode_to_what_was_drawn(corpus, suffix, codec):
    number = {"mp4": 0, "avi": 1}[suffix]
    generator = np.random.default_rng([0, False, number, *b"directions"])
    drawn = draw_video("directions", "up", generator)
    with av.open(str(corpus / "train" / "up" / f"{number:03d}.{suffix}")) as container:
        assert container.streams.video[0].codec_context.name == codec
        decoded = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(decoded) == len(drawn)
    assert 24 <= len(drawn) <= 32
    # Colour is stored at half the resolution, so single pixels may be far off.
    assert np.abs(np.stack(decoded).astype(int) - drawn).mean() < 12


def test_same_seed_same_bytes(corpus, tmp_path):
    again = write_demo_corpus(tmp_path, n_train=2, n_val=2)
    assert files(again) == files(corpus)
    for file in files(corpus):
        assert (again / file).read_bytes() == (corpus / file).read_bytes(), file


def test_another_seed_gives_other_videos(corpus, tmp_path):
    other = write_demo_corpus(tmp_path, seed=1, n_train=1, n_val=1)
    file = "train/up/000.mp4"
    assert (other / file).read_bytes() != (corpus / file).read_bytes()


def test_validation_videos_are_not_training_videos(corpus):
    train, val = ((corpus / s / "up" / "000.mp4").read_bytes() for s in ("train", "val"))
    assert train != val


def test_a_second_call_writes_nothing(corpus, monkeypatch):
    def refuse(*_):
        raise AssertionError("drawn again")

    monkeypatch.setattr(demo, "draw_video", refuse)
    assert write_demo_corpus(corpus.parent, n_train=2, n_val=2) == corpus


def test_an_interrupted_writing_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "_encode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_demo_corpus(tmp_path, n_train=1, n_val=1)
    assert list(tmp_path.iterdir()) == []


def test_turns_have_classes_of_their_own(tmp_path):
    corpus = write_demo_corpus(tmp_path, "turns", n_train=1, n_val=1)
    assert {p.name for p in (corpus / "train").iterdir()} == set(TURNS)
    assert set(TURNS).isdisjoint(DIRECTIONS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "speeds"}, "no demo corpus 'speeds'; there are: directions, turns"),
        ({"n_val": 0}, "must be positive"),
    ],
)
def test_bad_arguments_are_named(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        write_demo_corpus(tmp_path, **arguments)


@pytest.mark.parametrize("motion", DIRECTIONS.values())
def test_a_way_goes_on_along_its_motion(motion):
    way = demo._way(motion, np.random.default_rng(0))
    steps = np.diff(way, axis=0) @ np.array(motion) / np.hypot(*motion)
    # Forwards all the time, but for the jump back to where the next round begins.
    assert (steps > 0).sum() >= PERIOD - 1 - PERIOD // STEPS
    assert np.isclose(steps[steps > 0], 1 / (STEPS - 1)).all()


@pytest.mark.parametrize("motion", [*DIRECTIONS.values(), *TURNS.values()])
def test_the_places_of_a_way_lie_spread_to_all_sides(motion):
    # The leak to fear: places on a line would tell the axis of the motion without their order.
    places = np.concatenate([demo._way(motion, np.random.default_rng(s)) for s in range(2000)])
    covariance = np.cov(places.T)
    np.testing.assert_allclose(covariance, np.eye(2) * covariance[0, 0], atol=0.01)


def test_the_module_comes_without_paddle():
    code = "import sys, datasets.demo; sys.exit('paddle' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
