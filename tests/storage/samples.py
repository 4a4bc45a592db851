"""Posts, pictures and cards that the storage tests share."""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command

from storage.archive import Archive
from storage.archive_records import (
    ArchiveSettings,
    Attempt,
    Digest,
    Label,
    ListedPage,
    Relabelled,
    Sighting,
    StoredFacts,
)
from storage.database import migrate
from storage.database.engines.sqlite import SqliteDatabase
from storage.label_writer import Labelling
from storage.records import (
    DecidedBy,
    Decision,
    DecisionValue,
    FileVersion,
    Look,
    ModelCard,
    Post,
    PostTags,
    Rating,
    Rendition,
)
from tests.equipment import galleries_on
from tests.equipment.postgres import new_gallery_or_skip

CARD = ModelCard("mona", 1, "a" * 64, "b" * 64, 0.5)
NO_RESERVE = ArchiveSettings(reserve_bytes=0)


@cache
def _template() -> Path:
    """A new gallery, made once: making one runs every migration and flushes the disk many times."""
    folder = tempfile.TemporaryDirectory(prefix="boorusieve-tests-")
    atexit.register(folder.cleanup)
    Archive.open(Path(folder.name) / "gallery-data", NO_RESERVE).close()
    return Path(folder.name) / "gallery-data"


def new_gallery(root: Path) -> Path:
    """Put a new, empty gallery at `root`, unless there is one."""
    if root.exists():
        return root
    return new_gallery_or_skip(root) if galleries_on.on_a_server() else new_gallery_in_a_file(root)


def new_gallery_in_a_file(root: Path) -> Path:
    """Put a new, empty gallery at `root`, its rows in a file wherever those of the others are."""
    return Path(shutil.copytree(_template(), root))


def content_of(number: int, text: str = "original") -> bytes:
    """Bytes that stand for a picture."""
    return f"{text} {number}".encode() * 20


def make_post(number: int, content: bytes | None = None, **changes: Any) -> Post:
    """A post whose file is `content_of(number)`."""
    content = content if content is not None else content_of(number)
    md5 = hashlib.md5(content).hexdigest()
    rendition = Rendition("360x360", f"http://127.0.0.1/360/{md5}.jpg", 360, 200, "jpg")
    facts: dict[str, Any] = {
        "site": "demo",
        "id": number,
        "created_at": datetime(2024, 1, 1, 12, tzinfo=UTC),
        "updated_at": datetime(2024, 1, 2, tzinfo=UTC),
        "rating": Rating.GENERAL,
        "tags": PostTags(general=("1girl", "hat"), character=("mona_(genshin_impact)",)),
        "file": FileVersion(md5, "jpg", len(content), 1600, 900, f"http://127.0.0.1/original/{md5}.jpg"),
        "renditions": (rendition,),
        "width": 1600,
        "height": 900,
        "ext": "jpg",
        "size": len(content),
    }
    return Post(**(facts | changes))


def decide(value: str = "keep", *, card: ModelCard = CARD, policy: str = "p1", score: float = 0.9) -> Decision:
    """A machine decision by score."""
    return Decision(
        target=card.target,
        value=DecisionValue(value),
        decided_by=DecidedBy.SCORE,
        reason=f"{score} against {card.threshold}",
        policy=policy,
        score=score,
        threshold=card.threshold,
        model=card.name,
        model_hash=card.hash,
    )


def sight(post: Post, decision: Decision | None = None, attempt: Attempt | None = None, **changes: Any) -> Sighting:
    """A look at a post, with a rendition, by the usual model."""
    decision = decision or decide()
    facts: dict[str, Any] = {
        "post": post,
        "attempt": attempt,
        "rendition": content_of(post.id, "rendition"),
        "stored": StoredFacts("360x360", "jpg", 360, 200),
        "look": Look(
            scores={"mona": decision.score or 0.0},
            embeddings={CARD.backbone_hash: b"\x00\x3c" * 8},
            width=360,
            height=200,
        ),
        "models": {"mona": CARD},
        "decisions": [decision],
    }
    return Sighting(**(facts | changes))


async def list_posts(archive: Archive, posts: list[Post], query: str = "genshin_impact") -> int:
    """File a page with these posts; gives the listing's id."""
    listing = await archive.open_listing("demo", query)
    await archive.file_page(listing.id, ListedPage(posts, cursor=min((post.id for post in posts), default=None)))
    return listing.id


async def keep(archive: Archive, post: Post, content: bytes | None = None, *targets: str) -> None:
    """Download the original, as the main job does."""
    content = content if content is not None else content_of(post.id)
    assert post.file is not None
    attempt = await archive.begin_attempt(post, "original", post.file.url)
    attempt.staging.write_bytes(content)
    await archive.file_original(attempt, post, targets or ("mona",), digest_of(content))


async def relabel(archive: Archive, labels: Sequence[Label]) -> Relabelled:
    """Give labels as people do: from beside the archive, which somebody holds."""

    def write() -> Relabelled:
        with Labelling(archive.root) as labelling:
            return labelling.relabel(labels)

    return await asyncio.to_thread(write)


def digest_of(content: bytes) -> Digest:
    """What the downloader says of these bytes."""
    return Digest(len(content), hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest())


def schema_at(database: Path, revision: str, *, back: bool = False) -> list[Any]:
    """The tables, views and triggers once the steps have been run up to a revision, or back to it."""
    engine = SqliteDatabase(database).writing_engine()
    try:
        with engine.connect() as connection:
            if back:
                with connection.begin():
                    command.downgrade(migrate.steps_on(connection), revision)
            else:
                migrate.upgrade(connection, revision)
    finally:
        engine.dispose()
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
