"""The names that make a metatag of a word with a colon: the site's own, and ours.

A word before a colon that is none of these makes a tag, as in `re:zero`; no tag of the site may begin with a metatag.
"""

from __future__ import annotations

import difflib
import re

from storage.errors import QueryError

FREE_METATAGS = frozenset((
    "status", "rating", "limit", "is", "id", "date", "age", "filesize", "filetype", "parent", "child", "md5",
    "width", "height", "duration", "mpixels", "ratio", "score", "upvote", "downvotes", "favcount", "embedded",
    "tagcount", "pixiv_id", "pixiv",
))  # fmt: skip
COUNTS_OF_ROWS = frozenset((
    "comment_count", "deleted_comment_count", "active_comment_count",
    "note_count", "deleted_note_count", "active_note_count",
    "flag_count", "child_count", "deleted_child_count", "active_child_count",
    "pool_count", "deleted_pool_count", "active_pool_count", "series_pool_count", "collection_pool_count",
    "appeal_count", "approval_count", "replacement_count", "disapproval_count",
))  # fmt: skip
CATEGORY_COUNTS = frozenset(("gentags", "arttags", "copytags", "chartags", "metatags"))
COUNTED_METATAGS = COUNTS_OF_ROWS | CATEGORY_COUNTS | frozenset((
    "order", "random", "source", "has", "user", "approver", "pool", "ordpool", "fav", "ordfav", "favgroup",
    "ordfavgroup", "search", "commentary", "note", "noter", "noteupdater", "comment", "commenter", "comm", "ai",
    "exif", "pixelhash", "unaliased", "disapproved", "reacted", "upvotes", "downvote", "appealer", "flagger",
    "artcomm", "commentaryupdater",
))  # fmt: skip
ORDERING_METATAGS = frozenset(("order", "ordpool", "ordfav", "ordfavgroup", "random", "limit"))  # more than conditions
LOCAL_METATAGS = frozenset(
    ("decision", "label", "p", "model", "target", "place", "round", "error", "seen", "same", "site")
)


def _plural(name: str) -> str:
    word = name.removesuffix("_count")
    return f"{word}ren" if word.endswith("child") else f"{word}s"


SYNONYMS = {_plural(name): name for name in COUNTS_OF_ROWS}  # `comments:` is `comment_count:`
METATAGS = FREE_METATAGS | COUNTED_METATAGS | LOCAL_METATAGS | frozenset(SYNONYMS)

_LIKE_A_METATAG = re.compile(r"([a-z][a-z_0-9]+):.*")  # one letter before the colon is a face, as in `d:`
_MEANT = {"post": "id", "post_id": "id"}  # what people say elsewhere
_ALIKE = 0.6  # 0..1, from which a name may be meant


def name_before_colon(tag: str) -> str | None:
    """The part of a tag that looks like a metatag's name: `foo` of `foo:bar`; None where nothing does."""
    match = _LIKE_A_METATAG.fullmatch(tag)
    return match[1] if match else None


def no_metatag(term: str, who: str) -> QueryError:
    """What is wrong with a term that looks like a metatag.

    Args:
        term: as typed, with a colon.
        who: whose posts were looked at, as in `no post here`.
    """
    name, _, rest = term.partition(":")
    meant = _MEANT.get(name)
    near = meant or difflib.get_close_matches(name, sorted(METATAGS), n=1, cutoff=0)[0]
    alike = meant is not None or difflib.SequenceMatcher(None, near, name).ratio() >= _ALIKE
    problem = f"there is no metatag {name}:, and {who} has a tag of this name"
    return QueryError(
        term, problem if alike else f"{problem}; the nearest is {near}:", f"{near}:{rest}" if alike else None
    )
