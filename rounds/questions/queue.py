"""The questions that are asked next, each with its reason.

Six reasons take turns, so that any first part of the queue is a fair mix: pictures nearest to the threshold, tags that
look wrong, pictures without the tag that look like the target, opinions that disagree, pictures unlike all that was
answered, and a random part. Only the random part gives an unbiased estimate of the gallery.

Tags that the model in force contradicts beyond doubt go before everything else: their posts are undecided until then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.heads.logistic_head import LinearHead
from rounds.examples.frozen_splits import copies_of
from rounds.questions.decision_rule import DecisionRule
from rounds.questions.random_sample import next_at_random
from rounds.questions.second_opinion import second_opinion
from storage.evidence import Evidence

_ALIKE = 0.97  # cosine of two centred embeddings from which the pictures count as one
_DIVERSE_AMONG = 2000  # candidates for diversity; limits the time
_TINY = 1e-4
_DOUBTED_FIRST = 20  # doubted tags at most before the turns begin; more of them come with the next queue
_LIKELY = 0.5  # belief against a tag, or against its absence, from which that is a likely error


class Reason(StrEnum):
    """Why a picture is asked about; stored with the label."""

    THRESHOLD = "threshold"  # the score is next to the threshold
    TAG_ERROR = "tag-error"  # tagged with the target, but it does not look like it
    MISSING_TAG = "missing-tag"  # not tagged with it, but it looks like it
    DISAGREEMENT = "disagreement"  # the model, a second opinion and the site's own tagger differ
    DIVERSE = "diverse"  # unlike every answered picture
    RANDOM = "random"  # member of the random sample, for an unbiased estimate


@dataclass(frozen=True, slots=True)
class Question:
    """One picture to look at."""

    row: int  # of the evidence
    reason: Reason
    words: str  # for people
    chance: float  # 0..1 that the picture shows the target, estimated before the answer


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each reason has its turn; shares, not necessarily summing to one."""

    shares: Mapping[Reason, float] = field(
        default_factory=lambda: {
            Reason.THRESHOLD: 0.34,
            Reason.MISSING_TAG: 0.16,
            Reason.TAG_ERROR: 0.14,
            Reason.DISAGREEMENT: 0.14,
            Reason.RANDOM: 0.14,
            Reason.DIVERSE: 0.08,
        }
    )

    def __post_init__(self) -> None:
        if not self.shares or min(self.shares.values()) < 0 or sum(self.shares.values()) <= 0:
            raise ValueError(f"a mix needs shares that are not negative and not all zero, got {dict(self.shares)}")


def questions(
    evidence: Evidence,
    rule: DecisionRule,
    *,
    size: int = 50,
    seed: int = 0,
    mix: Mix | None = None,
    start: LinearHead | None = None,
) -> Sequence[Question]:
    """The next questions, the most useful mix first; answered pictures are never asked again.

    Args:
        evidence: what is known; labels given since the last round count already.
        rule: how the active model decides.
        size: how many at most.
        seed: of the random ranks; the same seed for ever makes the random part one growing sample.
        mix: how often each reason has its turn.
        start: what a second opinion is pulled to; None: nothing.
    """
    return Inquiry(evidence, rule, start=start, seed=seed).questions(size, mix) if len(evidence) else ()


