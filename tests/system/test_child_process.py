"""One way to start a process: it imports nothing of the user's, gets no secrets, and never outlives us."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from commands.review import _round_settings
from system import launch
from system.child_process import (
    ChildLostError,
    ChildOptions,
    ChildProcess,
    child_environment,
    module_command,
    run,
)
from tests.equipment.parameters import slow_after
from tests.speed import patient

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = (
    *("classifier", "commands", "crawler", "demo", "distributed", "interchange", "migrations", "review", "rounds"),
    *("serving", "storage", "system"),
)
THE_ONE_WAY = REPOSITORY / "system" / "child_process.py"
MODULES: dict[
    str, tuple[str, ...]
] = {  # all that is in them may start a process; and the files that may use it besides
    "subprocess": (),
    "multiprocessing": (),
    "pty": (),
    "posix": (),
    "_posixsubprocess": (),
    "asyncio.subprocess": (),
    "concurrent.futures.process": (),
    "ctypes": ("system/launch.py", "system/flush.py"),  # to end with the parent; to flush a file system
    "runpy": ("system/launch.py",),  # to become a module
    "webbrowser": ("system/browser.py",),  # the user's own browser, when he asks for it
}
NAMES = (  # in `os`, `asyncio` and `concurrent.futures`
    *("system", "popen", "fork", "forkpty", "startfile", "create_subprocess_exec", "create_subprocess_shell"),
    *("ProcessPoolExecutor", "subprocess"),
)
PREFIXES = ("exec", "spawn", "posix_spawn")  # of names in `os`
METHODS = ("subprocess_exec", "subprocess_shell", "ProcessPoolExecutor")  # of anything


def product_files() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((REPOSITORY / room).rglob("*.py"))


def is_way(module: str, file: str) -> bool:
    return any(
        (module == known or module.startswith(f"{known}.")) and file not in allowed
        for known, allowed in MODULES.items()
    )


def is_name(module: str, name: str) -> bool:
    inside = module in ("os", "asyncio", "concurrent", "concurrent.futures")
    return inside and (name in NAMES or (module == "os" and name.startswith(PREFIXES)))


def other_ways(tree: ast.AST, file: str = "") -> list[str]:
    """Every place that could start a process: what is imported, under any name, and what is reached through it."""
    found, known = [], {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {one.asname or one.name: one.name for one in node.names}
            found += [f"{node.lineno}: {one.name}" for one in node.names if is_way(one.name, file)]
        elif isinstance(node, ast.ImportFrom) and node.module:
            known |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
            found += [
                f"{node.lineno}: {node.module}.{one.name}"
                for one in node.names
                if is_way(node.module, file)
                or is_way(f"{node.module}.{one.name}", file)
                or is_name(node.module, one.name)
            ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            module = ast.unparse(node.value)
            if node.attr in METHODS or is_name(known.get(module, module), node.attr):
                found.append(f"{node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and is_way(node.value, file):
            if node.value == "posix":
                continue  # as `os.name` is called
            found.append(f"{node.lineno}: {node.value!r}")  # import_module("subprocess")
    return found


def test_nothing_but_the_one_way_starts_a_process() -> None:
    ways = {
        f"{path.relative_to(REPOSITORY)}:{way}"
        for path in product_files()
        if path != THE_ONE_WAY
        for way in other_ways(ast.parse(path.read_text(encoding="utf-8")), path.relative_to(REPOSITORY).as_posix())
    }

    assert ways == set()


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess",
        "from subprocess import run",
        "import multiprocessing.pool",
        "import os; os.system('x')",
        "from os import execv",
        "import os; os.posix_spawn('x', [], {})",
        "import asyncio; asyncio.create_subprocess_exec('x')",
        "import asyncio; asyncio.subprocess.create_subprocess_exec('x')",
        "from asyncio import subprocess",
        "from asyncio.subprocess import create_subprocess_shell",
        "loop.subprocess_exec(x)",
        "from concurrent.futures import ProcessPoolExecutor",
        "import concurrent.futures; concurrent.futures.ProcessPoolExecutor()",
        "from concurrent import futures; futures.ProcessPoolExecutor()",
        "import os as system; system.execv('x', [])",
        "import importlib; importlib.import_module('subprocess')",
        "__import__('multiprocessing.pool')",
        "from asyncio import create_subprocess_exec as start",
        "import ctypes",
    ],
)
def test_the_search_for_other_ways_finds_them(code: str) -> None:
    assert other_ways(ast.parse(code))


def test_the_launcher_knows_every_package_of_the_program() -> None:
    packages = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]

    assert {name.partition(".")[0] for name in packages} == set(ROOMS) == launch.ROOMS - {"bench", "tests"}


def modules_started() -> list[str]:
    """What the program starts in a process of its own, read from its code."""
    found = set()
    for path in product_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("module_command"):
                assert isinstance(node.args[0], ast.Constant), path
                found.add(str(node.args[0].value))
    return sorted(found)


TRAPS = ("demo", "classifier", "commands", "storage", "json", "numpy", "PIL", "sitecustomize", "usercustomize", "runpy")


@pytest.fixture
def trapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, full of modules that leave a mark when they are imported; gives the folder of the marks."""
    marks, here = tmp_path / "marks", tmp_path / "here"
    marks.mkdir()
    here.mkdir()
    for number, name in enumerate(TRAPS):
        package = number % 2 and name not in ("sitecustomize", "usercustomize")
        path = here / name / "__init__.py" if package else here / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"open({str(marks / name)!r}, 'w').close()\n")
    startup = here / "startup.py"
    startup.write_text(f"open({str(marks / 'startup')!r}, 'w').close()\n")
    monkeypatch.chdir(here)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(("", ".", str(here))))
    monkeypatch.setenv("PYTHONSTARTUP", str(startup))
    return marks


