"""One painter: takes jobs as JSON lines on standard input, answers each with a JSON line on standard output.

A process of its own, so that painting neither stalls the server nor outlives it: it ends when its input closes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo.galleries.variants import Variant, make_variant
from demo.paint.file_facts import FileFacts
from demo.paint.files import write_picture

NICENESS = 5  # behind the crawler, but a request waits for the picture


def run_job(job: Mapping[str, Any]) -> dict[str, Any]:
    """Do one job.

    Args:
        job: `{"do": "paint", "scene": …, "folder": …}` or `{"do": "variant", "source": …, "variant": …, "into": …}`.
    Returns:
        the painted file's facts, or nothing for a variant; `{"error": text}` when it failed.
    """
    try:
        if job["do"] == "paint":
            facts: FileFacts = write_picture(job["scene"], Path(job["folder"]))
            return dataclasses.asdict(facts)
        make_variant(Path(job["source"]), Variant(*job["variant"]), Path(job["into"]))
    except (OSError, ValueError, KeyError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {}


def main() -> None:
    """Serve jobs until standard input closes."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the server, which then closes this input
    for line in sys.stdin:
        result = json.dumps(run_job(json.loads(line))) + "\n"
        try:
            os.write(sys.stdout.fileno(), result.encode())
        except BrokenPipeError:  # the server has died
            return


if __name__ == "__main__":
    main()
