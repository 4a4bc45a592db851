"""A post as the API states it: every key, hidden where the viewer may not see the picture."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from demo.accounts import APPROVER, GOLD, MODERATOR, Account
from demo.galleries.gallery import CATEGORY_NAMES, CATEGORY_NUMBERS, Gallery, GalleryPost, GalleryTag
from demo.galleries.variants import SAMPLE_WIDTH, STILL_FORMATS, variants_of
from demo.http.only import Association, Fields, select
from demo.paint.file_facts import FileFacts
from demo.search.ranges import iso_time

TAKEN_DOWN = 4  # bit of bit_flags
NO_LARGE = frozenset({"animated_gif", "animated_png"})


@dataclass(frozen=True, slots=True)
class View:
    """Who views the gallery, and under which address."""

    gallery: Gallery
    account: Account
    files_at: str  # origin of the file host, without a slash at the end
    safe_mode: bool = False

    def time(self, seconds: float) -> str:
        """A moment as this viewer reads it."""
        return iso_time(seconds, self.account.time_zone)


def may_see(view: View, post: GalleryPost) -> bool:
    """Whether the file fields of a post are shown to this viewer."""
    level = view.account.level
    if view.safe_mode and post.rating != "g":
        return False
    if post.bit_flags & TAKEN_DOWN and level < MODERATOR:
        return False
    if post.is_banned and level < APPROVER:
        return False
    if not view.gallery.restricted_tags.isdisjoint(post.tags):
        return level >= GOLD or (view.account.id is not None and view.account.id == post.uploader_id)
    return True


def post_object(view: View, post: GalleryPost, fields: Fields | None = None) -> dict[str, Any]:
    """One post, whole or cut down to `only=`'s fields.

    Raises:
        KeyError: its file is not painted yet.
    """
    if fields is None:
        return _whole(view, post)
    wants_file = any(name in _FILE_FIELDS for name in fields)
    record = _whole(view, post) if wants_file else _columns(view, post) | _tag_strings(view, post) | _flags(view, post)
    return select(record, fields, _associations(view, post))


_FILE_FIELDS = frozenset(
    {"md5", "file_size", "file_url", "large_file_url", "preview_file_url", "has_large", "media_asset"}
)  # fmt: skip


def needs_files(fields: Fields | None) -> bool:
    """Whether an answer with these fields needs the pictures to be painted."""
    return fields is None or any(name in _FILE_FIELDS or name in ("children", "parent") for name in fields)


def _columns(view: View, post: GalleryPost) -> dict[str, Any]:
    by_category = _by_category(view.gallery, post)
    counts = {name: len(names) for name, names in by_category.items()}
    return {
        "id": post.id,
        "created_at": view.time(post.created_at),
        "uploader_id": post.uploader_id,
        "score": post.score,
        "source": post.source,
        "last_comment_bumped_at": None,
        "rating": post.rating,
        "image_width": post.width,
        "image_height": post.height,
        "tag_string": " ".join(post.tags),
        "fav_count": post.fav_count,
        "file_ext": post.ext,
        "last_noted_at": None,
        "parent_id": post.parent_id,
        "approver_id": post.approver_id,
        "tag_count_general": counts["general"],
        "tag_count_artist": counts["artist"],
        "tag_count_character": counts["character"],
        "tag_count_copyright": counts["copyright"],
        "up_score": post.up_score,
        "down_score": post.down_score,
        "is_pending": post.is_pending,
        "is_flagged": post.is_flagged,
        "is_deleted": post.is_deleted,
        "tag_count": len(post.tags),
        "updated_at": view.time(post.updated_at),
        "is_banned": post.is_banned,
        "pixiv_id": post.pixiv_id,
        "last_commented_at": None,
        "bit_flags": post.bit_flags,
        "tag_count_meta": counts["meta"],
    }


def _by_category(gallery: Gallery, post: GalleryPost) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {name: [] for name in CATEGORY_NUMBERS}
    for tag in post.tags:
        names[CATEGORY_NAMES[gallery.tags[tag].category]].append(tag)
    return names


def _tag_strings(view: View, post: GalleryPost) -> dict[str, Any]:
    names = _by_category(view.gallery, post)
    order = ("general", "character", "copyright", "artist", "meta")
    return {f"tag_string_{name}": " ".join(names[name]) for name in order}


def _flags(view: View, post: GalleryPost) -> dict[str, Any]:
    children = view.gallery.children(post.id)
    active = any(not child.is_deleted for child in children)
    return {"has_children": bool(children), "has_active_children": active, "has_visible_children": active}


def _whole(view: View, post: GalleryPost) -> dict[str, Any]:
    facts = view.gallery.file_of(post)
    record = _columns(view, post) | _flags(view, post)
    record |= {"file_size": facts.size, "has_large": has_large(post, facts)}
    record |= {"media_asset": media_asset(view, post, facts)} | _tag_strings(view, post)
    if may_see(view, post):
        by_name = {variant.name: variant for variant in variants_of(facts)}
        large = by_name.get("sample", by_name["original"])
        preview = by_name["180x180"].path(facts.md5) if "180x180" in by_name else "/images/flash-preview.png"
        record |= {
            "md5": facts.md5,
            "file_url": view.files_at + by_name["original"].path(facts.md5),
            "large_file_url": view.files_at + large.path(facts.md5),
            "preview_file_url": view.files_at + preview,
        }
    return record


def has_large(post: GalleryPost, facts: FileFacts) -> bool:
    """The site's flag; may be true where no sample exists."""
    if not NO_LARGE.isdisjoint(post.tags):
        return False
    return facts.ext == "zip" or (facts.ext in STILL_FORMATS and facts.width > SAMPLE_WIDTH)


