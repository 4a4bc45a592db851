"""Misbehaviour as data: which requests a rule matches, and how often it fired."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.errors import RuleError
from demo.messages import Request

MATCH_KEYS = frozenset({"path", "method", "host", "post", "query", "nth", "every", "times", "after"})
ACTIONS = frozenset(
    [
        "status",
        "headers",
        "body",
        "json",
        "delay_headers",
        "drip",
        "drip_headers",
        "after_bytes",
        "then",
        "no_terminator",
        "no_length",
        "length",
        "bad_range",
        "ignore_range",
        "ignore_if_range",
        "encode",
        "redirect",
        "swap_body",
        "mutate_json",
        "stop_listening",
        "accept_and_ignore",
        "drop",
        "chunked",
        "edit",
        "pass",
    ]
)


@dataclass(slots=True)
class Rule:
    """One rule; counts the requests that fit it and how often it fired."""

    name: str
    match: Mapping[str, Any]
    do: Mapping[str, Any]
    seen: int = 0  # requests that fit path, method, host, post and query
    fired: int = 0
    posts: frozenset[int] = field(default_factory=frozenset)

    def fits(self, request: Request, host: str, posts: frozenset[int]) -> bool:
        """Whether a request is of the kind that this rule is about."""
        match = self.match
        if "path" in match and not _glob(request.path, str(match["path"])):
            return False
        if "method" in match and request.method != match["method"]:
            return False
        if "host" in match and match["host"] != host:
            return False
        if self.posts and self.posts.isdisjoint(posts):
            return False
        query = match.get("query", {})
        return all(_glob(request.params.get(key, ""), str(pattern)) for key, pattern in query.items())

    def fires(self) -> bool:
        """Whether the request just counted is one of those that are hit."""
        match = self.match
        if self.fired >= match.get("times", 1 << 60) or self.seen <= match.get("after", 0):
            return False
        if "every" in match and self.seen % match["every"]:
            return False
        nth = match.get("nth")
        return nth is None or self.seen in ([nth] if isinstance(nth, int) else nth)


def read_rule(record: Mapping[str, Any], number: int) -> Rule:
    """Read `{"name"?: …, "match": {…}, "do": {…}}`.

    Raises:
        RuleError: an unknown key, or nothing to do.
    """
    name = str(record.get("name", f"rule {number}"))
    match, do = record.get("match", {}), record.get("do")
    if not isinstance(do, Mapping) or not do or not isinstance(match, Mapping):
        raise RuleError(f"{name}: expected {{'match': {{…}}, 'do': {{…}}}}, got {dict(record)!r}")
    unknown = (match.keys() - MATCH_KEYS) | (do.keys() - ACTIONS) | (record.keys() - {"name", "match", "do"})
    if unknown:
        raise RuleError(
            f"{name}: unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(MATCH_KEYS | ACTIONS))}"
        )
    posts = match.get("post", ())
    return Rule(name, match, do, posts=frozenset([posts] if isinstance(posts, int) else posts))


def _glob(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("**", "*"))
