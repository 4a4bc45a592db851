"""A command whose words are search terms: a term may begin with the minus that an option begins with too.

Options keep their meaning, and a misspelt `--option` is refused as everywhere. What begins with one minus is a term,
unless it is a short option of the command: `-o FILE`, `-fjson`.
"""

from __future__ import annotations

import re
from typing import Any

from commands.program import Command

_FILE_OR_FORMAT = re.compile(r"table|json|jsonl|csv|parquet|ids|.*\.(?:json|jsonl|csv|parquet|txt)")


class TermsCommand(Command):
    """Takes terms like `-hat`, and joins all terms in the order in which they stand."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options, terms = self._apart(list(args))
        return super().parse_args(ctx, [*options, "--", *terms] if terms else options)

    def _apart(self, words: list[str]) -> tuple[list[str], list[str]]:
        """Options with their values, and terms."""
        options: list[str] = []
        terms: list[str] = []
        while words:
            word = words.pop(0)
            if word == "--":
                return options, [*terms, *words]
            if not self._is_option(word):
                terms.append(word)
                continue
            options.append(word)
            if word in self._with_values() and words:
                options.append(words.pop(0))
        return options, terms

    def _is_option(self, word: str) -> bool:
        if word.startswith("--") or word in self._short():
            return True
        return word[:2] in self._short() and _FILE_OR_FORMAT.fullmatch(word[2:].removeprefix("=")) is not None

    def _short(self) -> set[str]:
        return {name for option in self.params for name in option.opts if re.fullmatch("-[^-]", name)} | {"-h"}

    def _with_values(self) -> set[str]:
        options = (one for one in self.params if one.param_type_name == "option" and not getattr(one, "is_flag", False))
        return {name for option in options for name in option.opts}
