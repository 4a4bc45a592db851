"""The user's tagger is heard by the first model where it is fast enough to be asked about every picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from classifier.pictures.preprocessing import Pixels
from rounds.examples.tagger_answers import TaggerAnswers
from storage.records import TaggerTags, TaggerVector

pytestmark = pytest.mark.no_gallery

PICTURE = np.zeros((4, 4, 3), np.uint8)


@dataclass
class Tagger:
    """Takes so many seconds a picture; gives no numbers for the third."""

    seconds: float
    name: str = "mine"
    pictures: int = 0
    busy_s: float = 0.0

    async def tag(self, pixels: Pixels) -> TaggerTags | None:
        self.pictures += 1
        self.busy_s += self.seconds
        return None if self.pictures == 3 else TaggerTags("c" * 64, self.name, {"kiara": 0.5})


async def asked(tagger: Tagger, count: int) -> TaggerAnswers:
    answers = TaggerAnswers(tagger, most_s=60.0)
    for number in range(count):
        await answers.ask(number, PICTURE, count)
    return answers


async def test_a_fast_tagger_is_asked_about_every_picture() -> None:
    tagger = Tagger(0.05)

    answers = await asked(tagger, 1000)

    assert tagger.pictures == 1000
    assert len(answers.by_post) == 999  # one without numbers
    assert 2 not in answers.by_post
    assert answers.words().startswith("the tagger mine has looked at the pictures")


async def test_the_penultimate_layer_is_kept_by_picture() -> None:
    network = "c" * 64 + "." + "1" * 16

    class Deep(Tagger):
        async def tag(self, pixels: Pixels) -> TaggerTags | None:
            tags = await super().tag(pixels)
            if tags is None:
                return None
            return replace(tags, vector=TaggerVector(network, np.array([self.pictures, 7], "<f2").tobytes()))

    found = (await asked(Deep(0.05), 4)).vectors([3, None, 2, 0])
    nothing = (await asked(Tagger(0.05), 4)).vectors([3, None])

    assert found[0] == network and found[1][[0, 3]].tolist() == [[4.0, 7.0], [1.0, 7.0]]
    assert np.isnan(found[1][1:3]).all()  # a reference, and a picture without numbers
    assert nothing[0] == "" and nothing[1].shape == (2, 0)


async def test_a_slow_tagger_is_asked_no_further_and_what_it_said_is_dropped() -> None:
    tagger = Tagger(0.5)

    answers = await asked(tagger, 1000)

    assert tagger.pictures == 16
    assert answers.by_post == {}
    assert "would take 8 minutes" in answers.words()


async def test_a_few_pictures_are_asked_about_even_if_they_take_long() -> None:
    answers = await asked(Tagger(3.0), 12)

    assert len(answers.by_post) == 11
