"""A timeline as text: names from outside stay text, and times are what players read."""

from __future__ import annotations

import re

from classifier.video.timeline import Appearance
from commands.videos.timeline_formats import clock, to_csv, to_vtt
from commands.videos.timeline_page import MOST_CARDS, TimelineFacts, timeline_html

HOSTILE = Appearance("<b>=1+1 --> & x", 3599.9996, 3600.25, 0.5, 3, 3600.0)


def test_subtitles_hold_names_that_look_like_markup_as_text() -> None:
    text = to_vtt([HOSTILE], "of <x>")

    assert "01:00:00.000 --> 01:00:00.250\n&lt;b&gt;=1+1 --&gt; &amp; x 0.50\n" in text
    assert text.splitlines()[2] == "NOTE of &lt;x&gt;"


def test_a_spreadsheet_runs_no_name() -> None:
    row = Appearance("=cmd()", 0.0, 1.0, 0.5, 3, 0.5)

    assert to_csv([row]).splitlines()[1].startswith("'=cmd()")


def test_the_page_escapes_names_shows_a_lane_each_and_names_what_it_leaves_out() -> None:
    many = [Appearance(f"n{number % 3}", number, number + 0.5, 0.9, 3, number) for number in range(MOST_CARDS + 2)]

    page = timeline_html([HOSTILE, *many], TimelineFacts("<film>", "facts", 4000.0, "cut at 3 s"))

    assert "<b>=1" not in page and "&lt;film&gt;" in page
    assert len(re.findall(r'<text x="0"', page)) == 4
    assert "3 more appearances are in timeline.csv" in page
    assert "cut at 3 s" in page and "<script" not in page


def test_a_video_in_which_nobody_is_seen_has_a_page_too() -> None:
    page = timeline_html([], TimelineFacts("film", "facts", 0.0))

    assert "0 appearances" in page and "<svg" not in page


def test_clocks_carry_over() -> None:
    assert [clock(one) for one in (0.0, 59.9996, 3661.5)] == ["00:00:00.000", "00:01:00.000", "01:01:01.500"]
