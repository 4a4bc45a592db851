"""Whether files fail one by one, or the site serves none any more: the line between a problem of one post and one of
the run.

A file that is forbidden, gone, or something else than published is a problem of its post, however many there are.
Several of them without a good one in between may mean a block, so then a file that did arrive earlier in this run is
asked for
again: while it still arrives, the run goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

PROOF_CAP = 8 * 1024 * 1024  # bytes; a larger file is too much to fetch again for proof
FEWEST = 5  # refused files that mean something when not a single one arrived in a whole run


class Trouble(StrEnum):
    """What came in a file's place."""

    PAGE = "page"  # a web page that says 200
    OTHER_BYTES = "other bytes"  # complete, and not what was published
    REFUSED = "refused"  # 401, 403, 404 …


IN_A_ROW = {Trouble.PAGE: 3, Trouble.OTHER_BYTES: 5, Trouble.REFUSED: 10}  # different files that ask for proof


@dataclass(frozen=True, slots=True)
class Proof:
    """A file that arrived in this run."""

    url: str
    md5: str

    def holds(self, content: bytes) -> bool:
        """Whether the same bytes arrived again."""
        return hashlib.md5(content, usedforsecurity=False).hexdigest() == self.md5


@dataclass(slots=True)
class FileHealth:
    """How the files of one kind fare, originals or renditions."""

    fetch: Callable[[str], Awaitable[bytes | None]]  # once, without patience; None: it does not arrive
    proof: Proof | None = None
    row: dict[Trouble, set[str]] = field(default_factory=lambda: {trouble: set() for trouble in Trouble})

    def arrived(self, url: str, md5: str, size: int) -> None:
        """A file arrived as it should be."""
        for urls in self.row.values():
            urls.clear()
        if size <= PROOF_CAP:
            self.proof = Proof(url, md5)

    async def concerns_all(self, trouble: Trouble, url: str) -> bool:
        """Whether this kind of problem concerns every file of the site by now."""
        urls = self.row[trouble]
        urls.add(url)
        if len(urls) < IN_A_ROW[trouble]:
            return False
        content = await self.fetch(self.proof.url) if self.proof else None
        if self.proof is None or content is None or not self.proof.holds(content):
            return True
        urls.clear()
        return False

    @property
    def refused(self) -> frozenset[str]:
        """The addresses that were refused since the last file that arrived."""
        return frozenset(self.row[Trouble.REFUSED])

    @property
    def nothing_arrived(self) -> bool:
        """Whether several files were refused and not a single one ever arrived."""
        return self.proof is None and len(self.row[Trouble.REFUSED]) >= FEWEST
