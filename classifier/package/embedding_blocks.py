"""The blocks of an embedding: which of its numbers come from where, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """Numbers of an embedding that belong together."""

    name: str
    first: int  # column, from 0
    count: int


def in_a_row(**counts: int) -> tuple[Block, ...]:
    """Blocks of so many numbers, one after the other; one without numbers is left out."""
    found: list[Block] = []
    first = 0
    for name, count in counts.items():
        if count:
            found.append(Block(name, first, count))
        first += count
    return tuple(found)


def check_blocks(blocks: Sequence[Block], dimension: int) -> None:
    """Check that blocks divide an embedding of so many numbers; none at all: they are not known.

    Raises:
        ValueError: they overlap, leave numbers out, or have a name twice.
    """
    if not blocks:
        return
    if list(blocks) != list(in_a_row(**{block.name: block.count for block in blocks})):
        raise ValueError("the embedding's blocks have a name twice, a gap, an overlap, or no numbers")
    if sum(block.count for block in blocks) != dimension:
        raise ValueError(
            f"the embedding's blocks have {sum(block.count for block in blocks)} numbers, the embedding {dimension}"
        )


def blocks_text(blocks: Sequence[Block]) -> str:
    """Which blocks an embedding has, for people: `published 256, taught 192`."""
    return ", ".join(f"{block.name} {block.count}" for block in blocks)
