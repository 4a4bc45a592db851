"""Made-up evaluations: scores as a model would give them, measured as an evaluation measures them."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from functools import cache

import numpy as np
from PIL import Image

from classifier.arrays import BoolArray, FloatArray
from classifier.metrics.assessment import (
    AsItStands,
    Assessment,
    Confusion,
    CurvePoint,
    Mistake,
    SetApart,
    TrainingCurve,
)
from classifier.metrics.curves import QualityFigures, ScoredPictures, histogram_of, measure, slices_by
from classifier.metrics.quality import Estimate, evaluate

NOTHING = Estimate(math.nan, math.nan, math.nan)
PREVALENCE = Estimate(0.11, 0.09, 0.13)
THRESHOLD = 0.62


@cache
def assessment(positives: int = 180, negatives: int = 900, *, apart: float = 4.2, target: str = "mona") -> Assessment:
    """An assessment of scores that lie so far apart; most figures of pictures of one kind alone are not defined."""
    random = np.random.default_rng(1)
    truth = np.arange(positives + negatives) < positives
    odds = random.normal(size=len(truth)) * 1.6 + np.where(truth, apart * 0.6, -apart)
    scores = 1 / (1 + np.exp(-odds))
    judged = ScoredPictures(scores, truth, np.arange(len(truth), dtype=np.int64))
    figures = measure(judged, THRESHOLD, PREVALENCE) if positives and negatives else _unmeasured(judged)
    ratings = random.choice(["general", "sensitive", "questionable", "explicit"], len(truth), p=[0.6, 0.25, 0.12, 0.03])
    people = random.choice(["solo", "group"], len(truth), p=[0.7, 0.3])
    return Assessment(
        model=f"{target}/3",
        target=target,
        on=f"{len(truth):,} test pictures of the gallery",
        threshold=THRESHOLD,
        quality=figures.quality,
        test_prevalence=figures.test_prevalence,
        prevalence=PREVALENCE,
        at_prevalence=figures.at_prevalence,
        curve=figures.curve,
        calibration_error=figures.calibration_error,
        brier=figures.brier,
        reliability=figures.reliability,
        histogram=figures.histogram,
        slices=(
            *slices_by("rating", ratings.tolist(), judged, THRESHOLD),
            *slices_by("people", people.tolist(), judged, THRESHOLD, order=("solo", "group")),
        ),
        confusion=figures.confusion,
        kept_wrong=_mistakes(scores, ~truth & (scores >= THRESHOLD), "labelled delete", kept=True),
        missed=_mistakes(scores, truth & (scores < THRESHOLD), f"tagged {target}", kept=False),
        training=_training(),
        notes=(
            "the truth of 240 pictures is known from answers; that of 840 is taken from tags, which may be wrong",
            "pictures without a character tag are not included",
        ),
        prevalence_source="measured, from 420 answers to the random sample",
        as_it_stands=AsItStands(precision=Estimate(0.97, 0.94, 0.99), recall=Estimate(0.95, 0.9, 0.98), answers=420),
    )


def with_doubted_tags(measured: Assessment) -> Assessment:
    """The same, with pictures set apart: 8 of 9 that are kept lack the tag, 1 of 2 missed has it wrongly."""
    links = "https://gallery.example/posts/"
    apart = SetApart(
        pictures=11,
        kept=8,
        rejected=1,
        kept_wrong_by_tags=9,
        missed_by_tags=2,
        by_tags=replace(measured.quality, precision=Estimate(0.808, 0.75, 0.86)),
        lacks_tag=[mistake(f"post {number}", f"{links}{number}", jpeg((number, 2, 3))) for number in range(1, 9)],
        wrong_tag=[mistake("post 9", f"{links}9")],
        search="id:1,2,3,4,5,6,7,8,9",
    )
    return replace(measured, set_apart=apart)


def jpeg(colour: tuple[int, int, int] = (120, 160, 220)) -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", (48, 64), colour).save(out, "JPEG")
    return out.getvalue()


def mistake(
    name: str = "post 7", link: str | None = "https://gallery.example/posts/7", picture: bytes | None = None
) -> Mistake:
    return Mistake(name=name, score=0.9, why="labelled delete", link=link, picture=picture or jpeg())


def _unmeasured(judged: ScoredPictures) -> QualityFigures:
    """Of pictures of one kind, or of none at all."""
    kept = judged.scores >= THRESHOLD
    return QualityFigures(
        quality=evaluate(judged.scores, judged.truth, THRESHOLD),
        test_prevalence=float(judged.truth.mean()) if len(judged) else math.nan,
        at_prevalence=CurvePoint(threshold=THRESHOLD, precision=NOTHING, recall=NOTHING, f1=NOTHING, kept=math.nan),
        curve=(),
        calibration_error=NOTHING,
        brier=math.nan,
        reliability=(),
        histogram=histogram_of(judged.scores, judged.truth),
        confusion=Confusion(
            kept_right=int((kept & judged.truth).sum()),
            kept_wrong=int((kept & ~judged.truth).sum()),
            missed=int((~kept & judged.truth).sum()),
            rejected_right=int((~kept & ~judged.truth).sum()),
        ),
    )


def _mistakes(scores: FloatArray, rows: BoolArray, why: str, *, kept: bool) -> tuple[Mistake, ...]:
    worst = sorted(np.flatnonzero(rows).tolist(), key=lambda row: -scores[row] if kept else scores[row])[:24]
    return tuple(
        Mistake(
            name=f"post {row + 1000}",
            score=float(scores[row]),
            why=why,
            link=f"https://gallery.example/posts/{row + 1000}",
            picture=jpeg((row * 37 % 255, row * 91 % 255, 160)) if row % 9 else None,
        )
        for row in worst
    )


def _training() -> tuple[TrainingCurve, ...]:
    epochs = [float(number) for number in range(1, 21)]
    return (
        TrainingCurve(name="loss", epochs=epochs, values=[2.4 * math.exp(-at / 5) + 0.05 for at in epochs]),
        TrainingCurve(name="val_loss", epochs=epochs, values=[2.6 * math.exp(-at / 5) + 0.15 for at in epochs]),
        TrainingCurve(name="learning_rate", epochs=epochs, values=[0.001 * math.cos(at / 14) for at in epochs]),
    )
