"""Of two recognisers the one that is right more often about the same unseen pictures; a hint where a second may pay."""

from __future__ import annotations

from pathlib import Path

import pytest

from rounds.network_advice import better_recogniser, recogniser_pays
from rounds.recogniser_round import TrainedRecogniser

pytestmark = pytest.mark.no_gallery


def trained(network: str, right: str = "", *, accuracy: float = 0.9, rarest: int = 40) -> TrainedRecogniser:
    """`right` has a letter for a picture: upper case where it is answered rightly."""
    return TrainedRecogniser(
        name="family",
        source=Path("pictures"),
        network=network,
        done={"metrics": {"out_of_fold": {"accuracy": {"value": accuracy}}}},
        classes={"bart": 400, "lisa": rarest},
        undecodable=(),
        right={letter.lower(): letter.isupper() for letter in right},
    )


@pytest.mark.parametrize(
    ("first", "second", "better", "words"),
    [
        ("ABcdE", "ABC", "trained", "of 3 pictures that neither learned from, trained is right about 3, embeddings"),
        ("ABCDE", "abC", "embeddings", "embeddings is in force: of 3 pictures"),
        ("abc", "ABCx", "trained", "of 3 pictures"),
        ("AbC", "aBC", "embeddings", "about 2, embeddings about 2"),
    ],
    ids=["second", "first", "only-what-both-were-asked", "equal"],
)
def test_the_better_one_is_right_more_often_about_the_same_pictures(
    first: str, second: str, better: str, words: str
) -> None:
    chosen, why = better_recogniser(trained("embeddings", first), trained("trained", second))

    assert chosen.network == better
    assert words in why


def test_a_network_is_advised_where_answers_leave_room_and_pictures_suffice() -> None:
    assert recogniser_pays(trained("embeddings"), 14) == (
        "0.900 right leaves room: a network trained on these classes may know more, "
        "after about 1 min of a free processor"
    )
    assert not recogniser_pays(trained("embeddings", accuracy=0.99), 14)
    assert not recogniser_pays(trained("embeddings", rarest=12), 14)
