"""A last layer that a network already has: limits from validation pictures, figures from test pictures alone."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.recognition.class_head import ClassHead
from classifier.recognition.held_out import HeldOut, calibrated, chosen_on, held_out_metrics, strangers_of
from classifier.recognition.recogniser import Recogniser
from classifier.recognition.summary import summary_text

CLASSES = ("bart", "homer", "lisa")


def head(classes: tuple[str, ...] = CLASSES) -> ClassHead:
    """Each number of the embedding is the logit of a class."""
    return ClassHead(classes, np.eye(len(classes), dtype=np.float32), np.zeros(len(classes)))


def pictures(*rows: tuple[int, float, int], classes: int = 3) -> HeldOut:
    """Of each picture its class, and the logit of the class that is answered."""
    embeddings = np.zeros((len(rows), classes), dtype=np.float32)
    for row, (_, logit, answered) in enumerate(rows):
        embeddings[row, answered] = logit
    return HeldOut(embeddings, np.array([shown for shown, _, _ in rows], dtype=np.int64))


RIGHT = [(number % 3, 4.0, number % 3) for number in range(30)]
DOUBTFUL_WRONG = [(number % 3, 0.8, (number + 1) % 3) for number in range(9)]


def test_answers_that_are_wrong_when_doubtful_get_a_limit() -> None:
    limits, reached = chosen_on(head(), pictures(*RIGHT, *DOUBTFUL_WRONG), None)
    said = Recogniser(head(), limits).decide(head().probabilities(pictures(*RIGHT, *DOUBTFUL_WRONG).embeddings))
    assert reached
    assert [name is not None for name in said] == [True] * 30 + [False] * 9


def test_with_a_class_for_nobody_there_is_no_limit_until_a_precision_is_asked_for() -> None:
    own = head(("bart", "homer", "nobody"))
    validation = pictures(*RIGHT, *DOUBTFUL_WRONG)
    assert chosen_on(own, validation, None)[0].top == 0
    limits, reached = chosen_on(own, validation, 0.99)
    assert reached
    assert max(limits.top, limits.gap, limits.deviation) > 0


def test_a_picture_whose_class_is_left_out_stands_for_a_stranger() -> None:
    strange = strangers_of(head(), pictures((0, 9.0, 0), (1, 9.0, 2)))
    assert strange[0].tolist() == pytest.approx([0, 0.5, 0.5])
    assert strange[1, 2] > 0.99
    assert not len(strangers_of(head(("bart", "lisa")), pictures((0, 9.0, 0), classes=2)))


def test_right_answers_never_make_it_surer_and_wrong_ones_make_it_less_sure() -> None:
    assert calibrated(head(), pictures(*RIGHT)).temperature == 1
    sure_and_wrong = [(shown, 9.0, (shown + 1) % 3) for shown in (0, 1, 2)]
    assert calibrated(head(), pictures(*RIGHT, *sure_and_wrong)).temperature > 1


def test_figures_are_of_the_test_pictures_alone_and_called_so() -> None:
    limits, reached = chosen_on(head(), pictures(*RIGHT, *DOUBTFUL_WRONG), None)
    recogniser = Recogniser(head(), limits)
    test = pictures((0, 4.0, 0), (1, 4.0, 1), (2, 4.0, 0), (2, 0.1, 2))
    metrics = held_out_metrics(recogniser, test, reached=reached)
    assert (metrics["held_out"]["pictures"], metrics["held_out"]["accuracy"]["value"]) == (4, 0.75)
    assert (metrics["named"], metrics["right_of_named"]) == (0.75, 0.6667)
    assert metrics["confused"] == [{"shows": "lisa", "answered": "bart", "pictures": 1}]
    assert "on the test split of 4 pictures" in summary_text("family", recogniser, metrics)


def test_nobody_who_gets_a_name_is_counted() -> None:
    test = pictures((0, 4.0, 0), (1, 4.0, 1), (2, 4.0, 2), (2, 4.0, 0))
    metrics = held_out_metrics(Recogniser(head(("bart", "homer", "nobody"))), test, reached=True)
    assert (metrics["named"], metrics["right_of_named"], metrics["strangers_refused"]) == (1.0, 0.6667, 0.5)
