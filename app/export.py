"""python -m app export: a trained network as a folder for Paddle Inference, or as ONNX.

python -m app export runs/mine
python -m app export weights/r3d50_K_200ep.pdparams --format onnx --output r3d50
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.data import read_splits, usual_split
from app.device import choose_device
from app.errors import UserError, writing
from app.inference.eager import DynamicEngine
from app.inference.export_cache import TOLERANCE, stamped
from app.inference.exported_folder import (
    DESCRIPTION,
    FILES,
    ONNX,
    PARAMETERS,
    PROGRAM,
    Scores,
    is_exported,
    write_inference_model,
)
from app.inference.onnx import OnnxEngine, require_onnx, write_onnx
from app.inference.paddle_inference import InferenceEngine
from app.trained import find_trained, require_classes, with_labels
from datasets.annotations.errors import AnnotationError
from datasets.clips.crops import squares_to_look_at
from datasets.clips.frame_choice import centre_clip
from datasets.decoding.errors import VideoError
from datasets.decoding.open_reader import open_reader
from datasets.shown import counted, shown
from weights.durable import written_aside
from weights.errors import WeightsError
from weights.files import load_network

# Clips on which the exported network is compared with the original.
CLIPS = 4


@dataclass(frozen=True)
class ExportReport:
    """What was exported, and how well it agrees.

    Args:
        folder: The folder written.
        format: "paddle" or "onnx".
        n_classes: Number of outputs.
        difference: Largest difference between two scores.
        clips: What it was measured on, in words.
    """

    folder: Path
    format: str
    n_classes: int
    difference: float
    clips: str

    def __str__(self):
        size = sum(path.stat().st_size for path in self.folder.iterdir()) / 1e6
        runtime = "onnxruntime" if self.format == "onnx" else "paddle.inference"
        return (
            f"{runtime} against the original on {self.clips}: "
            f"largest difference of a score {self.difference:.2g}\n"
            f"exported: {shown(self.folder)} ({counted(self.n_classes, 'class', 'classes')}, "
            f"{size:.1f} MB)"
        )


def export(config):
    """Export a checkpoint or a weight file, and compare it with the original.

    Args:
        config: `app.configuration.ExportConfig`.

    Returns:
        `ExportReport`.

    Raises:
        UserError: The run or its checkpoint cannot be used, the output is something else, or the
            exported network gives other scores; nothing is left behind then.
    """
    if config.format == "onnx":
        require_onnx()
    trained = find_trained(config.run, config.checkpoint)
    if trained.is_exported:
        raise UserError(f"{config.run}: is exported already; name the run or the weight file")
    require_classes(trained)
    trained = replace(trained, description=with_labels(trained.description, config.labels))
    description = trained.description
    output = _output_folder(config, trained)
    # Compared on the CPU, where both run everywhere.
    choose_device("cpu")
    try:
        network, _ = load_network(trained.weights)
    except WeightsError as error:
        raise UserError(str(error)) from None
    dynamic = DynamicEngine(network, description)
    clips, words = _clips(config, trained)

    with (
        writing(output, lambda: "nothing was written"),
        written_aside(output, seal=DESCRIPTION, stale=FILES) as folder,
    ):
        write = _write_onnx if config.format == "onnx" else _write_paddle
        exported = write(dynamic.recogniser, stamped(trained, "scores"), folder)
        difference = max(
            float(np.abs(exported.scores(clip) - dynamic.scores(clip)).max())
            for clip in clips[:, None]
        )
        # Not a number is no agreement either.
        if not difference <= TOLERANCE:
            raise UserError(
                f"{trained.weights}: exported, its scores differ by {difference:.2g} on {words}, "
                f"more than {TOLERANCE:g}; nothing was written"
            )
    return ExportReport(output, config.format, len(dynamic.labels), difference, words)


def _output_folder(config, trained):
    if config.output is None:
        folder = trained.export
        return folder if config.format == "paddle" else folder.with_name(f"{folder.name}-onnx")
    folder = Path(config.output)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--output {folder}: is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not is_exported(folder):
        raise UserError(f"--output {folder}: holds other things than an export; name a new folder")
    return folder


def _write_paddle(recogniser, description, folder):
    write_inference_model(Scores(recogniser), description, folder)
    return InferenceEngine(folder, description)


def _write_onnx(recogniser, description, folder):
    with tempfile.TemporaryDirectory() as aside:
        write_inference_model(Scores(recogniser), description, aside)
        write_onnx(Path(aside) / PROGRAM, Path(aside) / PARAMETERS, folder / ONNX)
    (folder / DESCRIPTION).write_text(description.to_json(), encoding="utf-8")
    return OnnxEngine(folder, description)


def _clips(config, trained):
    """Clips to compare on, uint8 `[N, 3, T, S, S]`, and what they are in words."""
    clips = _real_clips(config, trained)
    if clips:
        return np.stack(clips), f"{counted(len(clips), 'clip')} of the run's videos"
    contract = trained.description.input
    shape = (CLIPS, 3, contract.frames, contract.size, contract.size)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return noise, f"{CLIPS} clips of noise (the run's videos are not here)"


def _real_clips(config, trained):
    """Clips from the middle of some of the run's videos; none where there are no videos."""
    if trained.checkpoint is None:
        return []
    data, contract = trained.configuration.data, trained.description.input
    if config.videos:
        data = replace(data, videos=config.videos)
    try:
        splits = read_splits(data, trained.configuration.train.seed)
        index = splits[usual_split(splits)]
    except AnnotationError as error:
        if config.videos:
            raise UserError(f"--videos {config.videos}: {error}") from None
        return []
    clips = []
    for row in np.unique(np.linspace(0, len(index) - 1, 2 * CLIPS).astype(int)):
        try:
            with open_reader(index.path(row)) as reader:
                frames = centre_clip(len(reader), contract.frames, contract.stride)
                [crop] = squares_to_look_at(reader.width, reader.height, contract)
                clips.append(reader.read_clips(frames[None], crop, contract.size)[0])
        except VideoError:
            continue
        if len(clips) == CLIPS:
            break
    return clips
