"""`paddle.Model` for clips: hapi runs the loop, this class says what a batch is.

What hapi leaves out of its `fit` and a long run needs: a position to resume from, losses and
accuracies over whole epochs, gradients accumulated to exactly those of the big batch, and an end
with a clear message when the loss is no longer finite.
"""

import math
from contextlib import nullcontext

import numpy as np
import paddle

from app.errors import UserError
from app.evaluation.scores import VideoScores
from app.metrics import TrainingMetrics
from app.training.processes import TrainingProcesses
from app.training.recipe import Recipe
from callbacks.training_run import Position


class NonFiniteLossError(UserError):
    """The loss became infinite or not a number."""


class VideoModel(paddle.Model):
    """A recogniser with the state of its training: a `callbacks.training_run.TrainingRun`.

    Batches are `[clips uint8 [N, 3, T, S, S], labels, rows int64 [N]]` as
    `datasets.clips.loader.ClipLoader` yields them; labels are int64 `[N]`, or float32
    `[N, n_classes]` where a video may have several.

    Args:
        recogniser: `models.Recogniser`.
        n_classes: Number of its outputs.
        batches_per_epoch: Number of training batches of an epoch; needed by `fit` only.
        processes: `TrainingProcesses` that train together; None for this one alone.
        recipe: `Recipe`: how clips and labels become a loss.
        forward_context: Makes a context manager for every forward pass.
        averages: `AveragedWeights` to validate with in place of the last weights, or None.
        scaler: `LossScaler` of a training in half precision, or None.
    """

    def __init__(
        self,
        recogniser,
        n_classes,
        batches_per_epoch=None,
        processes=None,
        recipe=None,
        averages=None,
        forward_context=nullcontext,
        scaler=None,
    ):
        # hapi splits a batch by the number of inputs.
        clips = paddle.static.InputSpec([None, 3, None, None, None], "uint8", "clips")
        super().__init__(recogniser, inputs=[clips])
        self.n_classes = n_classes
        self.batches_per_epoch = batches_per_epoch
        self.processes = processes or TrainingProcesses()
        self.recipe = recipe or Recipe()
        self.averages = averages
        self.forward_context = forward_context
        self.scaler = scaler
        self.position = Position()
        self.training_metrics = TrainingMetrics()
        self.optimizer = None
        self.evaluation = None
        self.loss = self.gradient_norm = math.nan
        self._clips_since_update = 0
        self._video_scores = None

    @property
    def bare_network(self):
        """The network without its normalisation: what checkpoints hold."""
        return self.network.network

    @property
    def training_so_far(self):
        """`{"train_loss", "train_top1"}` over the epoch under way, this process's share."""
        return self.training_metrics.result()

    @property
    def learning_rate(self):
        """That of the next update."""
        return self.optimizer.get_lr()

    @property
    def accumulating(self):
        """Whether gradients wait for the batches that complete their update."""
        return self._clips_since_update > 0

    def prepare_training(self, optimizer):
        """Make the model ready for `fit`."""
        self.optimizer = optimizer
        self.prepare(optimizer, loss=self.recipe.loss)

    def fit(self, train_loader, val_loader, epochs, callbacks, accumulate=1):
        """Train until `epochs` epochs are finished, from wherever `position` stands.

        Args:
            train_loader, val_loader: `ClipLoader`.
            epochs: Number of epochs of the whole run, those before a resume included.
            callbacks: `paddle.callbacks.Callback` objects, one of them an `LRScheduler`.
            accumulate: Number of batches whose gradients make one update.

        Raises:
            NonFiniteLossError: The loss is infinite or not a number.
        """
        super().fit(
            train_loader,
            val_loader,
            epochs=epochs - self.position.epoch,
            callbacks=callbacks,
            accumulate_grad_batches=accumulate,
            verbose=0,
        )

    def train_batch(self, inputs, labels=None, update=True):
        """Forward, backward and, at the end of an accumulation, one optimizer update.

        Returns:
            The mean loss of the batch, in a list as hapi wants it.
        """
        self.network.train()
        labels = labels[0]
        clips, loss = self.recipe.mix(inputs[0], self.position)
        if self.bare_network.dropout:
            # Paddle's generator of random numbers does not come back from a checkpoint as it was.
            paddle.seed(self.recipe.batch_seed(self.position, self.processes.rank))
        with self.forward_context():
            logits = self.network(clips)
        logits = logits.astype("float32")
        losses = loss(logits, labels)
        # The sum now and one division by the number of clips before the update: the same gradient
        # as one big batch, the incomplete last group of an epoch included.
        total = losses.sum()
        (total if self.scaler is None else self.scaler.scale(total)).backward()
        self._clips_since_update += len(labels)
        with paddle.no_grad():
            squares = self._average_gradients() if update else paddle.zeros([])
            correct = _are_right(logits.argmax(axis=1), labels)
            # One transfer: each waits for all that the device has been told to do.
            numbers = paddle.concat([paddle.stack([losses.mean(), squares]), losses, correct])
            (mean, squares), losses, correct = np.split(numbers.numpy(), [2, 2 + len(labels)])
        self.loss = self._finite(mean, "the loss")
        if update and not self._is_skipped(squares):
            self.gradient_norm = math.sqrt(self._finite(squares, "the gradient"))
        self.training_metrics.update(losses, correct)
        self.position.batch += 1
        if update:
            if self.scaler is None:
                self.optimizer.step()
            else:
                self.scaler.step(self.optimizer)
                self.scaler.update()
            self.optimizer.clear_grad(set_to_zero=False)
            self._clips_since_update = 0
            self.position.step += 1
            if self.averages is not None:
                self.averages.update(self.position.step)
        return [self.loss]

    def _average_gradients(self):
        """Make sums of gradients their means over all clips, and clip them.

        Returns:
            The sum of their squares before.
        """
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        self.processes.average(gradients)
        if self.scaler is not None:
            # Behind the exchange: what overflowed in one process makes all of them skip the update.
            self.scaler.unscale_(self.optimizer)
        squares = paddle.zeros([])
        for gradient in gradients:
            gradient.scale_(1.0 / self._clips_since_update)
            squares = squares + paddle.sum(gradient * gradient)
        if self.recipe.clip_norm:
            # Kept on the device: the norm is needed there before it is read here.
            factor = (self.recipe.clip_norm / paddle.sqrt(squares)).clip(max=1.0)
            for gradient in gradients:
                gradient.multiply_(factor)
        return squares

    def _is_skipped(self, squares):
        """Whether a gradient overflowed because of the scaled loss, whose factor will shrink."""
        return self.scaler is not None and not math.isfinite(squares) and self.scaler.factor > 1

    @paddle.no_grad()
    def eval_batch(self, inputs, labels=None):
        """Forward only; all clips of a video come in one batch.

        Returns:
            The mean loss of the batch, in a list as hapi wants it.
        """
        self.network.eval()
        rows = labels[1].numpy()
        losses = self._video_scores.add(rows, self._logits(inputs[0]))
        self._video_scores.finish(np.unique(rows).tolist())
        return [self._finite(losses.mean(), "the validation loss")]

    def _logits(self, clips):
        with self.forward_context():
            return self.network(clips).astype("float32").numpy()

    def _finite(self, value, name):
        value = float(value)
        if not math.isfinite(value):
            raise NonFiniteLossError(
                f"{name} became {value} at step {self.position.step + 1} with learning rate "
                f"{self.learning_rate:g}; lower --optim.lr, or use --optim.warmup_epochs"
            )
        return value

    def _run_one_epoch(self, data_loader, callbacks, mode, logs=None):
        if mode == "train":
            # hapi resets neither its own `logs={}` default nor a sampler between epochs.
            data_loader.sampler.start_at(self.position.epoch, self.position.batch)
            logs = super()._run_one_epoch(data_loader, callbacks, mode, {})
            with self.processes.exchanging():
                self.training_metrics.gather()
            logs.update(self.training_metrics.result())
            self.training_metrics.reset()
            return logs
        self._video_scores = VideoScores(data_loader.dataset.index.truth, self.n_classes)
        with self.averages.in_place() if self.averages is not None else nullcontext():
            logs = super()._run_one_epoch(data_loader, callbacks, mode, {})
        with self.processes.exchanging():
            self._video_scores.gather()
        self.evaluation = self._video_scores.summary()
        logs.update(self.evaluation.values())
        self.position.epoch += 1
        self.position.batch = 0
        return logs


def _are_right(classes, labels):
    """float32 `[N]`, 1 where a class is that of its clip, or one of them."""
    if labels.ndim == 2:
        return paddle.take_along_axis(labels, classes.unsqueeze(1), axis=1).squeeze(1)
    return (classes == labels).astype("float32")