def media_asset(view: View, post: GalleryPost, facts: FileFacts) -> dict[str, Any]:
    """The asset behind a post, without md5, key and variants where the viewer may not see it."""
    asset: dict[str, Any] = {
        "id": asset_id(post),
        "created_at": view.time(post.created_at),
        "updated_at": view.time(post.created_at),
        "file_ext": facts.ext,
        "file_size": facts.size,
        "image_width": facts.width,
        "image_height": facts.height,
        "duration": facts.duration,
        "status": "active",
        "is_public": True,
        "pixel_hash": facts.pixel_hash,
    }
    if may_see(view, post):
        asset["md5"] = facts.md5
        asset["file_key"] = hashlib.sha256(facts.md5.encode()).hexdigest()[:9]
        asset["variants"] = [
            {
                "type": variant.name,
                "url": view.files_at + variant.path(facts.md5),
                "width": variant.width,
                "height": variant.height,
                "file_ext": variant.ext,
            }
            for variant in variants_of(facts)
        ]
    return asset


def asset_id(post: GalleryPost) -> int:
    """Assets are numbered on their own, as on the real site."""
    return post.id + 1_000_000


def tag_object(view: View, tag: GalleryTag) -> dict[str, Any]:
    """One tag."""
    return {
        "id": tag.id,
        "name": tag.name,
        "post_count": view.gallery.post_count(tag.name),
        "category": tag.category,
        "created_at": view.time(tag.created_at),
        "updated_at": view.time(tag.created_at),
        "is_deprecated": tag.is_deprecated,
        "words": list(_words(tag.name)),
    }


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[^a-z0-9']+", name) if word)


def ai_tag_objects(view: View, post: GalleryPost, fields: Fields | None) -> list[dict[str, Any]]:
    """What the site's own tagger says of a post."""
    rows = []
    for name, score in post.ai_tags:
        tag = view.gallery.tags[name]
        associations: dict[str, Association] = {
            "tag": partial(select, tag_object(view, tag), associations={}),
            "post": lambda inner: post_object(view, post, inner),
        }
        rows.append(select({"media_asset_id": asset_id(post), "tag_id": tag.id, "score": score}, fields, associations))
    return rows


def _metadata(view: View, post: GalleryPost, fields: Fields | None) -> dict[str, Any]:
    facts = view.gallery.file_of(post)
    metadata: dict[str, Any] = {"File:FileType": facts.ext.upper(), "File:ImageWidth": facts.width}
    if facts.delays:
        metadata |= {
            "Ugoira:FrameDelays": list(facts.delays),
            "Ugoira:FrameCount": len(facts.delays),
            "Ugoira:FrameMimeType": "image/jpeg",
            "Ugoira:FrameRate": round(1000 * len(facts.delays) / sum(facts.delays), 2),
        }
    record = {
        "id": asset_id(post),
        "created_at": view.time(post.created_at),
        "updated_at": view.time(post.created_at),
        "media_asset_id": asset_id(post),
        "metadata": metadata,
    }
    return select(record, fields, {})


def _associations(view: View, post: GalleryPost) -> dict[str, Association]:
    def asset(inner: Fields | None) -> dict[str, Any]:
        record = media_asset(view, post, view.gallery.file_of(post))
        nested: dict[str, Association] = {
            "ai_tags": lambda fields: ai_tag_objects(view, post, fields),
            "media_metadata": lambda fields: _metadata(view, post, fields),
        }
        return select(record, inner, nested)

    def parent(inner: Fields | None) -> dict[str, Any] | None:
        parent = view.gallery.posts.get(post.parent_id) if post.parent_id is not None else None
        return None if parent is None else post_object(view, parent, inner)

    def uploader(inner: Fields | None) -> dict[str, Any]:
        return select({"id": post.uploader_id, "name": f"demo_uploader_{post.uploader_id}", "level": 20}, inner, {})

    return {
        "media_asset": asset,
        "ai_tags": lambda inner: ai_tag_objects(view, post, inner),
        "media_metadata": lambda inner: _metadata(view, post, inner),
        "parent": parent,
        "children": lambda inner: [post_object(view, child, inner) for child in view.gallery.children(post.id)],
        "uploader": uploader,
        "artist_commentary": lambda inner: None,
        **dict.fromkeys(("flags", "appeals", "events", "notes", "comments", "approvals", "disapprovals"), _empty),
        **dict.fromkeys(("replacements", "dtext_links", "embedding_wiki_pages"), _empty),
    }


def _empty(_inner: Fields | None) -> list[Any]:
    return []
