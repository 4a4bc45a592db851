"""The search language as people type it: in `--tag`, in `--where`, in `crawl query`."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from tests.commands.small_site import MONA, SERIES, SmallSite, small_site

MAIN = ("--tag", SERIES, "--keep", "mona")
ODD = (
    "#unicus_(idolmaster)",
    "100%_orange_juice",
    ":3",
    ";)",
    ">:(",
    "^_^",
    "=_=",
    "fate/grand_order",
    "nier:automata",
)
TEN_IN_THE_EVENING = datetime(2020, 6, 1, 2, tzinfo=UTC).timestamp()  # 22:00 on 31 May, US Eastern time


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with four posts, all but the third kept."""
    with pytest.MonkeyPatch.context() as monkeypatch, small_site(tmp_path_factory.mktemp("site"), monkeypatch) as found:
        fill(found)
        found.post(2, "1girl", "hat", bright=True)
        found.post(3, "hat", ";)")
        found.post(4, ":3", bright=True)
        assert found.crawl(*MAIN).exit_code == 0
        return found.root


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    with small_site(tmp_path, monkeypatch) as found:
        fill(found)
        yield found


def fill(site: SmallSite) -> None:
    """One post of Mona."""
    site.gallery.add_tag(MONA, "character")
    site.gallery.add_alias("mona", MONA)
    site.gallery.add_tag("1girl", "general")
    site.gallery.add_alias("sole_girl", "1girl")
    site.post(1, MONA, "1girl", bright=True)


def query(root: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["query", "--root", str(root), *words])


def plain(result: Result) -> str:
    return " ".join(result.output.split())


def listed(site: SmallSite, where: str) -> int:
    result = site.crawl(*MAIN, "--where", where, "--json", "--quiet")
    assert result.exit_code == 0, result.output
    return int(json.loads(result.stdout.splitlines()[-1])["listed"])


def ids(site: SmallSite, *words: str) -> list[int]:
    return ids_in(site.root, *words)


def ids_in(root: Path, *words: str) -> list[int]:
    result = query(root, "--format", "ids", *words)
    assert result.exit_code == 0, result.output
    return [int(line) for line in result.stdout.splitlines()]


def test_old_ids_with_new_dates_are_listed_too(site: SmallSite) -> None:
    for number in range(2, 206):
        site.gallery.put(site.gallery.posts[1].__class__(**{**_facts(site), "id": number}))
    for old in (1, 2, 3):
        site.gallery.edit(old, created_at=TEN_IN_THE_EVENING)

    assert listed(site, "1girl gentags:>0 date:>=2019-01-01") == 205


def _facts(site: SmallSite) -> dict[str, object]:
    post = site.gallery.posts[1]
    return {name: getattr(post, name) for name in post.__dataclass_fields__}


def test_what_the_site_counts_and_the_walk_does_not_show_is_reported_although_terms_are_checked_here(
    site: SmallSite,
) -> None:
    for number in range(2, 8):
        site.post(number, "1girl")
    site.server.misbehave([{"match": {"path": "/counts/posts.json"}, "do": {"json": {"counts": {"posts": 20}}}}])

    result = site.crawl(*MAIN, "--where", "1girl gentags:>0")

    assert result.exit_code == 3
    assert "the site counts 20 posts, the walk showed 7" in plain(result)


