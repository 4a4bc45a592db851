"""Figures of a sync for Prometheus, as a file that node_exporter's textfile collector reads.

Source of the format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from commands.following.report import SearchReport
from crawler.tally import Outcome
from storage.errors import StorageError
from system.flush import flush

_FIGURES: Mapping[str, tuple[str, Callable[[SearchReport], float]]] = {
    "new_posts": ("posts that the last sync brought", lambda one: one.changes.new),
    "changed_posts": ("posts of which the last sync found something changed", lambda one: one.changes.changed),
    "kept_posts": ("posts that the last sync kept", lambda one: one.tally.outcomes[Outcome.KEPT]),
    "failed_posts": ("posts that the last sync left open", lambda one: one.tally.outcomes[Outcome.FAILED]),
    "stale_posts": ("posts that are still to be read again", lambda one: one.stale),
    "listing_requests": ("requests for lists in the last sync", lambda one: one.listing_requests),
    "requests": ("requests in the last sync, files included", lambda one: one.requests),
    "seconds": ("how long the last sync took", lambda one: one.seconds),
    "errors": ("1 where the last sync ended early", lambda one: float(bool(one.error))),
}
_MOMENTS: Mapping[str, str] = {
    "last_success": "when the search was last followed to its end",
    "due": "when the search is to be followed next; in the past for one that a sync does not get to",
}
_LINE = re.compile(r"boorusieve_sync_(?P<name>[a-z_]+)_timestamp_seconds\{(?P<labels>.*)\} (?P<value>[0-9.e+]+)")
Moments: TypeAlias = Mapping[str, Mapping[str, float]]  # seconds since 1970, by name and labels


def write_metrics(file: Path, reports: Sequence[SearchReport], now: datetime) -> None:
    """Write the figures, whole or not at all; moments that the file has of other searches stay in it.

    Raises:
        StorageError: the file cannot be written.
    """
    draft = file.with_name(f".{file.name}.part")
    try:
        text = "\n".join(_lines(reports, _moments(file, reports, now))) + "\n"
        draft.write_text(text, encoding="utf-8")
        flush(draft)
        draft.replace(file)
    except OSError as error:
        raise StorageError(f"{file}: the metrics cannot be written: {error.strerror or error}") from None


def _moments(file: Path, reports: Sequence[SearchReport], now: datetime) -> Moments:
    """When each search was last followed to its end, and when it is due: by this sync, else by the file."""
    found: dict[str, dict[str, float]] = {name: {} for name in _MOMENTS}
    for match in _LINE.finditer(_text_of(file)):
        found.get(match["name"], {})[match["labels"]] = float(match["value"])
    for one in reports:
        labels = _labels(one)
        if not one.skipped and not one.error:
            found["last_success"][labels] = now.timestamp()
        if one.due_at is not None:
            found["due"][labels] = one.due_at.timestamp()
        else:
            found["due"].setdefault(labels, now.timestamp())  # it was never followed to its end
    return found


def _text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def _lines(reports: Sequence[SearchReport], moments: Moments) -> Iterator[str]:
    for name, words in _MOMENTS.items():
        yield from _head(f"{name}_timestamp_seconds", words)
        for labels, moment in sorted(moments[name].items()):
            yield f"boorusieve_sync_{name}_timestamp_seconds{{{labels}}} {moment:.3f}"
    for name, (words, figure) in _FIGURES.items():
        yield from _head(name, words)
        for one in reports:
            if not one.skipped:
                yield f"boorusieve_sync_{name}{{{_labels(one)}}} {figure(one):g}"


def _head(name: str, words: str) -> Iterator[str]:
    yield f"# HELP boorusieve_sync_{name} {words}"
    yield f"# TYPE boorusieve_sync_{name} gauge"


def _labels(one: SearchReport) -> str:
    values = {"site": one.site, "search": one.query, "targets": " ".join(one.targets)}
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in values.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
