"""What a pass over a folder came to, for a person and for a program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from commands.folders.tally import FolderTally, Times
from commands.folders.truth import TruthTally
from commands.terminal.console import printable
from commands.terminal.exit_codes import ExitCode, worst
from commands.terminal.machine_formats import leave_open
from commands.terminal.tables import facts_table
from crawler.folder_pipeline import Verdict
from storage.plurals import counted

NAMED_AT_MOST = 5  # files in one line


@dataclass(slots=True)
class FolderSummary:
    """Everything that the end of a pass says."""

    what: str  # the target's name, or the recogniser's
    model: str  # its name: mona/3
    threshold: float  # 0..1
    tally: FolderTally = field(default_factory=FolderTally)
    truth: TruthTally | None = None
    seconds: float = 0.0
    placed: int = 0  # files that were copied, linked or moved
    trouble: Sequence[tuple[Path, str]] = ()  # files that were not, and why
    refusal: str = ""  # why the model may not decide
    rule: str = ""  # the model and when it keeps, in words; "": by the threshold

    @property
    def exit(self) -> ExitCode:
        """The exit code of the pass."""
        open_ = self.tally.verdicts[Verdict.FAILED] or self.trouble
        return worst([ExitCode.OPEN if open_ else 0, ExitCode.UNDECIDED if self.tally.refused else 0])

    def to_json(self) -> dict[str, Any]:
        """For a program."""
        verdicts, count = self.tally.verdicts, self.tally.pictures
        return {
            "pictures": count,
            "kept": verdicts[Verdict.KEPT],
            "rejected": verdicts[Verdict.REJECTED],
            "undecided": verdicts[Verdict.UNDECIDED],
            "failed": verdicts[Verdict.FAILED],
            "threshold": self.threshold,
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(count / self.seconds, 2) if self.seconds else None,
            "truth": None if self.truth is None else self.truth.to_json(),
            "exit": int(self.exit),
        }

    def leave_open(self) -> None:
        """State what is open, for `--json`."""
        for reason, number in self.tally.failed.count.items():
            leave_open("pictures", number, reason)
        leave_open("files", len(self.trouble), "could not be placed")
        leave_open("pictures", self.tally.refused, self.refusal)

    def to_table(self) -> RenderableType:
        """For a person."""
        verdicts, count = self.tally.verdicts, self.tally.pictures
        rule = self.rule or f"{self.model} from {self.threshold:.3f} up"
        title = Text(printable(f"{counted(count, 'picture')}, {rule}"), style="bold")
        table = facts_table()
        for verdict in Verdict:
            if verdicts[verdict] or verdict in (Verdict.KEPT, Verdict.REJECTED):
                table.add_row(verdict.value, self._verdict_words(verdict))
        if self.tally.posts:
            table.add_row("known posts", str(self.tally.posts))
        rate = f", {count / self.seconds:.0f} pictures/s" if self.seconds else ""
        seen = f"; {self.tally.known} known from before, not decoded" if self.tally.known else ""
        table.add_row("time", f"{self.seconds:.1f} s{rate}{seen}")
        parts: list[RenderableType] = [title, table]
        parts += [Text(printable(line)) for line in self.lines()]
        if self.truth is not None:
            parts += [Text(""), *(Text(printable(line)) for line in self.report(self.truth))]
        return Group(*parts)

    def _verdict_words(self, verdict: Verdict) -> str:
        words = str(self.tally.verdicts[verdict])
        if verdict is Verdict.KEPT and len(self.tally.names) > 1:
            return f"{words}: " + ", ".join(f"{name} {number}" for name, number in self.tally.names.most_common())
        if verdict is Verdict.KEPT and set(self.tally.decided_by) - {"score"}:
            by = ", ".join(f"{name} {number}" for name, number in self.tally.decided_by.most_common())
            return f"{words} (kept and rejected by {by})"
        return words

    def lines(self) -> list[str]:
        """What is open, or was passed over."""
        lines = [*self.tally.failed.lines("failed"), *self.tally.undecided.lines("undecided")]
        lines += self.tally.left_out.lines("left out")
        lines += [f"stays: {path}: {why}" for path, why in self.trouble[:NAMED_AT_MOST]]
        if len(self.trouble) > NAMED_AT_MOST:
            lines.append(f"stays: {len(self.trouble) - NAMED_AT_MOST} more")
        return lines

    def report(self, truth: TruthTally) -> list[str]:
        """Right and wrong, a line a figure."""
        rows = [
            ("pictures", str(truth.pictures)),
            (f"containing {self.what}", str(truth.of_target)),
            (f"classified as {self.what}", str(truth.found)),
            ("not recognised", str(truth.missed)),
            ("wrongly recognised", str(truth.wrong)),
            ("errors", str(truth.errors)),
            (f"accuracy of {self.what}", _percent(truth.recall.value)),
            *_times(self.tally.times, self.seconds),
            ("precision", str(truth.precision)),
            ("recall", str(truth.recall)),
            ("F1", str(truth.f1)),
        ]
        width = max(len(name) for name, _ in rows)
        return [f"{name:<{width}}  {value}" for name, value in rows]


def _times(times: Times, seconds: float) -> list[tuple[str, str]]:
    if not times.count:
        return []
    mean = times.total_s / times.count
    own = f"mean {mean:.3f} s, mode {times.mode_s:.3f} s, {times.least_s:.3f} to {times.most_s:.3f} s"
    return [
        ("time a picture", f"{seconds / times.count:.4f} s of the whole run"),
        ("on its way, many at once", own),
    ]


def _percent(share: float) -> str:
    return f"{share:.2%}" if math.isfinite(share) else "not measured"
