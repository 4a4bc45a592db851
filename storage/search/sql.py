"""Compile an expression to a query over the database; values travel as bound parameters only.

Understands everything that `match` does, and the terms that ask our own knowledge: `decision: label: p: model:
target: place: round: error:`. Gives rows of the view `results`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, and_, case, cast, exists, false, func, literal, not_, or_, select, true
from sqlalchemy.orm import aliased
from sqlalchemy.types import Float, Integer

from storage.database.current_state import PLACE
from storage.database.phrases import like, numbers_listed, off_index, rounded
from storage.database.results_view import results_select, scored_rows
from storage.database.tables import (
    AiNameRow,
    AiTagRow,
    CurrentRow,
    DecisionRow,
    LabelRow,
    ModelRow,
    PostRow,
    PostTagRow,
    TaggerLookRow,
    TaggerTagRow,
    TagRow,
    VersionRow,
)
from storage.errors import CannotMatch, QueryError
from storage.imports.seen_posts import is_seen
from storage.records import TAGGER_FLOOR, DecisionValue, LabelValue, Place
from storage.search import meaning as asks
from storage.search.fault_names import FAULT
from storage.search.language import (
    LOCAL_METATAGS,
    And,
    Leaf,
    Metatag,
    Node,
    Not,
    Or,
    Query,
    Tag,
    Wildcard,
    to_text,
)
from storage.search.ranges import LARGEST_INTEGER, Interval, Range, exact_real, integer, parse_range
from storage.search.ranking import (
    ANY_LIKELY,
    UNCERTAIN,
    asks_for_errors,
    error_place,
    is_likely_error,
    question_place,
)

Condition = ColumnElement[bool]
TagIds: TypeAlias = Mapping[Tag | Wildcard, Sequence[int]]  # a word -> the tags that it means, looked up before
_ESCAPE = "\\"
FEW_TAGS = 20  # tags that are looked up one by one; a post's own are looked through for more


def compile_query(
    query: Query,
    now: datetime,
    *,
    limit: int | None = None,
    ranked: bool = False,
    tags: TagIds | None = None,
    scored: bool = False,
) -> Select[int, str]:
    """Which rows of `results` fit, in order, newest first unless `order:` says otherwise: post key and target.

    Only the keys: to gather a row's tags before sorting and limiting would cost a pass over every post's tags.

    Args:
        query: the expression.
        now: what `age:` counts from; aware.
        limit: at most so many rows; `limit:` in the expression may lower it.
        ranked: the connection was lent the ranks that the expression asks for (`ranking.lend`).
        tags: what its words mean; posts are tried one by one then, rather than gathered by word.
        scored: only rows that have a score, along the index of scores.
    Raises:
        QueryError: a term cannot be evaluated here, or its value cannot be read; it names the term.
    """
    rows = scored_rows() if scored else results_select()
    keys = rows.with_only_columns(PostRow.key, CurrentRow.target)
    fits = condition(query.root, now, ranked=ranked, tags=tags)
    compiled = keys.where(fits).order_by(*_ordering(query, ranked=ranked))
    limits = [number for number in (limit, query.limit) if number is not None]
    return compiled.limit(min(limits)) if limits else compiled


def posts_in_order(query: Query, keys: Select[Any]) -> Select[Any] | None:
    """These posts' keys in the order of the answer; None where it depends on more than the posts themselves."""
    if query.order is not None and query.order not in POST_ORDERS:
        return None
    by_post = _ordering(query, ranked=False)[:-1]  # the last is the target
    return select(PostRow.key).where(PostRow.key.in_(keys)).order_by(*by_post)


def condition(node: Node, now: datetime, *, ranked: bool = False, tags: TagIds | None = None) -> Condition:
    """A tree as a condition on the tables of `results_select`; never NULL, so that *not* means not."""
    if isinstance(node, Not):
        return not_(condition(node.part, now, ranked=ranked, tags=tags))
    if isinstance(node, And):
        return and_(true(), *(condition(part, now, ranked=ranked, tags=tags) for part in node.parts))
    if isinstance(node, Or):
        return or_(false(), *(condition(part, now, ranked=ranked, tags=tags) for part in node.parts))
    if is_likely_error(node):
        if not ranked:
            raise CannotMatch(to_text(node), "only the learning loop knows; ask crawl query or the page")
        return error_place(node.value.lower()).is_not(None)
    if tags is not None and isinstance(node, Tag | Wildcard):
        return _has_one_of(tags[node])
    return _leaf(node, now)


