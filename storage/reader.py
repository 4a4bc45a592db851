"""Reading without the lock: read-only connections, short transactions."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import Connection, case, func

from storage.archive_records import RegisteredModel
from storage.database.current_state import DECISION
from storage.database.engine import Database
from storage.database.engines.location import database_of
from storage.database.error_translation import at_border
from storage.database.results_view import COLUMNS, results_select
from storage.database.schema import require_current
from storage.database.tables import CurrentRow, PostRow, VersionRow
from storage.errors import DatabaseDamaged, DatabaseMissing, WrongRoot
from storage.evidence import Evidence
from storage.files.layout import require_plain
from storage.objects.location import remembered_objects
from storage.objects.shared_models import bring_models
from storage.records import Target
from storage.rows import models
from storage.rows.evidence import gather_evidence, has_evidence
from storage.rows.labels import StoredLabel, labels_of
from storage.rows.named_posts import naming
from storage.rows.state_digest import digest_lines, digest_of
from storage.rows.status import OtherThreshold, Status, other_thresholds, status_of
from storage.rows.tagger_tags import TaggerAgreement, agreement
from storage.rows.targets import by_known_names, saved_targets, target_called
from storage.search.answers import Extent, fitting_rows, result_rows
from storage.search.fault_names import refuse_misspelt_faults
from storage.search.language import Query, parse
from storage.search.ranking import ASKED_COLUMNS, Ranked, Ranker, Ranks, lend, ranks_for
from storage.search.unknown_metatags import refuse_unknown_metatags

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows:
    """An answer: names of the columns, and a tuple a row; values are numbers, text or None (bytes are hex digits)."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]

    def mappings(self) -> Iterator[dict[str, Any]]:
        """Row by row, by column name."""
        for row in self.rows:
            yield dict(zip(self.columns, row, strict=True))


@dataclass(frozen=True, slots=True)
class JudgedPost:
    """What holds for one post and target."""

    post_id: int
    kept: bool  # the effective decision is keep
    tagged: bool  # the post's own tags name the target
    decision: str  # keep | delete | undecided