def test_the_program_starts_all_that_it_is_known_to_start() -> None:
    known = {
        *(
            "classifier.pictures.decoder_worker",
            "classifier.package.export",
            "classifier.training.worker",
            "classifier.inference.scorer_worker",
        ),
        "classifier.taggers.worker",
        "classifier.compression.worker",
        "classifier.deployment.worker",
        "classifier.generator.worker",
        "classifier.video.frame_worker",
    }

    assert set(modules_started()) == known | {"commands", "demo", "demo.galleries.painter_worker"}


LOADS_TENSORFLOW = {"classifier.package.export"}  # ten seconds


@pytest.mark.parametrize(
    "module",
    [pytest.param(one, marks=pytest.mark.slow) if one in LOADS_TENSORFLOW else one for one in modules_started()],
)
def test_no_child_imports_from_the_current_folder(module: str, trapped: Path) -> None:
    words = {"demo": ["--help"], "commands": ["--help"], "classifier.training.worker": ["nowhere"]}

    run(module_command(module, *words.get(module, [])), 60)

    assert [path.name for path in trapped.iterdir()] == []


SHADOWS = ("demo", "crawler", "classifier", "rounds", "typer", "json", "numpy", "sqlite3", "decimal")


@pytest.mark.parametrize(
    ("start", "path"),
    slow_after(
        2,
        [
            (("-m", "commands"), "{checkout}"),
            (("-c", "from commands.app import main; main()"), "{checkout}"),
            (("-P", "-c", "from commands.app import main; main()"), "{checkout}:"),
            (("-P", "-m", "commands"), "{checkout}:.:{here}"),
        ],
    ),
    ids=["python -m", "python -c", "an empty entry of PYTHONPATH", "a dot and its own name in PYTHONPATH"],
)
def test_the_program_itself_imports_nothing_from_the_current_folder(
    start: tuple[str, ...], path: str, tmp_path: Path
) -> None:
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text(f"open('ran-{name}', 'w').close()\n")
    python_path = path.format(checkout=REPOSITORY, here=tmp_path)

    for words in (["--version"], ["models", "list", "--root", "nowhere"], ["query", "--help"]):
        command = [sys.executable, *start, *words]
        subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": python_path}, capture_output=True, check=False)

    assert [found.name for found in tmp_path.glob("ran-*")] == []


