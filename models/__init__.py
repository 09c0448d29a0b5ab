"""The networks, and the one function that builds them by name."""

from models.builder import build
from models.normalisation import Normalisation
from models.recogniser import Recogniser

__all__ = ["Normalisation", "Recogniser", "build"]
