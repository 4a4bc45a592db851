"""Questions about a gallery that people keep asking, as SQL: what `crawl report` shows, and Datasette offers.

Plain SQL over the view `results` and the tables, so that it can be read, copied and changed; what SQLite and Postgres
write in different words stands in brackets, and `storage.reports.question_words` has both. `:target` is a target's
name, or empty for all of them. Whoever changes the schema changes these: a test runs each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from storage.database.engine import database_behind
from storage.database.engines.postgres_forms import as_in_a_file
from storage.reader import Rows
from storage.reports.question_words import in_sqlite, on_postgres


@dataclass(frozen=True, slots=True)
class CannedQuestion:
    """One question."""

    name: str  # of the page: letters and underscores
    title: str
    about: str  # a sentence
    words: str  # SQL with its pieces in brackets

    @property
    def sql(self) -> str:
        """As SQLite, and so Datasette, takes it."""
        return in_sqlite(self.words)

    @property
    def by_target(self) -> bool:
        """Whether it is about targets, and can be asked about one."""
        return ":target" in self.sql  # its pieces ask for it, too

    @property
    def parameters(self) -> Mapping[str, str]:
        """What it takes, with the value by default."""
        return {"target": ""} if self.by_target else {}


QUESTIONS: Sequence[CannedQuestion] = (
    CannedQuestion(
        "found_untagged",
        "Found without a tag",
        "Kept posts whose tags do not name the target, the surest first.",
        """
[named], [held]
SELECT post.site, post.post_id, held.target, [rounded held.score] AS score, held.decided_by, post.rating,
  held.version_id
FROM held JOIN post ON post.key = held.key [tagged]
WHERE held.decision = 'keep' AND [untagged]
ORDER BY held.decided_by = 'label' DESC, held.score DESC NULLS LAST, post.post_id DESC LIMIT 1000
""",
    ),
    CannedQuestion(
        "doubtful",
        "Doubtful",
        "Undecided posts, then those whose score is next to the threshold; none that somebody labelled.",
        """
WITH [held]
SELECT post.site, post.post_id, held.target, held.decision, [rounded held.score] AS score,
  [rounded held.threshold] AS threshold, decision.reason, post.rating, held.version_id
FROM held JOIN post ON post.key = held.key LEFT JOIN decision ON decision.seq = held.decision_seq
WHERE held.label IS NULL AND (held.decision = 'undecided' OR abs(held.score - held.threshold) < 0.2)
ORDER BY held.decision = 'undecided' DESC, abs(held.score - held.threshold) NULLS FIRST, post.post_id DESC LIMIT 1000
""",
    ),
    CannedQuestion(
        "decisions",
        "Decisions",
        "How many posts each target has, by what holds and what it rests on.",
        """
WITH [held]
SELECT target, decision, decided_by, count(*) AS posts FROM held
GROUP BY 1, 2, 3 ORDER BY 1, 4 DESC, 2 NULLS FIRST, 3 NULLS FIRST
""",
    ),
    CannedQuestion(
        "artists",
        "Artists of what is kept",
        "Who made it, with how many of theirs the site does not tag.",
        """
[named], [held]
SELECT held.target, tag.name AS artist, count(*) AS kept, count(*) FILTER (WHERE [untagged]) AS untagged
FROM held [tagged] CROSS JOIN post_tag ON post_tag.post_key = held.key
  CROSS JOIN tag ON tag.id = post_tag.tag_id AND tag.category = 'artist'
WHERE held.decision = 'keep'
GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2 LIMIT 1000
""",
    ),
    CannedQuestion(
        "company",
        "Who else is on what is kept",
        "Character tags beside the target's own.",
        """
[named], [held]
SELECT held.target, tag.name AS character, count(*) AS kept
FROM held CROSS JOIN post_tag ON post_tag.post_key = held.key
  CROSS JOIN tag ON tag.id = post_tag.tag_id AND tag.category = 'character'
WHERE held.decision = 'keep' AND NOT EXISTS (
  SELECT 1 FROM word WHERE word.target = held.target AND word.name = tag.name)
GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2 LIMIT 1000
""",
    ),
    CannedQuestion(
        "ratings",
        "Ratings",
        "General, sensitive, questionable and explicit posts, by what holds.",
        """
[named], [held]
SELECT held.target, post.rating, count(*) AS posts, [kept] AS kept,
  count(*) FILTER (WHERE held.decision = 'keep' AND [untagged]) AS untagged
