import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.app import app
from commands.terminal.console import printable
from commands.terminal.exit_codes import ExitCode, worst

REPOSITORY = Path(__file__).parents[2]
HEAVY = (
    "tensorflow",
    "keras",
    "numpy",
    "sqlalchemy",
    "httpx2",
    "PIL",
    "ai_edge_litert",
    "scipy",
    "sklearn",
    "matplotlib",
)


def loaded_by(statement: str) -> set[str]:
    program = f"import sys, json; {statement}; print(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return set(json.loads(done.stdout))


def test_help_loads_nothing_heavy() -> None:
    assert not loaded_by("import commands.app") & set(HEAVY)


def test_a_query_loads_the_learning_loop_only_when_it_asks_for_it() -> None:
    assert not loaded_by("import commands.query, storage.archive") & {"rounds", "classifier"}


def test_no_room_loads_tensorflow_or_scipy_before_it_is_needed() -> None:
    rooms = (
        "import crawler.pipeline, crawler.sources.danbooru_client, crawler.transport.downloads\n"
        "import storage.archive, demo.server, rounds.round_zero\n"
        "import commands.status, rounds.questions.ranking, rounds.questions.estimate, review.gallery_service"
    )

    assert not loaded_by(rooms) & {"tensorflow", "keras", "scipy", "sklearn", "matplotlib"}


def test_every_command_has_help_with_an_example_or_needs_none() -> None:
    runner = CliRunner()

    main_help = runner.invoke(app, ["--help"])

    assert main_help.exit_code == 0
    for word in ("--tag", "--keep", "--site", "--dry-run", "query", "relabel", "demo", "status", "verify", "doctor"):
        assert word in main_help.output
    for command in ("demo", "query", "relabel"):
        shown = runner.invoke(app, [command, "--help"])
        assert shown.exit_code == 0
        assert "Examples" in shown.output


@pytest.mark.fault("P18")
def test_every_exit_code_is_documented() -> None:
    table = (REPOSITORY / "docs" / "exit-codes.md").read_text()

    for code in ExitCode:
        assert f"| {int(code)} |" in table or f"{int(code)} /" in table or f"/ {int(code)} |" in table


@pytest.mark.fault("P18")
def test_the_cause_beats_its_consequences() -> None:
    assert worst([3, 0]) is ExitCode.OPEN
    assert worst([3, 7, 5]) is ExitCode.STORAGE
    assert worst([3, 130]) is ExitCode.INTERRUPTED
    assert worst([]) is ExitCode.COMPLETE
    assert worst([99]) is ExitCode.BUG


@pytest.mark.fault("U17")
def test_text_from_outside_cannot_move_the_cursor_or_break_the_line() -> None:
    assert printable("a\x1b[31mb\nc\u202e") == "a\\x1b[31mb\\nc\\u202e"
    assert printable("莫娜 mona_(genshin_impact)") == "莫娜 mona_(genshin_impact)"
