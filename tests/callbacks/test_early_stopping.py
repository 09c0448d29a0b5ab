from callbacks.early_stopping import EarlyStopping
from tests.callbacks.stand_in import StandIn, finish_epoch


def stops_after(callback, losses):
    callback.set_model(StandIn())
    for epoch, loss in enumerate(losses, 1):
        finish_epoch(callback, val_loss=loss)
        if callback.model.stop_training:
            return epoch
    return None


def test_it_stops_after_its_patience():
    assert stops_after(EarlyStopping(2), [3, 2, 2, 2, 2]) == 4


def test_an_improvement_starts_the_count_anew():
    assert stops_after(EarlyStopping(2), [3, 3, 2, 2, 1, 1]) is None


def test_zero_never_stops():
    assert stops_after(EarlyStopping(0), [1] * 20) is None


def test_a_resumed_run_remembers_its_count():
    callback = EarlyStopping(2)
    stops_after(callback, [1, 1])
    resumed = EarlyStopping(2)
    resumed.set_state_dict(callback.state_dict())
    assert stops_after(resumed, [1]) == 1


def test_a_run_that_was_over_stays_over():
    callback = EarlyStopping(1)
    callback.set_state_dict({"best": 1.0, "epochs_since_best": 1})
    assert callback.is_over
