"""How an expression is best begun, where only the first rows of its answer are wanted.

Either from the posts of its rarest term, which are few enough to sort; or along an index in the order that was asked
for, trying post by post until there are enough. SQLite knows no numbers to choose by: it would gather every post of
each term, hundreds of thousands for a frequent tag, and sort what is left to show a hundred.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select

from storage.database.tables import CurrentRow, PostRow, PostTagRow, TagRow, VersionRow
from storage.records import DecisionValue
from storage.search import meaning as asks
from storage.search.language import LOCAL_METATAGS, And, Metatag, Node, Not, Query, Tag, Wildcard, conjuncts, leaves
from storage.search.ranges import exact_real, parse_range
from storage.search.ranking import UNCERTAIN
from storage.search.sql import FEW_TAGS, TagIds, among, named, within

MOST_GATHERED = 50_000  # posts of one term; more are not even counted
GATHERED_COST = 8  # of a post that is gathered, read and sorted, against one that is tried along an index
MANY_COST = 4  # of looking through a post's own tags for many, against looking the post up among theirs
ALONG_POSTS = frozenset((None, "id", "id_asc", "id_desc", "score", "score_asc", "score_desc"))  # orders with an index
ALONG_SCORES = frozenset(("p", "p_asc"))  # orders that the index on what holds has
_GUESS = 0.3  # the share of posts that is left by a term of which nothing is known
_SCORED = "score"  # the site's, which has an index


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What was found out about an expression before it is asked."""

    root: Node  # the same condition, the parts that leave the fewest posts first
    tags: TagIds = field(default_factory=dict)
    begin: Select[Any] | None = None  # keys of the posts that the rarest term leaves; None: along the order
    beside: Select[Any] | None = None  # the same, to look each post up that is tried along the order
    along_scores: bool = False  # rows without a score are not found
    from_thresholds: bool = False  # by nearness to the threshold, outwards along the index of scores


def plan_for(connection: Connection, query: Query, now: datetime, limit: int | None) -> Plan | None:
    """Look at how frequent the terms are.

    Args:
        connection: in a transaction.
        query: the expression.
        now: what `age:` counts from; aware.
        limit: how many rows are wanted at most.
    Returns:
        None where all rows are wanted: every list of posts is needed as a whole then.
    """
    limits = [number for number in (limit, query.limit) if number is not None]
    if not limits:
        return None
    tags = _tags(connection, query)
    posts = max(1, connection.execute(select(func.coalesce(func.max(PostRow.key), 0))).scalar_one())
    rated = [_rated(connection, part, tags, now, posts) for part in conjuncts(query.root)]
    rated.sort(key=lambda one: one.share)
    tried = min(posts, min(limits) / max(math.prod(one.share for one in rated), 1e-9))
    rare = sorted((one for one in rated if one.keys is not None), key=lambda one: one.posts)
    begin = beside = None
    if rare:
        rarest = rare[0]
        along = query.order in ALONG_POSTS and tried < GATHERED_COST * rarest.posts
        if rarest.posts < min(MOST_GATHERED, tried) and not along:
            begin = _in_both(rare)
        elif along and rarest.posts < min(MOST_GATHERED, tried * (MANY_COST if _means_many(rarest.part, tags) else 1)):
            beside = rarest.keys
    along_scores = begin is None and query.order in ALONG_SCORES
    from_thresholds = begin is None and query.order == UNCERTAIN
    return Plan(And(tuple(one.part for one in rated)), tags, begin, beside, along_scores, from_thresholds)


@dataclass(frozen=True, slots=True, eq=False)
class _Rated:
    """A part of an expression that must hold."""

    part: Node
    share: float  # of all posts, as far as is known, 0..1
    posts: int = MOST_GATHERED  # that it leaves, counted up to here
    keys: Select[Any] | None = None  # of these posts, where an index has them


def _in_both(rare: Sequence[_Rated]) -> Select[Any] | None:
    """Keys of the rarest term's posts, of those only that the next one leaves where these are few, too.

    Asked of each post's own tags instead, every post would be a page of its own to read.
    """
    keys = rare[0].keys
    if keys is None or len(rare) == 1 or rare[1].posts >= MOST_GATHERED or rare[1].keys is None:
        return keys
    return keys.where(keys.selected_columns[0].in_(rare[1].keys))


def _means_many(part: Node, tags: TagIds) -> bool:
    return isinstance(part, Tag | Wildcard) and len(tags[part]) > FEW_TAGS


def _tags(connection: Connection, query: Query) -> TagIds:
    """What the words of an expression mean, looked up once."""
    words = [leaf for leaf in leaves(query.root) if isinstance(leaf, Tag | Wildcard)]
    return {word: tuple(connection.execute(select(TagRow.id).where(named(word))).scalars().all()) for word in words}


def _rated(connection: Connection, part: Node, tags: TagIds, now: datetime, posts: int) -> _Rated:
    denied = isinstance(part, Not)
    rows = _rows(connection, part.part if isinstance(part, Not) else part, tags, now)
    if rows is None:
        return _Rated(part, _GUESS)
    some = rows.with_only_columns(literal(1)).limit(MOST_GATHERED).subquery()
    count = connection.execute(select(func.count()).select_from(some)).scalar_one()
    share = min(1.0, count / posts)
    return _Rated(part, max(1 - share, 0.01)) if denied else _Rated(part, max(share, 1e-9), count, _keys(rows))


def _keys(rows: Select[Any]) -> Select[Any]:
    """The posts' keys, given rows that know the post or the file version."""
    (column,) = rows.selected_columns
    if column.name != CurrentRow.version_id.name:
        return rows
    return select(VersionRow.post_key).where(VersionRow.id.in_(rows))


def _rows(connection: Connection, part: Node, tags: TagIds, now: datetime) -> Select[Any] | None:
    """The posts that a term leaves, or their file versions, where an index has them together."""
    if isinstance(part, Tag | Wildcard):
        return select(PostTagRow.post_key).where(among(PostTagRow.tag_id.expression, tags[part]))
    if not isinstance(part, Metatag):
        return None
    if part.name in LOCAL_METATAGS:
        return _held(connection, part)
    condition = asks.meaning(part, now)
    if isinstance(condition, asks.NumberIn) and condition.fact == _SCORED and not condition.range.none:
        return select(PostRow.key).where(within(PostRow.score.expression, condition.range))
    return None


def _held(connection: Connection, part: Metatag) -> Select[Any] | None:
    """Posts by what holds for any target of theirs."""
    keys = select(CurrentRow.version_id)
    words = frozenset(part.value.lower().split(","))
    if part.name == "decision" and words <= {value.value for value in DecisionValue}:
        targets = list(_judged_targets(connection))
        return keys.where(CurrentRow.target.in_(targets), CurrentRow.holds.in_(sorted(words)))
    if part.name == "label" and "none" not in words:
        return keys.where(CurrentRow.label_seq.is_not(None))
    if part.name == "p":
        wanted = parse_range(part.term, part.value, exact_real)
        return None if wanted.none else keys.where(within(CurrentRow.machine_score.expression, wanted))
    return None


def _judged_targets(connection: Connection) -> Iterator[str]:
    """The targets for which anything holds, each by one step into the index."""
    after: str | None = ""
    while after is not None:
        after = connection.execute(select(func.min(CurrentRow.target)).where(CurrentRow.target > after)).scalar()
        if after is not None:
            yield after
