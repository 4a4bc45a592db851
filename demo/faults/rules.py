"""Misbehaviour as data: which requests a rule matches, what it does to them, and how often it fired.

    {"name": "cut", "match": {"path": "/original/**", "nth": [3, 4], "post": 17},
     "do": {"after_bytes": 1000, "then": "rst"}}

Match: `path` (glob over the decoded path), `method`, `host` (the address it arrived at), `post` (one id or several),
`query` (parameter to glob), `header` (name to glob); and of the requests that fit: `nth` (one number or several, from
1), `every` (each n-th), `after` (not before more than n), `times` (at most n). The first rule that fires acts.

Do, everything combines unless it is absurd:
    status, headers, body, json        change the answer, or replace its body; a list of values repeats a header
    as_if: {PARAMETER: VALUE}          answer as if the query had this value
    early_hints: N                     that many 103 answers first
    redirect: URL                      302 there
    swap_body: PATH                    serve this file's bytes instead
    mutate_json: [EDIT, …]             edit the answer's JSON (`demo.faults.mutations`)
    encode: gzip | br | bomb | cut     content encoding: real, real, 200 MB of zeros in gzip, gzip cut in half
    ignore_range, ignore_if_range      answer 200 to a range; answer 206 although the file changed
    bad_range: earlier | later | total | missing | multipart | unsatisfiable
    length: N | null                   state another Content-Length, or none
    chunked, no_terminator             send in chunks; leave out the last one
    delay_headers: S                   wait before the answer
    drip_headers, drip: {bytes, seconds}    send so many bytes at a time, pausing after each
    after_bytes: N, then: close | rst | hang | more    stop in the body; `more` sends N bytes too many at its end
    endless: true                      more bytes after the body until the client has enough
    drop: close | rst                  end the connection instead of answering
    accept_and_ignore: true            never answer
    stop_listening: S                  drop all connections, refuse new ones for so long
    edit: [CHANGE, …]                  change the gallery before answering (`demo.faults.control`)
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.errors import RuleError
from demo.http.messages import Request

MATCH_KEYS = frozenset({"path", "method", "host", "post", "query", "header", "nth", "every", "times", "after"})
ACTIONS = frozenset(
    {
        *("status", "headers", "body", "json", "redirect", "swap_body", "mutate_json", "encode", "ignore_range"),
        *(
            "ignore_if_range",
            "bad_range",
            "length",
            "chunked",
            "no_terminator",
            "delay_headers",
            "drip_headers",
            "drip",
        ),
        *(
            "as_if",
            "early_hints",
            "after_bytes",
            "then",
            "endless",
            "drop",
            "accept_and_ignore",
            "stop_listening",
            "edit",
        ),
    }
)
CHOICES = {
    "then": {"close", "rst", "hang", "more"},
    "drop": {"close", "rst"},
    "encode": {"gzip", "br", "bomb", "cut"},
    "bad_range": {"earlier", "later", "total", "missing", "multipart", "unsatisfiable"},
}


@dataclass(slots=True)
class Rule:
    """One rule; counts the requests that fit it and how often it fired."""

    name: str
    match: Mapping[str, Any]
    do: Mapping[str, Any]
    posts: frozenset[int] = field(default_factory=frozenset)  # empty = whatever post
    seen: int = 0  # requests that fit
    fired: int = 0

    def fits(self, request: Request, host: str, posts: frozenset[int]) -> bool:
        """Whether a request is of the kind that this rule is about."""
        match = self.match
        if "path" in match and not _glob(request.path, match["path"]):
            return False
        if match.get("method", request.method) != request.method or match.get("host", host) != host:
            return False
        if self.posts and self.posts.isdisjoint(posts):
            return False
        headers = match.get("header", {})
        if not all(_glob(request.headers.get(key.lower(), ""), pattern) for key, pattern in headers.items()):
            return False
        return all(_glob(request.params.get(key, ""), pattern) for key, pattern in match.get("query", {}).items())

    def fires(self) -> bool:
        """Whether the request just counted is one of those that are hit."""
        match = self.match
        if self.fired >= match.get("times", self.fired + 1) or self.seen <= match.get("after", 0):
            return False
        if self.seen % match.get("every", 1):
            return False
        nth = match.get("nth", self.seen)
        return self.seen in ([nth] if isinstance(nth, int) else nth)


def read_rule(record: Mapping[str, Any], number: int) -> Rule:
    """Read one rule.

    Raises:
        RuleError: an unknown key or choice, or nothing to do.
    """
    if not isinstance(record, Mapping):
        raise RuleError(f"rule {number}: expected an object, got {record!r}")
    name = str(record.get("name", f"rule {number}"))
    match, do = record.get("match", {}), record.get("do")
    if not isinstance(do, Mapping) or not do or not isinstance(match, Mapping):
        raise RuleError(f"{name}: expected {{'match': {{…}}, 'do': {{…}}}}, got {dict(record)!r}")
    unknown = (match.keys() - MATCH_KEYS) | (do.keys() - ACTIONS) | (record.keys() - {"name", "match", "do"})
    if unknown:
        known = ", ".join(sorted(MATCH_KEYS | ACTIONS))
        raise RuleError(f"{name}: unknown {', '.join(sorted(unknown))}; known are {known}")
    for key, choices in CHOICES.items():
        if key in do and do[key] not in choices:
            raise RuleError(f"{name}: {key} must be one of {', '.join(sorted(choices))}, got {do[key]!r}")
    posts = match.get("post", ())
    return Rule(name, match, do, frozenset([posts] if isinstance(posts, int) else posts))


def _glob(text: str, pattern: object) -> bool:
    return fnmatch.fnmatchcase(text, str(pattern).replace("**", "*"))
