"""Ranks from outside this room: what is worth a glance next, and which tags look wrong.

`order:uncertain` and `error:likely` ask for what only the learning loop can say. It hands in pictures in order, each
with its reason; the database looks a picture's place up by a function, so every other term narrows them as usual.
Nobody is asked unless the expression needs it: to know costs seconds, and most questions are about something else.

A function, because SQLite would not give a table of ranks an index: 20,000 of them took minutes to join.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard

from sqlalchemy import ColumnElement, Connection, func, literal

from storage.database.engine import database_behind
from storage.database.phrases import place_among
from storage.database.tables import CurrentRow, VersionRow
from storage.search.language import Metatag, Node, Query, conjuncts, leaves
from storage.search.match import fits

UNCERTAIN = "uncertain"  # the value of `order:`
TAG_ERROR, MISSING_TAG = "tag-error", "missing-tag"
ANY_LIKELY = "likely"
LIKELY_ERRORS: Mapping[str, tuple[str, ...]] = {
    ANY_LIKELY: (TAG_ERROR, MISSING_TAG),
    TAG_ERROR: (TAG_ERROR,),
    MISSING_TAG: (MISSING_TAG,),
}  # values of `error:` that are no faults -> the reasons that they mean
ASKED_COLUMNS = ("asked", "why")  # of an answer that has ranks: the reason in a word, and in a sentence


@dataclass(frozen=True, slots=True)
class Ranked:
    """One picture and target that is worth a glance."""

    version_id: int  # of the file version
    target: str  # Target.name
    reason: str  # in a word: threshold, tag-error …
    words: str  # for people


class Ranker(Protocol):
    """Who knows what is worth a glance."""

    def questions(self, targets: Sequence[str]) -> Sequence[Ranked]:
        """What to ask next about these targets, in order; pictures that were answered are not among them."""

    def likely_errors(self, targets: Sequence[str]) -> Sequence[Ranked]:
        """Tags that are more likely wrong than right, the most likely first; by reason `tag-error` or `missing-tag`."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """What was handed in for one expression."""

    questions: Sequence[Ranked] = ()
    errors: Sequence[Ranked] = ()

    def speak_of(self, query: Query) -> bool:
        """Whether the expression's answer depends on them; without questions its order goes by scores alone."""
        return bool(self.questions) or asks_for_errors(query)

    def by_picture(self) -> Mapping[tuple[int, str], Ranked]:
        """By file version and target; a question's reason before an error's."""
        return {(one.version_id, one.target): one for one in (*self.errors, *self.questions)}


def needs_ranks(query: Query) -> bool:
    """Whether the expression asks for what only a `Ranker` can say."""
    return query.order == UNCERTAIN or asks_for_errors(query)


def asks_for_errors(query: Query) -> bool:
    """Whether likely label errors are asked for, by whatever word."""
    return any(is_likely_error(leaf) for leaf in leaves(query.root))


def is_likely_error(node: Node) -> TypeGuard[Metatag]:
    """Whether a term asks for likely label errors; every other `error:` asks for faults."""
    return isinstance(node, Metatag) and node.name == "error" and node.value.lower() in LIKELY_ERRORS


def ranks_for(query: Query, ranker: Ranker | None, targets: Sequence[str]) -> Ranks | None:
    """Ask for the ranks that an expression needs, about the targets that it can mean.

    Args:
        query: the expression.
        ranker: whom to ask.
        targets: the gallery's.
    Returns:
        None where there is nobody to ask, or no need.
    """
    if ranker is None or not needs_ranks(query):
        return None
    meant = [target for target in dict.fromkeys(targets) if _may_mean(query, target)]
    return Ranks(
        questions=ranker.questions(meant) if query.order == UNCERTAIN else (),
        errors=ranker.likely_errors(meant) if asks_for_errors(query) else (),
    )


def lend(connection: Connection, ranks: Ranks) -> None:
    """Let the queries of this connection look places up, until others are lent."""
    places = {(_QUESTION, one.version_id, one.target): place for place, one in enumerate(ranks.questions)}
    places |= {(one.reason, one.version_id, one.target): place for place, one in enumerate(ranks.errors)}
    database_behind(connection).lend(connection, places)


def question_place() -> ColumnElement[int | None]:
    """The place among the questions, 0 first; NULL where the row is none."""
    return _place(_QUESTION)


def error_place(word: str) -> ColumnElement[int | None]:
    """The place among the likely errors, 0 first; NULL where the row is none that `word` of LIKELY_ERRORS means."""
    reasons = [_place(reason) for reason in LIKELY_ERRORS[word]]
    return func.coalesce(*reasons) if len(reasons) > 1 else reasons[0]


_QUESTION = "question"  # a list; the others are the reasons of errors


def _place(of: str) -> ColumnElement[int | None]:
    return place_among(literal(of), VersionRow.id, CurrentRow.target)


def _may_mean(query: Query, target: str) -> bool:
    """Whether every `target:` that must hold leaves this target in."""
    wanted = (part for part in conjuncts(query.root) if isinstance(part, Metatag) and part.name == "target")
    return all(part.value.lower() == "any" or fits(part.value.lower(), target.lower()) for part in wanted)
