"""What `crawl relabel -` reads from standard input is bounded."""

from __future__ import annotations

import io

import pytest

from commands import relabel
from commands.errors import UsageRefused


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (b"1 " * (relabel.LONGEST_LINE), "a line of more than"),
        (b"12 \xff\xfe\x00", "is not text"),
        (b"9" * 5000, r"'9{40}' is not a post id"),
        (b"12\nmona", "'mona' is not a post id"),
        (b"12\n" * (relabel.MOST_AT_ONCE + 1), "more than"),
        (b"\n" * (relabel.MOST_AT_ONCE + 1), "more than"),
    ],
    ids=["a line without end", "no text", "a number without end", "a word", "one id without end", "blank lines"],
)
def test_what_is_no_list_of_ids_is_refused(typed: bytes, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed), encoding="utf-8"))

    with pytest.raises(UsageRefused, match=message):
        relabel._ids(["-"])


def test_ids_are_read_from_the_arguments_and_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("3 4\n5\n"))

    assert relabel._ids(["2", "-", "6", "3"]) == [2, 3, 4, 5, 6]


def test_no_ids_from_a_query_that_found_nothing_are_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))

    assert relabel._ids(["-"]) == []


def test_no_ids_at_all_and_a_closed_input_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)

    with pytest.raises(UsageRefused, match="standard input is closed"):
        relabel._ids(["-"])
    with pytest.raises(UsageRefused, match="no post ids were given"):
        relabel._ids([])
