"""Copies ahead of their use; there is no GPU here, so its parts of Paddle are stood in for."""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import paddle
import pytest

from datasets.clips.device_copy import DeviceCopies
from datasets.clips.shared_slots import SharedSlots
from tests.datasets.clips.test_loading import digests, index, loader  # noqa: F401


def test_on_a_cpu_a_copy_is_complete_at_once_and_its_own():
    copies, array = DeviceCopies(), np.arange(6, dtype=np.uint8)
    finish = copies.start(array)
    array[:] = 0
    assert copies.ahead == 0 and finish().numpy().tolist() == [0, 1, 2, 3, 4, 5]


@pytest.fixture
def events(monkeypatch):
    """What would happen on a GPU, in order."""
    events = []

    @contextmanager
    def stream_guard(stream):
        events.append("stream")
        yield
        events.append("usual stream")

    def cuda(tensor, blocking):
        assert not blocking
        events.append("copy")
        return tensor.clone()

    def record_event():
        return SimpleNamespace(synchronize=lambda: events.append("wait"))

    stream = SimpleNamespace(record_event=record_event)
    monkeypatch.setattr(paddle, "CUDAPinnedPlace", paddle.CPUPlace)
    monkeypatch.setattr(paddle.Tensor, "cuda", cuda)
    monkeypatch.setattr(paddle.device, "stream_guard", stream_guard)
    monkeypatch.setattr(paddle.device, "Stream", lambda: stream)
    monkeypatch.setattr("datasets.clips.device_copy._on_gpu", lambda: True)
    return events


def test_a_copy_is_waited_for_when_its_tensor_is_wanted(events):
    copies, array = DeviceCopies(), np.arange(3, dtype=np.uint8)
    finish = copies.start(array)
    array[:] = 0
    assert copies.ahead == 1 and events == ["stream", "copy", "usual stream"]
    assert finish().numpy().tolist() == [0, 1, 2] and events[3:] == ["wait"]


def test_where_memory_for_such_copies_cannot_be_had_they_are_plain(events, monkeypatch):
    def refuse():
        raise OSError("cannot pin memory")

    monkeypatch.setattr(paddle, "CUDAPinnedPlace", refuse)
    copies = DeviceCopies()
    assert copies.start(np.ones(2, np.uint8))().numpy().tolist() == [1, 1]
    assert (copies.ahead, events) == (0, [])


def test_the_next_batch_is_under_way_before_one_is_worked_on(events, index, monkeypatch):  # noqa: F811
    release = SharedSlots.release
    monkeypatch.setattr(
        SharedSlots, "release", lambda *slot: events.append("release") or release(*slot)
    )
    clips = loader(index, workers=2)
    copied_before = []
    kept = []
    for batch in clips:
        copied_before.append(events.count("copy"))
        kept.append(batch)
        assert clips.first_batch is kept[0]
    assert copied_before == [2, 2]
    begun = ["stream", "copy", "usual stream", "release"]
    assert events == [*begun, *begun, "wait", "wait"]
    monkeypatch.undo()
    assert digests(kept) == digests(loader(index))
