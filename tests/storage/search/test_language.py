"""The search language: what people type, what it means, what it costs at the site."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.errors import CannotMatch, QueryError
from storage.records import AiTag, FileVersion, Post, PostTags, Rating
from storage.search.language import (
    And,
    Metatag,
    Not,
    Or,
    Query,
    Tag,
    Wildcard,
    conjuncts,
    counted_terms,
    parse,
    to_text,
)
from storage.search.match import matcher, unmatchable

pytestmark = pytest.mark.no_gallery

NOW = datetime(2024, 6, 1, tzinfo=UTC)
MONA = Post(
    site="danbooru",
    id=7,
    created_at=NOW - timedelta(days=3),
    updated_at=NOW,
    rating=Rating.SENSITIVE,
    tags=PostTags(
        general=("1girl", "hat"), character=("mona_(genshin_impact)",), copyright=("genshin_impact",), meta=("highres",)
    ),
    file=FileVersion("ab" * 16, "png", 2_000_000, 1600, 900, "http://127.0.0.1/a.png"),
    ai_tags=(AiTag("hat", 90), AiTag("solo", 30)),
    score=12,
    fav_count=40,
    source="https://www.pixiv.net/artworks/1",
    parent_id=5,
    width=1600,
    height=900,
    ext="png",
    size=2_000_000,
)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("mona", Tag("mona")),
        ("Mona_(Genshin_Impact)", Tag("mona_(genshin_impact)")),
        ("a b", And((Tag("a"), Tag("b")))),
        ("a and b", And((Tag("a"), Tag("b")))),
        ("-a", Not(Tag("a"))),
        ("~a ~b c", And((Tag("c"), Or((Tag("a"), Tag("b")))))),
        ("a b or c", Or((And((Tag("a"), Tag("b"))), Tag("c")))),
        ("(a or b) -(d e)", And((Or((Tag("a"), Tag("b"))), Not(And((Tag("d"), Tag("e"))))))),
        ("(mona_(genshin_impact) or b)", Or((Tag("mona_(genshin_impact)"), Tag("b")))),
        ("mona*", Wildcard("mona*")),
        ("re:zero", Tag("re:zero")),
        (":)", Tag(":)")),
        ("-:3", Not(Tag(":3"))),
        ("score:>10", Metatag("score", ">10")),
        ('source:"a b"', Metatag("source", "a b")),
        ("source:a\\ b", Metatag("source", "a b")),
        ("(rating:g)", Metatag("rating", "g")),
        ("", And()),
    ],
)
def test_people_get_the_tree_they_mean(text: str, tree: Any) -> None:
    assert parse(text) == Query(tree)


def test_order_and_limit_are_settings_and_not_conditions() -> None:
    assert parse("mona order:p limit:20") == Query(Tag("mona"), order="p", limit=20)


@pytest.mark.parametrize(
    "text",
    [
        "(a",
        "a)",
        "-",
        "~",
        "a or",
        "()",
        'source:"a',
        "-order:id",
        "a or limit:3",
        "order:id order:p",
        "limit:x",
        "*a" * 11,
        "score:",
        "---a",
        "(" * 60 + "a" + ")" * 60,
        "source:\x00",
        "site:\ud800",
    ],
)
def test_a_broken_expression_is_refused_with_its_term(text: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(text)

    assert refused.value.exit_code == 2
    assert refused.value.term


@pytest.mark.parametrize(
    "text",
    ["mona", "~a ~b c -d", "a b or c (d or -(e f))", 'source:"a b" score:>=3 *_hat', "-(a b)", "(a or b) rating:g,s"],
)
def test_writing_a_tree_and_reading_it_again_gives_the_same_tree(text: str) -> None:
    tree = parse(text).root

    assert parse(to_text(tree)).root == tree


def test_only_plain_tags_wildcards_and_some_metatags_count_against_the_limit() -> None:
    query = parse("genshin_impact -mona* rating:g score:>3 chartags:0 id:<9 order:score genshin_impact")

    assert counted_terms(query) == {"genshin_impact", "mona*", "chartags:0", "order:score"}


def test_conjuncts_flatten_nested_groups() -> None:
    assert conjuncts(parse("a (b (c d))").root) == (Tag("a"), Tag("b"), Tag("c"), Tag("d"))


@pytest.mark.parametrize(
    "text",
    [
        "mona_(genshin_impact)",
        "mona*",
        "*impact*",
        "-solo",
        "rating:s",
        "rating:g,s",
        "is:sfw",
        "is:child",
        "is:png",
        "score:12",
        "score:>10",
        "score:5..12",
        "score:1,12",
        "score:5...13",
        "favcount:<=40",
        "id:7",
        "id:1..9",
        "id:7,8",
        "width:>=1600",
        "height:900",
        "mpixels:1.4",
        "ratio:16:9",
        "ratio:>1.7",
        "filesize:1.9mb",
        "filesize:2000000",
        "filetype:png,jpg",
        "date:2024-05-28",  # US Eastern, where the 29th has not begun
        "date:28.5.2024",
        "date:2024/5/28",
        "-date:2024-05-29",
        "date:2024-05",
        "date:2024-05-01..2024-05-29",
        "-date:2024-05-01..2024-05-28",  # in a range a date is the moment in which its day begins
        "date:2024-05-27,2024-05-28",
        "date:>2024",
        "date:2024",
        "date:2024-05-28T20:00",
        "date:2024-05-28T20:00..2024-05-29T00:00Z",
        "age:3d",
        "age:<3d1h",
        "age:2d..4d",
        "age:>=71h59min",
        "has:source",
        "has:parent",
        "filesize:1.9mb,2000000",
        "age:<1w",
        "age:3d",
        "age:2d..1mo",
        "parent:5",
        "parent:7",
        "parent:any",
        "-parent:none",
        "child:none",
        "status:active",
        "status:any",
        "tagcount:5",
        "chartags:1",
        "gentags:<3",
        "copytags:1",
        "arttags:0",
        "metatags:1",
        "source:https://www.PIXIV.net",
        "source:*artworks*",
        "-source:none",
        "md5:" + "ab" * 16,
        "duration:none",
        "ai:hat",
        "ai:hat,>=80",
        "-ai:solo",
        "ai:ghost,0",
        "",
        "(rating:e or score:>3) hat",
    ],
)
def test_a_post_matches_what_is_true_of_it(text: str) -> None:
    assert matcher(parse(text).root, NOW)(MONA)


@pytest.mark.parametrize(
    "text",
    [
        "solo",
        "moan*",
        "-hat",
        "rating:e",
        "score:<12",
        "score:5...12",
        "age:>1w",
        "parent:6",
        "status:deleted",
        "source:none",
        "duration:any",
        "ai:solo",
        "ai:hat,0",
        "is:parent",
        "child:any",
        "hat -hat",
    ],
)
def test_a_post_does_not_match_what_is_untrue_of_it(text: str) -> None:
    assert not matcher(parse(text).root, NOW)(MONA)


def test_posts_without_ai_tags_are_evidence_for_neither_side() -> None:
    silent = replace(MONA, ai_tags=None)

    assert not matcher(parse("ai:hat").root)(silent)
    assert not matcher(parse("ai:hat,0").root)(silent)


@pytest.mark.parametrize(
    "text", ["pool:3", "fav:me", "pixiv_id:4", "decision:keep", "status:appealed", "child:active", "/hr", "has:notes"]
)
def test_a_term_that_only_the_site_knows_is_named(text: str) -> None:
    with pytest.raises(CannotMatch, match=text):
        matcher(parse(text).root)(MONA)

    assert len(unmatchable(parse(f"hat {text}").root)) == 1


@pytest.mark.parametrize(
    ("text", "suggestion"), [("filetype:pgn", "png"), ("status:deletd", "deleted"), ("is:nsfv", "nsfw")]
)
def test_a_typing_error_in_a_value_gets_a_suggestion(text: str, suggestion: str) -> None:
    with pytest.raises(QueryError, match=suggestion):
        matcher(parse(text).root)(MONA)


@pytest.mark.parametrize(
    "text",
    [
        "score:x",
        "score:9999999999999999999999",
        "date:2024-13-01",
        "age:3q",
        "rating:x",
        "md5:zz",
        "filesize:3tb",
        "ratio:1:0",
        "mpixels:..",
        "score:,",
        "score:>>3",
        "score:=3",
        "score:1,any",
        "score:3...",
        "score:010",
        "id:abc",
        "date:foo",
        "date:today",
        "date:2021-01-32",
        "date:13/2021",
        "age:30x",
        "age:5mins",
        "age:1d2w",
        "age:1d,2d",
        "filesize:1gb",
        "duration:1:75",
        "source:any",
        "parent:>3",
        "child:3",
        "has:foo",
        "embedded:maybe",
        "upvotes:>>3",
        "pixiv:abc",
        "comments:few",
        "status:foo",
        "is:foo",
    ],
)
def test_an_unreadable_value_is_refused(text: str) -> None:
    with pytest.raises(QueryError):
        matcher(parse(text).root)(MONA)


def test_many_stars_are_matched_in_no_time() -> None:
    long_tag = replace(MONA, tags=PostTags(general=("a" * 5000,)))

    assert not matcher(parse("*a" * 10 + "b").root)(long_tag)
