"""`crawl query`: the database answers an expression exactly as the record itself does, and our own terms on top."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.archive import Archive, open_reader
from storage.archive_records import Failure, Label
from storage.database.results_view import COLUMNS
from storage.errors import QueryError
from storage.reader import Reader
from storage.records import (
    AiTag,
    DecidedBy,
    Decision,
    DecisionValue,
    LabelValue,
    Look,
    Post,
    PostTags,
    Rating,
    TaggerTags,
    Target,
)
from storage.rows.tagger_tags import TaggerAgreement
from storage.search.language import Metatag, parse, to_text
from storage.search.match import matcher
from tests.storage.samples import (
    CARD,
    NO_RESERVE,
    content_of,
    decide,
    keep,
    list_posts,
    make_post,
    new_gallery,
    relabel,
    sight,
)

NOW = datetime(2024, 6, 1, tzinfo=UTC)
WORDS = ("hat", "1girl", "solo", "mona_(genshin_impact)", "genshin_impact", "100%_real", "under_score", "a'b", "x\\y")
SOURCES = ("", "https://www.PIXIV.net/artworks/1", "http://a.example/%41_b", "file://C:\\tmp", "モナ")
TERMS = (
    "hat",
    "solo",
    "ha*",
    "*_*",
    "*%*",
    "*'*",
    "mona*impact*",
    "nothing_has_this",
    "rating:g",
    "rating:q,e",
    "is:sfw",
    "score:>0",
    "score:<-3",
    "score:1..20",
    "score:none",
    "id:1..30",
    "id:3,5,7..9",
    "favcount:any",
    "width:>=800",
    "height:<700",
    "mpixels:>0.5",
    "mpixels:0.8",
    "ratio:16:9",
    "ratio:<1",
    "ratio:any",
    "filesize:>1kb",
    "filesize:2kb",
    "filetype:png,gif",
    "date:2024-05",
    "date:<2024-03-01",
    "date:2024-03-10",
    "date:2024-03-10..2024-03-11",
    "date:2024-03-09,2024-03-11",
    "date:>=2024-03-10T01:30",
    "date:<=2024-04",
    "date:2024-02...2024-05",
    "date:2024",
    "age:2w",
    "age:<2w",
    "age:>82d",
    "age:1w3d..12w",
    "ratio:1.78",
    "ratio:1..1.43",
    "filesize:1kb,2kb",
    "duration:0:40",
    "age:3d..2mo",
    "parent:any",
    "parent:7",
    "parent:none",
    "child:any",
    "child:none",
    "status:deleted",
    "status:active",
    "status:modqueue",
    "is:banned",
    "is:child",
    "tagcount:<4",
    "chartags:0",
    "gentags:2..",
    "copytags:1",
    "arttags:>0",
    "metatags:0",
    "source:none",
    "has:source",
    "has:children",
    "source:https://www.pixiv",
    "source:*%41_b",
    "source:file://c:\\",
    "source:モ*",
    "duration:any",
    "duration:<20s",
    "ai:hat",
    "ai:solo,>=80",
    "ai:solo,0",
    "is:parent",
    "status:any",
    "is:png",
    "md5:00000000000000000000000000000000",
)


def random_post(number: int, chance: random.Random) -> Post:
    def some(*among: str) -> tuple[str, ...]:
        return tuple(sorted(chance.sample(among, chance.randint(0, len(among)))))

    width, height = chance.choice(((1600, 900), (700, 1000), (0, 0), (1000, 800)))
    changes: dict[str, object] = {
        "rating": chance.choice(list(Rating)),
        "tags": PostTags(general=some(*WORDS[:3], *WORDS[5:]), character=some(WORDS[3]), copyright=some(WORDS[4])),
        "score": chance.randint(-10, 30),
        "fav_count": chance.randint(0, 9),
        "created_at": chance.choice(
            (
                NOW - timedelta(seconds=chance.randint(0, 120 * 86400)),
                datetime(2024, 3, chance.randint(9, 11), 5 - chance.randint(0, 1), tzinfo=UTC),  # about midnight there
                datetime(2024, 3, 10, chance.randint(4, 9), 59, 59, tzinfo=UTC),
            )
        ),
        "parent_id": chance.choice((None, 7, 12)),
        "has_children": chance.random() < 0.2,
        "is_pending": chance.random() < 0.2,
        "is_flagged": chance.random() < 0.2,
        "is_deleted": chance.random() < 0.2,
        "is_banned": chance.random() < 0.2,
        "source": chance.choice(SOURCES),
        "duration_s": chance.choice((None, None, 12.5, 40.0)),
        "width": width,
        "height": height,
        "ext": chance.choice(("jpg", "png", "gif")),
        "size": chance.randint(100, 4000),
        "ai_tags": chance.choice((None, (), (AiTag("hat", 50), AiTag("solo", 79)), (AiTag("solo", 80),))),
    }
    if chance.random() < 0.1:
        changes |= {"file": None, "renditions": (), "hidden_reason": "banned"}
    return make_post(number, **changes)


def random_expression(chance: random.Random, depth: int = 0) -> str:
    term = chance.choice(TERMS)
    kind = chance.random()
    if depth < 3 and kind < 0.5:
        joined = chance.choice((" ", " or ")).join(random_expression(chance, depth + 1) for _ in range(2))
        term = f"({joined})"
    return f"-{term}" if chance.random() < 0.3 else term


async def test_the_database_and_the_record_agree_on_every_expression(archive: Archive, root: Path) -> None:
    chance = random.Random(20240601)
    posts = [random_post(number, chance) for number in range(1, 61)]
    await list_posts(archive, posts)
    expressions = [*TERMS, *(f"-{term}" for term in TERMS), *(random_expression(chance) for _ in range(100))]

    with open_reader(root) as reader:
        for expression in expressions:
            found = [row[1] for row in reader.query(expression, now=NOW).rows]
            expected = [post.id for post in reversed(posts) if matcher(parse(expression).root, NOW)(post)]
            assert found == expected, expression
            assert [row[1] for row in reader.query(expression, 7, now=NOW).rows] == expected[:7], expression


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    root = tmp_path_factory.mktemp("query") / "gallery-data"
    asyncio.run(fill(root))
    with open_reader(root) as reader:
        yield reader


async def fill(root: Path) -> None:
    """Four posts: kept and stored, deleted but labelled keep, undecided for a fault, in trouble."""
    archive = Archive.open(new_gallery(root), NO_RESERVE)
    posts = [make_post(number) for number in (1, 2, 3, 4)]
    await archive.save_targets("demo", [Target("mona", "mona_(genshin_impact)")])
    await list_posts(archive, posts)
    await archive.file_look(sight(posts[0], decide("keep", score=0.9)))
    await keep(archive, posts[0])
    await archive.file_look(sight(posts[1], decide("delete", score=0.4)))
    await relabel(archive, [Label(2, "demo", "mona", LabelValue.KEEP, "me", "click-1")])
    fault = Decision("mona", DecisionValue.UNDECIDED, DecidedBy.FAULT, "undecodable", "p1", model_hash=CARD.hash)
    await archive.file_look(sight(posts[2], fault, rendition=None, stored=None, look=Look(fault="undecodable")))
    attempt = await archive.begin_attempt(posts[3], "rendition", "http://127.0.0.1/x")
    await archive.fail_attempt(attempt, Failure("404", "unavailable"))
    await archive.register_model(CARD, {"round": 0}, activate=True)
    await archive.aclose()


@pytest.mark.parametrize(
    ("expression", "ids"),
    [
        ("decision:keep", [2, 1]),
        ("decision:undecided", [3]),
        ("decision:none", [4]),
        ("-decision:keep", [4, 3]),
        ("decision:keep,undecided", [3, 2, 1]),
        ("label:keep", [2]),
        ("label:none hat", [4, 3, 1]),
        ("p:>=0.9", [1]),
        ("p:..0.5", [2]),
        ("p:none", [4, 3]),
        ("model:mona/1", [2, 1]),
        ("model:mona/*", [2, 1]),
        ("target:mona", [3, 2, 1]),
        ("target:none", [4]),
        ("place:gallery", [1]),
        ("place:none", [4, 3, 2]),
        ("-place:any", [4, 3, 2]),
        ("round:0", [3, 2, 1]),
        ("round:>0", []),
        ("error:any", [4, 3]),
        ("error:404", [4]),
        ("error:undeco*", [3]),
        ("order:p limit:1", [1]),
        ("order:p_asc p:any", [2, 1]),
        ("order:uncertain p:any", [2, 1]),
        ("order:id", [1, 2, 3, 4]),
        ("id:2 or decision:undecided", [3, 2]),
    ],
)
async def test_our_own_terms_ask_what_was_decided(reader: Reader, expression: str, ids: list[int]) -> None:
    assert [row["post_id"] for row in reader.query(expression).mappings()] == ids


AI_TERMS = (
    ("ai:hat", [4, 2, 1]),
    ("-ai:hat", [6, 5, 3]),
    ("ai:hat,>=80", [4, 1]),
    ("ai:hat,70..75", [2]),
    ("ai:hat,0", [5, 3]),
    ("ai:mona_(genshin_impact),<10", [1]),
    ("ai:mona_(genshin_impact),0", [4, 3, 2, 1]),
    ("ai:ghost,0", [5, 4, 3, 2, 1]),
)


async def test_ai_terms_ask_the_sites_tagger_and_the_users(archive: Archive, root: Path) -> None:
    """1 and 4: the user's; 2: the site's; 3: the site's says nothing of a hat; 5: both, of another tag; 6: neither."""
    posts = [make_post(number, ai_tags=(AiTag("solo", 9),) if number in (3, 5) else None) for number in range(1, 7)]
    posts[1] = make_post(2, ai_tags=(AiTag("hat", 72),))
    given = {
        1: {"hat": 0.804, "mona_(genshin_impact)": 0.03},
        4: {"hat": 0.95},
        5: {"mona_(genshin_impact)": 0.6},
    }
    await list_posts(archive, posts)
    for post in posts:
        tags = TaggerTags("c" * 64, "wd-vit", given[post.id]) if post.id in given else None
        await archive.file_look(sight(post, look=replace(sight(post).look, tagger_tags=tags)))

    with open_reader(root) as reader:
        for expression, ids in AI_TERMS:
            assert [row["post_id"] for row in reader.query(expression).mappings()] == ids, expression


