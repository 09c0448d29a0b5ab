"""The weights of a Paddle network by the names and in the layout of its PyTorch original."""

RENAMED = {"_mean": "running_mean", "_variance": "running_var"}


def torch_state(network):
    """Copy the weights of a network.

    Args:
        network: A bare network of `models.build`.

    Returns:
        name -> float32 array.
    """
    state = {}
    for name, tensor in network.state_dict().items():
        stem, _, kind = name.rpartition(".")
        is_head = name == f"{network.head_name}.weight"
        state[f"{stem}.{RENAMED.get(kind, kind)}"] = (
            tensor.numpy().T.copy() if is_head else tensor.numpy()
        )
    return state