def test_a_child_runs_the_code_of_its_parent_whatever_is_installed(tmp_path: Path) -> None:
    script = "import sys; from system.child_process import *; print(module_command('demo')[2])"

    ended = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True
    )

    assert ended.stdout.decode().strip() == str(REPOSITORY / "system" / "launch.py")


def test_a_round_of_the_page_obeys_the_settings_and_sees_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_SCORING_DEVICE", "cpu")
    monkeypatch.setenv("CRAWL_API_KEY", "secret")
    monkeypatch.setenv("CRAWL_DANBOORU_LOGIN", "secret")

    assert _round_settings()["CRAWL_SCORING_DEVICE"] == "cpu"
    assert "secret" not in _round_settings().values()


def test_libraries_that_the_parent_found_by_its_path_are_behind_all_others(tmp_path: Path) -> None:
    for name in ("json", "only_here"):
        (tmp_path / f"{name}.py").write_text("")

    environment = child_environment({}, {"PYTHONPATH": f"{tmp_path}{os.pathsep}relative{os.pathsep}{Path.cwd()}"})
    code = "import json, only_here, sys; sys.exit(9 if json.__file__.startswith(sys.argv[1]) else 0)"
    script = tmp_path / "tests" / "__init__.py"
    script.parent.mkdir()
    script.write_text("")
    script.with_name("asks.py").write_text(code)
    program = f"import sys; from system import launch; launch._ROOT = {str(tmp_path)!r}; launch.main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "tests.asks", str(tmp_path)],
        env={**environment, launch.PARENT: str(os.getpid())},
        cwd=REPOSITORY,
    )

    assert environment[launch.LIBRARIES] == str(tmp_path)
    assert done.returncode == 0


