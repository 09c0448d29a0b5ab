"""The exported form of a checkpoint, kept in the run folder until the checkpoint changes."""

import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import paddle

from app.errors import UserError
from app.inference.eager import DynamicEngine
from app.inference.exported_folder import (
    DESCRIPTION,
    FILES,
    Features,
    Scores,
    read_exported_description,
    write_inference_model,
)
from app.inference.paddle_inference import InferenceEngine
from weights.checkpoint_folder import digest
from weights.durable import written_aside
from weights.errors import WeightsError
from weights.files import load_network, read_description

LAYERS = {"scores": Scores, "features": Features}
# Scores are probabilities; features are compared in units of the largest one.
TOLERANCE = 1e-4


@contextmanager
def exported(weights, cache, output):
    """An exported folder of a weight file: the one in the cache, or a new one.

    Args:
        weights: The ``.pdparams`` file.
        cache: The folder to keep it in; None, or a place that cannot be written, keeps nothing.
        output: "scores" or "features".

    Yields:
        Path of an exported folder, there until the end of the block.

    Raises:
        UserError: The exported network computes something else than the network.
        WeightsError: The weight file cannot be used.
    """
    if cache is not None:
        if is_current(cache, weights):
            yield cache
            return
        try:
            with written_aside(cache, seal=DESCRIPTION, stale=FILES) as folder:
                _export(weights, folder, output)
        except OSError:
            # Read only, full, or another process was faster: do without.
            pass
        else:
            yield cache
            return
    with tempfile.TemporaryDirectory() as folder:
        _export(weights, folder, output)
        yield Path(folder)


def is_current(folder, weights):
    """Whether an exported folder is that of a weight file, made by this version of Paddle."""
    try:
        ours = stamped(read_description(weights), weights)
        return read_exported_description(folder) == ours
    except WeightsError:
        return False


def stamped(description, weights):
    """A description that says which file, to the bit, was exported and by which Paddle.

    Args:
        description: ``weights.description.NetworkDescription``.
        weights: The ``.pdparams`` file it belongs to.
    """
    origin = {
        "weights": Path(weights).name,
        "sha256": digest(weights),
        "paddle": paddle.__version__,
    }
    return replace(description, source={**(description.source or {}), "exported": origin})


def _export(weights, folder, output):
    network, description = load_network(weights)
    dynamic = DynamicEngine(network, description)
    write_inference_model(LAYERS[output](dynamic.recogniser), stamped(description, weights), folder)
    contract = description.input
    shape = (1, 3, contract.frames, contract.size, contract.size)
    clip = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    wanted = getattr(dynamic, output)(clip)
    got = getattr(InferenceEngine(folder, description, output=output), output)(clip)
    difference = float(np.abs(got - wanted).max() / max(1.0, np.abs(wanted).max()))
    # Not a number is no agreement either.
    if not difference <= TOLERANCE:
        raise UserError(
            f"{weights}: exported, its {output} differ by {difference:.2g}; "
            "use --engine dynamic and report this"
        )
