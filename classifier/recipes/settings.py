"""What a recipe can be asked for: one frozen record a recipe, read strictly from `KEY=VALUE` words and from a table.

Every field has a default, a range or choices, and a line of help, so that `crawl networks show NAME` can list them
and nothing that a person types is silently dropped.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

from classifier.errors import RecipeSettingError
from classifier.pictures.preprocessing import FITS, MOST_SIZE, Preprocessing


class SettingsRecord(Protocol):
    """A frozen record whose fields were all made by `setting`."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]
    OWNER: ClassVar[str]  # what these are settings of, for messages


Record = TypeVar("Record", bound=SettingsRecord)

_BOOLEANS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off"), False)
_TYPES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_SHOWN = 80  # characters of a value in a message
_MOST = 1_000_000


def setting(
    default: Any,
    help_: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A field of a settings record.

    Args:
        default: which also says its type: bool, int, float or str.
        help_: one line.
        low: least value, for numbers.
        high: largest value, for numbers.
        choices: for texts.
    """
    return field(default=default, metadata={"help": help_, "low": low, "high": high, "choices": choices})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSettings:
    """What the training loop needs of every recipe; a recipe overrides defaults and adds fields of its own."""

    OWNER: ClassVar[str] = "this network"
    size: int = setting(96, "pixels of both sides of the input", low=8, high=MOST_SIZE)
    fit: str = setting("stretch", "how a picture that is not square becomes so", choices=FITS)
    epochs: int = setting(20, "passes over the training samples, at most", low=1, high=10_000)
    batch: int = setting(32, "pictures a step", low=1, high=4096)
    optimizer: str = setting("adam", "how weights follow the gradient", choices=("adam", "adamw", "rmsprop", "sgd"))
    rate: float = setting(1e-3, "learning rate, at its highest", low=1e-8, high=10.0)
    schedule: str = setting(
        "constant", "course of the learning rate over the epochs; cosine falls to zero", choices=("constant", "cosine")
    )
    warm_up: float = setting(0.0, "epochs in which the learning rate rises from zero", low=0.0, high=1000.0)
    cosine_epochs: int = setting(0, "epochs of one cosine, after which it begins anew; 0: all", low=0, high=10_000)
    patience: int = setting(5, "epochs without improvement after which training ends; 0: never early", low=0, high=1000)
    watch: str = setting(
        "loss", "what is to improve on the validation pictures, and picks the best epoch", choices=("loss", "accuracy")
    )
    label_smoothing: float = setting(0.0, "share of each label that is spread over all classes", low=0.0, high=0.9)
    mixup: float = setting(0.0, "alpha of mixup: pairs of pictures and labels are blended; 0: none", low=0.0, high=10.0)
    samples: int = setting(
        0, "least samples an epoch, reached by varied copies; 0: every picture once", low=0, high=_MOST
    )
    balance: int = setting(
        -1, "most samples by which classes may differ, reached by varied copies; -1: as they are", low=-1, high=_MOST
    )
    least_per_class: int = setting(0, "least samples of every class, reached by varied copies", low=0, high=_MOST)
    mirror: bool = setting(True, "half of the samples are mirrored")
    turn: float = setting(0.0, "degrees by which samples are turned, at most, to either side", low=0.0, high=180.0)
    shift: float = setting(0.0, "share of the side by which samples are moved, at most", low=0.0, high=0.9)
    zoom: float = setting(0.0, "share by which samples are made larger or smaller, at most", low=0.0, high=0.9)
    shear: float = setting(0.0, "share of the side by which samples are sheared, at most", low=0.0, high=0.9)
    noise: float = setting(0.0, "standard deviation of noise on samples, of 255 levels", low=0.0, high=128.0)
    light: float = setting(0.0, "share by which contrast and brightness of samples vary, at most", low=0.0, high=0.9)
    cover: float = setting(0.0, "share of the samples in which a rectangle is painted over", low=0.0, high=1.0)
    averaging: float = setting(
        0.0, "weights are averaged over the last steps, each counting so much of the next; 0: not", low=0.0, high=0.9999
    )
    validation_share: float = setting(0.15, "share of the pictures that picks the best epoch", low=0.02, high=0.45)
    test_share: float = setting(0.1, "share of the pictures that the figures are of", low=0.02, high=0.45)
    precision: str = setting("auto", "arithmetic; auto is half precision on a GPU alone", choices=("auto", "float32"))
    minutes: float = setting(0.0, "time for training, at most; 0: as long as it takes", low=0.0, high=100_000.0)
    seed: int = setting(0, "seed of weights, order and variations", low=0, high=2**31 - 1)

    def preprocessing(self) -> Preprocessing:
        """What decoders make of a picture; scaling to the network's range is the network's own first layer."""
        return Preprocessing(self.size, self.fit)

    def side(self, epoch: int) -> int:
        """Pixels of both sides of the samples of an epoch, which counts from 0; of `size` in the last one."""
        return self.size


@dataclass(frozen=True, slots=True)
class SettingFacts:
    """One setting, for people."""

    name: str
    default: bool | int | float | str
    allowed: str  # range or choices
    help: str


def facts_of(kind: type[RecipeSettings]) -> tuple[SettingFacts, ...]:
    """Every setting of a recipe, the recipe's own first."""
    common = {one.name for one in dataclasses.fields(RecipeSettings)}
    own = [one for one in dataclasses.fields(kind) if one.name not in common]
    shared = [one for one in dataclasses.fields(kind) if one.name in common]
    return tuple(SettingFacts(one.name, _default(one), _allowed(one), one.metadata["help"]) for one in [*own, *shared])


def from_words(base: Record, words: Sequence[str], where: str = "--set") -> Record:
    """Settings with `KEY=VALUE` words on top.

    Args:
        base: what holds where no word says otherwise.
        words: as typed; of a key that is given twice the last one holds.
        where: what the words are, for messages.

    Raises:
        RecipeSettingError: no such key, no such value, or values that do not fit together.
    """
    specs, values = _specs(type(base)), {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise RecipeSettingError(f"{where} {_short(word)}: expected KEY=VALUE, like epochs=10")
        spec = _spec(specs, key.strip(), where, base.OWNER)
        values[spec.name] = _checked(_parsed(text.strip(), spec, where), spec, where)
    return _replaced(base, values, where)


def from_table(base: Record, table: Mapping[str, Any], where: str) -> Record:
    """Settings with those of a table on top, as TOML has them.

    Raises:
        RecipeSettingError: as `from_words`.
    """
    specs, values = _specs(type(base)), {}
    for key, value in table.items():
        spec = _spec(specs, key, where, base.OWNER)
        values[spec.name] = _checked(_typed(value, spec, where), spec, where)
    return _replaced(base, values, where)


def words_of(settings: SettingsRecord) -> tuple[str, ...]:
    """Words that `from_words` makes the same settings of, whatever the defaults are."""
    return tuple(f"{one.name}={_text(getattr(settings, one.name))}" for one in dataclasses.fields(settings))


def changed_words(settings: RecipeSettings) -> tuple[str, ...]:
    """The words of settings that are not at their default."""
    pairs = zip(words_of(settings), dataclasses.fields(settings), strict=True)
    return tuple(word for word, one in pairs if getattr(settings, one.name) != one.default)


def _default(spec: dataclasses.Field[Any]) -> Any:
    return spec.default


def _text(value: bool | int | float | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _specs(kind: type[SettingsRecord]) -> dict[str, dataclasses.Field[Any]]:
    return {one.name: one for one in dataclasses.fields(kind)}


def _spec(specs: Mapping[str, dataclasses.Field[Any]], key: str, where: str, owner: str) -> dataclasses.Field[Any]:
    if key in specs:
        return specs[key]
    near = difflib.get_close_matches(key[:_SHOWN], specs, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(specs)}"
    raise RecipeSettingError(f"{where}: {_short(key)} is no setting of {owner}; {hint}")


def _parsed(text: str, spec: dataclasses.Field[Any], where: str) -> Any:
    kind = type(_default(spec))
    try:
        return _BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise _refused(spec, where, f"must be {_TYPES[kind]}", text) from None


def _typed(value: Any, spec: dataclasses.Field[Any], where: str) -> Any:
    kind = type(_default(spec))
    if kind is float and type(value) is int and abs(value) < 2**53:
        return float(value)
    if type(value) is not kind:
        raise _refused(spec, where, f"must be {_TYPES[kind]}", value)
    return value


def _checked(value: Any, spec: dataclasses.Field[Any], where: str) -> Any:
    choices, low, high = (spec.metadata[name] for name in ("choices", "low", "high"))
    if choices and value not in choices:
        near = difflib.get_close_matches(str(value)[:_SHOWN], choices, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise _refused(spec, where, f"must be one of {', '.join(choices)}", value, hint)
    if low is not None and not low <= value <= (math.inf if high is None else high):
        raise _refused(spec, where, f"must lie within {_allowed(spec)}", value)
    return value


def _refused(spec: dataclasses.Field[Any], where: str, expected: str, value: Any, hint: str = "") -> RecipeSettingError:
    return RecipeSettingError(f"{where}: {spec.name} {expected}, got {_short(value)}{hint}")


def _replaced(base: Record, values: Mapping[str, Any], where: str) -> Record:
    try:
        return dataclasses.replace(base, **values)
    except ValueError as error:  # values that do not fit together
        raise RecipeSettingError(f"{where}: {error}") from None


def _allowed(spec: dataclasses.Field[Any]) -> str:
    if spec.metadata["choices"]:
        return " | ".join(spec.metadata["choices"])
    if spec.metadata["low"] is not None:
        return f"{spec.metadata['low']}..{spec.metadata['high']}"
    return "true | false" if type(_default(spec)) is bool else "text"


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits
        text = f"a {type(value).__name__} too large to show"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
