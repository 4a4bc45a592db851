"""Questions about a gallery that people keep asking, as SQL: what `crawl report` shows, and Datasette offers.

Plain SQLite over the view `results` and the tables, so that they can be read, copied and changed. `:target` is a
target's name, or empty for all of them. Whoever changes the schema changes these: a test runs each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from storage.database.engine import database_behind
from storage.errors import RefusedRequest
from storage.reader import Rows

# Which posts a target's own tags name. A target has its tag, those that imply it, and their former names.
_NAMED = """WITH word(site, target, name) AS (
  SELECT site, name, tag FROM target WHERE part_of IS NULL
  UNION SELECT target.site, target.name, json_each.value FROM target, json_each(target.variants) WHERE part_of IS NULL
  UNION SELECT target.site, target.name, json_each.value FROM target, json_each(target.aliases) WHERE part_of IS NULL
), named(post_key, target) AS MATERIALIZED (
  SELECT DISTINCT post.key, word.target FROM word
  CROSS JOIN tag ON tag.name = word.name
  CROSS JOIN post_tag ON post_tag.tag_id = tag.id
  CROSS JOIN post ON post.key = post_tag.post_key AND post.site = word.site
)"""
# What holds for each post and target; a label beats the machine.
_HELD = """held(key, version_id, target, decision, score, threshold, decided_by, label, decision_seq) AS (
  SELECT post.key, file_version.id, standing.target, standing.holds, decision.score, decision.threshold,
    CASE WHEN label.seq IS NULL THEN decision.decided_by ELSE 'label' END, label.value, standing.decision_seq
  FROM standing
  JOIN file_version ON file_version.id = standing.version_id
  JOIN post ON post.key = file_version.post_key AND post.md5 = file_version.md5
  LEFT JOIN decision ON decision.seq = standing.decision_seq
  LEFT JOIN label ON label.seq = standing.label_seq
  WHERE :target IN ('', standing.target)
)"""
_PIECES = {
    "[named]": _NAMED,
    "[held]": _HELD,
    "[tagged]": "LEFT JOIN named ON named.post_key = held.key AND named.target = held.target",
    "[untagged]": "named.post_key IS NULL",
    "[kept]": "sum(held.decision = 'keep')",
}


def _sql(text: str) -> str:
    """A question with its pieces in their places; NOT EXISTS instead of their joins took minutes at 100,000 posts."""
    for name, piece in _PIECES.items():
        text = text.replace(name, piece)
    return text.strip()


@dataclass(frozen=True, slots=True)
class CannedQuestion:
    """One question."""

    name: str  # of the page: letters and underscores
    title: str
    about: str  # a sentence
    sql: str

    @property
    def by_target(self) -> bool:
        """Whether it is about targets, and can be asked about one."""
        return ":target" in self.sql

    @property
    def parameters(self) -> Mapping[str, str]:
        """What it takes, with the value by default."""
        return {"target": ""} if self.by_target else {}


QUESTIONS: Sequence[CannedQuestion] = (
    CannedQuestion(
        "found_untagged",
        "Found without a tag",
        "Kept posts whose tags do not name the target, the surest first.",
        _sql("""
[named], [held]
SELECT post.site, post.post_id, held.target, round(held.score, 4) AS score, held.decided_by, post.rating,
  held.version_id
FROM held JOIN post ON post.key = held.key [tagged]
WHERE held.decision = 'keep' AND [untagged]
ORDER BY held.decided_by = 'label' DESC, held.score DESC, post.post_id DESC LIMIT 1000
"""),
    ),
    CannedQuestion(
        "doubtful",
        "Doubtful",
        "Undecided posts, then those whose score is next to the threshold; none that somebody labelled.",
        _sql("""
WITH [held]
SELECT post.site, post.post_id, held.target, held.decision, round(held.score, 4) AS score,
  round(held.threshold, 4) AS threshold, decision.reason, post.rating, held.version_id
FROM held JOIN post ON post.key = held.key LEFT JOIN decision ON decision.seq = held.decision_seq
WHERE held.label IS NULL AND (held.decision = 'undecided' OR abs(held.score - held.threshold) < 0.2)
ORDER BY held.decision = 'undecided' DESC, abs(held.score - held.threshold), post.post_id DESC LIMIT 1000
"""),
    ),
    CannedQuestion(
        "decisions",
        "Decisions",
        "How many posts each target has, by what holds and what it rests on.",
        _sql("""
WITH [held]
SELECT target, decision, decided_by, count(*) AS posts FROM held
GROUP BY 1, 2, 3 ORDER BY 1, 4 DESC, 2, 3
"""),
    ),
    CannedQuestion(
        "artists",
        "Artists of what is kept",
        "Who made it, with how many of theirs the site does not tag.",
        _sql("""
[named], [held]
SELECT held.target, tag.name AS artist, count(*) AS kept, sum([untagged]) AS untagged
FROM held [tagged] CROSS JOIN post_tag ON post_tag.post_key = held.key
  CROSS JOIN tag ON tag.id = post_tag.tag_id AND tag.category = 'artist'
WHERE held.decision = 'keep'
GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2 LIMIT 1000
"""),
    ),
    CannedQuestion(
        "company",
        "Who else is on what is kept",
        "Character tags beside the target's own.",
        _sql("""
