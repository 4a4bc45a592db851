"""The questions as search results: the page and `crawl query` list the same ones in the same order.

`order:uncertain` begins with the questions that the page would ask next; `error:likely` lists tags that look wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, zip_longest

from rounds.questions.decision_rule import DecisionRule
from rounds.questions.queue import Inquiry, Mix, Question, Reason
from storage.archive_records import RegisteredModel
from storage.evidence import Evidence
from storage.reader import Reader
from storage.search.ranking import Ranked

QUEUE_SIZE = 60  # questions that are put together at once; the next ones follow from the answers
_RANDOM_ONLY = Mix({Reason.RANDOM: 1.0})

InquiryOf = Callable[[str], Inquiry | None]
Note = Callable[[str], None]


def inquiry_into(model: RegisteredModel, evidence: Evidence, *, trust_tags: bool) -> Inquiry | None:
    """The inquiry of a target by the rule of its model; None where no embedding of that model is stored."""
    return Inquiry(evidence, DecisionRule.of(model.card, trust_tags=trust_tags)) if len(evidence) else None


def next_questions(inquiry: Inquiry, *, random_only: bool = False) -> Sequence[Question]:
    """The queue: what to ask next; or only the random sample."""
    return inquiry.questions(QUEUE_SIZE, _RANDOM_ONLY if random_only else None)


class Doubts:
    """A `storage.search.ranking.Ranker` over the queue."""

    def __init__(self, inquiry_of: InquiryOf, note: Note = lambda text: None) -> None:
        """Prepare.

        Args:
            inquiry_of: gives a target's inquiry; None where it has no model whose embeddings are stored.
            note: called with a line for each target that has no questions.
        """
        self._inquiry_of = inquiry_of
        self._note = note

    def questions(self, targets: Sequence[str]) -> Sequence[Ranked]:
        """Each target's queue; with several they take turns, question by question."""
        queues: list[list[Ranked]] = []
        for target in targets:
            inquiry = self._inquiry_of(target)
            if inquiry is None:
                self._note(f"{target}: {_NO_MODEL}; its pictures are ordered by distance from the threshold alone")
            else:
                queues.append([_ranked(inquiry, target, question) for question in next_questions(inquiry)])
        return [question for question in chain.from_iterable(zip_longest(*queues)) if question is not None]

    def likely_errors(self, targets: Sequence[str]) -> Sequence[Ranked]:
        """All targets' likely errors, the most likely first."""
        errors: list[tuple[float, Ranked]] = []
        for target in targets:
            inquiry = self._inquiry_of(target)
            if inquiry is None:
                self._note(f"{target}: {_NO_MODEL}; its tags cannot be checked")
            else:
                errors += [
                    (_wrong(question), _ranked(inquiry, target, question)) for question in inquiry.likely_errors()
                ]
        return [ranked for _, ranked in sorted(errors, key=lambda error: -error[0])]


_NO_MODEL = "no model with stored embeddings"


def doubts_of(reader: Reader, note: Note, *, trust_tags: bool) -> Doubts:
    """Over the current state of a gallery; each target is computed once, on first use.

    Args:
        reader: of the gallery.
        note: called with a line for each target that has no questions.
        trust_tags: as the settings have it.
    """
    known = {target.name: target for target in reader.targets()}
    looked: dict[str, Inquiry | None] = {}

    def inquiry_of(name: str) -> Inquiry | None:
        if name not in looked:
            model = reader.active_model(name)
            evidence = reader.evidence(known[name], model.card.backbone_hash) if model else None
            looked[name] = inquiry_into(model, evidence, trust_tags=trust_tags) if model and evidence else None
        return looked[name]

    return Doubts(inquiry_of, note)


def _ranked(inquiry: Inquiry, target: str, question: Question) -> Ranked:
    version_id = int(inquiry.evidence.version_ids[question.row])
    return Ranked(version_id, target, question.reason.value, question.words)


def _wrong(question: Question) -> float:
    """Probability that the tags err, 0..1."""
    return 1 - question.chance if question.reason is Reason.TAG_ERROR else question.chance
