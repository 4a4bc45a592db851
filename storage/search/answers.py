"""Answers to expressions: which rows of `results` fit, in order, and what the rows say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, func, or_, select

from storage.database.chunks import chunked
from storage.database.phrases import numbers_listed, off_index
from storage.database.results_view import COLUMNS, results_select
from storage.database.tables import BasisRow, CurrentRow, PostRow, PostTagRow, TagRow
from storage.records import TagCategory
from storage.search.language import Query
from storage.search.plan import Plan, plan_for
from storage.search.sql import DOUBT, compile_query, posts_in_order

Key: TypeAlias = tuple[int, str | None]  # a post's key, and a target's name
ROUNDING = 1e-9  # of the distance between a score and its threshold
FIRST_REACH, FURTHER = 0.001, 4  # how far from a threshold is looked first, and how many times further then, at most
LEAST_FURTHER, MARGIN = 1.5, 1.3  # at least; and how many more rows than are wanted a reach is chosen to hold
FIRST_TRIED = 500  # posts of the rarest term that are tried first, where their order is known
_TAG_COLUMNS: Mapping[str, str | None] = {
    "tags": None,
    "tags_character": TagCategory.CHARACTER.value,
    "tags_copyright": TagCategory.COPYRIGHT.value,
    "tags_artist": TagCategory.ARTIST.value,
    "tags_general": TagCategory.GENERAL.value,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is asked for of what fits."""

    columns: Sequence[Any] = ()  # of the tables of `results`, beside post key and target
    target: str | None = None  # only rows of this target
    limit: int | None = None  # at most so many rows
    ranked: bool = False  # the connection was lent the ranks that the expression asks for


def fitting_rows(connection: Connection, query: Query, now: datetime, extent: Extent) -> Sequence[Row[Any]]:
    """Post key and target of every row that fits, in order, as far as the limit goes.

    Args:
        connection: in a transaction.
        query: what to find, by `Reader.meant`.
        now: what `age:` counts from; aware.
        extent: how much of it.
    Raises:
        QueryError: the expression cannot be evaluated; it names the term.
    """
    columns, target, limit, ranked = extent.columns, extent.target, extent.limit, extent.ranked
    plan = None if ranked else plan_for(connection, query, now, limit)
    if plan is None:
        statement = compile_query(query, now, limit=limit, ranked=ranked).add_columns(*columns)
        return connection.execute(statement if target is None else statement.where(CurrentRow.target == target)).all()
    planned = replace(query, root=plan.root)
    if plan.along_scores:
        statement = compile_query(planned, now, limit=limit, tags=plan.tags, scored=True).add_columns(*columns)
        scored = connection.execute(_of_target(statement, target)).all()
        if len(scored) == _wanted(query, limit):
            return scored
    if plan.from_thresholds and (nearest := _nearest(connection, planned, now, plan, extent)):
        return nearest
    statement = _of_target(compile_query(planned, now, limit=limit, tags=plan.tags).add_columns(*columns), target)
    if plan.begin is None:
        if plan.beside is not None:  # a sum, or SQLite would begin with them and sort
            statement = statement.where(off_index(PostRow.key.expression, PostRow.key + 0).in_(plan.beside))
        return connection.execute(statement).all()
    in_order = posts_in_order(query, plan.begin)
    if in_order is None:
        return connection.execute(statement.where(PostRow.key.in_(plan.begin))).all()
    return first_among(
        connection, statement, connection.execute(in_order).scalars().all(), wanted=_wanted(query, limit)
    )


def _wanted(query: Query, limit: int | None) -> int:
    """How many rows at most, where either says so."""
    return min(number for number in (limit, query.limit) if number is not None)