@pytest.mark.parametrize(
    "where",
    [
        *("order:score", "(random:3)", "ORDPOOL:x", "a -ordfav:me", "limit:5", "a or order:id", "-limit:2"),
        *("rating:x", "id:abc", "date:foo", "date:today", "score:>>3", "status:foo", "upvotes:>>3", "(1girl", "a,b"),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_refused_before_anything_is_done(tmp_path: Path, where: str) -> None:
    root = tmp_path / "root"
    result = CliRunner().invoke(app, [*MAIN, "--where", where, "--root", str(root), "--site", "http://127.0.0.1:9"])

    assert result.exit_code == 2
    assert where.strip("()").split()[-1].split(":")[0].strip("-").lower() in result.output
    assert not root.exists()


def test_no_tag_to_walk_orders_or_samples(site: SmallSite) -> None:
    for word in ("order:score", "random:5", "ordpool:x", "ORDFAV:me", "limit:3"):
        assert site.crawl("--tag", word, "--keep", "mona").exit_code == 2, word


def test_tags_with_odd_letters_are_found_wherever_they_are_written(site: SmallSite) -> None:
    for number, tag in enumerate(ODD, 10):
        site.post(number, tag)

    assert listed(site, "(:3 or ;))") == 2
    assert listed(site, f"-({' or '.join(ODD)} )") == 1
    walked = site.crawl("--tag", ";)", "--keep", "mona", "--json", "--quiet")
    assert json.loads(walked.stdout.splitlines()[-1])["listed"] == 1
    assert listed(site, "id:>0") == 1 + len(ODD)
    for number, tag in enumerate(ODD, 10):
        assert ids(site, tag) == [number]
        assert ids(site, f"({tag} or no_such_thing )", "-id:0") == [number]


def test_a_day_is_the_same_day_at_the_site_and_in_a_query(site: SmallSite) -> None:
    site.post(2, MONA, bright=True)
    site.gallery.edit(2, created_at=TEN_IN_THE_EVENING)

    assert listed(site, "date:2020-05-31") == 1
    assert listed(site, "date:2020-06-01") == 0
    assert listed(site, "date:2020-05") == 1
    assert ids(site, "date:2020-05-31") == [2]
    assert ids(site, "date:2020-06-01") == []


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("foo:bar", "no metatag foo:"),
        ("scroe:>3", "did you mean score:>3?"),
        ("post:3", "did you mean id:3?"),
        ("1girl or -raiting:g", "did you mean rating:g?"),
        ("1grl", "did you mean 1girl?"),
    ],
)
def test_a_word_that_the_site_does_not_know_is_refused_and_no_run_recorded(
    site: SmallSite, where: str, message: str
) -> None:
    result = site.crawl(*MAIN, "--where", where)

    assert result.exit_code == 2
    assert message in plain(result)
    with site.reader() as reader:
        assert reader.sql("SELECT count(*) FROM run").rows == [(0,)]


def test_a_tag_with_a_colon_that_exists_stays_a_tag(site: SmallSite) -> None:
    site.post(2, "re:zero")

    assert listed(site, "re:zero") == 1
    assert ids(site, "re:zero") == [2]


def test_a_tag_that_the_site_does_not_have_and_that_changes_nothing_is_reported(site: SmallSite) -> None:
    result = site.crawl(*MAIN, "--where", "-comic (1girl or 2girls)")

    assert result.exit_code == 0
    assert "no tag matches 'comic'; comic changes nothing" in plain(result)
    assert "no tag matches '2girls'" in plain(result)


def test_an_alias_is_followed_also_where_the_term_is_checked_here(site: SmallSite) -> None:
    site.post(2, "1girl", "hat")
    site.post(3, "hat")

    assert listed(site, "hat gentags:>0 sole_girl") == 1


@pytest.mark.parametrize(
    "word", ["foo:bar", "-scroe:3", "scroe:*", "rating:x", "id:abc", "order:foo", "score:>>3", "a)"]
)
def test_a_query_refuses_what_could_find_nothing(crawled: Path, word: str) -> None:
    assert query(crawled, word).exit_code == 2


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("decision:keep", "order:id"), [1, 2, 4]),
        (("decision:keep", "order:id", "limit:1"), [1]),
        ((f"-{MONA}", "order:id"), [2, 3, 4]),
        (("-1girl",), [4, 3]),
        (("-original", "-f", "ids", "id:>2"), [4, 3]),
        (("-fischl", "-fids", "id:4"), [4]),
        (("(hat", "or", "-1girl)", "order:id"), [2, 3, 4]),
        (("(:3", "or", ";))"), [4, 3]),
        (("--limit", "1", "-hat"), [4]),
        (("--", "-hat", "order:id"), [1, 4]),
        (("ＨＡＴ",), [3, 2]),
    ],
)
def test_words_of_a_query_are_joined_and_may_begin_with_a_minus(
    crawled: Path, words: tuple[str, ...], found: list[int]
) -> None:
    assert ids_in(crawled, *words) == found


@pytest.mark.parametrize("option", ["--formt", "--limt", "--roots"])
def test_a_misspelt_option_of_a_query_is_refused(crawled: Path, option: str) -> None:
    result = query(crawled, "hat", option, "ids")

    assert result.exit_code == 2
    assert f"no such option: {option}" in plain(result)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("mona", f"did you mean {MONA}?"),
        ("monna", f"did you mean {MONA}?"),
        ("mona_megistus_*", "no post here has a tag mona_megistus_*"),
        ("1grl", "did you mean 1girl?"),
        ("target:monna", "did you mean target:mona?"),
        ("ＭＯＮＡ", f"did you mean {MONA}?"),
    ],
)
def test_a_query_that_finds_nothing_says_what_may_be_meant(crawled: Path, word: str, message: str) -> None:
    result = query(crawled, word)

    assert result.exit_code == 0
    assert message in plain(result)


def test_a_query_that_finds_something_gives_no_hints(crawled: Path) -> None:
    assert "did you mean" not in plain(query(crawled, "1girl or mona"))
