"""Made-up evaluations: scores as a model would give them, measured as an evaluation would."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

from classifier.assessment import (
    Assessment,
    Confusion,
    CurvePoint,
    HistogramBin,
    Mistake,
    ReliabilityBin,
    Slice,
    TrainingCurve,
)
from classifier.evaluation import BoolArray, Estimate, FloatArray, evaluate, wilson

NOTHING = Estimate(math.nan, math.nan, math.nan)


def assessment(
    positives: int = 180,
    negatives: int = 900,
    *,
    threshold: float = 0.62,
    target: str = "mona",
    on: str = "1,080 test pictures of the gallery",
    training: bool = True,
    apart: float = 4.2,
    seed: int = 1,
) -> Assessment:
    random = np.random.default_rng(seed)
    truth = np.arange(positives + negatives) < positives
    odds = random.normal(size=len(truth)) * 1.6 + np.where(truth, apart * 0.6, -apart)
    scores = 1 / (1 + np.exp(-odds))
    return Assessment(
        model=f"{target}/3",
        target=target,
        on=on,
        threshold=threshold,
        quality=evaluate(scores, truth, threshold),
        test_prevalence=positives / max(1, len(truth)),
        prevalence=Estimate(0.11, 0.09, 0.13),
        at_prevalence=_point(scores, truth, threshold),
        curve=[_point(scores, truth, float(at)) for at in np.linspace(0, 1, 101)],
        calibration_error=Estimate(0.031, 0.02, 0.045) if len(truth) else NOTHING,
        brier=float(np.mean((scores - truth) ** 2)) if len(truth) else math.nan,
        reliability=_reliability(scores, truth),
        histogram=_histogram(scores, truth),
        slices=[
            Slice(by=by, value=value, quality=evaluate(scores[rows], truth[rows], threshold))
            for by, value, rows in _parts(len(truth), random)
        ],
        confusion=Confusion(
            kept_right=int((truth & (scores >= threshold)).sum()),
            kept_wrong=int((~truth & (scores >= threshold)).sum()),
            missed=int((truth & (scores < threshold)).sum()),
            rejected_right=int((~truth & (scores < threshold)).sum()),
        ),
        kept_wrong=_mistakes(scores, ~truth & (scores >= threshold), "labelled delete", worst=-1),
        missed=_mistakes(scores, truth & (scores < threshold), f"tagged {target}", worst=1),
        training=_training(random) if training else [],
        notes=[
            "Truth: 240 labels, for the other 840 pictures the site's tags; tags are believed to be right in 97.4%.",
            "Test pictures were never learned from; pictures of one artist or family stay together.",
        ],
    )


def jpeg(colour: tuple[int, int, int] = (120, 160, 220), size: tuple[int, int] = (48, 64)) -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def mistake(name: str = "post 7", link: str | None = "https://gallery.example/posts/7", score: float = 0.9) -> Mistake:
    return Mistake(name=name, score=score, why="labelled delete", link=link, picture=jpeg())


def _point(scores: FloatArray, truth: BoolArray, threshold: float) -> CurvePoint:
    kept = scores >= threshold
    right, precise, found = int((kept & truth).sum()), int(kept.sum()), int(truth.sum())
    precision, recall = wilson(right, precise), wilson(right, found)
    both = precise + found
    f1 = 2 * right / both if both else math.nan
    return CurvePoint(
        threshold=threshold,
        precision=precision,
        recall=recall,
        f1=Estimate(f1, max(0.0, f1 - 0.03), min(1.0, f1 + 0.03)) if found else NOTHING,
        kept=precise / len(truth) if len(truth) else math.nan,
    )


def _reliability(scores: FloatArray, truth: BoolArray) -> list[ReliabilityBin]:
    found = []
    for low in np.linspace(0, 0.9, 10):
        rows = (scores >= low) & (scores < low + 0.1)
        mean = float(scores[rows].mean()) if rows.any() else math.nan
        share = wilson(int(truth[rows].sum()), int(rows.sum()))
        found.append(ReliabilityBin(low=low, high=low + 0.1, pictures=int(rows.sum()), mean_score=mean, share=share))
    return found


def _histogram(scores: FloatArray, truth: BoolArray) -> list[HistogramBin]:
    edges = np.linspace(0, 1, 26)
    up, down = np.histogram(scores[truth], edges)[0], np.histogram(scores[~truth], edges)[0]
    return [
        HistogramBin(low=float(edges[at]), high=float(edges[at + 1]), positives=int(up[at]), negatives=int(down[at]))
        for at in range(25)
    ]


def _parts(examples: int, random: np.random.Generator) -> list[tuple[str, str, BoolArray]]:
    rating = random.choice(["general", "sensitive", "questionable", "explicit"], examples, p=[0.6, 0.25, 0.12, 0.03])
    solo, tagged = random.random(examples) < 0.7, random.random(examples) < 0.6
    return [
        *(("rating", one, rating == one) for one in ("general", "sensitive", "questionable", "explicit")),
        ("people", "solo", solo),
        ("people", "group", ~solo),
        ("tags", "tagged", tagged),
        ("tags", "untagged", ~tagged),
    ]


def _mistakes(scores: FloatArray, rows: BoolArray, why: str, *, worst: int) -> list[Mistake]:
    chosen = sorted(np.flatnonzero(rows).tolist(), key=lambda row: worst * scores[row])[:24]
    return [
        Mistake(
            name=f"post {row + 1000}",
            score=float(scores[row]),
            why=why,
            link=f"https://gallery.example/posts/{row + 1000}",
            picture=jpeg((row * 37 % 255, row * 91 % 255, 160)) if row % 9 else None,
        )
        for row in chosen
    ]


def _training(random: np.random.Generator) -> list[TrainingCurve]:
    epochs = [float(number) for number in range(1, 21)]
    falling = [2.4 * math.exp(-at / 5) + 0.05 for at in epochs]
    return [
        TrainingCurve(name="loss", epochs=epochs, values=falling),
        TrainingCurve(
            name="val_loss", epochs=epochs, values=[one * 1.1 + 0.1 + random.random() * 0.1 for one in falling]
        ),
        TrainingCurve(name="accuracy", epochs=epochs, values=[1 - one / 4 for one in falling]),
        TrainingCurve(name="val_accuracy", epochs=epochs, values=[0.97 - one / 4 for one in falling]),
    ]
