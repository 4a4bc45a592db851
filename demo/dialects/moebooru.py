"""Moebooru's API (yande.re, Konachan): numbered pages, or ids in the search; times in seconds; three ratings."""

from __future__ import annotations

import re
from typing import Any

from demo.api.post_json import View, may_see
from demo.api.posts import PostAnswers
from demo.dialects.pieces import Searches, by_count, category_lists, copies_of, safe_rating, tags_like
from demo.errors import SiteRefusal
from demo.galleries.gallery import CATEGORY_NAMES, GalleryPost
from demo.http.messages import Request, Response, json_response
from demo.http.pagination import read_limit

MOST_POSTS = 100
MOST_TERMS = 6
PER_PAGE = 40


class Moebooru:
    """Answers as a Moebooru does."""

    def __init__(self, posts: PostAnswers) -> None:
        self._searches = Searches(posts)
        self._gallery = posts.gallery

    def answer(self, name: str, request: Request, view: View) -> Any:
        """The answer to a request.

        Raises:
            SiteRefusal: 404 for what there is not.
        """
        if name == "post":
            return self._index(request, view)
        if name == "tag":
            return json_response(self._tags(request))
        raise SiteRefusal(404, "ActionController::RoutingError", "")

    async def _index(self, request: Request, view: View) -> Response:
        params = request.params
        limit = read_limit(params.get("limit"), PER_PAGE, MOST_POSTS)
        number = max(1, int(params["page"]) if params.get("page", "").isdecimal() else 1)
        words = params.get("tags", "").replace("order:change_desc", "order:change")
        deleted, words = "deleted:true" in words.split(), words.replace("deleted:true", "")
        found = await self._searches.ids(_heeded(words), view, most_terms=MOST_TERMS)
        ids = [post_id for post_id in found if self._gallery.posts[post_id].is_deleted is deleted]
        posts = await self._searches.painted(ids[(number - 1) * limit : number * limit])
        rows = [self._post(post, view) for post in posts]
        if params.get("api_version") != "2":
            return json_response(rows)
        content: dict[str, Any] = {"posts": rows}
        if params.get("include_tags") == "1":
            names = {tag for post in posts for tag in post.tags}
            content["tags"] = {name: CATEGORY_NAMES[self._gallery.tags[name].category] for name in sorted(names)}
        return json_response(content)

    def _post(self, post: GalleryPost, view: View) -> dict[str, Any]:
        facts = self._gallery.file_of(post)
        copies = copies_of(facts, view.files_at)
        original = copies["original"]
        preview, sample = copies.get("360x360", original), copies.get("sample", original)
        row = {
            "id": post.id,
            "tags": " ".join(tag for tags in category_lists(self._gallery, post).values() for tag in tags),
            "created_at": int(post.created_at),
            "updated_at": int(post.updated_at),
            "creator_id": post.uploader_id,
            "approver_id": post.approver_id,
            "author": f"demo_uploader_{post.uploader_id}",
            "change": int(post.updated_at),
            "source": post.source,
            "score": post.score,
            "md5": facts.md5,
            "file_size": facts.size,
            "file_ext": facts.ext,
            "is_shown_in_index": True,
            "preview_url": preview["url"],
            "preview_width": max(1, preview["width"] // 2),
            "preview_height": max(1, preview["height"] // 2),
            "actual_preview_width": preview["width"],
            "actual_preview_height": preview["height"],
            "rating": safe_rating(post.rating),
            "has_children": bool(self._gallery.children(post.id)),
            "parent_id": post.parent_id,
            "status": _status(post),
            "width": facts.width,
            "height": facts.height,
            "is_held": False,
        }
        if may_see(view, post) and not post.is_deleted:
            row |= {"file_url": original["url"], "sample_url": sample["url"]}
            row |= {"sample_width": sample["width"], "sample_height": sample["height"]}
        return row

    def _tags(self, request: Request) -> list[dict[str, Any]]:
        name = request.params.get("name", "")
        tags = tags_like(self._gallery, name if "*" in name else f"*{name}*")
        if request.params.get("order") == "count":
            tags = by_count(self._gallery, tags)
        limit = read_limit(request.params.get("limit"), 50, 1000)
        return [
            {
                "id": tag.id,
                "name": tag.name,
                "count": self._gallery.post_count(tag.name),
                "type": tag.category if tag.category in (0, 1, 3, 4) else 6,
                "ambiguous": False,
            }
            for tag in tags[:limit]
        ]


def _status(post: GalleryPost) -> str:
    kinds = {"deleted": post.is_deleted, "pending": post.is_pending, "flagged": post.is_flagged}
    return next((name for name, holds in kinds.items() if holds), "active")


def _heeded(words: str) -> str:
    """The search as the site reads it: of several `id:`, the last one counts."""
    numbers = re.findall(r"(?:^|\s)(id:\S+)", words)
    return " ".join(word for word in words.split() if word not in numbers[:-1])
