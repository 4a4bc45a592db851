"""The standard experiment: break a run, look, run again undisturbed, and compare with an unbroken run."""

from __future__ import annotations

import contextlib
import difflib
import functools
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperGroup

from commands.app import app
from commands.crawl import Parts
from commands.terminal.console import messages, results
from demo.faults.rules import Rule
from demo.galleries.gallery import Gallery
from demo.paint.file_facts import FileFacts
from storage.archive import Archive, open_reader
from tests.equipment import galleries_on
from tests.equipment.postgres import new_gallery_or_skip
from tests.faults.checker import checker
from tests.faults.checker.evidence import Expected, reading
from tests.faults.driver import CommandResult
from tests.faults.simulator import simulator
from tests.faults.stubs.parts import stub_parts


def run_here(
    arguments: Sequence[str],
    *,
    judge: str = "honest",
    environment: Mapping[str, str] | None = None,
    clock: Callable[[], datetime] | None = None,
    parts: Parts | None = None,
) -> CommandResult:
    """Run the real command line in this process, with the stub judge; nothing that it says is lost.

    With a clock the gallery's records go by it, in the commands that crawl, label and move files. What a test wants
    otherwise beside judge and clock, it hands in as `parts`.
    """
    out, err = io.StringIO(), io.StringIO()
    begun = time.monotonic()
    parts = replace(parts or stub_parts(judge), clock=clock)
    code: object = 0
    with _environment(environment or {}), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        messages.cache_clear()
        results.cache_clear()
        try:
            code = _command().main(list(arguments), prog_name="crawl", obj=parts, standalone_mode=False)
        finally:
            messages.cache_clear()
            results.cache_clear()
    return CommandResult(int(code or 0), out.getvalue(), err.getvalue(), time.monotonic() - begun)  # type: ignore[call-overload]  # click returns the code


@functools.cache
def _command() -> TyperGroup:
    """The command line, put together once."""
    found = typer.main.get_command(app)
    assert isinstance(found, TyperGroup)
    return found


@contextlib.contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


Rules = Sequence[Mapping[str, Any]]
LOGGED_IN = {"CRAWL_LOGIN": simulator.LOGIN, "CRAWL_API_KEY": simulator.CANARY}  # every row carries the canary key


@dataclass(frozen=True, slots=True)
class Row:
    """One fault, what it must lead to, and how it differs from the standard experiment."""

    name: str  # of the row in docs/faults.md, with a word
    rules: Rules | Callable[[Laboratory, simulator.Simulator], Rules] = ()
    exit: int = 0
    says: str = ""  # a part of the command's output
    judge: str = "honest"
    prepare: Callable[[Laboratory, Gallery], None] | None = None  # changes the site before the run
    also: Callable[[Broken], None] | None = None  # what else must hold after the broken run
    requests_at_most: int | None = None  # in the broken run
    same_end: bool = True  # whether the next, undisturbed run ends in the unbroken run's state
    rerun_exit: int = 0

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken run, for a row's own checks."""

    root: Path
    ended: CommandResult
    site: simulator.Simulator

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The answer of the gallery's database."""
        with reading(self.root) as database:
            return database.execute(query, parameters).fetchall()

    def decision(self, post_id: int) -> tuple[str | None, str | None, str]:
        """What was decided about a post, why, and where its original is."""
        found = self.rows("SELECT decision, reason, place FROM results WHERE post_id = ?", post_id)
        return found[0] if found else (None, None, "none")