def like_pattern(pattern: str) -> str:
    """A pattern with `*` for any text, as LIKE wants it, with `\\` to escape."""
    escaped = pattern
    for special in (_ESCAPE, "%", "_"):
        escaped = escaped.replace(special, _ESCAPE + special)
    return escaped.replace("*", "%")


def _leaf(leaf: Leaf, now: datetime) -> Condition:
    if isinstance(leaf, Tag | Wildcard):
        tagged = select(PostTagRow.post_key).join(TagRow, TagRow.id == PostTagRow.tag_id).where(named(leaf))
        return PostRow.key.in_(tagged)
    if leaf.name in LOCAL_METATAGS:
        return _LOCAL[leaf.name](leaf)
    return _site_condition(asks.meaning(leaf, now))


def named(word: Tag | Wildcard) -> Condition:
    """The tags that a word means."""
    if isinstance(word, Tag):
        return TagRow.name == asks.tag_name(word)
    fits = like(TagRow.name.expression, like_pattern(word.pattern))
    prefix = word.pattern.split("*", 1)[0]
    return and_(TagRow.name >= prefix, TagRow.name < prefix + "\U0010ffff", fits) if prefix else fits


def _has_one_of(tags: Sequence[int]) -> Condition:
    """The post carries one of these tags: asked of the post's own."""
    carried = select(literal(1)).where(PostTagRow.post_key == PostRow.key)
    # a sum keeps the index out of it
    column = PostTagRow.tag_id.expression
    its_tag = column if len(tags) <= FEW_TAGS else off_index(column, column + 0)
    return exists(carried.where(among(its_tag, tags)))


def among(column: ColumnElement[int], numbers: Sequence[int]) -> Condition:
    """The column has one of these values, however many they are: one parameter holds them all."""
    if len(numbers) <= FEW_TAGS:
        return column.in_(numbers)
    return column.in_(numbers_listed(numbers))


# --- what the site says ----------------------------------------------------------------------------------------------

