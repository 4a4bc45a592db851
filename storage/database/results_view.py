"""The view `results`: one row a post and target, the contract that people query by hand.

The view in the database was made by a migration; a test compares it with what this module builds, so `crawl query`
and a hand-written SELECT can never show different things.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, select
from sqlalchemy.orm import aliased

from storage.database.current_state import CURRENT, DECISION, PLACE
from storage.database.phrases import group_concat, moment_text
from storage.database.tables import (
    AiNameRow,
    AiTagRow,
    CurrentRow,
    DecisionRow,
    FileRow,
    LabelRow,
    PostRow,
    PostTagRow,
    TagRow,
    TargetRow,
    VersionRow,
)
from storage.records import TagCategory

COLUMNS = (
    "site",
    "post_id",
    "target",
    "decision",
    "decided_by",
    "reason",
    "score",
    "threshold",
    "model",
    "label",
    "tags",
    "tags_character",
    "tags_copyright",
    "tags_artist",
    "tags_general",
    "rating",
    "site_score",
    "md5",
    "file_ext",
    "width",
    "height",
    "file_size",
    "source",
    "created_at",
    "place",
    "path",
    "site_ai_score",
    "decided_at",
    "run_id",
)


@cache
def results_select() -> Select[Any]:
    """Every column of the view, over the tables themselves so that conditions can be added to them."""
    labelled = LabelRow.seq.is_not(None)
    columns: dict[str, Any] = {
        "site": PostRow.site,
        "post_id": PostRow.post_id,
        "target": CurrentRow.target,
        "decision": DECISION,
        "decided_by": case((labelled, literal("label")), else_=DecisionRow.decided_by),
        "reason": case((labelled, "labelled " + LabelRow.value + " by " + LabelRow.who), else_=DecisionRow.reason),
        "score": DecisionRow.score,
        "threshold": DecisionRow.threshold,
        "model": DecisionRow.model,
        "label": LabelRow.value,
        "tags": tags_joined(None),
        "tags_character": tags_joined(TagCategory.CHARACTER),
        "tags_copyright": tags_joined(TagCategory.COPYRIGHT),
        "tags_artist": tags_joined(TagCategory.ARTIST),
        "tags_general": tags_joined(TagCategory.GENERAL),
        "rating": PostRow.rating,
        "site_score": PostRow.score,
        "md5": PostRow.md5,
        "file_ext": PostRow.ext,
        "width": PostRow.width,
        "height": PostRow.height,
        "file_size": PostRow.size,
        "source": PostRow.source,
        "created_at": moment_text(PostRow.created_at),
        "place": PLACE,
        "path": FileRow.path,
        "site_ai_score": _site_ai_score(),
        "decided_at": moment_text(case((labelled, LabelRow.labelled_at), else_=DecisionRow.decided_at)),
        "run_id": DecisionRow.run_id,
    }
    posts = (
        select(*(columns[name].label(name) for name in COLUMNS))
        .select_from(PostRow)
        .outerjoin(VersionRow, and_(VersionRow.post_key == PostRow.key, VersionRow.md5 == PostRow.md5))
    )
    joined: Select[Any] = CURRENT.joined(posts, CURRENT.of_version(), required=False)
    return joined


@cache
def scored_rows() -> Select[Any]:
    """The rows of the view that have a score, found by the index of scores instead of by post; no columns to show."""
    rows = (
        select(CurrentRow.target)
        .select_from(CurrentRow)
        .join(VersionRow, VersionRow.id == CurrentRow.version_id)
        .join(PostRow, and_(PostRow.key == VersionRow.post_key, PostRow.md5 == VersionRow.md5))
        .where(CurrentRow.machine_score.is_not(None))
    )
    joined: Select[Any] = CURRENT.joined(rows)
    return joined


def tags_joined(category: TagCategory | None) -> ColumnElement[str]:
    """A post's tags as the site writes them, of one category or all: sorted by name, spaces between."""
    carried, tag = aliased(PostTagRow), aliased(TagRow)
    names = select(tag.name).join(carried, carried.tag_id == tag.id).where(carried.post_key == PostRow.key)
    if category is not None:
        names = names.where(tag.category == literal(category.value))
    ordered = names.order_by(tag.name).correlate(PostRow).subquery()
    joined = select(group_concat(ordered.c.name, literal(" "))).correlate(PostRow).scalar_subquery()
    return func.coalesce(joined, "")


def _site_ai_score() -> ColumnElement[int | None]:
    """The site's own tagger on the target's tag, percent."""
    return (
        select(AiTagRow.score)
        .join(AiNameRow, AiNameRow.id == AiTagRow.name_id)
        .join(TargetRow, and_(TargetRow.tag == AiNameRow.name, TargetRow.site == PostRow.site))
        .where(AiTagRow.post_key == PostRow.key, TargetRow.name == CurrentRow.target)
        .correlate(PostRow, CurrentRow)
        .scalar_subquery()
    )
