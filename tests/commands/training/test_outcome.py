"""The last lines of a round: which model is in force now, what follows from it, and the exit code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from commands.context.train_options import TrainOptions
from commands.training.outcome import followed_words, report_outcome
from rounds.evaluation.comparison import Compared
from rounds.head_round import RoundOutcome
from rounds.rescoring.rescore import Rescoring
from storage.records import ModelCard

COMPARED = Compared("mona/1", 40, 2, 9, 0, 7, 10, 8, 12, 11, 15)
FINE = RoundOutcome(
    card=ModelCard("mona", 2, "model", "network", 0.5),
    network="small",
    activated=True,
    compared=COMPARED,
    rescored=Rescoring(30, 12),
    metrics={},
    report="precision 0.950\n",
)
REFUSING = replace(FINE, card=replace(FINE.card, refusal="too few pictures"))


@pytest.mark.parametrize(
    ("outcome", "words", "code"),
    [
        (FINE, "mona/2 is in force: 30 pictures scored again; the round took 1.5 s", 0),
        (replace(FINE, rescored=None), "mona/2 is in force; crawl --tag TAG --keep mona uses it (1.5 s)", 0),
        (replace(FINE, activated=False), "mona/2 is worse than mona/1, which stays in force", 0),
        (replace(FINE, activated=False, compared=None), "mona/2 is worse than the one before", 0),
        (replace(FINE, activated=False), "crawl models activate mona/2 or crawl train --force overrides", 0),
        (REFUSING, "mona/2 may not decide: too few pictures", 13),
        (replace(REFUSING, activated=False), "the model in force decides and stays (crawl train --force overrides)", 0),
    ],
)
def test_a_round_ends_with_the_model_that_is_in_force_and_what_to_do(
    outcome: RoundOutcome, words: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_outcome(TrainOptions("mona"), outcome, 1.5) == code

    shown = " ".join(capsys.readouterr().err.split())
    assert shown.startswith("precision 0.950 ")
    assert words in shown


def test_targets_that_followed_are_named_whether_their_new_model_is_in_force_or_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lisa = replace(FINE, card=replace(FINE.card, target="lisa"))
    worse = replace(lisa, activated=False)

    report_outcome(TrainOptions("mona"), FINE, 1.5, others=(lisa,))

    assert "lisa/2 is in force, on the same network" in capsys.readouterr().err
    assert followed_words(worse) == "lisa/2, on the same network, would be worse than the one in force, which stays"


def test_with_quiet_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_outcome(TrainOptions("mona", quiet=True), FINE, 1.5) == 0

    assert capsys.readouterr().err == ""
