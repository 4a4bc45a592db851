"""What each metatag of the search language means: a test of one post."""

from __future__ import annotations

import fnmatch
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from demo.accounts import Account
from demo.galleries.gallery import CATEGORY_NUMBERS, Gallery, GalleryPost
from demo.search.ranges import (
    FUZZ,
    age_reader,
    date_reader,
    day_around,
    hundredths,
    parse_range,
    read_duration,
    read_int,
    read_ratio,
    read_size,
    size_fuzz,
)

Predicate = Callable[[GalleryPost], bool]
Number = Callable[[GalleryPost], float | None]

FREE = frozenset(
    [
        "status",
        "rating",
        "limit",
        "is",
        "id",
        "date",
        "age",
        "filesize",
        "filetype",
        "parent",
        "child",
        "md5",
        "width",
        "height",
        "duration",
        "mpixels",
        "ratio",
        "score",
        "upvote",
        "downvotes",
        "favcount",
        "embedded",
        "tagcount",
        "pixiv_id",
        "pixiv",
    ]
)
COSTLY = frozenset(
    [
        "order",
        "random",
        "source",
        "has",
        "user",
        "approver",
        "pool",
        "ordpool",
        "fav",
        "ordfav",
        "favgroup",
        "search",
        "commentary",
        "note",
        "comment",
        "ai",
        "exif",
        "pixelhash",
        "unaliased",
        "disapproved",
        "reacted",
        "upvotes",
        "downvote",
        "gentags",
        "arttags",
        "copytags",
        "chartags",
        "metatags",
        "flagger",
        "appealer",
        "artcomm",
        "comm",
        "commentaryupdater",
        "commenter",
        "noter",
        "noteupdater",
        "ordfavgroup",
    ]
)
ROWS = (
    *("comment", "deleted_comment", "active_comment", "note", "deleted_note", "active_note", "flag", "child"),
    *("deleted_child", "active_child", "pool", "deleted_pool", "active_pool", "series_pool", "collection_pool"),
    *("appeal", "approval", "replacement", "disapproval"),
)  # rows about a post that can be counted: `flag_count:`, or `flags:`
MANY = {(f"{row}ren" if row.endswith("child") else f"{row}s"): f"{row}_count" for row in ROWS}
METATAGS = FREE | COSTLY | frozenset(MANY) | frozenset(MANY.values())
COUNTED = {
    "gentags": "general",
    "arttags": "artist",
    "copytags": "copyright",
    "chartags": "character",
    "metatags": "meta",
}
RATINGS = "gsqe"
FILE_TYPES = frozenset({"jpg", "png", "gif", "webp", "avif", "mp4", "webm", "swf", "zip"})


@dataclass(frozen=True, slots=True)
class Asker:
    """The account that searches, and the time."""

    gallery: Gallery
    account: Account
    now: float = field(default_factory=time.time)  # seconds since 1970


def canonical(name: str) -> str:
    """A metatag's own name: `comments:` is `comment_count:`."""
    return MANY.get(name, name)


def nothing(_post: GalleryPost) -> bool:
    """What an unreadable value matches."""
    return False


def meta_predicate(name: str, value: str, asker: Asker) -> Predicate:
    """The test behind `name:value`. An unreadable value matches nothing, as on the site."""
    build = PREDICATES.get(name)
    if build is None:
        return _numeric(name, value, asker)
    try:
        return build(value, asker)
    except ValueError:
        return nothing


def _numeric(name: str, value: str, asker: Asker) -> Predicate:
    try:
        if name in COUNTED:
            test = parse_range(value, read_int)
            category = CATEGORY_NUMBERS[COUNTED[name]]
            return lambda post: test(len(asker.gallery.by_category(post, category)))
        number, convert, fuzz = NUMBERS[name]
        test = parse_range(value, convert, fuzz=fuzz)
    except (KeyError, ValueError):
        return nothing
    return lambda post: test(number(post))


NUMBERS: dict[str, tuple[Number, Callable[[str], float], float]] = {
    "id": (lambda post: post.id, read_int, 0.0),
    "score": (lambda post: post.score, read_int, 0.0),
    "upvotes": (lambda post: post.up_score, read_int, 0.0),
    "downvotes": (lambda post: -post.down_score, read_int, 0.0),
    "favcount": (lambda post: post.fav_count, read_int, 0.0),
    "width": (lambda post: post.width, read_int, 0.0),
    "height": (lambda post: post.height, read_int, 0.0),
    "mpixels": (lambda post: post.width * post.height / 1e6, float, 0.05),
    "ratio": (lambda post: hundredths(post.width / max(1, post.height)), read_ratio, 0.0),
    "tagcount": (lambda post: len(post.tags), read_int, 0.0),
    "pixiv": (lambda post: post.pixiv_id, read_int, 0.0),
    "pixiv_id": (lambda post: post.pixiv_id, read_int, 0.0),
}


def _rating(value: str, _asker: Asker) -> Predicate:
    wanted = {part.strip()[:1] for part in value.split(",")}
    return lambda post: post.rating in wanted


