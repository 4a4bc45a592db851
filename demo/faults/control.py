"""The control endpoints for tests: its record of requests, other rules, changes to its posts.

GET  /demo/requests.json        every request: time, target, headers, rule that fired
GET  /demo/rules.json           the rules with how often each was met and fired
POST /demo/rules.json           put other rules in force (a JSON list)
POST /demo/posts.json           change the gallery: a list of
    {"edit": ID, "set": {"is_banned": true, "tags": […]}, "touch": true?}
    {"remove": ID}              expunge
    {"copy": ID, "as": NEW_ID?, "set": {…}?}    a new post with another's picture; the newest when no id is given
    {"file_of": ID, "from": ID}    replace a post's file by another post's
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from demo.errors import RuleError
from demo.galleries.gallery import Gallery, GalleryPost
from demo.http.messages import Request, Response, error_response, json_response

if TYPE_CHECKING:
    from demo.faults.injector import RuleBook

TOUCH_S = 60.0  # between the newest change and a touch
_FIELDS = {field.name for field in fields(GalleryPost)}


def control(book: RuleBook, request: Request) -> Response:
    """Answer a `/demo/…` request."""
    name = request.path.removeprefix("/demo/")
    try:
        if request.method == "POST":
            sent = json.loads(request.body)
            if name == "rules.json":
                book.replace_rules(sent)
            elif name == "posts.json":
                change_gallery(book.gallery, sent)
            else:
                return error_response(404, "NilClass", "Page not found", known_route=False)
            return json_response({"success": True})
    except (RuleError, ValueError, KeyError, TypeError) as error:
        return error_response(422, type(error).__name__, str(error))
    if name == "requests.json":
        return json_response(list(book.requests))
    if name == "rules.json":
        rows = [{"name": rule.name, "seen": rule.seen, "fired": rule.fired} for rule in book.rules]
        return json_response(rows)
    return error_response(404, "NilClass", "Page not found", known_route=False)


def change_gallery(gallery: Gallery, changes: Sequence[Mapping[str, Any]]) -> None:
    """Change posts while the gallery is being served.

    Raises:
        RuleError: a change that is not understood, or a post that does not exist.
    """
    for change in changes:
        try:
            _change(gallery, change)
        except KeyError as error:
            raise RuleError(f"{dict(change)!r}: no post {error}") from error


def _change(gallery: Gallery, change: Mapping[str, Any]) -> None:
    settings = dict(change.get("set", {}))
    if unknown := settings.keys() - _FIELDS:
        raise RuleError(f"{dict(change)!r}: a post has no {', '.join(sorted(unknown))}")
    if "remove" in change:
        gallery.posts[change["remove"]]
        gallery.remove(change["remove"])
    elif "edit" in change:
        if change.get("touch"):
            settings["updated_at"] = _now(gallery)
        gallery.edit(change["edit"], **settings)
    elif "copy" in change:
        new_id = change.get("as") or gallery.highest_id + 1
        gallery.put(replace(gallery.posts[change["copy"]], id=new_id, **_tupled(settings)))
    elif "file_of" in change:
        other = gallery.posts[change["from"]]
        moved = {"picture": other.picture, "width": other.width, "height": other.height, "ext": other.ext}
        gallery.edit(change["file_of"], **moved, updated_at=_now(gallery))
    else:
        raise RuleError(f"{dict(change)!r}: expected edit, remove, copy or file_of")


def _now(gallery: Gallery) -> float:
    """A moment after everything that has happened so far."""
    return max(post.updated_at for post in gallery.posts.values()) + TOUCH_S


def _tupled(settings: dict[str, Any]) -> dict[str, Any]:
    return settings | ({"tags": tuple(sorted(settings["tags"]))} if "tags" in settings else {})
