"""What a forward pass leaves behind for its backward pass.

Paddle's autograd sees the whole trunk of a network as one operation, from the parameters to the
pooled features. Inside, every layer records one function, and they are called in reverse: no
copies of gradients and no sums by Paddle, and what a layer kept is freed as soon as it is used.
"""

import paddle


class Tape:
    """Records the layers of one forward pass.

    Args:
        dtype: `paddle.float32` or `paddle.bfloat16`, of the activations.
        folding: `folding.Folding` of a network whose parameters stand still, else None.
    """

    def __init__(self, dtype, folding=None):
        self.dtype = dtype
        self.folding = folding
        self.recording = paddle.is_grad_enabled()
        self._steps = []
        self._leaves = []
        self._gradients = {}

    def record(self, step):
        """Keep `step()`, which turns the gradient of a layer's output into those of its inputs."""
        self._steps.append(step)

    def learns(self, leaf):
        """Whether the gradient of a parameter (or of the input) is asked for; notes it if so."""
        if not self.recording or leaf.stop_gradient:
            return False
        self._leaves.append(leaf)
        return True

    def set_gradient(self, leaf, gradient):
        """The gradient of a leaf, a tensor of its shape; a parameter used twice gets the sum."""
        present = self._gradients.get(id(leaf))
        self._gradients[id(leaf)] = gradient if present is None else present + gradient

    def leave(self, output, seed):
        """Hand a result to Paddle's autograd.

        Args:
            output: A tensor.
            seed: Called with the gradient of `output` before the recorded steps run.

        Returns:
            `output`, whose gradient reaches every leaf.
        """
        if not self._leaves:
            return output
        return _Trunk.apply(_Pass(self, output, seed), *dict.fromkeys(self._leaves))

    def backward(self, leaves):
        """Run the recorded steps in reverse; returns the gradients of the leaves."""
        while self._steps:
            self._steps.pop()()
        return tuple(self._gradients.pop(id(leaf), None) for leaf in leaves)


class _Pass:
    """One forward pass on its way through `_Trunk`, which takes tensors for leaves."""

    def __init__(self, tape, output, seed):
        self.tape = tape
        self.output = output
        self.seed = seed


class _Trunk(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx, trunk, *leaves):
        ctx.trunk = trunk
        ctx.leaves = leaves
        return trunk.output

    @staticmethod
    def backward(ctx, gradient):
        # Paddle ends with a segmentation fault where a graph with a PyLayer is retained and used
        # again, before it comes here: nothing need be kept for a second time.
        ctx.trunk.seed(gradient.contiguous())
        return ctx.trunk.tape.backward(ctx.leaves)
