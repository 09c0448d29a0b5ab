import numpy as np
import pytest

from app.metrics import EvaluationMetrics, TrainingMetrics, hits, softmax


def test_the_label_must_be_among_the_k_best():
    scores = np.array([[0.1, 0.5, 0.4], [0.6, 0.3, 0.1]])
    assert hits(scores, np.array([2, 1]), 1).tolist() == [False, False]
    assert hits(scores, np.array([2, 1]), 2).tolist() == [True, True]
    assert hits(scores, np.array([0, 2]), 5).tolist() == [True, True]


def test_equal_scores_are_not_all_best():
    assert hits(np.zeros((4, 4)), np.arange(4), 1).tolist() == [True, False, False, False]


def test_training_means_weigh_every_clip_the_same():
    metrics = TrainingMetrics()
    metrics.update(np.array([1.0, 1.0, 1.0]), np.array([1, 1, 1]))
    metrics.update(np.array([5.0]), np.array([0]))
    assert metrics.result() == {"train_loss": 2.0, "train_top1": 0.75}


def test_training_means_survive_a_resume():
    metrics, resumed = TrainingMetrics(), TrainingMetrics()
    metrics.update(np.array([1.0, 4.0]), np.array([1, 0]))
    resumed.set_state_dict(metrics.state_dict())
    assert resumed.result() == metrics.result() == {"train_loss": 2.5, "train_top1": 0.5}


def evaluate(batches, n_videos, n_classes=6):
    metrics = EvaluationMetrics()
    for logits, labels, rows in batches:
        logits = np.asarray(logits, float)
        metrics.update(np.ones(len(rows)), logits, np.array(labels), np.array(rows))
    return metrics.result(n_videos, n_classes)


def test_a_video_is_judged_by_its_mean_score():
    # Two of three clips are wrong by a little, one is right by far.
    clips = [[1.0, 1.1, 0, 0, 0, 0], [1.0, 1.1, 0, 0, 0, 0], [9.0, 0, 0, 0, 0, 0]]
    result = evaluate([(clips, [0, 0, 0], [0, 0, 0])], n_videos=1)
    assert result.clip_top1 == pytest.approx(1 / 3)
    assert result.video_top1 == 1.0
    np.testing.assert_allclose(result.scores[0], softmax(np.array(clips)).mean(0), rtol=1e-6)


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
