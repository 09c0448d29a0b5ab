"""The ways in which others get clips out of videos, each at its fastest on one core.

Every function gives uint8 ``[3, T, 112, 112]``, or fewer frames where a rival gives fewer. A
library that is not installed, or cannot load, is left out of the tables.
"""

import os

import numpy as np

SIZE = 112
RIVALS = {}
JPEG_ROUTES = {}

os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "threads;1")


def _square(frames, crop):
    """Crop and scale RGB frames ``[T, H, W, 3]`` with OpenCV, the fastest there is for that."""
    x, y, width, height = crop
    out = np.empty((3, len(frames), SIZE, SIZE), np.uint8)
    for t, frame in enumerate(frames):
        square = cv2.resize(frame[y : y + height, x : x + width], (SIZE, SIZE))
        out[:, t] = square.transpose(2, 0, 1)
    return out


try:
    import cv2

    cv2.setNumThreads(1)

    def opencv(path, start, frames, crop, interpolation=cv2.INTER_LINEAR):
        """Seek by frame number, read, scale the crop."""
        video = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if start:
            video.set(cv2.CAP_PROP_POS_FRAMES, start)
        x, y, width, height = crop
        out = np.empty((3, frames, SIZE, SIZE), np.uint8)
        for t in range(frames):
            _, frame = video.read()
            square = frame[y : y + height, x : x + width]
            square = cv2.resize(square, (SIZE, SIZE), interpolation=interpolation)
            out[:, t] = square[..., ::-1].transpose(2, 0, 1)
        video.release()
        return out

    def opencv_smooth(path, start, frames, crop):
        """The same, scaled without aliasing, as this project, PIL and torchcodec do."""
        return opencv(path, start, frames, crop, cv2.INTER_AREA)

    def opencv_jpeg(folder, start, frames, crop):
        """Frames extracted beforehand, one JPEG each, decoded and scaled by OpenCV."""
        files = (cv2.imread(f"{folder}/image_{start + t + 1:05d}.jpg") for t in range(frames))
        return _square([image[..., ::-1] for image in files], crop)

    RIVALS["OpenCV"] = opencv
    RIVALS["OpenCV area"] = opencv_smooth
    JPEG_ROUTES["OpenCV"] = opencv_jpeg
except ImportError:
    pass

try:
    import decord

    def decord_(path, start, frames, crop):
        """``get_batch`` of consecutive frames."""
        video = decord.VideoReader(path, num_threads=1)
        # What it counts too many, at the end, it cannot give either.
        numbers = [min(start + t, len(video) - 1) for t in range(frames)]
        return _square(video.get_batch(numbers).asnumpy(), crop)

    RIVALS["decord"] = decord_
except (ImportError, OSError):
    pass

try:
    import torch
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import RandomCrop, Resize

    torch.set_num_threads(1)

    def torchcodec(path, start, frames, crop):
        """Crop and scale inside its decoder (at a place of its own choice, of the same size)."""
        video = VideoDecoder(
            path,
            num_ffmpeg_threads=1,
            seek_mode="approximate",
            transforms=[RandomCrop((crop[3], crop[2])), Resize((SIZE, SIZE))],
        )
        numbers = start, min(start + frames, len(video))
        return video.get_frames_in_range(*numbers).data.numpy().transpose(1, 0, 2, 3)

    RIVALS["torchcodec"] = torchcodec
except (ImportError, OSError, RuntimeError):
    pass


try:
    import simplejpeg

    def simplejpeg_(folder, start, frames, crop):
        """Frames extracted beforehand, decoded by libjpeg-turbo, scaled by OpenCV."""
        images = []
        for t in range(frames):
            with open(f"{folder}/image_{start + t + 1:05d}.jpg", "rb") as file:
                images.append(simplejpeg.decode_jpeg(file.read()))
        return _square(images, crop)

    if "OpenCV" in JPEG_ROUTES:
        JPEG_ROUTES["simplejpeg"] = simplejpeg_
except ImportError:
    pass


def pil_jpeg(folder, start, frames, crop):
    """Frames extracted beforehand, as the PyTorch original reads them: all with PIL."""
    from PIL import Image

    x, y, width, height = crop
    out = np.empty((3, frames, SIZE, SIZE), np.uint8)
    for t in range(frames):
        with Image.open(f"{folder}/image_{start + t + 1:05d}.jpg") as image:
            square = image.convert("RGB").crop((x, y, x + width, y + height))
            out[:, t] = np.asarray(square.resize((SIZE, SIZE), 2)).transpose(2, 0, 1)
    return out


JPEG_ROUTES["PIL"] = pil_jpeg


def naive_pyav(path, start, frames, crop):
    """Decode all frames from the start, convert each to RGB, crop and scale with PIL."""
    import av

    x, y, width, height = crop
    out = []
    with av.open(path) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for number, frame in enumerate(container.decode(video=0)):
            image = frame.to_image()
            if number < start:
                continue
            image = image.crop((x, y, x + width, y + height)).resize((SIZE, SIZE), 2)
            out.append(np.asarray(image).transpose(2, 0, 1))
            if len(out) == frames:
                break
    return np.stack(out, 1)


RIVALS["PyAV naive"] = naive_pyav
