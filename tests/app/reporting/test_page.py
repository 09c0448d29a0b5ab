import json
import re
from dataclasses import replace

import numpy as np
import pytest

from app.configuration import CheckpointConfig, FitConfig, ModelConfig
from app.evaluation.video_table import VideoRow, table_text
from app.reporting.page import render
from app.reporting.run_record import read_run
from app.run_folder import config_text
from tests.videos import write_video

LABELS = ["<script>alert(1)</script>", 'say "hi" & go', "跑步", "🏃 run", "pay $5$ now", "_under"]


def write_run(folder, n_epochs=3, n_videos=12, video=None, labels=LABELS, **train):
    """A run folder as `fit` and `evaluate` leave it, without its weights."""
    (folder / "evaluation").mkdir(parents=True)
    config = FitConfig(
        run_dir=str(folder),
        model=ModelConfig(depth=10),
        checkpoint=CheckpointConfig(monitor="val_video_top1"),
    )
    config = replace(config, train=replace(config.train, **train))
    (folder / "config.yaml").write_text(config_text(config), encoding="utf-8")
    (folder / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    generator = np.random.default_rng(0)
    with (folder / "metrics.jsonl").open("w", encoding="utf-8") as file:
        for epoch in range(1, n_epochs + 1):
            names = "train_loss val_loss train_top1 val_clip_top1 val_video_top1 lr".split()
            record = {name: generator.uniform() for name in names}
            file.write(json.dumps({"epoch": epoch, **record, "clips_per_second": 50.0}) + "\n")
        file.write('{"epoch": 4, "train_lo')
    rows = []
    for number in range(n_videos):
        true, taken = labels[number % len(labels)], labels[(number * 5) % len(labels)]
        path = str(video or folder / f"{number}.mp4")
        top = ((taken, 0.6 + 0.3 * generator.uniform()), (true, 0.1))
        rows.append(VideoRow(path, true, top, right=taken == true))
    rows.append(VideoRow("broken<i>.avi", labels[0], reason="no video stream in the file"))
    (folder / "evaluation" / "val.videos.csv").write_text(table_text(rows), encoding="utf-8")
    numbers = {"video_top1": 0.5, "clip_top1": 0.4, "video_top5": 0.9, "mean_class_accuracy": 0.5}
    report = {"checkpoint": "epoch-0002", "engine": "eager", "views": "even:3", "clips": 36}
    text = json.dumps({**report, **numbers, "videos": len(rows), "failed": {}})
    (folder / "evaluation" / "val.json").write_text(text, encoding="utf-8")
    (folder / "evaluation" / "val.predictions.json").write_text("{}", encoding="utf-8")
    return folder


def test_names_are_shown_as_text(tmp_path):
    page = render([read_run(write_run(tmp_path / "a"))])
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page
    assert "跑步" in page and "🏃 run" in page and "broken&lt;i&gt;.avi" in page
    # No name became markup: all tags are those of the page and of its charts.
    tags = set(re.findall(r"<([a-zA-Z0-9]+)", page))
    assert not tags & {"script", "i0", "iframe", "object"}


def test_the_page_needs_no_network(tmp_path):
    page = render([read_run(write_run(tmp_path / "a"))])
    links = re.findall(r'(?:src|href)="([^"#]+)', page)
    assert all(link.startswith("data:") for link in links)
    assert "@import" not in page


def test_the_page_tells_where_the_run_stands(tmp_path):
    run = read_run(write_run(tmp_path / "a", epochs=7))
    assert [record["epoch"] for record in run.epochs] == [1, 2, 3]
    page = render([run])
    assert f"{run.best['epoch']} of 3" in page
    assert "--train.epochs" in page.split("All options")[0]
    assert "--optim.momentum" not in page.split("All options")[0]
    assert page.count("<svg") >= 6


def test_wrong_videos_are_shown_with_their_frames(tmp_path):
    video = tmp_path / "one.mp4"
    write_video(video, frames=12, width=64, height=48)
    page = render([read_run(write_run(tmp_path / "a", video=video))])
    assert page.count("data:image/webp") > 3
    assert "taken for" in page


def test_several_runs_lie_over_each_other(tmp_path):
    runs = [read_run(write_run(tmp_path / name, epochs=n)) for name, n in (("a", 5), ("b", 9))]
    page = render(runs)
    table = page.split("What differs between the runs")[1].split("</table>")[0]
    assert "--train.epochs" in table and "<td>5</td><td>9</td>" in table
    assert "--train.seed" not in table
    assert "a, validation" in page and "b, validation" in page


def test_a_run_without_epochs_or_evaluations_has_a_page(tmp_path):
    folder = write_run(tmp_path / "a", n_epochs=0)
    for path in (folder / "evaluation").iterdir():
        path.unlink()
    assert "no epoch is finished yet" in render([read_run(folder)])


@pytest.mark.slow
def test_a_report_of_ucf101s_size_stays_small(tmp_path):
    video = tmp_path / "one.mp4"
    write_video(video, frames=60, width=320, height=240)
    labels = [f"class {number}" for number in range(101)]
    run = read_run(write_run(tmp_path / "a", 200, 3783, video, labels))
    assert len(render([run]).encode()) < 5e6
