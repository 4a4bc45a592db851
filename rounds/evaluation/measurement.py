"""The figures of a model on judged pictures, whatever the pictures are from."""

from __future__ import annotations

from classifier.metrics.assessment import Assessment
from classifier.metrics.curves import ScoredPictures, measure
from classifier.training.history import training_curves
from rounds.errors import TooLittleToMeasure
from rounds.evaluation.prevalence import Prevalence
from rounds.evaluation.subject import Subject

LEAST = 5  # pictures of each kind
MISTAKES = 24  # of each kind that are shown


def check(judged: ScoredPictures, where: str, advice: str) -> None:
    """Refuse when there are too few pictures of a kind to measure.

    Raises:
        TooLittleToMeasure: there is not; counts what there is.
    """
    shown = int(judged.truth.sum())
    others = len(judged) - shown
    if min(shown, others) < LEAST:
        raise TooLittleToMeasure(
            f"too few pictures to measure: {where} {shown} that show it and {others} that do not; at least {LEAST} "
            f"of each are needed; {advice}"
        )


def assess(subject: Subject, judged: ScoredPictures, prevalence: Prevalence, on: str, *, seed: int = 0) -> Assessment:
    """Measure a model at its threshold; slices, mistakes and notes are for the caller to add.

    Args:
        subject: the model.
        judged: pictures with its scores and the truth.
        prevalence: that of the gallery; the curve is drawn for it.
        on: what was measured on, for people.
        seed: of the draws behind intervals.
    """
    card = subject.model.card
    figures = measure(judged, card.threshold, prevalence.share, seed=seed)
    return Assessment(
        model=card.name,
        target=subject.target.name,
        on=on,
        threshold=card.threshold,
        quality=figures.quality,
        test_prevalence=figures.test_prevalence,
        prevalence=prevalence.share,
        at_prevalence=figures.at_prevalence,
        curve=figures.curve,
        calibration_error=figures.calibration_error,
        brier=figures.brier,
        reliability=figures.reliability,
        histogram=figures.histogram,
        confusion=figures.confusion,
        training=training_curves(subject.package),
        prevalence_source=prevalence.source,
    )
