"""Who looks at the pictures of a folder, and by which rule they are sorted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from classifier.recognition.labels import NOBODY
from commands.context.registered_models import card_for, judge_settings, verified, verified_recogniser
from commands.context.settings import Scoring, Settings
from commands.context.threshold_goal import ThresholdGoal
from commands.context.workspace import Workspace
from commands.engine.choice import embedding_judge, judge_maker
from commands.folders.options import ClassifyOptions
from commands.lookup.model_targets import model_of, recogniser_among
from crawler.decisions import Policy, Ruling
from crawler.folder_pipeline import IN_FLIGHT, Facts, FolderJudge, Ruled
from crawler.folder_rules import NameRule, TargetRule
from storage.folders.records import FileKey, KnownFile, SeenFile
from storage.folders.store import FolderStore
from storage.plurals import counted
from storage.reader import Reader
from storage.records import Look, ModelCard, Target

if TYPE_CHECKING:
    from classifier.judge import JudgeSettings
    from classifier.package.package import Package
    from classifier.recognition.package import RecogniserPackage
    from classifier.workers.standby import Standby


@dataclass(frozen=True, slots=True)
class OpenJudge:
    """Who looks, and the rule."""

    judge: FolderJudge
    rule: Callable[[Look, Facts], Ruled]
    device: str  # cpu | gpu
    refusal: str = ""  # why the model may not decide


@dataclass(frozen=True, slots=True)
class TargetSubject:
    """A target is looked for; its model is checked and not loaded yet."""

    name: str  # the target's
    words: tuple[str, ...]  # what it is called elsewhere, the most usual first
    card: ModelCard  # with the threshold of this run
    package: Package
    target: Target

    @property
    def terms(self) -> str:
        """When a picture is kept, for people."""
        return f"keeps from {self.card.threshold:.3f} up"

    @property
    def title(self) -> str:
        """The model and when it keeps, for people."""
        return f"{self.card.name} from {self.card.threshold:.3f} up"

    @property
    def labels_of(self) -> str | None:
        """Whose labels count."""
        return self.target.name

    async def open(self, stack: AsyncExitStack, settings: Settings, standby: Standby | None = None) -> OpenJudge:
        """Load the model, in processes that wait already where there are some; it is let go with the stack.

        Raises:
            ModelError: it is altered, fails its canaries, or the device fails.
            RayMissing, ClusterRefused: the engine that is asked for is not there.
        """
        name, make = self.target.name, await judge_maker(stack, settings)
        judge = make({name: self.card}, {name: self.package.folder}, _settings(settings.scoring, standby))
        await stack.enter_async_context(judge)
        card = replace(judge.models[name], threshold=self.card.threshold)
        ruling = Ruling(Policy(trust_tags=settings.scoring.trust_tags), {name: card})
        return OpenJudge(judge, TargetRule(self.target, ruling), judge.stats().device, card.refusal)


@dataclass(frozen=True, slots=True)
class RecogniserSubject:
    """Many names are looked for, and nobody."""

    name: str  # the recogniser's
    words: tuple[str, ...]  # its names
    card: ModelCard
    package: RecogniserPackage

    @property
    def terms(self) -> str:
        """When a name is said, for people."""
        return f"{counted(len(self.words), 'name')}, {self._limits()}"

    @property
    def title(self) -> str:
        """The model and when it says nobody, for people."""
        return f"{self.card.name}: {self._limits()}"

    @property
    def labels_of(self) -> str | None:
        """Labels are of one target each, and count for none here."""
        return None

    async def open(self, stack: AsyncExitStack, settings: Settings, standby: Standby | None = None) -> OpenJudge:
        """Load the network; see `TargetSubject.open`.

        Raises:
            RayMissing, ClusterRefused: the engine that is asked for is not there.
        """
        from classifier.embedding_judge import named_in_views

        how = _settings(settings.scoring, standby)
        judge = await embedding_judge(stack, settings, (self.card, self.package), how)
        rule = NameRule(self.card.backbone_hash, partial(named_in_views, self.package.recogniser))
        return OpenJudge(judge, rule, judge.device)

    def _limits(self) -> str:
        limits = self.package.recogniser.limits
        figures = {"probability": limits.top, "gap to the second": limits.gap, "deviation": limits.deviation}
        used = [f"{words} {least:.3f}" for words, least in figures.items() if least]
        if used:
            return f"nobody below any of: {', '.join(used)}" if len(used) > 1 else f"nobody below {used[0]}"
        own = NOBODY in self.package.recogniser.classes
        return "nobody is a class of its own" if own else "the likeliest always: no limit is set"


def _settings(scoring: Scoring, standby: Standby | None) -> JudgeSettings:
    """How the judge works: on as many pictures at a time as the pipeline has under way."""
    settings = judge_settings(scoring, standby=standby)
    return replace(settings, in_flight=max(settings.in_flight, IN_FLIGHT))


PictureSubject: TypeAlias = TargetSubject | RecogniserSubject


def subject_of(reader: Reader, workspace: Workspace, options: ClassifyOptions) -> PictureSubject:
    """The model that was asked for.

    Raises:
        UsageRefused: there is none; suggests what may be meant.
        WrongKind: a recogniser was named where a target is wanted, or the reverse.
        PackageError: its files are missing, cut or altered.
    """
    if options.recogniser is not None:
        return _recogniser(reader, workspace, options.recogniser)
    goal = ThresholdGoal(options.threshold)
    goal.check()
    target, model = model_of(reader, options.keep or "")
    package = verified(workspace, model)
    words = tuple(dict.fromkeys((target.name, target.tag, *target.names_before, *sorted(target.names))))
    return TargetSubject(target.name, words, card_for(model.card, package, goal), package, target)


def _recogniser(reader: Reader, workspace: Workspace, named: str) -> RecogniserSubject:
    model = recogniser_among(reader.models(), named)
    package = verified_recogniser(workspace, model)
    return RecogniserSubject(model.card.target, package.recogniser.names, model.card, package)


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
