"""One meaning: a post fits an expression here exactly when the demo gallery, reading by itself, finds it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from crawler.sources.query_plan import crawl_terms, plan
from demo.accounts import VISITOR, Account
from demo.galleries.gallery import Gallery, GalleryPost
from demo.paint.file_facts import FileFacts
from demo.search.metatags import Asker
from demo.search.query import find, parse_search
from storage.records import AiTag, FileVersion, Post, PostTags, Rating
from storage.search import days
from storage.search.language import parse
from storage.search.match import matcher

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2024, 6, 1, 15, 30, tzinfo=UTC)
TAGS = ("hat", "1girl", ":)", ";)", ">:(", "^_^", "re:zero", "100%_orange_juice", "foo_(bar)", "x\\y", "a'b")
TERMS = (
    *("hat", ":)", ";)", ">:(", "^_^", "re:zero", "100%_orange_juice", "foo_(bar)", "x\\y", "a'b", "no_such_tag"),
    *(
        "rating:g",
        "rating:q,e",
        "is:sfw",
        "is:nsfw",
        "score:>0",
        "score:<=-3",
        "score:-3..5",
        "score:5...8",
        "score:1,2",
    ),
    *("id:<20", "id:7..30", "id:3,5,9", "favcount:3..", "favcount:..3", "width:>=800", "height:<700", "tagcount:<4"),
    *("gentags:2", "mpixels:0.8", "mpixels:>0.5", "ratio:16:9", "ratio:1.78", "ratio:<1", "ratio:1.43", "ratio:>=1.42"),
    *("filesize:2kb", "filesize:>1kb", "filesize:2000,1024", "filesize:1500", "duration:40s", "duration:<1:00"),
    *(
        "duration:none",
        "filetype:png,gif",
        "is:png",
        "parent:any",
        "parent:7",
        "parent:none",
        "child:any",
        "child:none",
    ),
    *(
        "status:deleted",
        "status:active",
        "status:modqueue",
        "is:banned",
        "source:none",
        "source:https://a",
        "source:*/b*",
    ),
    *("ai:hat", "ai:hat,>=80", "ai:hat,0", "date:2024-03-10", "date:2024-03-09", "date:10/3/2024", "date:2024.03.10"),
    *(
        "date:2024-03-10..2024-03-11",
        "date:2024-03-10...2024-03-11",
        "date:2024-03-11..2024-03-10",
        "date:..2024-03-10",
    ),
    *("date:>2024-03-10", "date:>=2024-03-10", "date:<2024-03-10", "date:<=2024-03-10", "date:2024-03-10.."),
    *("date:2024-03-10T01:30", "date:>=2024-03-10T03:30", "date:2023-11-05", "date:2023-11-05..2023-11-06"),
    *("date:20240310", "date:any", "date:2024-03-10,>2024-05-01", "date:2024-03-10T05:00Z..2024-03-10T07:00:00-0400"),
    *(
        "age:1d",
        "age:<1d",
        "age:>=24h",
        "age:12w",
        "age:<12w",
        "age:>=83d",
        "age:1w3d..4mo",
        "age:<1y",
        "age:30",
        "age:2d4h",
    ),
)
OURS = {
    "date:2024-03": lambda at: (at.year, at.month) == (2024, 3),
    "date:2024": lambda at: at.year == 2024,
    "date:2023-11..2024-03": lambda at: at.timestamp() <= MARCH and at >= datetime(2023, 11, 1, tzinfo=NEW_YORK),
    "date:2024-03-09,2024-03-11": lambda at: (at.month, at.day) in ((3, 9), (3, 11)),
    "date:>2024-03": lambda at: at.timestamp() > MARCH,
}  # forms that the site does not know, and what they mean by the calendar of New York
MARCH = datetime(2024, 3, 1, tzinfo=NEW_YORK).timestamp()


@dataclass
class Pair:
    """The same post at the demo and here."""

    there: GalleryPost
    here: Post


def moments(chance: random.Random) -> list[datetime]:
    """Many around midnights and around the hours that summer time skips and repeats, there and in UTC."""
    found = [datetime(2024, 6, 1, tzinfo=UTC) - timedelta(seconds=chance.randint(0, 250 * 86_400)) for _ in range(60)]
    for day in ((2023, 11, 5), (2023, 11, 6), (2024, 3, 9), (2024, 3, 10), (2024, 3, 11), (2024, 3, 12), (2024, 5, 31)):
        for zone in (UTC, NEW_YORK):
            midnight = datetime(*day, tzinfo=zone)
            found += [midnight + timedelta(seconds=seconds) for seconds in (-1, 0, 1, 5400, 9000, 12_600)]
    return [moment.astimezone(UTC) for moment in found]


def pairs() -> tuple[Gallery, list[Pair]]:
    chance = random.Random(42)
    gallery = Gallery()
    made = [_pair(number, created, chance) for number, created in enumerate(moments(chance), 1)]
    for pair in made:
        assert pair.here.file is not None
        facts = FileFacts(
            pair.there.picture, pair.here.size, 1, 1, pair.here.ext, "0" * 32, "", duration=pair.here.duration_s
        )
        gallery.add_file(pair.there.picture, facts)
        gallery.put(pair.there)
    families = {pair.there.parent_id for pair in made}
    return gallery, [Pair(p.there, _with_children(p.here, p.here.id in families)) for p in made]


def _with_children(post: Post, has_children: bool) -> Post:
    from dataclasses import replace

    return replace(post, has_children=has_children)


def _pair(number: int, created: datetime, chance: random.Random) -> Pair:
    tags = tuple(sorted(chance.sample(TAGS, chance.randint(1, 5))))
    width, height = chance.choice(((1600, 900), (700, 1000), (1000, 700), (1000, 800), (713, 499)))
    md5, ext = f"{number:032x}", chance.choice(("jpg", "png", "gif"))
    flags = {name: chance.random() < 0.2 for name in ("is_pending", "is_flagged", "is_deleted", "is_banned")}
    rating, score, favs = chance.choice("gsqe"), chance.randint(-6, 9), chance.randint(0, 6)
    parent, source = chance.choice((None, None, 7, 12)), chance.choice(("", "https://a.example/b", "https://c/b1"))
    ai, duration = chance.choice(((), (("hat", 50),), (("hat", 85),))), chance.choice((None, 40.0, 12.5))
    size = chance.choice((1000, 1024, 1500, 2000, 2048, 2150))
    there = GalleryPost(
        id=number, picture=md5, width=width, height=height, ext=ext, tags=tags, created_at=created.timestamp(),
        updated_at=created.timestamp(), rating=rating, up_score=max(score, 0), down_score=min(score, 0), fav_count=favs,
        parent_id=parent, source=source, ai_tags=ai, **flags,
    )  # fmt: skip
    here = Post(
        site="demo", id=number, created_at=created, updated_at=created, rating=Rating(rating),
        tags=PostTags(general=tags), file=FileVersion(md5, ext, size, width, height, "http://127.0.0.1/a"),
        ai_tags=tuple(AiTag(*one) for one in ai),
        score=score, fav_count=favs, source=source, parent_id=parent, width=width, height=height, ext=ext, size=size,
        duration_s=duration, **flags,
    )  # fmt: skip
    return Pair(there, here)


GALLERY, PAIRS = pairs()


def found_there(text: str, account: Account = VISITOR) -> set[int]:
    return set(find(parse_search(text, None), Asker(GALLERY, account, NOW.timestamp())))


def fitting_here(text: str) -> set[int]:
    fits = matcher(parse(text).root, NOW)
    return {pair.here.id for pair in PAIRS if fits(pair.here)}


@pytest.mark.parametrize("term", TERMS)
def test_a_term_means_here_what_it_means_there(term: str) -> None:
    assert fitting_here(term) == found_there(term)
    assert fitting_here(f"-{term}") == found_there(f"-{term}")


def test_the_terms_tell_posts_apart() -> None:
    """A term that fits all or none would agree by chance."""
    distinguishing = [term for term in TERMS if 0 < len(found_there(term)) < len(PAIRS)]
    assert len(distinguishing) > 0.9 * len(TERMS)


def test_random_expressions_mean_the_same_on_both_sides() -> None:
    chance = random.Random(20200531)

    def expression(depth: int = 0) -> str:
        kind = chance.random()
        if depth > 2 or kind < 0.3:
            return chance.choice(TERMS)
        one, other = expression(depth + 1), expression(depth + 1)
        return chance.choice(("({} or {} )", "{} {}", "({} {} )", "-({} {} )", "~({} ) ~({} )", "({} and {} )")).format(
            one, other
        )

    for _ in range(300):
        text = expression()
        assert fitting_here(text) == found_there(text), text


@pytest.mark.parametrize("term", OURS)
def test_months_years_and_lists_of_days_are_sent_in_words_that_the_site_knows(term: str) -> None:
    wanted = {pair.here.id for pair in PAIRS if OURS[term](pair.here.created_at.astimezone(NEW_YORK))}

    assert wanted and fitting_here(term) == wanted
    assert found_there(plan([], crawl_terms(term), tag_limit=2).server) == wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere(Account):
    """An account whose days begin elsewhere."""

    @property
    def time_zone(self) -> str:
        return "Asia/Tokyo"


@pytest.mark.parametrize("term", [term for term in (*TERMS, *OURS) if term.startswith("date:")])
def test_an_account_of_another_time_zone_gets_the_same_days(term: str) -> None:
    server_query = plan([], crawl_terms(term), tag_limit=2, pinned_days=True).server

    assert found_there(server_query, Elsewhere(name="far_away")) == fitting_here(term)


def test_file_types_that_the_site_calls_otherwise_are_sent_in_its_words() -> None:
    assert plan([], crawl_terms("filetype:ugoira,jpeg -is:ugoira"), tag_limit=2).server == "filetype:zip,jpg -is:zip"


def test_without_time_zone_data_the_rules_of_today_serve() -> None:
    by_hand = days._Eastern()
    moment = datetime(2019, 1, 1, tzinfo=UTC)
    while moment < datetime(2021, 1, 1, tzinfo=UTC):
        ours, data = moment.astimezone(by_hand), moment.astimezone(NEW_YORK)
        assert (ours.replace(tzinfo=None), ours.utcoffset(), ours.fold) == (
            data.replace(tzinfo=None),
            data.utcoffset(),
            data.fold,
        )
        wall = data.replace(tzinfo=None)
        for fold in (0, 1):
            assert (
                wall.replace(tzinfo=by_hand, fold=fold).utcoffset()
                == wall.replace(tzinfo=NEW_YORK, fold=fold).utcoffset()
            )
        moment += timedelta(minutes=30)
