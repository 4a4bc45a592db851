"""What counts as a change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crawler.following.changes import Change, ChangeTally, changes_between, lost_names
from storage.records import FileVersion, Post, PostTags, Rating
from tests.crawler.crew_fakes import post

OTHER = FileVersion("f" * 32, "jpg", 10, 5, 5, "https://x/f.jpg")


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ({}, {"score": 99}, set()),
        ({}, {"tags": PostTags(general=("hat",))}, {Change.TAGS}),
        ({}, {"rating": Rating.EXPLICIT}, {Change.RATING}),
        ({}, {"file": OTHER}, {Change.REPLACED}),
        ({}, {"is_deleted": True}, {Change.DELETED}),
        ({"is_deleted": True}, {}, {Change.UNDELETED}),
        ({}, {"is_banned": True, "file": None}, {Change.BANNED}),
        ({"is_banned": True, "file": None}, {}, {Change.UNBANNED}),
        ({}, {"file": None}, {Change.HIDDEN}),
        ({"file": None}, {}, {Change.SHOWN}),
    ],
)
def test_what_differs_has_a_name(before: dict[str, Any], now: dict[str, Any], found: set[Change]) -> None:
    one = replace(post(1), rating=Rating.GENERAL)

    assert changes_between(replace(one, **before), replace(one, **now)) == found


def test_a_post_that_nobody_knew_is_new_and_counts_once() -> None:
    tally = ChangeTally()
    tally.count(changes_between(None, post(1)))
    tally.count(frozenset({Change.TAGS, Change.RATING}))
    tally.count(frozenset())

    assert (tally.new, tally.changed, tally.by[Change.TAGS], tally.by[Change.RATING]) == (1, 1, 1, 1)


def tagged(post_id: int, *tags: str) -> Post:
    return replace(post(post_id), tags=PostTags(general=tags))


def test_a_tag_that_every_post_of_a_page_lost_may_have_another_name() -> None:
    before = {number: tagged(number, "mona") for number in (1, 2)}

    assert lost_names(["mona"], before, [tagged(1, "mona_megistus"), tagged(2, "mona_megistus"), tagged(3)])
    assert not lost_names(["mona"], before, [tagged(1), tagged(2, "mona")])
    assert not lost_names(["mona"], {}, [tagged(1)])
