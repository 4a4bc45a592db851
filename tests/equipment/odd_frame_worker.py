"""A frame worker that misbehaves by name: `missing` the package, `dies`, `hangs`, or is `late` to die."""

from __future__ import annotations

import sys
import time

from classifier.video.frame_worker import FrameDecoding
from classifier.workers.frames import WorkerFrame
from classifier.workers.service import serve


def main(how: str) -> None:
    """Answer as the real one does until it is time to misbehave."""
    real, answered = FrameDecoding(), 0
    if how == "missing":
        sys.modules["av"] = None  # type: ignore[assignment]  # what an import then finds

    def answer(question: WorkerFrame) -> WorkerFrame:
        nonlocal answered
        answered += 1
        if how == "hangs":
            time.sleep(3600)
        if how == "dies" or (how == "late" and answered > 2):
            raise SystemExit(3)
        return real.answer(question)

    serve(answer)


if __name__ == "__main__":
    main(sys.argv[1])