async def test_the_tagger_is_held_against_the_tags_of_the_posts(archive: Archive, root: Path) -> None:
    """Of mona's four posts it saw three and names two; of two of others it names one; one names nobody."""
    mona, other = "mona_(genshin_impact)", PostTags(character=("fischl",))
    tags = {1: {}, 2: {mona: 0.5}, 3: {mona: 0.49}, 4: {mona: 0.9}, 5: {mona: 0.7}, 6: {}, 7: {mona: 1.0}}
    changes = {5: {"tags": other}, 6: {"tags": other}, 7: {"tags": PostTags()}}
    posts = [make_post(number, **changes.get(number, {})) for number in tags]
    await list_posts(archive, posts)
    for post in posts:
        tagger_tags = TaggerTags("c" * 64, "wd-vit", tags[post.id]) if post.id > 1 else None
        await archive.file_look(sight(post, look=replace(sight(post).look, tagger_tags=tagger_tags)))

    with open_reader(root) as reader:
        found = reader.tagger_agreement("demo", Target("mona", mona))

    assert found == TaggerAgreement(tagged=3, tagged_named=2, others=2, others_named=1)


async def test_a_tagger_that_looks_again_takes_the_place_of_the_one_before(archive: Archive, root: Path) -> None:
    post = make_post(1)
    await list_posts(archive, [post])
    for tagger, tags in (("c" * 64, {"hat": 0.9, "solo": 0.8}), ("d" * 64, {"hood": 0.7}), ("c" * 64, {})):
        look = replace(sight(post).look, tagger_tags=TaggerTags(tagger, tagger[:1], tags))
        await archive.file_look(sight(post, look=look))
        with open_reader(root) as reader:
            rows = reader.sql(
                "SELECT ai_name.name, value, tagger.name FROM tagger_look JOIN tagger ON tagger.id = tagger_id "
                "LEFT JOIN tagger_tag USING (version_id) LEFT JOIN ai_name ON ai_name.id = name_id ORDER BY 1"
            ).rows

        expected = [(name, value, tagger[:1]) for name, value in sorted(tags.items())]
        assert rows == (expected or [(None, None, "c")])


