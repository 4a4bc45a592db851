"""One tag as it stands in a caption."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

SHORT = 3  # characters; up to that underscores are part of a face: `^_^`

_PEOPLE = re.compile(r"(?:[1-9]|6\+)(?:girl|boy|other)s?|multiple_(?:girls|boys|others)|solo|no_humans")


@dataclass(frozen=True, slots=True)
class Spelling:
    """How tags are written."""

    spaces: bool = True  # for underscores, but in tags of at most three characters
    escape: bool = False  # a backslash before brackets, which some trainers and web interfaces take for a weight

    def word(self, tag: str) -> str:
        """A tag as a word: `mona_(genshin_impact)` → `mona (genshin impact)`.

        Source of the rule about short tags: sd-scripts, finetune/tag_images_by_wd14_tagger.py.
        """
        text = tag.replace("_", " ") if self.spaces and len(tag) > SHORT else tag
        return text.replace("(", r"\(").replace(")", r"\)") if self.escape else text

    def words(self, tags: Iterable[str]) -> list[str]:
        """The same of several."""
        return [self.word(tag) for tag in tags]


def counts_people(tag: str) -> bool:
    """Whether a general tag says how many people there are: `1girl`, `multiple_boys`, `solo`, `no_humans`."""
    return _PEOPLE.fullmatch(tag) is not None
