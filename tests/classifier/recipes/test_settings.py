"""Settings of recipes are read strictly: nothing is dropped, and what is wrong is named with the nearest."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from classifier.errors import RecipeSettingError
from classifier.recipes.catalogue import RECIPES
from classifier.recipes.mona_cnn import MonaCnnSettings
from classifier.recipes.schedule import learning_rate
from classifier.recipes.settings import RecipeSettings, changed_words, facts_of, from_table, from_words, words_of
from classifier.recipes.simpsons_cnn import SimpsonsCnnSettings


def test_words_are_read_by_the_type_of_their_setting() -> None:
    settings = from_words(MonaCnnSettings(), ["size=128", "padding = same", "rate=1e-4", "mirror=no"])

    assert (settings.size, settings.padding, settings.rate, settings.mirror) == (128, "same", 1e-4, False)
    assert settings.epochs == MonaCnnSettings().epochs


def test_a_table_is_read_as_toml_has_it() -> None:
    settings = from_table(SimpsonsCnnSettings(), {"convolutions": "6", "rate": 1, "mirror": False}, "[networks.x]")

    assert (settings.convolutions, settings.rate, settings.mirror) == ("6", 1.0, False)


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("epoch=3", "'epoch' is no setting of this network; did you mean 'epochs'?"),
        ("colour=3", "'colour' is no setting of this network; known are"),
        ("epochs", "expected KEY=VALUE"),
        ("epochs=many", "epochs must be a whole number, got 'many'"),
        ("epochs=0", "epochs must lie within 1..10000, got 0"),
        ("rate=nan", "rate must lie within"),
        ("rate=inf", "rate must lie within"),
        ("mirror=perhaps", "mirror must be true or false"),
        ("padding=sane", "padding must be one of valid, same, got 'sane'; did you mean 'same'?"),
        ("size=128", "size=128 with padding=valid leaves nothing after 5 of 7 groups; take padding=same, or size=382"),
        ("epochs=" + "9" * 5000, "epochs must"),
    ],
)
def test_an_impossible_word_is_refused_with_what_was_expected(word: str, complaint: str) -> None:
    with pytest.raises(RecipeSettingError) as refused:
        from_words(MonaCnnSettings(), [word])

    assert complaint in str(refused.value)
    assert len(str(refused.value)) < 700


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"epochs": "3"}, "[networks.mona_cnn]: epochs must be a whole number, got '3'"),
        ({"epochs": True}, "epochs must be a whole number, got True"),
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"paddding": "same"}, "did you mean 'padding'"),
        ({"padding": ["same"]}, "padding must be text"),
    ],
)
def test_an_impossible_table_is_refused(table: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RecipeSettingError) as refused:
        from_table(MonaCnnSettings(), table, "[networks.mona_cnn]")

    assert complaint in str(refused.value)


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_of_every_recipe_has_help_and_a_default_within_its_range(name: str) -> None:
    kind = RECIPES[name].settings
    words = words_of(kind())

    assert all(one.help and one.allowed for one in facts_of(kind))
    assert len(facts_of(kind)) == len(fields(kind)) == len(words)
    assert from_words(kind(), words) == kind()


def test_settings_travel_as_words() -> None:
    settings = from_words(MonaCnnSettings(), ["size=96", "padding=same", "mirror=false", "zoom=0.123"])

    assert from_words(MonaCnnSettings(), words_of(settings)) == settings
    assert set(changed_words(settings)) == {"size=96", "padding=same", "mirror=false", "zoom=0.123"}


def test_a_cosine_begins_anew_after_its_epochs_and_ends_with_the_training() -> None:
    settings = RecipeSettings(schedule="cosine", cosine_epochs=10, epochs=25, rate=1.0)

    rates = [learning_rate(settings, epochs) for epochs in (0, 5, 9.99, 10, 15, 25)]

    assert rates == pytest.approx([1.0, 0.5, 0.001, 1.0, 0.5, 0.001], abs=2e-3)


def test_the_rate_rises_over_the_warm_up_and_then_follows_its_course() -> None:
    settings = RecipeSettings(schedule="cosine", epochs=10, rate=1.0, warm_up=2.0)

    rates = [learning_rate(settings, epochs) for epochs in (0, 1, 2, 5, 10)]

    without = [learning_rate(replace(settings, warm_up=0.0), epochs) for epochs in (1, 2, 5, 10)]
    assert 0 < rates[0] < 0.01
    assert rates[1] == pytest.approx(without[0] / 2)
    assert rates[2:] == without[1:]
