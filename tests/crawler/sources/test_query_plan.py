import pytest

from crawler.errors import TagLimit, UsageError
from crawler.sources.query_plan import crawl_terms, plan
from storage.errors import QueryError
from storage.search.language import counted_terms, parse, to_text


def test_a_search_within_the_limit_goes_to_the_site_as_it_is() -> None:
    planned = plan(["genshin_impact"], crawl_terms("-mona_(genshin_impact)"), tag_limit=2)

    assert planned.server == "genshin_impact -mona_(genshin_impact)"
    assert planned.local is None and planned.lines == ()


def test_free_terms_always_go_to_the_site() -> None:
    planned = plan(["genshin_impact", "solo"], crawl_terms("score:>5 tagcount:<15 id:<1000 is:sfw", "g,s"), tag_limit=2)

    assert planned.local is None
    assert planned.server == "genshin_impact solo rating:g,s score:>5 tagcount:<15 id:<1000 is:sfw"


def test_terms_over_the_limit_are_checked_here_and_reported() -> None:
    planned = plan(["genshin_impact"], crawl_terms("-mona_(genshin_impact) solo chartags:<2"), tag_limit=2)

    assert planned.server == "genshin_impact solo"
    assert planned.local is not None and to_text(planned.local) == "-mona_(genshin_impact) chartags:<2"
    assert "2 terms" in planned.lines[0] and "chartags:<2" in planned.lines[0]


def test_the_rarest_tag_stays_with_the_site() -> None:
    planned = plan(
        ["1girl", "genshin_impact", "tail"],
        crawl_terms(""),
        tag_limit=1,
        counts={"1girl": 6_000_000, "tail": 900, "genshin_impact": 250_000},
    )

    assert planned.server == "tail"


def test_what_only_the_site_knows_stays_with_the_site() -> None:
    planned = plan(["genshin_impact", "solo"], crawl_terms("commentary:true"), tag_limit=2)

    assert "commentary:true" in planned.server and to_text(planned.local or parse("").root) == "solo"


def test_a_shortened_tag_stays_with_the_site() -> None:
    planned = plan(["genshin_impact"], crawl_terms("solo hat /gi"), tag_limit=2)

    assert planned.server == "genshin_impact /gi" and to_text(planned.local or parse("").root) == "solo hat"


def test_a_bad_value_is_refused_and_not_taken_for_one_that_only_the_site_knows() -> None:
    for where in ("score:>>3", "(hat or upvotes:few)", "-date:today", "age:3q", "status:foo", "has:foo", "embedded:x"):
        with pytest.raises(QueryError) as refused:
            plan(["genshin_impact"], crawl_terms(where), tag_limit=2)
        assert refused.value.exit_code == 2


def test_too_much_that_only_the_site_knows_is_refused() -> None:
    with pytest.raises(TagLimit, match="pool:3") as caught:
        plan(["a"], crawl_terms("fav:me commentary:true pool:3"), tag_limit=2)

    assert caught.value.exit_code == 2


def test_alternatives_count_each_and_stay_together() -> None:
    planned = plan(["genshin_impact"], crawl_terms("(mona_(genshin_impact) or fischl_(genshin_impact))"), tag_limit=2)

    assert planned.server == "genshin_impact"
    assert to_text(planned.local or parse("").root) == "(mona_(genshin_impact) or fischl_(genshin_impact))"


def test_without_a_limit_everything_goes_to_the_site() -> None:
    assert plan(["a"], crawl_terms("b c d e f -g"), tag_limit=None).local is None


def test_a_repeated_term_counts_once() -> None:
    assert plan(["a", "a"], crawl_terms("a b"), tag_limit=2).server == "a b"


@pytest.mark.parametrize("limit", [1, 2, 3, 6])
@pytest.mark.parametrize(
    "where", ["", "-b", "b c d", "(b or c) -d score:>3", "wild*card -source:none chartags:0 arttags:1"]
)
def test_no_plan_ever_exceeds_the_limit_or_loses_a_term(where: str, limit: int) -> None:
    planned = plan(["a"], crawl_terms(where, "g"), tag_limit=limit)

    assert len(counted_terms(parse(planned.server))) <= limit
    terms = counted_terms(parse(planned.server)) | (
        counted_terms(parse(to_text(planned.local))) if planned.local is not None else frozenset()
    )
    assert terms == counted_terms(parse(f"a {where}"))


@pytest.mark.parametrize(
    ("where", "advice"),
    [
        ("order:score", "leave it out"),
        ("(b (id:3,2,1 ORDER:custom))", "leave it out"),
        ("limit:5", "--limit 5"),
        ("LIMIT:5 b", "--limit 5"),
        ("random:5", "--limit"),
        ("-(b random:5)", "--limit"),
        ("ordpool:12", "pool:12"),
        ("OrdFav:me or b", "fav:me"),
        ('~ordfavgroup:"my best" ~b', 'favgroup:"my best"'),
        ("decision:keep", "crawl query"),
        ("-label:keep", "crawl query"),
    ],
)
def test_what_makes_no_sense_in_a_crawl_is_refused_with_advice(where: str, advice: str) -> None:
    with pytest.raises(UsageError, match=advice) as refused:
        plan(["a"], crawl_terms(where), tag_limit=2)

    assert refused.value.exit_code == 2


@pytest.mark.parametrize("where", ["-order:score", "b or limit:5", "(~order:p ~b)", "-(limit:3 b)"])
def test_an_order_or_limit_that_is_no_setting_is_refused_by_name(where: str) -> None:
    with pytest.raises(QueryError, match=r"order:|limit:") as refused:
        plan(["a"], crawl_terms(where), tag_limit=2)

    assert refused.value.exit_code == 2


def test_a_rating_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="g, s, q, e"):
        plan(["a"], crawl_terms("", "safe"), tag_limit=2)


def test_all_ratings_are_no_condition() -> None:
    assert plan(["a"], crawl_terms("", "g,s,q,e"), tag_limit=2).server == "a"


def test_an_unreadable_refinement_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(QueryError):
        plan(["a"], crawl_terms("(b c"), tag_limit=2)