def first_among(
    connection: Connection, statement: Any, keys: Sequence[int], *, wanted: int, tried: int = FIRST_TRIED
) -> Sequence[Row[Any]]:
    """The first rows of a statement among some posts.

    A part of them is tried at a time, each larger than the one before: most answers are complete long before the end.

    Args:
        connection: in a transaction.
        statement: with its order, and a limit of `wanted` rows.
        keys: of the posts, in the order of the answer.
        wanted: how many rows at most.
        tried: posts of the first part.
    """
    found: list[Row[Any]] = []
    start, size = 0, tried
    while start < len(keys) and len(found) < wanted:
        some = keys[start : start + size]
        found += connection.execute(statement.where(PostRow.key.in_(numbers_listed(some)))).all()
        start, size = start + size, size * FURTHER
    return found[:wanted]


def _nearest(
    connection: Connection, query: Query, now: datetime, plan: Plan, extent: Extent
) -> Sequence[Row[Any]] | None:
    """The rows nearest to their thresholds, as many as are wanted; None where so many have no score.

    Looks ever further around the thresholds that there are, each time along the index of scores.
    """
    wanted = _wanted(query, extent.limit)
    thresholds = connection.execute(select(BasisRow.threshold).distinct()).scalars()
    middles = sorted(one for one in thresholds if one is not None)
    reach = FIRST_REACH
    while middles and reach < 1:
        around = or_(*(CurrentRow.machine_score.between(low, high) for low, high in _ranges(middles, reach + ROUNDING)))
        statement = compile_query(query, now, limit=extent.limit, tags=plan.tags, scored=True)
        statement = statement.add_columns(*extent.columns).where(around, DOUBT.between(0, reach))
        found = connection.execute(_of_target(statement, extent.target)).all()
        if len(found) == wanted:
            return found
        reach *= min(FURTHER, max(LEAST_FURTHER, MARGIN * wanted / max(1, len(found))))
    return None


def _ranges(middles: Sequence[float], reach: float) -> Sequence[tuple[float, float]]:
    """What is at most so far from any of them, without overlaps."""
    found: list[tuple[float, float]] = []
    for middle in middles:
        if found and middle - reach <= found[-1][1]:
            found[-1] = (found[-1][0], middle + reach)
        else:
            found.append((middle - reach, middle + reach))
    return found


def _of_target(statement: Any, target: str | None) -> Any:
    """Only a target's rows; not by the index of targets, for the order has a better one."""
    if target is None:
        return statement
    return statement.where(off_index(CurrentRow.target.expression, func.coalesce(CurrentRow.target, "")) == target)


def result_rows(connection: Connection, wanted: Sequence[Key]) -> Sequence[tuple[Any, ...]]:
    """The rows of `results` for these post keys and targets, in this order."""
    base = results_select()
    plain = [column for column in base.selected_columns if column.name not in _TAG_COLUMNS]
    statement = base.with_only_columns(*plain, PostRow.key.label("its_key"))
    found: dict[Key, tuple[Any, ...]] = {}
    for chunk in chunked(sorted({key for key, _target in wanted})):
        tags = _joined_tags(connection, chunk)
        for row in connection.execute(statement.where(PostRow.key.in_(chunk))).mappings():
            key = row["its_key"]
            values = {**row, **tags[key]}
            found[key, row["target"]] = tuple(values[name] for name in COLUMNS)
    return [found[one] for one in wanted]


def _joined_tags(connection: Connection, keys: Sequence[int]) -> Mapping[int, Mapping[str, str]]:
    """The columns of tags, as the view joins them; one question for many posts."""
    statement = (
        select(PostTagRow.post_key, TagRow.name, TagRow.category)
        .join(TagRow, TagRow.id == PostTagRow.tag_id)
        .where(PostTagRow.post_key.in_(keys))
    )
    carried: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    for key, name, category in connection.execute(statement).all():
        carried[key].append((name, category))
    return {key: _by_column(sorted(carried[key])) for key in keys}


def _by_column(tags: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    return {
        column: " ".join([name for name, category in tags if wanted is None or category == wanted])
        for column, wanted in _TAG_COLUMNS.items()
    }
