"""Figures for Prometheus."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commands.following.metrics import write_metrics
from commands.following.report import SearchReport
from commands.terminal.exit_codes import ExitCode
from crawler.tally import Ended, Outcome
from storage.errors import StorageError

DAY, NEXT = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def report(query: str = "genshin_impact", **fields: object) -> SearchReport:
    one = SearchReport(site="sim", query=query, targets=("mona",), **fields)  # type: ignore[arg-type]  # by name
    one.changes.new = 3
    one.tally.end(Ended(Outcome.KEPT))
    return one


def test_every_figure_has_its_search_and_its_kind(tmp_path: Path) -> None:
    write_metrics(tmp_path / "sync.prom", [report('a"b', listing_requests=2, seconds=1.5)], DAY)

    text = (tmp_path / "sync.prom").read_text()
    labels = '{site="sim",search="a\\"b",targets="mona"}'
    assert f"boorusieve_sync_last_success_timestamp_seconds{labels} {DAY.timestamp():.3f}\n" in text
    assert f"# TYPE boorusieve_sync_new_posts gauge\nboorusieve_sync_new_posts{labels} 3\n" in text
    assert f"boorusieve_sync_kept_posts{labels} 1\n" in text
    assert f"boorusieve_sync_seconds{labels} 1.5\n" in text
    assert [path.name for path in tmp_path.iterdir()] == ["sync.prom"]


def test_a_search_that_failed_or_was_skipped_keeps_its_last_success(tmp_path: Path) -> None:
    file = tmp_path / "sync.prom"
    write_metrics(file, [report(), report("hololive"), report("touhou")], DAY)

    failed = report(error="the site blocks us", code=ExitCode.BLOCKED)
    write_metrics(file, [failed, report("hololive", skipped=True), report("touhou")], NEXT)

    times = [line.split()[-1] for line in file.read_text().splitlines() if line.startswith("boorusieve_sync_last")]
    assert times == [f"{one.timestamp():.3f}" for one in (DAY, DAY, NEXT)]
    assert 'errors{site="sim",search="genshin_impact",targets="mona"} 1' in file.read_text()


def test_a_search_that_is_not_due_for_weeks_says_when_it_is(tmp_path: Path) -> None:
    file, later = tmp_path / "sync.prom", NEXT + timedelta(days=14)
    write_metrics(
        file, [report("hololive", due_at=DAY, error="the site blocks us"), report("touhou", due_at=NEXT)], DAY
    )

    write_metrics(file, [report(skipped=True, due_at=later), report("hololive", error="it still does")], NEXT)

    due = [
        line.rpartition("{")[2] for line in file.read_text().splitlines() if line.startswith("boorusieve_sync_due_t")
    ]
    assert due == [
        f'site="sim",search="{search}",targets="mona"}} {moment.timestamp():.3f}'
        for search, moment in (("genshin_impact", later), ("hololive", DAY), ("touhou", NEXT))
    ]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere.*the metrics cannot be written"):
        write_metrics(tmp_path / "nowhere" / "sync.prom", [report()], DAY)
