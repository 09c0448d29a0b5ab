"""python -m app convert: a PyTorch checkpoint becomes Paddle weights, with proof."""

from dataclasses import dataclass

from weights.conversion import ConversionResult
from weights.conversion import convert as convert_weights


@dataclass(frozen=True)
class Conversion:
    """What was converted.

    Args:
        result: ``weights.conversion.ConversionResult``.
        verbose: Whether to list every tensor.
    """

    result: ConversionResult
    verbose: bool

    def __str__(self):
        details = self.result.details if self.verbose else ()
        return "\n".join([*details, self.result.summary, self.result.assumptions])


def convert(config):
    """Convert a PyTorch checkpoint.

    Args:
        config: ``app.configuration.ConvertConfig``.

    Returns:
        ``Conversion``.

    Raises:
        WeightsError: The file is not a sound checkpoint of one of the families; nothing is written.
    """
    result = convert_weights(
        config.file,
        config.output,
        config.labels,
        check=not config.no_check,
        architecture=config.architecture,
        bn_epsilon=config.bn_epsilon,
    )
    return Conversion(result, config.verbose)
