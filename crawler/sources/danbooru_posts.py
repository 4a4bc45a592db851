"""A site's JSON into records: parsed once, strictly; a row that makes no sense is refused with its reason."""

from __future__ import annotations

from crawler.sites import Site
from crawler.sources.json_fields import (
    LARGEST_FILE,
    LONGEST_TAG,
    MD5,
    Raw,
    WrongField,
    absolute_url,
    checked_row,
    duration_of,
    extension_of,
    flag_of,
    integer_of,
    optional_id,
    rating_of,
    shown,
    side_of,
    source_of,
    storable,
    tag_words,
    time_of,
)
from storage.records import ORIGINAL, RENDITION_NAMES, AiTag, FileVersion, Post, PostTags, Rating, Rendition

TAKEN_DOWN = 4  # of bit_flags


def post_from_json(site: Site, raw: object) -> Post:
    """One row of `/posts.json` as a record.

    A post without file fields is hidden and says why; one of an unsupported type keeps its extension as stated.

    Raises:
        RowRefused: a field is missing, of the wrong type or out of range.
    """
    return checked_row(site, raw, _post)


def _post(site: Site, post_id: int, raw: Raw) -> Post:
    asset = raw.get("media_asset")
    asset = asset if isinstance(asset, dict) else {}
    described = all(key in raw for key in _FILE_FACTS)
    width, height = (side_of(raw, "image_width"), side_of(raw, "image_height")) if described else (0, 0)
    ext, size = (extension_of(raw), integer_of(raw, "file_size", least=1, most=LARGEST_FILE)) if described else ("", 0)
    file = _file(site, raw, ext, (size, width, height)) if described else None
    return Post(
        site=site.name,
        id=post_id,
        created_at=time_of(raw, "created_at"),
        updated_at=time_of(raw, "updated_at"),
        rating=rating_of(raw),
        tags=PostTags(**{category: tag_words(raw, f"tag_string_{category}") for category in _CATEGORIES}),
        file=file,
        renditions=() if file is None else _renditions(site, asset, file),
        hidden_reason=None if file else _hidden_reason(site, raw, described=described),
        ai_tags=_ai_tags(raw),
        score=integer_of(raw, "score", least=-(2**31), most=2**31, default=0),
        fav_count=integer_of(raw, "fav_count", least=0, most=2**31, default=0),
        source=source_of(raw),
        uploader_id=optional_id(raw, "uploader_id"),
        parent_id=optional_id(raw, "parent_id"),
        has_children=flag_of(raw, "has_children"),
        is_pending=flag_of(raw, "is_pending"),
        is_flagged=flag_of(raw, "is_flagged"),
        is_deleted=flag_of(raw, "is_deleted"),
        is_banned=flag_of(raw, "is_banned"),
        pixel_hash=_pixel_hash(asset),
        duration_s=duration_of(asset),
        width=width,
        height=height,
        ext=ext,
        size=size,
    )


# A row that leaves these out describes no file that could be verified; it is kept as hidden, with nothing guessed.
_FILE_FACTS = ("image_width", "image_height", "file_ext", "file_size")
_CATEGORIES = ("general", "artist", "copyright", "character", "meta")


def _file(site: Site, raw: Raw, ext: str, facts: tuple[int, int, int]) -> FileVersion | None:
    """The file, or None when the site hides it: it then leaves the keys out."""
    url, md5 = raw.get("file_url"), raw.get("md5")
    if url is None or md5 is None or url == "":
        return None
    if not isinstance(md5, str) or not MD5.fullmatch(md5):
        raise WrongField(f"md5 is {shown(md5)}")
    size, width, height = facts
    return FileVersion(md5=md5, ext=ext, size=size, width=width, height=height, url=absolute_url(site, url))


def _renditions(site: Site, asset: Raw, file: FileVersion) -> tuple[Rendition, ...]:
    """The copies that the site names, smallest first; what it says of the original is replaced by what we know."""
    found = []
    variants = asset.get("variants")
    for variant in variants if isinstance(variants, list) else ():
        if not isinstance(variant, dict) or variant.get("type") not in RENDITION_NAMES or variant["type"] == ORIGINAL:
            continue
        url = variant.get("url")
        if isinstance(url, str) and url:
            width, height = side_of(variant, "width"), side_of(variant, "height")
            found.append(Rendition(variant["type"], absolute_url(site, url), width, height, extension_of(variant)))
    found.sort(key=lambda rendition: rendition.width * rendition.height)
    return (*found, Rendition(ORIGINAL, file.url, file.width, file.height, file.ext))


def _hidden_reason(site: Site, raw: Raw, *, described: bool) -> str:
    if not described:
        return "unknown"
    if flag_of(raw, "is_banned"):
        return "banned"
    flags = raw.get("bit_flags")
    if type(flags) is int and flags & TAKEN_DOWN:
        return "takedown"
    if site.safe_mode and raw.get("rating") != Rating.GENERAL:
        return "safe_mode"
    return "restricted"


def _ai_tags(raw: Raw) -> tuple[AiTag, ...] | None:
    rows = raw.get("ai_tags")
    if not isinstance(rows, list):
        return None
    found = []
    for row in rows:
        tag = row.get("tag") if isinstance(row, dict) else None
        name, score = (tag.get("name"), row.get("score")) if isinstance(tag, dict) else (None, None)
        if isinstance(name, str) and 0 < len(name) <= LONGEST_TAG and type(score) is int and 0 <= score <= 100:
            found.append(AiTag(storable(name), score))
    return tuple(found)


def _pixel_hash(asset: Raw) -> str | None:
    text = asset.get("pixel_hash")
    return text if isinstance(text, str) and MD5.fullmatch(text) else None
