"""The page's service over a real gallery: readers that lock nothing, and labels written beside a running crawl."""

from __future__ import annotations

import difflib
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from review.likeness import Likeness, Vector
from review.service import (
    AnswerResult,
    Completion,
    GalleryFigures,
    History,
    LabelAnswer,
    ModelInForce,
    PictureList,
    Reasoned,
    ShareInterval,
    SimilarList,
    TargetFacts,
)
from rounds.questions.decision_rule import DecisionRule
from rounds.questions.estimate import estimates
from rounds.questions.queue import Inquiry
from rounds.questions.ranking import Doubts, inquiry_into, next_questions
from storage.archive_records import Click, Label, RegisteredModel, Saved
from storage.evidence import Evidence
from storage.gallery_view import (
    Counts,
    Picture,
    Renditions,
    absent_tags,
    counts,
    known_ratios,
    moment,
    pictures,
    tags_like,
    verdicts_of,
    wanted,
    words_of,
)
from storage.label_writer import Labelling
from storage.records import LabelReason, LabelValue, Target
from storage.retrieval.same_files import each_file_once
from storage.rows.labels import versions_labelled
from storage.search.language import METATAGS, Metatag, Query, conjuncts, leaves, parse
from storage.search.match import fits
from storage.search.ranking import Ranks, ranks_for

MOST_LISTED = 50_000  # pictures in one grid; the expression can be narrowed
SUGGESTIONS = 10  # words under the filter
_DOUBTS = "-label:any order:uncertain limit:2000"  # the questions while no model has embeddings stored here
_REASONS: Mapping[str, LabelReason] = {reason.value: reason for reason in LabelReason}


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """A target's evidence, and what it was read for."""

    stamp: tuple[Any, ...]
    evidence: Evidence


