import numpy as np
import pytest

from datasets.clips.clip_shape import ClipShape
from datasets.clips.crops import area_looked_at, squares_to_look_at
from datasets.clips.views import Views
from datasets.decoding.open_reader import open_reader
from datasets.decoding.resized_clip import ResizedClip, ResizedSquare, centred
from tests.videos import remux, write_video

TORCHVISION = ClipShape(16, 1, 112, resize=(128, 171))


def resized_slowly(picture, height, width):
    """Pixel by pixel, as it is defined: uint8 `[height, width, 3]`."""
    out = np.empty((height, width, 3))
    rows, columns = picture.shape[:2]
    for i in range(height):
        y = min(max((i + 0.5) * rows / height - 0.5, 0), rows - 1)
        for j in range(width):
            x = min(max((j + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            upper = picture[top, left] * (left + 1 - x) + picture[top, right] * (x - left)
            lower = picture[bottom, left] * (left + 1 - x) + picture[bottom, right] * (x - left)
            out[i, j] = upper * (top + 1 - y) + lower * (y - top)
    return out


@pytest.mark.parametrize("rotation", [0, 90, 180])
@pytest.mark.parametrize("resize", [(20, 27), (90, 70)])
def test_a_clip_is_the_middle_of_the_resized_frames(tmp_path, rotation, resize):
    plain = write_video(tmp_path / "plain.mp4", frames=3)
    path = remux(plain, tmp_path / "turned.mp4", rotation=rotation)
    square = centred(resize, 16)
    with open_reader(path) as reader:
        shown = reader.read([0, 2])
        clip = reader.read_clips([[2, 0]], square, 16)[0]
        mirrored = reader.read_clips([[2, 0]], square, 16, flip=True)[0]
    for place, picture in zip((1, 0), shown, strict=True):
        expected = resized_slowly(picture, *resize)
        expected = expected[square.y : square.y + 16, square.x : square.x + 16].transpose(2, 0, 1)
        assert np.abs(clip[:, place] - expected).max() < 0.51
    np.testing.assert_array_equal(mirrored, clip[..., ::-1])


def test_it_is_what_torchvision_does(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    path = write_video(tmp_path / "wide.mp4", width=320, height=180, frames=2)
    with open_reader(path) as reader:
        frames = torch.tensor(reader.read([0, 1])).permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(
        frames.float(), (128, 171), mode="bilinear", align_corners=False, antialias=False
    )
    expected = resized[:, :, 8:120, 30:142].round().numpy().transpose(1, 0, 2, 3)
    with open_reader(path) as reader:
        [crop] = squares_to_look_at(reader.width, reader.height, TORCHVISION)
        clip = reader.read_clips([[0, 1]], crop)[0]
    difference = np.abs(clip - expected)
    # PyTorch rounds otherwise where float32 cannot tell which side of a half a value is.
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-3


def test_several_squares_lie_along_the_longer_side():
    assert centred((128, 171), 112) == (30, 8, 171, 128)
    squares = squares_to_look_at(320, 240, TORCHVISION, 3)
    assert squares == [(0, 8, 171, 128), (30, 8, 171, 128), (59, 8, 171, 128)]
    _, crops = Views.parse("even:1,crops:3").clips(100, 320, 240, TORCHVISION)
    assert list(crops) == squares
    upright = squares_to_look_at(240, 320, ClipShape(16, 1, 112, (171, 128)), 2)
    assert upright == [(8, 0, 128, 171), (8, 59, 128, 171)]


def test_the_area_in_the_video_is_known():
    assert area_looked_at(342, 256, TORCHVISION) == (60, 16, 224, 224)
    assert area_looked_at(64, 48, ClipShape(16, 1, 112)) == (8, 0, 48, 48)


def test_a_clip_that_lacks_frames_is_a_mistake():
    with pytest.raises(RuntimeError, match="0 frames of 2"):
        ResizedClip("a.mp4", 2, ResizedSquare(0, 0, 20, 20), 16).finish()
