"""The tables, typed. What each column means for users is written in docs/database.md; a test compares the two.

Times are UTC. `key` and `id` columns are ours; `post_id` is always the site's number.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcTime(TypeDecorator[datetime]):
    """An aware moment; stored in UTC, as text of fixed width where the database has no such type."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Drop the zone after turning to UTC."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that it is UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


# Texts are compared byte by byte, as Python orders them: a language's order would lose rows between pages.
BY_BYTES = Text().with_variant(Text(collation="C"), "postgresql")
WHOLE = BigInteger().with_variant(Integer, "sqlite")  # 64 bits on both


def _only(condition: str, on_postgres: str | None = None) -> dict[str, Any]:
    """Which rows an index holds."""
    return {"sqlite_where": text(condition), "postgresql_where": text(on_postgres or condition)}


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a plain mapping
        datetime: UtcTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        str: BY_BYTES,
        bytes: LargeBinary,
        int: WHOLE,
    }


class GalleryRow(Base):
    """This gallery's identity; one row."""

    __tablename__ = "gallery"
    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class RunRow(Base):
    """One run of a command."""

    __tablename__ = "run"
    id: Mapped[int] = mapped_column(primary_key=True)
    command: Mapped[str]
    site: Mapped[str]
    query: Mapped[str]
    targets: Mapped[list[Any]]
    settings: Mapped[dict[str, Any]]
    models: Mapped[list[Any]]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    state: Mapped[str]  # running | ended | killed
    exit_code: Mapped[int | None]
    counts: Mapped[dict[str, Any] | None]


class TargetRow(Base):
    """What `--keep` named, per site."""

    __tablename__ = "target"
    site: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    tag: Mapped[str]
    variants: Mapped[list[Any]]
    aliases: Mapped[list[Any]] = mapped_column(server_default="[]")
    part_of: Mapped[str | None]


