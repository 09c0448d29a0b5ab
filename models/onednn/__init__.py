"""Training and evaluating on a processor at its speed: the oneDNN that Paddle's wheel carries.

    layers, sentence = choose_layers("auto", "bf16")
    network = models.build("r3d", layers=layers, depth=18, n_classes=101)

The network's parameters, their names and its state dict are those of Paddle's layers.
"""

from models.onednn.choice import KERNELS, choose_layers
from models.onednn.layers import OneDnnLayers
from models.onednn.library import OneDnnError, UnavailableError, load, unavailable_because
from models.onednn.primitives import set_threads

__all__ = [
    "KERNELS",
    "OneDnnError",
    "OneDnnLayers",
    "UnavailableError",
    "choose_layers",
    "load",
    "set_threads",
    "unavailable_because",
]
