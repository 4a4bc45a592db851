"""Keys of gallery-dl's download archive, as its extractors form them."""

from __future__ import annotations

import pytest

from interchange.imports.gallery_dl import categories_of, key_reader, sites_of

READ = key_reader(categories_of(["danbooru", "safebooru", "e621", "e926", "yandere", "safebooru.org", "mine"]))


@pytest.mark.parametrize(
    ("key", "post"),
    [
        ("danbooru12", ("danbooru", 12)),
        ("danboorut_1girl solo_12", ("danbooru", 12)),
        ("danboorut_long_hair 2girls_7_12", ("danbooru", 12)),
        ("danboorut__12", ("danbooru", 12)),
        ("danboorup_903_12", ("danbooru", 12)),
        ("danboorufg_5_12", ("danbooru", 12)),
        ("danbooruP_d_2024-01-01_12", ("danbooru", 12)),
        ("e6215", ("e621", 5)),
        ("e621f_77_5", ("e621", 5)),
        ("e926t_a_b_5", ("e926", 5)),
        ("yanderet_a_3", ("yandere", 3)),
        ("safebooru8", ("safebooru", 8)),
        ("minet_a\nb_4", ("mine", 4)),
    ],
)
def test_a_key_names_its_post_however_it_was_found(key: str, post: tuple[str, int]) -> None:
    assert READ(key) == post


@pytest.mark.parametrize(
    "key",
    [
        "danboorum12",
        "danbooru",
        "danbooru0",
        "danbooru12_p0",
        "danbooru99999999999",
        "pixiv12",
        "12",
        "",
        "danboorut_12",
    ],
)
def test_a_key_that_names_no_post_of_these_sites_is_none(key: str) -> None:
    assert READ(key) is None


def test_a_key_of_any_length_is_answered_at_once() -> None:
    assert READ("danboorut_" + "_1" * 1_000_000) is None


def test_two_sites_of_one_name_are_told_apart() -> None:
    assert sites_of("safebooru") == ("safebooru.org",)
    assert sites_of("danbooru") == ("danbooru", "safebooru")
    assert categories_of(["safebooru"]) == {"danbooru": ("safebooru",)}
    assert categories_of(["mine"]) == {"mine": ("mine",)}
