"""Is the new model worse? Both are compared on the same held-out pictures, and only those where they differ count.

A gallery's test split has few pictures of a target, so proof is out of reach, and waiting for it would let useless
models pass. The model in force has the benefit of the doubt: a new one with more new errors than fixed ones, by a
sign test at p <= 0.25, has to be put in force by hand; so has one that keeps no picture of the target.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from classifier.arrays import BoolArray
from storage.plurals import counted

_DOUBT = 0.25  # p value of the sign test up to which the new model counts as worse
_FOUND = 2  # pictures of the target that the old one finds, from which a new one that finds none is worse


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models on the same pictures, each at its own threshold."""

    old: str  # ModelCard.name
    pictures: int
    old_errors: int
    new_errors: int
    only_old_wrong: int
    only_new_wrong: int
    old_found: int  # pictures of the target that it keeps
    new_found: int
    shown: int  # pictures of the target
    old_kept: int  # pictures that it keeps
    new_kept: int

    @property
    def worse(self) -> bool:
        """Whether the new one seems worse."""
        blind = self.old_found >= _FOUND and not self.new_found
        return blind or (self.only_new_wrong > self.only_old_wrong and self._by_chance() <= _DOUBT)

    def _by_chance(self) -> float:
        """How often as many of the pictures where just one is right would go wrong if both were equal (sign test)."""
        split = self.only_old_wrong + self.only_new_wrong
        return float(sum(math.comb(split, wrong) for wrong in range(self.only_new_wrong, split + 1)) / 2**split)

    def words(self) -> str:
        """For people."""
        if not self.pictures:
            return f"no held-out pictures to compare with {self.old}"
        verdict = "worse" if self.worse else "better" if self.new_errors < self.old_errors else "not worse"
        return (
            f"{verdict} than {self.old}: {counted(self.new_errors, 'error')} against {self.old_errors} on the same "
            f"{counted(self.pictures, 'held-out picture')} ({self.only_old_wrong} fixed, {self.only_new_wrong} new); "
            f"precision {_change(self.old_found, self.old_kept, self.new_found, self.new_kept)}, "
            f"recall {_change(self.old_found, self.shown, self.new_found, self.shown)}"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"worse": self.worse}


def _change(old: int, old_of: int, new: int, new_of: int) -> str:
    """A share before and after."""
    before, after = ("unknown" if not of else f"{part / of:.2f}" for part, of in ((old, old_of), (new, new_of)))
    return f"{before} before, {after} now"


def compare(old: str, old_keeps: BoolArray, new_keeps: BoolArray, truth: BoolArray) -> Compared:
    """Compare what two models keep of the same pictures.

    Args:
        old: name of the model in force.
        old_keeps: whether it keeps each, shape (n,).
        new_keeps: whether the new one does.
        truth: whether each shows the target.
    """
    if not old_keeps.shape == new_keeps.shape == truth.shape:
        raise ValueError(f"expected three equal shapes, got {old_keeps.shape}, {new_keeps.shape}, {truth.shape}")
    old_wrong, new_wrong = old_keeps != truth, new_keeps != truth
    return Compared(
        old=old,
        pictures=len(truth),
        old_errors=int(old_wrong.sum()),
        new_errors=int(new_wrong.sum()),
        only_old_wrong=int((old_wrong & ~new_wrong).sum()),
        only_new_wrong=int((new_wrong & ~old_wrong).sum()),
        old_found=int((old_keeps & truth).sum()),
        new_found=int((new_keeps & truth).sum()),
        shown=int(truth.sum()),
        old_kept=int(old_keeps.sum()),
        new_kept=int(new_keeps.sum()),
    )
