import logging
from pathlib import Path

from commands.terminal.log_file import LOG_NAME, journal


def test_a_run_logs_to_its_gallery_and_leaves_the_loggers_as_they_were(tmp_path: Path) -> None:
    logger = logging.getLogger("crawler")
    before = (logger.level, logger.propagate, list(logger.handlers))

    with journal(tmp_path):
        logger.info("in the run")
    logger.info("after it")

    assert (logger.level, logger.propagate, list(logger.handlers)) == before
    assert (tmp_path / LOG_NAME).read_text().count("in the run") == 1
    assert "after it" not in (tmp_path / LOG_NAME).read_text()
