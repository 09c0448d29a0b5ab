"""Pretrained weights: where they are, conversion from PyTorch, loading, fine-tuning."""
