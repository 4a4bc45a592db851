"""The rules at work: watches every request, records it, and answers badly where a rule says so."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from demo.gallery import Gallery
from demo.messages import Answer, Request
from demo.rules import Rule, read_rule
from demo.server import Connection, Server

REMEMBERED = 200_000  # requests
_MD5 = re.compile(r"[0-9a-f]{32}")
_POST = re.compile(r"/posts/(\d+)")


class RuleBook:
    """The rules in force and the record of all requests."""

    server: Server

    def __init__(self, gallery: Gallery, rules: Sequence[Mapping[str, Any]] = ()) -> None:
        self.rules = [read_rule(rule, number) for number, rule in enumerate(rules)]
        self.requests: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._gallery = gallery

    def notice(self, request: Request, host: str) -> object | None:
        """Record a request; returns the rule that fires for it."""
        fired: Rule | None = None
        if not request.path.startswith("/demo/"):
            fired = self._choose(request, host)
        self.requests.append(
            {
                "time": time.monotonic(),
                "method": request.method,
                "target": request.target,
                "host": host,
                "remote_port": request.remote_port,
                "headers": dict(request.headers),
                "rule": fired.name if fired is not None else None,
            }
        )
        return fired

    def _choose(self, request: Request, host: str) -> Rule | None:
        posts = self._posts_of(request)
        for rule in self.rules:
            if rule.fits(request, host, posts):
                rule.seen += 1
                if rule.fires():
                    rule.fired += 1
                    return rule
        return None

    def _posts_of(self, request: Request) -> frozenset[int]:
        if not any(rule.posts for rule in self.rules):
            return frozenset()
        if (match := _POST.match(request.path)) is not None:
            return frozenset({int(match[1])})
        found = _MD5.search(request.path)
        return frozenset(self._gallery.posts_of_md5(found[0])) if found else frozenset()

    async def perform(self, rule: object, request: Request, connection: Connection) -> None:
        """Do to a connection what the rule says."""
        await connection.send(request, Answer(500, {}))
