"""Rows of the `manifest.jsonl` that every export of this program has, read back from a folder that anybody may edit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from interchange.manifest import MANIFEST
from storage.errors import BadName
from storage.names import wrong_with_tag
from storage.records import (
    FILE_EXTENSIONS,
    DecidedBy,
    Decision,
    DecisionValue,
    LabelValue,
    PostTags,
    Rating,
    TagCategory,
    Target,
)
from system.regular_files import open_regular

LARGEST_MANIFEST = 1 << 34  # bytes
LONGEST_ROW = 1 << 20  # bytes
_MD5 = re.compile(r"[0-9a-f]{32}")
_SHARD = ".tar"  # whose members are named as if it were a folder
_ABSOLUTE = re.compile(r"/|[A-Za-z]:[/\\]|\\\\")
_LABELLED = re.compile(r"labelled [a-z]+ by (.{1,100})")
IMPORTED = "imported"  # of decisions that another gallery made: its policy, and its models
_MOST = 2**31  # of what is counted


class RowMakesNoSense(ValueError):
    """A row lacks what it must have, or says what cannot be."""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """A picture of an export, and its post."""

    file: str  # relative to the export's folder, with slashes
    whole: bool  # whether the file is the original, byte for byte, and lies in the export's folder
    site: str
    post_id: int
    md5: str  # of the original
    ext: str
    width: int  # of the original, pixels
    height: int
    size: int  # of the original, bytes
    rating: Rating
    score: int  # the site's votes
    source: str
    created_at: datetime
    tags: PostTags
    target: Target | None = None  # that the rest is about
    label: LabelValue | None = None  # of a person
    who: str = ""  # labelled it; "": it does not say
    decision: Decision | None = None  # of the machine, where no label hides it
    split: str = ""  # validation or test


def has_manifest(folder: Path) -> bool:
    """Whether a folder is an export of this program."""
    return (folder / MANIFEST).is_file()


def manifest_rows(folder: Path) -> Iterator[ManifestRow | None]:
    """The rows, one after the other; None for one that makes no sense. One post may have several: one a target.

    Raises:
        OSError: the manifest cannot be read.
    """
    with (
        open_regular(folder / MANIFEST, LARGEST_MANIFEST, links=False) as raw,
        open(raw.fileno(), "rb", closefd=False) as file,
    ):
        while line := file.readline(LONGEST_ROW):
            try:
                yield _row(json.loads(line))
            except (ValueError, OverflowError, RecursionError, BadName):
                yield None


def _row(facts: Any) -> ManifestRow:
    if not isinstance(facts, dict):
        raise RowMakesNoSense
    file = _text(facts, "file")
    path, elsewhere = PurePosixPath(file), _ABSOLUTE.match(file) is not None  # in a table of references
    if "\0" in file or (not elsewhere and (".." in path.parts or "\\" in file or ":" in file)):
        raise RowMakesNoSense
    md5, created = _text(facts, "md5"), datetime.fromisoformat(_text(facts, "created_at"))
    if not _MD5.fullmatch(md5):
        raise RowMakesNoSense
    if facts.get("ext") not in sorted(FILE_EXTENSIONS):
        raise RowMakesNoSense("ext")
    ext, size = _text(facts, "ext"), (_number(facts, "original_width"), _number(facts, "original_height"))
    same_size = (facts.get("width"), facts.get("height")) == size
    same_bytes = not facts.get("rendition") and path.suffix == f".{ext}" and same_size
    return ManifestRow(
        file=file,
        whole=same_bytes and not elsewhere and path.parent.suffix != _SHARD,
        site=_text(facts, "site"),
        post_id=_number(facts, "post_id", least=1, most=2**63 - 1),  # an import's own numbers are long
        md5=md5,
        ext=ext,
        width=size[0],
        height=size[1],
        size=_number(facts, "file_size", most=2**40),
        rating=Rating(_text(facts, "rating")),
        score=_number(facts, "site_score", least=-_MOST),
        source=_text(facts, "source", empty=True),
        created_at=created.astimezone(UTC) if created.tzinfo else created.replace(tzinfo=UTC),
        tags=PostTags(**{category.value: _tags(facts, f"tags_{category.value}") for category in TagCategory}),
        **_judged(facts),
    )


def _judged(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What people and the machine said of the post and a target."""
    name = facts.get("target")
    if name is None:
        return {}
    tag = facts.get("target_tag")
    target = Target(_text(facts, "target"), tag if isinstance(tag, str) and tag else _text(facts, "target"))
    label, split = facts.get("label"), facts.get("split")
    return {
        "target": target,
        "label": None if label in (None, LabelValue.CLEAR.value) else LabelValue(label),
        "who": _who(facts),
        "decision": _decision(facts, target.name),
        "split": split if split in ("validation", "test") else "",
    }


def _who(facts: Mapping[str, Any]) -> str:
    """Who labelled, by the reason as the view `results` gives it."""
    found = _LABELLED.fullmatch(_text(facts, "reason")) if facts.get("label") is not None else None
    return found[1] if found is not None else ""


def _decision(facts: Mapping[str, Any], target: str) -> Decision | None:
    by, value, model = facts.get("decided_by"), facts.get("decision"), facts.get("model")
    if value is None or by in (None, "label"):
        return None
    if model is not None:
        model = _text(facts, "model", empty=True)
    return Decision(
        target=target,
        value=DecisionValue(value),
        decided_by=DecidedBy(by),
        reason=_text(facts, "reason", empty=True),
        policy=IMPORTED,
        score=_share(facts, "score"),
        threshold=_share(facts, "threshold"),
        model=model,
        model_hash=f"{IMPORTED}:{model}" if model else None,  # so that it is none of this gallery's
    )


def _share(facts: Mapping[str, Any], key: str) -> float | None:
    value = facts.get(key)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise RowMakesNoSense(key)
    return float(value)


def _text(facts: Mapping[str, Any], key: str, *, empty: bool = False) -> str:
    value = facts.get(key)
    if not isinstance(value, str) or not (value or empty):
        raise RowMakesNoSense(key)
    value.encode()  # half a character cannot be stored: a ValueError, too
    return value


def _number(facts: Mapping[str, Any], key: str, *, least: int = 0, most: int = _MOST) -> int:
    value = facts.get(key)
    if type(value) is not int or not least <= value <= most:
        raise RowMakesNoSense(key)
    return value


def _tags(facts: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = facts.get(key)
    if not isinstance(value, list) or not all(isinstance(tag, str) and wrong_with_tag(tag) is None for tag in value):
        raise RowMakesNoSense(key)
    return tuple(sorted(set(value)))
