"""Tags that no caption has: what the trigger word shall stand for, or what no picture shows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from storage.names import as_the_site_writes


@dataclass(frozen=True, slots=True)
class DropList:
    """Patterns of tags, with `*` for any text."""

    patterns: tuple[str, ...] = ()
    _compiled: re.Pattern[str] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the patterns, which are read as the site writes tags: `Long hair` means `long_hair`."""
        texts = [as_the_site_writes(one) for one in self.patterns]
        compiled = "|".join(".*".join(map(re.escape, text.split("*"))) for text in texts if text)
        object.__setattr__(self, "_compiled", re.compile(compiled) if compiled else None)

    def without(self, tags: Iterable[str]) -> tuple[str, ...]:
        """The tags that stay."""
        if self._compiled is None:
            return tuple(tags)
        return tuple(tag for tag in tags if not self._compiled.fullmatch(tag))


def patterns_of(text: str) -> tuple[str, ...]:
    """The patterns of a list: one a line or separated by commas; from `#` on a line is a comment."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    return tuple(one.strip() for line in lines for one in line.split(",") if one.strip())