async def test_the_rows_have_the_columns_of_the_view(reader: Reader) -> None:
    by_query = reader.query("order:id")
    by_hand = reader.sql("SELECT * FROM results ORDER BY post_id")

    assert by_query.columns == by_hand.columns == COLUMNS
    assert by_query.rows == by_hand.rows


@pytest.mark.parametrize(
    ("expression", "suggestion"),
    [("decision:kep", "keep"), ("place:galery", "gallery"), ("order:idd", "order:id"), ("label:delet", "delete")],
)
async def test_a_typing_error_in_our_own_terms_gets_a_suggestion(
    reader: Reader, expression: str, suggestion: str
) -> None:
    with pytest.raises(QueryError, match=suggestion):
        reader.query(expression)


@pytest.mark.fault("D15")
@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM post",
        "INSERT INTO tag (name, category) VALUES ('x', 'general')",
        "UPDATE post SET score = 1",
        "DROP TABLE post",
        "CREATE TEMP TABLE t (x)",
        "ATTACH DATABASE '/tmp/other.db' AS other",
        "PRAGMA writable_schema=ON",
        "VACUUM INTO '/tmp/copy.db'",
        "SELECT load_extension('x')",
        "SELECT 1; SELECT 2",
        "BEGIN IMMEDIATE",
        "SELEC 1",
        "",
    ],
)
async def test_sql_of_the_users_own_can_only_read(reader: Reader, text: str) -> None:
    before = reader.digest()

    with pytest.raises(QueryError):
        reader.sql(text)

    assert reader.digest() == before


