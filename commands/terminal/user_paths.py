"""Paths as people write them: the one place where those of options, settings and the environment are expanded."""

from __future__ import annotations

from pathlib import Path

from storage.run_error import RunError


class PathRefused(RunError):
    """A path that names nothing; the message is the end of a sentence about the option or setting."""

    exit_code = 2


def expanded(path: str | Path) -> Path:
    """The path with `~` and `~name` as the home folder; a relative one stays so, below the current folder.

    Raises:
        PathRefused: it is empty, has a null character, or nobody knows that home folder.
    """
    text = str(path)
    if not text.strip():
        raise PathRefused("is empty; give a path, or leave it out")
    if "\0" in text:
        raise PathRefused("contains a null character, which no path may")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise PathRefused(f"begins with {text.split('/')[0]}, and no home folder is known for that") from None


def shortest(path: Path) -> Path:
    """A path as people would write it: relative where it lies below the current folder."""
    here, path = Path.cwd(), path.absolute()
    return path.relative_to(here) if path.is_relative_to(here) else path
