"""Endpoints about posts: lists, single posts, counts, random ones, the site's own tagger."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote_plus

from demo.accounts import demand
from demo.api.post_json import View, ai_tag_objects, needs_files, post_object
from demo.errors import not_found
from demo.galleries.gallery import GalleryPost
from demo.galleries.picture_store import Pictures
from demo.http.messages import Request, Response, json_response, redirect_to
from demo.http.only import parse_only
from demo.http.pagination import read_limit, read_page, slice_ids
from demo.search.metatags import Asker
from demo.search.query import Search, find, parse_search
from demo.search.ranges import parse_range, read_int

POSTS_AT_MOST = 200
REMEMBERED_SEARCHES = 32


class PostAnswers:
    """Answers about posts."""

    def __init__(self, pictures: Pictures, seed: int = 0) -> None:
        self.pictures = pictures
        self.gallery = pictures.gallery
        self._seed = seed
        self._asked = 0
        self._found: OrderedDict[tuple[Any, ...], list[int]] = OrderedDict()

    async def index(self, request: Request, view: View) -> Response:
        """`/posts.json`"""
        demand(view.account, "posts:index")
        params = request.params
        if params.get("md5"):
            return await self._by_md5(params["md5"], request, view)
        tags = params.get("tags", params.get("post[tags]", ""))
        search = parse_search(self._implicit(tags, view), self._limit_with_safe_mode(view))
        default = min(search.limit or view.account.per_page, POSTS_AT_MOST)
        limit = read_limit(params.get("limit"), default, POSTS_AT_MOST)
        if params.get("random", "").lower() in ("true", "t", "yes", "y", "on", "1"):
            return redirect_to(f"/posts.json?tags={quote_plus(f'{tags} random:{limit}'.strip())}&limit=&page=")
        if params.get("limit") == "":
            limit = default
        page = read_page(params.get("page"), limit, view.account)
        ids = await self.ids_of(search, view)
        posts = [self.gallery.posts[post_id] for post_id in slice_ids(ids, page) if post_id in self.gallery.posts]
        return json_response(await self._objects(posts, request, view))

    async def show(self, post_id: int, request: Request, view: View) -> Response:
        """`/posts/{id}.json`"""
        demand(view.account, "posts:show")
        if post_id not in self.gallery.posts:
            raise not_found()
        return json_response((await self._objects([self.gallery.posts[post_id]], request, view))[0])

    async def random(self, request: Request, view: View) -> Response:
        """`/posts/random.json`"""
        demand(view.account, "posts:random")
        tags = f"{request.params.get('tags', '')} random:1"
        ids = await self.ids_of(parse_search(self._implicit(tags, view), None), view)
        if not ids:
            raise not_found()
        return json_response((await self._objects([self.gallery.posts[ids[0]]], request, view))[0])

    async def counts(self, request: Request, view: View) -> Response:
        """`/counts/posts.json`; the tag limit does not hold here."""
        demand(view.account, "counts:posts")
        search = parse_search(self._implicit(request.params.get("tags", ""), view), None)
        return json_response({"counts": {"posts": len(await self.ids_of(search, view))}})

    def ai_tags(self, request: Request, view: View) -> Response:
        """`/ai_tags.json`, numbered pages only."""
        demand(view.account, "ai_tags:index")
        search = request.search
        wanted = self.gallery.resolve(search["tag_name"]) if "tag_name" in search else None
        only = parse_only(request.params["only"]) if "only" in request.params else None
        try:
            test = parse_range(search.get("score", "any"), read_int)
        except ValueError:
            return json_response([])
        rows: list[dict[str, Any]] = []
        limit = read_limit(request.params.get("limit"), view.account.per_page, 1000)
        page = read_page(request.params.get("page"), limit, view.account)
        skip = (page.number - 1) * limit
        for post_id in reversed(self.gallery.ids):
            post = self.gallery.posts[post_id]
            for row, (name, score) in zip(ai_tag_objects(view, post, only), post.ai_tags, strict=True):
                if (wanted is None or name == wanted) and test(score):
                    skip -= 1
                    if skip < 0:
                        rows.append(row)
                    if len(rows) == limit:
                        return json_response(rows)
        return json_response(rows)

    def _implicit(self, tags: str, view: View) -> str:
        return f"{tags} rating:g" if view.safe_mode else tags

    def _limit_with_safe_mode(self, view: View) -> int | None:
        return view.account.tag_limit

    async def _by_md5(self, md5: str, request: Request, view: View) -> Response:
        if self.gallery.file_by_md5(md5) is None and not self.pictures.all_painted():
            await self.pictures.ready(self.gallery.unpainted())
        ids = self.gallery.posts_of_md5(md5)
        if not ids:
            raise not_found()
        return json_response((await self._objects([self.gallery.posts[ids[-1]]], request, view))[0])

    async def ids_of(self, search: Search, view: View) -> list[int]:
        """Posts that a search finds, in its order."""
        if search.needs_files:
            await self.pictures.ready(self.gallery.unpainted())
        self._asked += 1
        asker = Asker(self.gallery, view.account)
        if search.random is not None or search.order == "random":
            return find(search, asker, self._seed + self._asked)
        key = (search.root, search.order, self.gallery.edition, view.account.time_zone)
        if key not in self._found:
            self._found[key] = find(search, asker, self._seed)
            while len(self._found) > REMEMBERED_SEARCHES:
                self._found.popitem(last=False)
        self._found.move_to_end(key)
        return self._found[key]

    async def _objects(self, posts: Sequence[GalleryPost], request: Request, view: View) -> list[dict[str, Any]]:
        only = parse_only(request.params["only"]) if request.params.get("only") else None
        if needs_files(only):
            family = [child for post in posts for child in self.gallery.children(post.id)] if only else []
            parents = [
                self.gallery.posts[post.parent_id] for post in posts if only and post.parent_id in self.gallery.posts
            ]
            await self.pictures.ready(post.picture for post in [*posts, *family, *parents])
        return [post_object(view, post, only) for post in posts]
