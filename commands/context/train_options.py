"""What a round is asked for: its options, and the goal of its threshold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commands.context.settings import GoalSettings, Settings, check_choice
from commands.context.threshold_goal import check_share
from commands.errors import UsageRefused

if TYPE_CHECKING:
    from classifier.training.pipeline import Goal
    from commands.context.threshold_goal import ThresholdGoal


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """The options of `crawl train`."""

    target: str | None
    precision: float | None = None
    recall: float | None = None
    how: str = "auto"  # auto | head | network
    network: str | None = None  # a backbone's name; None: the one in force
    source: Path | None = None  # a folder with one folder a class, instead of the gallery
    references: Path | None = None  # a folder with a few pictures of the target
    set_words: tuple[str, ...] = ()  # KEY=VALUE settings of a recipe
    stages: Path | None = None  # a file with a recipe's stages
    synthetic: Path | None = None  # a generator, which paints for classes of `source` that have few pictures
    fill_to: int | None = None  # pictures that each of these is filled up to; None: the largest, doubled at most
    classes: bool = False  # a recogniser of all classes of `source`
    force: bool = False
    wait_s: float = 600.0  # for the gallery's lock, once the model is learned
    as_json: bool = False
    json_progress: bool = False
    quiet: bool = False
    engine: str | None = None  # that looks at stored pictures again after a new network; None: the settings' own


def check_goal(options: TrainOptions) -> None:
    """Refuse, before anything is read or learned, a goal that no round can have.

    Raises:
        UsageRefused: two goals at once, or a recall that is no share.
        SettingsError: a precision that the setting would not take either.
    """
    if options.precision is not None and options.recall is not None:
        raise UsageRefused("give one of --precision, --recall, not both")
    check_share("--recall", options.recall)
    if options.precision is not None:
        check_choice(GoalSettings, "precision", options.precision, "--precision")


def check_classes(options: TrainOptions) -> None:
    """Refuse what contradicts `--classes`.

    Raises:
        UsageRefused: it says what.
    """
    if not options.classes:
        return
    if options.source is None:
        raise UsageRefused("--classes learns the classes of a folder: give it, --from DIR, with one folder a class")
    if options.references is not None:
        raise UsageRefused("--references shows one target, --classes tells many apart; give one of them")
    if options.recall is not None:
        raise UsageRefused("--classes aims at a precision of its names; leave out --recall, or give --precision")
    if options.stages is not None:
        raise UsageRefused("--stages are of one target, shown or not, and --classes tells many apart; leave one out")
    if options.force:
        raise UsageRefused("a recogniser comes into force anyway; leave out --force (crawl models rollback goes back)")


def check_synthetic(options: TrainOptions) -> None:
    """Refuse what contradicts `--synthetic`.

    Raises:
        UsageRefused: it says what.
    """
    if options.synthetic is None:
        if options.fill_to is not None:
            raise UsageRefused("--fill-to says how far --synthetic fills a class: name a generator, --synthetic MODEL")
        return
    if options.source is None or options.references is not None:
        raise UsageRefused("--synthetic fills classes of your own pictures: give their folder, --from DIR")


def goal_of(options: TrainOptions, settings: Settings) -> Goal:
    """What the threshold is chosen for, from checked options."""
    from classifier.training.pipeline import Goal

    if options.recall is not None:
        return Goal(precision=None, recall=options.recall)
    return Goal(precision=settings.goal.precision if options.precision is None else options.precision)


def crawl_goal(goal: ThresholdGoal, settings: Settings) -> Goal:
    """What a model that a crawl learns remembers as its goal; a threshold given by hand is for one run only."""
    return goal_of(TrainOptions(None, precision=goal.precision, recall=goal.recall), settings)