class Reader:
    """A gallery that somebody else may own; never writes, never locks. Made by `open_reader`; use it with `with`."""

    def __init__(self, root: Path, database: Database) -> None:
        self.root = root
        self.database = database
        self._engine = database.reading_engine()

    @classmethod
    def open(cls, root: Path) -> Reader:
        """Open a gallery for reading.

        Raises:
            WrongRoot: there is no gallery.
            StorageError: a name of ours in it is a link, or something else that is no plain file or folder.
            DatabaseMissing, DatabaseDamaged, DatabaseNewer: its database cannot be read by this program.
        """
        root = root.absolute()
        with at_border(root):
            require_plain(root)
            database = database_of(root)
        with at_border(database):
            if not database.exists:
                if (root / ".gallery-id").exists():
                    raise DatabaseMissing(f"{database}: is gone; put a backup from {root / 'backups'} in its place")
                if root.exists() and not root.is_dir():
                    raise WrongRoot(f"{root}: is not a folder; name the gallery's")
                raise WrongRoot(
                    f"{root}: there is no gallery here; --root names another, crawl train NAME --from DIR makes one "
                    "from folders of pictures, and crawl --tag TAG --keep NAME from a site"
                )
            if problem := database.problem():
                raise DatabaseDamaged(f"{database}: {problem}; it was left as it is; put a backup in its place")
            reader = cls(root, database)
            try:
                reader.ask(lambda c: require_current(c, database))
                _bring_models(reader)
            except BaseException:
                reader.close()
                raise
        return reader

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._engine.dispose()

    def ask(self, operation: Callable[[Connection], T]) -> T:
        """One short read transaction."""
        with at_border(self.database), self._engine.connect() as connection, connection.begin():
            return operation(connection)

    def meant(self, query: Query) -> Query:
        """An expression with the names that rows have for targets and their tags."""
        return self.ask(lambda c: by_known_names(c, query))

    def query(
        self,
        expression: str | Query,
        limit: int | None = None,
        *,
        now: datetime | None = None,
        ranker: Ranker | None = None,
    ) -> Rows:
        """Posts that fit an expression, as rows of the view `results`.

        Args:
            expression: what to find, and in which order; as text, or read already.
            limit: at most so many rows.
            now: what `age:` counts from; aware.
            ranker: who knows what is worth a glance; asked only when the expression needs it, and then two columns
                more say why: `asked`, the reason in a word, and `why`, for people.
        Raises:
            QueryError: the expression cannot be read or evaluated; it names the term.
        """
        query = self.meant(parse(expression) if isinstance(expression, str) else expression)
        ranks = ranks_for(query, ranker, [target.name for target in self.targets()] if ranker else ())
        return self.ask(lambda c: _matching_rows(c, query, ranks, now or datetime.now(UTC), limit))

    def sql(self, text: str, limit: int | None = None) -> Rows:
        """The answer to one SELECT of the user's own; anything that is not reading is refused by the database.

        Raises:
            QueryError: it is not one statement, does not read, or is no SQL.
        """
        with at_border(self.database):
            columns, rows = self.database.select(text, limit)
        return Rows(columns, [_without_bytes(row) for row in rows])

    def status(self) -> Status:
        """How much there is of everything."""
        return self.ask(lambda c: status_of(c, self.root))

    def other_thresholds(self) -> Sequence[OtherThreshold]:
        """Posts that the models in force have decided at other thresholds than their own."""
        return self.ask(other_thresholds)

    def digest(self) -> str:
        """SHA-256 over the sorted canonical lines of what holds; equal for galleries in the same state."""
        return digest_of(self.digest_lines())

    def digest_lines(self) -> list[str]:
        """The lines behind `digest`, for comparing two galleries that should be the same."""
        return self.ask(lambda c: digest_lines(c, self.root))

    def targets(self, site: str | None = None) -> Sequence[Target]:
        """What `--keep` named before."""
        return self.ask(lambda c: saved_targets(c, site))

    def find_target(self, word: str) -> Target | None:
        """The target that a word names, by one of its names; None where there is none."""
        return target_called(self.targets(), word)

    def evidence(self, target: Target, backbone_hash: str, *, whole_gallery: bool = False) -> Evidence:
        """What a round learns from: a row for every post of the target that has an embedding of the backbone.

        Args:
            target: whom it is about.
            backbone_hash: of the network that gave the embeddings.
            whole_gallery: the posts too that were looked at for other targets only.
        """
        return self.ask(lambda c: gather_evidence(c, target, backbone_hash, whole_gallery=whole_gallery))

    def held_out_evidence(self, target: Target, backbone_hash: str, md5s: Collection[str]) -> Evidence:
        """The rows of `evidence` that models are measured on: a fraction of the gallery, read without the rest.

        Args:
            target: whom it is about.
            backbone_hash: of the network that gave the embeddings.
            md5s: of pictures that were held out before the gallery knew of parts.
        """
        return self.ask(lambda c: gather_evidence(c, target, backbone_hash, held_out=md5s))

    def has_evidence(self, target: Target, backbone_hash: str) -> bool:
        """Whether `evidence` has a row."""
        return self.ask(lambda c: has_evidence(c, target, backbone_hash))

    def active_model(self, target: str) -> RegisteredModel | None:
        """The model in force for a target."""
        return self.ask(lambda c: models.active_model(c, target))

    def models(self, target: str | None = None) -> Sequence[RegisteredModel]:
        """The registered models, by target and number."""
        return self.ask(lambda c: models.models(c, target))

    def labels(self, target: str) -> Sequence[StoredLabel]:
        """Every label that was ever filed for a target, in order; `why` marks those of a random sample."""
        return self.ask(lambda c: labels_of(c, target))

    def tagger_agreement(self, site: str, target: Target) -> TaggerAgreement:
        """How often the user's own tagger names a target, beside what the tags of a site's posts say."""
        return self.ask(lambda c: agreement(c, site, target))

    def judged(self, site: str, target: Target) -> Sequence[JudgedPost]:
        """What holds for every post of a site that was decided or labelled for a target."""
        carries = PostRow.key.in_(naming(target))
        statement = (
            results_select()
            .with_only_columns(PostRow.post_id, DECISION.label("decision"), case((carries, 1), else_=0).label("tagged"))
            .where(PostRow.site == site, CurrentRow.target == target.name, func.coalesce(DECISION, "") != "")
            .order_by(PostRow.post_id)
        )
        return self.ask(
            lambda c: [
                JudgedPost(row.post_id, row.decision == "keep", bool(row.tagged), row.decision)
                for row in c.execute(statement)
            ]
        )


def _matching_rows(connection: Connection, query: Query, ranks: Ranks | None, now: datetime, limit: int | None) -> Rows:
    refuse_unknown_metatags(connection, query)
    if ranks is not None:
        lend(connection, ranks)
    keys = fitting_rows(
        connection,
        query,
        now,
        Extent(columns=(VersionRow.id,), limit=limit, ranked=ranks is not None and ranks.speak_of(query)),
    )
    if not keys:
        refuse_misspelt_faults(connection, query)
    rows = Rows(COLUMNS, [_without_bytes(row) for row in result_rows(connection, [(k.key, k.target) for k in keys])])
    if ranks is None:
        return rows
    why = ranks.by_picture()
    reasons = [_reason(why.get((row.id, row.target))) for row in keys]
    return Rows((*COLUMNS, *ASKED_COLUMNS), [row + more for row, more in zip(rows.rows, reasons, strict=True)])


def _reason(ranked: Ranked | None) -> tuple[str | None, str | None]:
    return (ranked.reason, ranked.words) if ranked else (None, None)


def _without_bytes(values: Sequence[Any]) -> tuple[Any, ...]:
    """A row's values; bytes, as of vectors or of a damaged text, in hex digits."""
    if any(isinstance(value, bytes) for value in values):
        return tuple(value.hex() if isinstance(value, bytes) else value for value in values)
    return tuple(values)


def _bring_models(reader: Reader) -> None:
    """Models that another machine registered; where nothing can be written, who needs one says that it is missing."""
    if remembered_objects(reader.root) is not None and os.access(reader.root, os.W_OK):
        with at_border(reader.root):
            bring_models(reader.root, reader.models())
