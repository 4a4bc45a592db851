"""A recogniser says a name only when it is sure enough, and nobody else's."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.recognition.certainty import Certainty, Limits
from classifier.recognition.class_head import ClassHead
from classifier.recognition.labels import class_names, means_nobody, wrong_with_class
from classifier.recognition.recogniser import Recogniser
from tests.classifier.recognition.recognisers import make_recogniser


def identity_head(*classes: str) -> ClassHead:
    """Its logits are the embedding itself."""
    return ClassHead(classes, np.eye(len(classes), dtype=np.float32), np.zeros(len(classes)))


def test_scores_are_probabilities_of_the_stored_embedding() -> None:
    recogniser = make_recogniser()
    embeddings = np.random.default_rng(1).normal(size=(4, recogniser.dimension)).astype(np.float32)
    scores = recogniser.scores(embeddings)
    assert scores.shape == (4, 3)
    assert scores.sum(axis=1) == pytest.approx(1)
    assert (scores == recogniser.scores(embeddings.astype(np.float16))).all()


def test_a_higher_temperature_is_less_sure_of_the_same_name() -> None:
    logits = np.array([[2.0, 1.0, 0.0]], dtype=np.float32)
    sure = identity_head("a", "b", "c")
    unsure = ClassHead(sure.classes, sure.weights, sure.bias, temperature=4.0)
    assert unsure.probabilities(logits).argmax() == sure.probabilities(logits).argmax() == 0
    assert unsure.probabilities(logits).max() < sure.probabilities(logits).max()


def test_the_class_nobody_is_no_name() -> None:
    decided = make_recogniser().decide(np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.2, 0.6, 0.2]]))
    assert decided == ["bart", None, "lisa"]


@pytest.mark.parametrize("limits", [Limits(top=0.65), Limits(gap=0.45), Limits(deviation=0.2)])
def test_each_limit_alone_turns_a_doubtful_name_into_nobody(limits: Limits) -> None:
    recogniser = make_recogniser(limits=limits)
    assert recogniser.decide(np.array([[0.9, 0.05, 0.05], [0.5, 0.4, 0.1]])) == ["bart", None]


def test_a_picture_whose_embedding_is_not_finite_is_nobody() -> None:
    recogniser = make_recogniser(("bart", "lisa"))
    (answer,) = recogniser.recognise(np.full((1, recogniser.dimension), np.inf, dtype=np.float32))
    assert answer.name is None


def test_certainty_is_top_probability_gap_and_deviation() -> None:
    certainty = Certainty.of(np.array([[0.7, 0.2, 0.1], [1 / 3, 1 / 3, 1 / 3]]))
    assert certainty.top == pytest.approx([0.7, 1 / 3])
    assert certainty.gap == pytest.approx([0.5, 0.0])
    assert certainty.deviation == pytest.approx([np.std([0.7, 0.2, 0.1]), 0.0])


def test_the_work_is_answered_even_where_its_characters_cannot_be_told_apart() -> None:
    head = identity_head("kimetsu/nezuko", "kimetsu/tanjiro", "vocaloid/miku")
    recogniser = Recogniser(head, Limits(top=0.6))
    twins, miku = recogniser.recognise(np.array([[3.0, 3.0, 0.0], [0.0, 0.0, 5.0]], dtype=np.float32))
    assert (twins.name, twins.work) == (None, "kimetsu")
    assert (miku.name, miku.work) == ("vocaloid/miku", "vocaloid")


def test_a_style_is_answered_beside_the_name() -> None:
    styles = ClassHead(("cel-shaded", "realistic"), np.array([[0, 1], [1, 0]], dtype=np.float32), np.zeros(2))
    recogniser = Recogniser(identity_head("bart", "lisa"), styles=styles)
    (answer,) = recogniser.recognise(np.array([[4.0, 0.0]], dtype=np.float32))
    assert (answer.name, answer.style) == ("bart", "realistic")


def test_without_works_or_styles_none_is_answered() -> None:
    recogniser = make_recogniser()
    (answer,) = recogniser.recognise(np.ones((1, recogniser.dimension), dtype=np.float32))
    assert (answer.work, answer.style) == (None, None)


@pytest.mark.parametrize(
    "name", ["", "..", "a/..", "/a", "a/", "a/b/c", ".hidden", "con", "aux.png", "a\\b", "a\nb", "what?", "x" * 201]
)
def test_a_class_that_cannot_name_a_folder_is_refused(name: str) -> None:
    assert wrong_with_class(name)
    with pytest.raises(ValueError, match="cannot be a class"):
        class_names(["bart", name])


@pytest.mark.parametrize("names", [["bart"], ["bart", "bart"], ["bart", "Bart"]])
def test_too_few_classes_or_one_twice_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="class"):
        class_names(names)


@pytest.mark.parametrize("name", ["mona_(genshin_impact)", "genshin_impact/mona", "ninomae_ina'nis", "モナ", "1boy"])
def test_tags_make_good_classes(name: str) -> None:
    assert wrong_with_class(name) == ""


def test_folders_of_other_pictures_mean_nobody() -> None:
    assert all(map(means_nobody, ["nobody", "Other", "others", "none"]))
    assert not any(map(means_nobody, ["mona", "nobody_special", "other_m"]))
