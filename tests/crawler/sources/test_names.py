from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from crawler.errors import AmbiguousTag, UnknownTag
from crawler.sources.names import resolve_tag, resolve_target
from storage.errors import BadName
from storage.names import TagName, qualifiers, unqualified
from storage.records import TagCategory
from tests.crawler.scenes import client_of, json_response

CHARACTER, COPYRIGHT, GENERAL = 4, 3, 0


@dataclass
class Dictionary:
    """A site's tags."""

    tags: dict[str, tuple[int, int]]  # name -> category, posts
    aliases: dict[str, str] = field(default_factory=dict)
    implications: list[tuple[str, str]] = field(default_factory=list)
    other_names: dict[str, str] = field(default_factory=dict)
    suggests: list[str] = field(default_factory=list)

    def row(self, name: str) -> dict[str, Any]:
        category, posts = self.tags[name]
        return {"name": name, "category": category, "post_count": posts}


def site_of(dictionary: Dictionary) -> Any:
    """The dictionary as a site answers from it."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        params, path = request.url.params, request.url.path
        if path == "/tags.json":
            return json_response([dictionary.row(name) for name in _names(dictionary, params)])
        if path == "/tag_aliases.json":
            if "search[consequent_name_comma]" in params:
                return json_response(_aliases_to(dictionary, params["search[consequent_name_comma]"].split(",")))
            antecedent = params["search[antecedent_name]"]
            rows = [
                {
                    "antecedent_name": antecedent,
                    "consequent_name": dictionary.aliases.get(antecedent),
                    "status": "active",
                }
            ]
            return json_response(rows if antecedent in dictionary.aliases else [])
        if path == "/tag_implications.json":
            return json_response(
                [{"antecedent_name": one, "consequent_name": other} for one, other in dictionary.implications]
            )
        if path == "/autocomplete.json":
            return json_response(_completions(dictionary, params["search[query]"]))
        return json_response([])

    return answer


def _aliases_to(dictionary: Dictionary, names: list[str]) -> list[dict[str, Any]]:
    links = dictionary.aliases.items()
    return [{"antecedent_name": old, "consequent_name": new, "status": "active"} for old, new in links if new in names]


def _names(dictionary: Dictionary, params: Any) -> list[str]:
    if "search[name_comma]" in params:
        return [name for name in params["search[name_comma]"].split(",") if name in dictionary.tags]
    if "search[name_matches]" in params:
        start = params["search[name_matches]"].removesuffix("*")
        return [name for name in dictionary.tags if name.startswith(start)]
    return []


def _completions(dictionary: Dictionary, query: str) -> list[dict[str, Any]]:
    rows = [{"type": "tag-autocorrect", "value": name, "antecedent": query} for name in dictionary.suggests]
    if query in dictionary.other_names:
        rows.append({"type": "tag-other-name", "value": dictionary.other_names[query], "antecedent": query})
    return rows


MONA = "mona_(genshin_impact)"
PACT = "mona_(pact_of_stars_and_moon)_(genshin_impact)"
GALLERY = Dictionary(
    {
        "genshin_impact": (COPYRIGHT, 250_000),
        MONA: (CHARACTER, 7000),
        PACT: (CHARACTER, 9000),
        "mona_(shantae)": (CHARACTER, 40),
        "mona_megistus": (CHARACTER, 0),
        "rin_(a)": (CHARACTER, 10),
        "rin_(b)": (CHARACTER, 900),
        "rin_tohsaka": (CHARACTER, 5),
        "saber_(fate)": (CHARACTER, 60),
        "saber_(fire_emblem)": (CHARACTER, 90),
        "fate/stay_night": (COPYRIGHT, 1000),
        "hat": (GENERAL, 100),
    },
    aliases={"genshin": "genshin_impact", "mona_megistus": MONA},
    implications=[(PACT, MONA), ("mona_(summer)_(pact)", PACT), (MONA, "unrelated")],
    other_names={"莫娜": MONA, "モナ": MONA},
    suggests=["genshin_impact", "hat"],
)


async def target_of(typed: str, *within: str) -> tuple[str, str, str]:
    async with client_of(site_of(GALLERY)) as (client, _):
        found = await resolve_target(client, typed, within)
    return found.target.tag, found.target.name, found.how


async def test_a_tag_is_found_as_it_is_typed() -> None:
    async with client_of(site_of(GALLERY)) as (client, _):
        found = await resolve_tag(client, " Genshin Impact ")

    assert (found.name, found.category, found.post_count, found.how) == (
        "genshin_impact",
        TagCategory.COPYRIGHT,
        250_000,
        "exact",
    )


async def test_an_alias_leads_to_what_it_stands_for() -> None:
    async with client_of(site_of(GALLERY)) as (client, _):
        found = await resolve_tag(client, "genshin")

    assert (found.name, found.how) == ("genshin_impact", "alias")


@pytest.mark.parametrize(("typed", "within"), [("mona", MONA), ("mona", "mona_(shantae)"), ("saber", "shirou_(fate)")])
async def test_a_character_that_is_crawled_or_of_its_series_is_preferred(typed: str, within: str) -> None:
    async with client_of(site_of(GALLERY)) as (client, _):
        found = await resolve_target(client, typed, [within])

    assert found.target.tag == (within if typed == "mona" else "saber_(fate)")


async def test_an_emptied_tag_is_followed_to_its_successor() -> None:
    assert await target_of("mona_megistus") == (MONA, "mona_megistus", "alias")


@pytest.mark.parametrize("typed", ["莫娜", "モナ"])
async def test_a_name_in_another_script_is_found(typed: str) -> None:
    assert await target_of(typed, "genshin_impact") == (MONA, "mona", "other name")


async def test_a_character_is_found_without_its_series_and_before_its_costumes() -> None:
    assert await target_of("mona", "genshin_impact") == (MONA, "mona", "series left out")


async def test_a_franchise_counts_as_the_series() -> None:
    assert (await target_of("saber", "fate/stay_night"))[0] == "saber_(fate)"


async def test_a_character_of_two_other_series_is_ambiguous() -> None:
    with pytest.raises(AmbiguousTag) as caught:
        await target_of("rin", "genshin_impact")

    assert caught.value.candidates == ("rin_(b)", "rin_(a)") and caught.value.exit_code == 2


async def test_costumes_name_the_target_too_over_any_number_of_steps() -> None:
    async with client_of(site_of(GALLERY)) as (client, _):
        found = await resolve_target(client, "mona", ["genshin_impact"])

    assert found.target.variants == (PACT, "mona_(summer)_(pact)")


async def test_a_general_tag_may_be_a_target() -> None:
    assert await target_of("hat") == ("hat", "hat", "exact")


async def test_an_unknown_word_gets_the_likeliest_hints_and_exit_code_2() -> None:
    async with client_of(site_of(GALLERY)) as (client, _):
        with pytest.raises(UnknownTag, match="did you mean genshin_impact") as caught:
            await resolve_tag(client, "genshin_impct")

    assert caught.value.suggestions == ("genshin_impact",) and caught.value.exit_code == 2


@pytest.mark.fault("C02")
@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "-mona",
        "~mona",
        "a,b",
        "mo*na",
        "x" * 3000,
        "mo\x1bna",
        "mo\0na",
        "rating:g",
        "order:score",
        "a\u202eb",
    ],
)
async def test_what_cannot_be_a_tag_is_refused_before_anything_is_asked(typed: str) -> None:
    async with client_of(site_of(GALLERY)) as (client, heard):
        with pytest.raises(BadName) as caught:
            await resolve_tag(client, typed)

    assert heard.requests == [] and caught.value.exit_code == 2 and str(caught.value).isprintable()


@pytest.mark.fault("C02")
@pytest.mark.parametrize(
    "typed", ["..", "../../etc/passwd", "mona'--", 'mo"na', "mo\\na", "莫娜娜", "re:zero", ":)", "a b"]
)
async def test_odd_words_are_asked_for_properly_and_never_become_paths(typed: str) -> None:
    async with client_of(site_of(GALLERY)) as (client, heard):
        with pytest.raises(UnknownTag):
            await resolve_target(client, typed)

    assert {request.url.path for request in heard.requests} <= {
        "/tags.json", "/tag_aliases.json", "/autocomplete.json", "/wiki_pages.json",
    }  # fmt: skip


def test_qualifiers_are_distinguished_from_names() -> None:
    assert unqualified(PACT) == "mona" and qualifiers(PACT) == ["pact_of_stars_and_moon", "genshin_impact"]
    assert unqualified("(o)_(o)") == "(o)" and unqualified("hat") == "hat" and qualifiers(":)") == []
    assert TagName.typed("  Mona (Genshin Impact) ") == MONA
