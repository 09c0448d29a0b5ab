"""Training and evaluating on a processor at its speed: the oneDNN that Paddle's wheel carries."""

from models.onednn.layers import OneDnnLayers
from models.onednn.library import Failure, Unavailable, load, unavailable_because

__all__ = ["Failure", "OneDnnLayers", "Unavailable", "load", "unavailable_because"]
