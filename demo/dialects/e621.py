"""e621's API: posts in parts, objects instead of empty lists, no counts, and a user agent that names its program."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from demo.api.post_json import View, may_see
from demo.api.posts import PostAnswers
from demo.dialects.pieces import Searches, category_lists, copies_of, safe_rating, tags_like, tags_near
from demo.errors import SiteRefusal, not_found
from demo.galleries.gallery import GalleryPost, GalleryTag, TagLink
from demo.http.messages import Request, Response, json_response
from demo.http.pagination import read_limit, read_page, slice_ids

MOST_POSTS = 320
PER_PAGE = 75
LEAST_TO_COMPLETE = 3  # characters
NUMBERS = {0: 0, 1: 1, 3: 3, 4: 4, 5: 7}  # the gallery's categories in e621's numbers
BROWSERS = re.compile(r"Mozilla/|^$|python", re.IGNORECASE)


class E621:
    """Answers as e621 does."""

    def __init__(self, posts: PostAnswers) -> None:
        self._searches = Searches(posts)
        self._gallery = posts.gallery
        self._lists: dict[str, Callable[[dict[str, str], View], list[dict[str, Any]]]] = {
            "tags": self._tags,
            "tags/autocomplete": self._completions,
            "tag_aliases": lambda search, view: self._links(self._gallery.aliases.values(), search),
            "tag_implications": lambda search, view: self._links(self._gallery.implications, search),
            "wiki_pages": self._wiki_pages,
        }

    def answer(self, name: str, request: Request, view: View) -> Any:
        """The answer to a request.

        Raises:
            SiteRefusal: 403 for a program that does not name itself; 404 for what there is not.
        """
        if BROWSERS.match(request.headers.get("user-agent", "")):
            raise SiteRefusal(403, "AccessDenied", "A descriptive User-Agent is required")
        if name == "posts":
            return self._index(request, view)
        if match := re.fullmatch(r"posts/(\d+)", name):
            return self._show(int(match[1]), view)
        if name in self._lists:
            rows = self._lists[name](request.search, view)[: read_limit(request.params.get("limit"), 75, MOST_POSTS)]
            return json_response(rows or {name.partition("/")[0]: []})
        raise not_found("not found")

    async def _index(self, request: Request, view: View) -> Response:
        words = request.params.get("tags", "")
        search = re.sub(r"\bstatus:any\b", "", words)
        limit = read_limit(request.params.get("limit"), PER_PAGE, MOST_POSTS)
        ids = await self._searches.ids(search, view, most_terms=40)
        page = read_page(request.params.get("page"), limit, view.account)
        shown = [post_id for post_id in ids if "status:" in words or not self._gallery.posts[post_id].is_deleted]
        posts = await self._searches.painted(slice_ids(shown, page))
        return json_response({"posts": [self._post(post, view) for post in posts]})

    async def _show(self, post_id: int, view: View) -> Response:
        posts = await self._searches.painted([post_id])
        if not posts:
            raise not_found("not found")
        return json_response({"post": self._post(posts[0], view)})

    def _post(self, post: GalleryPost, view: View) -> dict[str, Any]:
        facts = self._gallery.file_of(post)
        seen = may_see(view, post)
        copies = copies_of(facts, view.files_at)
        preview, sample = copies.get("180x180"), copies.get("sample")
        lists = category_lists(self._gallery, post)
        return {
            "id": post.id,
            "created_at": view.time(post.created_at),
            "updated_at": view.time(post.updated_at),
            "file": {
                "width": facts.width,
                "height": facts.height,
                "ext": facts.ext,
                "size": facts.size,
                "md5": facts.md5,
                "url": copies["original"]["url"] if seen else None,
            },
            "preview": preview if seen and preview else {"width": 0, "height": 0, "url": None},
            "sample": {"has": bool(sample), **(sample if seen and sample else {"width": 0, "height": 0, "url": None})},
            "score": {"up": post.up_score, "down": post.down_score, "total": post.score},
            "tags": {**lists, "contributor": [], "species": [], "invalid": [], "lore": []},
            "locked_tags": [],
            "change_seq": int(post.updated_at),
            "flags": {"pending": post.is_pending, "flagged": post.is_flagged, "deleted": post.is_deleted},
            "rating": safe_rating(post.rating),
            "fav_count": post.fav_count,
            "sources": [post.source] if post.source else [],
            "pools": [],
            "relationships": {
                "parent_id": post.parent_id,
                "has_children": bool(self._gallery.children(post.id)),
                "children": [child.id for child in self._gallery.children(post.id)],
            },
            "approver_id": post.approver_id,
            "uploader_id": post.uploader_id,
            "description": "",
            "comment_count": 0,
            "is_favorited": False,
            "has_notes": False,
            "duration": facts.duration,
        }

    # --- tags ------------------------------------------------------------------------------------------------------

    def _tag(self, tag: GalleryTag, view: View) -> dict[str, Any]:
        return {
            "id": tag.id,
            "name": tag.name,
            "post_count": self._gallery.post_count(tag.name),
            "category": NUMBERS[tag.category],
            "is_locked": False,
            "created_at": view.time(tag.created_at),
        }

    def _tags(self, search: dict[str, str], view: View) -> list[dict[str, Any]]:
        gallery = self._gallery
        if "name" in search:
            tags = [gallery.tags[name] for name in search["name"].split(",") if name in gallery.tags]
        elif "fuzzy_name_matches" in search:
            tags = tags_near(gallery, search["fuzzy_name_matches"])
        else:
            tags = tags_like(gallery, search.get("name_matches", "*"))
        number = search.get("category")
        return [self._tag(tag, view) for tag in tags if number is None or str(NUMBERS[tag.category]) == number]

    def _completions(self, search: dict[str, str], view: View) -> list[dict[str, Any]]:
        word = search.get("name_matches", "")
        if len(word) < LEAST_TO_COMPLETE:
            return []
        names = {tag.name: None for tag in tags_like(self._gallery, f"{word}*") if self._gallery.post_count(tag.name)}
        former = {
            link.consequent: link.antecedent
            for link in self._gallery.aliases.values()
            if link.status == "active" and link.antecedent.startswith(word) and link.consequent in self._gallery.tags
        }
        rows = [(name, former.get(name)) for name in {**former, **names}]
        return [self._tag(self._gallery.tags[name], view) | {"antecedent_name": alias} for name, alias in rows[:10]]

    def _links(self, links: Iterable[TagLink], search: dict[str, str]) -> list[dict[str, Any]]:
        status = search.get("status", "active").lower()
        return [
            {"id": link.id, "antecedent_name": link.antecedent, "consequent_name": link.consequent, "status": status}
            for link in links
            if link.status == status
            and search.get("antecedent_name", link.antecedent) == link.antecedent
            and search.get("consequent_name", link.consequent) == link.consequent
        ]

    def _wiki_pages(self, search: dict[str, str], view: View) -> list[dict[str, Any]]:
        name = search.get("other_names_match", "")
        pages = [page for page in self._gallery.wiki.values() if name in page.other_names]
        return [{"title": page.title, "body": page.body, "other_names": list(page.other_names)} for page in pages]
