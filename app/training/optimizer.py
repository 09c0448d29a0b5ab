"""The optimizer that a configuration asks for, and the course of its learning rate."""

import paddle

from callbacks import LRSchedule


def build_schedule(config, batches_per_epoch):
    """The learning rate of every update.

    Args:
        config: `FitConfig`.
        batches_per_epoch: Number of training batches of an epoch.

    Returns:
        `callbacks.LRSchedule`.
    """
    optim = config.optim
    return LRSchedule(
        optim.schedule,
        optim.lr,
        updates_per_epoch=-(-batches_per_epoch // optim.accumulate),
        epochs=config.train.epochs,
        warmup_epochs=optim.warmup_epochs,
        milestones=optim.milestones,
        gamma=optim.gamma,
        patience=optim.patience,
    )


def build_optimizer(optim, network, schedule):
    """The optimizer, on what is not frozen.

    Args:
        optim: `OptimConfig`.
        network: Bare network; its head is told how much faster it learns.
        schedule: `callbacks.LRSchedule`.

    Returns:
        `paddle.optimizer.Optimizer`.
    """
    parameters = [p for p in network.parameters() if not p.stop_gradient]
    for parameter in network.head.parameters():
        parameter.optimize_attr["learning_rate"] = optim.head_lr_multiplier
    # Scales, shifts and biases are the parameters of one dimension.
    spared = {} if optim.decay_all else {p.name: p for p in parameters if p.ndim <= 1}
    if optim.name == "adamw":
        return paddle.optimizer.AdamW(
            schedule.scheduler,
            beta1=optim.momentum,
            weight_decay=optim.weight_decay,
            parameters=parameters,
            apply_decay_param_fun=lambda name: name not in spared,
        )
    for parameter in spared.values():
        # A regularizer of its own takes the place of the optimizer's.
        parameter.regularizer = paddle.regularizer.L2Decay(0.0)
    return paddle.optimizer.Momentum(
        schedule.scheduler,
        momentum=optim.momentum,
        use_nesterov=optim.nesterov,
        weight_decay=optim.weight_decay,
        parameters=parameters,
    )
