"""A few nights of following a site that changes every day; the whole month is `python -m bench.following.month`."""

from __future__ import annotations

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
        assert month.labels() == before
