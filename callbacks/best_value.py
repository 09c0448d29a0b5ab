"""What "better than the best so far" means."""


class BestValue:
    """The best value of a metric, and the epoch that reached it.

    Args:
        metric: Its name; of a loss the lowest is the best, of anything else the highest.
    """

    def __init__(self, metric):
        self.lower_is_better = metric.endswith("loss")
        self.value = None
        self.epoch = None

    def update(self, value, epoch):
        """Take in the value of an epoch; returns whether it is better than all before."""
        if self.value is None:
            is_best = True
        elif self.lower_is_better:
            is_best = value < self.value
        else:
            is_best = value > self.value
        if is_best:
            self.value, self.epoch = value, epoch
        return is_best
