import os

import numpy as np
import pytest

from datasets.annotations.drawn_split import UCF_GROUP, Draw
from datasets.annotations.errors import AnnotationError
from datasets.index.video_index import Row, VideoIndex
from tests.datasets.annotations.made_files import make_files, paths_of


def index_of(**classes):
    labels = sorted(classes)
    rows = [Row(f"{name}/{file}", labels.index(name)) for name in labels for file in classes[name]]
    return VideoIndex.from_rows(labels, rows)


def drawn_from(index, *options, **named_options):
    """The two parts, and the notes."""
    in_val, notes = Draw(*options, **named_options)(index)
    return {"train": index.select(~in_val), "val": index.select(in_val)}, notes


def numbered(count):
    return [f"{i}.mp4" for i in range(count)]


def test_the_same_seed_draws_the_same_and_another_does_not():
    index = index_of(a=numbered(50), b=numbered(50))
    first, _ = drawn_from(index, seed=1)
    again, _ = drawn_from(index, seed=1)
    other, _ = drawn_from(index, seed=2)
    assert paths_of(first["val"]) == paths_of(again["val"])
    assert paths_of(first["val"]) != paths_of(other["val"])


def test_every_video_is_on_one_side():
    index = index_of(a=numbered(13), b=numbered(7))
    drawn, _ = drawn_from(index)
    assert sorted(paths_of(drawn["train"]) + paths_of(drawn["val"])) == sorted(paths_of(index))


def test_each_class_gives_its_share():
    drawn, _ = drawn_from(index_of(a=numbered(100), b=numbered(20)), val_fraction=0.25)
    assert (drawn["val"].label == 0).sum() == 25
    assert (drawn["val"].label == 1).sum() == 5


def test_a_new_class_leaves_the_draw_of_the_others_alone():
    small, _ = drawn_from(index_of(b=numbered(30)))
    large, _ = drawn_from(index_of(a=numbered(30), b=numbered(30)))
    assert paths_of(small["val"]) == [p for p in paths_of(large["val"]) if p.startswith("b/")]


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_a_class_of_two_videos_has_one_on_each_side(fraction):
    drawn, notes = drawn_from(index_of(a=numbered(2), b=numbered(2)), fraction)
    assert drawn["train"].label.tolist() == drawn["val"].label.tolist() == [0, 1]
    assert not notes


def test_clips_of_one_recording_stay_together():
    files = [f"v_Jump_g{group:02d}_c{clip:02d}.avi" for group in range(25) for clip in range(6)]
    drawn, _ = drawn_from(index_of(a=files), 0.2)
    groups = [{path[:12] for path in paths_of(drawn[side])} for side in ("train", "val")]
    assert not groups[0] & groups[1]
    assert len(groups[0]) == 20
    assert len(groups[1]) == 5


def test_a_pattern_of_ones_own_keeps_its_matches_together():
    files = [f"{person}-{take}.mp4" for person in ("ann", "bob", "cem", "dan") for take in range(5)]
    drawn, _ = drawn_from(index_of(a=files), 0.25, group_pattern=r"^(\w+)-\d")
    assert len({path.split("-")[0] for path in paths_of(drawn["val"])}) == 1
    assert len(drawn["val"]) == 5


def test_a_large_group_does_not_swallow_the_training_part():
    files = [f"v_X_g01_c{clip:02d}.avi" for clip in range(98)] + ["v_X_g02_c01.avi"]
    for seed in range(10):
        drawn, _ = drawn_from(index_of(a=files), 0.2, seed=seed)
        assert len(drawn["val"]) == 1


def test_a_class_of_one_video_is_for_training_and_mentioned():
    drawn, notes = drawn_from(index_of(a=numbered(1), b=numbered(5)))
    assert "a/0.mp4" in paths_of(drawn["train"])
    assert "1 of 2 classes" in notes[0]
    assert notes[0].endswith("training only: a")


def test_nothing_to_validate_on_is_an_error():
    with pytest.raises(AnnotationError, match="nothing can be drawn"):
        drawn_from(index_of(a=numbered(1), b=numbered(1)))


