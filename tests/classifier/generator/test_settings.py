"""What the four published trainings were, and what settings are refused."""

from __future__ import annotations

import pytest

from classifier.errors import RecipeSettingError
from classifier.generator.settings import ABOUT, EXPERIMENTS, GeneratorSettings, experiment_settings
from classifier.recipes.settings import from_words, words_of

PUBLISHED = {
    "1": (1, 5, 2e-4, 2e-4, 200, (1, 49, 99, 199)),
    "2": (5, 1, 2e-4, 2e-4, 200, (1, 49, 99, 199)),
    "3": (1, 1, 2e-4, 2e-4, 100, (1, 49, 79, 99)),
    "4": (1, 1, 2e-4, 5e-5, 100, (1, 49, 79, 97, 99)),
}


@pytest.mark.parametrize("number", PUBLISHED)
def test_an_experiment_has_the_published_settings(number: str) -> None:
    one = experiment_settings(number, ())

    assert (
        one.generator_every,
        one.discriminator_every,
        one.generator_rate,
        one.discriminator_rate,
        one.epochs,
        one.sheet_epochs(),
    ) == PUBLISHED[number]
    assert (one.batch, one.loss, one.normal_discriminator) == (128, "cross_entropy", True)
    assert one.test_share == pytest.approx(1 - one.validation_share - one.test_share)  # 1 : 1


@pytest.mark.parametrize("number", PUBLISHED)
def test_nothing_that_was_not_published_is_on_in_an_experiment(number: str) -> None:
    one = experiment_settings(number, ())

    assert not (one.conditional or one.fine_layer or one.scaled_weights or one.mirror or one.adaptive)
    assert (one.penalty, one.colour, one.shift, one.cutout, one.averaging, one.patience) == (0, 0, 0, 0, 0, 0)
    assert (one.keep, one.steps, one.minutes) == ("last", 0, 0.0)


def test_every_experiment_says_what_it_is_and_its_words_make_it_again() -> None:
    assert set(ABOUT) == set(EXPERIMENTS)
    for one in EXPERIMENTS.values():
        assert from_words(GeneratorSettings(), words_of(one)) == one


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("filter=3", "did you mean 'filters'?"),
        ("batch=1", "must lie within 2..4096, got 1"),
        ("loss=hinge", "must be one of cross_entropy, relativistic"),
        ("sheets=1,x", "sheets must be epochs like 1,49,99"),
        ("normal_discriminator=true", "penalty wants normal_discriminator=false"),
        ("features=none", "keep=best and patience want a distance"),
        ("steps", "expected KEY=VALUE"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(word: str, said: str) -> None:
    with pytest.raises(RecipeSettingError, match=said.replace("?", r"\?")):
        experiment_settings("best", [word])


def test_shares_must_leave_something_to_learn_from_and_experiments_have_names() -> None:
    with pytest.raises(RecipeSettingError, match="less than a tenth"):
        experiment_settings("4", ["validation_share=0.45", "test_share=0.5"])
    with pytest.raises(RecipeSettingError, match="there are 1, 2, 3, 4, best"):
        experiment_settings("5", ())