class Inquiry:
    """Scores and opinions of every picture; computing them takes seconds, so several calls share one."""

    def __init__(
        self,
        evidence: Evidence,
        rule: DecisionRule,
        *,
        start: LinearHead | None = None,
        seed: int = 0,
    ) -> None:
        """Compute them.

        Args:
            evidence: what is known; at least one row.
            rule: as for `questions`.
            start: as for `questions`.
            seed: as for `questions`.
        """
        self.evidence = evidence
        self._columns = _Columns.of(evidence, rule, start, seed)
        self._seed = seed

    def questions(self, size: int, mix: Mix | None = None) -> Sequence[Question]:
        """The next questions, at most `size`; a smaller size gives the first of the same ones."""
        columns = self._columns
        queues = {
            Reason.THRESHOLD: _nearest(columns),
            Reason.MISSING_TAG: _missing_tags(columns),
            Reason.TAG_ERROR: _wrong_tags(columns),
            Reason.DISAGREEMENT: _disagreements(columns),
            Reason.DIVERSE: _unlike(columns),
            Reason.RANDOM: next_at_random(self.evidence, columns.kept, columns.open, self._seed),
        }
        turns = _in_turns(queues, mix or Mix(), columns, size, first=_doubted(columns))
        return [_question(columns, row, reason) for row, reason in turns]

    def likely_errors(self) -> Sequence[Question]:
        """Unanswered pictures whose tags are more likely wrong than right, the most likely first.

        Tagged, although everything known of it, the tag included, speaks against the target (`tag-error`); or not
        tagged, although it speaks for it (`missing-tag`), whether the score keeps the picture or not.
        """
        columns, tagged = self._columns, self.evidence.tagged
        belief = np.where(tagged, 1 - columns.chance, columns.chance)
        opinion = np.where(tagged, 1 - columns.opinion, columns.opinion)
        rows = np.flatnonzero(columns.open & (belief > _LIKELY))
        rows = rows[np.lexsort((-opinion[rows], -belief[rows]))]
        return [
            _question(columns, row, Reason.TAG_ERROR if tagged[row] else Reason.MISSING_TAG) for row in rows.tolist()
        ]


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """The columns that the reasons choose by; n rows."""

    evidence: Evidence
    rule: DecisionRule
    scores: FloatArray  # by the active model; by the second opinion where there is none
    chance: FloatArray  # second opinion combined with the label source
    opinion: FloatArray  # second opinion alone, out of fold
    kept: BoolArray  # by the model: by tag or score
    open: BoolArray  # nobody has answered yet
    directions: npt.NDArray[np.float32]  # (n, d) centred embeddings of length one
    copies: IntArray  # (n,) number of the copies that a person would take for one picture
    answered: BoolArray  # (n,) the picture or a copy of it

    @classmethod
    def of(cls, evidence: Evidence, rule: DecisionRule, start: LinearHead | None, seed: int) -> _Columns:
        opinion, chance = second_opinion(evidence, start, seed)
        scores = np.where(np.isfinite(evidence.scores), evidence.scores, opinion)
        vectors = np.nan_to_num(evidence.vectors.astype(np.float32))
        spread = vectors.std(axis=0)
        centred = (vectors - vectors.mean(axis=0)) / np.maximum(spread, 1e-4)
        open_, copies = np.array([label == "" for label in evidence.labels], dtype=np.bool_), copies_of(evidence)
        return cls(
            evidence=evidence,
            rule=rule,
            scores=scores,
            chance=chance,
            opinion=opinion,
            kept=rule.kept(evidence),
            open=open_,
            directions=centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6),
            copies=copies,
            answered=np.isin(copies, copies[~open_]),
        )


def _question(columns: _Columns, row: int, reason: Reason) -> Question:
    return Question(row, reason, _words(columns, row, reason), float(columns.chance[row]))


# --- reasons: each gives rows, the most worthwhile first -----------------------------------------------------------


def _nearest(columns: _Columns) -> Iterator[int]:
    """Pictures that scores decide by the distance of their score to the threshold, in log odds."""
    distance = np.abs(_log_odds(columns.scores) - _log_odds(np.array([columns.rule.threshold])))
    return _by(distance, columns.open & columns.rule.by_score(columns.evidence))


def _wrong_tags(columns: _Columns) -> Iterator[int]:
    """Pictures tagged with the target, the most doubtful first."""
    return _by(columns.opinion, columns.open & columns.evidence.tagged)


def _doubted(columns: _Columns) -> Iterator[int]:
    """Pictures whose tag the active model contradicts beyond doubt, the surest first."""
    return _by(columns.evidence.scores, columns.open & columns.rule.doubted(columns.evidence))


def _missing_tags(columns: _Columns) -> Iterator[int]:
    """Untagged pictures that are not kept and look most like it."""
    return _by(-columns.chance, columns.open & ~columns.kept & ~columns.evidence.tagged)


def _disagreements(columns: _Columns) -> Iterator[int]:
    """Untagged pictures by the range of the active model, the second opinion and the site's own tagger."""
    rated = columns.evidence.ai_scores >= 0
    site = np.where(rated, columns.evidence.ai_scores / 100, columns.scores)
    opinions = np.stack([columns.scores, columns.opinion, site])
    return _by(-(opinions.max(axis=0) - opinions.min(axis=0)), columns.open & ~columns.evidence.tagged)


