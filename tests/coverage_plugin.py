"""`pytest -p tests.coverage_plugin` measures what the tests run of each room, prints it and holds the floors.

SlipCover counts: it puts its probes into our modules alone when they are imported and takes them out once they were
passed, so that libraries run at full speed; coverage.py's tracer, which Python 3.11 calls for every function of
every library, made the whole run a fifth to a half longer. Each process of pytest-xdist sends home what it counted.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Mapping
from typing import Any

import pytest
import slipcover
from slipcover.branch import preinstrument

from tests.branch_coverage import FLOORS, REPOSITORY, Modules, below_floor, lines_of, modules_of

ROOMS = tuple(FLOORS)
_SENT = "boorusieve_coverage"  # the key under which a process's figures travel


class Measurement:
    """The plugin; fails a run after which a room is below its floor."""

    def __init__(self, *, counts: bool) -> None:
        """Prepare to count.

        Args:
            counts: in every module that is imported from now on; else only others' figures are joined.
        """
        self._counter = slipcover.Slipcover(branch=True)
        rooms = slipcover.FileMatcher(sources=[REPOSITORY / room for room in ROOMS])
        self._importing = slipcover.ImportManager(self._counter, rooms)
        if counts:
            self._importing.__enter__()
        self._others: list[Mapping[str, Any]] = []
        self._modules: Modules = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take what a process of pytest-xdist counted; one that crashed sends nothing."""
        if counted := getattr(node, "workeroutput", {}).get(_SENT):
            self._others.append(json.loads(counted))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send what was counted, or join it; a run that was stopped has no figures."""
        self._importing.__exit__()
        own = self._counter.get_coverage()
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_SENT] = json.dumps(own)
            return
        if session.exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return
        for other in self._others:
            slipcover.merge_coverage(own, other)
        self._modules = modules_of({"files": {**own["files"], **_never_imported(own["files"])}})
        if below_floor(self._modules) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Before pytest's own summary."""
        if not self._modules:
            return
        terminalreporter.section("branch coverage")
        for line in lines_of(self._modules):
            terminalreporter.write_line(line)
        for name in below_floor(self._modules):
            terminalreporter.write_line(f"ERROR: the tests run less of {name}/ than its floor", red=True)


def _never_imported(measured: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures of the modules that no test imports: they count as well, as not run."""
    found = {}
    for file in (file for room in ROOMS for file in (REPOSITORY / room).rglob("*.py")):
        path = str(file.relative_to(REPOSITORY))
        if path not in measured:
            code = compile(preinstrument(ast.parse(file.read_bytes())), path, "exec")
            lines = list(slipcover.Slipcover.lines_from_code(code))
            branches = list(slipcover.Slipcover.branches_from_code(code))
            found[path] = {
                "executed_lines": [],
                "missing_lines": lines,
                "executed_branches": [],
                "missing_branches": branches,
            }
    return found


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before any module of ours is imported; a process that only hands tests to others counts nothing itself."""
    hands_out = bool(getattr(early_config.known_args_namespace, "numprocesses", None))
    counts = "PYTEST_XDIST_WORKER" in os.environ or not hands_out
    early_config.pluginmanager.register(Measurement(counts=counts), "measured coverage")
