"""What a user names as a trained network, found once: a run, a weight file or an exported folder.

trained = find_trained("runs/mine", "best")
trained.name                  # "epoch-0007": best is settled, whatever the run writes from now on
open_engine(trained)
"""

from dataclasses import dataclass, replace
from pathlib import Path

from app.checkpoints import WEIGHTS
from app.configuration import FitConfig
from app.errors import UserError
from app.inference.exported_folder import find_parameters, is_exported, read_exported_description
from app.run_folder import RunFolder
from weights.description import NetworkDescription
from weights.errors import WeightsError
from weights.files import read_description
from weights.labels import read_labels

WEIGHT_FILE = ".pdparams"


@dataclass(frozen=True)
class Trained:
    """A trained network on the disk.

    Args:
        name: That of the checkpoint, file or exported folder.
        weights: The file of its weights.
        description: `weights.description.NetworkDescription`, as it stands beside the weights.
        configuration: `FitConfig` of its training; the defaults where it is not a run.
        folder: The run, the exported folder, or the folder of the weight file.
        checkpoint: What the user calls the checkpoint of a run, such as `best`; None where it is
            not a run.
    """

    name: str
    weights: Path
    description: NetworkDescription
    configuration: FitConfig
    folder: Path
    checkpoint: str | None = None

    @property
    def is_exported(self):
        """Whether it is an exported folder: scores only, by the runtime it was exported for."""
        return self.weights.suffix != WEIGHT_FILE

    @property
    def evaluations(self):
        """The folder that keeps its evaluations."""
        folder = self.folder / "evaluation"
        is_weight_file = self.checkpoint is None and not self.is_exported
        return folder / self.weights.stem if is_weight_file else folder

    @property
    def export(self):
        """The folder that it is exported to when nobody says where."""
        if self.checkpoint is None:
            return self.weights.with_suffix("")
        return self.folder / "export" / self.checkpoint


def find_trained(run, checkpoint="best"):
    """Find a trained network and read what must be known to use it.

    Args:
        run: A run folder, a `.pdparams` file with its JSON, or an exported folder.
        checkpoint: Which checkpoint of a run: best, last, or one such as epoch-0007.

    Returns:
        `Trained`; a checkpoint is checked to hold what was saved.

    Raises:
        UserError: There is nothing of that kind, or it is damaged or incomplete.
    """
    path = Path(run)
    if not path.exists():
        raise UserError(f"{run}: no such run folder, weight file or exported folder")
    try:
        if is_exported(path):
            description = read_exported_description(path)
            return Trained(path.name, find_parameters(path), description, FitConfig(), path)
        if path.is_dir():
            folder = RunFolder(path)
            configuration = folder.read_config()
            weights = folder.find_checkpoint(checkpoint) / WEIGHTS
            description = read_description(weights)
            return Trained(
                weights.parent.name, weights, description, configuration, path, checkpoint
            )
        if path.suffix != WEIGHT_FILE:
            raise UserError(
                f"{run}: not a .pdparams file; `python -m app convert` makes one of a PyTorch file"
            )
        return Trained(path.name, path, read_description(path), FitConfig(), path.parent)
    except WeightsError as error:
        raise UserError(str(error)) from None


def require_classes(trained):
    """Make sure that a network has a head.

    Args:
        trained: `Trained`.

    Raises:
        UserError: It is a backbone, whose outputs are features and no scores.
    """
    if trained.description.options.get("n_classes") == 0:
        raise UserError(
            f"{trained.weights}: a backbone without head knows no classes; fine-tune it first: "
            f"fit --model.pretrained {trained.weights}"
        )


def with_labels(description, path):
    """A description with the class names of a file, or unchanged where path is None.

    Raises:
        UserError: The file cannot be used, or names another number of classes.
    """
    if path is None:
        return description
    try:
        labels = read_labels(path)
    except WeightsError as error:
        raise UserError(str(error)) from None
    n_classes = description.options["n_classes"]
    if len(labels) != n_classes:
        raise UserError(f"{path}: {len(labels)} class names for a network of {n_classes} classes")
    return replace(description, labels=labels)
