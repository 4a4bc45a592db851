"""How far a few answers go: errors left after 0 to 200 answers, for our questions, uncertainty alone, and random ones.

    python -m bench.answers.label_economy DIR --models MODELS --keep kiara --keep ina [--cache FILE] [--svg FILE]

DIR has one folder a class; 40 % of the tags are hidden and 5 % are wrong. MODELS holds a package a target, trained by
`bench.round_zero_offline --wrong 0.05 --models MODELS` on the same gallery. A person who knows the truth answers;
after 10, 25, 50, 100 and 200 answers a round of the head is done. An error is a picture that is kept and does not show
the target, or the other way round, by labels, tags and scores together. *0 answers* is round 0;
*0 answers, round 1* a round without a single answer, which shows what learning from noisy tags alone gives.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

from bench.round_zero_offline import FolderSource
from bench.samples.simulated_gallery import SimulatedGallery, embedded, gallery
from classifier.arrays import IntArray
from classifier.metrics.quality import wilson
from classifier.package.package import Package, load_package
from rounds.evaluation.charts import Axes, line_chart
from rounds.head_round import HeadRoundSettings, Snapshot, learn_candidate
from rounds.questions.decision_rule import DecisionRule
from rounds.questions.estimate import Estimates, estimates
from rounds.questions.queue import Mix, Reason, questions
from storage.archive_records import RegisteredModel
from storage.records import ModelCard, Target

BUDGETS = (0, 10, 25, 50, 100, 200)
Chooser = Callable[["Play", int], IntArray]


@dataclass(slots=True)
class Play:
    """One target's gallery while rounds are played on it."""

    target: str
    gallery: SimulatedGallery
    package: Package
    threshold: float
    seed: int
    sample_rows: list[int]  # rows that were answered as part of the random sample

    @property
    def rule(self) -> DecisionRule:
        """As the model in force decides."""
        return DecisionRule(self.threshold)

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """The gallery's current decision: label, else tag, else score."""
        evidence = self.gallery.evidence
        labels = np.array(evidence.labels)
        return np.asarray((labels == "keep") | (self.rule.kept(evidence) & (labels != "delete")))

    def answer(self, rows: IntArray) -> None:
        """A person who knows the truth answers these."""
        self.gallery = self.gallery.answered(rows)

    def round(self) -> None:
        """Learn a head, and score everything again."""
        card = ModelCard(self.target, 1, self.package.hash, self.package.backbone_hash, self.threshold)
        active = RegisteredModel(card, True, datetime.now(UTC), {}, None, 0)
        evidence = self.gallery.evidence
        snapshot = Snapshot(
            target=Target(self.target, self.target), active=active, package=self.package, evidence=evidence
        )
        learned = learn_candidate(snapshot, HeadRoundSettings()).learned
        self.package = replace(self.package, head=learned.head)
        self.threshold = learned.chosen.threshold
        self.gallery = self.gallery.scored(learned.head.probabilities(evidence.vectors, evidence.strata))


def ours(play: Play, count: int) -> IntArray:
    """The program's own queue."""
    chosen = questions(
        play.gallery.evidence,
        play.rule,
        size=count,
        mix=Mix(),
    )
    play.sample_rows += [question.row for question in chosen if question.reason is Reason.RANDOM]
    return np.array([question.row for question in chosen], dtype=np.int64)


def uncertain(play: Play, count: int) -> IntArray:
    """Nearest to the threshold, nothing else."""
    evidence = play.gallery.evidence
    open_ = np.flatnonzero([label == "" for label in evidence.labels])
    open_ = open_[~evidence.tagged[open_]]
    odds = np.clip(evidence.scores[open_], 1e-6, 1 - 1e-6)
    distance = np.abs(np.log(odds / (1 - odds)) - np.log(play.threshold / (1 - play.threshold)))
    return open_[np.argsort(distance, kind="stable")][:count].astype(np.int64)


def at_random(play: Play, count: int) -> IntArray:
    """A random sample of the untagged pictures."""
    evidence = play.gallery.evidence
    open_ = np.flatnonzero([label == "" for label in evidence.labels])
    chance, most = np.random.default_rng((play.seed, len(open_))), min(count, len(open_))
    return chance.choice(open_, most, replace=False).astype(np.int64)


CHOOSERS: Mapping[str, Chooser] = {"ours": ours, "uncertain": uncertain, "random": at_random}


