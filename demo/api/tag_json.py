"""Aliases, implications, wiki pages and artists as the API states them."""

from __future__ import annotations

from typing import Any

from demo.api.post_json import View
from demo.galleries.gallery import GalleryTag, TagLink, WikiPage


def link_object(view: View, link: TagLink) -> dict[str, Any]:
    """An alias or an implication."""
    return {
        "id": link.id,
        "antecedent_name": link.antecedent,
        "consequent_name": link.consequent,
        "creator_id": 1,
        "approver_id": 1,
        "forum_topic_id": None,
        "forum_post_id": None,
        "status": link.status,
        "reason": "",
        "created_at": view.time(link.created_at),
        "updated_at": view.time(link.created_at),
    }


def wiki_object(view: View, page: WikiPage) -> dict[str, Any]:
    """A wiki page."""
    return {
        "id": page.id,
        "title": page.title,
        "body": page.body,
        "is_locked": False,
        "is_deleted": False,
        "other_names": list(page.other_names),
        "created_at": view.time(page.created_at),
        "updated_at": view.time(page.created_at),
    }


def artist_object(view: View, tag: GalleryTag) -> dict[str, Any]:
    """An artist."""
    return {
        "id": tag.id,
        "name": tag.name,
        "group_name": "",
        "other_names": [],
        "is_deleted": False,
        "is_banned": False,
        "created_at": view.time(tag.created_at),
        "updated_at": view.time(tag.created_at),
    }
