"""`python -m bench.mutations`: small wrong changes to the code, one at a time, and whether the tests notice.

    python -m bench.mutations                    all of them, two at a time
    python -m bench.mutations --only flush       those whose name, file or tests contain a word
    python -m bench.mutations --list             what there is

Each change of `bench.mutations.changes` is made in a copy of the working tree; only the tests that must notice it are
run there. `killed`: they failed. `survived`: they passed, so nothing would notice the mistake. `equivalent`: they
passed, and the list says why the change makes no difference. `stale`: the text to be changed is not there exactly once,
or the tests could not be run. Ends with 1 when a change survived unexplained or is stale.

Before anything is changed, the named tests are run as they are: a test that fails anyway would kill everything.
"""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.mutations.changes import MUTATIONS, Mutation

REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT_S = 180.0  # for the tests of one mutation; a change that makes them hang is noticed as well
PYTEST_FAILED = 1


@dataclass(frozen=True, slots=True)
class MutationResult:
    """The result of one mutation."""

    mutation: Mutation
    state: str  # killed | survived | equivalent | stale
    seconds: float
    detail: str = ""  # which test noticed it; where something is wrong, the last lines of the tests' output

    @property
    def wrong(self) -> bool:
        """Whether it has to be dealt with."""
        return self.state in ("survived", "stale")


class WorkingCopy:
    """A copy of the working tree with an environment of its own, in which modules of the copy come first."""

    def __init__(self, folder: Path, repository: Path = REPOSITORY, files: Sequence[str] | None = None) -> None:
        """Copy.

        Args:
            folder: where the copy and its environment come.
            repository: what is copied.
            files: of it, by path; None: those that git tracks or would add.
        """
        self.tree = folder / "tree"
        for name in _tracked_files(repository) if files is None else files:
            target = self.tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, target)
        self.python = _environment(folder / "environment", self.tree)

    def run(self, tests: Sequence[str], limit_s: float = LIMIT_S) -> tuple[int | None, str]:
        """Run tests in the copy: pytest's exit code, None when time ran out, and the end of its output."""
        command = [str(self.python), "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=no", *tests]
        process = subprocess.Popen(
            command, cwd=self.tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        try:
            output, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.communicate()
            return None, f"still running after {limit_s:g} s"
        return process.returncode, "\n".join(output.splitlines()[-12:])

    def judge(self, mutation: Mutation) -> MutationResult:
        """Make the change, run its tests, take the change back."""
        path, begun = self.tree / mutation.file, time.monotonic()
        before = path.read_text("utf-8") if path.is_file() else ""
        if before.count(mutation.old) != 1:
            reason = f"{mutation.file} holds the text {before.count(mutation.old)} times"
            return MutationResult(mutation, "stale", 0.0, reason)
        path.write_text(before.replace(mutation.old, mutation.new), "utf-8")
        try:
            code, output = self.run(mutation.tests)
        finally:
            path.write_text(before, "utf-8")
        state = _state(mutation, code)
        detail = output if state in ("survived", "stale") else _noticed_by(output)
        return MutationResult(mutation, state, time.monotonic() - begun, detail)


def _noticed_by(output: str) -> str:
    """The first test that failed."""
    return next((line.split()[1] for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))), "")


def _state(mutation: Mutation, code: int | None) -> str:
    if code in (PYTEST_FAILED, None):
        return "killed"
    if code == 0:
        return "equivalent" if mutation.equivalent else "survived"
    return "stale"  # no such test, or it could not even be collected


def _tracked_files(repository: Path) -> list[str]:
    """The files that git tracks or would add: the working tree as it is."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (repository / name).is_file()]


def _environment(folder: Path, tree: Path) -> Path:
    """A virtual environment with our packages and that tree's modules, also for programs that tests start."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = next((folder / "lib").glob("python*/site-packages"))
    others = [entry for entry in sys.path if entry.endswith("site-packages")]
    (packages / "copy.pth").write_text("\n".join([str(tree), *others]) + "\n")
    return folder / "bin" / "python"


def baseline(mutations: Sequence[Mutation], copy: WorkingCopy) -> str | None:
    """The output of the named tests on unchanged code; None: all pass."""
    tests = sorted({test for mutation in mutations for test in mutation.tests})
    files = {test for test in tests if "::" not in test}
    wanted = [test for test in tests if test in files or test.partition("::")[0] not in files]
    code, output = copy.run(wanted, limit_s=10 * LIMIT_S)
    return None if code == 0 else output


def judge_all(mutations: Sequence[Mutation], folder: Path, jobs: int) -> list[MutationResult]:
    """Judge mutations, several at a time, each job in a copy of its own; prints as it goes."""
    waiting: queue.SimpleQueue[Mutation] = queue.SimpleQueue()
    for mutation in mutations:
        waiting.put(mutation)
    verdicts: list[MutationResult] = []

    def work(copy: WorkingCopy) -> None:
        while True:
            try:
                mutation = waiting.get_nowait()
            except queue.Empty:
                return
            verdicts.append(copy.judge(mutation))
            print(_line(verdicts[-1]), flush=True)

    copies = [WorkingCopy(folder / f"job-{number}") for number in range(jobs)]
    threads = [threading.Thread(target=work, args=(copy,)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return verdicts


def _line(verdict: MutationResult) -> str:
    by = f" ({verdict.detail})" if verdict.state == "killed" and verdict.detail else ""
    return f"{verdict.state:<10} {verdict.seconds:6.1f} s  {verdict.mutation.file}: {verdict.mutation.name}{by}"


def report(verdicts: Sequence[MutationResult]) -> str:
    """The end of the report: what is wrong, what is equivalent, and the counts."""
    lines = []
    for verdict in verdicts:
        if verdict.wrong:
            lines += ["", _line(verdict), *(f"    {line}" for line in verdict.detail.splitlines())]
        if verdict.state == "equivalent":
            lines += ["", _line(verdict), f"    {verdict.mutation.equivalent}"]
    counts = Counter(verdict.state for verdict in verdicts)
    summary = ", ".join(f"{counts[state]} {state}" for state in ("killed", "equivalent", "survived", "stale"))
    return "\n".join([*lines, "", f"{len(verdicts)} mutations: {summary}"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Choose, judge, report."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.mutations", description="Small wrong changes, and whether tests notice."
    )
    parser.add_argument(
        "--only", action="append", default=[], help="a word of the name, the file or a test; repeatable"
    )
    parser.add_argument("--jobs", type=int, default=2, help="copies to work in at the same time (default 2)")
    parser.add_argument("--list", action="store_true", help="list the mutations and run nothing")
    parser.add_argument("--no-baseline", action="store_true", help="do not run the tests on unchanged code first")
    options = parser.parse_args(arguments)
    chosen = [one for one in MUTATIONS if not options.only or any(word in str(one) for word in options.only)]
    if options.list or not chosen:
        print("\n".join(map(str, chosen)) or f"no mutation matches {', '.join(options.only)}")
        return 0 if chosen else 2
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        if (
            not options.no_baseline
            and (trouble := baseline(chosen, WorkingCopy(Path(folder) / "baseline"))) is not None
        ):
            print(f"the tests fail on unchanged code:\n{trouble}")
            return 1
        verdicts = judge_all(chosen, Path(folder), options.jobs)
    print(report(verdicts))
    return int(any(verdict.wrong for verdict in verdicts))


if __name__ == "__main__":
    raise SystemExit(main())
