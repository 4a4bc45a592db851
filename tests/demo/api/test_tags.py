"""Tags, links between them, names they have elsewhere."""

from __future__ import annotations

import pytest

from demo.galleries.gallery import Gallery
from tests.demo.pieces import MONA, STARS, Opened, add_post


@pytest.fixture
def tagged(gallery: Gallery) -> Gallery:
    add_post(gallery, 1, f"{MONA} genshin_impact 1girl")
    add_post(gallery, 2, f"{MONA} {STARS} genshin_impact 1girl")
    add_post(gallery, 3, "mona_(warioware) 1girl")
    add_post(gallery, 4, "genshin_impact 1girl")
    return gallery


async def test_tags_are_found_by_name_pattern_and_category(tagged: Gallery, opened: Opened) -> None:
    async with opened(tagged) as (_, client):

        async def names(query: str) -> list[str]:
            return [tag["name"] for tag in (await client.get(f"/tags.json?{query}")).json()]

        assert await names(f"search[name]={MONA}") == [MONA]
        assert await names("search[name_matches]=mona_*&search[order]=count") == [MONA, STARS, "mona_(warioware)"]
        assert await names("search[category]=3") == ["genshin_impact"]
        assert await names("search[name_comma]=1girl,genshin_impact&search[order]=name") == ["1girl", "genshin_impact"]
        assert await names("search[post_count]=>3") == ["1girl"]
        assert MONA in await names("search[hide_empty]=true")
        assert "keqing_(genshin_impact)" not in await names("search[hide_empty]=true")
        assert len(await names("search[no_such_key]=1")) == len(tagged.tags)


async def test_a_tag_has_the_sites_keys(tagged: Gallery, opened: Opened) -> None:
    async with opened(tagged) as (_, client):
        tag = (await client.get(f"/tags.json?search[name]={MONA}")).json()[0]

    assert set(tag) == {"id", "name", "post_count", "category", "created_at", "updated_at", "is_deprecated", "words"}
    assert (tag["post_count"], tag["category"], tag["words"]) == (2, 4, ["mona", "genshin", "impact"])


async def test_aliases_are_listed_with_their_status(tagged: Gallery, opened: Opened) -> None:
    async with opened(tagged) as (_, client):
        active = (await client.get("/tag_aliases.json?search[antecedent_name]=mona_megistus")).json()
        all_of_them = (await client.get(f"/tag_aliases.json?search[consequent_name]={MONA}")).json()
        live = (await client.get("/tag_aliases.json?search[status]=active")).json()

    assert [(link["consequent_name"], link["status"]) for link in active] == [(MONA, "active")]
    assert (len(all_of_them), len(live)) == (2, 1)


async def test_implications_are_followed_up_and_down(tagged: Gallery, opened: Opened) -> None:
    tagged.add_implication("mona_(new_year)", STARS)

    async with opened(tagged) as (_, client):
        down = (await client.get(f"/tag_implications.json?search[implied_to]={MONA}")).json()
        up = (await client.get("/tag_implications.json?search[implied_from]=mona_(new_year)")).json()

    assert {link["antecedent_name"] for link in down} == {STARS, "mona_(new_year)"}
    assert {link["consequent_name"] for link in up} == {STARS, MONA}


@pytest.mark.parametrize(
    ("query", "first", "kind"),
    [
        ("mona", MONA, "tag"),
        ("mona_meg", MONA, "tag-alias"),
        ("莫娜", MONA, "tag-other-name"),
        ("モナ", MONA, "tag-other-name"),
        ("impact", "genshin_impact", "tag-word"),
        ("gensin_impact", "genshin_impact", "tag-autocorrect"),
    ],
)
async def test_autocomplete_finds(tagged: Gallery, opened: Opened, query: str, first: str, kind: str) -> None:
    async with opened(tagged) as (_, client):
        rows = (
            await client.get("/autocomplete.json", params={"search[query]": query, "search[type]": "tag_query"})
        ).json()

    assert (rows[0]["value"], rows[0]["type"]) == (first, kind)
    assert rows[0]["post_count"] > 0


async def test_autocomplete_shows_that_a_name_is_ambiguous(tagged: Gallery, opened: Opened) -> None:
    async with opened(tagged) as (_, client):
        rows = (await client.get("/autocomplete.json", params={"search[query]": "mona", "search[type]": "tag"})).json()

    assert {row["value"] for row in rows if row["type"] == "tag"} == {MONA, STARS, "mona_(warioware)"}


async def test_wiki_pages_hold_other_names(tagged: Gallery, opened: Opened) -> None:
    async with opened(tagged) as (_, client):
        page = (await client.get(f"/wiki_pages/{MONA}.json")).json()
        pages = (await client.get("/wiki_pages.json", params={"search[other_names_match]": "モナ"})).json()
        moved = await client.get(f"/wiki_pages.json?title={MONA}")
        missing = await client.get("/wiki_pages/nobody.json")

    assert page["other_names"] == ["莫娜", "モナ"]
    assert [row["title"] for row in pages] == [MONA]
    assert (moved.status_code, missing.status_code) == (302, 404)


async def test_related_tags_are_ranked(tagged: Gallery, opened: Opened) -> None:
    async with opened(tagged) as (_, client):
        answer = (await client.get(f"/related_tag.json?query={MONA}&category=character,copyright")).json()
        cosine = (await client.get(f"/related_tag.json?query={MONA}&order=cosine&limit=1")).json()

    assert (answer["post_count"], answer["tag"]["name"]) == (2, MONA)
    assert [row["tag"]["name"] for row in answer["related_tags"]] == ["genshin_impact", MONA, STARS]
    assert answer["related_tags"][2]["frequency"] == 0.5
    assert cosine["related_tags"][0]["tag"]["name"] == MONA
