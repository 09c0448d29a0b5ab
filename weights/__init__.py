"""Pretrained weights: where they are, conversion from PyTorch, loading, fine-tuning.

network, description = weights.load_network("runs/mine")
recogniser = weights.pretrained("r3d50_KM_200ep", labels=["walk", "run"])
"""

from weights.face import show

show(
    __name__,
    {
        "WeightsError": "weights.errors",
        "load_network": "weights.opening",
        "pretrained": "weights.opening",
    },
)
