"""What the database already knows: of single posts before work on them starts, and which posts are not done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, not_, or_, select
from sqlalchemy.orm import aliased

from storage.archive_records import Work
from storage.database.chunks import chunked
from storage.database.current_state import CURRENT, CurrentState
from storage.database.tables import (
    AttemptRow,
    BackboneRow,
    CurrentRow,
    DecisionRow,
    EmbeddingRow,
    FileRow,
    LabelRow,
    ListingPostRow,
    ListingRow,
    ModelRow,
    PostRow,
    RenditionRow,
    ScoreRow,
    VersionRow,
)
from storage.imports.seen_posts import is_elsewhere, seen_among
from storage.records import (
    ELSEWHERE,
    DecidedBy,
    Decision,
    DecisionValue,
    Known,
    LabelValue,
    Place,
    Post,
    StoredRendition,
    TaggerTags,
)
from storage.rows.labels import labels_of_twins
from storage.rows.posts import load_posts
from storage.rows.tagger_tags import tagger_tags_of

PREFERRED = (
    "720x720",
    "360x360",
    "sample",
    "180x180",
    "full",
    "original",
)  # which rendition to name when there are more
FIRST_WAIT = timedelta(days=1)  # until a file that was gone is asked for again; doubles with each time in vain
MOST_DOUBLINGS = 8


@dataclass(slots=True)
class _Gathered:
    """One version's knowledge while it is being put together."""

    labels: dict[str, LabelValue] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    embeddings: dict[str, bytes] = field(default_factory=dict)
    windows: dict[str, bytes] = field(default_factory=dict)
    too_small: bool = False
    tagger_tags: TaggerTags | None = None
    places: dict[str, Place] = field(default_factory=dict)
    died: int = 0
    died_alone: int = 0
    failed: int = 0
    gone: _Gone | None = None


@dataclass(frozen=True, slots=True)
class _Gone:
    """A file that the site did not have, or not for us, when it was asked for."""

    reason: str
    asked_at: datetime
    urls: frozenset[str]  # that were asked for
    times: int

    def holds(self, post: Post, now: datetime) -> bool:
        """Whether it is too early to ask again: nothing has changed on the site, and little time has passed."""
        files = {post.file.url if post.file else "", *(rendition.url for rendition in post.renditions)}
        if not self.urls <= files or post.updated_at > self.asked_at:
            return False
        wait: timedelta = FIRST_WAIT * 2 ** min(self.times - 1, MOST_DOUBLINGS)
        return now - self.asked_at < wait


def known(connection: Connection, posts: Sequence[Post], targets: Sequence[str], now: datetime) -> Mapping[int, Known]:
    """What is known of the posts' current file versions, by post id; posts never filed are missing."""
    versions = _versions(connection, posts)
    gathered: dict[int, _Gathered] = defaultdict(_Gathered)
    ids = list(versions.values())
    for chunk in chunked(ids):
        _gather_current(connection, chunk, targets, gathered)
        _gather_scores(connection, chunk, gathered)
        _gather_embeddings(connection, chunk, gathered)
        for looked_at, tags in tagger_tags_of(connection, chunk).items():
            gathered[looked_at].tagger_tags = tags
        _gather_attempts(connection, chunk, gathered)
        _gather_gone(connection, chunk, gathered)
    renditions = _renditions(connection, [post.file.md5 for post in posts if post.file])
    seen = seen_among(connection, posts)
    shared = labels_of_twins(connection, {post.file.md5 for post in posts if post.file}, targets)
    answer = {}
    for post in posts:
        version = versions.get((post.site, post.id))
        if version is None or post.file is None:
            continue
        facts = gathered[version]
        for target in targets:
            if (twin := shared.get((post.file.md5, target))) is not None:
                facts.labels.setdefault(target, LabelValue(twin.value))
        answer[post.id] = Known(
            labels=facts.labels,
            decisions=facts.decisions,
            scores=facts.scores,
            embeddings=facts.embeddings,
            windows=facts.windows,
            too_small=facts.too_small,
            tagger_tags=facts.tagger_tags,
            rendition=renditions.get(post.file.md5),
            places=facts.places,
            open_attempts=facts.died,
            died_alone=facts.died_alone,
            failed_attempts=facts.failed,
            unavailable=facts.gone.reason if facts.gone is not None and facts.gone.holds(post, now) else None,
            seen=(post.site, post.id) in seen,
        )
    return answer