def status_predicate(status: str) -> Predicate:
    """The test behind one word of `status:`."""
    tests: dict[str, Predicate] = {
        "pending": lambda post: post.is_pending,
        "flagged": lambda post: post.is_flagged,
        "appealed": nothing,
        "modqueue": lambda post: post.is_pending or post.is_flagged,
        "unmoderated": lambda post: post.is_pending or post.is_flagged,
        "deleted": lambda post: post.is_deleted,
        "banned": lambda post: post.is_banned,
        "active": lambda post: not (post.is_pending or post.is_flagged or post.is_deleted),
        "any": lambda post: True,
        "all": lambda post: True,
    }
    return tests.get(status, nothing)


def _status(value: str, _asker: Asker) -> Predicate:
    return status_predicate(value.lower())


def _is(value: str, asker: Asker) -> Predicate:
    word = value.lower()
    if word in ("sfw", "nsfw"):
        return lambda post: (post.rating in "gs") == (word == "sfw")
    if word in ("parent", "child"):
        family = {
            "parent": lambda post: bool(asker.gallery.children(post.id)),
            "child": lambda p: p.parent_id is not None,
        }
        return family[word]
    if word in FILE_TYPES:
        return lambda post: post.ext == word
    if word in ("general", "sensitive", "questionable", "explicit"):
        return lambda post: post.rating == word[0]
    return status_predicate(word)


def _filetype(value: str, _asker: Asker) -> Predicate:
    wanted = {part.strip() for part in value.split(",")}
    return lambda post: post.ext in wanted


def _md5(value: str, asker: Asker) -> Predicate:
    wanted = {part.strip() for part in value.split(",")}
    if not all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in wanted):
        return nothing
    files = asker.gallery.files
    return lambda post: post.picture in files and files[post.picture].md5 in wanted


def _pixelhash(value: str, asker: Asker) -> Predicate:
    files = asker.gallery.files
    return lambda post: post.picture in files and files[post.picture].pixel_hash == value


def _filesize(value: str, asker: Asker) -> Predicate:
    test = parse_range(value, read_size, fuzz=size_fuzz(value))
    files = asker.gallery.files
    return lambda post: post.picture in files and test(files[post.picture].size)


def _duration(value: str, asker: Asker) -> Predicate:
    test = parse_range(value, read_duration, fuzz=FUZZ)
    files = asker.gallery.files
    return lambda post: post.picture in files and test(files[post.picture].duration)


def _parent(value: str, asker: Asker) -> Predicate:
    if value in ("any", "none"):
        return lambda post: (post.parent_id is not None) == (value == "any")
    if value.isdecimal():
        number = int(value)
        return lambda post: number in (post.id, post.parent_id)
    posts, test = asker.gallery.posts, status_predicate(value)
    return lambda post: post.parent_id in posts and test(posts[post.parent_id]) if post.parent_id else False


def _child(value: str, asker: Asker) -> Predicate:
    children = asker.gallery.children
    if value in ("any", "none"):
        return lambda post: bool(children(post.id)) == (value == "any")
    test = status_predicate(value)
    return lambda post: any(test(child) for child in children(post.id))


def _date(value: str, asker: Asker) -> Predicate:
    zone = asker.account.time_zone
    test = parse_range(value, date_reader(zone), day=day_around(zone))
    return lambda post: test(post.created_at)


def _age(value: str, asker: Asker) -> Predicate:
    zone = asker.account.time_zone
    test = parse_range(value, age_reader(asker.now, zone), day=day_around(zone), ages=True)
    return lambda post: test(post.created_at)


def _source(value: str, _asker: Asker) -> Predicate:
    if value == "none":
        return lambda post: not post.source
    pattern = value.lower() if "*" in value else value.lower() + "*"
    return lambda post: bool(post.source) and fnmatch.fnmatchcase(post.source.lower(), pattern)


def _user(value: str, _asker: Asker) -> Predicate:
    match = re.fullmatch(r"demo_uploader_(\d+)", value)
    return nothing if match is None else lambda post: post.uploader_id == int(match[1])


def _unaliased(value: str, asker: Asker) -> Predicate:
    return lambda post: post.id in asker.gallery.holders(value)


def _ai(value: str, asker: Asker) -> Predicate:
    name, _, condition = value.partition(",")
    name = asker.gallery.resolve(name)
    if condition == "0":
        return lambda post: all(tag != name for tag, _ in post.ai_tags)
    test = parse_range(condition.removesuffix("%") or ">=50", read_int)
    return lambda post: any(tag == name and test(score) for tag, score in post.ai_tags)


def _always(_value: str, _asker: Asker) -> Predicate:
    return lambda post: True


PREDICATES: dict[str, Callable[[str, Asker], Predicate]] = {
    "rating": _rating,
    "status": _status,
    "is": _is,
    "filetype": _filetype,
    "md5": _md5,
    "pixelhash": _pixelhash,
    "filesize": _filesize,
    "duration": _duration,
    "parent": _parent,
    "child": _child,
    "date": _date,
    "age": _age,
    "source": _source,
    "user": _user,
    "unaliased": _unaliased,
    "ai": _ai,
    "order": _always,
    "random": _always,
    "limit": _always,
}
