"""python -m app weights: the published checkpoints, and which of them are here."""

from dataclasses import dataclass

from weights import published
from weights.folder import weights_folder


@dataclass(frozen=True)
class WeightsList:
    """The published checkpoints.

    Args:
        rows: One ``weights.published.Status`` each.
        family: The one that was asked for, or None for all.
    """

    rows: list
    family: str | None

    def __str__(self):
        table = [
            (
                *("name", "family", "depth", "trained on", "classes", "frames", "parameters"),
                *("accuracy", "here"),
            )
        ]
        for row in self.rows:
            p = row.published
            table.append(
                (
                    *(p.name, p.architecture, str(p.depth), p.training_data, str(p.n_classes)),
                    *(str(p.frames), f"{p.parameters:,}", p.accuracy, row.state),
                )
            )
        widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in table
        ]
        return "\n".join([*lines, "", published.how_to_fetch(weights_folder(), self.family)])


def list_weights(config):
    """List the published checkpoints.

    Args:
        config: ``app.configuration.WeightsConfig``.

    Returns:
        ``WeightsList``.
    """
    return WeightsList(published.status(weights_folder(), config.family), config.family)
