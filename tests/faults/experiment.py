"""The standard experiment: break a run, look, run again undisturbed, and compare with an unbroken run."""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commands.app import app
from commands.console import messages, results
from demo.gallery import FileFacts, Gallery
from tests.faults import checker, simulator
from tests.faults.driver import Ended
from tests.faults.evidence import Expected
from tests.faults.stub_parts import stub_parts


def run_here(arguments: Sequence[str], *, judge: str = "honest", environment: Mapping[str, str] | None = None) -> Ended:
    """Run the real command line in this process, with the stub judge; nothing that it says is lost."""
    out, err = io.StringIO(), io.StringIO()
    begun = time.monotonic()
    code: object = 0
    with _environment(environment or {}), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        messages.cache_clear()
        results.cache_clear()
        try:
            code = app(list(arguments), prog_name="crawl", obj=stub_parts(judge), standalone_mode=False)
        finally:
            messages.cache_clear()
            results.cache_clear()
    return Ended(int(code or 0), out.getvalue(), err.getvalue(), time.monotonic() - begun, 0)  # type: ignore[call-overload]  # click returns the code


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


@dataclass(frozen=True, slots=True)
class Row:
    """One fault, what it must lead to, and how it differs from the standard experiment."""

    name: str  # of the row in docs/faults.md, with a word
    rules: Sequence[Mapping[str, Any]] = ()
    exit: int = 0
    says: str = ""  # a part of what the user is told
    judge: str = "honest"
    args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)  # lines at the top of crawl.toml
    changes: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)  # to the site's posts
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
    ended: Ended
    site: simulator.Simulator


@dataclass(slots=True)
class Laboratory:
    """What all experiments share: painted files, the unbroken run's state, a place for roots."""

    folder: Path
    files: Mapping[int, FileFacts]
    unbroken: str = ""  # state digest
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

    def gallery(self, changes: Mapping[int, Mapping[str, Any]] | None = None) -> Gallery:
        """A fresh site."""
        return simulator.scenario(self.files, changes=changes)

    def expected(self, **more: Any) -> Expected:
        """What the checker is told of this site."""
        return Expected(posts=simulator.POSTS, files=self.published, **more)

    def measure(self) -> None:
        """The unbroken run, once."""
        place = self.place()
        with simulator.simulator(self.gallery(), self.cache) as site:
            config = simulator.configuration(place, site.url)
            ended = run_here(simulator.arguments(place / "root", config))
            self.requests = len(site.requests)
        assert ended.code == 0, ended.said
        self.whole = place / "root"
        assert_well(place / "root", self.expected(last_exit=0))
        self.unbroken = checker.state_digest(place / "root")


def assert_well(root: Path, expected: Expected, *, weak: bool = False) -> None:
    """No promise is broken."""
    broken = checker.check(root, expected, weak=weak)
    assert not broken, "\n".join(map(str, broken))


def conduct(row: Row, laboratory: Laboratory) -> None:
    """The standard experiment for one row."""
    place = laboratory.place()
    root = place / "root"
    with simulator.simulator(laboratory.gallery(row.changes), laboratory.cache) as site:
        config = simulator.configuration(place, site.url, **row.settings)
        rules = site.misbehave(row.rules)
        ended = run_here(simulator.arguments(root, config, *row.args), judge=row.judge, environment=row.environment)
        seen = len(site.requests)
        assert ended.code == row.exit, f"exit {ended.code}, expected {row.exit}\n{ended.said}"
        assert row.says in ended.said, ended.said
        assert "Traceback" not in ended.said, ended.said
        assert [rule.name for rule in rules if not rule.fired] == [], "a fault that was not injected proves nothing"
        assert row.requests_at_most is None or seen <= row.requests_at_most, site.paths()
        assert_well(root, _after(row, laboratory), weak=not _ran(root))
        if row.also is not None:
            row.also(Broken(root, ended, site))
        site.misbehave(())
        again = run_here(simulator.arguments(root, config, *row.args), environment=row.environment)
        assert again.code == row.rerun_exit, again.said
        assert site.failures() == []
    assert_well(root, laboratory.expected(last_exit=row.rerun_exit))
    if row.same_end:
        assert_same_state(root, laboratory)


def _after(row: Row, laboratory: Laboratory) -> Expected:
    """After a run that could not list everything, the posts are not all there yet."""
    return Expected(files=laboratory.published) if row.exit not in (0, 3) else laboratory.expected(last_exit=row.exit)


def _ran(root: Path) -> bool:
    return (root / "crawl.db").exists()


def assert_same_state(root: Path, laboratory: Laboratory) -> None:
    """The state is that of an unbroken run."""
    if checker.state_digest(root) != laboratory.unbroken:
        raise AssertionError("another state than the unbroken run's:\n" + "\n".join(checker.state_lines(root)))