def _versions(connection: Connection, posts: Sequence[Post]) -> dict[tuple[str, int], int]:
    md5s = {(post.site, post.id): post.file.md5 for post in posts if post.file is not None}
    found: dict[tuple[str, int], int] = {}
    for site in {site for site, _ in md5s}:
        for chunk in chunked([post_id for of, post_id in md5s if of == site]):
            rows = connection.execute(
                select(PostRow.post_id, VersionRow.id, VersionRow.md5)
                .join(VersionRow, VersionRow.post_key == PostRow.key)
                .where(PostRow.site == site, PostRow.post_id.in_(chunk))
            )
            found.update(((site, row.post_id), row.id) for row in rows if row.md5 == md5s[site, row.post_id])
    return found


def _gather_current(
    connection: Connection, versions: Sequence[int], targets: Sequence[str], gathered: dict[int, _Gathered]
) -> None:
    held = select(
        CurrentRow.version_id,
        CurrentRow.target,
        *(c for c in DecisionRow.__table__.c if c.name not in ("version_id", "target")),
        LabelRow.value.label("label"),
        FileRow.place,
    ).where(CurrentRow.version_id.in_(versions), CurrentRow.target.in_(targets))
    for row in connection.execute(CURRENT.joined(held)):
        facts = gathered[row.version_id]
        if row.label is not None:
            facts.labels[row.target] = LabelValue(row.label)
        if row.place is not None:
            facts.places[row.target] = Place(row.place)
        if row.seq is not None:
            facts.decisions[row.target] = Decision(
                target=row.target,
                value=DecisionValue(row.value),
                decided_by=DecidedBy(row.decided_by),
                reason=row.reason,
                policy=row.policy,
                score=row.score,
                threshold=row.threshold,
                model=row.model,
                model_hash=row.model_hash or None,
            )


def _gather_scores(connection: Connection, versions: Sequence[int], gathered: dict[int, _Gathered]) -> None:
    rows = connection.execute(
        select(ScoreRow.version_id, ModelRow.hash, ScoreRow.value)
        .join(ModelRow, ModelRow.id == ScoreRow.model_id)
        .where(ScoreRow.version_id.in_(versions))
    )
    for row in rows:
        gathered[row.version_id].scores[row.hash] = row.value


def _gather_embeddings(connection: Connection, versions: Sequence[int], gathered: dict[int, _Gathered]) -> None:
    rows = connection.execute(
        select(
            EmbeddingRow.version_id, BackboneRow.hash, EmbeddingRow.vector, EmbeddingRow.windows, EmbeddingRow.too_small
        )
        .join(BackboneRow, BackboneRow.id == EmbeddingRow.backbone_id)
        .where(EmbeddingRow.version_id.in_(versions))
    )
    for row in rows:
        facts = gathered[row.version_id]
        facts.embeddings[row.hash] = row.vector
        facts.too_small |= row.too_small
        if row.windows is not None:
            facts.windows[row.hash] = row.windows


def _gather_attempts(connection: Connection, versions: Sequence[int], gathered: dict[int, _Gathered]) -> None:
    """Deaths count since the last attempt that ended in order; failures count altogether."""
    later = aliased(AttemptRow)
    survived = (
        select(later.id)
        .where(
            later.version_id == AttemptRow.version_id,
            later.kind == AttemptRow.kind,
            later.id > AttemptRow.id,
            later.outcome.in_(("done", "failed")),
        )
        .exists()
    )
    rows = connection.execute(
        select(
            AttemptRow.version_id,
            func.sum(case((and_(AttemptRow.outcome == "died", not_(survived)), 1), else_=0)).label("died"),
            func.sum(
                case((and_(AttemptRow.outcome == "died", AttemptRow.company == 1, not_(survived)), 1), else_=0)
            ).label("alone"),
            func.sum(case((AttemptRow.outcome == "failed", 1), else_=0)).label("failed"),
        )
        .where(AttemptRow.version_id.in_(versions))
        .group_by(AttemptRow.version_id)
    )
    for row in rows:
        gathered[row.version_id].died = row.died
        gathered[row.version_id].died_alone = row.alone
        gathered[row.version_id].failed = row.failed


