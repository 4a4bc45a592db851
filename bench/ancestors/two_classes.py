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
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.ancestors.material import Material, balanced
from bench.ancestors.table import Comparison
from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.pictures.preprocessing import Preprocessing
from classifier.recipes import efficientnet_lite0
from classifier.recipes.catalogue import RECIPES
from classifier.recipes.epoch_samples import LabelledPictures
from classifier.recipes.fit import FitPlace, fit, probabilities
from classifier.recipes.settings import changed_words, from_words
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
class TwoClassBench:
    """What is compared, and how."""

    material: Material
    words: Sequence[str]  # settings of mona_cnn
    ours: str = ""  # one of `OURS`; empty: what `USUAL` says
    our_words: Sequence[str] = ()  # settings of efficientnet_lite0, which `all_classes` trains
    seed: int = 0
    say: Say = print
    recognised: dict[str, tuple[float, IntArray]] = field(default_factory=dict)  # by kind: seconds, classes of the test


def comparisons(bench: TwoClassBench, target: str, kinds: Sequence[str] = (WHOLE, EQUAL)) -> list[Comparison]:
    """Train both sides on either kind of training pictures; gives a line each."""
    found = []
    for kind in kinds:
        some = bench.material if kind == WHOLE else balanced(bench.material, target, SLACK, bench.seed)
        shows = np.array(some.kinds) == target
        recipe_s, recipe = _recipe(bench, some, shows)
        way = bench.ours or USUAL[kind]
        judged = _by_all_classes if way == ALL_CLASSES else _ours
        ours_s, ours = judged(replace(bench, ours=way), some, target)
        truth = shows[some.test]
        errors = [int((kept != truth).sum()) for kept in (recipe, ours)]
        settings = " ".join(changed_words(from_words(RECIPES["mona_cnn"].settings(), bench.words)))
        found.append(
            Comparison(
                data=f"{target} against all, {kind}: {len(some.train) + len(some.validation)} pictures, "
                f"{int(shows[some.train].sum() + shows[some.validation].sum())} of the target",
                measured=f"errors of {len(truth)} ({int(truth.sum())} show it)",
                ancestor=f"{errors[0]} {_parts(recipe, truth)}; mona_cnn {settings}, {recipe_s:.0f} CPU s",
                ours=f"{errors[1]} {_parts(ours, truth)}; {way}, {ours_s:.0f} CPU s",
                goal=f"≤ {GOALS[kind]:.2f} of its errors",
                met=errors[1] <= GOALS[kind] * errors[0],
                facts={"errors": errors, "seconds": [recipe_s, ours_s]},
            )
        )
        bench.say(f"{found[-1].data}: {errors[0]} against {errors[1]} errors")
    return found


def _parts(kept: BoolArray, truth: BoolArray) -> str:
    return f"({int((kept & ~truth).sum())} wrongly kept + {int((~kept & truth).sum())} missed)"


def _recipe(bench: TwoClassBench, some: Material, shows: BoolArray) -> tuple[float, BoolArray]:
    """Seconds of training, and which test pictures it keeps."""
    recipe = RECIPES["mona_cnn"]
    settings = from_words(recipe.settings(), bench.words)
    pictures = some.pixels(settings.preprocessing())
    begun = time.process_time()
    stage = LabelledPictures("target", pictures, np.where(shows, 0, 1), some.train, some.validation)
    network = fit(recipe, settings, ("target", "rest"), [stage], place=_place(bench))
    seconds = time.process_time() - begun
    scores: FloatArray = probabilities(network, pictures[some.test])[:, 0]
    return seconds, scores >= KEPT_FROM


def _ours(bench: TwoClassBench, some: Material, target: str) -> tuple[float, BoolArray]:
    """The same of ours: every class of the folder is a character, as in a gallery."""
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
    begun = time.process_time()
    plan = TrainingPlan(minimum=Minimum(per_class=8), tags_may_lie=False, seed=bench.seed)
    with tempfile.TemporaryDirectory(prefix="bench-ancestors-") as folder:
        learned = learn(pictures, examples, [TargetSpec(target, target)], plan, embedder=_embedder(bench, Path(folder)))
    (found,) = learned.targets
    scores = found.learned.scores[-len(some.test) :]
    return time.process_time() - begun, scores >= found.learned.chosen.threshold


def _by_all_classes(bench: TwoClassBench, some: Material, target: str) -> tuple[float, BoolArray]:
    """The same by a recogniser, which is trained once for all targets where these are the same pictures."""
    kind = WHOLE if some is bench.material else target
    if kind not in bench.recognised:
        recipe = RECIPES[efficientnet_lite0.NAME]
        settings = from_words(recipe.settings(), bench.our_words)
        pictures = some.pixels(settings.preprocessing())
        stage = LabelledPictures("classes", pictures, some.labels(), some.train, some.validation)
        begun = time.process_time()
        network = fit(recipe, settings, some.classes, [stage], place=_place(bench))
        seconds = time.process_time() - begun
        bench.recognised[kind] = seconds, probabilities(network, pictures[some.test]).argmax(axis=1)
    seconds, likeliest = bench.recognised[kind]
    return seconds, likeliest == some.classes.index(target)


def _embedder(bench: TwoClassBench, folder: Path) -> Embedder:
    if bench.ours == PRETRAINED:
        return pretrained_embedders.frozen(bench.seed)
    recipe = TrainingRecipe(time_budget_s=36_000, seed=bench.seed)
    return pretrained_embedders.fine_tuned(recipe, folder / "looked-at", None)


def _place(bench: TwoClassBench) -> FitPlace:
    """Minutes are of processors."""
    return FitPlace(report=_quarters(bench.say), clock=time.process_time)


def _quarters(say: Say) -> Callable[[str, float, str], None]:
    reported: set[int] = set()

    def report(stage: str, share: float, words: str) -> None:
        if int(4 * share) not in reported:
            reported.add(int(4 * share))
            say(f"  {stage} {share:.0%} {words}")

    return report
