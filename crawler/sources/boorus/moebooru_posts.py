"""A post of a Moebooru (yande.re, Konachan) as a record. Source: https://yande.re/help/api, and the sites' answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from crawler.sites import Site
from crawler.sources.json_fields import (
    EXTENSION,
    LARGEST_FILE,
    MD5,
    Raw,
    WrongField,
    absolute_url,
    checked_row,
    flag_of,
    integer_of,
    optional_id,
    rating_of,
    shown,
    side_of,
    source_of,
    tag_words,
)
from storage.records import ORIGINAL, FileVersion, Post, PostTags, Rendition, TagCategory

# Circles publish together; styles describe the picture, faults the file.
CATEGORIES: dict[str, TagCategory] = {
    "general": TagCategory.GENERAL,
    "style": TagCategory.GENERAL,
    "artist": TagCategory.ARTIST,
    "circle": TagCategory.ARTIST,
    "copyright": TagCategory.COPYRIGHT,
    "character": TagCategory.CHARACTER,
    "faults": TagCategory.META,
    "meta": TagCategory.META,
}
_LATEST = 2**40  # seconds since 1970


def moebooru_post(site: Site, raw: object, kinds: Mapping[str, str]) -> Post:
    """One row of `/post.json` as a record; a post without the address of its file is hidden from us.

    Args:
        site: where it comes from.
        raw: the row.
        kinds: each tag's category, in the site's words; a tag that is not among them counts as general.
    Raises:
        RowRefused: a field is missing, of the wrong type or out of range.
    """
    return checked_row(site, raw, lambda site, post_id, row: _post(site, post_id, row, kinds))


def _post(site: Site, post_id: int, raw: Raw, kinds: Mapping[str, str]) -> Post:
    width, height = side_of(raw, "width"), side_of(raw, "height")
    size = integer_of(raw, "file_size", least=1, most=LARGEST_FILE)
    url = absolute_url(site, raw["file_url"]) if raw.get("file_url") else ""
    ext = _extension(raw, url)
    file = _file(raw, url, FileVersion("", ext, size, width, height, url))
    created = _moment(raw, "created_at")
    status = raw.get("status")
    return Post(
        site=site.name,
        id=post_id,
        created_at=created,
        updated_at=created if raw.get("updated_at") is None else _moment(raw, "updated_at"),
        rating=rating_of(raw),
        tags=_tags(tag_words(raw, "tags"), kinds),
        file=file,
        renditions=() if file is None else (*_copies(site, raw, url), Rendition(ORIGINAL, url, width, height, ext)),
        hidden_reason=None if file else "restricted",
        score=integer_of(raw, "score", least=-(2**31), most=2**31, default=0),
        source=source_of(raw),
        uploader_id=optional_id(raw, "creator_id"),
        parent_id=optional_id(raw, "parent_id"),
        has_children=flag_of(raw, "has_children"),
        is_pending=status == "pending",
        is_flagged=status == "flagged",
        is_deleted=status == "deleted",
        width=width,
        height=height,
        ext=ext,
        size=size,
    )


def _file(raw: Raw, url: str, facts: FileVersion) -> FileVersion | None:
    if not url:
        return None
    md5 = raw.get("md5")
    if not isinstance(md5, str) or not MD5.fullmatch(md5):
        raise WrongField(f"md5 is {shown(md5)}")
    return FileVersion(md5, facts.ext, facts.size, facts.width, facts.height, url)


def _extension(raw: Raw, url: str) -> str:
    """The file's extension: stated by some sites, in the address at all of them; `jpeg` is what others call `jpg`."""
    stated = raw.get("file_ext") or urlsplit(url).path.rpartition(".")[2].lower()
    if not url and not stated:
        return ""
    if not isinstance(stated, str) or not EXTENSION.fullmatch(stated):
        raise WrongField(f"file_ext is {shown(stated)}")
    return "jpg" if stated == "jpeg" else stated


def _copies(site: Site, raw: Raw, original: str) -> list[Rendition]:
    """The preview, whose real size is stated apart, and the sample; of a small file that is the original itself."""
    found: list[Rendition] = []
    large = "actual_preview_width" in raw
    sides = ("actual_preview_width", "actual_preview_height") if large else ("preview_width", "preview_height")
    for name, key, (across, down) in (
        ("360x360" if large else "180x180", "preview_url", sides),
        ("sample", "sample_url", ("sample_width", "sample_height")),
    ):
        if raw.get(key):
            url = absolute_url(site, raw[key])
            if url != original:
                found.append(Rendition(name, url, side_of(raw, across), side_of(raw, down), _extension({}, url)))
    return found


def _tags(names: tuple[str, ...], kinds: Mapping[str, str]) -> PostTags:
    found: dict[str, list[str]] = {category: [] for category in TagCategory}
    for name in names:
        found[CATEGORIES.get(kinds.get(name, ""), TagCategory.GENERAL)].append(name)
    return PostTags(**{category: tuple(tags) for category, tags in found.items()})


def _moment(raw: Raw, key: str) -> datetime:
    """Seconds since 1970."""
    return datetime.fromtimestamp(integer_of(raw, key, least=0, most=_LATEST), UTC)
