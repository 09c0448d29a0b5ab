"""A small run with a checkpoint, made without training, so that tests of its use are fast."""

import json

import paddle

from app.checkpoints import WEIGHTS, Checkpoints
from app.configuration import ClipConfig, DataConfig, FitConfig, ModelConfig
from app.run_folder import config_text
from weights.description import InputContract, NetworkDescription
from weights.files import save_network

LABELS = ("walk", "run", "jump", "sit")
CONTRACT = InputContract(size=32, frames=4, stride=2)
OPTIONS = {"depth": 10, "widen_factor": 0.25, "conv1_t_size": 3}


def small_network(seed=0, labels=LABELS, contract=CONTRACT):
    """A network whose scores differ from clip to clip, and its description."""
    paddle.seed(seed)
    options = {**OPTIONS, "n_classes": 4}
    description = NetworkDescription("r3d", options, labels, contract, {"file": "made"})
    return description.build(), description


def write_run(folder, videos="nowhere", seed=0, annotation=None):
    """Write a run folder with one checkpoint, epoch-0001; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    config = FitConfig(
        model=ModelConfig(**OPTIONS),
        data=DataConfig(videos=str(videos), annotation=annotation and str(annotation)),
        clip=ClipConfig(frames=CONTRACT.frames, stride=CONTRACT.stride, size=CONTRACT.size),
    )
    (folder / "config.yaml").write_text(config_text(config))
    (folder / "labels.json").write_text(json.dumps(LABELS))
    write_checkpoint(folder, epoch=1, seed=seed)
    return folder


def write_checkpoint(folder, epoch, seed):
    """Write a checkpoint as training does, and make it the best and the last one."""
    network, description = small_network(seed)

    def write(aside):
        save_network(network, description, aside / WEIGHTS)
        return {"position": (epoch, 0, epoch)}

    Checkpoints(folder / "checkpoints", write).save(f"epoch-{epoch:04d}", is_best=True)


def write_weights(path, labels=LABELS, contract=CONTRACT):
    """Write a weight file and its description; returns the path."""
    save_network(*small_network(labels=labels, contract=contract), path)
    return path