FROM held JOIN post ON post.key = held.key [tagged]
GROUP BY 1, 2 ORDER BY 1, CASE post.rating WHEN 'g' THEN 1 WHEN 's' THEN 2 WHEN 'q' THEN 3 WHEN 'e' THEN 4 ELSE 0 END
""",
    ),
    CannedQuestion(
        "over_time",
        "Over time",
        "By the month in which posts were made: how many there are, are kept, and are kept without a tag.",
        """
[named], [held]
SELECT held.target, substr(CAST(post.created_at AS text), 1, 7) AS month, count(*) AS posts, [kept] AS kept,
  count(*) FILTER (WHERE held.decision = 'keep' AND [untagged]) AS untagged
FROM held JOIN post ON post.key = held.key [tagged]
GROUP BY 1, 2 ORDER BY 1, 2
""",
    ),
    CannedQuestion(
        "scores",
        "Scores",
        "Posts by score, in steps of 0.05, those whose tags name the target apart.",
        """
[named], [held]
SELECT held.target, [step held.score] AS score_from, count(named.post_key) AS tagged,
  count(*) FILTER (WHERE [untagged]) AS untagged
FROM held [tagged] WHERE held.score IS NOT NULL
GROUP BY 1, 2 ORDER BY 1, 2
""",
    ),
    CannedQuestion(
        "corrections",
        "What people corrected",
        "Posts whose label says something else than the machine's decision, the newest label first.",
        """
SELECT post.site, post.post_id, label.target, label.value AS label, decision.value AS machine,
  decision.decided_by, [rounded decision.score] AS score, label.who, label.labelled_at, post.rating, label.version_id
FROM standing
JOIN label ON label.seq = standing.label_seq
JOIN decision ON decision.seq = standing.decision_seq
JOIN file_version ON file_version.id = standing.version_id
JOIN post ON post.key = file_version.post_key AND post.md5 = file_version.md5
WHERE label.value IN ('keep', 'delete') AND label.value <> decision.value AND :target IN ('', standing.target)
ORDER BY label.seq DESC LIMIT 1000
""",
    ),
    CannedQuestion(
        "searches",
        "Searches",
        "What was walked at which site, how far, and how many of its posts are kept for any target.",
        """
SELECT listing.site, listing.query, listing.state, listing.counted, count(listing_post.post_key) AS posts,
  count(*) FILTER (WHERE EXISTS (SELECT 1 FROM file JOIN file_version ON file_version.id = file.version_id
    WHERE file_version.post_key = listing_post.post_key AND file.place = 'gallery')) AS with_original,
  listing.completed_at
FROM listing LEFT JOIN listing_post ON listing_post.listing_id = listing.id
GROUP BY listing.id ORDER BY posts DESC, listing.id
""",
    ),
    CannedQuestion(
        "sites",
        "Sites",
        "Posts of each site, and those that it hides or has deleted.",
        """
SELECT site, count(*) AS posts, count(hidden_reason) AS hidden, count(*) FILTER (WHERE is_deleted) AS deleted,
  min(created_at) AS oldest, max(created_at) AS newest
FROM post GROUP BY site ORDER BY posts DESC
""",
    ),
    CannedQuestion(
        "models",
        "Models",
        "Each model, and how many current decisions rest on its score.",
        """
SELECT model.target, model.target || '/' || model.number AS model, [rounded model.threshold] AS threshold,
  model.active, model.registered_at, (
    SELECT count(*) FROM standing JOIN decision ON decision.seq = standing.decision_seq
    WHERE standing.target = model.target AND decision.model_hash = model.hash) AS decisions
FROM model WHERE :target IN ('', model.target) ORDER BY model.target, model.number
""",
    ),
    CannedQuestion(
        "runs",
        "Runs",
        "What was run, when, and how it ended; the newest first.",
        """
SELECT id, command, site, query, CAST(targets AS text) AS targets, state, exit_code, started_at, ended_at
FROM run ORDER BY id DESC LIMIT 200
""",
    ),
)


def answer(connection: Connection, question: CannedQuestion, target: str = "") -> Rows:
    """The answer about one target, or about all.

    Args:
        connection: in a transaction.
        question: one of these.
        target: its name; "" for all, where the question is about targets at all.
    """
    database = database_behind(connection)
    values = {**question.parameters, **({"target": target} if question.by_target else {})}
    if database.is_file:
        rows = connection.exec_driver_sql(question.sql, values)
        return Rows(tuple(rows.keys()), [tuple(row) for row in rows])
    rows = connection.exec_driver_sql(on_postgres(question.words), values)
    return Rows(tuple(rows.keys()), [tuple(as_in_a_file(value) for value in row) for row in rows])
