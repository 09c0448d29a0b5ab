"""The networks, and the one function that builds them by name."""

from models.builder import FAMILIES, build, complete_options, family
from models.layers import SynchronisedLayers
from models.normalisation import Normalisation
from models.recogniser import ACTIVATIONS, Recogniser

__all__ = [
    "ACTIVATIONS",
    "FAMILIES",
    "Normalisation",
    "Recogniser",
    "SynchronisedLayers",
    "build",
    "complete_options",
    "family",
]
