"""What the page shows: pictures by row id, with their tags and history, and bytes that are what their row says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from storage.archive import Archive, open_reader
from storage.archive_records import Label
from storage.errors import QueryError
from storage.gallery_view import Renditions, counts, known_ratios, pictures, verdicts_of, wanted
from storage.records import LabelValue
from storage.retrieval.same_files import each_file_once
from storage.search.language import parse
from tests.storage.samples import content_of, decide, list_posts, make_post, relabel, sight


@pytest.fixture
async def looked(archive: Archive) -> Archive:
    """Three posts that were looked at."""
    posts = [make_post(number) for number in (3, 2, 1)]
    await list_posts(archive, posts)
    for post in posts:
        await archive.file_look(sight(post))
    return archive


async def test_pictures_are_found_by_expression_and_shown_with_their_tags(looked: Archive) -> None:
    with open_reader(looked.root) as reader:
        found = reader.ask(lambda c: wanted(c, parse("hat order:id"), "mona", now=datetime.now(UTC), limit=2))
        shown = reader.ask(lambda c: pictures(c, found.ids, "mona"))
        total = reader.ask(lambda c: counts(c, "mona"))
        ratios = reader.ask(lambda c: known_ratios(c, [*found.ids, 77]))

    assert found.cut
    assert [picture.post_id for picture in shown] == [1, 2]
    assert shown[0].tags["character"] == ["mona_(genshin_impact)"]
    assert (total.total, total.decisions) == (3, {"keep": 3})
    assert set(ratios) == set(found.ids)


async def test_another_target_s_pictures_are_not_shown(looked: Archive) -> None:
    with open_reader(looked.root) as reader:
        found = reader.ask(lambda c: wanted(c, parse(""), "fischl", now=datetime.now(UTC), limit=9))
        shown = reader.ask(lambda c: pictures(c, [1, 2], "fischl"))

    assert (list(found.ids), list(shown)) == ([], [])


async def test_an_unreadable_expression_names_its_term(looked: Archive) -> None:
    with open_reader(looked.root) as reader, pytest.raises(QueryError, match="decision:kep"):
        reader.ask(lambda c: wanted(c, parse("decision:kep"), "mona", now=datetime.now(UTC), limit=2))


async def test_a_rendition_is_read_by_id_and_only_while_it_is_what_its_row_says(looked: Archive) -> None:
    with open_reader(looked.root) as reader:
        renditions = Renditions(reader)
        whole = renditions.read(1)
        [path] = [path for path in (looked.root / "renditions").rglob("*.jpg") if path.read_bytes() == whole]
        path.write_bytes(b"x" * path.stat().st_size)

        assert whole is not None
        assert renditions.read(1) is None
        assert renditions.read(99) is None
        renditions.close()


async def test_the_machine_s_earlier_decisions_are_listed(looked: Archive) -> None:
    with open_reader(looked.root) as reader:
        [verdict] = reader.ask(lambda c: verdicts_of(c, 1, "mona"))

    assert (verdict.value, verdict.model) == ("keep", "mona/1")


async def test_posts_with_one_file_are_one_picture_and_a_label_of_it_is_everybody_s(looked: Archive) -> None:
    twin = make_post(900, content_of(1), site="other")
    await looked.file_look(sight(twin, decide("delete", score=0.1)))
    await relabel(looked, [Label(900, "other", "mona", LabelValue.KEEP, "me", "click")])

    with open_reader(looked.root) as reader:
        found = reader.ask(lambda c: wanted(c, parse("order:id"), "mona", now=datetime.now(UTC), limit=9))
        same = reader.ask(lambda c: wanted(c, parse("same:any site:other"), "mona", now=datetime.now(UTC), limit=9))
        shown = reader.ask(lambda c: pictures(c, [*found.ids, *same.ids], "mona"))
        once = reader.ask(lambda c: each_file_once(c, [*same.ids, *found.ids]))

    assert [(one.site, one.post_id) for one in shown] == [("demo", 1), ("demo", 2), ("demo", 3), ("other", 900)]
    assert [(one.site, one.post_id, one.decision) for one in shown[0].others] == [("other", 900, "keep")]
    assert [(one.site, one.post_id, one.decision) for one in shown[3].others] == [("demo", 1, "keep")]
    assert [one.word.value if one.word else None for one in shown] == ["keep", None, None, "keep"]
    assert list(shown[1].others) == []
    assert list(once) == [same.ids[0], *found.ids[1:]]
