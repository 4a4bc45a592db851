"""What is printed: for programs and for people, on every kind of output, at every end."""

from __future__ import annotations

import array
import ast
import asyncio
import contextlib
import csv
import fcntl
import io
import json
import os
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from commands import app_learning
from commands.app import app
from commands.program import Group
from commands.terminal import tables
from commands.terminal.console import print_json, say
from commands.terminal.error_exit import Terminated, exits_plainly
from commands.terminal.escapes import csv_cell, json_text, printable
from commands.terminal.exit_codes import ExitCode
from commands.terminal.streams import OUTPUT
from storage.archive import Archive
from storage.archive_records import ListedPage, RunStart
from storage.records import Target
from storage.run_error import RunError
from tests.crawler.crew_fakes import post
from tests.equipment.parameters import slow_after
from tests.storage.samples import NO_RESERVE

REPOSITORY = Path(__file__).parents[3]
NASTY = "=cmd|' /C calc'!A0\x1b[31m\x9b2J\x7f\x85\u2028\u202eモナ é\r\nend"
CRAWL = (sys.executable, "-P", "-m", "commands")


async def fill(root: Path) -> None:
    posts = [replace(post(2), source="https://plain.example"), replace(post(1), source=NASTY, score=-3)]
    async with Archive.open(root, NO_RESERVE) as archive:
        await archive.save_targets("demo", [Target("mona", "mona")])
        run_id = await archive.begin_run(RunStart("crawl", "demo", "x", ["mona"]))
        listing = await archive.open_listing("demo", "x")
        await archive.file_page(listing.id, ListedPage(posts, (), 1, run_id))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("output") / "gallery-data"
    asyncio.run(fill(root))
    return root


def crawl(root: Path, *words: str, **changes: Any) -> subprocess.CompletedProcess[bytes]:
    """The real command, in a process of its own."""
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": root.parent, "timeout": 60}
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "CRAWL_ROOT": str(root)} | changes.pop("env", {})
    return subprocess.run([*CRAWL, *words], check=False, env=environment, **given | changes)


def queried(root: Path, format_: str) -> str:
    done = CliRunner().invoke(app, ["query", "--sql", SOURCES, "--format", format_, "--root", str(root)])
    assert done.exit_code == 0, done.output
    return done.stdout


SOURCES = "SELECT post_id, source, site_score FROM results GROUP BY post_id ORDER BY post_id"


# Text from outside


def unsafe(text: str) -> list[str]:
    return [char for char in text if char != "\n" and not char.isprintable()]


def test_json_escapes_what_a_terminal_obeys_and_gives_the_text_back(root: Path) -> None:
    as_json, as_jsonl = queried(root, "json"), queried(root, "jsonl")

    assert not unsafe(as_json) and not unsafe(as_jsonl)
    assert len(as_jsonl.splitlines()) == 2
    for rows in (json.loads(as_json), [json.loads(line) for line in as_jsonl.splitlines()]):
        assert rows[0] == {"post_id": 1, "source": NASTY, "site_score": -3}


def test_cells_of_csv_are_one_line_and_no_formula(root: Path) -> None:
    text = queried(root, "csv")

    rows = list(csv.reader(io.StringIO(text)))
    assert not unsafe(text) and len(text.splitlines()) == 3
    assert rows[1][1] == "'" + printable(NASTY) and rows[1][2] == "-3"


def test_a_table_shows_no_control_characters(root: Path) -> None:
    assert not unsafe(queried(root, "table"))


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "＝1", "'=1", "''-1", "-_- 1girl"])
def test_a_text_that_looks_like_a_formula_gets_one_apostrophe(text: str) -> None:
    assert csv_cell(text) == "'" + printable(text)


@pytest.mark.parametrize("value", ["1girl", "a=b", "'tis", "", "https://x.example/-1", -3, 0.5, None])
def test_other_cells_stay_as_they_are(value: object) -> None:
    assert csv_cell(value) == value


def test_json_is_json_whatever_the_value() -> None:
    text = json_text(
        {"a": float("nan"), "b": [float("inf")], "c": b"\x00\xff", "d": Path("x"), "e": "\ud800\U000e0001"}
    )

    assert json.loads(text) == {"a": None, "b": [None], "c": "00ff", "d": "x", "e": "\ud800\U000e0001"}
    text.encode()


def test_two_columns_of_one_name_are_not_one(root: Path) -> None:
    done = CliRunner().invoke(app, ["query", "--sql", "SELECT 1 AS a, 2 AS a", "--format", "json", "--root", str(root)])

    assert done.exit_code == 2 and "two columns are called 'a'" in done.output


# Encodings and kinds of output


