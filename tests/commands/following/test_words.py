"""A recorded search, asked again."""

from dataclasses import replace

import pytest

from commands.following.words import every_tag, renamed_query, search_words, tags_of
from storage.records import Post, PostTags
from tests.crawler.crew_fakes import post


def carrying(*tags: str) -> Post:
    return replace(post(1), tags=PostTags(general=tags))


@pytest.mark.parametrize(
    ("query", "limit", "asked"),
    [
        ("genshin_impact", 2, "genshin_impact"),
        ("genshin_impact -mona", 2, "genshin_impact"),
        ("genshin_impact rating:g", 2, "genshin_impact rating:g"),
        ("genshin_impact -mona", None, "genshin_impact -mona"),
        ("genshin_impact -mona && hat", 2, "genshin_impact"),
        ("genshin_impact", 1, None),
        ("commenter:somebody fav:somebody", 2, None),
    ],
)
def test_the_order_of_changes_takes_a_term_of_the_accounts(query: str, limit: int | None, asked: str | None) -> None:
    words = search_words(query, tag_limit=limit, change_terms=1)

    assert (words.by_change.query if words.by_change else None) == asked
    assert words.by_id.query == query.partition(" && ")[0]


def test_what_a_list_is_not_asked_is_checked_here() -> None:
    words = search_words("genshin_impact -mona && hat", tag_limit=2, change_terms=1)

    assert words.by_change is not None
    assert [words.by_change.fits(carrying(*tags)) for tags in (("hat",), ("hat", "mona"), ())] == [True, False, False]
    assert [words.by_id.fits(carrying(*tags)) for tags in (("hat",), ("mona",))] == [True, False]


def test_tags_are_renamed_wherever_they_stand_in_a_search() -> None:
    query = "genshin_impact -mona (hat or mona) && rating:g"

    assert (tags_of(query), every_tag(query)) == (("genshin_impact",), {"genshin_impact", "mona", "hat"})
    assert renamed_query(query, {"mona": "mona_megistus"}) == (
        "genshin_impact -mona_megistus (hat or mona_megistus) && rating:g"
    )
