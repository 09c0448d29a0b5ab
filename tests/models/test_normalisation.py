import numpy as np
import paddle
import pytest

import models


def test_normalisation_is_the_textbook_formula():
    clips = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5, 6), dtype=np.uint8)
    mean, std = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.25, 0.3])
    layer = models.Normalisation(mean.tolist(), std.tolist())
    shape = (1, 3, 1, 1, 1)
    expected = (clips / 255 - mean.reshape(shape)) / std.reshape(shape)
    np.testing.assert_allclose(layer(paddle.to_tensor(clips)).numpy(), expected, atol=1e-5)


def test_value_range_255_keeps_raw_values():
    layer = models.Normalisation([100, 0, 0], [1, 1, 1], value_range=255)
    clips = paddle.full([1, 3, 1, 1, 1], 130, dtype="uint8")
    np.testing.assert_allclose(layer(clips).numpy().ravel(), [30, 130, 130], atol=1e-4)


@pytest.mark.parametrize("std", [[1.0, 0.0, 1.0], [1.0, 1.0]])
def test_an_impossible_std_is_refused(std):
    with pytest.raises(ValueError, match="standard deviations"):
        models.Normalisation([0.5, 0.5, 0.5], std)
