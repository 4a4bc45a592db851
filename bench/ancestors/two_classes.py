"""`mona_cnn` against ours, a target against everybody else: errors on the same test pictures.

*As a user has it*: every training picture of the folder; the recipe expands and balances them by varied copies.
*Balanced*: all pictures of the target and as many others, for both sides. The recipe keeps from probability 0.5 up,
which makes fewer errors than the 0.95 of its author; ours keeps from the threshold that its own training chose, or,
by `all_classes`, what a recogniser of every class of the folder takes for the target.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.ancestors.material import Material, balanced
from bench.ancestors.sides import Sides, Stopwatch, share_done
from bench.ancestors.table import Comparison
from classifier.arrays import BoolArray, FloatArray
from classifier.pictures.preprocessing import Preprocessing
from classifier.recipes import efficientnet_lite0
from classifier.recipes.catalogue import RECIPES
from classifier.recipes.epoch_samples import LabelledPictures
from classifier.recipes.fit import FitPlace, fit, probabilities
from classifier.recipes.settings import RecipeSettings, changed_words, from_words
from classifier.training.backbone_training import TrainingRecipe
from classifier.training.embedders import pretrained as pretrained_embedders
from classifier.training.pipeline import Embedder, Example, Minimum, TargetSpec, TrainingPlan, learn
from classifier.training.splits import Identity

KEPT_FROM = 0.5
SLACK = 100  # pictures by which the balanced classes may differ
WHOLE, EQUAL = "as a user has it", "balanced"
GOALS = {WHOLE: 1 / 5, EQUAL: 1 / 3}  # share of the recipe's errors
OURS = PRETRAINED, FINE_TUNED, ALL_CLASSES = "pretrained", "fine_tuned", "all_classes"
USUAL = {WHOLE: ALL_CLASSES, EQUAL: PRETRAINED}  # few pictures are too few to train on
_OURS_PX = 128

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Kept:
    """What one side makes of the test pictures."""

    cpu_s: float  # of training
    wrongly: int  # kept though they do not show the target
    missed: int
    done: float = 1.0  # share of the steps that were planned

    @property
    def errors(self) -> int:
        """Both kinds."""
        return self.wrongly + self.missed

    def words(self, setting: str) -> str:
        """For the table."""
        cut = "" if self.done >= 1.0 else f", {self.done:.0%} of it in its time"
        counts = f"{self.errors} ({self.wrongly} wrongly kept + {self.missed} missed)"
        return f"{counts}; {setting}{cut}, {self.cpu_s:.0f} CPU s"


@dataclass(frozen=True, slots=True)
class TwoClassBench:
    """What is compared, and how."""

    material: Material
    words: Sequence[str]  # settings of mona_cnn
    sides: Sides = field(default_factory=Sides)
    ours: str = ""  # one of `OURS`; empty: what `USUAL` says
    our_words: Sequence[str] = ()  # settings of efficientnet_lite0, which `all_classes` trains
    seed: int = 0
    say: Say = print


def comparisons(bench: TwoClassBench, target: str, kind: str) -> list[Comparison]:
    """Train both sides on one kind of training pictures."""
    some = bench.material if kind == WHOLE else balanced(bench.material, target, SLACK, bench.seed)
    shows = np.array(some.kinds) == target
    truth = shows[some.test]
    settings = from_words(RECIPES["mona_cnn"].settings(), bench.words)
    setting = f"mona_cnn {' '.join(changed_words(settings))}"
    pictures = f"{target} against all, {kind}, {some.marks()}, seed {bench.seed}"
    way = bench.ours or USUAL[kind]
    ours = _ours(bench, some, target, way, pictures)
    bench.say(f"  {target} against all, {kind}, ours: {ours.words(way)}")
    recipe = bench.sides.measured.once(f"{pictures}: {setting}", Kept, lambda: _recipe(bench, settings, some, shows))
    return [
        Comparison(
            data=f"{target} against all, {kind}: {len(some.train) + len(some.validation)} pictures, "
            f"{int(shows[some.train].sum() + shows[some.validation].sum())} of the target",
            measured=f"errors of {len(truth)} ({int(truth.sum())} show it)",
            ancestor=recipe.words(setting),
            ours=ours.words(way),
            goal=f"≤ {GOALS[kind]:.2f} of its errors",
            met=ours.errors <= GOALS[kind] * recipe.errors,
            facts={"errors": [recipe.errors, ours.errors], "seconds": [recipe.cpu_s, ours.cpu_s]},
        )
    ]


def _kept(seconds: float, kept: BoolArray, truth: BoolArray, done: float = 1.0) -> Kept:
    return Kept(seconds, int((kept & ~truth).sum()), int((~kept & truth).sum()), done)


def _recipe(bench: TwoClassBench, settings: RecipeSettings, some: Material, shows: BoolArray) -> Kept:
    pictures = some.pixels(settings.preprocessing())
    watch = Stopwatch()
    stage = LabelledPictures("target", pictures, np.where(shows, 0, 1), some.train, some.validation)
    place = FitPlace(report=_quarters(bench.say), clock=time.process_time)
    network = fit(RECIPES["mona_cnn"], settings, ("target", "rest"), [stage], place=place)
    seconds, _ = watch.seconds()
    scores: FloatArray = probabilities(network, pictures[some.test])[:, 0]
    return _kept(seconds, scores >= KEPT_FROM, shows[some.test], share_done(network))


def _ours(bench: TwoClassBench, some: Material, target: str, way: str, pictures: str) -> Kept:
    if way != ALL_CLASSES:
        return bench.sides.measured.once(f"{pictures}: {way}", Kept, lambda: _judged(bench, some, target, way))
    own = efficientnet_lite0.RECIPE
    side = bench.sides.recipe(own, from_words(own.settings(), bench.our_words), some)  # once for all targets
    kept = np.array(side.said) == some.classes.index(target)
    return _kept(side.cpu_s, kept, np.array(some.kinds)[some.test] == target, side.done)


def _judged(bench: TwoClassBench, some: Material, target: str, way: str) -> Kept:
    """By a network of two heads: every class of the folder is a character, as in a gallery."""
    rows = np.concatenate([some.train, some.validation, some.test])
    names = {**dict.fromkeys(some.train.tolist(), "train"), **dict.fromkeys(some.validation.tolist(), "validation")}
    examples = [
        Example(
            Identity(row + 1, md5=str(row), picture_hash=None, set_key=str(some.groups[row])),
            (some.kinds[row],),
            True,
            names.get(row, "test"),
        )
        for row in rows.tolist()
    ]
    pictures = some.pixels(Preprocessing(_OURS_PX))[rows]
    watch = Stopwatch()
    plan = TrainingPlan(minimum=Minimum(per_class=8), tags_may_lie=False, seed=bench.seed)
    with tempfile.TemporaryDirectory(prefix="bench-ancestors-") as folder:
        embedder = _embedder(way, bench.seed, Path(folder))
        learned = learn(pictures, examples, [TargetSpec(target, target)], plan, embedder=embedder)
    (found,) = learned.targets
    scores = found.learned.scores[-len(some.test) :]
    truth = np.array(some.kinds)[some.test] == target
    return _kept(watch.seconds()[0], scores >= found.learned.chosen.threshold, truth)


def _embedder(way: str, seed: int, folder: Path) -> Embedder:
    if way == PRETRAINED:
        return pretrained_embedders.frozen(seed)
    recipe = TrainingRecipe(time_budget_s=36_000, seed=seed)
    return pretrained_embedders.fine_tuned(recipe, folder / "looked-at", None)


def _quarters(say: Say) -> Callable[[str, float, str], None]:
    reported: set[int] = set()

    def report(stage: str, share: float, words: str) -> None:
        if int(4 * share) not in reported:
            reported.add(int(4 * share))
            say(f"  {stage} {share:.0%} {words}")

    return report
