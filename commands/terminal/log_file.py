"""`ROOT/crawl.log`: what happened, one JSON object a line, without secrets and without control characters."""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from storage.files.layout import LOG
from storage.files.single_files import open_log

LOG_NAME = LOG
MAX_LOG_BYTES = 8_000_000
KEPT_LOGS = 3
_LOGGERS = ("commands", "crawler", "classifier", "storage", "rounds", "asyncio")  # asyncio would print a stack trace


class JsonLines(logging.Formatter):
    """One JSON object a line; json escapes whatever could break it or a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "room": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry)


@contextmanager
def journal(root: Path, *, write: bool = True) -> Iterator[None]:
    """Log the rooms' messages to the root's log while the block runs; trouble with the log never fails a run."""
    handler = _handler(root) if write else logging.NullHandler()
    loggers = [logging.getLogger(room) for room in _LOGGERS]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
        handler.close()


class _Forgiving(logging.handlers.RotatingFileHandler):
    """A full disk must not turn every log line into a stack trace on the terminal. A link is never written through."""

    def _open(self) -> TextIOWrapper:
        return open_log(Path(self.baseFilename))

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what is still buffered is lost, the run is not
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        return


def _handler(root: Path) -> logging.Handler:
    try:
        handler: logging.Handler = _Forgiving(
            root / LOG_NAME, maxBytes=MAX_LOG_BYTES, backupCount=KEPT_LOGS, encoding="utf-8"
        )
    except OSError:
        return logging.NullHandler()
    handler.setFormatter(JsonLines())
    return handler
