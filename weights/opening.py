"""Networks with their weights, each in one call."""

from weights import files
from weights.folder import weights_folder
from weights.loading import load_pretrained, plan_network
from weights.pretrained import resolve


def load_network(path):
    """Load a trained network.

    Args:
        path: A `.pdparams` file with its description beside it, or a run folder, whose best
            checkpoint is taken.

    Returns:
        The bare network in evaluation mode, and its `NetworkDescription`;
        `description.recogniser(network)` takes uint8 clips.

    Raises:
        WeightsError: There is none, or it is damaged.
    """
    network, description = files.load_network(resolve(path).path)
    network.eval()
    return network, description


def pretrained(name, labels, folder=None, depth=None, architecture="r3d"):
    """Build a recogniser of some classes that starts from pretrained weights.

    Args:
        name: A name that `python -m app weights` lists, a `.pth` or `.pdparams` file, a run
            folder, or `"imagenet"`.
        labels: Class names. The head is that of the weights where it is for the same classes, else
            it is new.
        folder: Where published files lie; None for where `python -m app weights` looks.
        depth: Of the network for `"imagenet"`, the family's default where it is None; other weights
            have theirs.
        architecture: Family of the network for `"imagenet"`; other weights have theirs.

    Returns:
        `models.Recogniser`: uint8 `[B, 3, T, H, W]` RGB in, float32 logits `[B, n_classes]` out.

    Raises:
        WeightsError: There are no such weights, or they cannot be used.
    """
    source = resolve(name, folder or weights_folder(), depth, architecture)
    description, _ = plan_network(source, labels)
    network = description.build()
    load_pretrained(network, description, source)
    return description.recogniser(network)
