"""What can go wrong in the demo gallery.

DemoError
├── GalleryError    the gallery cannot be built: no such folder, no pictures in it, a bad share; says which
├── PaintError      a painter process died or a picture could not be made
├── RuleError       a misbehaviour rule is not understood; names the rule and the key
└── SiteRefusal     an answer of the site that is not 200; carries status, Ruby class name and message
    ├── SearchError     422: a metatag was misused
    └── TagLimitError   422: more tags than the account may search for
"""

from __future__ import annotations


class DemoError(Exception):
    """Anything that the demo gallery refuses or fails to do."""


class GalleryError(DemoError):
    """The gallery cannot be built from what was given."""


class PaintError(DemoError):
    """A picture could not be made."""


class RuleError(DemoError):
    """A misbehaviour rule is not understood."""


class SiteRefusal(DemoError):
    """The site's own error answer: status, the class name that the site states, and its message."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


class SearchError(SiteRefusal):
    """A metatag was misused: two orders, or an order inside an alternative."""

    def __init__(self, message: str) -> None:
        super().__init__(422, "PostQuery::Error", message)


class TagLimitError(SiteRefusal):
    """More tags than the account may search for."""

    def __init__(self, limit: int) -> None:
        super().__init__(422, "PostQuery::TagLimitError", f"You cannot search for more than {limit} tags at a time.")


def not_found(message: str = "That record was not found.") -> SiteRefusal:
    """A record that does not exist."""
    return SiteRefusal(404, "ActiveRecord::RecordNotFound", message)
