import os
import signal

import pytest

from callbacks.interruption import Interrupted, Interruption
from tests.callbacks.stand_in import StandIn


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves_after_the_batch(number):
    saved = []
    with Interruption(lambda: saved.append(True)) as callback:
        callback.set_model(StandIn())
        callback.on_train_batch_end(0)
        os.kill(os.getpid(), number)
        assert not saved
        with pytest.raises(Interrupted) as stopped:
            callback.on_train_batch_end(1)
    assert saved == [True]
    assert stopped.value.signal_number == number


def test_validation_can_be_left_too():
    with Interruption(lambda: None) as callback:
        callback.set_model(StandIn())
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            callback.on_eval_batch_end(0)


def test_an_accumulation_is_completed_first():
    with Interruption(lambda: None) as callback:
        callback.set_model(StandIn(accumulating=True))
        os.kill(os.getpid(), signal.SIGTERM)
        callback.on_train_batch_end(0)
        callback.model.accumulating = False
        with pytest.raises(Interrupted):
            callback.on_train_batch_end(1)


def test_a_second_ctrl_c_ends_at_once():
    # A shell that starts the tests in the background has them ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Interruption(lambda: None):
            os.kill(os.getpid(), signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with Interruption(lambda: None):
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
