"""Which form of tagger a folder holds: network, tag list, and how a picture must be made ready for it.

| form | files | input | borders |
| --- | --- | --- | --- |
| wd | `model.onnx`, `selected_tags.csv` | BGR, 0..255, rows × columns × channels | white |
| stages | the same and `preprocess.json` (PixAI, dbv4) | RGB, mean and deviation as the file says | as the file says |
| cl | `model.onnx`, `tag_mapping.json` | BGR, -1..1 | white |
| camie | `*.onnx`, `*metadata.json` with a `dataset_info` | RGB by ImageNet's mean and deviation | grey |

The files are somebody else's: each is a regular file of bounded size. Links are followed, as download caches are made
of them. Nothing is loaded here, so a wrong folder is found before anything else is done.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from classifier.errors import TaggerError
from classifier.package.bounded_json import read_json
from classifier.pictures.preprocessing import MOST_SIZE
from system.regular_files import UnsafeFile, open_regular, read_regular

MOST_MODEL_BYTES = 8 << 30
_MOST_LIST_BYTES = 64 << 20
MOST_TAGS = 500_000
_LONGEST_TAG = 1000  # characters
_IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))  # mean and deviation, of 0..255
_CATEGORIES = {"0": "general", "1": "artist", "3": "copyright", "4": "character", "5": "meta", "9": "rating"}
_RATINGS = {"general": "g", "sensitive": "s", "questionable": "q", "explicit": "e", "safe": "s"}
_INTERPOLATIONS = ("bilinear", "bicubic", "lanczos")

Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggerForm:
    """How one folder's tagger wants to be used."""

    kind: str  # wd | stages | cl | camie
    model: Path
    tags: tuple[str, ...]  # by place in the network's answer; "" where the list has a hole
    bgr: bool  # blue comes first
    mean: Three = (0.0, 0.0, 0.0)  # taken off each channel, 0..255, in the order of the channels that are fed
    deviation: Three = (1.0, 1.0, 1.0)  # then divided by
    size: int = 448  # pixels of both sides, where the network leaves it open
    fit: str = "pad"  # as `classifier.pictures.preprocessing.Preprocessing.fit`
    resample: str = "bicubic"
    pad_value: int = 255


def read_form(folder: Path) -> TaggerForm:
    """What a folder holds.

    Raises:
        TaggerError: no tagger of a known form; says what is missing or wrong.
    """
    if not folder.is_dir():
        raise TaggerError(f"{folder} is no folder; [tagger] folder names the one with model.onnx and its tag list")
    model = _model_file(folder)
    for name, read in _READERS:
        found = sorted(folder.glob(name))
        if found:
            return read(model, found[0])
    raise TaggerError(
        f"{folder} has no tag list; beside {model.name} there must be selected_tags.csv, tag_mapping.json or a "
        "…metadata.json"
    )


def with_channels(form: TaggerForm, channels: str) -> TaggerForm:
    """The same with the order of the colours that the user chose.

    Args:
        form: what its folder holds.
        channels: auto (as the form has it) | rgb | bgr.
    """
    if channels == "auto" or form.bgr == (channels == "bgr"):
        return form
    first = tuple(reversed(form.mean)), tuple(reversed(form.deviation))
    return replace(form, bgr=not form.bgr, mean=first[0], deviation=first[1])  # type: ignore[arg-type]  # three stay three


def _model_file(folder: Path) -> Path:
    """`model.onnx`, or the only network there."""
    there = sorted(path for path in folder.glob("*.onnx"))
    named = [path for path in there if path.name == "model.onnx"] or there
    if not named:
        raise TaggerError(f"{folder} has no model.onnx; [tagger] folder names the one with model.onnx and its tag list")
    if len(named) > 1:
        names = ", ".join(path.name for path in named[:5])
        raise TaggerError(f"{folder} has several networks ({names}); call the one that is meant model.onnx")
    try:
        open_regular(named[0], MOST_MODEL_BYTES).close()
    except OSError as error:
        raise _unreadable(named[0], error) from error
    return named[0]


# --- one reader a form -----------------------------------------------------------------------------------------------


def _selected_tags(model: Path, file: Path) -> TaggerForm:
    tags = _csv_tags(file)
    stages = file.parent / "preprocess.json"
    if stages.exists():
        return _staged(model, tags, stages)
    return TaggerForm(kind="wd", model=model, tags=tags, bgr=True)


def _tag_mapping(model: Path, file: Path) -> TaggerForm:
    half = (127.5, 127.5, 127.5)
    return TaggerForm(kind="cl", model=model, tags=_json_tags(file, _json(file)), bgr=True, mean=half, deviation=half)


def _metadata(model: Path, file: Path) -> TaggerForm:
    whole = _json(file)
    facts = whole.get("dataset_info") if isinstance(whole, dict) else None
    if not isinstance(facts, dict):
        raise TaggerError(f"{file} has no dataset_info with the tags; it is not the metadata of a known tagger")
    return TaggerForm(
        kind="camie",
        model=model,
        tags=_json_tags(file, facts.get("tag_mapping")),
        bgr=False,
        mean=_IMAGENET[0],
        deviation=_IMAGENET[1],
        size=512,
        resample="lanczos",
        pad_value=116,  # the grey nearest to the mean: nothing to the network
    )


