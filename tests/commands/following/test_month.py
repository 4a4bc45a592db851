"""A few nights of following a site that changes every day; the whole month is `python -m bench.sync`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.commands.following.month import Month
from tests.commands.small_site import small_site


def test_after_days_of_changes_the_gallery_is_what_a_fresh_crawl_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_site(tmp_path, monkeypatch) as site:
        month = Month(site, posts=40)
        before = month.labels()

        for rename in ("", "target", "series", ""):
            month.day(rename=rename)
        month.day(last=True)

        assert month.differences() == []
        assert month.wrong_labels(before) == []


def test_a_post_that_comes_to_show_a_labelled_picture_has_its_label_and_no_label_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_site(tmp_path, monkeypatch) as site:
        month = Month(site, posts=10)
        before = month.labels()
        labelled = before[0][0]
        other = next(one for one in site.gallery.ids if one not in {label[0] for label in before})
        for changed, shown in ((other, labelled), (labelled, other)):
            month.moment += timedelta(days=1)
            picture = site.gallery.posts[shown].picture
            site.gallery.edit(changed, picture=picture, updated_at=month.moment.timestamp() - 60)
            month.command("sync", "--all")

        now = month.labels()

        assert now[: len(before)] == before
        assert [label[:5] for label in now[len(before) :]] == [(other, *before[0][1:5])]
        assert month.wrong_labels(before) == []
        assert len(month.wrong_labels(before[1:])) == 2 and len(month.wrong_labels([*before, (1,) * 6])) == 1
