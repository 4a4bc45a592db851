"""`python -m bench.mona_cnn`."""

from __future__ import annotations

import os

from bench.mona_cnn.questions import main

if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    raise SystemExit(main())
