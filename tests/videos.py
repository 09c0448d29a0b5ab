"""Makes small test videos with PyAV: any container and codec, the same frames every time."""

from fractions import Fraction

import av
import numpy as np

# The usual B-frames and threads of an encoder differ from machine to machine; tests want neither.
QUIET = {"libx264": {"threads": "1"}, "libx265": {"x265-params": "log-level=none:pools=1"}}


def moving_pattern(frames=40, width=64, height=48, seed=0):
    """Yield uint8 RGB frames ``[H, W, 3]`` of a texture that moves and fades; no two are equal.

    Args:
        frames: Number of frames.
        width: Width in pixels.
        height: Height in pixels.
        seed: Chooses the texture and the way it moves.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3))
    texture = np.kron(coarse, np.ones((8, 8, 1), int))[:height, :width]
    dx, dy = rng.integers(1, 4, 2)
    for i in range(frames):
        frame = np.roll(texture, (i * dy, i * dx), axis=(0, 1)) // 2 + (i * 5) % 128
        yield frame.astype(np.uint8)


def write_video(
    path,
    codec="libx264",
    width=64,
    height=48,
    frames=40,
    fps=25,
    gop=12,
    b_frames=2,
    pixel_format="yuv420p",
    options=None,
    container=None,
    container_options=None,
    rotation=0,
    pts=None,
    pictures=None,
    seed=0,
):
    """Encode a moving pattern into a video file.

    Args:
        path: File to write; its suffix names the container unless ``container`` does.
        codec: Encoder as FFmpeg calls it, for example ``"mpeg4"``.
        width: Width in pixels as encoded.
        height: Height in pixels as encoded.
        frames: Number of frames.
        fps: Frames per second.
        gop: Largest distance between key frames, in frames.
        b_frames: Largest number of B-frames in a row; 0 for codecs without any.
        pixel_format: As FFmpeg calls it, for example ``"yuv444p"``.
        options: Options of the encoder.
        container: Muxer as FFmpeg calls it, for example ``"matroska"``.
        container_options: Options of the muxer.
        rotation: Degrees counter-clockwise by which a player is told to turn the picture.
        pts: One presentation time per frame in units of ``1 / fps``; 0, 1, 2, ... when not given.
        pictures: Iterable of uint8 RGB frames to encode instead of the moving pattern.
        seed: Of the moving pattern.

    Returns:
        The path, as given.
    """
    options = {**QUIET.get(codec, {}), **(options or {})}
    time_base = Fraction(1) / Fraction(fps)
    if pictures is None:
        pictures = moving_pattern(frames, width, height, seed)
    with av.open(
        str(path), "w", format=container, container_options=container_options or {}
    ) as output:
        stream = output.add_stream(codec, rate=Fraction(fps), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.time_base = stream.codec_context.time_base = time_base
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.thread_count = 1
        if rotation:
            stream.set_display_rotation(rotation)
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(width, height, pixel_format)
            frame.pts = i if pts is None else int(pts[i])
            frame.time_base = time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def decode_all(path):
    """Every frame of a video by plain sequential decoding: the truth that readers are held to.

    Returns:
        List of ``av.VideoFrame`` in the order in which the decoder gives them.
    """
    decoded = []
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for packet in container.demux(stream):
            try:
                decoded += packet.decode()
            except av.error.InvalidDataError:
                continue
    return decoded


def remux(source, target, change=None, container_options=None, rotation=0, matrix=None):
    """Copy the packets of a video into another file without encoding them again.

    Args:
        source: File to read.
        target: File to write; its suffix names the container.
        change: Called with ``(number, packet)``; may alter the packet's times, and returns the
            packets to write in its place.
        container_options: Options of the muxer.
        rotation: Degrees counter-clockwise by which a player is told to turn the picture.
        matrix: Four whole numbers that tell a player how to turn and mirror the picture.

    Returns:
        ``target``.
    """
    with (
        av.open(str(source)) as reading,
        av.open(str(target), "w", container_options=container_options or {}) as writing,
    ):
        stream = reading.streams.video[0]
        copy = writing.add_stream_from_template(stream)
        if rotation:
            copy.set_display_rotation(rotation)
        if matrix:
            a, b, c, d = (number << 16 for number in matrix)
            copy.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        packets = (packet for packet in reading.demux(stream) if packet.size)
        for number, packet in enumerate(packets):
            for changed in [packet] if change is None else change(number, packet):
                changed.stream = copy
                writing.mux(changed)
    return target


def pack_b_frames(source, target):
    """Rewrite MPEG-4 with single B-frames in avi as Xvid packs it: P and B in one packet.

    A packet with an empty picture stands in the place of each B-frame.
    """
    mark, empty = b"\x00\x00\x01\xb2DivX503b1393p", b"\x00\x00\x01\xb6\x51\x00\x00"
    with av.open(str(source)) as reading:
        packets = [bytes(p) for p in reading.demux(reading.streams.video[0]) if p.size]
    picture = b"\x00\x00\x01\xb6"
    packed = []
    for data in packets:
        head = data.index(picture)
        kind = data[head + 4] >> 6
        if kind == 2:
            packed[-1] += data[head:]
            packed.append(empty)
        else:
            # The mark stands before every key picture.
            packed.append(data[:head] + mark * (kind == 0) + data[head:])

    def repack(number, packet):
        new = av.Packet(packed[number])
        new.dts = new.pts = number
        new.time_base, new.is_keyframe = packet.time_base, packet.is_keyframe
        return [new]

    return remux(source, target, repack)


def refuse_packet(path, number, first_byte=4, fill=b"\0"):
    """Overwrite a packet of a video file, so that its decoder refuses it.

    Args:
        path: The file, changed in place.
        number: Which packet, counted from 0 in file order.
        first_byte: How many bytes at the packet's beginning stay.
        fill: The byte that takes the place of the others.
    """
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    start, size = packets[number]
    data = bytearray(path.read_bytes())
    data[start + first_byte : start + size] = fill * (size - first_byte)
    path.write_bytes(data)