_NUMBERS: Mapping[str, ColumnElement[Any]] = {
    "id": PostRow.post_id.expression,
    "score": PostRow.score.expression,
    "favcount": PostRow.fav_count.expression,
    "width": PostRow.width.expression,
    "height": PostRow.height.expression,
    "mpixels": cast(PostRow.width * PostRow.height, Float) / literal(1_000_000.0),
    "ratio": case(
        (and_(PostRow.width != 0, PostRow.height != 0), (PostRow.width * 200 + PostRow.height) // (PostRow.height * 2)),
        else_=None,
    ),  # hundredths, rounded to the nearest, halves up
    "filesize": PostRow.size.expression,
    "duration": PostRow.duration_s.expression,
    "parent": PostRow.parent_id.expression,
    "gentags": PostRow.count_general.expression,
    "arttags": PostRow.count_artist.expression,
    "copytags": PostRow.count_copyright.expression,
    "chartags": PostRow.count_character.expression,
    "metatags": PostRow.count_meta.expression,
    "tagcount": (
        PostRow.count_general
        + PostRow.count_artist
        + PostRow.count_copyright
        + PostRow.count_character
        + PostRow.count_meta
    ),
}
_TEXTS: Mapping[str, ColumnElement[Any]] = {
    "rating": PostRow.rating.expression,
    "ext": PostRow.ext.expression,
    "md5": case((PostRow.hidden_reason.is_(None), PostRow.md5), else_=None),
    "pixel_hash": PostRow.pixel_hash.expression,
}
_STATES: Mapping[str, Condition] = {
    "pending": PostRow.is_pending.is_(True),
    "flagged": PostRow.is_flagged.is_(True),
    "deleted": PostRow.is_deleted.is_(True),
    "banned": PostRow.is_banned.is_(True),
}


def _site_condition(term: asks.Condition) -> Condition:
    if isinstance(term, asks.AllOf | asks.AnyOf | asks.NoneOf):
        return _combined(term)
    if isinstance(term, asks.NumberIn):
        return within(_NUMBERS[term.fact], term.range)
    if isinstance(term, asks.CreatedIn):
        return within(PostRow.created_at.expression, term.range)
    if isinstance(term, asks.TextIn):
        return _one_of(_TEXTS[term.fact], term.values)
    if isinstance(term, asks.HasState):
        return _STATES[term.state]
    if isinstance(term, asks.HasChildren):
        return PostRow.has_children.is_(True)
    if isinstance(term, asks.SourceLike):
        return like(PostRow.source.expression, like_pattern(term.pattern))
    return _ai_tag(term)


def _combined(term: asks.AllOf | asks.AnyOf | asks.NoneOf) -> Condition:
    parts = [_site_condition(part) for part in term.parts]
    if isinstance(term, asks.AllOf):
        return and_(true(), *parts)
    if isinstance(term, asks.AnyOf):
        return or_(false(), *parts)
    return not_(or_(false(), *parts))


def within(column: ColumnElement[Any], range_: Range[Any]) -> Condition:
    """The column's value lies in a range; never NULL."""
    choices: list[Condition] = []
    if range_.any:
        choices.append(column.is_not(None))
    if range_.none:
        choices.append(column.is_(None))
    choices += [and_(column.is_not(None), *_bounds(column, interval)) for interval in range_.intervals]
    return or_(false(), *choices)


def _bounds(column: ColumnElement[Any], interval: Interval[Any]) -> list[Condition]:
    bounds: list[Condition] = []
    if interval.low is not None:
        bounds.append(column > interval.low if interval.low_open else column >= interval.low)
    if interval.high is not None:
        bounds.append(column < interval.high if interval.high_open else column <= interval.high)
    return bounds


def _one_of(column: ColumnElement[Any], values: frozenset[str]) -> Condition:
    return and_(column.is_not(None), column.in_(sorted(values)))


def _ai_tag(term: asks.AiTagIn) -> Condition:
    """What either tagger says, the site's own of the post or the user's of the picture; absent where neither does."""
    site = select(AiTagRow.post_key).join(AiNameRow, AiNameRow.id == AiTagRow.name_id)
    users = select(TaggerTagRow.version_id).join(AiNameRow, AiNameRow.id == TaggerTagRow.name_id)
    site, users = (one.where(AiNameRow.name == term.name) for one in (site, users))
    site_looked, user_looked = PostRow.has_ai_tags.is_(True), _current_among(select(TaggerLookRow.version_id))
    if term.absent:
        given = or_(
            and_(site_looked, PostRow.key.in_(site)), _current_among(users.where(TaggerTagRow.value >= TAGGER_FLOOR))
        )
        return and_(or_(site_looked, user_looked), not_(given))
    percent = cast(rounded(TaggerTagRow.value * 100, literal(0)), Integer)
    return or_(
        and_(site_looked, PostRow.key.in_(site.where(within(AiTagRow.score.expression, term.range)))),
        _current_among(users.where(within(percent, term.range))),
    )


def _current_among(versions: Select[int]) -> Condition:
    """The post's current file version is one of these; false where it has none."""
    return and_(VersionRow.id.is_not(None), VersionRow.id.in_(versions))


# --- what we know ----------------------------------------------------------------------------------------------------


def _word_of(column: ColumnElement[Any], known: tuple[str, ...]) -> Callable[[Metatag], Condition]:
    def reads(tag: Metatag) -> Condition:
        words = frozenset(tag.value.lower().split(","))
        for word in words - {*known, "any", "none"}:
            near = difflib.get_close_matches(word, [*known, "any", "none"], n=1)
            raise QueryError(tag.term, f"write one of {', '.join(known)}, any or none", near[0] if near else None)
        choices = [_one_of(column, words - {"any", "none"})]
        if "any" in words:
            choices.append(column.is_not(None))
        if "none" in words:
            choices.append(column.is_(None))
        return or_(*choices)

    return reads


def _name_of(column: ColumnElement[Any]) -> Callable[[Metatag], Condition]:
    def reads(tag: Metatag) -> Condition:
        word = tag.value.lower()
        if word == "any":
            return column.is_not(None)
        if word == "none":
            return column.is_(None)
        return and_(column.is_not(None), like(column, like_pattern(word)))

    return reads


def _p(tag: Metatag) -> Condition:
    return within(CurrentRow.machine_score.expression, parse_range(tag.term, tag.value, exact_real))


def _round(tag: Metatag) -> Condition:
    wanted = parse_range(tag.term, tag.value, integer)
    its_round = (
        select(ModelRow.round)
        .where(ModelRow.target == CurrentRow.target, ModelRow.hash == DecisionRow.model_hash)
        .correlate(CurrentRow, DecisionRow)
        .scalar_subquery()
    )
    return within(its_round, wanted)


def _place(tag: Metatag) -> Condition:
    if tag.value.lower() == "any":
        return PLACE.not_in([Place.NONE.value])
    known = [place.value for place in Place]
    words = frozenset(tag.value.lower().split(","))
    if unknown := words - set(known):
        near = difflib.get_close_matches(min(unknown), known, n=1)
        raise QueryError(tag.term, f"write one of {', '.join(known)} or any", near[0] if near else None)
    return PLACE.in_(sorted(words))


def _seen(tag: Metatag) -> Condition:
    word = tag.value.lower()
    if word not in ("any", "none"):
        raise QueryError(tag.term, "write any, for what an imported archive has, or none")
    return is_seen() if word == "any" else not_(is_seen())


def _same(tag: Metatag) -> Condition:
    other, word = aliased(PostRow), tag.value.lower()
    if word.isdecimal():
        if len(word) > len(str(LARGEST_INTEGER)) or int(word) > LARGEST_INTEGER:
            raise QueryError(tag.term, "no post has such a number")
        return PostRow.md5.in_(select(other.md5).where(other.post_id == int(word), other.md5.is_not(None)))
    if word not in ("any", "none"):
        raise QueryError(tag.term, "write the number of a post, any, or none")
    twins = exists().where(other.md5 == PostRow.md5, other.key != PostRow.key)
    return twins if word == "any" else not_(twins)


_LOCAL: Mapping[str, Callable[[Metatag], Condition]] = {
    "decision": _word_of(CurrentRow.holds.expression, tuple(value.value for value in DecisionValue)),
    "label": _word_of(
        LabelRow.value.expression, tuple(value.value for value in LabelValue if value is not LabelValue.CLEAR)
    ),
    "p": _p,
    "model": _name_of(DecisionRow.model.expression),
    "target": _name_of(CurrentRow.target.expression),
    "place": _place,
    "round": _round,
    "error": _name_of(FAULT),
    "seen": _seen,
    "same": _same,
    "site": _name_of(PostRow.site.expression),
}

DOUBT = func.abs(DecisionRow.score - DecisionRow.threshold)
_ORDERS: Mapping[str, ColumnElement[Any]] = {
    "id": PostRow.post_id.asc(),
    "id_asc": PostRow.post_id.asc(),
    "id_desc": PostRow.post_id.desc(),
    "p": CurrentRow.machine_score.desc().nulls_last(),
    "p_asc": CurrentRow.machine_score.asc().nulls_last(),
    UNCERTAIN: DOUBT.asc().nulls_last(),
    "score": PostRow.score.desc(),
    "score_asc": PostRow.score.asc(),
    "favcount": PostRow.fav_count.desc(),
    "favcount_asc": PostRow.fav_count.asc(),
    "created_at": PostRow.created_at.desc(),
    "created_at_asc": PostRow.created_at.asc(),
    "change": PostRow.updated_at.desc(),
    "change_asc": PostRow.updated_at.asc(),
    "filesize": PostRow.size.desc(),
    "filesize_asc": PostRow.size.asc(),
    "tagcount": _NUMBERS["tagcount"].desc(),
    "tagcount_asc": _NUMBERS["tagcount"].asc(),
}

POST_ORDERS = frozenset(_ORDERS) - {"p", "p_asc", UNCERTAIN}  # that know nothing of what holds


def _ordering(query: Query, *, ranked: bool) -> tuple[ColumnElement[Any], ...]:
    """Sort keys from a fixed list; ties by id, site and target, so that the same question gives the same rows."""
    order = query.order or "id_desc"
    chosen = _ORDERS.get(order, _ORDERS.get(order.removesuffix("_desc")))
    if chosen is None:
        near = difflib.get_close_matches(order, list(_ORDERS), n=1)
        known = ", ".join(name for name in _ORDERS if not name.endswith(("_asc", "_desc")))
        raise QueryError(
            f"order:{order}", f"no such order here; the orders are {known}", f"order:{near[0]}" if near else None
        )
    by_id = order.removesuffix("_asc").removesuffix("_desc") == "id"
    # an id that is named twice keeps SQLite 3.46 from walking its index; a rising order's ties rise, as at the site:
    # one index has both directions then
    its_id = PostRow.post_id.asc() if order.endswith("_asc") else PostRow.post_id.desc()
    ties = (PostRow.site.asc(), CurrentRow.target.asc())
    ordering = (chosen, *ties) if by_id else (chosen, its_id, *ties)
    if ranked and query.order == UNCERTAIN:
        return (question_place().asc().nulls_last(), LabelRow.seq.is_not(None), *ordering)
    if ranked and query.order is None and asks_for_errors(query):
        return (error_place(ANY_LIKELY).asc().nulls_last(), *ordering)
    return ordering
