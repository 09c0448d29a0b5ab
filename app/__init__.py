"""The verbs of `python -m app`."""
