"""Each reason why a post is undecided has a query that lists its posts, as the manual says."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from crawler.decisions import Policy, Ruling
from storage.archive import Archive
from storage.archive_records import ArchiveSettings, ListedPage, RunStart, Sighting
from storage.records import FileVersion, Look, ModelCard, PostTags
from tests.commands.training.test_rounds import crawl
from tests.crawler.crew_fakes import MONA, post

MANUAL = Path(__file__).parents[3] / "docs" / "query.md"
REFUSAL = "only 9 pictures show mona; crawl more pages"
DECIDING = ModelCard("mona", 1, "hash 1", "backbone", 0.5)
REFUSING = ModelCard("mona", 2, "hash 2", "backbone", 0.5, refusal=REFUSAL)
LOOKS = {  # post id: model, tagged with the target, score, too small to see
    1: (DECIDING, True, 0.0004, False),
    2: (DECIDING, True, 0.9, False),
    3: (DECIDING, False, 0.1, True),
    4: (DECIDING, False, 0.1, False),
    5: (DECIDING, False, 0.4995, False),
    6: (REFUSING, False, 0.9, False),
    7: (REFUSING, True, 0.0004, False),
    8: (DECIDING, False, 0.0004, False),
    9: (DECIDING, False, 0.7, False),
}


async def fill(root: Path) -> None:
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.save_targets("demo", [MONA])
        for card in (DECIDING, REFUSING):
            await archive.register_model(card, {}, activate=card is DECIDING)
        run_id = await archive.begin_run(RunStart("crawl", "demo", "genshin_impact", ["mona"]))
        listing = await archive.open_listing("demo", "genshin_impact")
        posts = {}
        for number, (_, tagged, _, _) in sorted(LOOKS.items(), reverse=True):
            file = FileVersion(f"{number:032x}", "png", 100, 10, 10, "http://127.0.0.1/x.png")
            tags = PostTags(character=(MONA.tag,) if tagged else ())
            posts[number] = replace(post(number), tags=tags, file=file, parent_id=None)
        await archive.file_page(listing.id, ListedPage(list(posts.values()), (), 1, run_id))
        for number, (card, _, score, small) in LOOKS.items():
            ruling = Ruling(Policy(), {"mona": card})
            look = Look({"mona": score}, {}, 10, 10, "png", too_small=small)
            look, decisions = ruling.judge([MONA], posts[number], look)
            await archive.file_look(
                Sighting(post=posts[number], look=look, decisions=decisions, run_id=run_id, models={"mona": card})
            )


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("decision:undecided",), {1, 3, 5, 6}),
        (("decision:undecided mona_(genshin_impact) p:<0.002",), {1}),
        (('error:"too small to see"',), {3}),
        (("--sql", "SELECT post_id, score, reason FROM results WHERE reason LIKE 'model refused%'"), {6}),
        (("--sql", "SELECT post_id, score, reason FROM results WHERE reason LIKE '%of the threshold'"), {5}),
    ],
)
def test_the_query_that_the_manual_gives_lists_the_posts_of_its_reason(
    tmp_path: Path, words: tuple[str, ...], found: set[int]
) -> None:
    asyncio.run(fill(tmp_path / "root"))

    done = crawl(tmp_path / "root", "query", *words, "--format", "json")

    assert done.exit_code == 0, done.stderr
    assert {row["post_id"] for row in json.loads(done.stdout)} == found
    assert words[-1] in MANUAL.read_text("utf-8")


def test_the_reasons_are_counted_by_the_statement_in_the_manual(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path / "root"))
    statement = "SELECT reason, count(*) AS posts FROM results WHERE decision = 'undecided' GROUP BY reason"

    done = crawl(tmp_path / "root", "query", "--sql", statement, "--format", "json")

    assert {row["reason"]: row["posts"] for row in json.loads(done.stdout)} == {
        "tag doubted": 1,
        "too small to see": 1,
        "0.4995 is within 0.001 of the threshold": 1,
        "model refused: only 9 pictures show mona": 1,
    }
    assert statement in MANUAL.read_text("utf-8")
