"""What the steps of a training share: what was asked for, where, and why it went as it did."""

from __future__ import annotations

from dataclasses import dataclass, field

from classifier.progress import ProgressCallback
from commands.context.train_options import TrainOptions
from commands.context.workspace import Workspace
from commands.terminal.console import say


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTask:
    """One call of `crawl train`."""

    options: TrainOptions
    workspace: Workspace
    report: ProgressCallback
    reasons: list[str] = field(default_factory=list)  # why this and not the other; reported at the end

    def explain(self, why: str) -> None:
        """Say why something was chosen."""
        self.reasons.append(why)
        if self.options.json_progress:
            self.report("choosing", 1.0, why)
        elif not self.options.quiet:
            say(why)