def _gather_gone(connection: Connection, versions: Sequence[int], gathered: dict[int, _Gathered]) -> None:
    """Of the versions that were given up: the last attempt in vain, and how many there were."""
    last = (
        select(AttemptRow.version_id, func.max(AttemptRow.id).label("id"), func.count(AttemptRow.id).label("times"))
        .where(AttemptRow.version_id.in_(versions), AttemptRow.outcome == "failed")
        .group_by(AttemptRow.version_id)
        .subquery()
    )
    rows = connection.execute(
        select(VersionRow.id, VersionRow.trouble, AttemptRow.closed_at, AttemptRow.url, last.c.times)
        .join(last, last.c.version_id == VersionRow.id)
        .join(AttemptRow, AttemptRow.id == last.c.id)
        .where(VersionRow.state == "unavailable", AttemptRow.closed_at.is_not(None))
    )
    for row in rows:
        gathered[row.id].gone = _Gone(row.trouble or "gone", row.closed_at, frozenset({row.url}), row.times)


def _renditions(connection: Connection, md5s: Sequence[str]) -> Mapping[str, StoredRendition]:
    found: dict[str, StoredRendition] = {}
    for chunk in chunked(sorted(set(md5s))):
        here = (RenditionRow.md5.in_(chunk), RenditionRow.name != ELSEWHERE)
        rows = connection.execute(select(*RenditionRow.__table__.c).where(*here)).all()
        for row in sorted(rows, key=lambda row: PREFERRED.index(row.name) if row.name in PREFERRED else 99):
            found.setdefault(
                row.md5,
                StoredRendition(row.name, row.path, row.ext, row.width, row.height, row.size, row.sha256),
            )
    return found


def unfinished(connection: Connection, listing_id: int, work: Work, *, below: int | None, limit: int) -> Sequence[Post]:
    """Posts of the listing's current walk that are not done, by falling id, below an id."""
    if not work.targets:
        return ()
    statement = (
        select(PostRow.key)
        .select_from(ListingPostRow)
        .join(ListingRow, ListingRow.id == ListingPostRow.listing_id)
        .join(PostRow, PostRow.key == ListingPostRow.post_key)
        .join(VersionRow, and_(VersionRow.post_key == PostRow.key, VersionRow.md5 == PostRow.md5))
        .where(
            ListingPostRow.listing_id == listing_id,
            or_(ListingRow.newer_only, ListingPostRow.walk == ListingRow.walk),
            PostRow.hidden_reason.is_(None),
            VersionRow.state != "unavailable",
        )
        .order_by(ListingPostRow.post_id.desc())
        .limit(limit)
    )
    if below is not None:
        statement = statement.where(ListingPostRow.post_id < below)
    if not work.seen:
        statement = statement.where(not_(is_elsewhere()))
    open_for = []
    for target in work.targets:
        statement, is_open = _open_for(statement, target, work)
        open_for.append(is_open)
    keys = connection.execute(statement.where(or_(*open_for))).scalars().all()
    return load_posts(connection, keys)


def _open_for(statement: Any, target: str, work: Work) -> tuple[Any, ColumnElement[bool]]:
    """Join the current rows of one target; gives the statement and the condition under which a post is still open."""
    state = CurrentState.alias()
    joined = state.joined(statement, state.of_version(target), required=False)
    undecided: ColumnElement[bool] = state.decision.seq.is_(None)
    if target in work.model_hashes:
        undecided = or_(undecided, state.decision.model_hash != work.model_hashes[target])
    if target in work.policies:
        undecided = or_(undecided, state.decision.policy.not_in(list(work.policies[target])))
    absent = state.place.in_(("none", "trash"))  # damaged and purged ones wait for a person
    return joined, or_(undecided, and_(state.effective == "keep", absent))
