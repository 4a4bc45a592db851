"""What the service answers when something is wrong, and what the caller does about it.

ServingError           every class has its HTTP status; the answer is {"error": …}
├── BadUpload          400  the request cannot be read; says what is expected
├── TooMuch            413  send less at once
├── WrongType          415  the body is neither a picture nor a form of files
└── Busy               503  as many requests as allowed are being answered: try again, Retry-After says when
"""

from __future__ import annotations

from typing import ClassVar


class ServingError(Exception):
    """Base of this room's errors."""

    status: ClassVar[int] = 500


class BadUpload(ServingError):
    """The request cannot be read."""

    status = 400


class TooMuch(ServingError):
    """More than one request may carry."""

    status = 413


class WrongType(ServingError):
    """The body is of a type that is not taken."""

    status = 415


class Busy(ServingError):
    """As many requests as allowed are being answered."""

    status = 503
