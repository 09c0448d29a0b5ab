"""What happens to a batch in training besides the network: mixing, the loss, clipped gradients."""

from dataclasses import dataclass

import numpy as np

from app.training.loss import ClipLoss, class_weights
from app.training.mixing import draw_mix, mix_clips, mix_losses

# Keeps the draws for a batch apart from those for its clips.
MIXING = 1


@dataclass(frozen=True)
class Recipe:
    """How clips and labels become a loss.

    Args:
        loss: `ClipLoss`.
        mixup, cutmix: Parameters of `draw_mix`; 0 is off.
        clip_norm: Largest norm of a gradient; 0 for any.
        seed: Seed of what is drawn for a batch.
    """

    loss: ClipLoss = ClipLoss()
    mixup: float = 0.0
    cutmix: float = 0.0
    clip_norm: float = 0.0
    seed: int = 0

    @classmethod
    def of(cls, config, index):
        """The recipe of a configuration.

        Args:
            config: `FitConfig`.
            index: `VideoIndex` of the training videos.
        """
        optim, train = config.optim, config.train
        weights = None
        if optim.class_weights != "none":
            counts = index.videos_of_classes()
            if index.targets is not None:
                # A class without videos is a decision all the same: never.
                counts = np.maximum(counts, 1)
            weights = class_weights(counts, optim.class_weights)
        loss = ClipLoss(optim.label_smoothing, weights)
        return cls(loss, train.mixup, train.cutmix, optim.clip_norm, train.seed)

    def batch_seed(self, position, rank):
        """A seed for what the network draws: another for each batch and process, always the same.

        Args:
            position: `Position` of the batch.
            rank: Number of the process.
        """
        entropy = [self.seed, position.epoch, position.batch, rank]
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def mix(self, clips, position):
        """Mix a batch, or leave it as it is.

        Args:
            clips: uint8 tensor `[N, 3, T, H, W]`.
            position: `Position` of the batch: the same one is always mixed alike.

        Returns:
            The clips, and the loss function of logits and labels that goes with them.
        """
        generator = np.random.default_rng([self.seed, position.epoch, position.batch, MIXING])
        mix = draw_mix(generator, *clips.shape[3:], self.mixup, self.cutmix)
        if mix is None:
            return clips, self.loss
        return mix_clips(clips, mix), lambda x, y: mix_losses(self.loss, x, y, mix)
