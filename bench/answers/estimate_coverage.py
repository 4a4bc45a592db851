"""How often the estimate of the current gallery holds the truth, and how wide it is, after 7 to 300 answers.

    python -m bench.answers.estimate_coverage [--galleries 200] [--json FILE]

Made-up galleries: 1 to 30 % of the pictures show the target, 40 % have no character tag, up to 8 % of tags are wrong,
scores separate well or badly. In each world scores are off in another way; the threshold is the one that has 95 %
precision according to the scores. A person answers the program's random questions truly, and as many about pictures
next to the threshold. The program's estimate is compared with the one by answers alone (Wilson's limits by stratum,
combined by the MOVER method), which the program gave before 2026-11-29.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.metrics.calibration import sigmoid
from classifier.metrics.quality import Estimate, wilson
from rounds.questions import estimate
from rounds.questions.decision_rule import DecisionRule
from rounds.questions.random_sample import STRATA, next_at_random
from storage.evidence import Evidence
from tests.equipment.made_up_evidence import made_up_evidence

ANSWERS = (7, 20, 50, 100, 300)
_SIZE = 2000  # pictures
_GOAL = 0.95  # precision that the threshold is chosen for, according to the scores


@dataclass(frozen=True, slots=True)
class World:
    """How scores are off: log odds in, log odds out."""

    name: str
    off: Callable[[FloatArray, BoolArray, BoolArray, np.random.Generator], FloatArray]  # logits, truth, named


def _blind(logits: FloatArray, truth: BoolArray, named: BoolArray, random: np.random.Generator) -> FloatArray:
    """A third of the pictures that show the target look like all others: another costume, a small figure."""
    unseen = truth & (random.random(len(truth)) < 1 / 3)
    return np.where(unseen, random.permutation(logits), logits)


WORLDS = (
    World("calibrated", lambda logits, truth, named, random: logits),
    World("too sure", lambda logits, truth, named, random: 2 * logits),
    World("too modest", lambda logits, truth, named, random: 0.5 * logits),
    World("seven times too high", lambda logits, truth, named, random: logits + 2),
    World("seven times too low", lambda logits, truth, named, random: logits - 2),
    World("blind to a third", _blind),
    World("wrong prevalence of others", lambda logits, truth, named, random: logits + 4 * named),
    World("everything shows it", lambda logits, truth, named, random: logits + 8),
)


@dataclass(frozen=True, slots=True, eq=False)
class SampledGallery:
    """A gallery, and what it shows."""

    evidence: Evidence
    truth: BoolArray
    threshold: float

    def answered(self, rows: Sequence[int]) -> SampledGallery:
        """The same after a person has answered these rows truly."""
        labels = list(self.evidence.labels)
        for row in rows:
            labels[row] = "keep" if self.truth[row] else "delete"
        return replace(self, evidence=replace(self.evidence, labels=labels))

    @property
    def rule(self) -> DecisionRule:
        """As the model in force decides."""
        return DecisionRule(self.threshold)

    @property
    def kept(self) -> BoolArray:
        """By label, else tag, else score."""
        labels = np.array(self.evidence.labels)
        return np.asarray((labels == "keep") | (self.rule.kept(self.evidence) & (labels != "delete")))


def made(world: World, seed: int) -> SampledGallery:
    """A gallery of a world."""
    random = np.random.default_rng(seed)
    truth = random.random(_SIZE) < math.exp(random.uniform(math.log(0.01), math.log(0.3)))
    named = random.random(_SIZE) >= 0.4
    lies = random.uniform(0, 0.08)
    wrong = named & (random.random(_SIZE) < np.where(truth, lies, lies * truth.mean()))
    tagged = named & (truth ^ wrong)
    apart = random.uniform(2.5, 5.0)
    likelihood = apart * random.normal(np.where(truth, apart / 2, -apart / 2), 1.0)
    others = named & ~tagged
    share = np.where(others, truth[others].mean(), truth[~named].mean()).clip(1e-4, 1 - 1e-4)
    scores = sigmoid(world.off(likelihood + np.log(share / (1 - share)), truth, others, random))
    falling = np.sort(scores[~tagged])[::-1]
    predicted = np.cumsum(falling) / np.arange(1, len(falling) + 1)
    keeps = np.flatnonzero(predicted >= _GOAL)
    threshold = float(falling[keeps[-1]]) if len(keeps) else float(falling[0])
    return SampledGallery(_evidence(scores, tagged, named, seed), truth, threshold)


def _evidence(scores: FloatArray, tagged: BoolArray, named: BoolArray, seed: int) -> Evidence:
    count = len(scores)
    evidence = made_up_evidence(np.zeros((count, 1), dtype=np.float16), scores, tagged, named)
    return replace(evidence, md5s=[f"{seed:016x}{number:016x}" for number in range(count)])


def answered_at_random(gallery: SampledGallery, count: int) -> tuple[SampledGallery, IntArray]:
    """The gallery after so many random answers and as many next to the threshold, and the rows of the random ones."""
    evidence = gallery.evidence
    near = np.argsort(np.abs(evidence.scores - gallery.threshold) + evidence.tagged)[:count].tolist()
    gallery = gallery.answered(near)
    open_ = np.array([label == "" for label in gallery.evidence.labels])
    drawn = list(itertools.islice(next_at_random(evidence, gallery.rule.kept(evidence), open_, 0), count))
    return gallery.answered(drawn), np.array(drawn, dtype=np.int64)


def by_answers_alone(gallery: SampledGallery, drawn: IntArray) -> tuple[Estimate, Estimate]:
    """Precision and recall as they were estimated before: no score counts.

    Source: Zou & Donner 2008, "Construction of confidence limits about effect measures" (the MOVER method).
    """
    evidence = gallery.evidence
    counts = estimate.counted_strata(evidence, gallery.rule, drawn)
    known = sum(label == "keep" for label in evidence.labels)
    right = _total([_showing(one) for one in counts if one.kept])
    missed = _total([_showing(one) for one in counts if not one.kept])
    kept = max(1, known + sum(one.open for one in counts if one.kept))
    precision = Estimate(*(min(1.0, (known + number) / kept) for number in right))
    value, low, high = missed
    hits = zip(right, (value, high, low), strict=True)
    return precision, Estimate(*((known + right) / max(1e-9, known + right + lost) for right, lost in hits))


def _showing(one: Any) -> tuple[float, float, float]:
    believed = (one.shown + one.kept) / (one.sampled + 1)
    share = wilson(one.shown, one.sampled) if one.sampled >= 3 else Estimate(believed, 0.0, 1.0)
    value, low, high = (
        min(max(number * one.size - one.known, 0.0), float(one.open)) for number in (share.value, share.low, share.high)
    )
    return value, low, high


def _total(strata: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    value = sum(number for number, _, _ in strata)
    low = value - math.sqrt(sum((number - least) ** 2 for number, least, _ in strata))
    high = value + math.sqrt(sum((most - number) ** 2 for number, _, most in strata))
    return value, max(0.0, low), high


def measured(world: World, answers: int, galleries: int) -> dict[str, Any]:
    """Coverage and width of both estimates in one world."""
    columns: dict[str, list[float]] = {}
    for seed in range(galleries):
        gallery, drawn = answered_at_random(made(world, seed), answers)
        right = int((gallery.kept & gallery.truth).sum())
        truths = right / max(1, int(gallery.kept.sum())), right / max(1, int(gallery.truth.sum()))
        assisted = estimate.estimates(gallery.evidence, gallery.rule, drawn)
        sides = {"assisted": (assisted.precision, assisted.recall), "alone": by_answers_alone(gallery, drawn)}
        for side, figures in sides.items():
            for name, figure, true in zip(("precision", "recall"), figures, truths, strict=True):
                _note(columns, f"{side} {name}", figure, true)
    spread = {key: values for key, values in columns.items() if key.endswith(("inside",))}
    return {
        "world": world.name,
        "answers": answers,
        **{key: float(np.mean(values)) for key, values in spread.items()},
        **{key: float(np.median(values)) for key, values in columns.items() if key not in spread},
    }


def _note(columns: dict[str, list[float]], key: str, figure: Estimate, true: float) -> None:
    inside = figure.low - 1e-9 <= true <= figure.high + 1e-9
    columns.setdefault(f"{key} inside", []).append(float(inside))
    columns.setdefault(f"{key} width", []).append(figure.high - figure.low)
    columns.setdefault(f"{key} off", []).append(abs(figure.value - true))


def line(row: Mapping[str, Any]) -> str:
    """A row of the table."""
    cells = [
        f"{row[f'{side} {name} inside']:.3f} / {row[f'{side} {name} width']:.3f} / {row[f'{side} {name} off']:.3f}"
        for name in ("precision", "recall")
        for side in ("assisted", "alone")
    ]
    return f"| {row['world']} | {row['answers']} | {' | '.join(cells)} |"


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--galleries", type=int, default=200)
    parser.add_argument("--answers", type=int, action="append")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    began = time.monotonic()
    print("each cell: share of galleries whose true figure is inside / median width / median error of the figure")
    print("| world | answers | precision, with scores | by answers alone | recall, with scores | by answers alone |")
    print("| --- | --- | --- | --- | --- | --- |")
    rows = []
    for world, answers in itertools.product(WORLDS, arguments.answers or ANSWERS):
        rows.append(measured(world, answers, arguments.galleries))
        print(line(rows[-1]), flush=True)
    print(f"{arguments.galleries} galleries a row, {len(STRATA)} strata, {time.monotonic() - began:.0f} s")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
