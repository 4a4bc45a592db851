"""All figures of one model on one set of pictures: the records between measuring and showing.

`rounds/evaluation/` fills them, the terminal table, the JSON and the HTML report show them, and nobody computes a
figure twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from classifier.metrics.quality import Estimate, Quality, without_nan


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """What one threshold would give, at the prevalence of the gallery."""

    threshold: float  # 0..1
    precision: Estimate
    recall: Estimate
    f1: Estimate
    kept: float  # share of all pictures, 0..1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Pictures whose scores lie close together: how many of them show the target, and how many should."""

    low: float  # scores from here, 0..1
    high: float  # to here
    pictures: int
    mean_score: float  # what the model promises
    share: Estimate  # what is found


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramBin:
    """How many pictures got scores in a range, apart for those that show the target and those that do not."""

    low: float
    high: float
    positives: int
    negatives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The same figures for a part of the pictures."""

    by: str  # rating | people | tags | class
    value: str  # general, solo, untagged, ...
    quality: Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Counts at the threshold."""

    kept_right: int
    kept_wrong: int
    missed: int
    rejected_right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One picture that the model gets wrong."""

    name: str  # "post 123", or the file's path below the folder
    score: float  # 0..1
    why: str  # where the truth comes from: "labelled delete", "tagged mona", "in folder mona"
    link: str | None  # http(s) page of the post at its site
    picture: bytes | None  # small JPEG for a contact sheet; None: it cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class SetApart:
    """Test pictures whose tags are probably wrong: in no figure, but listed to be looked at.

    A head that never saw a picture or its relatives judges its tags, so no model is measured by its own word.
    """

    pictures: int
    kept: int  # by the model, although the tags name others: they probably lack the tag
    rejected: int  # by the model, although tagged with the target: the tag is probably wrong
    kept_wrong_by_tags: int  # if every tag were correct; includes those of `kept`
    missed_by_tags: int
    by_tags: Quality  # the figures if every tag were correct
    lacks_tag: Sequence[Mistake]  # the worst of `kept`
    wrong_tag: Sequence[Mistake]  # the worst of `rejected`
    search: str  # finds them in `crawl query` and on the page: id:12,34


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCurve:
    """One figure over the epochs, as the learning process recorded it."""

    name: str  # loss, val_loss, accuracy, ...
    epochs: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsItStands:
    """How good the gallery is with tags, labels and scores together, by the answers to the random sample."""

    precision: Estimate
    recall: Estimate
    answers: int  # random ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """One model on one set of pictures."""

    model: str  # mona/3
    target: str
    on: str  # what was measured on, for people: "412 test pictures of the gallery", "the folder pictures/"
    threshold: float  # 0..1, in force
    quality: Quality  # at that threshold, on the pictures as they are
    test_prevalence: float  # share of positives among them
    prevalence: Estimate  # share in the gallery that the curve is drawn for
    at_prevalence: CurvePoint  # the threshold in force at the gallery's prevalence
    curve: Sequence[CurvePoint]  # rising thresholds
    calibration_error: Estimate  # expected calibration error, 0..1
    brier: float  # mean squared error of the scores, 0..1
    reliability: Sequence[ReliabilityBin]
    histogram: Sequence[HistogramBin]
    slices: Sequence[Slice] = ()
    confusion: Confusion
    kept_wrong: Sequence[Mistake] = ()  # the worst first
    missed: Sequence[Mistake] = ()
    training: Sequence[TrainingCurve] = ()
    notes: Sequence[str] = ()  # what a reader has to know before trusting the figures
    prevalence_source: str = ""  # for people: where `prevalence` is from
    as_it_stands: AsItStands | None = None  # None: nothing of the random sample was answered
    set_apart: SetApart | None = None  # None: no tag is in doubt

    def to_json(self) -> dict[str, Any]:
        """Plain values for a program, without the pictures; NaN becomes None."""
        record: dict[str, Any] = {key: without_nan(_without_pictures(value)) for key, value in asdict(self).items()}
        return record


def _without_pictures(value: Any) -> Any:
    """The same with no picture in it, however deep it lies."""
    if isinstance(value, dict):
        return {key: _without_pictures(inner) for key, inner in value.items() if key != "picture"}
    if isinstance(value, list | tuple):
        return [_without_pictures(inner) for inner in value]
    return value
