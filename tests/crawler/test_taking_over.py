"""Better models take over in the middle of a crawl, and what the first ones decided is decided again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from crawler.crew import Crew, Job
from crawler.decisions import Policy
from crawler.errors import TransientError
from crawler.pipeline import crawl, decide_again
from crawler.run import Run
from crawler.switching_judge import SwitchingJudge
from crawler.tally import Outcome, Tally
from storage.archive_records import Work
from storage.records import Known, Look, ModelCard, Place, Post, StoredRendition
from tests.crawler.crew_fakes import MONA, Eye, Files, Memory, Posts, post


@dataclass
class Model(Eye):
    """A judge with a number, so that its looks can be distinguished from another's."""

    number: int = 1
    opened: bool = True
    after_look: asyncio.Event | None = None  # set when so many looks have ended
    looks_until_then: int = 0

    @property
    def models(self) -> Mapping[str, ModelCard]:
        return {"mona": ModelCard("mona", self.number, f"model {self.number}", f"backbone {self.number}", 0.5)}

    async def __aenter__(self) -> Model:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.opened = False

    async def look(self, picture: bytes) -> Look:
        seen = await super().look(picture)
        await asyncio.sleep(0)
        assert self.opened
        if self.after_look and len(self.looked) >= self.looks_until_then:
            self.after_look.set()
        return Look(seen.scores, {f"backbone {self.number}": b"\0\0"}, 100, 80, "webp", seen.fault)


@dataclass(slots=True)
class FiledMemory(Memory):
    """Knows what was filed, as the archive does."""

    def _newest(self) -> dict[int, Known]:
        return {
            one.post.id: Known(
                decisions={decision.target: decision for decision in one.decisions},
                embeddings=dict(one.look.embeddings),
                rendition=StoredRendition("720x720", f"{one.post.id}.webp", "webp", 100, 80, 1, "sha"),
                places={"mona": Place.GALLERY} if one.post.id in self.originals else {},
            )
            for one in self.sightings
        }

    async def unfinished(self, listing_id: int, work: Work, *, below: int | None, limit: int) -> Sequence[Post]:
        found = {one.post.id: one.post for one in self.sightings}
        hashes = {one.post.id: one.decisions[0].model_hash for one in self.sightings}
        still = [one for number, one in found.items() if hashes[number] != work.model_hashes["mona"]]
        return sorted((p for p in still if below is None or p.id < below), key=lambda p: -p.id)[:limit]

    async def known(self, posts: Sequence[Post], targets: Sequence[str]) -> Mapping[int, Known]:
        known = self._newest()
        return {p.id: known[p.id] for p in posts if p.id in known}


@dataclass
class Stage:
    run: Run
    archive: FiledMemory
    files: Files
    judge: SwitchingJudge


def stage(first: Model, posts: Sequence[Post], files: Files | None = None) -> Stage:
    archive, files, judge = FiledMemory(), files or Files(), SwitchingJudge(first)
    job = Job(
        run_id=1, site="demo", query="genshin_impact", targets=(MONA,), policy=Policy(), score_on="720x720",
        wants=lambda post: True, in_flight=3,
    )  # fmt: skip
    crew = Crew(Posts(posts), files, judge, archive, note=lambda post, error: None)
    return Stage(Run(job, crew, Tally(), asyncio.Event(), successor=True, awaited=True), archive, files, judge)


async def taken_over(scene: Stage, second: Model) -> None:
    await scene.judge.switch_to(second)
    scene.run.awaited = False


def by_outcome(run: Run) -> dict[str, int]:
    return {str(outcome): count for outcome, count in run.tally.outcomes.items() if count}


async def test_what_is_filed_belongs_to_the_model_that_saw_it_wherever_the_switch_falls() -> None:
    for moment in range(1, 13):
        first = Model(scores=dict.fromkeys(range(1, 13), 0.9), after_look=asyncio.Event(), looks_until_then=moment)
        second = Model(number=2, scores=dict.fromkeys(range(1, 13), 0.1))
        scene = stage(first, [post(n) for n in range(12, 0, -1)])
        crawling = asyncio.create_task(crawl(scene.run))
        assert first.after_look is not None
        await first.after_look.wait()

        await taken_over(scene, second)
        await crawling

        for one in scene.archive.sightings:
            number = {0.9: 1, 0.1: 2}[one.look.scores["mona"]]
            assert one.models["mona"].number == number
            assert one.decisions[0].model == f"mona/{number}"
            assert set(one.look.embeddings) == {f"backbone {number}"}


@dataclass
class Fickle(Eye):
    """Its models change as soon as anything else runs after a look."""

    number: int = 1

    @property
    def models(self) -> Mapping[str, ModelCard]:
        return {"mona": ModelCard("mona", self.number, f"model {self.number}", f"backbone {self.number}", 0.5)}

    async def look(self, picture: bytes) -> Look:
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(self._change)
        return Look({"mona": 1 / self.number}, {}, 100, 80, "webp")

    def _change(self) -> None:
        self.number += 1


