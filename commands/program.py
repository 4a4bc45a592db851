"""The command line as a whole: what holds for every command, whoever declares it.

An option means the same wherever it stands. Those that several commands share may stand before the command as well
(`crawl --root DIR status`); every other option that stands there is refused, because it would be ignored.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from commands.terminal import machine_formats
from commands.terminal.console import complain, messages
from commands.terminal.error_exit import Terminated, exits_plainly, explain, stopped_by_signals
from commands.terminal.exit_codes import ExitCode, worst
from commands.terminal.streams import MESSAGES, OUTPUT, guarded
from commands.terminal.tables import settle_screen
from commands.terminal.user_paths import PathRefused, expanded
from storage.run_error import RunError

if TYPE_CHECKING:
    CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])

SHARED = ("--root", "--config", "--site", "--json", "--quiet")


class OptionRefused(RunError):
    """An option that is refused before the command begins; nothing was done."""

    exit_code = 2


class StoppedEarly(RunError):
    """A stop before the command's own work, or behind it."""

    def __init__(self, code: ExitCode) -> None:
        super().__init__("stopped")
        self.exit_code = code


@contextmanager
def _ours_to_end() -> Iterator[None]:
    """Typer would end the program itself: with 130 for every signal, without a line, without the object of `--json`."""
    try:
        yield
    except KeyboardInterrupt as stop:
        code = ExitCode.TERMINATED if isinstance(stop, Terminated) else ExitCode.INTERRUPTED
        raise StoppedEarly(code) from None


