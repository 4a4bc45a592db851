"""A file of several posts is one picture of a set."""

from __future__ import annotations

from interchange.shared_files import SharedFiles
from storage.exports.selection import ExportPost


def post(number: int, decision: str, md5: str = "a", split: str | None = None) -> ExportPost:
    return ExportPost("site", number, "mona", decision, md5, "png", 1, 1, 1, "gallery", "x", split)


def stands(*posts: ExportPost, withdrawn: int = 0) -> list[int]:
    shared = SharedFiles()
    for one in posts:
        shared.add(one, withdrawn=one.post_id == withdrawn)
    return [one.post_id for one in posts if shared.why_not(one) is None]


def test_kept_wins_then_undecided_then_the_first() -> None:
    assert stands(post(1, "delete"), post(2, "undecided"), post(3, "keep"), post(4, "keep")) == [3]
    assert stands(post(1, "delete"), post(2, "undecided")) == [2]
    assert stands(post(1, "delete"), post(2, "delete"), post(3, "keep", "b")) == [1, 3]


def test_where_one_post_was_withdrawn_no_other_takes_its_place() -> None:
    assert stands(post(1, "keep"), post(2, "delete"), post(3, "keep", "b"), withdrawn=2) == [3]


def test_a_file_has_the_strictest_split_of_its_posts_and_counts_once() -> None:
    shared = SharedFiles()
    for one in (
        post(1, "keep"),
        post(2, "keep", split="test"),
        post(3, "delete", "b", "validation"),
        post(4, "delete", "c"),
    ):
        shared.add(one, withdrawn=False)

    assert [shared.split_of(post(1, "keep", md5)) for md5 in "abcd"] == ["test", "validation", "train", "train"]
    assert shared.classes(split=True) == {"other": 1}
    assert shared.classes(split=False) == {"mona": 1, "other": 2}
