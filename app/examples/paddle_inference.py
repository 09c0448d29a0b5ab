"""Classify a video with an exported folder; needs paddlepaddle and av, nothing of this project.

python paddle_inference.py runs/mine/export/best video.mp4
"""

import json
import sys

import av
import numpy as np
from paddle import inference

folder, video = sys.argv[1:]
with open(f"{folder}/model.json", encoding="utf-8") as file:
    model = json.load(file)
frames, stride, size = (model["input"][key] for key in ("frames", "stride", "size"))

# Every frame: the short side scaled to the size, then the square in the middle.
width, height = (rf"max({size}\,trunc({size}*{side}))" for side in ("iw/ih", "ih/iw"))
scale = ("scale", f"{width}:{height}:flags=bilinear")
filters = (scale, ("format", "gbrp"), ("crop", f"{size}:{size}"), ("buffersink",))
pictures = []
with av.open(video) as container:
    graph = av.filter.Graph()
    nodes = [graph.add(*item) for item in filters]
    graph.link_nodes(graph.add_buffer(template=container.streams.video[0]), *nodes).configure()
    for frame in container.decode(video=0):
        graph.push(frame)
        pictures.append(graph.vpull().to_ndarray())

# Windows that follow each other; the last one is filled up by looping its frames.
n = len(pictures)
starts = range(0, n, frames * stride)
windows = [start + np.arange(frames) * stride % (n - start) for start in starts]
clips = np.stack(pictures)[windows].transpose(0, 4, 1, 2, 3)  # uint8 [N, 3, T, H, W]

config = inference.Config(f"{folder}/inference.json", f"{folder}/inference.pdiparams")
config.disable_glog_info()
predictor = inference.create_predictor(config)
predictor.get_input_handle("clips").copy_from_cpu(np.ascontiguousarray(clips))
predictor.run()
scores = predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu().mean(axis=0)
for number in np.argsort(-scores)[:5]:
    print(f"{scores[number]:.6f}  {model['labels'][number] if model['labels'] else number}")
