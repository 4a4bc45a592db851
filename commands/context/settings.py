"""What `crawl.toml` and the environment say, read once into frozen records.

A flag beats an environment variable (`CRAWL_ROOT`, `CRAWL_SCORING_DEVICE`, …) beats the file. Keys that nobody
knows are refused with the line they stand on and the nearest name; secrets never belong in the file.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from commands.context.recipe_tables import check_stages, networks_of
from commands.errors import SettingsError
from commands.terminal.allowed_values import ENGINES, RENDITIONS, SOFTWARE
from commands.terminal.user_paths import PathRefused, expanded
from storage.errors import UnreadableFile
from storage.small_files import read_small_file, toml_of

MAX_FILE_BYTES = 1_000_000
DEFAULT_FILE = "crawl.toml"
LONGEST_SHOWN = 80  # characters of a value that a message quotes
_ALIKE = 0.78  # 0..1: from here on a variable of nobody's was meant for us


def _key(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    return field(default=default, metadata={"doc": doc, "low": low, "high": high, "choices": choices})


def _path(default: str, doc: str) -> Any:
    """A path; `~` is the home folder, a relative one starts at the folder where the program runs.

    It may be empty where the default is.
    """
    return field(default=default, metadata={"doc": doc, "low": None, "high": None, "choices": (), "path": True})


@dataclass(frozen=True, slots=True)
class Scoring:
    """`[scoring]`: which picture is looked at, and by what."""

    score_on: str = _key("720x720", "which rendition is scored", choices=RENDITIONS)
    look_first: str = _key(
        "180x180",
        "a smaller rendition that is looked at first; the one above is fetched only in doubt",
        choices=("none", *RENDITIONS[:-1]),
    )
    trust_tags: bool = _key(True, "keep a post whose tags name the target, whatever its score")
    device: str = _key("auto", "where scoring runs", choices=("auto", "cpu", "gpu"))
    runtime: str = _key("auto", "what scores on a CPU", choices=("auto", "litert", "openvino", "keras"))
    decoders: int = _key(
        0, "decoder processes; 0 means one per core, half of them for small renditions, eight at most", low=0, high=64
    )
    batch: int = _key(0, "pictures per batch; 0 means what suits the runtime", low=0, high=1024)
    in_flight: int = _key(48, "posts that are worked on at the same time", low=1, high=256)
    animation_frames: int = _key(
        6,
        "frames of a video, ugoira or animation that are looked at where its preview leaves a doubt; 0: none",
        low=0,
        high=8,
    )
    animation_megabytes: float = _key(8.0, "of a file that is fetched for that, at most", low=0.0, high=32.0)

    @property
    def first_rendition(self) -> str:
        """`look_first`; empty: there is none."""
        return "" if self.look_first == "none" else self.look_first


@dataclass(frozen=True, slots=True)
class GoalSettings:
    """`[goal]`: where the threshold goes when nobody says."""

    precision: float = _key(0.95, "share of the kept pictures that must show the target", low=0.5, high=0.9999)


@dataclass(frozen=True, slots=True)
class RoundZero:
    """`[round_zero]`: learning the first model from the gallery's own tags."""

    renditions: int = _key(4000, "pictures to learn from, at most", low=50, high=100_000)
    minutes: float = _key(5.0, "time for training, at most; up to twice as long on a busy machine", low=0.1, high=600.0)
    network: str = _key(
        "auto",
        "the backbone; auto is fine_tuned where the extra `pretrained` is installed, else small",
        choices=(
            *("auto", "fine_tuned", "pretrained", "small"),
            *("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_v2_b0"),
        ),
    )
    network_beside: bool = _key(
        True,
        "with fine_tuned: begin the crawl with a first model after seconds, train the network beside it, and let it "
        "take over when it is measured to be better",
    )
    download_weights: bool = _key(False, "consent to downloading published weights for the chosen backbone")
    weights: str = _path("", "a local weights file for the backbone instead of a download")
    seed: int = _key(0, "seed of sampling, splits and training", low=0, high=2**31 - 1)


