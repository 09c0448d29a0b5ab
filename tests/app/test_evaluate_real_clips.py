"""`evaluate` on real clips against scores computed without any of the project's code.

The reference decodes from beginning to end, converts to RGB in numpy, scales and crops with PIL
as the PyTorch original does, and runs the network in PyTorch.
"""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from app.configuration import EvaluateConfig
from app.evaluate import evaluate
from models.normalisation import KINETICS_MEAN, KINETICS_STD
from tests import golden
from tests.app.small_run import PROJECT
from tests.videos import decode_all
from weights.description import InputContract, NetworkDescription
from weights.files import save_network

CLIPS = sorted((PROJECT.parent / "shared" / "clips").glob("*.*"))
# The published Kinetics-700 network.
DEPTH, N_CLASSES = 18, 700
WINDOW = 16
SIZE = 112


def rgb(frame):
    """A yuv420p frame of limited range as uint8 RGB, by the formula of BT.601."""
    assert frame.format.name == "yuv420p"
    height, width = frame.height, frame.width
    planes = frame.to_ndarray()
    luma = (planes[:height].astype(float) - 16) * 255 / 219
    chroma = planes[height:].reshape(2, height // 2, width // 2).astype(np.float32) - 128
    u, v = (
        np.asarray(Image.fromarray(plane).resize((width, height), Image.BILINEAR)) * 255 / 224
        for plane in chroma
    )
    colours = (luma + 1.402 * v, luma - 0.344136 * u - 0.714136 * v, luma + 1.772 * u)
    return np.clip(np.rint(np.stack(colours, axis=-1)), 0, 255).astype(np.uint8)


def scaled_and_cropped(picture):
    """The short side to 112 and the middle of the long one, with PIL."""
    height, width = picture.shape[:2]
    short = min(width, height)
    size = SIZE * width // short, SIZE * height // short
    left, top = (round((side - SIZE) / 2) for side in size)
    scaled = Image.fromarray(picture).resize(size, Image.BILINEAR)
    return np.asarray(scaled.crop((left, top, left + SIZE, top + SIZE)))


def windows(n_frames):
    """A window every 16 frames; the last one, where incomplete, is looped."""
    for start in range(0, n_frames, WINDOW):
        frames = list(range(start, min(start + WINDOW, n_frames)))
        yield [frames[i % len(frames)] for i in range(WINDOW)]


def expected_scores(path, state):
    """The mean softmax over the windows of a video, float ``[n_classes]``."""
    from weights.torch_forward import logits

    pictures = np.stack([scaled_and_cropped(rgb(frame)) for frame in decode_all(path)])
    video = (pictures / 255 - np.array(KINETICS_MEAN)) / np.array(KINETICS_STD)
    video = video.transpose(3, 0, 1, 2).astype(np.float32)
    scores = []
    for frames in windows(video.shape[1]):
        outputs = logits(state, video[None, :, frames])[0].astype(float)
        powers = np.exp(outputs - outputs.max())
        scores.append(powers / powers.sum())
    return np.mean(scores, axis=0)


@pytest.mark.slow
@pytest.mark.skipif(not CLIPS, reason="the real clips are not beside the project")
def test_real_clips_score_as_computed_independently(tmp_path):
    torch = pytest.importorskip("torch")
    labels = tuple(f"class {number}" for number in range(N_CLASSES))
    description = NetworkDescription(
        "r3d", {"depth": DEPTH, "n_classes": N_CLASSES}, labels, InputContract()
    )
    network = description.build()
    golden.fill(network)
    weights = tmp_path / "golden.pdparams"
    save_network(network, description, weights)
    annotation = tmp_path / "annotation"
    annotation.mkdir()
    for name in ("train.csv", "val.csv"):
        with (annotation / name).open("w", newline="") as file:
            csv.writer(file).writerows(
                [("path", "label"), *((clip.name, labels[n]) for n, clip in enumerate(CLIPS))]
            )

    report = evaluate(
        EvaluateConfig(
            str(weights),
            views="windows:16",
            videos=str(CLIPS[0].parent),
            annotation=str(annotation),
            device="cpu",
            top_k=N_CLASSES,
        )
    )
    results = json.loads(report.files.predictions.read_text())["results"]
    assert len(results) == len(CLIPS)

    state = {
        name: torch.from_numpy(array) for name, array in golden.state_dict(DEPTH, N_CLASSES).items()
    }
    for clip in CLIPS:
        expected = expected_scores(clip, state)
        ours = {entry["label"]: entry["score"] for entry in results[clip.name]}
        difference = np.abs(expected - [ours[label] for label in labels]).max()
        print(f"{clip.name}: {difference:.1e} of {expected.max():.3f}")
        assert difference < 1e-3, clip.name
        assert results[clip.name][0]["label"] == labels[expected.argmax()]