def _unlike(columns: _Columns) -> Iterator[int]:
    """One by one the picture that is least like all answered and all chosen ones, where anything is in doubt."""
    doubt = columns.chance * (1 - columns.chance)
    candidates = np.flatnonzero(columns.open)
    candidates = candidates[np.argsort(-doubt[candidates], kind="stable")][:_DIVERSE_AMONG]
    if not len(candidates):
        return
    directions = columns.directions[candidates]
    answered = columns.directions[~columns.open]
    nearest = (directions @ answered.T).max(axis=1) if len(answered) else np.full(len(candidates), -1.0, np.float32)
    weight = np.sqrt(doubt[candidates] + _TINY)
    for _ in range(len(candidates)):
        best = int(np.argmax((1 - nearest) * weight))
        yield int(candidates[best])
        nearest = np.maximum(nearest, directions @ directions[best])
        nearest[best] = 1.0


def _by(cost: FloatArray, rows: BoolArray) -> Iterator[int]:
    chosen = np.flatnonzero(rows)
    return iter(chosen[np.argsort(cost[chosen], kind="stable")].tolist())


# --- taking turns --------------------------------------------------------------------------------------------------


def _in_turns(
    queues: Mapping[Reason, Iterator[int]], mix: Mix, columns: _Columns, size: int, *, first: Iterator[int]
) -> Iterator[tuple[int, Reason]]:
    """The reason that lags most behind its share goes next; copies, and what looks alike, are passed over.

    Doubted tags come first; they count as the turns of their reason.
    """
    shares = {reason: share for reason, share in mix.shares.items() if share > 0}
    given = dict.fromkeys(shares, 0)
    taken: list[int] = []
    for doubt in first if Reason.TAG_ERROR in shares else ():
        if len(taken) >= min(size, _DOUBTED_FIRST):
            break
        if _is_new(columns, doubt, taken, Reason.TAG_ERROR):
            given[Reason.TAG_ERROR] += 1
            taken.append(doubt)
            yield doubt, Reason.TAG_ERROR
    while shares and len(taken) < size:
        reason = max(shares, key=lambda each: shares[each] / (given[each] + 1))
        row = next((row for row in queues[reason] if _is_new(columns, row, taken, reason)), None)
        if row is None:
            del shares[reason]
            continue
        given[reason] += 1
        taken.append(row)
        yield row, reason


def _is_new(columns: _Columns, row: int, taken: Sequence[int], reason: Reason) -> bool:
    if row in taken:
        return False
    if reason is Reason.RANDOM:
        return True  # leaving one out would bias the estimate
    if columns.answered[row] and reason is not Reason.TAG_ERROR:
        return False  # its copy is answered already; only a wrong tag has to be answered on every post
    if not taken:
        return True
    if (columns.copies[taken] == columns.copies[row]).any():
        return False
    return bool((columns.directions[taken] @ columns.directions[row]).max() < _ALIKE)


def _words(columns: _Columns, row: int, reason: Reason) -> str:
    score, opinion, site = columns.scores[row], columns.opinion[row], int(columns.evidence.ai_scores[row])
    if reason is Reason.THRESHOLD:
        if not columns.rule.decides:
            return f"score {score:.2f}, by a model that may not decide yet"
        return f"score {score:.2f}, next to the threshold {columns.rule.threshold:.2f}"
    if reason is Reason.TAG_ERROR:
        return f"tagged with it, but looks unlike the others with that tag ({opinion:.0%} likely)"
    if reason is Reason.MISSING_TAG:
        known = "kept by its score, not tagged" if columns.kept[row] else "not kept, but it looks like the target"
        return f"{known} ({columns.chance[row]:.0%} likely)"
    if reason is Reason.DISAGREEMENT:
        tagger = f", the site's tagger {site} %" if site >= 0 else ""
        return f"the model says {score:.0%}, a second opinion {opinion:.0%}{tagger}"
    if reason is Reason.DIVERSE:
        return "unlike anything answered so far"
    return "random sample, for the estimate"


def _log_odds(share: FloatArray) -> FloatArray:
    clipped = np.clip(share, _TINY, 1 - _TINY)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))