_READERS: tuple[tuple[str, Callable[[Path, Path], TaggerForm]], ...] = (
    ("selected_tags.csv", _selected_tags),
    ("tag_mapping.json", _tag_mapping),
    ("*metadata.json", _metadata),
)


# --- tag lists -------------------------------------------------------------------------------------------------------


def _csv_tags(file: Path) -> tuple[str, ...]:
    """The names of `selected_tags.csv`, in the order of its rows, which is that of the network's answer."""
    try:
        rows = list(csv.DictReader(io.StringIO(_content(file).decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise TaggerError(f"{file} is no table of tags: {error}") from error
    if not rows or "name" not in rows[0]:
        raise TaggerError(f"{file} has no column `name`, or no row; it is not the list of a tagger's tags")
    return _checked(file, [_named(row["name"], row.get("category")) for row in rows])


def _json_tags(file: Path, mapping: Any) -> tuple[str, ...]:
    """`{"0": {"tag": …, "category": …}}`, or `{"idx_to_tag": {"0": …}, "tag_to_category": {…}}`."""
    try:
        if "idx_to_tag" in mapping:
            kinds = mapping.get("tag_to_category", {})
            found = {int(at): _named(name, kinds.get(name)) for at, name in mapping["idx_to_tag"].items()}
        else:
            found = {int(at): _named(entry["tag"], entry.get("category")) for at, entry in mapping.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TaggerError(f"{file} is not the list of a tagger's tags: {type(error).__name__}: {error}") from error
    if not found or min(found) < 0 or max(found) >= MOST_TAGS:
        raise TaggerError(f"{file} must number its tags from 0 to at most {MOST_TAGS - 1}")
    return _checked(file, [found.get(at, "") for at in range(max(found) + 1)])


def _named(name: Any, category: Any) -> str:
    """A tag as the site writes it: lower case, underscores; ratings as `rating:g`."""
    tag = "_".join(str(name or "").lower().split())
    kind = str(category or "").lower()
    if _CATEGORIES.get(kind, kind) != "rating":
        return tag
    letter = _RATINGS.get(tag.removeprefix("rating_").removeprefix("rating:"))
    return tag if letter is None else f"rating:{letter}"


def _checked(file: Path, tags: Sequence[str]) -> tuple[str, ...]:
    if len(tags) > MOST_TAGS or any(len(tag) > _LONGEST_TAG for tag in tags) or not any(tags):
        raise TaggerError(f"{file} has no tags, more than {MOST_TAGS}, or one of over {_LONGEST_TAG} characters")
    return tuple(tags)


# --- preprocess.json -------------------------------------------------------------------------------------------------


def _staged(model: Path, tags: tuple[str, ...], file: Path) -> TaggerForm:
    """A list of steps as torchvision names them: pad_to_size, resize, center_crop, normalize."""
    whole = _json(file)
    steps = (whole.get("stages") or whole.get("test")) if isinstance(whole, dict) else None
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise TaggerError(f"{file} lists no steps under `stages` or `test`")
    by_type = {str(step.get("type")): step for step in steps}
    sizes = [_side(by_type[name].get("size")) for name in ("center_crop", "resize", "pad_to_size") if name in by_type]
    normal = by_type.get("normalize", {})
    resize = by_type.get("resize", by_type.get("pad_to_size", {}))
    size = next((side for side in sizes if side), 0)
    if not 1 <= size <= MOST_SIZE:
        raise TaggerError(f"{file} names no size of the input from 1 to {MOST_SIZE} pixels")
    return TaggerForm(
        kind="stages",
        model=model,
        tags=tags,
        bgr=False,
        mean=_three(file, normal.get("mean", (0, 0, 0))),
        deviation=_three(file, normal.get("std", (1, 1, 1))),
        size=size,
        fit=_fit(by_type),
        resample=_interpolation(resize.get("interpolation")),
    )


def _fit(steps: Mapping[str, Mapping[str, Any]]) -> str:
    """Borders around the whole picture, its middle, or the picture distorted, whichever the steps amount to."""
    if "pad_to_size" in steps:
        return "pad"
    return "stretch" if isinstance(steps.get("resize", {}).get("size"), list) else "crop"


def _side(value: Any) -> int:
    side = value[0] if isinstance(value, list) and value else value
    return side if type(side) is int else 0


def _interpolation(value: Any) -> str:
    return value if value in _INTERPOLATIONS else "bilinear"


def _three(file: Path, values: Any) -> Three:
    """Three numbers of 0..1 as numbers of 0..255."""
    if len(values) == 3 and all(isinstance(value, int | float) for value in values):
        first, second, third = (float(value) * 255.0 for value in values)
        return first, second, third
    raise TaggerError(f"{file} gives a mean or deviation that is not three numbers")


# --- files -----------------------------------------------------------------------------------------------------------


def _json(file: Path) -> Any:
    try:
        return read_json(_content(file))
    except ValueError as error:
        raise TaggerError(f"{file} cannot be read: {error}") from error


def _content(file: Path) -> bytes:
    try:
        return read_regular(file, _MOST_LIST_BYTES).content
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(path: Path, error: OSError) -> TaggerError:
    return TaggerError(f"{path} {error.why if isinstance(error, UnsafeFile) else f'cannot be read: {error.strerror}'}")
