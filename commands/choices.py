"""Words that must be one of a few: refused with the nearest one."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from commands.planning import UsageRefused


def choose(where: str, word: str, choices: Sequence[str]) -> str:
    """The word, when it is one of the choices.

    Raises:
        UsageRefused: it is none; names the nearest.
    """
    if word in choices:
        return word
    near = difflib.get_close_matches(word, choices, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it is one of {', '.join(choices)}"
    raise UsageRefused(f"{where} {word!r} is not known; {hint}")
