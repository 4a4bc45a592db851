"""A gallery of many judged posts without pictures, written into the tables at once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from storage.archive import Archive
from storage.archive_records import ArchiveSettings

TAGS, ARTISTS, CHARACTERS = 3000, 2000, 400
OF_A_POST = 30  # general tags


def filled(root: Path, posts: int) -> None:
    """Make it: a tenth shows mona, six of ten of these say so; a label for every hundredth post."""
    Archive.open(root, ArchiveSettings(reserve_bytes=0)).close()
    with closing(sqlite3.connect(root / "crawl.db", isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=OFF")
        database.execute("BEGIN")
        for statement in _STATEMENTS:
            names = {"posts": posts, "tags": TAGS, "artists": ARTISTS, "characters": CHARACTERS, "each": OF_A_POST}
            database.execute(statement, {name: value for name, value in names.items() if f":{name}" in statement})
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_COUNT = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {})"
_POSTS = _COUNT.format(":posts")
_WHEN = "strftime('%Y-%m-%d %H:%M:%f', '2018-01-01', (n * 40) || ' minutes') || '000'"
_STATEMENTS = (
    """INSERT INTO target (site, name, tag, variants, aliases)
    VALUES ('bench', 'mona', 'mona_(genshin_impact)', '["mona_(pact)"]', '[]')""",
    f"{_COUNT.format(':tags')} INSERT INTO tag SELECT n, 'tag_' || n, 'general' FROM number",
    f"{_COUNT.format(':artists')} INSERT INTO tag SELECT 10000 + n, 'artist_' || n, 'artist' FROM number",
    f"{_COUNT.format(':characters')} INSERT INTO tag SELECT 20000 + n, 'character_' || n, 'character' FROM number",
    "INSERT INTO tag VALUES (30000, 'mona_(genshin_impact)', 'character'), (30001, 'genshin_impact', 'copyright')",
    f"""{_POSTS} INSERT INTO post (key, site, post_id, md5, created_at, updated_at, rating, score, fav_count, source,
      has_children, is_pending, is_flagged, is_deleted, is_banned, width, height, ext, size, has_ai_tags, count_general,
      count_artist, count_copyright, count_character, count_meta, seen_at)
    SELECT n, 'bench', n, printf('%032x', n), {_WHEN}, {_WHEN}, substr('ggsssqqe', 1 + n % 8, 1), n % 60, 0, '',
      0, 0, 0, 0, 0, 1600, 900, 'jpg', 1000000, 0, :each, 1, 1, 1, 0, {_WHEN} FROM number""",
    f"""{_POSTS} INSERT INTO file_version (id, post_key, md5, ext, size, width, height, url, renditions, state,
      first_seen_at)
    SELECT n, n, printf('%032x', n), 'jpg', 1000000, 1600, 900, '', '[]', 'known', {_WHEN} FROM number""",
    f"""{_POSTS}, tagged(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM tagged WHERE k < :each - 1)
    INSERT OR IGNORE INTO post_tag SELECT n, 1 + (n * 7919 + k * (n % 97 + 13) * 31) % :tags FROM number, tagged""",
    f"{_POSTS} INSERT INTO post_tag SELECT n, 10001 + (n * 31) % :artists FROM number",
    f"{_POSTS} INSERT INTO post_tag SELECT n, 30001 FROM number",
    f"{_POSTS} INSERT INTO post_tag SELECT n, 20001 + (n * 17) % :characters FROM number WHERE n % 3",
    f"{_POSTS} INSERT INTO post_tag SELECT n, 30000 FROM number WHERE n % 50 IN (0, 10, 20)",
    f"""{_POSTS} INSERT INTO decision (seq, version_id, target, value, decided_by, reason, score, threshold, model,
      model_hash, policy, decided_at)
    SELECT n, n, 'mona', iif(n % 10, 'delete', 'keep'), iif(n % 50 IN (0, 10, 20), 'tag', 'score'), '',
      iif(n % 10, (n % 977) / 2200.0, 0.6 + (n % 389) / 1000.0), 0.5, 'mona/1', 'hash', 'policy', {_WHEN}
    FROM number""",
    f"""{_POSTS} INSERT INTO label (seq, version_id, target, value, who, client_key, labelled_at)
    SELECT n, n, 'mona', iif(n % 200, 'keep', 'delete'), 'bench', n, {_WHEN} FROM number WHERE n % 100 = 0""",
    f"""{_POSTS} INSERT INTO standing (version_id, target, decision_seq) SELECT n, 'mona', n FROM number""",
    """UPDATE standing SET holds = decision.value, machine_score = decision.score FROM decision
    WHERE decision.seq = standing.decision_seq""",
    """UPDATE standing SET holds = label.value, label_seq = label.seq FROM label
    WHERE label.seq = standing.version_id""",
    """INSERT INTO model (target, number, hash, backbone_hash, threshold, facts, seen_at, registered_at, active)
    VALUES ('mona', 1, 'hash', 'network', 0.5, '{}', '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000', 1)""",
    """INSERT INTO listing (id, site, query, walk, newer_only, state, started_at)
    VALUES (1, 'bench', 'genshin_impact', 1, 0, 'complete', '2026-01-01 00:00:00.000000')""",
    f"{_POSTS} INSERT INTO listing_post (listing_id, post_id, post_key, walk) SELECT 1, n, n, 1 FROM number",
)
