"""A table of references: where each picture lies in the gallery, and all that is known of it; nothing is copied."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from interchange.layouts.layout import ClosingFile
from interchange.samples import flat_facts
from storage.exports.ledger import Ledger
from storage.records import TagCategory

PICTURES, TAGS = "pictures.csv", "tags.csv"
_FORMULA = re.compile(r"'*\s*[=+\-@＝＋－＠\t\r]")  # what spreadsheets take for the beginning of a formula


def tables(ledger: Ledger) -> Iterator[ClosingFile]:
    """A row a picture, and a row a tag with the number of pictures that have it, the most frequent first."""
    yield ClosingFile(PICTURES, _pictures(ledger))
    yield ClosingFile(TAGS, _tags(ledger))


def _pictures(ledger: Ledger) -> Iterator[str]:
    heading: list[str] = []
    for sample in ledger.samples():
        facts = flat_facts(sample.facts)
        if not heading:
            heading = list(facts)
            yield _line(heading)
        yield _line([facts[name] for name in heading])


def _tags(ledger: Ledger) -> Iterator[str]:
    count: Counter[tuple[str, str]] = Counter()
    for sample in ledger.samples():
        for category in TagCategory:
            count.update((tag, category.value) for tag in sample.facts[f"tags_{category.value}"])
    yield _line(["tag", "category", "pictures"])
    for (tag, kind), number in sorted(count.items(), key=lambda item: (-item[1], item[0])):
        yield _line([tag, kind, number])


def _line(cells: Sequence[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(_cells(cells))
    return out.getvalue()


def _cells(cells: Iterable[object]) -> Iterator[object]:
    """No text is a formula: one that looks like it begins with an apostrophe, as in what `crawl query` writes."""
    for cell in cells:
        if not isinstance(cell, str):
            yield cell
            continue
        text = " ".join(cell.split("\n"))
        yield f"'{text}" if _FORMULA.match(text) else text
