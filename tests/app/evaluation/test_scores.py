import numpy as np
import pytest

from app.evaluation.scores import VideoScores
from app.metrics import softmax


def evaluate(batches, n_videos, n_classes=6):
    true_classes = np.zeros(n_videos, int)
    for _, labels, rows in batches:
        true_classes[rows] = labels
    scores = VideoScores(true_classes, n_classes)
    for logits, _, rows in batches:
        scores.add(np.array(rows), np.asarray(logits, np.float32))
        scores.finish(sorted(set(rows)))
    return scores.summary()


def test_a_video_is_judged_by_its_mean_score():
    # Two of three clips are wrong by a little, one is right by far.
    clips = [[1.0, 1.1, 0, 0, 0, 0], [1.0, 1.1, 0, 0, 0, 0], [9.0, 0, 0, 0, 0, 0]]
    result = evaluate([(clips, [0, 0, 0], [0, 0, 0])], n_videos=1)
    assert result.clip_top1 == pytest.approx(1 / 3)
    assert result.video_top1 == 1.0
    np.testing.assert_allclose(result.scores[0], softmax(np.array(clips)).mean(0), rtol=1e-5)


def test_a_video_that_failed_counts_as_wrong():
    right = np.eye(6)
    result = evaluate([(right[:2], [0, 1], [0, 2])], n_videos=4)
    assert result.failed == 2
    assert result.video_top1 == result.video_top5 == 0.5
    assert result.clip_top1 == 0.5


def test_nothing_readable_is_nothing_right():
    result = evaluate([], n_videos=3)
    assert (result.video_top1, result.clip_top5, result.failed) == (0.0, 0.0, 3)


def test_confusion_counts_videos_by_class():
    result = evaluate([(np.eye(6)[[1, 1, 2]], [1, 0, 2], [0, 1, 2])], n_videos=3)
    assert result.confusion().sum() == 3
    assert result.confusion()[0, 1] == result.confusion()[1, 1] == 1
