"""`crawl rescore NAME`: decide everything again by the active model, from stored embeddings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from commands.context.gallery import hold_gallery
from commands.context.registered_models import chosen_for, verified
from commands.context.threshold_goal import ThresholdGoal
from commands.context.workspace import Workspace, load_workspace
from commands.engine.choice import check_engine, judge_maker, with_engine
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.targets import known_target
from commands.output.refusals import refusal_words, refused_code
from commands.terminal.console import print_json, say
from commands.terminal.exit_codes import ExitCode
from commands.terminal.interruptible import run_stoppable
from commands.terminal.machine_formats import leave_open
from commands.terminal.stage_progress import reporting
from commands.training.embedding_refresh import look_at_all_again
from commands.training.outcome import followed_words
from crawler.decisions import Policy
from storage.archive import Archive
from storage.plurals import counted
from storage.records import ModelCard
from storage.rows.status import decided_posts

if TYPE_CHECKING:
    from rounds.head_round import RoundOutcome


@dataclass(frozen=True, slots=True)
class RescoreOptions:
    """The options of `crawl rescore`."""

    target: str | None
    goal: ThresholdGoal
    as_json: bool = False
    engine: str | None = None  # that looks at stored pictures of another network; None: the settings' own


def run(options: RescoreOptions, root: Path | None, config: Path | None) -> int:
    """Rescore."""
    options.goal.check()
    workspace = with_engine(load_workspace(root, config), options.engine)
    check_engine(workspace.settings)
    return run_stoppable(_run(options, workspace), lambda: "what was decided stays; run the same command to go on")


async def _run(options: RescoreOptions, workspace: Workspace) -> int:
    from rounds.rescoring.rescore import rescore

    started = time.monotonic()
    with read_gallery(workspace) as reader:
        target = known_target(reader, options.target)
        model = reader.active_model(target.name)
        if model is None:
            raise UsageRefused(f"there is no model for {target.name} yet; crawl --tag TAG --keep {target.name}")
        package = verified(workspace, model)
        evidence = reader.evidence(target, model.card.backbone_hash)
        waiting = reader.ask(lambda c: decided_posts(c, target.name)) - len(evidence)
    chosen = chosen_for(package, options.goal)
    card = model.card if chosen is None else replace(model.card, threshold=chosen.threshold)
    policy = Policy(trust_tags=workspace.settings.scoring.trust_tags)
    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, workspace, "crawl rescore")
        done = await rescore(archive, evidence, target, (card, package.head), policy)
        if waiting > 0:
            say(f"{counted(waiting, 'post')} without an embedding of this network: scoring the stored pictures again")
            make = await judge_maker(stack, workspace.settings, None if options.as_json else say)
            async with reporting(quiet=options.as_json) as report:
                again = await look_at_all_again(archive, workspace, target, card, report, make)
            done, waiting = type(done)(done.posts + again.posts, done.kept + again.kept), waiting - again.posts
        followed = await _finish_following(archive, workspace, model.card, options) if chosen is None else ()
    say(
        f"{card.name}, threshold {card.threshold:.3f}: {counted(done.posts, 'picture')} rescored, {done.kept} kept, in "
        f"{time.monotonic() - started:.1f} s; crawl apply moves the files whose decision changed"
    )
    if card.threshold != model.card.threshold:
        say(f"the next crawl uses the model's own threshold again; crawl rescore {target.name} restores it now")
    code = refused_code([card])
    if card.refusal:
        leave_open("posts", done.posts - done.kept, card.refusal)
        say(refusal_words(card))
    if waiting > 0:
        code = ExitCode.OPEN
        leave_open("posts", waiting, "no stored picture; the next crawl scores them")
        say(f"{counted(waiting, 'post')} without a stored picture; the next crawl scores them")
    if options.as_json:
        print_json({"model": card.name, "threshold": card.threshold, "rescored": done.posts, "kept": done.kept,
                    "waiting": max(0, waiting), "followed": [{"model": one.card.name, "activated": one.activated}
                    for one in followed], "exit": int(code)})  # fmt: skip
    return int(code)


async def _finish_following(
    archive: Archive, workspace: Workspace, card: ModelCard, options: RescoreOptions
) -> Sequence[RoundOutcome]:
    """Where a round was stopped before the targets of the old network were asked to follow to its new one: ask them."""
    from classifier.training.pipeline import Goal
    from commands.training.followers import let_follow
    from rounds.head_round import HeadRoundSettings
    from rounds.target_state import network_left, still_behind

    with read_gallery(workspace) as reader:
        left, behind = network_left(reader, card), still_behind(reader, card)
    if left is None or not behind:
        return ()
    say(f"{', '.join(behind)}: still on the old network; learning a head on {card.name}'s network for each")
    settings = HeadRoundSettings(
        goal=Goal(precision=workspace.settings.goal.precision),
        policy=Policy(trust_tags=workspace.settings.scoring.trust_tags),
        seed=workspace.settings.round_zero.seed,
    )
    async with reporting(quiet=options.as_json) as report:
        outcomes = await let_follow(archive, workspace, card, left, settings, report)
    for one in outcomes:
        say(followed_words(one))
    with read_gallery(workspace) as reader:
        for name in still_behind(reader, card):
            say(f"{name} stays on the old network: it has too few test pictures to show that the new one is no worse")
    return outcomes
