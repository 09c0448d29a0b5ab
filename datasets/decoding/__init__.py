"""Exactly the frames that are asked for, from video files and folders of images."""

from datasets.decoding.errors import VideoError
from datasets.decoding.open_reader import open_reader
from datasets.decoding.video_reader import VideoReader

__all__ = ["VideoError", "VideoReader", "open_reader"]
