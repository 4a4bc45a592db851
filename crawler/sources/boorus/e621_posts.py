"""A post of e621 as a record. Source: https://e621.net/help/api, and the answers of the site's open-source software."""

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
    time_of,
)
from storage.records import ORIGINAL, FileVersion, Post, PostTags, Rendition, TagCategory

# e621 has categories that Danbooru lacks; species and lore describe the picture, contributors are people behind it.
CATEGORIES: dict[str, TagCategory] = {
    "general": TagCategory.GENERAL,
    "species": TagCategory.GENERAL,
    "lore": TagCategory.GENERAL,
    "artist": TagCategory.ARTIST,
    "contributor": TagCategory.ARTIST,
    "copyright": TagCategory.COPYRIGHT,
    "character": TagCategory.CHARACTER,
    "meta": TagCategory.META,
    "invalid": TagCategory.META,
}
_COPIES = (("preview", "180x180"), ("sample", "sample"))  # e621's names, and the rendition each is nearest to


def e621_post(site: Site, raw: object) -> Post:
    """One row of `/posts.json` as a record; a post whose file has no address is hidden from us.

    Raises:
        RowRefused: a field is missing, of the wrong type or out of range.
    """
    return checked_row(site, raw, _post)


def _post(site: Site, post_id: int, raw: Raw) -> Post:
    facts = _table(raw, "file")
    width, height, ext = side_of(facts, "width"), side_of(facts, "height"), extension_of(facts, "ext")
    size = integer_of(facts, "size", least=1, most=LARGEST_FILE)
    flags, relations = _table(raw, "flags"), _table(raw, "relationships")
    file = _file(site, facts, (size, width, height), ext)
    created = time_of(raw, "created_at")
    return Post(
        site=site.name,
        id=post_id,
        created_at=created,
        updated_at=created if raw.get("updated_at") is None else time_of(raw, "updated_at"),
        rating=rating_of(raw),
        tags=_tags(_table(raw, "tags")),
        file=file,
        renditions=() if file is None else (*_copies(site, raw), _original(file)),
        hidden_reason=None if file else "restricted",
        score=integer_of(_table(raw, "score"), "total", least=-(2**31), most=2**31, default=0),
        fav_count=integer_of(raw, "fav_count", least=0, most=2**31, default=0),
        source=_first_source(raw),
        uploader_id=optional_id(raw, "uploader_id"),
        parent_id=optional_id(relations, "parent_id"),
        has_children=flag_of(relations, "has_children"),
        is_pending=flag_of(flags, "pending"),
        is_flagged=flag_of(flags, "flagged"),
        is_deleted=flag_of(flags, "deleted"),
        duration_s=duration_of(raw),
        width=width,
        height=height,
        ext=ext,
        size=size,
    )


def _file(site: Site, facts: Raw, sizes: tuple[int, int, int], ext: str) -> FileVersion | None:
    """The file, or None where the site keeps its address from us: nothing is guessed from the md5."""
    url, md5 = facts.get("url"), facts.get("md5")
    if url is None:
        return None
    if not isinstance(md5, str) or not MD5.fullmatch(md5):
        raise WrongField(f"md5 is {shown(md5)}")
    size, width, height = sizes
    return FileVersion(md5=md5, ext=ext, size=size, width=width, height=height, url=absolute_url(site, url))


def _copies(site: Site, raw: Raw) -> list[Rendition]:
    found = []
    for theirs, ours in _COPIES:
        copy = _table(raw, theirs)
        url = copy.get("url")
        if isinstance(url, str) and url and copy.get("has", True) is True:
            address = absolute_url(site, url)
            ext = address.rpartition(".")[2].lower()
            found.append(Rendition(ours, address, side_of(copy, "width"), side_of(copy, "height"), ext))
    return found


def _original(file: FileVersion) -> Rendition:
    return Rendition(ORIGINAL, file.url, file.width, file.height, file.ext)


def _tags(by_category: Raw) -> PostTags:
    found: dict[str, set[str]] = {category: set() for category in TagCategory}
    for name, tags in by_category.items():
        if not isinstance(tags, list) or not all(isinstance(tag, str) and 0 < len(tag) <= LONGEST_TAG for tag in tags):
            raise WrongField(f"tags of {shown(name)} are {shown(tags)}")
        found[CATEGORIES.get(name, TagCategory.GENERAL)].update(map(storable, tags))
    return PostTags(**{category: tuple(sorted(tags)) for category, tags in found.items()})


def _first_source(raw: Raw) -> str:
    """The first of the sources that is not marked as dead by a minus."""
    sources = raw.get("sources")
    listed = sources if isinstance(sources, list) else []
    alive = [one for one in listed if isinstance(one, str) and not one.startswith("-")]
    return source_of({"source": alive[0] if alive else ""})


def _table(raw: Raw, key: str) -> Raw:
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WrongField(f"{key} is {shown(value)}")
    return value
