"""A library that crashes when it is taken down changes no exit code: the process ends before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ENDS = """
import atexit, os, sys
from commands.terminal.error_exit import settle
from commands.terminal.streams import OUTPUT
from system.process_end import end_at_once
atexit.register(os.abort)
OUTPUT.write("what was found\\n")
end_at_once("a library aborts")
settle(10)
"""


def test_a_library_that_crashes_at_the_end_changes_neither_code_nor_output() -> None:
    repository = Path(__file__).resolve().parents[3]

    done = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, check=False, cwd=repository)

    assert (done.returncode, done.stdout, done.stderr) == (10, "what was found\n", "")
