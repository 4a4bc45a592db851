"""What the page answers when something is wrong, and what the caller does about it.

ReviewError            every class has its HTTP status, and an exit code where it ends the command
├── NoSuchPicture      404  the id is unknown: the list on the screen is out of date
├── BadClass           422  the name cannot be a class's; carries why
├── BadRequest         400  the request cannot be read; carries what is wrong
├── TooMuch            413  send less at once
├── NotComparable      422  a picture cannot be compared with the gallery's: says why
├── LargerMissing      502  the site gives no larger picture: says why
├── RoundRuns          409  one round at a time: wait for it
└── PortTaken          -    another program has the port: choose another one (exit code 2)
"""

from __future__ import annotations

from typing import ClassVar

from storage.records import RunError


class ReviewError(Exception):
    """Base of this package's errors."""

    status: ClassVar[int] = 500


class NoSuchPicture(ReviewError):
    """There is no picture of that id for that target."""

    status = 404


class BadRequest(ReviewError):
    """The request cannot be read."""

    status = 400


class BadClass(ReviewError):
    """A text that cannot be the name of a class; says why."""

    status = 422


class TooMuch(ReviewError):
    """More than one request may carry."""

    status = 413


class NotComparable(ReviewError):
    """A picture cannot be compared with those of the gallery."""

    status = 422


class LargerMissing(ReviewError):
    """The site has no larger copy of a picture, or does not give it."""

    status = 502


class RoundRuns(ReviewError):
    """A round is running already."""

    status = 409


class PortTaken(ReviewError, RunError):
    """Another program has the port."""

    exit_code = 2
