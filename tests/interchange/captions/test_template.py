"""Captions: the words of the template, in its order, and never an empty line."""

from __future__ import annotations

import pytest

from interchange.captions.drop_list import DropList, patterns_of
from interchange.captions.tag_words import Spelling
from interchange.captions.template import CaptionStyle, caption_of, caption_words
from interchange.errors import BadTemplate
from storage.exports.selection import ExportPost
from storage.records import PostTags
from tests.interchange.small_gallery import MONA, TAGS


def post(tags: PostTags = TAGS, decision: str = "keep", number: int = 1, rating: str = "s") -> ExportPost:
    facts = (decision, "0" * 32, "png", 40, 30, 100, "gallery", None, None)
    return ExportPost("danbooru", number, "mona", *facts, tags=tags, rating=rating)


def written(style: CaptionStyle, of: ExportPost | None = None) -> str:
    return caption_of(caption_words(of or post(), style, MONA), style)


def test_the_default_names_the_target_first_and_every_tag_once() -> None:
    assert written(CaptionStyle()) == "mona (genshin impact), genshin impact, 1girl, ^_^, hat, long hair, smile"


def test_the_target_is_named_where_it_was_found_without_its_tag() -> None:
    found = post(PostTags(general=("hat",)))

    assert written(CaptionStyle(trigger="m0na"), found) == "m0na, mona (genshin impact), hat"


def test_what_is_not_kept_is_neither_called_the_target_nor_given_the_trigger() -> None:
    other = post(PostTags(general=("hat",), character=("keqing_(genshin_impact)",)), decision="delete")

    assert written(CaptionStyle(trigger="m0na"), other) == "keqing (genshin impact), hat"


@pytest.mark.parametrize(
    ("template", "caption"),
    [
        ("{general}, {target}", "1girl, ^_^, hat, long hair, smile, mona (genshin impact)"),
        ("best, {rating}, {target} ||| {count}", "best, sensitive, mona (genshin impact) ||| 1girl"),
        ("{target} by {artist}", "mona (genshin impact) by some artist"),
        ("{trigger}, {meta}", "highres"),
        ("{trigger}", "mona (genshin impact)"),  # never empty
    ],
)  # fmt: skip
def test_a_template_says_which_words_and_in_which_order(template: str, caption: str) -> None:
    assert written(CaptionStyle(template)) == caption


def test_a_post_of_which_nothing_is_known_has_no_caption() -> None:
    assert written(CaptionStyle("{general}"), post(PostTags(), decision="delete", rating="")) == ""


@pytest.mark.parametrize(
    ("spelling", "words"),
    [
        (Spelling(), ["mona (genshin impact)", "^_^", "a b c d"]),
        (Spelling(spaces=False), ["mona_(genshin_impact)", "^_^", "a_b_c_d"]),
        (Spelling(escape=True), [r"mona \(genshin impact\)", "^_^", "a b c d"]),
    ],
)
def test_tags_are_spelled_as_asked(spelling: Spelling, words: list[str]) -> None:
    assert spelling.words(["mona_(genshin_impact)", "^_^", "a_b_c_d"]) == words


def test_dropped_tags_are_in_no_caption() -> None:
    drop = DropList(patterns_of("*_hair, Smile # the trigger stands for these\n# a comment\nhat"))

    assert written(CaptionStyle(drop=drop)) == "mona (genshin impact), genshin impact, 1girl, ^_^"


def test_shuffled_tags_are_the_same_every_time_and_others_with_another_seed() -> None:
    tags = PostTags(general=tuple(f"tag{number}" for number in range(20)))
    orders = [written(CaptionStyle("{general}", shuffled=True, seed=seed), post(tags)) for seed in (1, 1, 2)]

    assert orders[0] == orders[1] != orders[2]
    assert {frozenset(order.split(", ")) for order in orders} == {frozenset(tags.general)}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"template": "{generl}"}, "did you mean {general}"),
        ({"template": "{zzz}"}, "there are trigger, target"),
        ({"template": "{general"}, "no partner"),
        ({"template": "mona"}, "has no field"),
        ({"template": "{general}\n{target}"}, "one line"),
        ({"trigger": "a, b"}, "one word"),
    ],
)
def test_a_template_that_cannot_be_is_refused(changes: dict[str, str], line: str) -> None:
    with pytest.raises(BadTemplate, match=line):
        CaptionStyle(**changes)  # type: ignore[arg-type]  # texts alone


def test_the_words_that_always_stand_first_are_counted_for_trainers() -> None:
    assert CaptionStyle().fixed_words == 1
    assert CaptionStyle(trigger="m0na").fixed_words == 2
    assert CaptionStyle("masterpiece, {trigger}, {target}, {general}", trigger="m0na").fixed_words == 3
