import paddle
import pytest

from callbacks.lr_schedule import LRSchedule
from tests.callbacks.stand_in import StandIn


def rates(schedule, updates):
    """The learning rate that each update would use."""
    schedule.set_model(StandIn())
    found = []
    for _ in range(updates):
        found.append(schedule.scheduler())
        schedule.model.position.step += 1
        schedule.on_train_batch_end(0, {})
    return found


def test_multistep_falls_after_its_milestones():
    schedule = LRSchedule("multistep", 1.0, updates_per_epoch=2, epochs=4, milestones=(1, 3))
    assert rates(schedule, 8) == pytest.approx([1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_cosine_ends_at_zero():
    schedule = LRSchedule("cosine", 2.0, updates_per_epoch=2, epochs=2)
    assert rates(schedule, 5) == pytest.approx([2, 1 + 0.5**0.5, 1, 1 - 0.5**0.5, 0])


def test_warm_up_rises_to_the_full_rate_and_never_wastes_an_update():
    schedule = LRSchedule("constant", 1.0, updates_per_epoch=4, epochs=2, warmup_epochs=1)
    assert rates(schedule, 6) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])


def test_milestones_count_from_the_start_whatever_the_warm_up():
    options = {"updates_per_epoch": 3, "epochs": 4, "milestones": (2,)}
    plain = rates(LRSchedule("multistep", 1.0, **options), 12)
    warmed = rates(LRSchedule("multistep", 1.0, warmup_epochs=1, **options), 12)
    assert plain[3:] == warmed[3:]


def test_plateau_falls_when_the_validation_loss_stalls():
    schedule = LRSchedule("plateau", 1.0, updates_per_epoch=1, epochs=9, patience=1)
    schedule.set_model(StandIn())
    found = []
    for loss in (3.0, 2.0, 2.0, 2.0, 2.0):
        schedule.on_eval_end({"val_loss": loss})
        found.append(schedule.scheduler())
    assert found == pytest.approx([1, 1, 1, 0.1, 0.1])


def test_batches_of_an_accumulation_share_one_rate():
    schedule = LRSchedule("cosine", 1.0, updates_per_epoch=2, epochs=2)
    schedule.set_model(StandIn())
    for _ in range(3):
        schedule.on_train_batch_end(0, {})
        assert schedule.scheduler() == 1.0


@pytest.mark.parametrize("name", ["multistep", "cosine", "plateau", "constant"])
def test_a_resumed_schedule_goes_on_exactly(name):
    def new():
        return LRSchedule(
            name, 0.3, updates_per_epoch=5, epochs=4, warmup_epochs=0.5, milestones=(1,), patience=0
        )

    straight = new()
    expected = rates(straight, 7)
    straight.on_eval_end({"val_loss": 1.0})
    straight.on_eval_end({"val_loss": 1.0})
    resumed = new()
    resumed.set_state_dict(straight.state_dict())
    resumed.set_model(straight.model)
    assert len(set(expected)) > 1
    for _ in range(13):
        assert resumed.scheduler() == straight.scheduler()
        straight.model.position.step += 1
        straight.on_train_batch_end(0, {})
        resumed.on_train_batch_end(0, {})


def test_hapi_adds_no_schedule_of_its_own():
    assert isinstance(
        LRSchedule("constant", 1.0, updates_per_epoch=1, epochs=1), paddle.callbacks.LRScheduler
    )


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="unknown schedule 'step'"):
        LRSchedule("step", 1.0, updates_per_epoch=1, epochs=1)
