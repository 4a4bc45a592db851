"""The view `results` with which galleries on Postgres began; a test compares it with what the program asks by."""

from __future__ import annotations

VIEW = """\
CREATE VIEW results AS
SELECT post.site AS site, post.post_id AS post_id, standing.target AS target, CASE WHEN (label.value = 'unsure') THEN 'undecided' ELSE coalesce(label.value, decision.value) END AS decision, CASE WHEN (label.seq IS NOT NULL) THEN 'label' ELSE decision.decided_by END AS decided_by, CASE WHEN (label.seq IS NOT NULL) THEN 'labelled ' || label.value || ' by ' || label.who ELSE decision.reason END AS reason, decision.score AS score, decision.threshold AS threshold, decision.model AS model, label.value AS label, coalesce((SELECT string_agg(anon_1.name, ' ') AS group_concat_1
FROM (SELECT tag_1.name AS name
FROM tag AS tag_1 JOIN post_tag AS post_tag_1 ON post_tag_1.tag_id = tag_1.id
WHERE post_tag_1.post_key = post.key ORDER BY tag_1.name) AS anon_1), '') AS tags, coalesce((SELECT string_agg(anon_2.name, ' ') AS group_concat_2
FROM (SELECT tag_2.name AS name
FROM tag AS tag_2 JOIN post_tag AS post_tag_2 ON post_tag_2.tag_id = tag_2.id
WHERE post_tag_2.post_key = post.key AND tag_2.category = 'character' ORDER BY tag_2.name) AS anon_2), '') AS tags_character, coalesce((SELECT string_agg(anon_3.name, ' ') AS group_concat_3
FROM (SELECT tag_3.name AS name
FROM tag AS tag_3 JOIN post_tag AS post_tag_3 ON post_tag_3.tag_id = tag_3.id
WHERE post_tag_3.post_key = post.key AND tag_3.category = 'copyright' ORDER BY tag_3.name) AS anon_3), '') AS tags_copyright, coalesce((SELECT string_agg(anon_4.name, ' ') AS group_concat_4
FROM (SELECT tag_4.name AS name
FROM tag AS tag_4 JOIN post_tag AS post_tag_4 ON post_tag_4.tag_id = tag_4.id
WHERE post_tag_4.post_key = post.key AND tag_4.category = 'artist' ORDER BY tag_4.name) AS anon_4), '') AS tags_artist, coalesce((SELECT string_agg(anon_5.name, ' ') AS group_concat_5
FROM (SELECT tag_5.name AS name
FROM tag AS tag_5 JOIN post_tag AS post_tag_5 ON post_tag_5.tag_id = tag_5.id
WHERE post_tag_5.post_key = post.key AND tag_5.category = 'general' ORDER BY tag_5.name) AS anon_5), '') AS tags_general, post.rating AS rating, post.score AS site_score, post.md5 AS md5, post.ext AS file_ext, post.width AS width, post.height AS height, post.size AS file_size, post.source AS source, to_char(post.created_at, 'YYYY-MM-DD HH24:MI:SS.US') AS created_at, coalesce(file.place, 'none') AS place, file.path AS path, (SELECT ai_tag.score
FROM ai_tag JOIN ai_name ON ai_name.id = ai_tag.name_id JOIN target ON target.tag = ai_name.name AND target.site = post.site
WHERE ai_tag.post_key = post.key AND target.name = standing.target) AS site_ai_score, to_char(CASE WHEN (label.seq IS NOT NULL) THEN label.labelled_at ELSE decision.decided_at END, 'YYYY-MM-DD HH24:MI:SS.US') AS decided_at, decision.run_id AS run_id
FROM post LEFT OUTER JOIN file_version ON file_version.post_key = post.key AND file_version.md5 = post.md5 LEFT OUTER JOIN standing ON standing.version_id = file_version.id LEFT OUTER JOIN decision ON decision.seq = standing.decision_seq LEFT OUTER JOIN label ON label.seq = standing.label_seq LEFT OUTER JOIN file ON file.id = standing.file_id
"""