class PostRow(Base):
    """A post as the site last stated it."""

    __tablename__ = "post"
    __table_args__ = (
        UniqueConstraint("site", "post_id"),
        Index("ix_post_post_id", "post_id"),
        Index(None, "score", "post_id"),
        Index("ix_post_hidden", "key", **_only("hidden_reason IS NOT NULL")),
    )
    key: Mapped[int] = mapped_column(primary_key=True)
    site: Mapped[str]
    post_id: Mapped[int]
    md5: Mapped[str | None] = mapped_column(index=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    rating: Mapped[str]
    score: Mapped[int]
    fav_count: Mapped[int]
    source: Mapped[str]
    uploader_id: Mapped[int | None]
    parent_id: Mapped[int | None] = mapped_column(index=True)
    has_children: Mapped[bool]
    is_pending: Mapped[bool]
    is_flagged: Mapped[bool]
    is_deleted: Mapped[bool]
    is_banned: Mapped[bool]
    hidden_reason: Mapped[str | None]
    pixel_hash: Mapped[str | None] = mapped_column(index=True)
    duration_s: Mapped[float | None]
    width: Mapped[int]
    height: Mapped[int]
    ext: Mapped[str]
    size: Mapped[int]
    has_ai_tags: Mapped[bool]
    count_general: Mapped[int]
    count_artist: Mapped[int]
    count_copyright: Mapped[int]
    count_character: Mapped[int]
    count_meta: Mapped[int]
    seen_at: Mapped[datetime]
    seen_run_id: Mapped[int | None]


class VersionRow(Base):
    """The bytes that a post points to, or once pointed to."""

    __tablename__ = "file_version"
    __table_args__ = (
        UniqueConstraint("post_key", "md5"),
        Index("ix_file_version_md5", "md5"),
        Index("ix_file_version_replaced", "id", **_only("replaced = 1", "replaced")),
        Index(
            "ix_file_version_trouble",
            "state",
            "trouble",
            **_only("state <> 'known' OR trouble IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    post_key: Mapped[int] = mapped_column(ForeignKey("post.key"))
    md5: Mapped[str]
    ext: Mapped[str]
    size: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    url: Mapped[str]
    renditions: Mapped[list[Any]]  # [name, url, width, height, ext] each, smallest first
    state: Mapped[str]  # known | retry | unavailable
    trouble: Mapped[str | None]
    first_seen_at: Mapped[datetime]
    picture_hash: Mapped[int | None]  # of what was looked at; 64 bits, the highest one as the sign
    replaced: Mapped[bool] = mapped_column(server_default=false())  # the post shows another one; triggers see to it


class TagRow(Base):
    """A tag name in one category."""

    __tablename__ = "tag"
    __table_args__ = (UniqueConstraint("name", "category"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    category: Mapped[str]


class PostTagRow(Base):
    """A post carries a tag."""

    __tablename__ = "post_tag"
    __table_args__ = (Index(None, "tag_id", "post_key"), {"sqlite_with_rowid": False})
    post_key: Mapped[int] = mapped_column(ForeignKey("post.key"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), primary_key=True)


class AiNameRow(Base):
    """A word of the site's own tagger, or of the user's."""

    __tablename__ = "ai_name"
    __table_args__ = (UniqueConstraint("name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class AiTagRow(Base):
    """What the site's own tagger says of a post."""

    __tablename__ = "ai_tag"
    __table_args__ = (Index(None, "name_id", "post_key"), {"sqlite_with_rowid": False})
    post_key: Mapped[int] = mapped_column(ForeignKey("post.key"), primary_key=True)
    name_id: Mapped[int] = mapped_column(ForeignKey("ai_name.id"), primary_key=True)
    score: Mapped[int]  # percent


class TaggerRow(Base):
    """A tagger of the user's own."""

    __tablename__ = "tagger"
    __table_args__ = (UniqueConstraint("hash"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str]
    name: Mapped[str]
    seen_at: Mapped[datetime]


class TaggerLookRow(Base):
    """Which tagger looked at a file version last."""

    __tablename__ = "tagger_look"
    version_id: Mapped[int] = mapped_column(ForeignKey("file_version.id"), primary_key=True)
    tagger_id: Mapped[int] = mapped_column(ForeignKey("tagger.id"))


class TaggerTagRow(Base):
    """What that tagger says of the file version."""

    __tablename__ = "tagger_tag"
    __table_args__ = (Index(None, "name_id", "version_id"), {"sqlite_with_rowid": False})
    version_id: Mapped[int] = mapped_column(ForeignKey("file_version.id"), primary_key=True)
    name_id: Mapped[int] = mapped_column(ForeignKey("ai_name.id"), primary_key=True)
    value: Mapped[float]  # probability, 0..1


class ListingRow(Base):
    """One query at one site, and how far its current walk has come."""

    __tablename__ = "listing"
    __table_args__ = (UniqueConstraint("site", "query"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    site: Mapped[str]
    query: Mapped[str]
    walk: Mapped[int]
    newer_only: Mapped[bool]
    cursor: Mapped[int | None]
    highest: Mapped[int | None]
    newest: Mapped[int | None]
    state: Mapped[str]  # walking | complete
    counted: Mapped[int | None]
    started_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]


class ListingPostRow(Base):
    """A listing showed a post."""

    __tablename__ = "listing_post"
    __table_args__ = ({"sqlite_with_rowid": False},)
    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id"), primary_key=True)
    post_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    post_key: Mapped[int] = mapped_column(ForeignKey("post.key"))
    walk: Mapped[int]


class RefusedPostRow(Base):
    """A row of the site's answer that was no valid post."""

    __tablename__ = "refused"
    id: Mapped[int] = mapped_column(primary_key=True)
    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id"), index=True)
    walk: Mapped[int]
    post_id: Mapped[int | None]
    reason: Mapped[str]
    run_id: Mapped[int | None]
    seen_at: Mapped[datetime]


class GapRow(Base):
    """A range of ids that could not be listed."""

    __tablename__ = "gap"
    id: Mapped[int] = mapped_column(primary_key=True)
    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id"), index=True)
    above: Mapped[int]
    below: Mapped[int | None]
    reason: Mapped[str]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class FollowRow(Base):
    """A listing that `crawl sync` follows."""

    __tablename__ = "follow"
    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id"), primary_key=True, autoincrement=False)
    interval_s: Mapped[float]
    due_at: Mapped[datetime]
    synced_at: Mapped[datetime | None]
    changed_since: Mapped[datetime | None]
    stale_before: Mapped[datetime | None]
    removals_at: Mapped[datetime | None]
    new: Mapped[int]
    changed: Mapped[int]


class AttemptRow(Base):
    """A try to fetch something; also the intent that recovery goes by."""

    __tablename__ = "attempt"
    __table_args__ = (
        Index("ix_attempt_open", "id", **_only("outcome IS NULL")),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("file_version.id"), index=True)
    kind: Mapped[str]  # rendition | original
    url: Mapped[str]
    number: Mapped[int]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None]  # done | failed | stopped | died; NULL: open
    reason: Mapped[str | None]
    company: Mapped[int | None]


class RenditionRow(Base):
    """A rendition on disk."""

    __tablename__ = "rendition"
    md5: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str]
    ext: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int] = mapped_column(index=True)
    sha256: Mapped[str]
    stored_at: Mapped[datetime]


class FileRow(Base):
    """An original that the program placed, for one target."""

    __tablename__ = "file"
    __table_args__ = (UniqueConstraint("version_id", "target"), Index("ix_file_md5", "md5"))
    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("file_version.id"))
    target: Mapped[str]
    place: Mapped[str]  # gallery | trash | purged | damaged
    path: Mapped[str | None]
    md5: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int]
    stored_at: Mapped[datetime]
    moved_at: Mapped[datetime | None]


class MoveRow(Base):
    """An intent to move a file between places."""

    __tablename__ = "move"
    __table_args__ = (
        Index("ix_move_open", "id", **_only("outcome IS NULL")),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("file.id"), index=True)
    from_place: Mapped[str]
    to_place: Mapped[str]
    from_path: Mapped[str]
    to_path: Mapped[str]
    decision_seq: Mapped[int | None]
    label_seq: Mapped[int | None]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None]  # done | cancelled | missing; NULL: open


class ModelRow(Base):
    """A model: registered, or only seen in a decision."""

    __tablename__ = "model"
    __table_args__ = (
        UniqueConstraint("target", "hash"),
        Index("uq_model_number", "target", "number", unique=True, **_only("registered_at IS NOT NULL")),
        Index("uq_model_active", "target", unique=True, **_only("active")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    target: Mapped[str]
    number: Mapped[int]
    hash: Mapped[str]
    backbone_hash: Mapped[str]
    threshold: Mapped[float]
    round: Mapped[int | None]
    parent: Mapped[str | None]
    facts: Mapped[dict[str, Any]]
    seen_at: Mapped[datetime]
    registered_at: Mapped[datetime | None]
    active: Mapped[bool]
    activated_at: Mapped[datetime | None]


class ScoreRow(Base):
    """A model's score for a file version."""

    __tablename__ = "score"
    __table_args__ = ({"sqlite_with_rowid": False},)
    version_id: Mapped[int] = mapped_column(ForeignKey("file_version.id"), primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id"), primary_key=True)
    value: Mapped[float]
    run_id: Mapped[int | None]


class BackboneRow(Base):
    """A network that gives embeddings, by its hash."""

    __tablename__ = "backbone"
    __table_args__ = (UniqueConstraint("hash"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str]
    tagger_id: Mapped[int | None] = mapped_column(ForeignKey("tagger.id"))  # whose penultimate layer it is


class EmbeddingRow(Base):
    """A picture's vectors: float16, little endian."""

    __tablename__ = "embedding"
    __table_args__ = (UniqueConstraint("version_id", "backbone_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("file_version.id"))
    backbone_id: Mapped[int] = mapped_column(ForeignKey("backbone.id"))
    vector: Mapped[bytes]  # of the whole picture
    windows: Mapped[bytes | None]  # of its windows, end to end; null: it was looked at whole only
    too_small: Mapped[bool] = mapped_column(server_default=false())  # a low score says nothing of it


class LocalPictureRow(Base):
    """A picture file in a person's own folder, by its content; it is no post."""

    __tablename__ = "local_picture"
    __table_args__ = (UniqueConstraint("sha256"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    md5: Mapped[str]
    size: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    format: Mapped[str]
    picture_hash: Mapped[int | None]  # 64 bits, the highest one as the sign
    seen_at: Mapped[datetime]


class LocalEmbeddingRow(Base):
    """Such a picture's vectors: float16, little endian."""

    __tablename__ = "local_embedding"
    __table_args__ = (UniqueConstraint("picture_id", "backbone_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("local_picture.id"))
    backbone_id: Mapped[int] = mapped_column(ForeignKey("backbone.id"))
    vector: Mapped[bytes]  # of the whole picture
    windows: Mapped[bytes | None]  # of its windows, end to end
    too_small: Mapped[bool]  # a low score says nothing of it


class SeenArchiveRow(Base):
    """Another program's list of what it fetched."""

    __tablename__ = "seen_archive"
    __table_args__ = (UniqueConstraint("path"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]
    read_at: Mapped[datetime]


class SeenPostRow(Base):
    """A post that is on such a list."""

    __tablename__ = "seen_post"
    __table_args__ = ({"sqlite_with_rowid": False},)
    site: Mapped[str] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    archive_id: Mapped[int] = mapped_column(ForeignKey("seen_archive.id"), primary_key=True)


class DecisionRow(Base):
    """A machine decision; triggers refuse to change or remove one."""

    __tablename__ = "decision"
    __table_args__ = (
        UniqueConstraint("version_id", "target", "model_hash", "policy"),
        {"sqlite_autoincrement": True},
    )
    seq: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("file_version.id"))
    target: Mapped[str]
    value: Mapped[str]
    decided_by: Mapped[str]
    reason: Mapped[str]
    score: Mapped[float | None]
    threshold: Mapped[float | None]
    model: Mapped[str | None]
    model_hash: Mapped[str]  # empty where no model took part
    policy: Mapped[str]
    run_id: Mapped[int | None]
    decided_at: Mapped[datetime]


class LabelRow(Base):
    """A person's word; triggers refuse to change or remove one."""

    __tablename__ = "label"
    __table_args__ = (
        UniqueConstraint("client_key"),
        Index(None, "version_id", "target"),
        {"sqlite_autoincrement": True},
    )
    seq: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("file_version.id"))
    target: Mapped[str]
    value: Mapped[str]
    who: Mapped[str]
    client_key: Mapped[str]
    labelled_at: Mapped[datetime]
    why: Mapped[str] = mapped_column(server_default="manual")  # a LabelReason


class PartRow(Base):
    """Which part a target's rounds gave a post; triggers refuse to make it less strict or to forget it."""

    __tablename__ = "part"
    __table_args__ = ({"sqlite_with_rowid": False},)
    post_key: Mapped[int] = mapped_column(ForeignKey("post.key"), primary_key=True)
    target: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]  # one of storage.evidence.SPLITS


class BasisRow(Base):
    """What decisions of one kind rest on beside the picture."""

    __tablename__ = "basis"
    id: Mapped[int] = mapped_column(primary_key=True)
    model_hash: Mapped[str]  # empty where no model took part
    decided_by: Mapped[str]
    threshold: Mapped[float | None]


class CurrentRow(Base):
    """What holds now for a file version and a target: which decision, which label, which file; and what follows."""

    __tablename__ = "standing"
    __table_args__ = (
        Index(None, "target", "holds", "basis_id"),
        Index("ix_standing_label", "label_seq", **_only("label_seq IS NOT NULL")),
        Index("ix_standing_file", "file_id", **_only("file_id IS NOT NULL")),
        {"sqlite_with_rowid": False},
    )
    version_id: Mapped[int] = mapped_column(ForeignKey("file_version.id"), primary_key=True)
    target: Mapped[str] = mapped_column(primary_key=True)
    decision_seq: Mapped[int | None] = mapped_column(ForeignKey("decision.seq"))
    label_seq: Mapped[int | None] = mapped_column(ForeignKey("label.seq"))
    file_id: Mapped[int | None] = mapped_column(ForeignKey("file.id"))
    holds: Mapped[str | None]  # the decision that holds: the label's, else the machine's
    machine_score: Mapped[float | None] = mapped_column(index=True)  # the machine decision's
    basis_id: Mapped[int | None] = mapped_column(ForeignKey("basis.id"))  # the machine decision's
