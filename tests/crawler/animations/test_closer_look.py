"""What moves is judged by several frames where its preview leaves a doubt, within limits, and never to its loss."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crawler.animations.closer_look import write_held
from crawler.animations.policy import AnimationPolicy, animation_policy
from crawler.errors import BlockedError, GoneError
from storage.errors import StorageError
from storage.records import FileVersion, Known, Post
from tests.crawler.crew_fakes import Eye, Files, Memory, post
from tests.crawler.test_pipeline import Stage, stage

FRAMES = AnimationPolicy(frames=6, max_bytes=1000)


@pytest.fixture(autouse=True)
def _staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an archive in memory calls its staging file is relative."""
    monkeypatch.chdir(tmp_path)


def moving(post_id: int, *, size: int = 500, ext: str = "mp4", tagged: bool = False) -> Post:
    still = post(post_id, tagged=tagged)
    version = FileVersion("0" * 32, ext, size, 100, 80, f"https://cdn.example/original/{post_id}.{ext}")
    return replace(still, file=version, ext=ext, size=size, duration_s=4.0)


def scene(
    one: Post,
    preview: float,
    inside: float = 0.9,
    *,
    files: Files | None = None,
    known: Known | None = None,
    **job: Any,
) -> Stage:
    archive = Memory(known_posts={} if known is None else {one.id: known})
    eye = Eye({one.id: preview}, inside_score=inside, recalled_score=preview)
    return stage([one], eye, files, archive, **{"animation": FRAMES, **job})


@pytest.mark.parametrize("ext", ["mp4", "webm", "zip", "gif"])
async def test_a_doubtful_preview_is_no_last_word(ext: str) -> None:
    work = scene(moving(1, ext=ext), preview=0.3)

    assert await work.crawl() == {"kept": 1}
    assert work.archive.decisions() == {1: "keep(score)"}
    assert work.eye.looked_inside == [(f"1.{ext}".encode(), 6)]
    assert work.archive.sightings[0].look.windows
    assert work.run.tally.looked_inside == 1


async def test_the_file_is_fetched_once_although_it_is_kept() -> None:
    work = scene(moving(1), preview=0.3)

    await work.crawl()

    assert [url for url in work.files.asked if "original" in url] == ["https://cdn.example/original/1.mp4"]
    assert work.archive.originals == [1]
    assert work.run.held == {}


async def test_frames_that_show_nobody_leave_the_decision_to_the_score() -> None:
    assert await scene(moving(1), preview=0.3, inside=0.02).crawl() == {"deleted": 1}


@pytest.mark.parametrize(
    ("one", "preview", "job"),
    [
        (moving(1), 0.9, {}),
        (moving(1), 0.01, {}),
        (moving(1, size=1001), 0.3, {}),
        (post(1), 0.3, {}),
        (moving(1, ext="swf"), 0.3, {}),
        (moving(1), 0.3, {"animation": AnimationPolicy()}),
        (moving(1, ext="zip"), 0.3, {"animation": AnimationPolicy(6, 1000, frozenset({"mp4"}))}),
    ],
    ids=["kept anyway", "clear", "too large", "a picture", "no decoder", "off", "no extra"],
)
async def test_without_doubt_or_beyond_the_limits_nothing_is_fetched(
    one: Post, preview: float, job: Mapping[str, Any]
) -> None:
    work = scene(one, preview, **job)

    await work.crawl()

    assert work.eye.looked_inside == []
    assert work.run.tally.looked_inside == 0


async def test_a_tag_that_the_preview_contradicts_is_a_doubt_too() -> None:
    work = scene(moving(1, tagged=True), preview=0.001)

    assert await work.crawl() == {"kept": 1}
    assert work.archive.decisions() == {1: "keep(tag)"}


async def test_a_file_that_is_gone_leaves_the_preview_s_decision() -> None:
    work = scene(moving(1), preview=0.3, files=Files(raises={"original": GoneError("gone")}))

    assert await work.crawl() == {"deleted": 1}
    assert work.eye.looked_inside == []


async def test_a_site_that_blocks_ends_the_run_as_always() -> None:
    work = scene(moving(1), preview=0.3, files=Files(raises={"original": BlockedError("challenge page")}))

    with pytest.raises(BlockedError):
        await work.crawl()


async def test_stored_embeddings_are_looked_into_once_and_never_again() -> None:
    once = Known(labels={}, embeddings={"backbone-hash": b"\0\0"})
    before = replace(once, windows={"backbone-hash": b"\0\0\0\0"})

    first, again = scene(moving(1), 0.3, known=once), scene(moving(1), 0.3, known=before)

    assert (await first.crawl(), await again.crawl()) == ({"kept": 1}, {"deleted": 1})
    assert (len(first.eye.looked_inside), len(again.eye.looked_inside)) == (1, 0)


async def test_held_bytes_become_the_original_with_its_digests_and_overwrite_nothing(tmp_path: Path) -> None:
    digest = await write_held(b"film", tmp_path / "staged")

    assert (tmp_path / "staged").read_bytes() == b"film"
    assert (digest.size, digest.md5) == (4, hashlib.md5(b"film").hexdigest())
    with pytest.raises(StorageError):
        await write_held(b"another", tmp_path / "staged")


def test_the_settings_count_megabytes_and_know_which_decoders_are_there() -> None:
    policy = animation_policy(6, 8.0)

    assert (policy.frames, policy.max_bytes) == (6, 8_000_000)
    assert {"mp4", "zip", "gif"} <= policy.extensions
