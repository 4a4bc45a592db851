"""What may go wrong with a site, and what the caller does about it.

What is marked with * is also a `storage.records.RunError`: it ends a run, with its `exit_code`. Everything else belongs
to the one post, file or question at hand, and the run goes on.

CrawlError                     anything that the crawler raises on purpose
├── TransientError             try again: time-out, 429, 5xx, cut body; carries `retry_after` in seconds
│   ├── ConnectionTrouble      no connection; becomes UnreachableError after the last try
│   │   └── HostUnknown        the name does not resolve; not worth many tries
│   ├── TooLarge               the body is longer than it may be
│   ├── RangeRefused           416: begin the file again
│   ├── FileRefused            400, 401, 405 … for one file: it stays open
│   ├── SiteTimeout            the site's database gave up on the query: ask for less
│   └── Throttled              429: the budget makes everybody wait
├── PostError                  file the reason under the post, go on with the next; carries `state`
│   ├── GoneError              404, 410: ask for the post itself again
│   ├── Forbidden              403: this one is not for us
│   ├── NotServed              a refusal or a page where the file should be
│   ├── StillUnavailable       an earlier run asked in vain, and nothing has changed since
│   ├── MismatchError          the bytes are not the published ones: ask for the post itself again
│   └── UrlRefused             the site named an address that we do not go to
├── NotOffered                 501: the site lacks this feature; do without
├── PageLimitError             410: numbered pages end here; go on by id cursor
├── QuestionRefused            400, 405, 406 of the API: it does not understand the question
├── AccessError *              the site refuses our key or rights
│   └── NotPermitted *         403 of one part of the API: the key lacks its permission; carries `path`
├── BlockedError *             the site challenges or throttles us; come back later
├── UnreachableError *         the site cannot be reached
└── UsageError *               before anything is done: what the user asked for cannot be done
    ├── BadSite                no such site, or an address that we refuse
    ├── BadCredentials         the key cannot be read, or must not be sent there
    ├── UnknownTag             no such tag; carries `suggestions`
    ├── AmbiguousTag           several tags; carries `candidates`
    └── TagLimit               more terms than this account may search for
"""

from __future__ import annotations

from collections.abc import Sequence

from storage.records import DocumentedError, RunError


class CrawlError(DocumentedError):
    """Anything that the crawler raises on purpose."""


class TransientError(CrawlError):
    """It may work when asked again."""

    exit_code = 3
    tries: int | None = None  # how often it is worth asking; None: as often as the caller's patience allows

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds that the site asked us to wait


class ConnectionTrouble(TransientError):
    """No connection could be made."""

    exit_code = 6


class HostUnknown(ConnectionTrouble):
    """The host's name does not resolve."""

    tries = 3


class SiteTimeout(TransientError):
    """The site's database gave up on the query; the same question rarely gets an answer later."""

    tries = 2


class Throttled(TransientError):
    """429. The budget already makes every process wait; asking again needs no wait of its own."""

    exit_code = 5


class TooLarge(TransientError):
    """The body is longer than it may be; asking again will hardly change that."""

    tries = 2


class RangeRefused(TransientError):
    """416: what we have of the file is not the beginning of what the site has."""


class FileRefused(TransientError):
    """The site refuses this file with a status that says nothing about the next one."""

    tries = 2


class PostError(CrawlError):
    """A problem of one post; the run goes on."""

    exit_code = 3
    ask_again = False  # whether the post itself should be fetched again: its file may have been replaced
    lasting = (
        False  # whether the site answered, and will hardly answer otherwise: not worth asking in every run for ever
    )

    def __init__(self, reason: str, state: str = "retry") -> None:
        """Args: reason: for people and the record. state: `retry` or `unavailable`."""
        super().__init__(reason)
        self.reason = reason
        self.state = state


class GoneError(PostError):
    """404 or 410: nothing there (any more)."""

    ask_again = True

    def __init__(self, reason: str = "gone") -> None:
        super().__init__(reason, "unavailable")


class Forbidden(PostError):
    """403: this file or post is not for us."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"forbidden: {reason}", "unavailable")


class NotServed(PostError):
    """The site answers, and not with the file: a refusal, a page, an API's answer."""

    lasting = True


class StillUnavailable(PostError):
    """An earlier run asked for it in vain, and nothing has changed since; it was not asked for again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "unavailable")


class MismatchError(PostError):
    """The bytes are not those that the site published, however often they are fetched."""

    ask_again = lasting = True


class UrlRefused(PostError):
    """The address is not one of the site's own; nothing was sent to it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"url refused: {reason}")  # open: a setting may allow it, or the site mend it


class NotOffered(CrawlError):
    """501: this site lacks the feature."""

    exit_code = 2


class PageLimitError(CrawlError):
    """410: numbered pages end before this one."""

    exit_code = 2


class QuestionRefused(CrawlError):
    """The API does not understand the question."""

    exit_code = 2


class AccessError(CrawlError, RunError):
    """The site refuses our key, or what it permits."""

    exit_code = 4


class NotPermitted(AccessError):
    """The API refuses one of its parts to us; others may be open."""

    def __init__(self, path: str, reason: str) -> None:
        """Args: path: the part, like `/tag_aliases.json`."""
        super().__init__(reason)
        self.path = path


class BlockedError(CrawlError, RunError):
    """The site does not want us now."""

    exit_code = 5

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s  # seconds until it is worth coming back, when known


class UnreachableError(CrawlError, RunError):
    """The site cannot be reached."""

    exit_code = 6


class UsageError(CrawlError, RunError):
    """What was asked for cannot be done; nothing was done."""

    exit_code = 2


class BadSite(UsageError):
    """No such site, or an address that we refuse."""


class BadCredentials(UsageError):
    """The key cannot be used as given."""


class UnknownTag(UsageError):
    """The site has no such tag."""

    def __init__(self, typed: str, suggestions: Sequence[str] = ()) -> None:
        hint = f"; did you mean {', '.join(suggestions)}?" if suggestions else ""
        super().__init__(f"no tag matches {typed!r}{hint}")
        self.typed = typed
        self.suggestions = tuple(suggestions)


class AmbiguousTag(UsageError):
    """Several tags may be meant."""

    def __init__(self, typed: str, candidates: Sequence[str]) -> None:
        super().__init__(f"{typed!r} may mean {', '.join(candidates)}; name one of them")
        self.typed = typed
        self.candidates = tuple(candidates)


class TagLimit(UsageError):
    """The site allows this account fewer terms in one search."""
