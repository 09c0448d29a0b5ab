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
from weights.files import load_network

LAYERS = {"scores": Scores, "features": Features}
# Scores are probabilities; features are compared in units of the largest one.
TOLERANCE = 1e-4


@contextmanager
def exported(trained, output):
    """An exported folder of a run's checkpoint or a weight file: the one kept, or a new one.

    A run keeps it in its export/ folder, unless that cannot be written.

    Args:
        trained: `app.trained.Trained`.
        output: "scores" or "features".

    Yields:
        Path of an exported folder, there until the end of the block.

    Raises:
        UserError: The exported network computes something else than the network.
        WeightsError: The weight file cannot be used.
    """
    description = stamped(trained, output)
    cache = _cache(trained, output)
    if cache is not None:
        if _is_current(cache, description):
            yield cache
            return
        try:
            with written_aside(cache, seal=DESCRIPTION, stale=FILES) as folder:
                _export(trained, description, folder, output)
        except OSError:
            # Read only, full, or another process was faster: do without.
            pass
        else:
            yield cache
            return
    with tempfile.TemporaryDirectory() as folder:
        _export(trained, description, folder, output)
        yield Path(folder)


def stamped(trained, output):
    """The description of weights that says which file, to the bit, is exported by which Paddle.

    Args:
        trained: `app.trained.Trained`.
        output: "scores" or "features", what the exported network gives.

    Returns:
        `weights.description.NetworkDescription`.
    """
    description = trained.description
    origin = {
        "weights": trained.weights.name,
        "sha256": digest(trained.weights),
        "paddle": paddle.__version__,
        "output": output,
    }
    return replace(description, source={**(description.source or {}), "exported": origin})


def _cache(trained, output):
    """Where the export of a run's checkpoint is kept; None for a weight file."""
    if trained.checkpoint is None:
        return None
    folder = trained.export
    return folder if output == "scores" else folder.with_name(f"{folder.name}-{output}")


def _is_current(folder, description):
    """Whether an exported folder is that of a weight file, made by this version of Paddle."""
    try:
        return read_exported_description(folder) == description
    except WeightsError:
        return False


def _export(trained, description, folder, output):
    network, _ = load_network(trained.weights)
    dynamic = DynamicEngine(network, description)
    write_inference_model(LAYERS[output](dynamic.recogniser), description, folder)
    contract = description.input
    shape = (1, 3, contract.frames, contract.size, contract.size)
    clip = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    wanted = getattr(dynamic, output)(clip)
    got = getattr(InferenceEngine(folder, description, output=output), output)(clip)
    difference = float(np.abs(got - wanted).max() / max(1.0, np.abs(wanted).max()))
    # Not a number is no agreement either.
    if not difference <= TOLERANCE:
        raise UserError(
            f"{trained.weights}: exported, its {output} differ by {difference:.2g}; "
            "use --engine dynamic and report this"
        )
