from fractions import Fraction

import av
import numpy as np
import pytest

from datasets.decoding.errors import VideoError
from datasets.decoding.frame_folder import FrameFolderReader
from datasets.decoding.open_reader import open_reader
from datasets.decoding.video_reader import VideoReader
from tests.videos import write_video

N_FRAMES, HEIGHT, WIDTH = 12, 48, 64


def picture(number):
    """A smooth picture, which JPEG keeps nearly as it is; its blue tells its number."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([y * 3, x * 3, np.full_like(x, 20 * number)], axis=2).astype(np.uint8)


def encode(rgb, codec):
    encoder = av.CodecContext.create(codec, "w")
    encoder.height, encoder.width = rgb.shape[:2]
    encoder.pix_fmt = "yuvj444p" if codec == "mjpeg" else "rgb24"
    encoder.time_base = Fraction(1, 25)
    if codec == "mjpeg":
        encoder.flags |= av.codec.context.Flags.qscale
        encoder.global_quality = 118
    frame = av.VideoFrame.from_ndarray(rgb).reformat(format=encoder.pix_fmt)
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def write_frames(folder, pattern="image_{:05d}.jpg", numbers=range(1, N_FRAMES + 1)):
    folder.mkdir(exist_ok=True)
    codec = "png" if pattern.endswith("png") else "mjpeg"
    for position, number in enumerate(numbers):
        (folder / pattern.format(number)).write_bytes(encode(picture(position), codec))
    return folder


def numbers_of(frames):
    """Which pictures these are, by their blue."""
    return np.rint(frames[..., 2].reshape(len(frames), -1).mean(1) / 20).astype(int).tolist()


@pytest.fixture
def folder(tmp_path):
    return write_frames(tmp_path / "frames")


@pytest.mark.parametrize("pattern", ["image_{:05d}.jpg", "v_Archery_g08_c01_{}.JPG", "{:d}.png"])
@pytest.mark.parametrize("start", [0, 1])
def test_frames_come_in_the_order_of_their_numbers(tmp_path, pattern, start):
    numbers = range(start, start + N_FRAMES)
    with FrameFolderReader(write_frames(tmp_path / "frames", pattern, numbers)) as reader:
        assert (len(reader), reader.width, reader.height) == (N_FRAMES, WIDTH, HEIGHT)
        assert numbers_of(reader.read(range(N_FRAMES))) == list(range(N_FRAMES))


def test_png_frames_are_read_exactly(tmp_path):
    reader = FrameFolderReader(write_frames(tmp_path / "frames", "f{}.png"))
    np.testing.assert_array_equal(reader.read([3, 1]), [picture(3), picture(1)])


def test_frames_may_be_asked_for_in_any_order_and_repeatedly(folder):
    frames = FrameFolderReader(folder).read([7, 2, 7, 0])
    assert frames.shape == (4, HEIGHT, WIDTH, 3)
    assert frames.dtype == np.uint8
    assert numbers_of(frames) == [7, 2, 7, 0]


def test_clips_are_the_same_as_from_a_video_of_these_frames(tmp_path):
    reader = FrameFolderReader(write_frames(tmp_path / "frames", "f{}.png"))
    with av.open(str(tmp_path / "video.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        for number in range(N_FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(number)).reformat(format="bgr0")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    indices = np.array([[0, 2, 4, 6], [11, 11, 3, 1]])
    options = {"crop": (10, 4, 40, 40), "size": 32, "flip": True}
    from_frames = reader.read_clips(indices, **options).astype(int)
    with VideoReader(tmp_path / "video.mkv") as video:
        from_video = video.read_clips(indices, **options).astype(int)
    assert from_frames.shape == (2, 3, 4, 32, 32)
    assert abs(from_frames - from_video).max() <= 2


def test_a_clip_is_cropped_scaled_and_flipped(folder):
    reader = FrameFolderReader(folder)
    clip = reader.read_clip(2, frames=3, stride=4, crop=(0, 0, 32, 32), size=16)
    assert numbers_of(np.moveaxis(clip, 0, -1)) == [2, 6, 10]
    # Green grows to the right by 3 a pixel: 0 to 93 over the crop.
    assert clip[1, 0, :, 0].mean() < 10
    assert clip[1, 0, :, -1].mean() > 80
    flipped = reader.read_clip(2, frames=3, stride=4, crop=(0, 0, 32, 32), size=16, flip=True)
    assert abs(flipped[..., ::-1].astype(int) - clip).max() <= 3


def test_other_files_are_no_frames(folder):
    for name in ("n_frames", "readme.txt", "cover.jpg", ".image_00013.jpg", "image_00013.jpg.tmp"):
        (folder / name).write_text("x")
    assert len(FrameFolderReader(folder)) == N_FRAMES


def test_a_gap_is_named(folder):
    (folder / "image_00005.jpg").unlink()
    with pytest.raises(VideoError, match="frame 5 is missing"):
        FrameFolderReader(folder)


def test_a_lost_beginning_is_named(folder):
    (folder / "image_00001.jpg").unlink()
    with pytest.raises(VideoError, match="frame 1 is missing"):
        FrameFolderReader(folder)


def test_two_frames_of_one_number_are_named(folder):
    write_frames(folder, "again_{}.jpg", [3])
    with pytest.raises(VideoError, match=r"again_3\.jpg and image_00003\.jpg are both frame 3"):
        FrameFolderReader(folder)


@pytest.mark.parametrize("names", [("flow_x_{:05d}.jpg", "flow_y_{:05d}.jpg"), ("x_{}.jpg",)])
def test_of_rgb_and_flow_frames_in_one_folder_the_rgb_ones_are_read(folder, names):
    with FrameFolderReader(folder) as reader:
        expected = reader.read(range(len(reader)))
    for name in names:
        # One fewer, as there is no motion behind the last frame.
        write_frames(folder, name, range(1, len(expected)))
    with FrameFolderReader(folder) as reader:
        assert np.array_equal(reader.read(range(len(reader))), expected)


def test_a_folder_of_flow_alone_is_read_as_it_is(tmp_path):
    write_frames(tmp_path, "flow_{}.jpg", [1, 2])
    assert len(FrameFolderReader(tmp_path)) == 2


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.7, 0.98])
def test_a_damaged_frame_is_named_and_the_others_stay_readable(folder, share):
    file = folder / "image_00004.jpg"
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    reader = FrameFolderReader(folder)
    assert numbers_of(reader.read([0, 1, 2, 4])) == [0, 1, 2, 4]
    for read in (lambda: reader.read([3]), lambda: reader.read_clip(0, 8)):
        with pytest.raises(VideoError) as caught:
            read()
        assert caught.value.path == str(file)


def test_a_frame_of_another_size_is_named(folder):
    (folder / "image_00004.jpg").write_bytes(encode(picture(0)[:32, :32].copy(), "mjpeg"))
    with pytest.raises(VideoError, match=r"image_00004\.jpg: is 32x32, the first frame 64x48"):
        FrameFolderReader(folder).read([0, 3])


def test_frames_that_do_not_exist_are_refused(folder):
    reader = FrameFolderReader(folder)
    with pytest.raises(VideoError, match="frame 12 asked for, there are 12"):
        reader.read([12])
    with pytest.raises(ValueError, match="start at 0"):
        reader.read([-1])
    with pytest.raises(ValueError, match="leaves the frame"):
        reader.read_clip(0, 2, crop=(60, 0, 10, 10))


def test_a_folder_without_frames_is_named(tmp_path):
    (tmp_path / "x.mp4").mkdir()
    with pytest.raises(VideoError, match=r"x\.mp4: a folder without frames"):
        open_reader(tmp_path / "x.mp4")


def test_the_reader_fits_what_the_path_names(folder, tmp_path):
    assert isinstance(open_reader(folder), FrameFolderReader)
    with pytest.raises(VideoError, match="nowhere"):
        open_reader(tmp_path / "nowhere.mp4")


@pytest.mark.parametrize("pattern", ["image_%05d.jpg", "image_%d.jpg"])
def test_a_pattern_opens_the_images_that_fit(tmp_path, pattern):
    folder = write_frames(
        tmp_path / "frames", pattern.replace("%05d", "{:05d}").replace("%d", "{}")
    )
    write_frames(folder, "other_{}.png", [1])
    with open_reader(folder / pattern) as reader:
        assert numbers_of(reader.read(range(len(reader)))) == list(range(N_FRAMES))
    with pytest.raises(VideoError, match="no image fits"):
        open_reader(folder / "x_%d.jpg")


def test_a_video_with_a_percent_sign_is_a_video(tmp_path):
    path = write_video(tmp_path / "100%d.mp4")
    assert isinstance(open_reader(path), VideoReader)


def test_several_crops_for_several_clips(folder):
    reader = FrameFolderReader(folder)
    crops = [(0, 0, 32, 32), (32, 16, 32, 32)]
    together = reader.read_clips([[0, 1], [4, 2]], crop=crops, size=16, flip=[False, True])
    for k, (row, flip) in enumerate((([0, 1], False), ([4, 2], True))):
        alone = reader.read_clips([row], crop=crops[k], size=16, flip=flip)[0]
        assert np.array_equal(together[k], alone)
    with pytest.raises(ValueError, match="1 crops for 2 clips"):
        reader.read_clips([[0, 1], [4, 2]], crop=crops[:1])
