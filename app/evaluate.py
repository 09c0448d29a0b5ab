"""python -m app evaluate: the accuracy of a trained run."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import models
from app.data import evaluation_loader, read_splits
from app.device import choose_device
from app.errors import UserError
from app.failures import FailureLog
from app.metrics import Evaluation
from app.run_folder import RunFolder
from app.training_state import WEIGHTS
from app.video_model import VideoModel
from weights.files import load_network


@dataclass(frozen=True)
class EvaluationReport:
    """What an evaluation found, and where it is kept.

    Args:
        path: The report as JSON.
        checkpoint: Name of the checkpoint evaluated.
        split: Part of the data.
        evaluation: ``app.metrics.Evaluation``.
        failed: Path -> reason of the videos that could not be read.
    """

    path: Path
    checkpoint: str
    split: str
    evaluation: Evaluation
    failed: dict[str, str]

    def __str__(self):
        e = self.evaluation
        n_videos = len(e.rows) + e.failed
        lines = [
            f"{self.split}, {self.checkpoint}: {n_videos} videos, {e.clips} clips, "
            f"loss {e.loss:.4f}",
            f"clip   top-1 {e.clip_top1:.4f}  top-5 {e.clip_top5:.4f}",
            f"video  top-1 {e.video_top1:.4f}  top-5 {e.video_top5:.4f}",
        ]
        if self.failed:
            lines.append(f"{len(self.failed)} videos could not be read and count as wrong")
        lines.append(f"report: {self.path}")
        return "\n".join(lines)


def evaluate(config):
    """Evaluate a checkpoint of a run as its training did.

    Args:
        config: ``app.configuration.EvaluateConfig``.

    Returns:
        ``EvaluationReport``, also stored as evaluation/<split>.json in the run folder.

    Raises:
        UserError: The run, its checkpoint or its videos cannot be found or used.
    """
    folder = RunFolder(config.run)
    trained = folder.read_config()
    checkpoint = folder.find_checkpoint(config.checkpoint)
    choose_device(config.device)

    data = trained.data if config.videos is None else replace(trained.data, videos=config.videos)
    index = read_splits(data, trained.train.seed)[config.split]
    network, description = load_network(checkpoint / WEIGHTS)
    if list(description.labels) != index.labels:
        raise UserError(
            f"{folder.path}: was trained on other classes than {data.videos} has; "
            "evaluate it on the videos it was made for"
        )
    contract = description.input
    recogniser = models.Recogniser(
        network, models.Normalisation(contract.mean, contract.std, contract.value_range)
    )
    model = VideoModel(recogniser, len(index.labels))
    model.prepare_training(None)

    folder.evaluation.mkdir(exist_ok=True)
    failures_path = folder.evaluation / f"{config.split}.failures.jsonl"
    failures_path.unlink(missing_ok=True)
    failures = FailureLog(failures_path)
    loader = evaluation_loader(
        trained.clip,
        index,
        config.batch_size or trained.train.batch_size,
        config.workers,
        failures.record,
    )
    evaluation = model.evaluate(loader)

    report = EvaluationReport(
        folder.evaluation / f"{config.split}.json",
        checkpoint.name,
        config.split,
        evaluation,
        failures.failed,
    )
    values = {name.removeprefix("val_"): value for name, value in evaluation.values().items()}
    report.path.write_text(
        json.dumps(
            {
                "checkpoint": checkpoint.name,
                "split": config.split,
                "videos": len(index),
                "clips": evaluation.clips,
                **values,
                "failed": failures.failed,
            },
            indent=2,
        )
        + "\n"
    )
    return report
