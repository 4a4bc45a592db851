"""`crawl train NAME`: one round of the learning loop, from what is said of the pictures to a model in force."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.console import print_json, say
from commands.exit_codes import ExitCode
from commands.holding import hold_gallery
from commands.judging import verified
from commands.known_targets import known_target
from commands.places import Place, place
from commands.planning import UsageRefused
from commands.telling import told
from crawler.deciding import Policy
from storage.archive import open_reader
from storage.reading import Reader

if TYPE_CHECKING:
    from rounds.learning_round import HeadRoundSettings, RoundOutcome, Snapshot


@dataclass(frozen=True, slots=True)
class TrainWish:
    """What the user said."""

    target: str | None
    precision: float | None = None
    recall: float | None = None
    force: bool = False
    wait_s: float = 600.0  # for the gallery's lock, once the model is learned
    as_json: bool = False
    json_progress: bool = False
    quiet: bool = False


def run(wish: TrainWish, root: Path | None, config: Path | None) -> int:
    """Do a round."""
    return asyncio.run(_run(wish, place(root, config)))


async def _run(wish: TrainWish, where: Place) -> int:
    from rounds.learning_round import finish, learn_candidate

    started = time.monotonic()
    settings = _settings(wish, where)
    async with told(quiet=wish.quiet or wish.as_json, as_lines_of_json=wish.json_progress) as tell:
        with open_reader(where.root) as reader:
            tell("reading", 0.0, "labels, tags and embeddings")
            snapshot = await asyncio.to_thread(_snapshot, reader, where, wish.target)
        tell("learning", 0.0, f"{len(snapshot.evidence)} pictures")
        candidate = await asyncio.to_thread(learn_candidate, snapshot, settings)
        tell("learning", 1.0, candidate.compared.words())
        async with AsyncExitStack() as stack:
            archive = await hold_gallery(stack, where, "crawl train", wait_s=wish.wait_s)
            outcome = await finish(candidate, archive, where.root / "models", settings, tell=tell)
    return _tell_outcome(wish, outcome, time.monotonic() - started)


def _snapshot(reader: Reader, where: Place, named: str | None) -> Snapshot:
    """Everything that the round learns from; what is said later belongs to the next one."""
    from rounds.learning_round import Snapshot

    target = known_target(reader, named)
    active = reader.active_model(target.name)
    if active is None:
        raise UsageRefused(
            f"there is no model for {target.name} yet; crawl --tag TAG --keep {target.name} learns the first from tags"
        )
    package = verified(where, active)
    newest = reader.sql("SELECT coalesce(max(seq), 0) FROM label").rows[0][0]  # before the evidence: never too new
    evidence = reader.evidence(target, package.backbone_hash)
    if not len(evidence):
        raise UsageRefused(
            f"no picture was looked at for {target.name} with {active.card.name}'s network yet; crawl first"
        )
    return Snapshot(target=target, active=active, package=package, evidence=evidence, newest_label=int(newest))


def _settings(wish: TrainWish, where: Place) -> HeadRoundSettings:
    from classifier.learning import Goal
    from rounds.learning_round import HeadRoundSettings

    if wish.precision is not None and wish.recall is not None:
        raise UsageRefused("give one of --precision, --recall, not both")
    goal = Goal(precision=wish.precision or where.settings.goal.precision)
    if wish.recall is not None:
        goal = Goal(precision=None, recall=wish.recall)
    return HeadRoundSettings(
        goal=goal,
        policy=Policy(trust_tags=where.settings.scoring.trust_tags),
        force=wish.force,
        seed=where.settings.round_zero.seed,
    )


def _tell_outcome(wish: TrainWish, outcome: RoundOutcome, seconds: float) -> int:
    code = ExitCode.COMPLETE
    record: dict[str, Any] = {
        "model": outcome.card.name,
        "activated": outcome.activated,
        "threshold": outcome.card.threshold,
        "rescored": outcome.rescored.posts if outcome.rescored else 0,
        "metrics": outcome.metrics,
        "seconds": round(seconds, 2),
        "exit": int(code),
    }
    if wish.json_progress:
        print_json({"done": record})
    elif wish.as_json:
        print_json(record)
    if not wish.quiet:
        for line in outcome.report.splitlines():
            say(line)
        say(_verdict(outcome, seconds))
    return int(code)


def _verdict(outcome: RoundOutcome, seconds: float) -> str:
    name = outcome.card.name
    if outcome.rescored is None:
        return (
            f"{name} is worse than {outcome.compared.old}, which stays in force; crawl models activate {name} or "
            "crawl train --force overrides"
        )
    return f"{name} is in force: {outcome.rescored.posts} pictures scored again; the round took {seconds:.1f} s"