class Command(TyperCommand):
    """A command that takes the shared options from before its name too."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _with_plain_types(super().get_params(ctx), ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_TYPED] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        exits_plainly(prepare_command)(ctx)
        return super().invoke(ctx)


class Group(TyperGroup):
    """Commands below one name."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _with_plain_types(super().get_params(ctx), ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_TYPED] = list(args)
        return super().parse_args(ctx, args)

    def make_context(self, *words: Any, **extra: Any) -> Any:
        with _ours_to_end():
            return super().make_context(*words, **extra)

    def invoke(self, ctx: Any) -> Any:
        with _ours_to_end():
            exits_plainly(prepare_group)(ctx)
            return super().invoke(ctx)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program from its words to its exit code; nothing but this ends it."""
        words = sys.argv[1:] if args is None else list(args)
        parsed = super().main
        code = _run(words, lambda: parsed(words, prog_name, complete_var, standalone_mode=False, **extra))
        if standalone_mode:
            sys.exit(code)
        return code


def _run(words: Sequence[str], parsed: Callable[[], Any]) -> int:
    """Run what was typed, and end its output: the object that `--json` owes, and what could not be written."""
    settle_screen(os.environ)
    with guarded(), stopped_by_signals(), machine_formats.one_reply():
        messages().quiet = False
        code = _exit_code(words, parsed)
        machine_formats.finish(code)
        OUTPUT.flush()
        if OUTPUT.fate.trouble is not None:
            code = worst([code, ExitCode.STORAGE])
            complain(f"crawl: cannot write to standard output: {OUTPUT.fate.trouble}; what was done is kept")
        MESSAGES.flush()
    return int(code)


def _exit_code(words: Sequence[str], parsed: Callable[[], Any]) -> int:
    try:
        return int(parsed() or 0)
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost level, as in `exits_plainly`
        if "--json" in words:
            machine_formats.owe_object()
        if not hasattr(error, "format_message"):  # else: a word that is no command, an option without its value
            return explain(error)
        complain(f"crawl: {usage_line(error)}")
        return ExitCode.REFUSED


def usage_line(error: Any) -> str:
    """What the option parser refuses, in one line: which word, which value, and where to read on.

    Args:
        error: a usage error of Typer's.
    """
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    message = error.format_message().strip().rstrip(".")
    if parameter is not None and error.message:
        typed = [value for one, value in _typed_values(context) if one is parameter] if context is not None else []
        reason = error.message.partition(", unable to parse")[0].replace("Input should", "should").rstrip(".")
        message = f"{max(parameter.opts, key=len)}: {reason}" + (f", got {typed[-1]!r}" if typed else "")
        message = message.replace(": should", " should", 1)
    elif near := getattr(error, "possibilities", None):
        message = f"{error.message}; did you mean {' or '.join(sorted(near))}?"
    more = f" ({context.command_path} --help shows how)" if context is not None else ""
    return f"{message[:1].lower()}{message[1:]}{more}"


_TYPED = "commands.program.typed"  # what was typed behind the name of the command that is being parsed


def _with_plain_types(parameters: list[Any], context: Any) -> list[Any]:
    """Show what is to be typed, not the program's types: Typer 0.29 prints `--new <bool>` and `--port <int range>`.

    A switch is followed by nothing, a number by N; an argument's own name says what it is.
    """
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda ctx: None
        elif parameter.metavar is None:
            parameter.metavar = "" if parameter.is_flag else _METAVARS.get(parameter.display_type_rich(context))
    return parameters


_METAVARS = {f"<{kind}>": "N" for kind in ("int", "int range", "float", "float range")}


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


def prepare_group(context: typer.Context) -> None:
    """Settle what holds for every command, before the command itself is known."""
    _settle_output(context)
    check_values(context)
    expand_paths(context)


def prepare_command(context: typer.Context) -> None:
    """Settle what holds for every command, before its own work begins."""
    prepare_group(context)
    take_options_before(context)
    _settle_output(context)


def _settle_output(context: typer.Context) -> None:
    """`--json` and `--quiet`."""
    if context.params.get("as_json"):
        machine_formats.owe_object()
    if context.params.get("quiet"):
        messages().quiet = True


def check_values(context: typer.Context) -> None:
    """Refuse what was typed and would be passed over: an empty value, and the first of two different ones.

    Raises:
        OptionRefused: an option is empty, as `--site "$UNSET"` is, or has two values and takes one.
    """
    values: dict[str, str] = {}
    for parameter, value in _typed_values(context):
        option = max(parameter.opts, key=len)
        if not value.strip():
            raise OptionRefused(f"{option} is empty; give a value, or leave it out")
        if not parameter.multiple and values.setdefault(option, value) != value:
            raise OptionRefused(f"{option} is given twice, as {values[option]!r} and {value!r}; give one of them")


def expand_paths(context: typer.Context) -> None:
    """Make every path that was typed one that can be opened: `~` is the home folder.

    Raises:
        OptionRefused: a path is empty or cannot be expanded.
    """
    for parameter in context.command.params:
        name = str(parameter.name)
        path = context.params.get(name)
        if not isinstance(path, Path) or not _given(context, name):
            continue
        words = name.upper() if parameter.param_type_name == "argument" else max(parameter.opts, key=len)
        if path == Path() and "" in context.meta.get(_TYPED, []):
            raise OptionRefused(f"{words} is empty; give a path")  # `Path` makes the current folder of it
        try:
            context.params[name] = expanded(path)
        except PathRefused as error:
            raise OptionRefused(f"{words} {error}") from None


def _typed_values(context: Any) -> Iterator[tuple[Any, str]]:
    """The options that take a value, with the text that was typed for them, in the order of the command line."""
    options = {option: one for one in context.command.params for option in one.opts if one.param_type_name == "option"}
    words = iter(context.meta.get(_TYPED, []))
    for word in words:
        option, joined, value = word.partition("=")
        parameter = options.get(option)
        if word == "--" or not (word.startswith("-") or context.allow_interspersed_args):
            return  # what follows belongs to somebody else
        if parameter is not None and not parameter.is_flag:
            yield parameter, value if joined else next(words, "")


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
            raise OptionRefused(f"{option} stands before {words!r} but belongs after it: crawl {words} … {option}")
        name = str(own[option].name)
        if _given(context, name) and not _same(context.params[name], value):
            raise OptionRefused(f"{option} stands before and after {words!r} with different values; give one of them")
        context.params[name] = value


def _options_before(context: typer.Context) -> Iterator[tuple[str, Any]]:
    """Options that were typed before the command's name, the first word's first, with their values."""
    above: Any = context.parent
    while above is not None:
        for parameter in above.command.params:
            if _given(above, str(parameter.name)):
                yield max(parameter.opts, key=len), above.params[parameter.name]
        above = above.parent


def any_typed(context: typer.Context) -> bool:
    """Whether the user typed anything behind the program's name."""
    return any(_given(context, name) for name in context.params)


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
