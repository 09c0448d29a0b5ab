"""Builds a network from its name and options."""

from models.resnet3d import BasicBlock, Bottleneck, ResNet3D

RESIDUAL_BLOCKS = {
    10: (BasicBlock, (1, 1, 1, 1)),
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
    200: (Bottleneck, (3, 24, 36, 3)),
}


def build(
    architecture="r3d",
    depth=18,
    n_classes=101,
    in_channels=3,
    shortcut="B",
    conv1_t_size=7,
    conv1_t_stride=1,
    max_pool=True,
    widen_factor=1.0,
):
    """Build a bare network, without normalisation.

    Args:
        architecture: ``"r3d"``, the 3D ResNet.
        depth: 10, 18, 34, 50, 101, 152 or 200.
        n_classes: Number of outputs.
        in_channels: Channels of a frame.
        shortcut: ``"A"`` (no parameters) or ``"B"`` (projection).
        conv1_t_size: Length of the first convolution in frames; odd.
        conv1_t_stride: Step of the first convolution in frames.
        max_pool: Whether the stem has its max-pool.
        widen_factor: Multiplies every stage's number of channels.

    Returns:
        A ``paddle.nn.Layer`` from normalised float32 ``[B, C, T, H, W]`` to logits
        ``[B, n_classes]``.

    Raises:
        ValueError: An option is not one of those above.
    """
    if architecture != "r3d":
        raise ValueError(f"unknown architecture {architecture!r}; there is: r3d")
    if depth not in RESIDUAL_BLOCKS:
        depths = ", ".join(map(str, RESIDUAL_BLOCKS))
        raise ValueError(f"no 3D ResNet of depth {depth}; there are: {depths}")
    if shortcut not in ("A", "B"):
        raise ValueError(f"unknown shortcut {shortcut!r}; there are: A, B")
    if conv1_t_size < 1 or conv1_t_size % 2 == 0:
        raise ValueError(f"conv1_t_size must be odd and positive, not {conv1_t_size}")
    if int(64 * widen_factor) < 1:
        raise ValueError(f"widen_factor {widen_factor} leaves the first stage without channels")
    block, blocks = RESIDUAL_BLOCKS[depth]
    return ResNet3D(
        block,
        blocks,
        n_classes,
        in_channels=in_channels,
        shortcut=shortcut,
        conv1_t_size=conv1_t_size,
        conv1_t_stride=conv1_t_stride,
        max_pool=max_pool,
        widen_factor=widen_factor,
    )
