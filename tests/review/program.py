"""A painted gallery whose truth is known; tests take copies of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.equipment.review_gallery import Made


@dataclass(frozen=True)
class Painted:
    root: Path
    made: Made

    def copied_to(self, root: Path) -> Painted:
        shutil.copytree(self.root, root)
        return Painted(root, self.made)

    def truth(self, post_id: int) -> str:
        return "keep" if self.made.shows[post_id - 1] else "delete"