async def test_nothing_runs_between_a_look_and_the_reading_of_its_models() -> None:
    scene = stage(Model(), [])
    judge = Fickle()
    crew = Crew(Posts([post(n) for n in range(9, 0, -1)]), scene.files, judge, scene.archive, note=lambda *_: None)

    await crawl(Run(scene.run.job, crew, Tally(), asyncio.Event()))

    assert len(scene.archive.sightings) == 9
    assert all(one.look.scores["mona"] == 1 / one.models["mona"].number for one in scene.archive.sightings)


async def test_what_the_first_model_decided_is_decided_again_from_what_is_stored() -> None:
    first = Model(scores={1: 0.9, 2: 0.1, 3: 0.9, 4: 0.1})
    second = Model(number=2, scores={1: 0.9, 2: 0.9, 3: 0.1, 4: 0.1})
    scene = stage(first, [post(n) for n in (4, 3, 2, 1)])
    await crawl(scene.run)
    assert by_outcome(scene.run) == {"kept": 2, "deleted": 2}
    scene.files.asked.clear()

    await taken_over(scene, second)
    await decide_again(scene.run)

    assert by_outcome(scene.run) == {"kept": 2, "deleted": 2}
    assert scene.run.tally.decided_by == {"mona/2": 4}
    assert (scene.run.tally.decided_again, scene.run.tally.listed) == (4, 4)
    assert [url.split("/")[3] for url in scene.files.asked] == ["original"]  # of post 2, which is kept now
    assert sorted(scene.archive.originals) == [1, 2, 3]
    assert scene.archive.trashed == []  # post 3 waits for `crawl apply`


async def test_only_what_the_first_model_decided_is_looked_at_again() -> None:
    first = Model(after_look=asyncio.Event(), looks_until_then=4)
    second = Model(number=2)
    scene = stage(first, [post(n) for n in range(12, 0, -1)])
    crawling = asyncio.create_task(crawl(scene.run))
    assert first.after_look is not None
    await first.after_look.wait()
    await taken_over(scene, second)
    await crawling
    before = len(second.looked)
    old = scene.run.tally.decided_by["mona/1"]
    assert 0 < old < 12

    await decide_again(scene.run)

    assert len(second.looked) - before == old
    assert scene.run.tally.decided_by == {"mona/2": 12}
    assert scene.run.tally.scored == 12  # pictures, not looks
    assert sum(scene.run.tally.outcomes.values()) == scene.run.tally.listed == 12


async def test_a_post_that_failed_under_the_first_model_is_counted_once() -> None:
    class Moody(Files):
        async def fetch_file(self, url, into, *, version):  # type: ignore[no-untyped-def] # as its parent
            if len(self.asked) < 2:
                self.asked.append(url)
                raise TransientError("not now")
            return await super().fetch_file(url, into, version=version)

    scene = stage(Model(scores={1: 0.9}), [post(1)], Moody())
    await crawl(scene.run)
    assert by_outcome(scene.run) == {"failed": 1}

    await taken_over(scene, Model(number=2, scores={1: 0.9}))
    await decide_again(scene.run)

    assert by_outcome(scene.run) == {"kept": 1}
    assert scene.run.tally.reasons[Outcome.FAILED] == {}
    assert scene.run.tally.listed == 1


async def test_a_stop_ends_the_second_pass_and_leaves_the_rest_to_the_next_crawl() -> None:
    second = Model(number=2)
    scene = stage(Model(), [post(n) for n in range(12, 0, -1)])
    await crawl(scene.run)
    await taken_over(scene, second)
    scene.run.stop.set()

    await decide_again(scene.run)

    assert second.looked == []
    assert by_outcome(scene.run) == {"deleted": 12}


@dataclass
class OldEye(Model):
    """Recalls, and is replaced while it does."""

    switch: SwitchingJudge | None = field(default=None, repr=False)
    to: Model | None = None

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        if self.switch and self.to:
            switching, self.switch = self.switch, None
            asyncio.get_running_loop().create_task(switching.switch_to(self.to))
            await asyncio.sleep(0)
        return Look({"mona": 0.9} if f"backbone {self.number}" in embeddings else {})


async def test_an_embedding_that_the_new_model_cannot_use_sends_it_to_the_stored_picture() -> None:
    first, second = OldEye(), OldEye(number=2, scores={1: 0.9})
    scene = stage(first, [post(1)])
    known = Known(
        embeddings={"backbone 1": b"\0\0"}, rendition=StoredRendition("720x720", "1.webp", "webp", 100, 80, 1, "sha")
    )

    class Knows(FiledMemory):
        async def known(self, posts: Sequence[Post], targets: Sequence[str]) -> Mapping[int, Known]:
            return {1: known}

    archive = Knows()
    crew = Crew(scene.run.crew.source, scene.files, scene.judge, archive, note=lambda *_: None)
    first.switch, first.to = scene.judge, second

    await crawl(Run(scene.run.job, crew, Tally(), asyncio.Event()))

    assert second.looked == [1]
    assert archive.decisions() == {1: "keep(score)"}