[named], [held]
SELECT held.target, tag.name AS character, count(*) AS kept
FROM held CROSS JOIN post_tag ON post_tag.post_key = held.key
  CROSS JOIN tag ON tag.id = post_tag.tag_id AND tag.category = 'character'
WHERE held.decision = 'keep' AND NOT EXISTS (
  SELECT 1 FROM word WHERE word.target = held.target AND word.name = tag.name)
GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2 LIMIT 1000
"""),
    ),
    CannedQuestion(
        "ratings",
        "Ratings",
        "General, sensitive, questionable and explicit posts, by what holds.",
        _sql("""
[named], [held]
SELECT held.target, post.rating, count(*) AS posts, [kept] AS kept,
  sum(held.decision = 'keep' AND [untagged]) AS untagged
FROM held JOIN post ON post.key = held.key [tagged]
GROUP BY 1, 2 ORDER BY 1, instr('gsqe', post.rating)
"""),
    ),
    CannedQuestion(
        "over_time",
        "Over time",
        "By the month in which posts were made: how many there are, are kept, and are kept without a tag.",
        _sql("""
[named], [held]
SELECT held.target, strftime('%Y-%m', post.created_at) AS month, count(*) AS posts, [kept] AS kept,
  sum(held.decision = 'keep' AND [untagged]) AS untagged
FROM held JOIN post ON post.key = held.key [tagged]
GROUP BY 1, 2 ORDER BY 1, 2
"""),
    ),
    CannedQuestion(
        "scores",
        "Scores",
        "Posts by score, in steps of 0.05, those whose tags name the target apart.",
        _sql("""
[named], [held]
SELECT held.target, min(19, CAST(held.score * 20 AS INTEGER)) / 20.0 AS score_from, count(named.post_key) AS tagged,
  sum([untagged]) AS untagged
FROM held [tagged] WHERE held.score IS NOT NULL
GROUP BY 1, 2 ORDER BY 1, 2
"""),
    ),
    CannedQuestion(
        "corrections",
        "What people corrected",
        "Posts whose label says something else than the machine's decision, the newest label first.",
        _sql("""
SELECT post.site, post.post_id, label.target, label.value AS label, decision.value AS machine,
  decision.decided_by, round(decision.score, 4) AS score, label.who, label.labelled_at, post.rating, label.version_id
FROM standing
JOIN label ON label.seq = standing.label_seq
JOIN decision ON decision.seq = standing.decision_seq
JOIN file_version ON file_version.id = standing.version_id
JOIN post ON post.key = file_version.post_key AND post.md5 = file_version.md5
WHERE label.value IN ('keep', 'delete') AND label.value <> decision.value AND :target IN ('', standing.target)
ORDER BY label.seq DESC LIMIT 1000
"""),
    ),
    CannedQuestion(
        "searches",
        "Searches",
        "What was walked at which site, how far, and how many of its posts are kept for any target.",
        _sql("""
SELECT listing.site, listing.query, listing.state, listing.counted, count(listing_post.post_key) AS posts,
  sum(EXISTS (SELECT 1 FROM file JOIN file_version ON file_version.id = file.version_id
    WHERE file_version.post_key = listing_post.post_key AND file.place = 'gallery')) AS with_original,
  listing.completed_at
FROM listing LEFT JOIN listing_post ON listing_post.listing_id = listing.id
GROUP BY listing.id ORDER BY posts DESC, listing.id
"""),
    ),
    CannedQuestion(
        "sites",
        "Sites",
        "Posts of each site, and those that it hides or has deleted.",
        _sql("""
SELECT site, count(*) AS posts, sum(hidden_reason IS NOT NULL) AS hidden, sum(is_deleted) AS deleted,
  min(created_at) AS oldest, max(created_at) AS newest
FROM post GROUP BY site ORDER BY posts DESC
"""),
    ),
    CannedQuestion(
        "models",
        "Models",
        "Each model, and how many current decisions rest on its score.",
        _sql("""
SELECT model.target, model.target || '/' || model.number AS model, round(model.threshold, 4) AS threshold,
  model.active, model.registered_at, (
    SELECT count(*) FROM standing JOIN decision ON decision.seq = standing.decision_seq
    WHERE standing.target = model.target AND decision.model_hash = model.hash) AS decisions
FROM model WHERE :target IN ('', model.target) ORDER BY model.target, model.number
"""),
    ),
    CannedQuestion(
        "runs",
        "Runs",
        "What was run, when, and how it ended; the newest first.",
        _sql("""
SELECT id, command, site, query, targets, state, exit_code, started_at, ended_at
FROM run ORDER BY id DESC LIMIT 200
"""),
    ),
)


def answer(connection: Connection, question: CannedQuestion, target: str = "") -> Rows:
    """The answer about one target, or about all.

    Args:
        connection: in a transaction.
        question: one of these.
        target: its name; "" for all, where the question is about targets at all.
    Raises:
        RefusedRequest: the gallery's rows are on a server, which reads other SQL.
    """
    if not database_behind(connection).is_file:
        raise RefusedRequest(
            f"{database_behind(connection)}: the report's questions are written for SQLite, and this gallery is on a "
            "server; crawl status, crawl query and crawl evaluate work there"
        )
    values = {**question.parameters, **({"target": target} if question.by_target else {})}
    rows = connection.exec_driver_sql(question.sql, values)
    return Rows(tuple(rows.keys()), [tuple(row) for row in rows])
