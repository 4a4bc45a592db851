"""Posts of one file share it and what people say of it; decisions stay their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from storage.archive import Archive, open_reader
from storage.archive_records import Click, Label, ListedPage, RunStart
from storage.errors import QueryError
from storage.label_writer import Labelling
from storage.moves.statements import Statement
from storage.records import LabelReason, LabelValue, Post, Target
from tests.storage.samples import content_of, decide, keep, list_posts, make_post, relabel, sight

ONE, TWO = make_post(1), make_post(7, content_of(1), site="other")
MONA = Target("mona", "mona_(genshin_impact)")


async def listed(archive: Archive, *posts: Post) -> None:
    for site in ("demo", "other"):
        await archive.save_targets(site, [MONA])
    for post in posts:
        listing = await archive.open_listing(post.site, "genshin_impact")
        await archive.file_page(listing.id, ListedPage([post]))


def label(post: Post, value: LabelValue, key: str) -> Label:
    return Label(post.id, post.site, "mona", value, "me", key, LabelReason.RANDOM)


def rows(root: Path, columns: str) -> Sequence[tuple[Any, ...]]:
    with open_reader(root) as reader:
        return reader.sql(f"SELECT {columns} FROM results{'' if '(' in columns else ' ORDER BY site'}").rows


async def test_a_label_for_one_post_holds_for_every_post_with_its_file(archive: Archive, root: Path) -> None:
    await listed(archive, ONE, TWO, make_post(2))
    for post in (ONE, TWO, make_post(2)):
        await archive.file_look(sight(post, decide("delete")))

    await relabel(archive, [label(ONE, LabelValue.KEEP, "a")])
    await relabel(archive, [label(ONE, LabelValue.KEEP, "a")])

    assert rows(root, "site, post_id, decision, label") == [
        ("demo", 1, "keep", "keep"),
        ("demo", 2, "delete", None),
        ("other", 7, "keep", "keep"),
    ]
    with open_reader(root) as reader:
        assert [(one.post_id, one.why) for one in reader.labels("mona")] == [
            (1, LabelReason.RANDOM),
            (7, LabelReason.SAME_PICTURE),
        ]
    await relabel(archive, [label(TWO, LabelValue.CLEAR, "b")])
    assert {row[0] for row in rows(root, "label")} == {None}


async def test_a_click_on_the_page_is_shared_too(archive: Archive, root: Path) -> None:
    await listed(archive, ONE, TWO)
    version = 1
    with Labelling(root) as labelling:
        labelling.record([Click(label(ONE, LabelValue.KEEP, "a"), version, None)])

    assert {row[0] for row in rows(root, "label")} == {"keep"}


async def test_a_post_that_comes_later_is_known_by_its_pictures_label_and_gets_it(archive: Archive, root: Path) -> None:
    await listed(archive, ONE)
    await relabel(archive, [label(ONE, LabelValue.DELETE, "a"), label(ONE, LabelValue.KEEP, "b")])
    await listed(archive, TWO)

    assert (await archive.known([TWO], ["mona"]))[7].labels == {"mona": LabelValue.KEEP}
    await archive.file_look(sight(TWO, decide("delete")))
    await archive.file_look(sight(TWO, decide("delete")))

    assert rows(root, "site, label, decision") == [("demo", "keep", "keep"), ("other", "keep", "keep")]
    assert rows(root, "count(*)") == [(2,)]
    with open_reader(root) as reader:
        assert len(reader.labels("mona")) == 3
    await relabel(archive, [label(ONE, LabelValue.CLEAR, "c")])
    assert (await archive.known([TWO], ["mona"]))[7].labels == {}


async def test_the_file_is_kept_once_under_both_names(archive: Archive, root: Path) -> None:
    await listed(archive, ONE, TWO)
    await keep(archive, ONE)

    assert await archive.adopt_known_original(TWO, ["mona"])
    first, second = sorted((root / "gallery/mona").iterdir())
    assert first.samefile(second)


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("same:any", {1, 7}),
        ("same:none", {2}),
        ("same:1", {1, 7}),
        ("same:7", {1, 7}),
        ("same:2", {2}),
        ("same:9", set()),
    ],
)
async def test_a_search_finds_the_posts_of_one_picture(
    archive: Archive, root: Path, term: str, found: set[int]
) -> None:
    await listed(archive, ONE, TWO)
    await list_posts(archive, [make_post(2)])

    with open_reader(root) as reader:
        assert {row["post_id"] for row in reader.query(term).mappings()} == found
        with pytest.raises(QueryError, match="any, or none"):
            reader.query("same:twin")
        for number in ("9223372036854775808", "9" * 900):
            with pytest.raises(QueryError, match="no post has such a number"):
                reader.query(f"same:{number}")


@pytest.mark.parametrize("said", [LabelValue.KEEP, LabelValue.CLEAR])
async def test_what_another_gallery_said_of_a_file_gives_way_to_what_was_said_here_of_its_other_post(
    archive: Archive, root: Path, said: LabelValue
) -> None:
    await listed(archive, ONE)
    await archive.file_look(sight(ONE, decide("delete")))
    await relabel(archive, [label(ONE, LabelValue.KEEP, "a"), label(ONE, said, "b")])
    await listed(archive, TWO)
    assert TWO.file is not None
    run = await archive.begin_run(RunStart("import", "other", "", ()))

    for _ in range(2):
        statement = Statement("other", 7, TWO.file.md5, MONA, LabelValue.DELETE, "somebody")
        filed = await archive.statements.file([statement], run)
        assert (filed.labels, filed.contradicted) == (0, 1)

    held = said.value if said is LabelValue.KEEP else None
    assert {(site, post): value for site, post, value in rows(root, "site, post_id, label")} == {
        ("demo", 1): held,
        ("other", 7): held,
    }


async def test_mirrors_whose_posts_have_one_number_and_one_file_have_a_name_each(archive: Archive, root: Path) -> None:
    mirror = make_post(1, site="other")
    await listed(archive, ONE, mirror)
    await keep(archive, ONE)
    assert await archive.adopt_known_original(mirror, ["mona"])
    for post in (ONE, mirror):
        await archive.file_look(sight(post, decide("keep")))
    paths = {row[0] for row in rows(root, "path")}
    assert len(paths) == 2

    await relabel(archive, [label(ONE, LabelValue.DELETE, "a")])
    done = await archive.moves.apply(await archive.moves.plan_apply(), confirmed=True)
    assert (done.trashed, done.problems, list((root / "gallery/mona").iterdir())) == (2, (), [])

    await relabel(archive, [label(mirror, LabelValue.KEEP, "b")])
    assert (await archive.moves.apply(await archive.moves.plan_apply())).back == 2
    assert {row[0] for row in rows(root, "path")} == paths
