"""`crawl relabel`: a person's word about pictures. It beats every decision and is durable before we say so."""

from __future__ import annotations

import getpass
import sys
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from commands.context.settings import Settings
from commands.context.workspace import Clock, load_workspace
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.known_sites import known_site
from commands.lookup.targets import target_among
from commands.terminal.console import print_json, say
from commands.terminal.exit_codes import ExitCode
from commands.terminal.machine_formats import leave_open
from commands.terminal.suggestions import choose
from storage.archive_records import Label, Relabelled
from storage.label_writer import Labelling
from storage.plurals import counted
from storage.reader import Reader
from storage.records import LabelValue
from storage.rows.posts import site_names

MOST_AT_ONCE = 1_000_000  # ids in one call
LONGEST_LINE = 1_000_000  # characters
_DIGITS = 19  # of the highest post id
_SHOWN = 40  # characters of a word that is no id


@dataclass(frozen=True, slots=True)
class RelabelOptions:
    """The options of `crawl relabel`."""

    value: str
    posts: tuple[str, ...]
    target: str | None
    site: str | None
    as_json: bool


def run(options: RelabelOptions, root: Path | None, config: Path | None, clock: Clock | None = None) -> int:
    """Record the labels; works beside a running crawl."""
    value = LabelValue(choose("label", options.value, [one.value for one in LabelValue]))
    ids = _ids(options.posts)
    workspace = load_workspace(root, config, clock=clock)
    with read_gallery(workspace) as reader:
        target = _target(reader, options.target)
        site = _site(reader, options.site, workspace.settings)
    who = _who()
    words = [Label(post_id, site, target, value, who, uuid.uuid4().hex) for post_id in ids]
    with Labelling(workspace.root, clock=workspace.clock) as labelling:
        done = labelling.relabel(words)
    return _report(options, target, done) if ids else _report_nothing(options, target)


def _report_nothing(options: RelabelOptions, target: str) -> int:
    """A query before the pipe found nothing: there is nothing to do."""
    if options.as_json:
        print_json({"recorded": 0, "unknown": [], "hidden": [], "target": target})
    say("standard input has no post ids; no label was recorded")
    return int(ExitCode.COMPLETE)


def _report(options: RelabelOptions, target: str, done: Relabelled) -> int:
    code = ExitCode.OPEN if done.unknown or done.hidden else ExitCode.COMPLETE
    leave_open("posts", len(done.unknown), "not known here, nothing recorded for them")
    leave_open("posts", len(done.hidden), "their pictures were never visible, nothing recorded for them")
    if options.as_json:
        record = {"recorded": done.recorded, "unknown": done.unknown, "hidden": done.hidden, "target": target}
        print_json(record | {"exit": int(code)})
    say(f"{counted(done.recorded, 'label')} recorded for {target}: {options.value}")
    if done.unknown:
        say(f"not in this gallery, no label recorded: {_some(done.unknown)}")
    if done.hidden:
        say(f"hidden by the site, never seen, no label recorded: {_some(done.hidden)}")
    return int(code)


def _some(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids[:10])) + (f" and {len(ids) - 10} more" if len(ids) > 10 else "")


def _ids(posts: Sequence[str]) -> list[int]:
    """Post ids from the arguments, and from standard input where a `-` stands; a query that found nothing gives none.

    Raises:
        UsageRefused: something is no id; nothing is recorded then.
    """
    ids: dict[int, None] = {}
    for number, word in enumerate(_words(posts)):
        if not word.isdecimal() or len(word) > _DIGITS or not 0 < int(word) < 2**63:
            raise UsageRefused(f"{word[:_SHOWN]!r} is not a post id; nothing was recorded")
        ids[int(word)] = None
        if number >= MOST_AT_ONCE:  # repeated ones count as well: standard input may have no end
            raise UsageRefused(f"more than {MOST_AT_ONCE} ids in one call; nothing was recorded")
    if not ids and "-" not in posts:
        raise UsageRefused("no post ids were given; name them, or - to read them from standard input")
    return list(ids)


def _words(posts: Iterable[str]) -> Iterable[str]:
    for word in posts:
        if word == "-":
            yield from _typed()
        else:
            yield word


def _typed() -> Iterable[str]:
    """The words of standard input, a line at a time.

    Raises:
        UsageRefused: it is closed or no text, or a line has no end.
    """
    if sys.stdin is None:  # closed: `crawl relabel keep - <&-`
        raise UsageRefused("standard input is closed; nothing was recorded")
    try:
        lines = 0
        while line := sys.stdin.readline(LONGEST_LINE + 1):
            lines += 1
            if lines > MOST_AT_ONCE:  # blank ones, without end
                raise UsageRefused(f"standard input has more than {MOST_AT_ONCE} lines; nothing was recorded")
            if len(line) > LONGEST_LINE:
                raise UsageRefused(
                    f"standard input has a line of more than {LONGEST_LINE} characters; nothing was recorded"
                )
            yield from line.split()
    except UnicodeDecodeError as error:
        raise UsageRefused(f"standard input is not text (byte {error.start}); nothing was recorded") from error


def _target(reader: Reader, named: str | None) -> str:
    known = {target.name: target for target in reader.targets()}
    if named is None:
        if len(known) == 1:
            return next(iter(known))
        raise UsageRefused(f"say which target is meant: --keep {' or --keep '.join(known) or 'NAME'}")
    return target_among(list(known.values()), named, option="--keep").name


def _site(reader: Reader, named: str | None, settings: Settings) -> str:
    sites = reader.ask(site_names)
    if named is None:
        if len(sites) == 1:
            return sites[0]
        raise UsageRefused(f"say which site is meant: --site {' or --site '.join(sites) or 'NAME'}")
    return known_site(named, sites, settings)


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody"
