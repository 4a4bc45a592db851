"""Who looks at the pictures of a folder, and by which rule they are sorted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from commands.context.registered_models import card_for, judge_settings, verified
from commands.context.threshold_goal import ThresholdGoal
from commands.context.workspace import Workspace
from commands.folders.options import ClassifyOptions
from commands.lookup.model_targets import model_of
from crawler.decisions import Policy, Ruling
from crawler.folder_pipeline import Facts, FolderJudge, Ruled
from crawler.folder_rules import TargetRule
from storage.folders.records import FileKey, KnownFile, SeenFile
from storage.folders.store import FolderStore
from storage.reader import Reader
from storage.records import Look, ModelCard, Target

if TYPE_CHECKING:
    from classifier.package.package import Package


@dataclass(frozen=True, slots=True)
class PictureSubject:
    """What is looked for, checked and not loaded yet."""

    name: str  # for people: the target's, or the recogniser's
    words: tuple[str, ...]  # what it is called elsewhere, the most usual first
    card: ModelCard  # with the threshold of this run
    package: Package
    target: Target


@dataclass(frozen=True, slots=True)
class OpenJudge:
    """Who looks, and the rule."""

    judge: FolderJudge
    rule: Callable[[Look, Facts], Ruled]
    device: str  # cpu | gpu
    refusal: str = ""  # why the model may not decide


def subject_of(reader: Reader, workspace: Workspace, options: ClassifyOptions) -> PictureSubject:
    """The model that was asked for.

    Raises:
        UsageRefused: there is none; suggests what may be meant.
        PackageError: its files are missing, cut or altered.
    """
    goal = ThresholdGoal(options.threshold)
    goal.check()
    target, model = model_of(reader, options.keep or "")
    package = verified(workspace, model)
    words = (target.name, target.tag, *target.names_before, *target.variants, *target.aliases)
    return PictureSubject(target.name, words, card_for(model.card, package, goal), package, target)


async def open_judge(stack: AsyncExitStack, workspace: Workspace, subject: PictureSubject) -> OpenJudge:
    """Load the model; it is let go with the stack.

    Raises:
        ModelError: it is altered, fails its canaries, or the device fails.
    """
    from classifier.judge import NetworkJudge

    name = subject.target.name
    judge = await stack.enter_async_context(
        NetworkJudge({name: subject.card}, {name: subject.package.folder}, judge_settings(workspace.settings.scoring))
    )
    policy = Policy(trust_tags=workspace.settings.scoring.trust_tags)
    card = replace(judge.models[name], threshold=subject.card.threshold)
    rule = TargetRule(subject.target, Ruling(policy, {name: card}))
    return OpenJudge(judge, rule, judge.stats().device, card.refusal)


@dataclass(frozen=True, slots=True)
class KnownOfSubject:
    """What the gallery knows of pictures, for one network and one target."""

    store: FolderStore
    backbones: tuple[str, ...]
    target: str | None

    def known(self, keys: Sequence[FileKey]) -> Sequence[KnownFile]:
        """By the order of the keys."""
        return self.store.known(keys, self.backbones, self.target)

    def record(self, seen: Sequence[SeenFile]) -> None:
        """Keep looks for the next pass."""
        self.store.record(seen)
