"""Gelbooru's API in JSON, which wants a key, and that of the many sites with its software 0.2, in XML."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from demo.api.post_json import View, may_see
from demo.api.posts import PostAnswers
from demo.dialects.pieces import Searches, copies_of, tags_like
from demo.errors import SiteRefusal
from demo.galleries.gallery import GalleryPost, GalleryTag
from demo.http.messages import Request, Response, json_response
from demo.http.pagination import read_limit

MOST_ROWS = 100
MOST_POSTS_DEEP = 20_000  # how far numbered pages go
KEY = ("7", "demo-gelbooru-key")  # user_id and api_key
RATINGS = {"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit"}
OLD_RATINGS = {"g": "safe", "s": "safe", "q": "questionable", "e": "explicit"}


class Gelbooru:
    """Answers as Gelbooru does."""

    old = False  # software 0.2

    def __init__(self, posts: PostAnswers) -> None:
        self._searches = Searches(posts)
        self._gallery = posts.gallery

    def answer(self, name: str, request: Request, view: View) -> Any:
        """The answer to a request.

        Raises:
            SiteRefusal: 401 without the key; 404 for what there is not.
        """
        params = request.params
        if name != "index.php" or params.get("page") != "dapi" or params.get("q") != "index":
            raise SiteRefusal(404, "NotFound", "")
        if not self.old and (params.get("user_id"), params.get("api_key")) != KEY:
            raise SiteRefusal(401, "Unauthorized", "Missing authentication. Go to your account's settings.")
        if params.get("s") == "tag":
            return self._tags(request)
        return self._posts(request, view)

    async def _posts(self, request: Request, view: View) -> Response:
        params = request.params
        limit = read_limit(params.get("limit"), MOST_ROWS, MOST_ROWS)
        start = limit * (int(params["pid"]) if params.get("pid", "").isdecimal() else 0)
        if start > MOST_POSTS_DEEP:
            return Response(200, {"Content-Type": "text/html"}, b"Unable to search this deep in temporarily.")
        if "id" in params:
            ids = [int(params["id"])] if params["id"].isdecimal() else []
        else:
            ids = await self._searches.ids(self._words(params.get("tags", "")), view, most_terms=1000)
        all_posts = self._gallery.posts
        shown = [number for number in ids if number in all_posts and not all_posts[number].is_deleted]
        posts = await self._searches.painted(shown[start : start + limit])
        facts = {"limit": limit, "offset": start, "count": len(shown)}
        return self._rows("post", facts, [self._post(post, view) for post in posts])

    def _words(self, words: str) -> str:
        """A search in the gallery's own words: orders, and ratings by their whole name."""
        words = words.replace("sort:id:desc", "order:id_desc").replace("sort:id:asc", "order:id")
        words = words.replace("sort:updated:desc", "order:change")
        return re.sub(r"\brating:sensitive\b", "rating:'s'", words) if not self.old else words

    def _post(self, post: GalleryPost, view: View) -> dict[str, Any]:
        facts = self._gallery.file_of(post)
        copies = copies_of(facts, view.files_at)
        preview, sample = copies.get("360x360", copies["original"]), copies.get("sample")
        seen = may_see(view, post)
        moment = datetime.fromtimestamp(post.created_at, UTC)
        row: dict[str, Any] = {
            "id": post.id,
            "created_at": moment.strftime("%a %b %d %H:%M:%S +0000 %Y"),
            "score": post.score,
            "width": facts.width,
            "height": facts.height,
            "md5": facts.md5,
            "rating": (OLD_RATINGS if self.old else RATINGS)[post.rating],
            "source": post.source,
            "change": int(post.updated_at),
            "creator_id": post.uploader_id,
            "parent_id": post.parent_id or (0 if not self.old else ""),
            "tags": " ".join(post.tags),
            "has_children": "true" if self._gallery.children(post.id) else "false",
            "status": "active",
            "preview_url": preview["url"],
            "preview_width": preview["width"],
            "preview_height": preview["height"],
            "sample": int(sample is not None),
            "sample_url": sample["url"] if sample else "",
            "sample_width": sample["width"] if sample else 0,
            "sample_height": sample["height"] if sample else 0,
        }
        row["file_url"] = copies["original"]["url"] if seen else ""
        if not self.old:
            row["tags"] = html.escape(row["tags"], quote=True)  # Gelbooru escapes tags in JSON as in a page
        return row

    def _tags(self, request: Request) -> Response:
        params, gallery = request.params, self._gallery
        if "names" in params and not self.old:
            tags = [gallery.tags[name] for name in params["names"].split() if name in gallery.tags]
        elif "name" in params:
            tags = [gallery.tags[params["name"]]] if params["name"] in gallery.tags else []
        else:
            tags = tags_like(gallery, params.get("name_pattern", "%").replace("%", "*"))
        tags = tags[: read_limit(params.get("limit"), MOST_ROWS, MOST_ROWS)]
        facts = {"limit": MOST_ROWS, "offset": 0, "count": len(tags)}
        return self._rows("tag", facts, [self._tag(one) for one in tags])

    def _tag(self, tag: GalleryTag) -> dict[str, Any]:
        count = self._gallery.post_count(tag.name)
        return {"id": tag.id, "name": tag.name, "count": count, "type": tag.category, "ambiguous": 0}

    def _rows(self, kind: str, facts: dict[str, int], rows: list[dict[str, Any]]) -> Response:
        content: dict[str, Any] = {"@attributes": facts}
        return json_response(content | ({kind: rows} if rows else {}))


class Gelbooru02(Gelbooru):
    """Answers as a site with software 0.2 does: everything is an attribute of XML, and nobody needs a key."""

    old = True

    def _rows(self, kind: str, facts: dict[str, int], rows: list[dict[str, Any]]) -> Response:
        root = ElementTree.Element(f"{kind}s", {name: str(value) for name, value in facts.items()})
        for row in rows:
            ElementTree.SubElement(root, kind, {name: str(value) for name, value in row.items()})
        return Response(200, {"Content-Type": "text/xml"}, ElementTree.tostring(root, "utf-8", xml_declaration=True))
