import errno
from fractions import Fraction

import av
import numpy as np
import pytest

from datasets.copies import training_copy
from datasets.copies.training_copy import scaled_size, write_copy
from datasets.decoding.errors import VideoError
from datasets.decoding.orientation import UPRIGHT
from datasets.decoding.packet_index import PacketIndex
from datasets.decoding.video_reader import VideoReader
from tests.videos import pack_b_frames, write_video

WIDTH, HEIGHT = 96, 64


def pictures(frames=40, width=WIDTH, height=HEIGHT):
    """Smooth pictures, each with a brightness of its own: copies keep them nearly as they are."""
    y, x = np.mgrid[:height, :width]
    for number in range(frames):
        yield np.stack([y * 2, x * 2, np.full_like(x, 5 * number)], axis=2).astype(np.uint8)


def grey(picture):
    return np.repeat(picture[..., 2:] + 30, 3, axis=2)


def copy_of(path, short_side=128, **options):
    target = path.with_name("copy.mp4")
    write_copy(str(path), str(target), short_side, **options)
    return target


def assert_same_frames(original, copy, tolerance=4):
    """Every frame of the copy looks like the one of its number and like no other."""
    with VideoReader(original) as one, VideoReader(copy) as other:
        assert len(one) == len(other)
        everything = [
            reader.read_clip(0, len(one), 1, (0, 0, reader.width, reader.height), 32).astype(int)
            for reader in (one, other)
        ]
    error = np.abs(everything[0] - everything[1]).mean(axis=(0, 2, 3))
    assert error.max() < tolerance
    shifted = np.abs(everything[0][:, 1:] - everything[1][:, :-1]).mean(axis=(0, 2, 3))
    # Blue differs by 5 from frame to frame: 5 / 3 over all channels.
    assert (shifted > error[1:]).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", {}),
        ("b_frames.avi", {"codec": "mpeg4", "gop": 600, "b_frames": 2}),
        ("long.mkv", {"gop": 250, "b_frames": 3}),
        ("mpeg.ts", {"codec": "mpeg2video"}),
        ("variable.mp4", {"pts": np.cumsum(np.random.default_rng(0).integers(1, 9, 40))}),
        ("variable.mkv", {"pts": np.cumsum(np.random.default_rng(1).integers(1, 9, 40))}),
        ("ntsc.mp4", {"fps": Fraction(30000, 1001)}),
        ("fast.mkv", {"fps": 1000}),
        ("ten_bit.mp4", {"pixel_format": "yuv420p10le"}),
        ("full_range.mp4", {"pixel_format": "yuvj420p"}),
        ("hd_colours.mp4", {"options": {"colorspace": "bt709", "color_range": "tv"}}),
        ("grey.mp4", {"pixel_format": "gray", "pictures": [grey(p) for p in pictures()]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_frame_i_stays_frame_i_at_the_same_rate(tmp_path, name, options):
    options = {"pictures": pictures(), "width": WIDTH, "height": HEIGHT, **options}
    original = write_video(tmp_path / name, **options)
    copy = copy_of(original)
    assert_same_frames(original, copy)
    assert PacketIndex.build(copy).rate == PacketIndex.build(original).rate


def test_packed_b_frames_are_counted_as_they_are_read(tmp_path):
    single = write_video(
        tmp_path / "b.avi", "mpeg4", WIDTH, HEIGHT, gop=600, b_frames=1, pictures=pictures()
    )
    packed = pack_b_frames(single, tmp_path / "packed.avi")
    assert_same_frames(packed, copy_of(packed))


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_turned_video_is_turned_in_its_copy(tmp_path, rotation):
    original = write_video(
        tmp_path / "r.mp4", width=WIDTH, height=HEIGHT, rotation=rotation, pictures=pictures()
    )
    copy = copy_of(original)
    assert_same_frames(original, copy)
    index = PacketIndex.build(copy)
    assert index.orientation == UPRIGHT
    assert (index.width < index.height) == (rotation != 180)


def test_a_copy_seeks_to_key_frames_a_clip_apart_and_has_no_b_frames(tmp_path):
    index = PacketIndex.build(copy_of(write_video(tmp_path / "x.avi", "mpeg4", frames=100)))
    keys = np.flatnonzero(index.key)
    assert np.diff([*keys, 100]).max() <= 16
    assert index.seekable and index.quick_open
    assert (np.diff(index.pts) > 0).all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((320, 240), (170, 128)),
        ((1280, 720), (228, 128)),
        ((240, 320), (128, 170)),
        ((65, 47), (64, 46)),
        ((129, 129), (128, 128)),
        ((128, 128), (128, 128)),
        ((1000, 3), (1000, 2)),
    ],
)
def test_copies_are_even_and_never_larger(size, expected):
    assert scaled_size(*size, 128) == expected


