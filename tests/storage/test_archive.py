"""The archive's door: what is filed can be found again, and is on disk when the call returns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from storage.archive import Archive, open_reader
from storage.archive_records import RunEnd, RunStart, Work
from storage.records import AiTag, Place, PostTags, Target
from tests.storage.samples import CARD, content_of, decide, keep, list_posts, make_post, sight

WORK = Work(("mona",), {"mona": CARD.hash})


def rows(root: Path, sql: str) -> list[tuple[object, ...]]:
    with open_reader(root) as reader:
        return [tuple(row) for row in reader.sql(sql).rows]


async def test_the_whole_journey_of_a_post_is_recorded(archive: Archive, root: Path) -> None:
    post = make_post(7, ai_tags=(AiTag("mona_(genshin_impact)", 81),))
    run = await archive.begin_run(RunStart("crawl", "demo", "genshin_impact", ["mona"]))
    await archive.save_targets("demo", [Target("mona", "mona_(genshin_impact)")])
    listing = await list_posts(archive, [post])
    attempt = await archive.begin_attempt(post, "rendition", post.renditions[0].url)
    await archive.file_look(sight(post, attempt=attempt, run_id=run))
    await keep(archive, post)
    tally = await archive.finish_listing(listing, 1)
    await archive.end_run(run, RunEnd({"kept": 1}, 0))

    known = (await archive.known([post], ["mona"]))[7]

    assert known.decisions["mona"] == decide()
    assert known.places == {"mona": Place.GALLERY}
    assert known.scores == {CARD.hash: 0.9}
    assert known.embeddings == {CARD.backbone_hash: b"\x00\x3c" * 8}
    assert known.rendition is not None
    assert (await archive.read_rendition(known.rendition)) == content_of(7, "rendition")
    assert (root / f"gallery/mona/7_{post.file.md5}.jpg").read_bytes() == content_of(7)
    assert list((root / "staging").iterdir()) == []
    assert (tally.listed, tally.gaps, tally.unexplained) == (1, 0, 0)
    assert rows(root, "SELECT decision, place, site_ai_score, tags_character, tags, run_id FROM results") == [
        ("keep", "gallery", 81, "mona_(genshin_impact)", "1girl hat mona_(genshin_impact)", run)
    ]


async def test_a_post_comes_back_from_its_rows_as_it_went_in(archive: Archive) -> None:
    post = make_post(
        7, ai_tags=(AiTag("hat", 90), AiTag("solo", 3)), source="http://x/'\";--", parent_id=3, duration_s=1.5
    )
    hidden = make_post(6, file=None, renditions=(), hidden_reason="banned")
    listing = await list_posts(archive, [post, hidden])

    assert list(await archive.unfinished(listing, WORK)) == [post]


async def test_tags_that_the_site_took_away_are_gone_after_the_next_listing(archive: Archive) -> None:
    post = make_post(7)
    await list_posts(archive, [post])
    changed = replace(post, tags=PostTags(general=("hat", "solo")), ai_tags=())
    listing = await list_posts(archive, [changed])

    assert list(await archive.unfinished(listing, WORK)) == [changed]
