"""Every claim in one table: `python -m bench.all --quick|--full [--only NAME]… [--work DIR] [--write]`.

--quick takes minutes: small galleries, one round. --full takes hours: the sizes that the claims speak of, five rounds.
Rows are printed as they come. --work keeps what every command printed, with the posts that were painted and the model
that was learned: a run that was stopped goes on there, and one that has ended is only told again.
--write puts the table into docs/benchmarks.md and the plot beside it. Exit 1 when a figure could not be measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.all import page
from bench.all.claims import COMMANDS
from bench.all.measure import ROOT, Measurement, measure, prepared


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--quick", action="store_true", help="in minutes")
    size.add_argument("--full", action="store_true", help="in hours")
    names = [command.module.removeprefix("bench.") for command in COMMANDS]
    parser.add_argument("--only", action="append", choices=names, help="only these commands")
    parser.add_argument("--work", type=Path, help="a folder in which a stopped run goes on; default: nowhere")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args(arguments)
    chosen = [
        command for command in COMMANDS if not options.only or command.module.removeprefix("bench.") in options.only
    ]
    with tempfile.TemporaryDirectory(prefix="bench-all-") as passing:
        work = options.work or Path(passing)
        work.mkdir(parents=True, exist_ok=True)
        prepared(chosen, full=options.full, work=work, report=_report)
        found = measure(
            chosen,
            full=options.full,
            report=_report,
            work=work,
            show=lambda results: print(page.claims(results), flush=True),
        )
    _report(f"measured for {found.seconds / 60:.1f} minutes")
    if options.write:
        write(found, full=options.full)
    return 0 if all(result.readings for result in found.results) else 1


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def write(found: Measurement, *, full: bool) -> None:
    """The page and its plot."""
    day = datetime.now(UTC).date().isoformat()
    (ROOT / "docs" / "benchmarks.md").write_text(page.text(found, full=full, day=day), encoding="utf-8")
    drawing = page.plot(found)
    (ROOT / "docs" / "pictures" / f"{drawing.name}.svg").write_bytes(drawing.light)


if __name__ == "__main__":
    raise SystemExit(main())
