"""The list of everything in an export, a JSON object a line: `manifest.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from storage.exports.ledger import Ledger

MANIFEST = "manifest.jsonl"
_ENDS_OF_LINES = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}  # for some readers


def manifest_lines(ledger: Ledger) -> Iterator[str]:
    """A line a sample, by place, site and post."""
    for sample in ledger.samples():
        yield json_line(sample.facts)


def json_line(record: Mapping[str, Any]) -> str:
    """A JSON object on one line, whatever its reader takes for the end of one."""
    return json.dumps(record, ensure_ascii=False).translate(_ENDS_OF_LINES) + "\n"
