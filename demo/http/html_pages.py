"""A few plain HTML pages, so that people can look at the gallery in a browser: no scripts, nothing from outside."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

from demo.http.messages import Response

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1100px;padding:0 1rem;"
    "color:#3a3148;background:#fbf9ff}"
    "a{color:#5b46a8;text-decoration:none}h1 a{color:inherit}form{margin:1rem 0}"
    "input{font:inherit;padding:.4rem;width:22rem}"
    ".wall{display:grid;grid-template-columns:repeat(auto-fill,minmax(180px,1fr));gap:14px}"
    ".wall img{width:100%;height:180px;object-fit:cover;border-radius:10px}.none{height:180px;border-radius:10px;"
    "background:#e8e2f4;display:grid;place-items:center}.large{max-width:100%;border-radius:12px}"
)


def wall_page(posts: Sequence[Mapping[str, Any]], tags: str) -> Response:
    """Many posts, with a search field."""
    cells = "".join(
        f'<a href="/posts/{post["id"]}" title="{escape(post["tag_string"])}">{_small(post)}</a>' for post in posts
    )
    more = urlencode({"tags": tags, "page": f"b{posts[-1]['id']}"}) if posts else ""
    after = f'<p><a href="/posts?{escape(more)}">older posts</a></p>' if more else "<p>Nobody here but us chickens.</p>"
    return _page(tags or "all posts", f'<div class="wall">{cells}</div>{after}', tags)


def post_page(post: Mapping[str, Any]) -> Response:
    """One post with its tags."""
    names = ("artist", "copyright", "character", "general", "meta")
    rows = "".join(f"<p><b>{name}</b> {_links(post[f'tag_string_{name}'])}</p>" for name in names)
    variants = {one["type"]: one["url"] for one in post["media_asset"].get("variants", [])}
    shown = variants.get("720x720")
    picture = f'<img class="large" src="{escape(shown)}" alt="">' if shown else "<p>This post's file is hidden.</p>"
    return _page(f"post {post['id']}", picture + rows, "")


def _small(post: Mapping[str, Any]) -> str:
    url = post.get("preview_file_url")
    return f'<img src="{escape(url)}" alt="" loading="lazy">' if url else '<div class="none">hidden</div>'


def _links(tags: str) -> str:
    return " ".join(f'<a href="/posts?{escape(urlencode({"tags": tag}))}">{escape(tag)}</a>' for tag in tags.split())


def _page(title: str, content: str, tags: str) -> Response:
    form = (
        f'<form action="/posts"><input name="tags" value="{escape(tags)}" placeholder="mona_(genshin_impact)"></form>'
    )
    body = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head>"
        f'<body><h1><a href="/">The demo gallery</a></h1>{form}{content}</body></html>'
    )
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "default-src 'none'; img-src http:; style-src 'unsafe-inline'; form-action 'self'",
    }
    return Response(200, headers, body.encode())


def rows_of(response: Response) -> Any:
    """The JSON behind an answer, to make a page of."""
    return json.loads(response.body) if isinstance(response.body, bytes) else None