def quality_of(play: Play, answers: int) -> dict[str, Any]:
    """Figures of the gallery in its current state."""
    kept, truth, untagged = play.kept, play.gallery.truth, play.gallery.untagged
    wrong = kept != truth
    right = int((kept & truth & untagged).sum())
    figures = {
        "answers": answers,
        "errors_untagged": int((wrong & untagged).sum()),
        "errors_all": int(wrong.sum()),
        "precision": wilson(right, int((kept & untagged).sum())),
        "recall": wilson(right, int((truth & untagged).sum())),
        "precision_all": float((kept & truth).sum() / max(1, kept.sum())),
        "recall_all": float((kept & truth).sum() / max(1, truth.sum())),
    }
    return figures


def played(play: Play, chooser: Chooser) -> list[dict[str, Any]]:
    """All budgets for one way of choosing questions."""
    figures = [quality_of(play, 0)]
    for before, budget in itertools.pairwise(BUDGETS):
        play.answer(chooser(play, budget - before))
        play.round()
        figures.append(quality_of(play, budget))
    return figures


def estimated(play: Play) -> Estimates:
    """The program's own estimate, from the random part of the answers alone."""
    return estimates(play.gallery.evidence, play.rule, np.array(play.sample_rows, dtype=np.int64))


def table(target: str, name: str, figures: Sequence[Mapping[str, Any]]) -> None:
    """Print the figures of one way of choosing questions."""
    for row in figures:
        print(
            f"{target:8} {name:10} {row['answers']:4} answers: {row['errors_untagged']:4} errors on untagged, "
            f"{row['errors_all']:4} on all; untagged precision {row['precision']}, recall {row['recall']}",
            flush=True,
        )


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=Path, required=True, help="a folder a target, each with a package 1")
    parser.add_argument("--keep", action="append", required=True)
    parser.add_argument("--hide", type=float, default=0.4)
    parser.add_argument("--wrong", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="keep the embeddings in this .npz file")
    parser.add_argument("--svg", type=Path, help="draw the curves into this file")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    source = FolderSource(arguments.folder, hide=arguments.hide, seed=arguments.seed, wrong=arguments.wrong)
    everything: dict[str, dict[str, Any]] = {}
    for target in arguments.keep:
        package = load_package(arguments.models / target / "1")
        vectors = embedded(source, package, arguments.cache)
        first = gallery(source, target, vectors, package)
        everything[target] = {}
        bare = Play(target, first, package, package.threshold, arguments.seed, [])
        bare.round()
        table(target, "no answers", [quality_of(bare, 0)])
        for name, chooser in CHOOSERS.items():
            begun = time.monotonic()
            play = Play(target, first, package, package.threshold, arguments.seed, [])
            figures = played(play, chooser)
            table(target, name, figures)
            print(f"    {time.monotonic() - begun:.1f} s for {len(BUDGETS) - 1} rounds")
            if name == "ours":
                last = figures[-1]
                print(
                    f"    its own estimate: {estimated(play).words()}; truth: precision {last['precision_all']:.3f}, "
                    f"recall {last['recall_all']:.3f}"
                )
            everything[target][name] = figures
    _compare(everything)
    if arguments.svg:
        arguments.svg.write_text(chart(everything), encoding="utf-8")
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=1, default=lambda figure: str(figure)))


def chart(everything: Mapping[str, Mapping[str, Any]]) -> str:
    """Errors left on untagged pictures, all targets together."""
    lines = {
        name: [
            (float(budget), float(sum(ways[name][row]["errors_untagged"] for ways in everything.values())))
            for row, budget in enumerate(BUDGETS)
        ]
        for name in CHOOSERS
    }
    title = f"Errors left on untagged pictures: {', '.join(everything)}"
    return line_chart(lines, Axes(title, "answers", "errors", BUDGETS, evenly=True))


def _compare(everything: Mapping[str, Mapping[str, Any]]) -> None:
    """50 answers of ours against 200 random ones."""
    at = {budget: number for number, budget in enumerate(BUDGETS)}
    for key in ("errors_untagged", "errors_all"):
        mine = sum(ways["ours"][at[50]][key] for ways in everything.values())
        at_random = sum(ways["random"][at[200]][key] for ways in everything.values())
        first = sum(ways["ours"][0][key] for ways in everything.values())
        print(f"{key}: {first} in round 0; 50 answers of ours leave {mine}, 200 random ones leave {at_random}")


if __name__ == "__main__":
    main()
