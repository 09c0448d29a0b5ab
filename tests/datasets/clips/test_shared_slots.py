import os

import numpy as np
import pytest

from datasets.clips.shared_slots import SharedSlots


@pytest.fixture
def slots():
    return SharedSlots(workers=2, per_worker=2, slot_bytes=10)


def test_an_array_put_in_by_a_child_is_there_in_the_parent(slots):
    child = os.fork()
    if child == 0:
        slot, room = slots.claim(1, (2, 3))
        room[:] = [[1, 2, 3], [4, 5, 6]]
        os._exit(slot)
    _, status = os.waitpid(child, 0)
    slot = os.waitstatus_to_exitcode(status)
    np.testing.assert_array_equal(slots.array(slot, (2, 3)), [[1, 2, 3], [4, 5, 6]])


def test_a_worker_gets_no_more_than_its_own_slots_until_one_is_released(slots):
    first, _ = slots.claim(0, (10,))
    second, _ = slots.claim(0, (10,))
    assert first != second
    assert slots.claim(0, (1,)) is None
    other, _ = slots.claim(1, (10,))
    assert other not in (first, second)
    slots.release(first)
    assert slots.claim(0, (10,))[0] == first


def test_slots_do_not_overlap(slots):
    claimed = [slots.claim(worker, (10,)) for worker in (0, 0, 1, 1)]
    for slot, room in claimed:
        room[:] = slot + 1
    for slot, _ in claimed:
        assert (slots.array(slot, (10,)) == slot + 1).all()


def test_an_array_larger_than_a_slot_has_no_room(slots):
    # Slots are whole pages.
    assert slots.claim(0, (2, 5000)) is None
