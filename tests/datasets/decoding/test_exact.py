"""Every clip equals the same frames of a plain sequential decode, whatever the file is like.

Left out, because PyAV has no encoder for them: Xvid itself (its packed B-frames are rebuilt here
from FFmpeg's MPEG-4), RealVideo, Theora, VC-1.
"""

from pathlib import Path

import numpy as np
import pytest

from datasets.decoding.clip_filter import ClipFilter
from datasets.decoding.frame_decoder import FrameDecoder
from datasets.decoding.packet_index import Numbering
from datasets.decoding.video_reader import VideoReader
from tests.videos import decode_all, pack_b_frames, remux, write_video

CLIPS = 30
PTS, DTS, COUNT = Numbering.PTS, Numbering.DTS, Numbering.COUNT
REAL_CLIPS = Path(__file__).parents[3] / "shared" / "clips"

MPEG4 = {"codec": "mpeg4", "width": 96, "height": 80, "options": {"b": "2000000"}}
OPEN_GOP = {"x264-params": "open-gop=1:keyint=20:bframes=3:b-pyramid=normal:scenecut=0"}
ALT_REF = {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "realtime", "cpu-used": "8"}

# File name: how frames must be numbered, and what to encode. The fast ones run every time.
FAST = {
    "b_frames.mp4": (PTS, {"frames": 90, "gop": 20, "b_frames": 3}),
    "open_gop.mkv": (PTS, {"frames": 90, "options": OPEN_GOP}),
    "one_key_frame.avi": (DTS, {**MPEG4, "gop": 600}),
    "no_b_frames.avi": (DTS, {**MPEG4, "gop": 15, "b_frames": 0, "frames": 60}),
    "open_gop_mpeg4.avi": (DTS, {**MPEG4, "gop": 15, "frames": 90}),
    "vp8.webm": (PTS, {"codec": "libvpx", "b_frames": 0, "options": ALT_REF}),
    "rotated_90.mp4": (PTS, {"rotation": 90}),
    "variable_rate.mp4": (PTS, {"pts": [i * i for i in range(40)]}),
    "mpeg2.mpg": (PTS, {"codec": "mpeg2video"}),
    "transport.ts": (PTS, {}),
    "flash.flv": (PTS, {"gop": 10}),
    "ten_bit.mp4": (PTS, {"pixel_format": "yuv420p10le"}),
    "grey.mkv": (PTS, {"codec": "ffv1", "pixel_format": "gray", "b_frames": 0}),
    "one_frame.mp4": (PTS, {"frames": 1}),
}
SLOW = {
    "no_b_frames.mp4": (PTS, {"b_frames": 0}),
    "long_gop.mp4": (PTS, {"frames": 200, "gop": 250}),
    "open_gop.mp4": (PTS, {"frames": 200, "options": OPEN_GOP}),
    "open_gop.ts": (PTS, {"frames": 100, "options": OPEN_GOP}),
    "interlaced.mp4": (PTS, {"height": 64, "frames": 60, "options": {"x264-params": "tff=1"}}),
    "intra_refresh.mp4": (PTS, {"options": {"x264-params": "intra-refresh=1:keyint=12"}}),
    "fragmented.mp4": (PTS, {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
    "hevc.mp4": (PTS, {"codec": "libx265", "frames": 80}),
    "hevc.mkv": (PTS, {"codec": "libx265", "frames": 80, "pixel_format": "yuv420p10le"}),
    "hevc_grey.mp4": (PTS, {"codec": "libx265", "pixel_format": "gray"}),
    "av1.mp4": (PTS, {"codec": "libsvtav1", "b_frames": 0, "options": {"preset": "10"}}),
    "av1.mkv": (PTS, {"codec": "libsvtav1", "b_frames": 0, "options": {"preset": "10"}}),
    "mpeg4.mp4": (PTS, {**MPEG4, "frames": 80}),
    "mpeg4_odd_size.avi": (DTS, {**MPEG4, "width": 97, "height": 81}),
    "mpeg4_still_pictures.avi": (COUNT, {"codec": "mpeg4", "width": 16, "height": 16}),
    "h264.avi": (COUNT, {}),
    "motion_jpeg.avi": (DTS, {"codec": "mjpeg", "pixel_format": "yuvj420p", "b_frames": 0}),
    "vp9.webm": (PTS, {"codec": "libvpx-vp9", "b_frames": 0, "frames": 80, "options": ALT_REF}),
    "h264.mov": (PTS, {}),
    "prores.mov": (PTS, {"codec": "prores", "pixel_format": "yuv422p10le", "b_frames": 0}),
    "mpeg1.mpg": (PTS, {"codec": "mpeg1video"}),
    "mpeg2_interlaced.mpg": (None, {"codec": "mpeg2video", "options": {"flags": "+ilme+ildct"}}),
    "mpeg2.mkv": (PTS, {"codec": "mpeg2video", "frames": 100, "gop": 15}),
    "mpeg2.ts": (PTS, {"codec": "mpeg2video", "frames": 100}),
    "sorenson.flv": (PTS, {"codec": "flv", "b_frames": 0}),
    "wmv2.asf": (PTS, {"codec": "wmv2", "b_frames": 0}),
    "msmpeg4.wmv": (PTS, {"codec": "msmpeg4", "b_frames": 0}),
    "animation.gif": (COUNT, {"codec": "gif", "pixel_format": "rgb8", "b_frames": 0}),
    "negative_times.mkv": (
        None,
        {
            "pts": [i - 10 for i in range(40)],
            "container_options": {"avoid_negative_ts": "disabled"},
        },
    ),
    "negative_times.mp4": (
        PTS,
        {
            "pts": [i - 10 for i in range(60)],
            "container_options": {"avoid_negative_ts": "disabled"},
        },
    ),
    "rotated_180.mp4": (PTS, {"rotation": 180}),
    "rotated_270.mov": (PTS, {"rotation": -90}),
    "yuv444.mp4": (PTS, {"pixel_format": "yuv444p"}),
    "odd_size_444.mp4": (PTS, {"pixel_format": "yuv444p", "width": 67, "height": 51}),
    "full_range.mp4": (PTS, {"pixel_format": "yuvj420p"}),
}


def shifted(frames):
    """Start a file some frames early, so that an edit list leaves them out."""

    def change(_, packet):
        packet.pts -= frames * 512
        packet.dts -= frames * 512
        return [packet]

    return change


def from_packet(first):
    return lambda number, packet: [packet] if number >= first else []


def decoding_times_only(_, packet):
    packet.pts = packet.dts
    return [packet]


def hidden_pictures(number, packet):
    """Clear the bit that has a VP8 picture shown."""
    if number % 7 != 3:
        return [packet]
    import av

    data = bytes(packet)
    new = av.Packet(bytes([data[0] & ~0x10]) + data[1:])
    new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
    return [new]


def swapped_times(number, packet):
    """Exchange the times of two frames, as no honest file would."""
    at = {10: 1, 11: -1}.get(number, 0)
    packet.pts += at * 512
    packet.dts -= 512
    return [packet]


EARLY = {"avoid_negative_ts": "disabled"}
# Files made from others: name, numbering, what to encode first, how to rewrite it.
REWRITTEN = {
    "packed_b_frames.avi": (
        DTS,
        ("single_b.avi", {**MPEG4, "b_frames": 1, "gop": 30, "frames": 90}),
        pack_b_frames,
    ),
    "edit_list.mp4": (
        PTS,
        ("whole.mp4", {"frames": 80, "gop": 20, "b_frames": 3}),
        lambda source, target: remux(source, target, shifted(7), EARLY),
    ),
    "hidden_pictures.webm": (
        PTS,
        ("shown.webm", {"codec": "libvpx", "b_frames": 0, "frames": 60}),
        lambda source, target: remux(source, target, hidden_pictures),
    ),
    "edit_list_second_gop.mp4": (
        PTS,
        ("whole.mp4", {"frames": 80, "gop": 20, "b_frames": 3}),
        lambda source, target: remux(source, target, shifted(27), EARLY),
    ),
    "no_times.h264": (COUNT, ("whole.mp4", {"frames": 60}), remux),
    "cut_in_gop.ts": (
        COUNT,
        ("whole.mp4", {"frames": 60}),
        lambda source, target: remux(source, target, from_packet(7)),
    ),
    "cut_in_gop.mkv": (
        COUNT,
        ("whole.mp4", {"frames": 60}),
        lambda source, target: remux(source, target, from_packet(7)),
    ),
    "cut_in_open_gop.ts": (
        None,
        ("whole.ts", {"frames": 80, "options": OPEN_GOP}),
        lambda source, target: remux(source, target, from_packet(20)),
    ),
    "decoding_times_only.mp4": (
        COUNT,
        ("whole.mp4", {"frames": 60}),
        lambda source, target: remux(source, target, decoding_times_only),
    ),
}
FAST_REWRITTEN = {"packed_b_frames.avi", "edit_list.mp4", "hidden_pictures.webm"}
# Here a jump to a key frame cannot work, and the reader has to notice.
MAY_COUNT_AFTER_ALL = {"intra_refresh.mp4"}


def slow_unless(fast, names):
    return [pytest.param(n, marks=[] if n in fast else pytest.mark.slow) for n in names]


def assert_exact(path, numbering, monkeypatch, may_count=False):
    """Compare random clips with the sequential decode, whole frames and cropped clips alike."""
    gave_up = []
    count = FrameDecoder.stop_seeking
    monkeypatch.setattr(FrameDecoder, "stop_seeking", lambda self: (gave_up.append(1), count(self)))
    truth = decode_all(path)
    rng = np.random.default_rng(0)
    with VideoReader(path) as video:
        assert len(video) == len(truth)
        assert numbering is None or video.index.numbering == numbering
        orientation = video.index.orientation
        pixels = [orientation.shown(f.to_ndarray(format="rgb24")) for f in truth]
        assert (video.height, video.width) == pixels[0].shape[:2]
        for trial in range(CLIPS):
            length, stride = rng.integers(1, 17), rng.integers(1, 4)
            start = rng.integers(0, len(video))
            indices = (start + stride * np.arange(length)) % len(video)
            if trial % 10 == 9:
                indices = rng.permutation(indices)
            frames = video.read(indices)
            for at, index in enumerate(indices):
                assert np.array_equal(frames[at], pixels[index]), f"clip {trial}, frame {index}"

            width, height = rng.integers(8, [video.width + 1, video.height + 1])
            x = rng.integers(0, video.width - width + 1)
            y = rng.integers(0, video.height - height + 1)
            crop, flip = (x, y, width, height), bool(trial % 2)
            clip = video.read_clips(indices[None], crop=crop, size=24, flip=flip)[0]
            shape = video.width, video.height
            converter = ClipFilter(path, len(indices), shape, crop, 24, flip, orientation)
            for index in indices:
                converter.push(truth[index])
            assert np.array_equal(clip, converter.finish()), f"clip {trial} cropped"
        assert video.damaged_frames == 0
    assert may_count or not gave_up


@pytest.mark.parametrize("name", slow_unless(FAST, {**FAST, **SLOW}))
def test_random_clips_equal_the_sequential_decode(name, tmp_path, monkeypatch):
    numbering, options = {**FAST, **SLOW}[name]
    path = write_video(tmp_path / name, **options)
    assert_exact(path, numbering, monkeypatch, name in MAY_COUNT_AFTER_ALL)


@pytest.mark.parametrize("name", slow_unless(FAST_REWRITTEN, REWRITTEN))
def test_random_clips_of_rewritten_files_equal_the_sequential_decode(name, tmp_path, monkeypatch):
    numbering, (source, options), rewrite = REWRITTEN[name]
    path = rewrite(write_video(tmp_path / source, **options), tmp_path / name)
    assert_exact(path, numbering, monkeypatch)


def test_times_that_contradict_the_order_of_frames_are_seen_through(tmp_path, monkeypatch):
    # Packets 10 and 11 are neighbours in display order, 512 ticks apart.
    path = write_video(tmp_path / "whole.mp4", frames=60, b_frames=0)
    path = remux(path, tmp_path / "swapped.mp4", swapped_times)
    assert_exact(path, PTS, monkeypatch, may_count=True)


@pytest.mark.slow
@pytest.mark.skipif(not REAL_CLIPS.is_dir(), reason="no real clips beside the project")
def test_random_clips_of_real_videos_equal_the_sequential_decode(monkeypatch):
    for path in sorted(REAL_CLIPS.glob("*.*")):
        if path.suffix in (".avi", ".mp4", ".mkv", ".webm"):
            with monkeypatch.context() as patch:
                assert_exact(path, None, patch)
