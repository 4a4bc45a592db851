"""Words that must be one of a few: refused with the nearest one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from commands.errors import UsageRefused


def choose(option: str, word: str, choices: Sequence[str], forms: Mapping[str, str] = MappingProxyType({})) -> str:
    """The word, when it is one of the choices.

    Args:
        option: what the word is, for the message.
        word: as typed.
        choices: what it may be.
        forms: other spellings that a mistyped word may be near to, and the choice that each stands for.

    Raises:
        UsageRefused: it is none; names the nearest.
    """
    if word in choices:
        return word
    near = difflib.get_close_matches(word, [*choices, *forms], n=1)
    hint = f"did you mean {forms.get(near[0], near[0])!r}?" if near else f"it is one of {', '.join(choices)}"
    raise UsageRefused(f"{option} {word!r} is not known; {hint}")
