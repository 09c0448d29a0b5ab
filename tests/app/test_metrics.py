import numpy as np

from app.metrics import TrainingMetrics, hits


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
