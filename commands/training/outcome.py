"""What is reported when a round ends: the same for one from the gallery and one from a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from commands.context.train_options import TrainOptions
from commands.output.refusals import refusal_words, refused_code
from commands.terminal.console import print_json, say
from commands.terminal.machine_formats import print_json_line

if TYPE_CHECKING:
    from rounds.head_round import RoundOutcome


def report_outcome(
    options: TrainOptions,
    outcome: RoundOutcome,
    seconds: float,
    more: Mapping[str, Any] | None = None,
    others: Sequence[RoundOutcome] = (),
) -> int:
    """Print it in the form that was asked for; gives the exit code.

    Args:
        options: how.
        outcome: what came of the round.
        seconds: that it took.
        more: further keys of the JSON.
        others: what came of the targets that followed to a new network.
    """
    code = refused_code([outcome.card] if outcome.activated else [])
    record: dict[str, Any] = {
        "model": outcome.card.name,
        "activated": outcome.activated,
        "threshold": outcome.card.threshold,
        "network": outcome.network,
        "refusal": outcome.card.refusal,
        "rescored": outcome.rescored.posts if outcome.rescored else 0,
        "metrics": outcome.metrics,
        **(more or {}),
        "seconds": round(seconds, 2),
        "exit": int(code),
    }
    if options.json_progress:
        print_json_line({"done": record})
    elif options.as_json:
        print_json(record)
    if not options.quiet:
        for line in outcome.report.splitlines():
            say(line)
        say(_verdict(outcome, seconds))
        for other in others:
            say(followed_words(other))
    return int(code)


def followed_words(other: RoundOutcome) -> str:
    """What became of a target that shared the old network."""
    if other.activated:
        return f"{other.card.name} is in force, on the same network"
    return f"{other.card.name}, on the same network, would be worse than the one in force, which stays"


def _verdict(outcome: RoundOutcome, seconds: float) -> str:
    name = outcome.card.name
    if outcome.card.refusal and not outcome.activated:
        return f"{refusal_words(outcome.card)}; the model in force decides and stays (crawl train --force overrides)"
    if outcome.card.refusal:
        return f"{refusal_words(outcome.card)} ({seconds:.1f} s)"
    if not outcome.activated:
        old = outcome.compared.old if outcome.compared else "the one before"
        return (
            f"{name} is worse than {old}, which stays in force; crawl models activate {name} or "
            "crawl train --force overrides"
        )
    if outcome.rescored is None:  # the gallery has nothing of the target yet
        return f"{name} is in force; crawl --tag TAG --keep {outcome.card.target} uses it ({seconds:.1f} s)"
    return f"{name} is in force: {outcome.rescored.posts} pictures scored again; the round took {seconds:.1f} s"