@dataclass(frozen=True, slots=True)
class Tagger:
    """`[tagger]`: a tagger of your own that looks at every picture too."""

    folder: str = _path("", "folder with model.onnx and its tag list, as downloaded by you; empty: none")
    channels: str = _key(
        "auto", "order of the colours that it takes; auto means as its form has it", choices=("auto", "rgb", "bgr")
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """`[limits]`: manners and resources; manners can be made stricter, never laxer than the site's ceiling."""

    api_per_second: float = _key(0.0, "API requests a second; 0 means the site's polite default", low=0.0, high=10.0)
    files_at_once: int = _key(0, "files at the same time; 0 means the site's polite default", low=0, high=64)
    free_space_mb: int = _key(200, "free space that is never used up", low=0, high=10_000_000)


@dataclass(frozen=True, slots=True)
class DiskSettings:
    """`[disk]`: what the gallery asks of its file system."""

    picture_mode: str = _key(
        "umask",
        "mode of new pictures; their folders can be entered by whoever may read them. Database, log and models are "
        "always yours alone",
        choices=("umask", "0600", "0640", "0644", "0660", "0664"),
    )
    network: bool = _key(False, "consent to a root on a network file system, when no other machine uses it")


@dataclass(frozen=True, slots=True)
class SiteEntry:
    """`[sites.<name>]`: one more site."""

    url: str = _key("", "where the API is")
    file_hosts: tuple[str, ...] = _key((), "hosts that may serve its files, besides the API's own")
    software: str = _key("", "what it runs; empty: found out by what it answers", choices=("", *SOFTWARE))
    allow_http: bool = _key(False, "consent to plain http to this site, which is on another machine; never with a key")


@dataclass(frozen=True, slots=True)
class StageEntry:
    """`[[train.stages]]`: one stage of a recipe, before the training itself."""

    name: str = _key("", "what it is called in the report")
    positive: str = _key("", "pictures of the gallery that show it: a search, like '1girl'")
    negative: str = _key("", "pictures that do not: a search")
    positive_folder: str = _path("", "pictures that show it: a folder, instead of a search")
    negative_folder: str = _path("", "pictures that do not: a folder, instead of a search")
    at_most: int = _key(2000, "pictures of either side", low=20, high=100_000)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """`[train]`: training a recipe."""

    minutes: float = _key(
        30.0,
        "time for the network that --classes --how network trains beside the embeddings, at most",
        low=0.1,
        high=100_000.0,
    )
    stages: tuple[StageEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class FollowEntry:
    """`[[follow]]`: one search that `crawl sync` follows; where there is any, it follows no others."""

    tag: str = _key("", "tags that a post must carry, spaces between")
    keep: str = _key("", "what to keep, spaces between")
    site: str = _key("", "by name or URL; empty: the site of these settings")
    where: str = _key("", "more terms, as with --where")
    rating: str = _key("", "only these ratings, as with --rating")
    limit: int = _key(0, "posts of a first walk in one sync; 0: all", low=0, high=10_000_000)
    every_hours: float = _key(0.0, "hours between two syncs; 0: by what they bring", low=0.0, high=8784.0)


@dataclass(frozen=True, slots=True)
class RaySettings:
    """`[ray]`: the cluster that looks at pictures with `engine = "ray"`."""

    address: str = _key(
        "",
        "of a cluster that runs: HOST:6379, ray://HOST:10001, or auto for one of this machine; empty: one is started "
        "on this machine, for the run",
    )
    workers: int = _key(0, "workers, each with a model of its own; 0: as many as there is room for", low=0, high=4096)
    processors: int = _key(1, "processors that a worker takes", low=1, high=1024)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `crawl.toml` may say."""

    root: str = _path("gallery-data", "where pictures, models and the database are kept")
    database: str = _key(
        "", "postgresql:// address of the database that holds a new gallery's rows, without a password; empty: a file"
    )
    files: str = _key("", "s3:// address of the bucket for a new gallery's pictures, without a key; empty: the root")
    site: str = _key("danbooru", "the site, by name or URL")
    credentials_file: str = _path("", "a file of mode 0600 with `login = …` and `api_key = …`")
    proxy: str = _key("", "http://, https:// or socks5:// address of a proxy that every request goes through")
    allow_http: bool = _key(False, "consent to plain http to sites on other machines; never with a key")
    engine: str = _key("local", "what looks at pictures: this machine alone, or a Ray cluster", choices=ENGINES)
    scoring: Scoring = field(default_factory=Scoring)
    goal: GoalSettings = field(default_factory=GoalSettings)
    round_zero: RoundZero = field(default_factory=RoundZero)
    tagger: Tagger = field(default_factory=Tagger)
    ray: RaySettings = field(default_factory=RaySettings)
    limits: Limits = field(default_factory=Limits)
    disk: DiskSettings = field(default_factory=DiskSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    networks: Mapping[str, Any] = field(default_factory=dict)  # by name of a recipe, its settings
    sites: Mapping[str, SiteEntry] = field(default_factory=dict)
    follow: tuple[FollowEntry, ...] = ()


def load_settings(file: Path | None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the file (the one named, else `crawl.toml` here if there is one) and the environment.

    Raises:
        SettingsError: unreadable, too large, no TOML, an unknown key, or a value of the wrong type or range.
    """
    path = file or Path(DEFAULT_FILE)
    raw, text = _read(path, named=file is not None)
    settings: Settings = _build(Settings, raw, _Source(path, text), ())
    return _with_environment(settings, os.environ if environ is None else environ)


def check_choice(record: type[Any], name: str, value: Any, where: str) -> Any:
    """A value from elsewhere (a flag), checked as the setting of that name would be.

    Raises:
        SettingsError: it is none of the choices, or out of range.
    """
    spec = next(f for f in dataclasses.fields(record) if f.name == name)
    return _checked(value, spec, where)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a value came from, for messages."""

    path: Path
    text: str

    def at(self, keys: tuple[str, ...]) -> str:
        """Where a key stands: file, line where the file has one, and the key itself."""
        name = ".".join(key if len(key) <= LONGEST_SHOWN else key[: LONGEST_SHOWN - 1] + "…" for key in keys)
        line = self._line(keys)
        return f"{self.path}: {name}" if line is None else f"{self.path}, line {line}: {name}"

    def _line(self, keys: tuple[str, ...]) -> int | None:
        """The line that says the key, or else the one that begins the nearest table around it."""
        best, length = None, 0
        table: tuple[str, ...] = ()
        for number, line in enumerate(self.text.split("\n"), start=1):
            if header := _HEADER.match(line):
                says = table = _parts(header[1])
            elif assignment := _ASSIGNMENT.match(line):
                says = (*table, *_parts(assignment[1]))
            else:
                continue
            if len(says) > length and keys[: len(says)] == says:
                best, length = number, len(says)
        return best


_HEADER = re.compile(r"\s*\[\[?([^\[\]]+)\]")
_ASSIGNMENT = re.compile(r"\s*([^\s=#\[\]][^=#]*?)\s*=")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


def _parts(dotted: str) -> tuple[str, ...]:
    """`sites."my.booru"` -> sites, my.booru."""
    return tuple(part.strip("\"' ") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", dotted))


def _read(path: Path, *, named: bool) -> tuple[dict[str, Any], str]:
    """The file's tables, and its text; nothing where there is no file and none was named."""
    if not named and not os.path.lexists(path):
        return {}, ""
    text = ""
    try:
        file = read_small_file(path, MAX_FILE_BYTES)
        text = file.text()
        return toml_of(file), text
    except UnreadableFile as error:
        raise SettingsError(f"cannot read the configuration: {error}{_quoted_line(error, text)}") from None


def _quoted_line(error: UnreadableFile, text: str) -> str:
    """The key of the line that is no TOML, or that says a key again."""
    found = _AT_LINE.search(error.problem)
    lines = text.rstrip().split("\n")
    line = lines[min(int(found[1]), len(lines)) - 1] if found else lines[-1]
    key = _ASSIGNMENT.match(line)
    again = "; every key may be given once" if "overwrite" in error.problem.lower() else ""
    return f", in {key[1][:LONGEST_SHOWN]!r}{again}" if key else again


def _build(kind: type[Any], raw: Mapping[str, Any], source: _Source, above: tuple[str, ...]) -> Any:
    fields = {f.name: f for f in dataclasses.fields(kind)}
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, value in raw.items():
        keys = (*above, name)
        if name not in fields:
            near = difflib.get_close_matches(name[:LONGEST_SHOWN], fields, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known here: {', '.join(fields)}"
            raise SettingsError(f"{source.at(keys)} is not a known setting{hint}")
        values[name] = _value(hints[name], value, fields[name], source, keys)
    return kind(**values)


def _value(hint: Any, value: Any, spec: dataclasses.Field[Any], source: _Source, keys: tuple[str, ...]) -> Any:
    where = source.at(keys)
    if keys == ("sites",):
        if not isinstance(value, dict) or not all(isinstance(entry, dict) for entry in value.values()):
            raise SettingsError(f"{where} must be tables like [sites.mybooru]")
        return {name: _build(SiteEntry, entry, source, (*keys, name)) for name, entry in value.items()}
    if keys == ("networks",):
        return networks_of(value, where)
    if keys == ("train", "stages"):
        return _stages(value, source, where)
    if keys == ("follow",):
        return _followed(value, source, where)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise SettingsError(f"{where} must be a table, like [{keys[-1]}]")
        return _build(hint, value, source, keys)  # type: ignore[arg-type]  # a dataclass type, checked above
    if spec.default == ():
        return _hosts(value, where)
    return _checked(_typed(value, type(spec.default), where), spec, where)


def _stages(value: Any, source: _Source, where: str) -> tuple[StageEntry, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise SettingsError(f"{where} must be tables like [[train.stages]]")
    stages = tuple(_build(StageEntry, entry, source, ("train", "stages")) for entry in value)
    check_stages(stages, where)
    return stages


def _followed(value: Any, source: _Source, where: str) -> tuple[FollowEntry, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise SettingsError(f"{where} must be tables like [[follow]]")
    entries = tuple(_build(FollowEntry, entry, source, ("follow",)) for entry in value)
    for number, entry in enumerate(entries, start=1):
        for name in ("tag", "keep"):
            if not getattr(entry, name).split():
                raise SettingsError(f"{where}: entry {number} has no {name}, like {name} = {_LIKE[name]!r}")
    return entries


_LIKE = {"tag": "genshin_impact", "keep": "mona"}


def load_stages(file: Path) -> tuple[StageEntry, ...]:
    """The stages of a file of their own: tables `[[train.stages]]` and nothing else.

    Raises:
        SettingsError: it cannot be read, holds anything else, or no stage.
    """
    raw, text = _read(file, named=True)
    within = raw.get("train", {})
    others = [name for name in within if name != "stages"] if isinstance(within, dict) else []
    for name in [*raw, *(f"train.{name}" for name in others)]:
        if name != "train":
            raise SettingsError(f"{file}: {shown(name)} is not known here; expected tables [[train.stages]]")
    train: TrainSettings = _build(TrainSettings, raw.get("train", {}), _Source(file, text), ("train",))
    if not train.stages:
        raise SettingsError(f"{file} holds no stage; expected tables [[train.stages]]")
    return train.stages


def _hosts(value: Any, where: str) -> tuple[str, ...]:
    """Names of hosts as addresses are compared: in lower case, without the port that https has anyway."""
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(value, list) or not isinstance(item, str) or not _HOST.fullmatch(item):
            raise SettingsError(f'{where} must be a list of host names, like ["cdn.booru.example"], got {shown(item)}')
    return tuple(item.lower().removesuffix(":443") for item in value)


_HOST = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?")


def shown(value: Any) -> str:
    """A value as a message quotes it: short, whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, a table in a table in a …
        text = f"a {type(value).__name__} too large to show"
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def _typed(value: Any, kind: type[Any], where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise SettingsError(f"{where} must be a number, got {shown(value)}") from None
    if type(value) is not kind:
        raise SettingsError(f"{where} must be {_TYPES.get(kind, kind.__name__)}, got {shown(value)}")
    return value


def _checked(value: Any, spec: dataclasses.Field[Any], where: str) -> Any:
    choices, low, high = (spec.metadata[name] for name in ("choices", "low", "high"))
    if choices and value not in choices:
        near = difflib.get_close_matches(shown(value).strip("'"), choices, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise SettingsError(f"{where} must be one of {', '.join(choices)}, got {shown(value)}{hint}")
    if spec.metadata.get("path"):
        return _checked_path(value, spec, where)
    too_low = low is not None and not value >= low
    too_high = high is not None and not value <= high
    if too_low or too_high:
        raise SettingsError(f"{where} must lie within {low}..{high}, got {shown(value)}")
    return value


def _checked_path(text: str, spec: dataclasses.Field[Any], where: str) -> str:
    if not text.strip() and not spec.default:
        return ""
    try:
        return str(expanded(text))
    except PathRefused as error:
        raise SettingsError(f"{where} {error}") from None


def _with_environment(settings: Settings, environ: Mapping[str, str]) -> Settings:
    changed: Settings = _overlaid(settings, environ, ("CRAWL",))
    _check_names(environ)
    for spec in dataclasses.fields(Settings):
        section = getattr(settings, spec.name)
        if dataclasses.is_dataclass(section) and not isinstance(section, type):
            _check_variables(section, environ, f"CRAWL_{spec.name.upper()}_")
            part = _overlaid(section, environ, ("CRAWL", spec.name.upper()))
            changed = dataclasses.replace(changed, **{spec.name: part})
    return changed


def _check_names(environ: Mapping[str, str]) -> None:
    """Refuse a variable that was meant for us and sets nothing: `CRAWL_ROOOT`, `CRAWL_DEVICE`, `CRAWL_SITES_MINE_URL`.

    Others that begin with `CRAWL_` may be another program's, or the key of a site.

    Raises:
        SettingsError: with what was meant.
    """
    known = {f"CRAWL_{name}": name for name in ("CONFIG", "DEBUG", "LOGIN", "API_KEY", *_variables())}
    tables = {f"CRAWL_{spec.name.upper()}": spec.name for spec in dataclasses.fields(Settings) if _is_table(spec)}
    for variable in environ:
        name = variable.removeprefix("CRAWL_")
        if name == variable or variable in known or variable.endswith(("_LOGIN", "_API_KEY")):
            continue
        if in_a_file := [one for one in _IN_A_FILE if f"{variable}_".startswith(f"CRAWL_{one.upper()}_")]:
            raise SettingsError(
                f"environment variable {variable} is not a known setting; {in_a_file[0]} are added in a file"
            )
        if variable in tables:
            raise SettingsError(
                f"environment variable {variable} names the table [{tables[variable]}], not a setting in it"
            )
        near = [one for one in known.values() if one.endswith(f"_{name}")]
        near = near or difflib.get_close_matches(name, known.values(), n=1, cutoff=_ALIKE)
        if near:
            raise SettingsError(
                f"environment variable {variable} is not a known setting; did you mean CRAWL_{' or CRAWL_'.join(near)}?"
            )


_IN_A_FILE = ("sites", "networks", "follow")  # tables that only a file can hold


def _variables() -> Iterator[str]:
    """The variables of all settings, without `CRAWL_`."""
    for spec in dataclasses.fields(Settings):
        if not _is_table(spec):
            yield spec.name.upper()
        elif dataclasses.is_dataclass(kind := get_type_hints(Settings)[spec.name]):
            yield from (f"{spec.name}_{inner.name}".upper() for inner in dataclasses.fields(kind))


def _is_table(spec: dataclasses.Field[Any]) -> bool:
    return spec.default is dataclasses.MISSING


def _check_variables(section: Any, environ: Mapping[str, str], prefix: str) -> None:
    """Refuse a variable that is meant for a table of settings and names nothing in it.

    Raises:
        SettingsError: with the nearest name.
    """
    known = [f"{prefix}{spec.name.upper()}" for spec in dataclasses.fields(section)]
    keys = (f"{prefix}LOGIN", f"{prefix}API_KEY")  # of a site that has the table's name
    for variable in environ:
        if variable.startswith(prefix) and variable not in known and variable not in keys:
            near = difflib.get_close_matches(variable, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
            raise SettingsError(f"environment variable {variable} is not a known setting{hint}")


def _overlaid(record: Any, environ: Mapping[str, str], prefix: tuple[str, ...]) -> Any:
    changes: dict[str, Any] = {}
    for spec in dataclasses.fields(record):
        variable = "_".join((*prefix, spec.name.upper()))
        if variable in environ and isinstance(spec.default, str | bool | int | float):
            parsed = _parsed(environ[variable], type(spec.default), variable)
            changes[spec.name] = _checked(parsed, spec, f"environment variable {variable}")
    return dataclasses.replace(record, **changes)


def _parsed(text: str, kind: type[Any], variable: str) -> Any:
    try:
        return _BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise SettingsError(f"environment variable {variable} must be {_TYPES[kind]}, got {shown(text)}") from None


_BOOLEANS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off"), False)
_TYPES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