@pytest.mark.parametrize("encoding", slow_after(1, ["cp932", "ascii", "latin-1:strict"]))
def test_machine_formats_are_utf8_and_tables_are_readable_in_any_encoding(root: Path, encoding: str) -> None:
    environment = {"PYTHONIOENCODING": encoding}

    for_programs = crawl(root, "query", "--sql", SOURCES, "--format", "jsonl", env=environment)
    for_people = crawl(root, "query", "--sql", SOURCES, env=environment)

    assert for_programs.returncode == for_people.returncode == 0, for_people.stderr
    assert json.loads(for_programs.stdout.decode("utf-8").splitlines()[0])["source"] == NASTY
    assert b"cmd|" in for_people.stdout


WRITES = [("query", ""), ("query", "", "--format", "csv"), ("status", "--json"), ("--help",)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("words", slow_after(2, [(words,) for words in WRITES]), ids=" ".join)
def test_a_full_output_is_a_storage_problem_reported_in_one_line(root: Path, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = crawl(root, *words, stdout=full)

    last = done.stderr.decode().strip().splitlines()[-1]
    assert done.returncode == 7
    assert last.startswith("crawl: cannot write to standard output: No space left") and b"Traceback" not in done.stderr


def closed(descriptor: int) -> Callable[[], None]:
    return lambda: os.close(descriptor)


@pytest.mark.parametrize("words", slow_after(1, [(words,) for words in WRITES[::2]]), ids=" ".join)
def test_a_closed_output_is_no_output(root: Path, words: tuple[str, ...]) -> None:
    done = crawl(root, *words, stdout=None, preexec_fn=closed(1))

    assert done.returncode == 0, done.stderr
    assert b"rror" not in done.stderr


@pytest.mark.parametrize("how", slow_after(1, ["full", "closed"]))
def test_messages_that_nobody_can_read_change_nothing(root: Path, how: str) -> None:
    with Path("/dev/full" if how == "full" else os.devnull).open("wb") as nowhere:
        more = {"stderr": nowhere} if how == "full" else {"stderr": None, "preexec_fn": closed(2)}
        fine = crawl(root, "query", "", **more)
        refused = crawl(root, "query", "x y", "--columns", "none", **more)

    assert fine.returncode == 0 and b"post_id" in fine.stdout
    assert refused.returncode == 2


def test_no_file_takes_the_place_of_a_closed_output(root: Path) -> None:
    """A database that got number 1 would be written to by the first who prints."""
    program = (
        "import os, sys; from commands.terminal.streams import guarded\n"
        "with guarded(): number = os.open(sys.argv[1], os.O_RDONLY)\n"
        "sys.exit(number)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(root / "crawl.db")],
        preexec_fn=lambda: [os.close(one) for one in (0, 1, 2)],
        check=False,
        cwd=REPOSITORY,
    )

    assert done.returncode > 2


@pytest.mark.fault("P05")
@pytest.mark.parametrize(
    "words", slow_after(1, [(words,) for words in (*WRITES[:2], ("query", "", "--format", "nonsense"))]), ids=" ".join
)
def test_a_reader_who_goes_away_changes_no_exit_code(root: Path, words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = crawl(root, *words, stdout=writing)
    finally:
        os.close(writing)

    assert done.returncode == (2 if "nonsense" in words else 0)
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr and b"rror:" not in done.stderr


@pytest.mark.fault("P05")
@pytest.mark.parametrize(("sent", "code"), [("SIGHUP", 143), ("SIGTERM", 143), ("SIGINT", 130)])
def test_a_command_that_waits_is_stopped_in_order(root: Path, sent: str, code: int) -> None:
    """SIGHUP is what a terminal sends that closes; its output cannot be written to any more either."""
    command = [*CRAWL, "relabel", "keep", "-", "--json", "--root", str(root)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        preexec_fn=lambda: signal.signal(getattr(signal, sent), signal.SIG_DFL),
    ) as child:
        assert child.stdin and child.stdout and child.stderr
        wait_until_it_reads(child)
        child.send_signal(getattr(signal, sent))
        out, err = child.communicate(timeout=60)

    assert child.returncode == code
    assert json.loads(out) == {"error": "stopped", "open": [], "exit": code}
    assert err.decode().strip() == "crawl: stopped"


def wait_until_it_reads(child: subprocess.Popen[bytes]) -> None:
    """Until what we sent it is gone from the pipe: it waits for more then."""
    assert child.stdin
    child.stdin.write(b"1\n")
    child.stdin.flush()
    unread = array.array("i", [1])
    while unread[0]:
        assert child.poll() is None
        select.select([], [], [], 0.01)
        fcntl.ioctl(child.stdin, termios.FIONREAD, unread)


@pytest.mark.fault("P05")
def test_what_the_shell_lets_a_command_ignore_stays_ignored(root: Path) -> None:
    command = [*CRAWL, "relabel", "keep", "-", "--root", str(root)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    ) as child:
        wait_until_it_reads(child)
        child.send_signal(signal.SIGHUP)
        child.communicate(timeout=60)

    assert child.returncode == 0


# One object for every exit code of every command that has --json


def leaves(group: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, *words, name)
        else:
            yield (*words, name), command


PROGRAM: Any = typer.main.get_command(app)
WITH_JSON = {
    words: command
    for words, command in [((), PROGRAM), *leaves(PROGRAM)]
    if any("--json" in one.opts for one in command.params)
}


def arguments(command: Any) -> list[str]:
    required = [one for one in command.params if one.required]
    return [word for one in required for word in ("1",) if one.param_type_name == "argument"] + [
        word for one in required if one.param_type_name == "option" for word in (one.opts[0], "1")
    ]


def run(*words: str, program: Any = PROGRAM) -> tuple[int, str, str]:
    """The whole command line, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = program.main(list(words), prog_name="crawl", standalone_mode=False)
    return code, out.getvalue(), err.getvalue()


def the_object(out: str) -> dict[str, Any]:
    assert out.count("\n") == 1, out
    record = json.loads(out)
    assert isinstance(record, dict)
    return record


def ending(words: Sequence[str], how: Callable[[], object]) -> Any:
    """The command line, put together anew, with a command whose own work is this."""

    def callback(**given: object) -> object:
        return how()

    program = command = typer.main.get_command(app)
    for word in words:
        assert isinstance(command, Group)
        command = command.commands[word]
    command.callback = exits_plainly(callback)
    return program


class Unresolving(Group):
    """The command line before it knows which command is meant: there it ends with an error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(name="crawl", commands=PROGRAM.commands, params=PROGRAM.params, callback=PROGRAM.callback)
        self.error = error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        raise self.error


class Failed(RunError):
    def __init__(self, code: int) -> None:
        super().__init__("this is why")
        self.exit_code = code


def raised(error: BaseException) -> Any:
    raise error


@pytest.mark.parametrize("words", WITH_JSON, ids=lambda words: " ".join(words) or "crawl")
def test_every_exit_code_comes_with_one_object(words: tuple[str, ...]) -> None:
    called = [*words, *arguments(WITH_JSON[words]), "--json"]

    for code in ExitCode:
        failure = Failed(code) if code else typer.Exit(0)
        got, out, _ = run(*called, program=ending(words, partial(raised, failure)))
        record = the_object(out)
        assert record["exit"] == got == code
        assert code == 0 or ("this is why" in record["error"] and record["open"] == [])
    for error, code in ((KeyboardInterrupt(), 130), (Terminated(), 143), (RuntimeError("why"), 1)):
        got, out, _ = run(*called, program=ending(words, partial(raised, error)))
        assert the_object(out)["exit"] == got == code


@pytest.mark.parametrize("words", WITH_JSON, ids=lambda words: " ".join(words) or "crawl")
def test_what_is_refused_comes_with_one_object(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    more = arguments(WITH_JSON[words])

    for wrong in (["--no-such-option"], ["--config", "absent.toml"], ["--root", ""]):
        code, out, _ = run(*words, *more, *wrong, "--json")
        record = the_object(out)
        assert record["exit"] == code == 2
        assert record["error"]
    assert not list(tmp_path.iterdir())


def test_an_object_that_was_begun_has_the_true_end() -> None:
    def begun() -> None:
        print_json({"posts": 3, "exit": 0})
        raise Failed(8)

    record = the_object(run("status", "--json", program=ending(["status"], begun))[1])

    assert record == {"posts": 3, "error": "this is why", "open": [], "exit": 8}


def test_messages_and_usage_do_not_mix_with_the_object() -> None:
    code, out, err = run("status", "--json", program=ending(["status"], lambda: say("a message")))

    assert (code, out, err) == (0, '{"exit": 0}\n', "a message\n")


def test_an_object_says_what_is_open_and_why(root: Path) -> None:
    code, out, _ = run("relabel", "keep", "1", "77", "--json", "--root", str(root))

    record = the_object(out)
    assert record["exit"] == code == 3
    assert record["open"] == [{"what": "posts", "count": 1, "why": "not known here, nothing recorded for them"}]


def test_a_command_that_needs_words_says_so_in_its_object() -> None:
    assert the_object(run("--json")[1])["error"].startswith("say which tag to walk")
    assert the_object(run("--version", "--json")[1])["exit"] == 0


def test_one_object_and_many_are_not_asked_for_at_once(tmp_path: Path) -> None:
    code, out, _ = run("train", "mona", "--json", "--json-progress", "--root", str(tmp_path))

    assert the_object(out)["exit"] == code == 2


def test_an_error_of_the_option_parser_itself_is_a_line_too() -> None:
    code, out, err = run("status", "--json", program=Unresolving(RuntimeError("odd")))

    assert code == the_object(out)["exit"] == 1
    assert "a bug: RuntimeError: odd" in err and len(err.splitlines()) == 1


# Nobody prints but the writers

WRITERS = {"streams.py", "tables.py", "machine_formats.py", "console.py"}


def prints(tree: ast.AST) -> Iterator[int]:
    """Lines that write to a standard stream themselves."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input"):
            yield node.lineno
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in {("sys", "stdout"), ("sys", "stderr"), ("sys", "__stdout__")}:
                yield node.lineno
            if node.value.id in ("typer", "click", "rich") and node.attr in ("echo", "secho", "print"):
                yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "rich.console":
            yield from (node.lineno for name in node.names if name.name == "Console" and not _for_types(tree, node))
        if isinstance(node, ast.Constant) and node.value in ("/dev/stdout", "/dev/stderr", "/dev/tty"):
            yield node.lineno


def _for_types(tree: ast.AST, imported: ast.ImportFrom) -> bool:
    """Whether Console is named in annotations alone: it is never called."""
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return not any(isinstance(called, ast.Name) and called.id == "Console" for called in calls)


def test_nobody_but_the_writers_prints() -> None:
    files = [file for file in (REPOSITORY / "commands").glob("**/*.py") if file.name not in WRITERS]
    for room in ("crawler", "storage", "rounds", "review", "system"):
        files += (REPOSITORY / room).glob("**/*.py")

    found = [f"{file.relative_to(REPOSITORY)}:{line}" for file in files for line in prints(ast.parse(file.read_text()))]

    assert found == []
    assert app_learning.__name__ and len(files) > 80


@pytest.mark.parametrize("width", [20, 80])
def test_a_line_is_neither_cut_nor_broken_on_a_narrow_screen(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A suggested command was cut at the edge of the terminal."""
    command = "crawl query 'decision:keep target:mona -mona_(genshin_impact)' --root " + "x" * 90
    narrow = Console(file=cast("IO[str]", OUTPUT), width=width, force_terminal=True, color_system=None)

    tables.print_line(command, narrow)

    assert capsys.readouterr().out == command + "\n"


@pytest.mark.parametrize("columns", slow_after(1, ["0", "1", "-3", "²", "9" * 9, "9" * 5000]))
def test_a_width_that_no_screen_has_hides_nothing(root: Path, columns: str) -> None:
    """Some terminals say that they are 0 columns wide; tables and errors were printed as nothing at all."""
    table, error = (crawl(root, *words, env={"COLUMNS": columns}) for words in (("query", "id:1"), ("query", "foo:1")))

    assert b"1" in table.stdout and max(map(len, table.stdout.splitlines())) < 4000
    assert b"foo:1" in error.stderr and error.returncode == 2


def test_facts_are_whole_on_a_narrow_screen(root: Path) -> None:
    shown = crawl(root, "status", env={"COLUMNS": "20"}).stdout.decode()

    assert "…" not in shown.replace("POST…", "")
    assert "renditions" in "".join(line[8:].strip() for line in shown.splitlines())


def test_a_gallery_without_models_says_so_instead_of_an_empty_table(root: Path) -> None:
    done = crawl(root, "models")

    assert done.stdout == b"" and done.stderr.startswith(b"no models yet")


def started(before: str, root: Path) -> subprocess.CompletedProcess[bytes]:
    """`crawl status --json` by its own start, with something done before."""
    program = f"""
import atexit, os, signal, sys
sys.argv = ["crawl", "status", "--json", "--root", {str(root)!r}]
class Stop:
    def find_spec(self, name, *rest):
        if name == "commands.app":
            os.kill(os.getpid(), signal.{{sent}})
{before}
from commands.__main__ import main
main()
"""
    program = program.replace("{sent}", before.rpartition("# ")[2])
    command = [sys.executable, "-P", "-c", program]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, capture_output=True, check=False, env=environment, timeout=60)


@pytest.mark.parametrize(("sent", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_stop_while_the_program_loads_is_a_line_and_an_object(root: Path, sent: str, code: int) -> None:
    done = started(f"sys.meta_path.insert(0, Stop())  # {sent}", root)

    assert done.returncode == code == the_object(done.stdout.decode())["exit"]
    assert done.stderr == b"crawl: stopped\n"


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM"])
def test_a_stop_after_the_end_does_not_change_the_exit_code(root: Path, sent: str) -> None:
    done = started(f"atexit.register(lambda: os.kill(os.getpid(), signal.{sent}))", root)

    assert done.returncode == 0 == the_object(done.stdout.decode())["exit"]
    assert done.stderr == b""


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_a_stop_before_the_command_begins_comes_with_its_object(stop: type[BaseException], code: int) -> None:
    ended, out, err = run("status", "--json", program=Unresolving(stop()))

    assert ended == code == the_object(out)["exit"]
    assert err == "crawl: stopped\n"