@pytest.mark.parametrize("fraction", [0, 1, -0.5, float("nan")])
def test_a_fraction_out_of_range_is_named(fraction):
    with pytest.raises(AnnotationError, match="val_fraction"):
        drawn_from(index_of(a=numbered(5)), fraction)


def test_a_broken_pattern_is_named():
    with pytest.raises(AnnotationError, match="group_pattern"):
        drawn_from(index_of(a=numbered(5)), group_pattern="(")


def test_the_segments_of_a_recording_stay_together_over_all_classes():
    rows = [
        Row(f"recording{i}.mp4", label, f"{i}-{label}") for i in range(10) for label in range(3)
    ]
    index = VideoIndex.from_rows(["a", "b", "c"], rows)
    drawn, notes = drawn_from(index, 0.2)
    sides = [set(paths_of(drawn[split])) for split in ("train", "val")]
    assert not sides[0] & sides[1]
    assert [(drawn["val"].label == label).sum() for label in range(3)] == [2, 2, 2]
    assert not notes


def test_a_person_who_acts_in_every_class_is_on_one_side():
    people = [f"p{n:02d}" for n in range(20)]
    index = index_of(**{name: [f"{p}_{t}.mp4" for p in people for t in "123"] for name in "abcd"})
    drawn, _ = drawn_from(index, 0.25, r"^(p\d+)_")
    sides = [{path[2:5] for path in paths_of(drawn[split])} for split in ("train", "val")]
    assert not sides[0] & sides[1]
    assert len(sides[1]) == 5


@pytest.mark.parametrize("seed", range(5))
def test_shares_stay_near_where_people_act_in_some_classes_only(seed):
    generator = np.random.default_rng(seed)
    rows = [
        Row(f"{label}/p{person:02d}_{take}.mp4", label)
        for person in range(40)
        for label in range(8)
        for take in range(generator.integers(0, 5))
    ]
    index = VideoIndex.from_rows([str(n) for n in range(8)], rows)
    drawn, _ = drawn_from(index, 0.2, r"^(p\d+)_", seed)
    share = np.bincount(drawn["val"].label) / np.bincount(index.label)
    # The nearest that is possible is within a video or two of 80.
    np.testing.assert_allclose(share, 0.2, atol=0.04)


@pytest.mark.parametrize("make_link", [os.symlink, os.link])
def test_one_file_under_two_names_stays_on_one_side(tmp_path, make_link):
    for i in range(10):
        make_files(tmp_path, f"a/{i}.mp4", "b/x.mp4")
        make_link(tmp_path / f"a/{i}.mp4", tmp_path / f"b/{i}.mp4")
    rows = [Row(f"{name}/{i}.mp4", label) for label, name in enumerate("ab") for i in range(10)]
    drawn, _ = drawn_from(VideoIndex.from_rows(["a", "b"], rows, tmp_path))
    sides = [{path[2:] for path in paths_of(drawn[split])} for split in ("train", "val")]
    assert not sides[0] & sides[1]
    assert len(sides[1]) == 2


def test_the_order_of_the_rows_does_not_matter():
    rows = [Row(f"{i % 7}.mp4", i % 3, str(i)) for i in range(40)]
    draws = []
    for some in (rows, rows[::-1]):
        index = VideoIndex.from_rows(["a", "b", "c"], some)
        draws.append(set(paths_of(drawn_from(index, seed=3)[0]["val"])))
    assert draws[0] == draws[1]


def test_a_class_that_cannot_be_parted_is_mentioned():
    """All videos of b are of the one recording that a would lose, too."""
    rows = [Row("both.mp4", 1), *(Row(f"{i}.mp4", 0) for i in range(5)), Row("both.mp4", 0)]
    drawn, notes = drawn_from(VideoIndex.from_rows(["a", "b"], rows))
    assert 1 not in drawn["val"].label
    assert notes[0].startswith("1 of 2 classes")
    assert notes[0].endswith("used for training only: b")


def test_the_default_pattern_is_that_of_the_command_line():
    from app.configuration import DataConfig, IndexConfig

    assert DataConfig().group_pattern == IndexConfig("x").group_pattern == UCF_GROUP
