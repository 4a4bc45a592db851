"""How long each frame of an archive is shown, by the file of facts that other programs write beside it.

gallery-dl's `NAME.zip.json` or `NAME.json` (of Pixiv, of Danbooru), Danbooru's own JSON of a post, and a plain list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from system.regular_files import read_regular

LARGEST_FACTS = 1024 * 1024  # bytes
DELAYS = "Ugoira:FrameDelays"  # Danbooru's name for them
_Way = tuple[str, ...]  # keys, the outermost first
_LIST_BELOW: tuple[_Way, ...] = (("frames",), ("ugokuIllustData", "frames"), ("pixiv_ugoira_frame_data", "data"), ())
_METADATA_BELOW: tuple[_Way, ...] = (
    ("media_metadata", "metadata"),
    ("media_asset", "media_metadata", "metadata"),
    ("metadata",),
    (),
)
_DELAY_KEYS = ("delay", "delay_msec")


def frame_delays(path: Path) -> tuple[int, ...] | None:
    """Milliseconds a frame in the order of their names, from the file beside an archive; None: nobody says."""
    for beside in (path.with_name(path.name + ".json"), path.with_suffix(".json")):
        try:
            facts = json.loads(read_regular(beside, LARGEST_FACTS, links=False).content)
        except (OSError, ValueError, RecursionError):
            continue
        found = stated_delays(facts)
        if found is not None:
            return found
    return None


def stated_delays(facts: Any) -> tuple[int, ...] | None:
    """The delays that such facts state; None: they state none."""
    for way in _LIST_BELOW:
        listed = _below(facts, way)
        if isinstance(listed, list) and listed and (found := _of_list(listed)):
            return found
    for way in _METADATA_BELOW:
        metadata = _below(facts, way)
        if isinstance(metadata, Mapping) and isinstance(metadata.get(DELAYS), list):
            return _whole(metadata[DELAYS])
    return None


def _below(facts: Any, way: _Way) -> Any:
    for key in way:
        facts = facts.get(key) if isinstance(facts, Mapping) else None
    return facts


def _of_list(listed: list[Any]) -> tuple[int, ...] | None:
    """Of `{"file": …, "delay": …}`, in the order of the files' names; or of numbers."""
    if not all(isinstance(one, Mapping) for one in listed):
        return _whole(listed)
    named = sorted(listed, key=lambda one: str(one.get("file", "")))
    return _whole([next((one[key] for key in _DELAY_KEYS if key in one), None) for one in named])


def _whole(delays: list[Any]) -> tuple[int, ...] | None:
    return tuple(delays) if delays and all(type(one) is int and one > 0 for one in delays) else None
