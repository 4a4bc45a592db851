"""What holds for every command, whoever declares it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from commands.app import app
from commands.program import SHARED, Command, Group

VALUES = {"--root": "elsewhere", "--config": "elsewhere.toml", "--site": "elsewhere"}


def leaves(group: Any = None, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of the tree, with the words that call it."""
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, *words, name)
        else:
            yield (*words, name), command


def options(command: Any) -> dict[str, str]:
    """Each option's name in the program, by what is typed."""
    return {option: one.name for one in command.params for option in one.opts}


COMMANDS = dict(leaves())
PROGRAM: Any = typer.main.get_command(app)
OPTIONS = {max(one.opts, key=len): one for one in PROGRAM.params if "--help" not in one.opts}
BEFORE = {name: option for name, option in OPTIONS.items() if "completion" not in name}


def typed(option: str) -> list[str]:
    parameter = BEFORE[option]
    if parameter.is_flag:
        return [option]
    return [option, VALUES.get(option, "1")]


def arguments(command: Any) -> list[str]:
    """Something for every argument, and every option, that must be given."""
    required = [one for one in command.params if one.required]
    return [word for one in required for word in ("1",) if one.param_type_name == "argument"] + [
        word for one in required if one.param_type_name == "option" for word in (one.opts[0], "1")
    ]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What commands are called with, instead of doing it."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(typer.core.TyperCommand, "invoke", lambda self, context: given.update(context.params))
    return given


def test_every_command_is_one_of_ours() -> None:
    assert isinstance(PROGRAM, Group)
    assert all(isinstance(command, Command) for command in COMMANDS.values())
    assert set(SHARED) <= set(BEFORE)


@pytest.mark.parametrize("option", BEFORE)
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_option_before_a_command_holds_or_is_refused(
    words: tuple[str, ...], option: str, seen: dict[str, Any]
) -> None:
    command = COMMANDS[words]
    takes = options(command)

    done = CliRunner().invoke(app, [*typed(option), *words, *arguments(command)])

    if option in SHARED and option in takes:
        assert done.exit_code == 0, done.output
        assert str(seen[takes[option]]) == (typed(option)[1] if len(typed(option)) > 1 else "True")
    else:
        assert done.exit_code == 2
        assert option in done.output and not seen


@pytest.mark.parametrize("words", [words for words, one in COMMANDS.items() if "--root" in options(one)], ids=" ".join)
def test_the_same_option_on_both_sides_may_not_contradict_itself(words: tuple[str, ...], seen: dict[str, Any]) -> None:
    more = arguments(COMMANDS[words])

    same = CliRunner().invoke(app, ["--root", "here", *words, *more, "--root", "here"])
    other = CliRunner().invoke(app, ["--root", "here", *words, *more, "--root", "there"])

    assert same.exit_code == 0 and seen["root"] == Path("here")
    assert other.exit_code == 2 and "different values" in other.output


def test_an_option_before_a_nested_command_reaches_it() -> None:
    from commands.program import Application

    outer, inner, got = Application(), Application(), []

    @outer.callback()
    def program(root: str = typer.Option("")) -> None: ...

    @inner.command()
    def leaf(root: str = typer.Option("")) -> None:
        got.append(root)

    @inner.command()
    def other() -> None: ...

    outer.add_typer(inner, name="group")

    assert CliRunner().invoke(outer, ["--root", "there", "group", "leaf"]).exit_code == 0
    assert CliRunner().invoke(outer, ["--root", "there", "group", "other"]).exit_code == 2
    assert got == ["there"]


def test_a_root_before_the_command_is_the_one_that_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`crawl --root OTHER trash purge` emptied the trash of the gallery in the current folder."""
    monkeypatch.chdir(tmp_path)

    done = CliRunner().invoke(app, ["--root", "other", "trash", "purge", "--older-than", "30d", "--yes"])

    assert done.exit_code == 7
    assert str(tmp_path / "other") in done.output
    assert not list(tmp_path.iterdir())


TEXTS = [
    pytest.param(words, option, id=" ".join((*words, option)))
    for words, command in [((), PROGRAM), *COMMANDS.items()]
    for one in command.params
    for option in one.opts
    if one.param_type_name == "option" and not one.is_flag and "completion" not in option
]


@pytest.mark.parametrize(("words", "option"), TEXTS)
def test_an_empty_value_is_refused_by_its_option_wherever_it_stands(words: tuple[str, ...], option: str) -> None:
    """`--site "$UNSET"` crawled Danbooru; `--rating "$UNSET"` crawled all ratings."""
    needed = arguments(COMMANDS[words]) if words else []

    done = CliRunner().invoke(app, [*words, option, "", *needed])

    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert "is empty" in done.stderr or "should be a valid" in done.stderr


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["status", "--root", "a", "--root", "b"], ["--root", "'a'", "'b'"]),
        (["--site", "danbooru", "--site=demo", "status"], ["--site", "'danbooru'", "'demo'"]),
        (["query", "-f", "csv", "--format", "ids", "x"], ["--format", "'csv'", "'ids'"]),
        (["--tag", "a", "--keep", "b", "--limit", "5", "--limit", "50"], ["--limit", "'5'", "'50'"]),
    ],
)
def test_two_different_values_of_one_option_are_refused(words: list[str], names: list[str]) -> None:
    done = CliRunner().invoke(app, words)

    assert done.exit_code == 2 and "given twice" in done.stderr
    assert all(name in done.stderr for name in names)


def test_an_option_that_is_repeated_or_meant_for_several_holds(seen: dict[str, Any]) -> None:
    assert CliRunner().invoke(app, ["status", "--root", "a", "--root", "a"]).exit_code == 0
    assert str(seen["root"]) == "a"
    assert "given twice" not in CliRunner().invoke(app, ["--tag", "a", "--tag", "b"]).output


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["query", "--limit", "0"], "--limit should be greater than or equal to 1, got '0' (crawl query"),
        (
            ["--threshold", "nan", "--tag", "a"],
            "--threshold should be less than or equal to 1, got 'nan' (crawl --help",
        ),
        (["--limit=many", "--tag", "a"], "--limit should be a valid integer, got 'many' (crawl --help"),
        (["review", "--port", "99999"], "--port should be less than or equal to 65535, got '99999' (crawl review"),
        (["quer"], "no such command 'quer'. Did you mean 'query'? (crawl --help"),
        (["--tga", "x"], "no such option: --tga; did you mean --tag? (crawl --help"),
        (["relabel"], "missing argument 'keep|delete|unsure|clear' (crawl relabel"),
        (["query", "--limit"], "option '--limit' requires an argument"),
    ],
)
def test_what_the_option_parser_refuses_is_one_line_with_the_value(words: list[str], line: str) -> None:
    done = CliRunner().invoke(app, words)

    assert done.exit_code == 2 and done.stdout == ""
    assert done.stderr.startswith(f"crawl: {line}") and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "name"), [(["models", "import", ""], "folder to import"), (["models", "export", "mona/1", ""], "FOLDER")]
)
def test_an_empty_folder_is_not_the_current_one(words: list[str], name: str) -> None:
    done = CliRunner().invoke(app, words)

    assert done.exit_code == 2
    assert f"{name} is empty" in done.stderr


def test_options_without_a_tag_get_one_line_and_no_options_the_help() -> None:
    some, none = CliRunner().invoke(app, ["--new"]), CliRunner().invoke(app, [])

    assert (some.exit_code, none.exit_code) == (2, 2)
    assert some.stdout == "" and "--tag genshin_impact --keep mona" in some.stderr
    assert len(some.stderr.splitlines()) == 1 and "Usage: " in none.stdout
