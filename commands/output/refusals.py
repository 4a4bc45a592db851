"""Messages and exit code for a model that may not decide, and for the posts that it leaves undecided."""

from __future__ import annotations

from collections.abc import Iterable

from commands.terminal.exit_codes import ExitCode, worst
from storage.records import ModelCard


def refusal_words(card: ModelCard) -> str:
    """Why a model does not decide, and what helps, in one line; empty: it decides."""
    if not card.refusal:
        return ""
    return (
        f"{card.name} may not decide: {card.refusal.rstrip('.')}. Posts tagged with {card.target} are kept, all others "
        f"stay undecided; what helps: crawl train {card.target} --references DIR with pictures of it, a larger tag, "
        "or answers in crawl review"
    )


def refused_code(cards: Iterable[ModelCard]) -> ExitCode:
    """The exit code after work by these models, where nothing else is amiss."""
    return worst([ExitCode.UNDECIDED if card.refusal else ExitCode.COMPLETE for card in cards])
