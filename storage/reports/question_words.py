"""Pieces of the report's questions: those that many share, and those that the engines write in different words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

# Which posts a target's own tags name. A target has its tag, those that imply it, and their former names.
_NAMED = """WITH word(site, target, name) AS (
  SELECT site, name, tag FROM target WHERE part_of IS NULL
  UNION SELECT target.site, target.name, json_each.value FROM target, [values target.variants] WHERE part_of IS NULL
  UNION SELECT target.site, target.name, json_each.value FROM target, [values target.aliases] WHERE part_of IS NULL
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
_SHARED: Mapping[str, str] = {
    "[named]": _NAMED,
    "[held]": _HELD,
    "[tagged]": "LEFT JOIN named ON named.post_key = held.key AND named.target = held.target",
    "[untagged]": "named.post_key IS NULL",
    "[kept]": "count(*) FILTER (WHERE held.decision = 'keep')",
}
_IN_SQLITE: Mapping[str, str] = {
    "values": "json_each({})",
    "rounded": "round({}, 4)",
    "step": "min(19, CAST({} * 20 AS INTEGER)) / 20.0",
}
_ON_POSTGRES: Mapping[str, str] = {
    "values": "json_array_elements_text({}) AS json_each(value)",
    "rounded": "CAST(round(CAST({} AS numeric), 4) AS double precision)",
    "step": "CAST(least(19, trunc({} * 20)) / 20 AS double precision)",
}
_PIECE = re.compile(r"\[(\w+) ([\w.]+)\]")


@cache
def in_sqlite(words: str) -> str:
    """A question as SQLite takes it.

    CROSS JOIN keeps its planner to the order in which they are written; NOT EXISTS instead of the joins took minutes
    at 100,000 posts.
    """
    return _written(words, _IN_SQLITE)


@cache
def on_postgres(words: str) -> str:
    """The same as psycopg takes it; to Postgres a CROSS JOIN has no condition, and the planner knows the order."""
    written = _written(words, _ON_POSTGRES).replace("CROSS JOIN", "JOIN")
    return written.replace("%", "%%").replace(":target", "%(target)s")


def _written(words: str, pieces: Mapping[str, str]) -> str:
    for name, piece in _SHARED.items():
        words = words.replace(name, piece)
    return _PIECE.sub(lambda found: pieces[found[1]].format(found[2]), words).strip()
