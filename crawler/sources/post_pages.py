"""Rows of a site's answer as a page of posts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from crawler.errors import GoneError, PostError
from crawler.sources.json_fields import RowRefused
from crawler.sources.site_client import PostPage
from storage.records import Post, RefusedRow

ROWS_A_TURN = 25  # rows parsed before other tasks get their turn


async def page_of(rows: Sequence[Any], read: Callable[[Any], Post]) -> PostPage:
    """Each id once; a row that makes no sense is refused, with its reason.

    Args:
        rows: of one answer.
        read: one of them as a post; raises RowRefused.
    """
    posts: dict[int, Post] = {}
    refused: list[RefusedRow] = []
    for number, raw in enumerate(rows):
        if number % ROWS_A_TURN == ROWS_A_TURN - 1:
            await asyncio.sleep(0)
        try:
            post = read(raw)
        except RowRefused as refusal:
            refused.append(refusal.row)
            continue
        known = posts.setdefault(post.id, post)
        if known.file != post.file:
            refused.append(RefusedRow(post.id, "the page names two different files for this id"))
    return PostPage(tuple(posts.values()), tuple(refused), len(rows))


def post_of(raw: Any, post_id: int, read: Callable[[Any], Post]) -> Post:
    """The post that was asked for, from its row.

    Raises: PostError: the row makes no sense, or is another post's.
    """
    try:
        post = read(raw)
    except RowRefused as refused:
        raise PostError(refused.row.reason) from None
    if post.id != post_id:
        raise PostError(f"asked for post {post_id}, got {post.id}")
    return post


def post_in(page: PostPage, post_id: int) -> Post:
    """The post that was asked for, from a page that should hold it alone.

    Raises: GoneError: it is not there. PostError: its row makes no sense.
    """
    for post in page.posts:
        if post.id == post_id:
            return post
    if page.refused:
        raise PostError(page.refused[0].reason)
    raise GoneError