@dataclass(slots=True)
class Laboratory:
    """What all experiments share: painted files, the unbroken run's state, a place for roots."""

    folder: Path
    files: Mapping[int, FileFacts]
    unbroken: str = ""  # the checker's state digest
    unbroken_own: str = ""  # the program's
    whole: Path = field(default_factory=Path)  # the unbroken run's root; copy it, do not change it
    requests: int = 0  # of the unbroken run
    count: int = 0

    @property
    def cache(self) -> Path:
        """Where the simulator keeps its copies."""
        return self.folder / "cache"

    @property
    def published(self) -> dict[int, tuple[str, int]]:
        """What the site says of each post's file."""
        return {post_id: (facts.md5, facts.size) for post_id, facts in self.files.items()}

    def place(self) -> Path:
        """A new folder; roots inside it do not exist yet."""
        self.count += 1
        place = self.folder / f"experiment-{self.count}"
        place.mkdir()
        return place

    def gallery(self) -> Gallery:
        """A fresh site."""
        return simulator.scenario(self.files)

    def expected(self, **more: Any) -> Expected:
        """What the checker should expect of this site."""
        return Expected(**{"posts": simulator.POSTS, "files": self.published, **more})

    def empty(self, place: Path) -> Path:
        """A root that was made and not used yet; making one takes as long as a run."""
        made = self.folder / "empty"
        if not made.exists():
            Archive.open(new_gallery_or_skip(made) if galleries_on.on_a_server() else made).close()
        return galleries_on.copied(made, place / "root")

    def measure(self) -> None:
        """The unbroken run, once."""
        place = self.place()
        with simulator.simulator(self.gallery(), self.cache) as site:
            config = simulator.configuration(place, site.url)
            ended = run_here(simulator.arguments(place / "root", config), environment=LOGGED_IN)
            self.requests = len(site.requests)
        assert ended.code == 0, ended.output
        self.whole = place / "root"
        assert_well(place / "root", self.expected(last_exit=0))
        self.unbroken = checker.state_digest(place / "root")
        self.unbroken_own = own_digest(place / "root")


def assert_well(root: Path, expected: Expected, *, weak: bool = False) -> None:
    """No promise is broken."""
    broken = checker.check(root, expected, weak=weak)
    assert not broken, "\n".join(map(str, broken))


def conduct(row: Row, laboratory: Laboratory) -> None:
    """The standard experiment for one row."""
    place = laboratory.place()
    root, gallery = laboratory.empty(place), laboratory.gallery()
    if row.prepare is not None:
        row.prepare(laboratory, gallery)
    with simulator.simulator(gallery, laboratory.cache) as site:
        command = simulator.arguments(root, simulator.configuration(place, site.url))
        rules = site.misbehave(row.rules(laboratory, site) if callable(row.rules) else row.rules)
        ended = run_here(command, judge=row.judge, environment=LOGGED_IN)
        _look(row, Broken(root, ended, site), rules, laboratory)
        site.misbehave(())
        again = run_here(command, environment=LOGGED_IN)
        assert again.code == row.rerun_exit, again.output
        assert site.failures() == []
        assert_well(root, _known(laboratory, Broken(root, again, site), row.rerun_exit))
    if row.same_end:
        assert_same_state(root, laboratory)


def _look(row: Row, broken: Broken, rules: Sequence[Rule], laboratory: Laboratory) -> None:
    """What must hold right after the broken run."""
    ended, seen = broken.ended, len(broken.site.requests)
    assert ended.code == row.exit, f"exit {ended.code}, expected {row.exit}\n{ended.output}"
    assert row.says in ended.output, ended.output
    assert "Traceback" not in ended.output, ended.output
    assert not [rule.name for rule in rules if not rule.fired], "a fault that was not injected proves nothing"
    assert row.requests_at_most is None or seen <= row.requests_at_most, broken.site.paths()
    assert_well(broken.root, _known(laboratory, broken, row.exit))
    if row.also is not None:
        row.also(broken)


def _known(laboratory: Laboratory, broken: Broken, code: int) -> Expected:
    """What the checker should expect after a run; one that could not list everything need not know every post."""
    gallery = broken.site.running.gallery
    files = {post_id: gallery.file_of(post) for post_id, post in gallery.posts.items()}
    return laboratory.expected(
        files={post_id: (facts.md5, facts.size) for post_id, facts in files.items()},
        posts=simulator.POSTS if code in (0, 3) else None,
        last_exit=code if code in (0, 3) else None,
        canary=simulator.CANARY,
        texts={"output": broken.ended.output, "requests to other hosts": broken.site.asked_elsewhere()},
    )


def assert_same_state(root: Path, laboratory: Laboratory) -> None:
    """The state is that of an unbroken run, by the checker's digest and by the program's own."""
    if checker.state_digest(root) != laboratory.unbroken:
        raise AssertionError("another state than the unbroken run's:\n" + difference(laboratory.whole, root))
    assert own_digest(root) == laboratory.unbroken_own


def own_digest(root: Path) -> str:
    """The program's own state digest."""
    with open_reader(root) as reader:
        return reader.digest()


def difference(one: Path, other: Path) -> str:
    """The lines of the state that differ."""
    lines = difflib.unified_diff(checker.state_lines(one), checker.state_lines(other), "unbroken", "broken", n=0)
    return "\n".join(lines)
