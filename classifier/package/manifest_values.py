"""What a package's manifest may say: each value of the type and the range that everything after relies on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from classifier.metrics.thresholds import CAUTION, LEEWAY, ThresholdCurve
from classifier.package.embedding_blocks import Block, check_blocks
from classifier.package.files import RUNTIME_FILES

MOST_DIMENSION = 65_536  # numbers of an embedding
_MOST_NAMES, _LONGEST_NAME = 100_000, 300  # of classes; characters
_MOST_BLOCKS = 100
_MOST_POINTS = 100_000  # of a curve
_MOST_ROUND = 1_000_000
LONGEST_REFUSAL = 500  # characters
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")


def number(values: Mapping[str, Any], name: str) -> float:
    """A number, 0..1.

    Raises:
        ValueError: it is none.
    """
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name} {_shown(value)} is not a number from 0 to 1")
    return float(value)


def dimension(value: Any) -> int:
    """Length of the embedding.

    Raises:
        ValueError: it is none.
    """
    if type(value) is not int or not 1 <= value <= MOST_DIMENSION:
        raise ValueError(f"the dimension {_shown(value)} is not a whole number from 1 to {MOST_DIMENSION}")
    return value


def word(value: Any, what: str) -> str:
    """A short word of letters, digits and few signs.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError(f"{what} {_shown(value)} is not a name")
    return value


def refusal(value: Any) -> str:
    """Why the model may not decide; empty: it may.

    Raises:
        ValueError: it is no line of plain text.
    """
    if not isinstance(value, str) or len(value) > LONGEST_REFUSAL or not value.isprintable():
        raise ValueError(f"the refusal {_shown(value)} is not one line of at most {LONGEST_REFUSAL} characters")
    return value


def names(value: Any, what: str) -> tuple[str, ...]:
    """A list of different names.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, list) or len(value) > _MOST_NAMES:
        raise ValueError(f"{what} are not a list of at most {_MOST_NAMES} names")
    if any(not isinstance(one, str) or len(one) > _LONGEST_NAME for one in value):
        raise ValueError(f"{what} are not names of at most {_LONGEST_NAME} characters")
    if len(set(value)) != len(value):
        raise ValueError(f"{what} have a name twice")
    return tuple(value)


def blocks(value: Any, dimension: int) -> tuple[Block, ...]:
    """The blocks of an embedding of so many numbers; empty: the package does not say.

    Raises:
        ValueError: they are none, or do not divide it.
    """
    if not isinstance(value, list) or len(value) > _MOST_BLOCKS:
        raise ValueError(f"the embedding's blocks are not a list of at most {_MOST_BLOCKS}")
    found = tuple(_block(one) for one in value)
    check_blocks(found, dimension)
    return found


def runtimes(value: Any, listed: Mapping[str, Any]) -> Mapping[str, str]:
    """The runtimes that the package carries a network for, each with its listed file.

    Raises:
        ValueError: one is not known, or its file is not listed: then it was never hashed.
    """
    found = names(value, "runtimes")
    for one in found:
        if one not in RUNTIME_FILES:
            raise ValueError(f"the runtime {one!r} is not known; known are {', '.join(RUNTIME_FILES)}")
        if RUNTIME_FILES[one] not in listed:
            raise ValueError(f"the runtime {one} wants {RUNTIME_FILES[one]}, which is not listed")
    return {one: RUNTIME_FILES[one] for one in found}


def curve(value: Any) -> ThresholdCurve | None:
    """Precision and recall by threshold.

    Raises:
        ValueError: it is none.
    """
    if value is None:
        return None
    found = _object(value, "curve")
    thresholds, precision, recall = (_column(found, name) for name in ("thresholds", "precision", "recall"))
    if not len(thresholds) == len(precision) == len(recall):
        raise ValueError("the threshold curve's columns differ in length")
    care = [
        number(found, name) if name in found else usual for name, usual in _CARE.items()
    ]  # absent from old packages
    return ThresholdCurve(thresholds, precision, recall, number(found, "prevalence"), *care)


_CARE = {"caution": CAUTION, "leeway": LEEWAY}


def snapshot(value: Any) -> dict[str, Any]:
    """What the model was trained on, with the parts that the program reads again.

    Raises:
        ValueError: such a part is of another kind.
    """
    found = _object(value, "snapshot")
    for name, most in (("round", _MOST_ROUND), ("newest_label", 2**62), ("tried", 2**62)):
        _check_count(found, name, most)
    training = _object(found.get("taught") or {}, "snapshot's taught")
    for name in ("steps", "planned_steps", "seconds", "counted_s"):
        _check_figure(name, training.get(name))
    if "targets" in found:
        names(found["targets"], "the snapshot's targets")
    for part, md5s in _object(found.get("parts") or {}, "snapshot's parts").items():
        _check_pictures(f"part {part[:40]!r}", md5s)
    _check_pictures("list of doubted tags", found.get("doubted") or [])
    return dict(found)


def metrics(value: Any) -> dict[str, Any]:
    """Figures by name: numbers, or numbers with an interval, or figures again.

    Raises:
        ValueError: what the program shows as a figure is none.
    """
    found = _object(value, "metrics")
    _object(found.get("compared") or {}, "metrics' comparison")
    test = _object(found.get("test", {}), "metrics of the test part")
    for name in ("precision", "recall"):
        if isinstance(test.get(name), dict):
            for end in ("value", "low", "high"):
                _check_figure(name, test[name].get(end))
        else:
            _check_figure(name, test.get(name))
    return dict(found)


def moment(value: Any) -> datetime:
    """A point in time.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, str):
        raise ValueError(f"created_at {_shown(value)} is not a time")
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError(f"created_at {_shown(value)} has no time zone")
    return found


def _check_pictures(what: str, md5s: Any) -> None:
    if not isinstance(md5s, list) or not all(isinstance(md5, str) for md5 in md5s):
        raise ValueError(f"the snapshot's {what} is not a list of pictures")


def _check_count(values: Mapping[str, Any], name: str, most: int) -> None:
    value = values.get(name)
    if value is not None and (type(value) is not int or not 0 <= value <= most):
        raise ValueError(f"the snapshot's {name} {_shown(value)} is not a whole number from 0 to {most}")


def _check_figure(name: str, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"the metrics' {name} {_shown(value)} is not a figure")


def _block(value: Any) -> Block:
    fields = _object(value, "block of the embedding")
    if set(fields) != {"name", "first", "count"}:
        raise ValueError(f"the block {_shown(value)} of the embedding does not say name, first and count alone")
    for name in ("first", "count"):
        if type(fields[name]) is not int or not 0 <= fields[name] <= MOST_DIMENSION:
            raise ValueError(
                f"the block's {name} {_shown(fields[name])} is not a whole number from 0 to {MOST_DIMENSION}"
            )
    return Block(word(fields["name"], "the block's name"), fields["first"], fields["count"])


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"the {what} {_shown(value)} has no names in it")
    return value


def _column(values: Mapping[str, Any], name: str) -> tuple[float, ...]:
    column: Sequence[Any] = values[name]
    if not isinstance(column, list) or len(column) > _MOST_POINTS:
        raise ValueError(f"the threshold curve's {name} are not a list of at most {_MOST_POINTS} numbers")
    if any(isinstance(x, bool) or not isinstance(x, int | float) or not math.isfinite(x) for x in column):
        raise ValueError(f"the threshold curve's {name} are not numbers")
    return tuple(float(x) for x in column)


def _shown(value: Any) -> str:
    return repr(value)[:80]
