"""Where the user wants the threshold: by precision, by recall, or as a number."""

from __future__ import annotations

from dataclasses import dataclass

from commands.errors import UsageRefused


def check_share(option: str, value: float | None) -> None:
    """Refuse a goal that only keeping nothing or everything would meet.

    Raises:
        UsageRefused: it is 0, 1 or beyond.
    """
    if value is not None and not 0 < value < 1:
        raise UsageRefused(f"{option} is a share between 0 and 1, both excluded; got {value:g}")


@dataclass(frozen=True, slots=True)
class ThresholdGoal:
    """Where the user wants the threshold: at most one of the three."""

    threshold: float | None = None
    precision: float | None = None
    recall: float | None = None

    def check(self) -> None:
        """Refuse two goals at once, and goals that nothing can meet."""
        given = [name for name in ("threshold", "precision", "recall") if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageRefused(f"give one of {', '.join('--' + name for name in given)}, not several")
        check_share("--precision", self.precision)
        check_share("--recall", self.recall)
