"""People at work while programs die: labels are written by a process of their own, and what it acknowledged is kept.

python -m tests.faults.kills.labels ROOT        reads labels as JSON lines, answers a line each when it is durable
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storage.archive_records import Label
from storage.errors import DatabaseBusy
from storage.label_writer import Labelling
from storage.records import LabelValue
from tests.faults import driver

Acknowledged = tuple[int, str, str]  # post id, target, value
_TRIES = 20  # while the database is busy


def write_labels(root: Path) -> None:
    """The child: write each label, then say so."""
    with Labelling(root) as labelling:
        for line in sys.stdin:
            given = json.loads(line)
            label = Label(**{**given, "value": LabelValue(given["value"])})
            for _ in range(_TRIES):
                with contextlib.suppress(DatabaseBusy):  # as the documentation says: send the same key again
                    labelling.relabel([label])
                    print(label.key, flush=True)
                    break


@dataclass(slots=True)
class Labeller:
    """Writes labels one after the other until it is paused; the rest can be written later."""

    root: Path
    labels: Sequence[Label]
    pause_s: float = 0.02  # between two of them
    acknowledged: list[Acknowledged] = field(default_factory=list)
    _pausing: threading.Event = field(default_factory=threading.Event)
    _child: subprocess.Popen[str] | None = None

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Write in the background for as long as the block lasts; what is being written at its end is ended."""
        thread = threading.Thread(target=self._write, name="labeller")
        thread.start()
        try:
            yield
        finally:
            self._pausing.set()
            thread.join()

    def die(self) -> None:
        """Kill the process in the middle of whatever it does; a label that it did not acknowledge is sent again."""
        if self._child is not None:
            self._child.kill()

    def write_the_rest(self) -> None:
        """Write what is left, at once and in this process."""
        if left := self.labels[len(self.acknowledged) :]:
            with Labelling(self.root) as labelling:
                labelling.relabel(left)
        self.acknowledged[:] = [_acknowledged(label) for label in self.labels]

    def _write(self) -> None:
        left = self.labels[len(self.acknowledged) :]
        if not left:
            return
        command = [sys.executable, "-m", "tests.faults.kills.labels", str(self.root)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=driver.REPOSITORY
        ) as child:
            self._child = child
            for label in left:
                if self._pausing.is_set() or not _sent(child, label):
                    break
                self.acknowledged.append(_acknowledged(label))
                time.sleep(self.pause_s)
            with contextlib.suppress(BrokenPipeError):
                child.communicate()


def _acknowledged(label: Label) -> Acknowledged:
    return label.post_id, label.target, label.value.value


def _sent(child: subprocess.Popen[str], label: Label) -> bool:
    """Whether a label was sent and acknowledged; False: the child is dead."""
    if child.stdin is None or child.stdout is None:
        return False
    record: dict[str, Any] = {
        "post_id": label.post_id,
        "site": label.site,
        "target": label.target,
        "value": label.value.value,
        "who": label.who,
        "key": label.key,
    }
    try:
        child.stdin.write(json.dumps(record) + "\n")
        child.stdin.flush()
    except BrokenPipeError:
        return False
    return child.stdout.readline().strip() == label.key


if __name__ == "__main__":
    write_labels(Path(sys.argv[1]))
