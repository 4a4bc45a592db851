"""Counts in messages: `1 label`, `2 labels`."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun in the right form.

    Args:
        count: how many.
        noun: the singular; the last word takes an s unless `plural` says otherwise.
        plural: the form for any number but one, where an s is not enough.
    """
    return f"{count:d} {noun if count == 1 else plural or f'{noun}s'}"