async def test_sql_of_the_users_own_may_be_clever(reader: Reader) -> None:
    rows = reader.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT count(*) AS c FROM n"
    )

    assert list(rows.mappings()) == [{"c": 3}]


@pytest.mark.fault("D15")
@pytest.mark.parametrize("hostile", ["' OR 1=1 --", '"; DROP TABLE post', "a%b_c", "x\x00y", "\u202etxet"])
async def test_hostile_words_are_words(reader: Reader, hostile: str) -> None:
    for words in (hostile.replace(" ", ""), to_text(Metatag("source", hostile))):
        with contextlib.suppress(QueryError):  # what cannot be a tag, or in no text, is refused
            assert reader.query(words).rows == []
    assert reader.status().posts == 4


async def test_status_counts_everything(reader: Reader) -> None:
    status = reader.status()

    assert (status.posts, status.hidden, status.gaps, status.open_attempts) == (4, 0, 0, 0)
    assert status.decisions == {"mona": {"keep": 2, "undecided": 1}}
    assert status.places == {"mona": {"gallery": 1, "none": 2}}
    assert status.labels == {"keep": 1}
    assert status.versions == {"known": 3, "unavailable": 1}
    assert status.troubles == {"404": 1}
    assert [model.card for model in status.models] == [CARD]
    assert status.bytes_originals == len(content_of(1))
    assert status.bytes_database > 0


async def test_judged_says_what_holds_and_what_the_tags_say(reader: Reader) -> None:
    judged = reader.judged("demo", Target("mona", "mona_(genshin_impact)"))

    assert [(one.post_id, one.kept, one.tagged, one.decision) for one in judged] == [
        (1, True, True, "keep"),
        (2, True, True, "keep"),
        (3, False, True, "undecided"),
    ]


async def test_two_galleries_in_the_same_state_have_the_same_digest(tmp_path: Path) -> None:
    digests = []
    for name, order in (("one", (1, 2)), ("two", (2, 1))):
        async with Archive.open(tmp_path / name, NO_RESERVE) as archive:
            posts = {number: make_post(number) for number in order}
            await list_posts(archive, list(posts.values()))
            for number in order:
                await archive.file_look(sight(posts[number]))
                await keep(archive, posts[number])
        with open_reader(tmp_path / name) as reader:
            digests.append(reader.digest())

    assert digests[0] == digests[1]
