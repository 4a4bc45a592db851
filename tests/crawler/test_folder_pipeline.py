"""From files to decisions: in order, in bounded memory, nobody twice, and one bad file costs only itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crawler.decisions import Policy, Ruling
from crawler.folder_outputs import Destinations, folder_parts
from crawler.folder_pipeline import Classified, Facts, FolderCrew, Ruled, Verdict, classified
from crawler.folder_rules import NameRule, TargetRule
from crawler.sources.local_files import LocalFile
from storage.folders.records import FileKey, FilePost, KnownFile, SeenFile
from storage.records import DecidedBy, LabelValue, Look, ModelCard, Post, PostTags, Target
from tests.storage.samples import make_post

CARD = ModelCard("mona", 1, "a" * 64, "b" * 64, 0.5)
TARGET = Target("mona", "mona_(genshin_impact)")


@dataclass
class Eyes:
    """Sees what a file says: `PIC0.9` is 0.9."""

    looked: list[bytes] = field(default_factory=list)
    at_once: int = 0
    most: int = 0

    async def look(self, picture: bytes) -> Look:
        self.looked.append(picture)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if picture.endswith(b"torn"):
            return Look(fault="truncated")
        return Look({"mona": float(picture[3:])}, {"b" * 64: picture[3:]})

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        return Look({"mona": float(embeddings["b" * 64])}, dict(embeddings))


@dataclass
class Memory:
    """Remembers looks, as the gallery does, and knows some posts by md5."""

    looks: dict[str, Look] = field(default_factory=dict)
    posts: dict[str, FilePost] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def known(self, keys: Sequence[FileKey]) -> Sequence[KnownFile]:
        self.asked.append(len(keys))
        return [KnownFile(self.looks.get(key.content.sha256), self.posts.get(key.content.md5)) for key in keys]

    def record(self, seen: Sequence[SeenFile]) -> None:
        self.looks.update((one.content.sha256, one.look) for one in seen)


@asynccontextmanager
async def freely(size: int) -> AsyncIterator[None]:
    yield


def crew(eyes: Eyes, memory: Memory, **changes: object) -> FolderCrew:
    rule = TargetRule(TARGET, Ruling(Policy(), {"mona": CARD}))
    parts = {"judge": eyes, "pictures": memory, "rule": rule, "hold": freely, "in_flight": 4}
    return FolderCrew(is_picture=lambda head: head.startswith(b"PIC"), **(parts | changes))  # type: ignore[arg-type] # the tests' own changes


def files(folder: Path, contents: Sequence[bytes]) -> Iterator[LocalFile]:
    for number, content in enumerate(contents):
        path = folder / f"{number:04d}.jpg"
        path.write_bytes(content)
        yield LocalFile(path, path.name)


async def decided(found: Iterator[LocalFile], by: FolderCrew) -> list[Classified]:
    return [one async for one in classified(found, by)]


async def test_results_come_in_the_order_of_the_files_and_few_are_in_flight(tmp_path: Path) -> None:
    eyes, memory = Eyes(), Memory()
    contents = [f"PIC0.{number:03d}".encode() for number in range(300)]

    done = await decided(files(tmp_path, contents), crew(eyes, memory))

    assert [one.file.name for one in done] == [f"{number:04d}.jpg" for number in range(300)]
    assert [one.ruled.score for one in done] == [number / 1000 for number in range(300)]
    assert eyes.most <= 4
    assert memory.asked == [16, 32, 64, 128, 60]
    assert len(memory.looks) == 300


async def test_a_second_pass_looks_at_nothing(tmp_path: Path) -> None:
    memory = Memory()
    contents = [b"PIC0.9", b"PIC0.1"]
    first = await decided(files(tmp_path, contents), crew(Eyes(), memory))
    eyes = Eyes()

    second = await decided(files(tmp_path, contents), crew(eyes, memory))

    assert eyes.looked == []
    assert [one.ruled for one in second] == [one.ruled for one in first]
    assert [one.looked for one in (*first, *second)] == [True, True, False, False]


async def test_bad_files_fail_alone_and_are_looked_at_again_next_time(tmp_path: Path) -> None:
    memory = Memory()
    found = files(tmp_path, [b"PIC0.9", b"PICtorn", b"<html>", b""])

    done = await decided(found, crew(Eyes(), memory))

    assert [one.ruled.verdict for one in done] == [Verdict.KEPT, Verdict.FAILED, Verdict.FAILED, Verdict.FAILED]
    assert [one.ruled.reason for one in done[1:]] == ["truncated", "no picture", "empty"]
    assert len(memory.looks) == 1


async def test_a_model_that_fails_ends_the_pass_and_what_was_seen_is_kept(tmp_path: Path) -> None:
    class Broken(Eyes):
        async def look(self, picture: bytes) -> Look:
            if picture == b"PIC0.500":
                raise RuntimeError("the device is gone")
            return await super().look(picture)

    memory = Memory()
    contents = [f"PIC0.{number:03d}".encode() for number in range(600)]

    with pytest.raises(RuntimeError, match="device"):
        await decided(files(tmp_path, contents), crew(Broken(), memory))

    assert len(memory.looks) >= 490


async def test_a_site_is_asked_only_for_files_that_the_gallery_does_not_know(tmp_path: Path) -> None:
    asked: list[str] = []
    known = make_post(1, b"PIC0.10")

    async def posts_of(md5s: Sequence[str]) -> Mapping[str, Post]:
        asked.extend(md5s)
        return {md5: make_post(2, b"PIC0.11", tags=PostTags(character=(TARGET.tag,))) for md5 in md5s[:1]}

    assert known.file is not None
    memory = Memory(posts={known.file.md5: FilePost(known)})

    done = await decided(files(tmp_path, [b"PIC0.10", b"PIC0.11"]), crew(Eyes(), memory, posts_of=posts_of))

    assert len(asked) == 1
    assert [one.facts.post.id if one.facts.post else None for one in done] == [1, 2]
    assert [one.ruled.decided_by for one in done] == [DecidedBy.TAG, DecidedBy.TAG]


def rule(look: Look, label: LabelValue | None = None, *characters: str, card: ModelCard = CARD) -> Ruled:
    post = make_post(1, tags=PostTags(character=characters))
    return TargetRule(TARGET, Ruling(Policy(), {"mona": card}))(look, Facts(post.tags, post, FilePost(post, label)))


@pytest.mark.parametrize(
    ("score", "label", "tagged", "verdict", "decided_by"),
    [
        (0.9, None, False, Verdict.KEPT, DecidedBy.SCORE),
        (0.1, None, False, Verdict.REJECTED, DecidedBy.SCORE),
        (0.4995, None, False, Verdict.UNDECIDED, DecidedBy.SCORE),
        (0.1, None, True, Verdict.KEPT, DecidedBy.TAG),
        (0.9, LabelValue.DELETE, True, Verdict.REJECTED, DecidedBy.LABEL),
        (0.1, LabelValue.KEEP, False, Verdict.KEPT, DecidedBy.LABEL),
        (0.9, LabelValue.UNSURE, True, Verdict.UNDECIDED, DecidedBy.LABEL),
        (0.9, LabelValue.CLEAR, False, Verdict.KEPT, DecidedBy.SCORE),
    ],
)
def test_a_label_beats_tags_and_tags_beat_the_score(
    score: float, label: LabelValue | None, tagged: bool, verdict: Verdict, decided_by: DecidedBy
) -> None:
    ruled = rule(Look({"mona": score}), label, *([TARGET.tag] if tagged else []))

    assert (ruled.verdict, ruled.decided_by) == (verdict, decided_by)
    assert ruled.name == ("mona" if verdict is Verdict.KEPT else "")


def test_doubt_rejects_nothing() -> None:
    refusing = ModelCard("mona", 1, "a" * 64, "b" * 64, 0.5, refusal="too few; train again")

    assert rule(Look({"mona": 0.1}), card=refusing).verdict is Verdict.UNDECIDED
    assert rule(Look({"mona": 0.1}), card=refusing).refused
    assert rule(Look({"mona": 0.1}, too_small=True)).verdict is Verdict.UNDECIDED
    assert rule(Look(fault="undecodable")).verdict is Verdict.FAILED
    assert rule(Look({"mona": float("nan")})).verdict is Verdict.UNDECIDED


def test_a_recogniser_keeps_names_and_rejects_nobody_it_could_have_seen() -> None:
    def named(stored: bytes) -> tuple[str | None, float]:
        return ("game/mona", 0.9) if stored == b"mona" else (None, 0.4)

    by = NameRule("net", named)

    assert by(Look({}, {"net": b"mona"}), Facts()).name == "game/mona"
    assert by(Look({}, {"net": b"x"}), Facts()).verdict is Verdict.REJECTED
    assert by(Look({}, {"net": b"x"}, too_small=True), Facts()).verdict is Verdict.UNDECIDED
    assert by(Look(fault="truncated"), Facts()).verdict is Verdict.FAILED


def test_a_name_makes_folders_and_leads_nowhere_else() -> None:
    assert folder_parts("game/mona_(x)") == ("game", "mona_(x)")
    assert folder_parts("../../etc/./pass\nwd") == ("_.", "_.", "etc", "_", "pass_wd")
    kept = Classified(LocalFile(Path("/a"), "a"), Ruled(Verdict.KEPT, DecidedBy.SCORE, "", 0.9, "game/mona"))
    assert Destinations(Path("/to"), by_name=True).of(kept) == Path("/to/game/mona")
    assert Destinations(None, Path("/rejects")).of(kept) is None
