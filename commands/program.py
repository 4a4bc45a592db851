"""The command line as a whole: what holds for every command, whoever declares it.

An option means the same wherever it stands. Those that several commands share may stand before the command as well
(`crawl --root DIR status`); every other option that stands there is refused, because it would be ignored.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from commands.failures import exits_plainly
from commands.paths import PathRefused, expanded

if TYPE_CHECKING:
    CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])

SHARED = ("--root", "--config", "--site", "--json", "--quiet")


class OptionRefused(Exception):
    """An option that is refused before the command begins; nothing was done."""

    exit_code = 2


class Command(TyperCommand):
    """A command that takes the shared options from before its name too."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_type(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_TYPED] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        exits_plainly(_prepare)(ctx)
        return super().invoke(ctx)


class Group(TyperGroup):
    """Commands below one name."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_type(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_TYPED] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        exits_plainly(expand_paths)(ctx)
        return super().invoke(ctx)


_TYPED = "commands.program.typed"  # what was typed behind the name of the command that is being parsed


def _without_type(parameters: list[Any]) -> list[Any]:
    """Show switches as switches: Typer 0.29 prints `--new <bool>`, as if a value had to follow."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False) and parameter.metavar is None:
            parameter.metavar = ""
    return parameters


class Application(typer.Typer):
    """Typer, with commands and groups of ours."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"cls": Group, **settings})

    def command(
        self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **settings: Any
    ) -> Callable[[CommandFunction], CommandFunction]:
        def declare(function: CommandFunction) -> CommandFunction:
            words = settings.pop("help", None) or inspect.getdoc(function) or ""
            return super(Application, self).command(name, cls=cls or Command, help=flowing(words), **settings)(function)

        return declare


def flowing(words: str) -> str:
    """Help whose paragraphs fill the screen: rich keeps every line break of a docstring as it stands."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", words)


def _prepare(context: typer.Context) -> None:
    expand_paths(context)
    take_options_before(context)


def expand_paths(context: typer.Context) -> None:
    """Make every path that was typed one that can be opened: `~` is the home folder.

    Raises:
        OptionRefused: a path is empty, as `--root "$UNSET"` is, or cannot be expanded.
    """
    typed = context.meta.get(_TYPED, [])
    for parameter in context.command.params:
        name, words = str(parameter.name), "/".join(parameter.opts)
        if not isinstance(context.params.get(name), Path) or not _given(context, name):
            continue
        try:
            context.params[name] = expanded("" if _is_empty(parameter.opts, typed) else context.params[name])
        except PathRefused as error:
            raise OptionRefused(f"{words} {error}") from None


def _is_empty(options: list[str], typed: list[str]) -> bool:
    """Whether an option was given an empty text: `Path` makes the current folder of it."""
    pairs = pairwise(typed)
    return any(f"{option}=" in typed for option in options) or any(
        word in options and not value.strip() for word, value in pairs
    )


def take_options_before(context: typer.Context) -> None:
    """Give the command the shared options that stand before its name.

    Raises:
        OptionRefused: one that is not shared stands there, the command has no such option, or the option stands
            behind the command too and says something else.
    """
    own = {option: parameter for parameter in context.command.params for option in parameter.opts}
    for option, value in _options_before(context):
        words = _path_of(context)
        if option not in own:
            raise OptionRefused(f"{option} stands before {words!r}, which has no such option; leave it out")
        if option not in SHARED:
            raise OptionRefused(f"{option} stands before {words!r}; write it behind: crawl {words} … {option}")
        name = str(own[option].name)
        if _given(context, name) and not _same(context.params[name], value):
            raise OptionRefused(f"{option} stands before and behind {words!r} with different values; give one of them")
        context.params[name] = value


def _options_before(context: typer.Context) -> Iterator[tuple[str, Any]]:
    """Options that were typed before the command's name, the first word's first, with their values."""
    above: Any = context.parent
    while above is not None:
        for parameter in above.command.params:
            if _given(above, str(parameter.name)):
                yield max(parameter.opts, key=len), above.params[parameter.name]
        above = above.parent


def _given(context: typer.Context, name: str) -> bool:
    """Whether the user typed it; a default is not typed."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Path) and isinstance(other, Path):
        return one.absolute() == other.absolute()
    return bool(one == other)


def _path_of(context: typer.Context) -> str:
    """The command's words, without the program's: `models activate`."""
    return context.command_path.partition(" ")[2]
