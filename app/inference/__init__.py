"""Ways to compute the scores of clips: one class per way, all with the interface of `Engine`."""
