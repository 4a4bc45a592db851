"""A smaller rendition is looked at first, and a larger one only where that leaves a doubt."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from crawler.crew import Crew, Job
from crawler.decisions import Policy
from crawler.errors import GoneError
from crawler.looks.margin import MARGIN, is_doubtful
from crawler.pipeline import crawl
from crawler.run import Run
from crawler.tally import Tally
from storage.records import (
    DecidedBy,
    Decision,
    DecisionValue,
    Known,
    Look,
    ModelCard,
    Post,
    Rendition,
    StoredRendition,
)
from tests.crawler.crew_fakes import CARD, MONA, Eye, Files, Memory, Posts, post

SMALL, LARGE = "180x180", "720x720"


@dataclass(slots=True)
class TwoEyes(Eye):
    """Sees other scores in small renditions, which are JPEGs here, than in large ones."""

    small: dict[int, float] = field(default_factory=dict)

    async def look(self, picture: bytes) -> Look:
        if not picture.endswith(b".jpg"):
            return await Eye.look(self, picture)
        post_id = int(picture.split(b".")[0])
        return Look({"mona": self.small[post_id]}, {"backbone-hash": b"\1\1"}, width=25, height=20, format="jpg")


def both(post_id: int, *, tagged: bool = False) -> Post:
    """A post with two renditions."""
    plain = post(post_id, tagged=tagged)
    small = Rendition(SMALL, f"https://cdn.example/{SMALL}/{post_id}.jpg", 25, 20, "jpg")
    return replace(plain, renditions=(small, *plain.renditions))


@dataclass
class Stage:
    run: Run
    files: Files
    archive: Memory

    async def crawl(self) -> list[str]:
        """What was asked for: the rendition's name and the post."""
        await crawl(self.run)
        return sorted("/".join(url.split("/")[-2:]) for url in self.files.asked if "original" not in url)


def stage(
    *posts: Post, eye: Eye, known: dict[int, Known] | None = None, files: Files | None = None, **job: Any
) -> Stage:
    files, archive = files or Files(), Memory(known_posts=known or {})
    wanted = {
        "policy": Policy(),
        "score_on": LARGE,
        "look_first": SMALL,
        "wants": lambda post: True,
        "in_flight": 1,
    } | job
    run = Run(
        job=Job(run_id=1, site="demo", query="genshin_impact", targets=(MONA,), **wanted),
        crew=Crew(Posts(posts), files, eye, archive, note=lambda post, error: None),
        tally=Tally(),
        stop=asyncio.Event(),
    )
    return Stage(run, files, archive)


async def test_a_sure_look_at_the_small_rendition_decides_and_is_what_is_stored() -> None:
    work = stage(both(2), both(1), eye=TwoEyes(small={2: 0.99, 1: 0.01}))

    asked = await work.crawl()

    assert asked == ["180x180/1.jpg", "180x180/2.jpg"]
    assert [one.stored.name for one in work.archive.sightings if one.stored] == [SMALL, SMALL]
    assert [one.decisions[0].value for one in work.archive.sightings] == [DecisionValue.KEEP, DecisionValue.DELETE]
    assert (work.run.tally.looked_first, work.run.tally.looked_twice) == (2, 0)


async def test_a_doubtful_look_is_not_recorded_and_the_larger_rendition_decides() -> None:
    work = stage(both(1), eye=TwoEyes({1: 0.9}, small={1: 0.4}))

    asked = await work.crawl()

    assert asked == ["180x180/1.jpg", "720x720/1.webp"]
    first, second = work.archive.sightings
    assert (first.decisions, first.look.scores, first.rendition, first.attempt is not None) == ((), {}, None, True)
    assert second.stored is not None and second.stored.name == LARGE
    assert second.decisions[0].value is DecisionValue.KEEP
    assert work.run.tally.looked_twice == 1


async def test_a_tag_that_the_small_rendition_might_contradict_is_looked_at_again() -> None:
    work = stage(both(2, tagged=True), both(1, tagged=True), eye=TwoEyes({1: 0.9}, small={2: 0.3, 1: 0.003}))

    asked = await work.crawl()

    assert asked == ["180x180/1.jpg", "180x180/2.jpg", "720x720/1.webp"]


async def test_a_small_rendition_that_is_gone_or_broken_leaves_the_larger_one() -> None:
    gone = stage(both(1), eye=TwoEyes(small={}), files=Files(raises={SMALL: GoneError("gone")}))
    broken = stage(both(1), eye=Eye(faults={1: "undecodable"}))

    assert await gone.crawl() == ["180x180/1.jpg", "720x720/1.webp"]
    assert "720x720/1.webp" in await broken.crawl()


@pytest.mark.parametrize("job", [{"look_first": ""}, {"score_on": "original"}, {"score_on": SMALL}], ids=str)
async def test_no_rendition_is_looked_at_before_the_one_that_is_asked_for(job: dict[str, str]) -> None:
    work = stage(both(1), eye=TwoEyes(small={1: 0.4}), **job)

    asked = await work.crawl()

    assert len(asked) == 1
    assert work.run.tally.looked_first == 0


async def test_a_stored_small_rendition_that_leaves_a_new_model_in_doubt_is_looked_at_in_a_larger_one() -> None:
    stored = StoredRendition(SMALL, "renditions/x", "jpg", 25, 20, 100, "sha")
    known = Known(embeddings={"backbone-hash": b"\1\1"}, rendition=stored)

    doubtful = stage(both(1), eye=TwoEyes({1: 0.9}, recalled_score=0.45), known={1: known})
    sure = stage(both(1), eye=TwoEyes({1: 0.9}, recalled_score=0.99), known={1: known})

    assert await doubtful.crawl() == ["720x720/1.webp"]
    assert await sure.crawl() == []


def decided(score: float | None, *, card: ModelCard = CARD, by: DecidedBy = DecidedBy.SCORE) -> Decision:
    value = DecisionValue.KEEP if (score or 0) >= card.threshold else DecisionValue.DELETE
    return Decision("mona", value, by, "", "", score, card.threshold, card.name, card.hash)


def test_a_score_that_is_far_enough_from_its_threshold_is_sure() -> None:
    near, far = (1 / (1 + math.exp(-odds)) for odds in (MARGIN - 0.01, MARGIN + 0.01))  # the threshold is at 0

    models = {"mona": CARD}

    assert is_doubtful([decided(near)], models)
    assert is_doubtful([decided(1 - near)], models)
    assert not is_doubtful([decided(far), decided(1 - far)], models)
    assert is_doubtful([decided(far), decided(near)], models)


def test_a_model_decides_by_the_margin_that_it_measured() -> None:
    score = 1 / (1 + math.exp(-1.0))  # log odds of 1; the threshold is at 0

    assert not is_doubtful([decided(score)], {"mona": replace(CARD, margin=0.9)})
    assert is_doubtful([decided(score)], {"mona": replace(CARD, margin=1.1)})


def test_a_fault_is_never_sure_and_a_model_that_may_not_decide_always() -> None:
    refused = replace(decided(0.5), value=DecisionValue.UNDECIDED, reason="model refused: too few pictures")

    assert is_doubtful([decided(None, by=DecidedBy.FAULT)], {"mona": CARD})
    assert not is_doubtful([refused], {"mona": CARD})
