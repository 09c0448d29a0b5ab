import pytest

from datasets.annotations.drawn_split import Draw
from datasets.annotations.errors import AnnotationError
from datasets.index.video_index import Row, VideoIndex
from tests.datasets.annotations.made_files import paths_of


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
