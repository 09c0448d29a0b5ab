import pytest

from app.errors import UserError
from app.training.resuming import check_videos
from datasets.index.splits import Splits
from datasets.index.video_index import Row, VideoIndex

LABELS = ["walk", "run"]
ROWS = [Row("a.mp4", 0), Row("b.mp4", 1), Row("c.mp4", 1, last=20)]


def splits(rows=ROWS, labels=LABELS, root="here"):
    train = VideoIndex.from_rows(labels, rows, root)
    return Splits(root, {"train": train, "val": VideoIndex.from_rows(labels, ROWS[:1], root)})


@pytest.fixture
def kept(tmp_path):
    splits().save(tmp_path / "videos.npz")
    return tmp_path / "videos.npz"


def test_the_same_videos_elsewhere_are_the_same(kept):
    known = [row._replace(frame_count=30, fps=25.0) for row in ROWS]
    check_videos(kept, splits(known, root="there"))


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        (splits(ROWS[:2]), "train: video c.mp4 missing$"),
        (splits([*ROWS, Row("d.mp4", 0)]), "train: video d.mp4 new$"),
        (splits(ROWS[::-1]), "train: 3 videos before and 3 now, in another order$"),
        (splits([*ROWS[:2], Row("c.mp4", 0, last=20)]), "another class or segment of c.mp4$"),
        (splits([*ROWS[:2], Row("c.mp4", 1, last=9)]), "another class or segment of c.mp4$"),
        (splits(labels=["walk", "jump"]), "train: class run missing; train: class jump new;"),
        (splits(labels=["run", "walk"]), "train: the classes are in another order;"),
        (
            splits([*ROWS, *(Row(f"{i}.mp4", 0) for i in range(5))]),
            "train: video 0.mp4, 1.mp4, 2.mp4 and 2 more new$",
        ),
        (splits([*ROWS, Row("a\nb.mp4", 0)]), r"train: video a\\nb.mp4 new$"),
    ],
)
def test_what_is_different_is_said_in_one_line(kept, now, difference):
    with pytest.raises(UserError, match=difference) as caught:
        check_videos(kept, now)
    assert "\n" not in str(caught.value)