class GalleryReviewService:
    """A `ReviewService` over storage and rounds. Use it with `with`."""

    def __init__(self, root: Path, who: str, *, trust_tags: bool = True) -> None:
        """Open.

        Args:
            root: the gallery.
            who: the person who labels.
            trust_tags: whether a tag keeps a picture whatever its score, as the settings have it.
        Raises:
            WrongRoot, DatabaseError: there is no gallery, or this program cannot read it.
        """
        self._labelling = Labelling(root)
        self._reader = self._labelling.reader
        self._renditions = Renditions(self._reader)
        self._likeness = Likeness(self._reader)
        self._who = who
        self._trust_tags = trust_tags
        self._counts: dict[str, tuple[tuple[int, int, int], Counts]] = {}
        self._known: dict[str, _Known] = {}
        self._inquiries: dict[str, tuple[tuple[Any, ...], Inquiry | None]] = {}
        self._doubts = Doubts(self._inquiry)
        self._figures: dict[str, tuple[tuple[Any, ...], GalleryFigures | None]] = {}
        self._thinking = threading.Lock()  # evidence is large: one thread gathers it for all

    def __enter__(self) -> GalleryReviewService:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close files and connections."""
        self._likeness.close()
        self._renditions.close()
        self._labelling.close()

    def targets(self) -> Sequence[str]:
        """The names that `--keep` gave."""
        return [target.name for target in self._all_targets().values()]

    def facts(self, target: str) -> TargetFacts:
        """Counts, the model in force, and how good the gallery is, estimated from the random sample."""
        known = self._all_targets()[target]
        model = self._reader.active_model(target)
        counted = self._counted(target)
        in_force = None
        if model is not None:
            measured = model.facts.get("metrics", {})
            in_force = ModelInForce(
                model.card.name, model.card.threshold, model.round, model.card.refusal, _plain(measured)
            )
        return TargetFacts(target, known.tag, counted, in_force, self._estimated(target, model))

    def find(self, target: str, expression: str) -> PictureList:
        """The pictures that match an expression."""
        now, query = datetime.now(UTC), self._reader.meant(parse(expression))
        ranks = ranks_for(query, self._doubts, [target])
        listed = self._reader.ask(lambda c: wanted(c, query, target, now=now, limit=MOST_LISTED, ranks=ranks))
        absent = {} if listed.ids else self._why_nothing(query, target)
        return PictureList(listed.ids, listed.ratios, listed.cut, reasons=_reasons(ranks, listed.ids), absent=absent)

    def words(self, start: str) -> Sequence[Completion]:
        """Completions of a word: words of the search language, then tags, the most frequent first."""
        if not start:
            return ()
        own = [Completion(f"{name}:", "word") for name in sorted(METATAGS) if name.startswith(start.lower())]
        tags = self._reader.ask(lambda c: tags_like(c, start.lower(), limit=SUGGESTIONS))
        return [*own[:3], *(Completion(name, kind, posts) for name, kind, posts in tags)][:SUGGESTIONS]

    def _why_nothing(self, query: Query, target: str) -> Mapping[str, str | None]:
        """Terms of an expression that match nothing: targets that are not shown, and tags that no post carries."""
        metatags = (one for one in conjuncts(query.root) if isinstance(one, Metatag) and one.name == "target")
        others = [
            one.term for one in metatags if one.value.lower() != "any" and not fits(one.value.lower(), target.lower())
        ]
        tags = self._reader.ask(lambda c: absent_tags(c, leaves(query.root)))
        return dict.fromkeys(others) | {name: self._meant(name) for name in tags}

    def _meant(self, name: str) -> str | None:
        known = self._reader.ask(lambda c: tags_like(c, name[:2], limit=500))
        near = difflib.get_close_matches(name, [tag for tag, _, _ in known], n=1, cutoff=0.7)
        return near[0] if near else None

    def queue(self, target: str, *, random_only: bool = False) -> PictureList:
        """The questions, each with its reason; or only the random sample, for the estimates."""
        inquiry = self._inquiry(target)
        if inquiry is None:
            return self.find(target, _DOUBTS)
        questions = next_questions(inquiry, random_only=random_only)
        asked = [int(inquiry.evidence.version_ids[one.row]) for one in questions]
        reasons = {one: Reasoned(why.reason.value, why.words) for one, why in zip(asked, questions, strict=True)}
        ids = self._reader.ask(lambda c: each_file_once(c, asked))
        ratios = self._reader.ask(lambda c: known_ratios(c, ids))
        return PictureList(ids, [ratios.get(one, 1.0) for one in ids], reasons=reasons)

    def pictures(self, target: str, ids: Sequence[int]) -> Sequence[Picture]:
        """Cards of the pictures that exist."""
        return self._reader.ask(lambda c: pictures(c, ids, target))

    def history(self, target: str, picture: int) -> History:
        """The labels and the machine decisions of a picture."""
        return self._reader.ask(
            lambda c: History(words_of(c, picture, target), verdicts_of(c, picture, target)),
        )

    def alike(self, target: str, picture: int, most: int) -> SimilarList:
        """The pictures whose embeddings are nearest."""
        return self._likeness.of_picture(target, picture, most)

    def like(self, target: str, vector: Vector, most: int) -> SimilarList:
        """The pictures that are most like one of which only the embedding is known."""
        return self._likeness.of_vector(target, vector, most)

    def rendition(self, picture: int) -> bytes | None:
        """The stored rendition's bytes; None when they are missing or differ from their row."""
        return self._renditions.read(picture)

    def answer(self, target: str, answers: Sequence[LabelAnswer]) -> Sequence[AnswerResult]:
        """Record answers as labels; durable on return."""
        before = {one.id: one for one in self.pictures(target, [answer.id for answer in answers])}
        there = [answer for answer in answers if answer.id in before]
        done = self._labelling.record([self._click(target, answer, before[answer.id]) for answer in there])
        saved = {answer.id for answer, what in zip(there, done, strict=True) if isinstance(what, Saved)}
        after = {one.id: one for one in self.pictures(target, list(before))}
        return [AnswerResult(answer.id, answer.id in saved, after.get(answer.id)) for answer in answers]

    def _counted(self, target: str) -> Counts:
        """Counts, computed again only after a change: every open tab polls them."""
        now = self._reader.ask(moment)
        kept = self._counts.get(target)
        if kept is None or kept[0] != now:
            kept = self._counts[target] = now, self._reader.ask(lambda c: counts(c, target))
        return kept[1]

    def _click(self, target: str, answer: LabelAnswer, picture: Picture) -> Click:
        why = _REASONS.get(answer.why, LabelReason.MANUAL)
        value = LabelValue(answer.value)
        label = Label(picture.post_id, picture.site, target, value, self._who, answer.key, why)
        return Click(label, answer.id, answer.seen or None)

    def _all_targets(self) -> Mapping[str, Target]:
        return {target.name: target for target in self._reader.targets()}

    def _inquiry(self, target: str) -> Inquiry | None:
        """The open questions of a target; None: there is no model whose embeddings are stored."""
        model = self._reader.active_model(target)
        if model is None:
            return None
        with self._thinking:
            known = self._evidence(target, model)
            kept = self._inquiries.get(target)
            if kept is None or kept[0] != known.stamp:
                kept = self._inquiries[target] = (
                    known.stamp,
                    inquiry_into(model, known.evidence, trust_tags=self._trust_tags),
                )
            return kept[1]

    def _evidence(self, target: str, model: RegisteredModel) -> _Known:
        stamp = self._stamp(model)
        kept = self._known.get(target)
        if kept is None or kept.stamp[:-1] != stamp[:-1]:
            evidence = self._reader.evidence(self._all_targets()[target], model.card.backbone_hash)
            kept = self._known[target] = _Known(stamp, evidence)
        elif kept.stamp != stamp:  # only labels are new: the vectors need not be read again
            values = {label.version_id: label.value.value for label in self._reader.labels(target) if label.holds}
            labels = [values.get(one, "") for one in kept.evidence.version_ids.tolist()]
            kept = self._known[target] = _Known(stamp, replace(kept.evidence, labels=labels))
        return kept

    def _stamp(self, model: RegisteredModel) -> tuple[Any, ...]:
        """What evidence depends on: decisions, because scores come with them, and labels as the last item."""
        return (model.card.hash, model.card.threshold, *self._reader.ask(moment))

    def _estimated(self, target: str, model: RegisteredModel | None) -> GalleryFigures | None:
        if model is None:
            return None
        stamp = self._stamp(model)
        kept = self._figures.get(target)
        if kept is None or kept[0] != stamp:
            kept = self._figures[target] = stamp, self._estimate(target, model)
        return kept[1]

    def _estimate(self, target: str, model: RegisteredModel) -> GalleryFigures | None:
        drawn = self._reader.ask(lambda c: versions_labelled(c, target, LabelReason.RANDOM))
        if not drawn:
            return GalleryFigures(None, None, 0)
        with self._thinking:
            evidence = self._evidence(target, model).evidence
        rows = np.flatnonzero(np.isin(evidence.version_ids, np.array(sorted(drawn), dtype=np.int64)))
        estimate = estimates(evidence, DecisionRule.of(model.card, trust_tags=self._trust_tags), rows)
        return GalleryFigures(_interval(estimate.precision), _interval(estimate.recall), estimate.answers)


def _reasons(ranks: Ranks | None, ids: Sequence[int]) -> Mapping[int, Reasoned]:
    if ranks is None:
        return {}
    ranked = {version_id: one for (version_id, _), one in ranks.by_picture().items()}
    return {one: Reasoned(ranked[one].reason, ranked[one].words) for one in ids if one in ranked}


def _interval(share: Any) -> ShareInterval | None:
    numbers = (share.value, share.low, share.high)
    return ShareInterval(*map(float, numbers)) if all(math.isfinite(number) for number in numbers) else None


def _plain(value: Any) -> Any:
    """JSON without NaN."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
