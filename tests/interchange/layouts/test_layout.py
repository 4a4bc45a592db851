"""What all formats have in common."""

from __future__ import annotations

from interchange.captions.template import CaptionStyle
from interchange.layouts.layout import LayoutOptions


def test_smaller_classes_are_repeated_more_often_so_that_all_weigh_the_same() -> None:
    options = LayoutOptions(repeats=10, classes={"mona": 100, "keqing": 26, "other": 900})

    assert [options.repeats_of(label) for label in ("mona", "keqing", "other")] == [10, 38, 1]


def test_a_trigger_that_cannot_name_a_folder_does_not() -> None:
    triggers = ("m0na", "a/b", "..", "")

    names = [LayoutOptions(CaptionStyle(trigger=word)).concept("mona") for word in triggers]

    assert names == ["m0na", "mona", "mona", "mona"]
