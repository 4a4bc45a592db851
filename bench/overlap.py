"""The whole job's time against each of its stages alone: fetching, looking, storing; same posts, one run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from classifier.judge import NetworkJudge
from commands.context.connection import Connected, connect
from commands.context.settings import Limits, Settings
from commands.context.workspace import Workspace
from crawler.crew import Crew, Job
from crawler.decisions import Policy
from crawler.judge import Judge, JudgeStats
from crawler.pipeline import crawl
from crawler.run import Run
from crawler.sources.listing import SiteSource
from crawler.tally import Outcome, Tally
from crawler.transport.downloads import Downloader
from storage.archive import Archive
from storage.archive_records import Attempt, Sighting
from storage.dry_run import DryRunArchive
from storage.records import Look, ModelCard, Post, Target


@dataclass(slots=True)
class KnownOpinions:
    """A judge that answers from memory: it leaves the cost of fetching alone."""

    cards: Mapping[str, ModelCard]
    looks: Mapping[bytes, Look]

    @property
    def models(self) -> Mapping[str, ModelCard]:
        return self.cards

    async def look(self, picture: bytes) -> Look:
        return self.looks[picture]

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        raise RuntimeError("nothing is known here")

    def stats(self) -> JudgeStats:
        return JudgeStats(0, 0, 0.0, 0, "none", "memory")


@dataclass(slots=True)
class Recording:
    """A judge that keeps its looks, so that every stage alone sees the same pictures."""

    inner: NetworkJudge
    looks: dict[bytes, Look] = field(default_factory=dict)

    @property
    def models(self) -> Mapping[str, ModelCard]:
        return self.inner.models

    async def look(self, picture: bytes) -> Look:
        seen = await self.inner.look(picture)
        self.looks[picture] = seen
        return seen

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        return await self.inner.recall(embeddings)

    def stats(self) -> JudgeStats:
        return self.inner.stats()


class Nowhere(DryRunArchive):
    """An archive that keeps nothing, but lets originals be fetched into a scratch folder."""

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self.sightings: list[Sighting] = []
        self._scratch = scratch
        self._attempts = 0

    async def begin_attempt(self, post: Post, kind: str, url: str) -> Attempt:
        self._attempts += 1
        return Attempt(self._attempts, 1, self._scratch / f"{self._attempts}.part", kind)

    async def adopt_known_original(self, post: Post, targets: Sequence[str]) -> bool:
        return False

    async def file_look(self, sighting: Sighting) -> None:
        self.sightings.append(sighting)


def _run(connected: Connected, judge: Judge, archive: Archive | DryRunArchive, tag: str, run_id: int) -> Run:
    targets = tuple(Target(name, name) for name in judge.models)
    job = Job(
        run_id=run_id,
        site="bench",
        query=tag,
        targets=targets,
        policy=Policy(),
        score_on="720x720",
        wants=lambda post: True,
    )
    fetcher = Downloader(connected.http, connected.site)
    crew = Crew(SiteSource(connected.client, tag), fetcher, judge, archive, note=lambda post, error: None)
    return Run(job, crew, Tally(), asyncio.Event())


async def _timed(run: Run) -> float:
    started = time.perf_counter()
    await crawl(run)
    return time.perf_counter() - started


async def _stored(archive: Archive, sightings: Sequence[Sighting], at_once: int) -> float:
    waiting = iter(sightings)

    async def carry() -> None:
        for sighting in waiting:
            await archive.file_look(sighting)

    started = time.perf_counter()
    await asyncio.gather(*(carry() for _ in range(at_once)))
    return time.perf_counter() - started


async def _looked(judge: NetworkJudge, pictures: Sequence[bytes], at_once: int) -> float:
    waiting = iter(pictures)

    async def carry() -> None:
        for picture in waiting:
            await judge.look(picture)

    started = time.perf_counter()
    await asyncio.gather(*(carry() for _ in range(at_once)))
    return time.perf_counter() - started


async def _measure(url: str, tag: str, trained: Path, work: Path, files_at_once: int) -> None:
    async with AsyncExitStack() as stack:
        limits = Limits(files_at_once=files_at_once)
        connected = await connect(stack, Workspace(work, url, Settings(limits=limits)))
        async with Archive.open(trained) as known:
            models = {m.card.target: m for m in await known.models() if m.active}
        cards = {name: model.card for name, model in models.items()}
        folders = {name: trained / "models" / name / str(model.card.number) for name, model in models.items()}
        judge = await stack.enter_async_context(NetworkJudge(cards, folders))
        await connected.client.posts(tag, limit=200)  # a gallery makes some of its answers when first asked
        recording = Recording(judge)
        archive = await stack.enter_async_context(Archive.open(work / "job"))
        whole = _run(connected, recording, archive, tag, 0)
        whole_s = await _timed(whole)
        scratch = work / "scratch"
        scratch.mkdir()
        nowhere = Nowhere(scratch)
        fetch_s = await _timed(_run(connected, KnownOpinions(cards, recording.looks), nowhere, tag, 0))
        look_s = await _looked(judge, list(recording.looks), 64)
        store = await stack.enter_async_context(Archive.open(work / "store"))
        store_s = await _stored(store, nowhere.sightings, whole.job.in_flight)
    stages = {"fetching alone": fetch_s, "looking alone": look_s, "storing alone": store_s}
    posts = whole.tally.finished
    pace = (
        f"{files_at_once} files at a time" if files_at_once else "as many files at a time as a site of one's own gives"
    )
    print(f"overlap, {posts} posts, {whole.tally.outcomes[Outcome.KEPT]} kept, {pace}:")
    for name, seconds in stages.items():
        print(f"  {name:15} {seconds:7.1f} s  {posts / seconds:7.0f} posts/s")
    slowest = max(stages.values())
    print(f"  {'whole job':15} {whole_s:7.1f} s  {posts / whole_s:7.0f} posts/s")
    print(f"  sum of stages / whole job: {sum(stages.values()) / whole_s:.2f}")
    print(f"  whole job / slowest stage alone: {whole_s / slowest:.2f} (goal <= 1.15)")


def measure_overlap(url: str, tag: str, trained: Path, work: Path, files_at_once: int = 0) -> None:
    """Print the comparison, with the models of the gallery at `trained`.

    Args:
        files_at_once: as a public site is visited (2), or 0 for what a gallery of one's own gives.
    """
    work.mkdir()
    asyncio.run(_measure(url, tag, trained, work, files_at_once))
