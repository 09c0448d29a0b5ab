import pytest

from app.configuration import FitConfig, PredictConfig, ScoreConfig
from app.errors import UserError
from app.options import options_of, plain_words


@pytest.mark.parametrize(
    ("config", "typed", "parsed"),
    [
        (PredictConfig, "run --timeline a.mp4", "run --timeline=true a.mp4"),
        (FitConfig, "--resume", "--resume=true"),
        (FitConfig, "--resume false", "--resume false"),
        (FitConfig, "--optim.nesterov --optim.lr 1", "--optim.nesterov=true --optim.lr 1"),
        (FitConfig, "--model.max-pool=false", "--model.max_pool=false"),
        (ScoreConfig, "a b --k 1 5", "a b --k [1,5]"),
        (ScoreConfig, "--k=1,5 a b", "--k [1,5] a b"),
        (FitConfig, "--data.videos my-videos", "--data.videos my-videos"),
        (
            FitConfig,
            "--clip.crop_scale 0.5 1. --clip.flip 0",
            "--clip.crop_scale [0.5,1.] --clip.flip 0",
        ),
        (FitConfig, "--model.mean -1 .5 1e-3", "--model.mean [-1,.5,1e-3]"),
        (FitConfig, "--optim.milestones (1,2) 3", "--optim.milestones [1,2,3]"),
    ],
)
def test_what_people_type(config, typed, parsed):
    assert plain_words(typed.split(), options_of(config)) == parsed.split()


def test_every_option_says_in_plain_words_what_it_takes():
    for option in options_of(FitConfig).values():
        assert option.words and "value" not in option.words.split()[:1], option
        assert "Literal" not in option.words and "<" not in option.words


def test_an_option_that_is_not_there_is_refused_before_anything_runs():
    with pytest.raises(
        UserError, match=r"--optim\.lrr: no such option.*did you mean --optim\.lr\?"
    ):
        plain_words(["--optim.lrr", "1"], options_of(FitConfig))
