"""Classify videos of any length with an exported folder.

    python paddle_inference.py FOLDER VIDEO...

FOLDER is what `python -m app export` wrote. Needs paddlepaddle and av, and nothing else of the
project; memory does not grow with the length of a video.
"""

import argparse
import json
import os
import sys
import warnings

import av
import numpy as np

# Clips that the network gets at once.
BATCH_SIZE = 8


def read_pictures(path, size, resize=None):
    """Yield every frame as shown, scaled, and the middle cut out.

    Args:
        path: The video.
        size: Width and height of the pictures in pixels.
        resize: Height and width that frames are brought to, without smoothing; None to scale the
            short side to the size.

    Yields:
        uint8 `[size, size, 3]` RGB.
    """
    width, height = (rf"max({size}\,trunc({size}*{side}))" for side in ("iw/ih", "ih/iw"))
    scaled = [("scale", f"{width}:{height}:flags=bilinear"), ("format", "gbrp")]
    filters = [("format", "gbrp")] if resize else [*scaled, ("crop", f"{size}:{size}")]
    filters.append(("buffersink",))
    with av.open(path) as container:
        stream = container.streams.best("video")
        if stream is None:
            raise ValueError("holds no video")
        graph = av.filter.Graph()
        nodes = [graph.add(*item) for item in filters]
        graph.link_nodes(graph.add_buffer(template=stream), *nodes).configure()
        for frame in container.decode(stream):
            graph.push(frame)
            # Phones store what they film lying down, and how to turn it.
            picture = np.rot90(graph.vpull().to_ndarray(), round(frame.rotation / 90))
            yield resized_middle(picture, size, resize) if resize else picture


def resized_middle(picture, size, resize):
    """The middle of a picture that is brought to a size, mixing the four nearest pixels."""
    for axis, length in enumerate(resize):
        before, after = picture.shape[axis], round((length - size) / 2)
        place = (np.arange(after, after + size, dtype=np.float32) + 0.5) * (before / length) - 0.5
        place = place.clip(0, before - 1)
        near = place.astype(int)
        share = (place - near).reshape(-1, *[1] * (2 - axis))
        far = np.minimum(near + 1, before - 1)
        picture = picture.take(near, axis) * (1 - share) + picture.take(far, axis) * share
    return np.rint(picture).astype(np.uint8)


def cut_windows(pictures, frames, stride):
    """Yield windows that follow each other; the last one is filled up by looping its frames.

    Args:
        pictures: Iterable of uint8 `[S, S, 3]`.
        frames: Frames of a window.
        stride: Step between them.

    Yields:
        uint8 `[3, frames, S, S]`.
    """
    window = []
    for picture in pictures:
        window.append(picture)
        if len(window) == frames * stride:
            yield np.stack(window[::stride]).transpose(3, 0, 1, 2)
            window = []
    if window:
        looped = np.arange(frames) * stride % len(window)
        yield np.stack(window)[looped].transpose(3, 0, 1, 2)


def in_batches(clips):
    """Yield clips in arrays of up to `BATCH_SIZE`."""
    batch = []
    for clip in clips:
        batch.append(clip)
        if len(batch) == BATCH_SIZE:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)


def load_network(folder):
    """The exported network: uint8 clips `[N, 3, T, S, S]` in, scores `[N, n_classes]` out."""
    with warnings.catch_warnings():
        # It recommends a compiler cache.
        warnings.simplefilter("ignore")
        from paddle import inference

    config = inference.Config(f"{folder}/inference.json", f"{folder}/inference.pdiparams")
    config.disable_glog_info()
    predictor = inference.create_predictor(config)

    def scores(clips):
        predictor.get_input_handle("clips").copy_from_cpu(clips)
        predictor.run()
        return predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()

    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="what `python -m app export` wrote")
    parser.add_argument("videos", nargs="+", metavar="video", help="a video file")
    if len(sys.argv) == 1:
        parser.print_help()
        return 0
    options = parser.parse_args()
    # Paddle prints from C++ where results are expected.
    results = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    try:
        with open(f"{options.folder}/model.json", encoding="utf-8") as file:
            model = json.load(file)
    except (OSError, ValueError) as error:
        print(f"{options.folder}: no exported folder: {error}", file=sys.stderr)
        return 2
    network = load_network(options.folder)
    frames, stride, size = (model["input"][key] for key in ("frames", "stride", "size"))
    failed = 0
    for video in options.videos:
        total, n_clips = 0, 0
        pictures = read_pictures(video, size, model["input"].get("resize"))
        try:
            for clips in in_batches(cut_windows(pictures, frames, stride)):
                total = total + network(clips).sum(axis=0, dtype=np.float64)
                n_clips += len(clips)
        except (av.FFmpegError, ValueError) as error:
            print(f"{video}: {error}", file=sys.stderr)
            failed = 1
        if n_clips == 0:
            continue
        mean = total / n_clips
        print(f"{video}: {n_clips} clips", file=results)
        for number in np.argsort(-mean)[:5]:
            label = model["labels"][number] if model["labels"] else number
            print(f"{mean[number]:.6f}  {label}", file=results)
    return failed


if __name__ == "__main__":
    sys.exit(main())
