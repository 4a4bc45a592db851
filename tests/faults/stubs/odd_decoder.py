"""`python -m tests.faults.stubs.odd_decoder WAY MARK`: the real decoder process, but for what it does with a picture.

WAY is `hang`, for ever and deaf to polite requests, or `die once`, killed as by the system. MARK is a file that it
makes when it begins.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from classifier.pictures import decoder_worker
from classifier.pictures.preprocessing import PictureLimits, PreparedPicture, Preprocessing, prepare


def main(way: str, mark: Path) -> None:
    """Serve pictures in some way."""

    def oddly(picture: bytes, preprocessing: Preprocessing, limits: PictureLimits) -> PreparedPicture:
        before = mark.exists()
        mark.touch()
        if way == "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                time.sleep(3600)
        if way == "die once" and not before:
            os.kill(os.getpid(), signal.SIGKILL)
        return prepare(picture, preprocessing, limits)

    decoder_worker.main(oddly)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