def test_a_child_gets_the_variables_that_are_allowed_and_no_others() -> None:
    ours = {"PATH": "/bin", "LANG": "C", "CUDA_VISIBLE_DEVICES": "0", "KERAS_BACKEND": "jax"}
    secrets = ("CRAWL_API_KEY", "CRAWL_DANBOORU_API_KEY", "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY")
    traps = ("LD_PRELOAD", "LD_AUDIT", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONUSERBASE")
    not_theirs = (*secrets, *traps)

    environment = child_environment({"EXTRA": "1"}, {**ours, **dict.fromkeys(not_theirs, "secret")})

    assert {name: value for name, value in environment.items() if name in {*ours, "EXTRA"}} == {**ours, "EXTRA": "1"}
    assert "secret" not in environment.values()


PARENT_OF_ONE = """
import subprocess, sys, time
print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")
async def test_a_child_is_killed_with_all_that_it_started() -> None:
    child = await ChildProcess.start([sys.executable, "-c", PARENT_OF_ONE])
    grandchild = psutil.Process(int(await child.output.readline()))

    assert await child.kill() < 0
    assert psutil.wait_procs([grandchild], timeout=30)[1] == []


STARTS_AND_LEAVES = """
import asyncio, sys
from system.child_process import *
async def main(turns):
    command = (sys.executable, "-c", "import sys; sys.stdin.read()")
    starting = asyncio.create_task(ChildProcess.start(command, ChildOptions(keeps_errors=True)))
    for _ in range(turns):
        await asyncio.sleep(0)
for turns in range(1, 8):
    asyncio.run(main(turns))
print("ended")
"""


def test_the_program_ends_while_a_child_is_being_started() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTS_AND_LEAVES], cwd=REPOSITORY, capture_output=True, text=True, timeout=patient(60)
    )

    assert done.stdout == "ended\n", done.stderr


@pytest.mark.parametrize("turns", slow_after(4, range(9)))
async def test_a_child_whose_start_is_cancelled_is_gone(turns: int) -> None:
    before = psutil.Process().children()
    starting = asyncio.create_task(ChildProcess.start([sys.executable, "-c", "import sys; sys.stdin.read()"]))
    for _ in range(turns):
        await asyncio.sleep(0)

    starting.cancel()
    ended = (await asyncio.gather(starting, return_exceptions=True))[0]

    if isinstance(ended, ChildProcess):  # it had started before
        await ended.kill()
    assert [child for child in psutil.Process().children() if child not in before] == []


ENDS_BEFORE_ITS_CHILD = """
import subprocess, sys
print(subprocess.Popen(["sleep", "600"], start_new_session={new_session}).pid, flush=True)
"""


async def ended_before_its_child(*, new_session: bool) -> tuple[ChildProcess, psutil.Process]:
    """A child that is no more, and what it started, which has its standard output still."""
    child = await ChildProcess.start([sys.executable, "-c", ENDS_BEFORE_ITS_CHILD.format(new_session=new_session)])
    grandchild = psutil.Process(int(await child.output.readline()))
    while child.running:  # noqa: ASYNC110  # `wait` would wait for the output's end too
        await asyncio.sleep(0.01)
    return child, grandchild


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")
@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_a_child_that_has_ended_by_itself_leaves_nobody_who_keeps_its_output_open(end: str) -> None:
    child, grandchild = await ended_before_its_child(new_session=False)

    code = await (child.kill() if end == "kill" else child.stop(0.1))

    assert code == 0
    assert psutil.wait_procs([grandchild], timeout=30)[1] == []


@pytest.mark.skipif(os.name != "posix", reason="sessions are POSIX's")
async def test_a_process_that_has_left_the_childs_group_is_not_waited_for() -> None:
    child, grandchild = await ended_before_its_child(new_session=True)

    assert await child.kill() == 0

    grandchild.kill()
    assert await child.output.read() == b""  # and with it the pipe is closed


DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"


async def test_a_child_that_does_not_end_when_asked_is_killed_after_its_grace() -> None:
    child = await ChildProcess.start([sys.executable, "-c", DEAF])
    await child.output.readline()

    assert await child.stop(0.05) == -9
    assert not child.running


def test_a_child_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    script = f"import subprocess, time; p = subprocess.Popen(['sleep', '600']); open({str(tmp_path / 'pid')!r}, 'w')"
    script += ".write(str(p.pid)); time.sleep(600)"

    with pytest.raises(ChildLostError, match="longer than"):
        run([sys.executable, "-c", script], patient(1.0))

    with contextlib.suppress(psutil.NoSuchProcess):
        grandchild = psutil.Process(int((tmp_path / "pid").read_text()))
        assert psutil.wait_procs([grandchild], timeout=30)[1] == []  # it was killed; that takes its moment


def test_a_program_that_is_not_there_is_reported_in_one_line() -> None:
    with pytest.raises(ChildLostError, match="cannot be started"):
        run(["/nowhere/python"], 5)
    with pytest.raises(ChildLostError, match="cannot be started"):
        asyncio.run(ChildProcess.start(["/nowhere/python"]))


STARTS_AND_WAITS = """
import asyncio, sys
from system.child_process import *
async def main():
    command = module_command("demo", "--posts", "1", "--workers", "0", "--no-ahead", "--cache", sys.argv[1])
    child = await ChildProcess.start(command, ChildOptions(reads=False))
    await child.output.readline()
    print(child.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells of a parent's death on Linux alone")
def test_a_child_that_reads_nothing_ends_with_its_parent_too(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTS_AND_WAITS, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()

    assert psutil.wait_procs([child], timeout=30)[1] == []


async def test_the_last_words_of_a_child_are_kept_and_a_line_that_never_ends_is_passed_over() -> None:
    program = "import sys; print('x' * (9 << 20)); print('short'); print('a' * 99 + 'end', file=sys.stderr)"
    child = await ChildProcess.start([sys.executable, "-c", program], ChildOptions(keeps_errors=True))
    words = asyncio.create_task(child.last_words(5))

    lines = [line async for line in child.lines()]

    assert lines[-1] == b"short\n"
    assert (await child.wait(), await words) == (0, "aend")


def test_the_environment_of_a_child_names_its_parent_and_the_child_forgets_it(tmp_path: Path) -> None:
    program = "import json, os; from system import launch; launch.die_with_parent(os.getppid()); print(json.dumps(1))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=REPOSITORY)

    assert json.loads(done.stdout) == 1
    assert child_environment({})[launch.PARENT] == str(os.getpid())