def test_the_short_side_is_as_asked_for(tmp_path):
    copy = copy_of(write_video(tmp_path / "x.mp4", width=WIDTH, height=HEIGHT), short_side=32)
    index = PacketIndex.build(copy)
    assert (index.width, index.height) == (48, 32)


def test_a_picture_size_that_changes_midway_becomes_one(tmp_path):
    parts = [
        write_video(tmp_path / "a.ts", "mpeg2video", WIDTH, HEIGHT, pictures=pictures(20)),
        write_video(
            tmp_path / "b.ts", "mpeg2video", 64, 48, pictures=list(pictures(40, 64, 48))[20:]
        ),
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    copy = copy_of(joined)
    assert_same_frames(joined, copy)


def test_a_folder_of_images_becomes_a_video(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, picture in enumerate(pictures(12), start=1):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        encoder = av.CodecContext.create("png", "w")
        encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "rgb24"
        encoder.time_base = Fraction(1, 25)
        packets = [*encoder.encode(frame), *encoder.encode(None)]
        (folder / f"image_{number:05d}.png").write_bytes(b"".join(map(bytes, packets)))
    with VideoReader(copy_of(folder)) as reader:
        blue = reader.read(range(len(reader)))[..., 2].mean(axis=(1, 2))
    np.testing.assert_allclose(blue, 5 * np.arange(12), atol=2)


def test_what_is_no_video_leaves_nothing_behind(tmp_path):
    (tmp_path / "x.avi").write_text("no video")
    with pytest.raises(VideoError, match="x.avi"):
        copy_of(tmp_path / "x.avi")
    assert [path.name for path in tmp_path.iterdir()] == ["x.avi"]


def test_a_damaged_video_is_counted_and_a_ruined_one_refused(tmp_path):
    original = write_video(tmp_path / "x.avi", "mpeg4", 320, 240, frames=30, b_frames=0)
    with av.open(str(original)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux() if packet.size]
    whole = original.read_bytes()

    def spoil(numbers):
        data = bytearray(whole)
        for start, size in (packets[number] for number in numbers):
            data[start + 20 : start + 8 + size // 2] = bytes(size // 2 - 12)
        original.write_bytes(data)

    spoil([5, 6])
    n_frames, damaged = write_copy(str(original), str(tmp_path / "copy.mp4"), 128)
    assert n_frames == PacketIndex.build(original).n_frames
    assert 1 <= damaged <= 4
    spoil(range(5, 25))
    with pytest.raises(VideoError, match="damaged"):
        copy_of(original)


def test_a_full_disk_is_no_fault_of_the_video(tmp_path, monkeypatch):
    def full(*_):
        raise av.error.OSError(errno.ENOSPC, "No space left on device", "copy.mp4")

    monkeypatch.setattr(training_copy, "_encode", full)
    with pytest.raises(OSError, match="No space left") as raised:
        copy_of(write_video(tmp_path / "x.mp4"))
    assert type(raised.value) is OSError
