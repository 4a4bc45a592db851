"""Sampling: which posts round 0 takes, with few requests to the site."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from rounds.examples.sample import SampleSize, examples_of, sample, well_tagged
from storage.records import AiTag, FileVersion, Post, PostTags, Rating, Rendition, TaggerTags, Target

KIARA = Target("kiara", "takanashi_kiara", ("takanashi_kiara_(casual)",))


def post(number: int, *characters: str, general: tuple[str, ...] = (), artist: tuple[str, ...] = ()) -> Post:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Post(
        site="demo",
        id=number,
        created_at=now,
        updated_at=now,
        rating=Rating.GENERAL,
        tags=PostTags(character=characters, general=general, artist=artist, copyright=("hololive",)),
        file=FileVersion(f"{number:032x}", "jpg", 1, 1, 1, ""),
        renditions=(Rendition("360x360", "", 1, 1, "jpg"),),
    )


@dataclass
class Page:
    posts: tuple[Post, ...]


@dataclass
class Site:
    """A gallery that refuses what an ordinary account may not ask."""

    holds: list[Post]
    asked: list[str] = field(default_factory=list)

    async def posts(self, tags: str, *, page: str, limit: int = 200) -> Page:
        self.asked.append(tags)
        assert sum(":" not in term for term in tags.split()) <= 2, "over the tag limit"
        assert page[0] in "ab", "numbered pages shift, and the first page too follows the search's own order"
        found = sorted(self._matching(tags), key=lambda post: -post.id)
        if page[0] == "a":
            return Page(tuple([post for post in found if post.id > int(page[1:])][-limit:]))
        return Page(tuple([post for post in found if post.id < int(page[1:])][:limit]))

    async def count(self, tags: str) -> int | None:
        return len(self._matching(tags))

    def _matching(self, tags: str) -> list[Post]:
        wanted = {term for term in tags.split() if ":" not in term}
        return [post for post in self.holds if wanted <= post.tags.all()]


def gallery(count: int = 3000) -> Site:
    kinds = [(KIARA.tag,), ("ina",), ("ina",), ("bae",), ()]
    return Site([post(number, *kinds[number % 5]) for number in range(1, count + 1)])


async def test_the_sample_has_positives_others_and_untagged_posts_and_keeps_its_bound() -> None:
    chosen = await sample(gallery(), "hololive", [KIARA], SampleSize(total=1000))

    assert len(chosen.posts()) <= 1000
    assert all(KIARA.named_by(post.tags) for post in chosen.positives)
    assert not any(KIARA.named_by(post.tags) for post in chosen.others)
    assert len(chosen.positives) == 300
    assert len(chosen.unlabelled) >= 200


async def test_a_small_gallery_is_taken_whole() -> None:
    chosen = await sample(gallery(500), "hololive", [KIARA], SampleSize(total=4000))

    assert len({post.id for post in chosen.posts()}) == len(chosen.posts()) == 500


async def test_a_large_gallery_is_sampled_from_all_its_years() -> None:
    chosen = await sample(gallery(15_000), "hololive", [KIARA], SampleSize(total=1000, pages_at_most=30))

    ids = [post.id for post in chosen.others]
    assert min(ids) < 3_000
    assert max(ids) > 12_000
    assert chosen.requests <= 40


async def test_the_users_own_terms_go_with_every_search() -> None:
    site = gallery(500)

    await sample(site, "hololive", [KIARA], SampleSize(total=100), refine="rating:g")

    assert all(question.endswith("rating:g") for question in site.asked)


async def test_a_costume_names_the_target_too() -> None:
    site = Site([post(1, "takanashi_kiara_(casual)"), post(2, "ina"), post(3)])

    chosen = await sample(site, "hololive", [KIARA], SampleSize(total=10))

    assert [post.id for post in chosen.positives] == [1]


async def test_the_same_seed_chooses_the_same_posts() -> None:
    one, other = [await sample(gallery(), "hololive", [KIARA], SampleSize(total=500), seed=4) for _ in range(2)]

    assert one.posts() == other.posts()


@pytest.mark.parametrize(
    ("characters", "general", "expected"),
    [
        (("ina",), ("1girl", "solo"), True),
        (("ina",), (), True),
        (("ina",), ("2girls",), False),  # somebody is missing
        (("ina", "bae"), ("2girls",), True),
        (("ina",), ("multiple_girls", "6+girls"), False),
        (("ina",), ("character_request",), False),
        ((), ("1girl",), False),
    ],
)
def test_only_posts_whose_tags_name_everybody_are_reliable(
    characters: tuple[str, ...], general: tuple[str, ...], expected: bool
) -> None:
    assert well_tagged(post(1, *characters, general=general)) is expected


async def test_posts_without_a_still_picture_are_left_out() -> None:
    hidden = post(1, "ina")
    site = Site([Post(**{name: getattr(hidden, name) for name in hidden.__slots__} | {"file": None}), post(2, "bae")])

    chosen = await sample(site, "hololive", [KIARA], SampleSize(total=10))

    assert [post.id for post in chosen.posts()] == [2]


async def test_an_artists_pictures_stay_together() -> None:
    site = Site([post(number, "ina", artist=("someone",)) for number in (1, 2)] + [post(3, "bae", artist=("other",))])

    found = examples_of(await sample(site, "hololive", [KIARA], SampleSize(total=10)))

    assert found[0].identity.set_key == found[1].identity.set_key == "someone"
    assert found[2].identity.set_key == "other"


async def test_who_is_dressed_as_a_target_is_no_example_of_it_and_none_against_it() -> None:
    site = gallery()
    dressed = [post(10_000 + n, KIARA.tag, general=(f"{KIARA.tag}_(cosplay)", "solo")) for n in range(200)]
    other = [post(20_000 + n, KIARA.tag, "ina", general=(f"{KIARA.tag}_(cosplay)", "solo")) for n in range(200)]
    site.holds += [*dressed, *other]

    found = await sample(site, "hololive", [KIARA], SampleSize(total=900))

    assert {one.id for one in found.posts()}.isdisjoint(one.id for one in [*dressed, *other])
    assert found.positives


async def test_a_costume_of_another_character_is_no_example_of_that_character() -> None:
    site = gallery()
    site.holds += [post(10_000 + n, "ina", "bae", general=("bae_(cosplay)", "1girl")) for n in range(200)]

    found = await sample(site, "hololive", [KIARA], SampleSize(total=3000))

    dressed = [one for one, post in zip(examples_of(found), found.posts(), strict=True) if post.id >= 10_000]
    assert dressed and {one.characters for one in dressed} == {("ina",)}


async def test_a_walk_of_the_targets_own_tag_takes_negatives_from_its_series_with_few_searches() -> None:
    site = gallery(3000)

    chosen = await sample(site, KIARA.tag, [KIARA], SampleSize(total=1000))

    assert len(chosen.positives) == 300 and len(chosen.others) >= 400
    assert not any(KIARA.named_by(post.tags) for post in (*chosen.others, *chosen.unlabelled))
    assert chosen.elsewhere == ("hololive",) and set(site.asked) == {KIARA.tag, "hololive"}
    assert chosen.requests <= 40


async def test_where_the_series_has_no_others_the_whole_site_is_searched() -> None:
    site = gallery(0)
    site.holds = [post(number, KIARA.tag) for number in range(1, 200)]
    strangers = [post(number, "ina") for number in range(1000, 1800)]
    site.holds += [replace(one, tags=replace(one.tags, copyright=("other",))) for one in strangers]

    chosen = await sample(site, KIARA.tag, [KIARA], SampleSize(total=1000))

    assert chosen.elsewhere == ("hololive", "") and len(chosen.others) >= 240
    assert len(chosen.posts()) <= 1000


async def test_a_walk_with_enough_of_others_asks_for_nothing_elsewhere() -> None:
    site = gallery()

    chosen = await sample(site, "hololive", [KIARA], SampleSize(total=1000))

    assert chosen.elsewhere == () and "" not in site.asked


async def test_a_walk_of_several_tags_never_asks_for_more_terms_than_an_ordinary_account_may() -> None:
    site = gallery(600)
    site.holds = [replace(one, tags=replace(one.tags, general=("solo", "hat"))) for one in site.holds]

    chosen = await sample(site, f"hololive solo hat {KIARA.tag}", [KIARA], SampleSize(total=600))

    assert chosen.positives and chosen.others


@pytest.mark.parametrize("tag", ["hat", "ina_(cosplay)"])
async def test_a_target_that_is_no_character_is_learned_from_the_posts_that_its_tag_names(tag: str) -> None:
    site = gallery(500)
    site.holds += [post(10_000 + n, "ina", general=(tag, "1girl")) for n in range(100)]
    target = Target("it", tag)

    chosen = await sample(site, "hololive", [target], SampleSize(total=600))

    examples = [one for one in examples_of(chosen, [target]) if tag in one.characters]
    assert len(examples) == len(chosen.positives) == 100


async def test_the_sites_tagger_percents_are_part_of_an_example() -> None:
    ai_tags = {1: (AiTag("1girl", 99), AiTag(KIARA.tag, 83)), 2: (AiTag("ina", 90),), 3: None}
    site = Site([replace(post(number, "ina"), ai_tags=tags) for number, tags in ai_tags.items()])

    found = examples_of(await sample(site, "hololive", [KIARA], SampleSize(total=10)), [KIARA])

    assert [example.ai_percents for example in found] == [{KIARA.tag: {"site": 83}}, {KIARA.tag: {"site": 0}}, {}]


async def test_what_the_users_own_tagger_says_stands_beside_the_sites_percents() -> None:
    by_site = (AiTag(KIARA.tag, 83),)
    site = Site([replace(post(1, "ina"), ai_tags=by_site), *(replace(post(n, "ina"), ai_tags=None) for n in (2, 3))])
    own = {1: TaggerTags("c" * 64, "mine", {KIARA.tag: 0.071}), 2: TaggerTags("c" * 64, "mine", {KIARA.tag: 0.6})}

    found = examples_of(await sample(site, "hololive", [KIARA], SampleSize(total=10)), [KIARA], own)

    by_post = {example.identity.post_id: example.ai_percents.get(KIARA.tag) for example in found}
    assert by_post == {1: KIARA.ai_percents(by_site, own[1]), 2: {"c" * 64: 60}, 3: None}
    assert set(KIARA.ai_percents(by_site, own[1])) == {"site", "c" * 64}
