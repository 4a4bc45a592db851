"""Is the new model worse? Both look at the same held-out pictures, and only where they differ does it matter."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.evaluation import Estimate, wilson

BoolArray = npt.NDArray[np.bool_]

_EVEN = 0.5


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models on the same pictures, each at its own threshold."""

    old: str  # ModelCard.name
    pictures: int
    old_errors: int
    new_errors: int
    only_old_wrong: int
    only_new_wrong: int

    @property
    def share_won(self) -> Estimate:
        """Of the pictures where just one is right: the share that the new one gets right, with its 95 % interval."""
        return wilson(self.only_old_wrong, self.only_old_wrong + self.only_new_wrong)

    @property
    def worse(self) -> bool:
        """Whether the new one is worse beyond chance: the whole interval lies on the old one's side."""
        return self.only_new_wrong > 0 and self.share_won.high < _EVEN

    def words(self) -> str:
        """For people."""
        if not self.pictures:
            return f"nothing to compare with {self.old} on"
        verdict = "worse" if self.worse else "better" if self.new_errors < self.old_errors else "not worse"
        return (
            f"{verdict} than {self.old}: {self.new_errors} errors against {self.old_errors} on the same "
            f"{self.pictures} held-out pictures ({self.only_old_wrong} mended, {self.only_new_wrong} new)"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"worse": self.worse}


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
    )
