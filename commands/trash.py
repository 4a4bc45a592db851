"""`crawl trash`: see what was rejected, bring it back, or destroy what is old enough, after a confirmation."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from commands.context.gallery import hold_gallery
from commands.context.workspace import Clock, Workspace, load_workspace
from commands.crawling.summary import size
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.known_sites import known_site
from commands.lookup.targets import known_target
from commands.output.column_fit import filled, fitting
from commands.terminal.allowed_values import TRASH_ACTIONS
from commands.terminal.console import complain, print_json, say
from commands.terminal.exit_codes import ExitCode, worst
from commands.terminal.machine_formats import leave_open
from commands.terminal.suggestions import choose
from commands.terminal.tables import list_table, print_table, screen_width
from storage.archive import Archive
from storage.moves.trash import PurgePlan, TrashChoice, Trashed, trashed
from storage.plurals import counted
from storage.rows.posts import site_names

COLUMNS = ("post", "target", "rejected by", "why", "since", "size", "holds now")
LEAST = {"why": 12, "since": 10, "holds now": 10}  # columns that may wrap, and what they need to be readable
EXPENDABLE = ("size", "rejected by", "target")  # on narrow screens, the first one first
SHOWN = 10  # lines of trouble that are printed
_AGE = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*(d|days?|w|weeks?)?")


@dataclass(frozen=True, slots=True)
class TrashOptions:
    """The options of `crawl trash`."""

    action: str  # list | restore | purge
    posts: tuple[str, ...] = ()
    model: str | None = None
    everything: bool = False
    older_than: str | None = None
    target: str | None = None
    site: str | None = None
    yes: bool = False
    as_json: bool = False


def run(options: TrashOptions, root: Path | None, config: Path | None, clock: Clock | None = None) -> int:
    """Do it."""
    action = choose("crawl trash", options.action, TRASH_ACTIONS)
    workspace = load_workspace(root, config, clock=clock)
    if action == "list":
        return _list(options, workspace)
    work = _restore if action == "restore" else _purge
    return asyncio.run(_holding(work, options, workspace))


async def _holding(work: Any, options: TrashOptions, workspace: Workspace) -> int:
    if options.action == "purge":  # destroying files is how a full disk gets its room back
        workspace = replace(
            workspace, settings=replace(workspace.settings, limits=replace(workspace.settings.limits, free_space_mb=0))
        )
    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, workspace, f"crawl trash {options.action}")
        return int(await work(options, workspace, archive))


def _which(options: TrashOptions, workspace: Workspace) -> TrashChoice:
    """What the user means.

    Raises:
        UsageRefused: a post id is none, or nothing is known of the target or the site.
    """
    ids = []
    for word in options.posts:
        if not word.isdecimal() or not 0 < int(word) < 2**63:
            raise UsageRefused(f"{word!r} is not a post id; nothing was done")
        ids.append(int(word))
    target = site = None
    with read_gallery(workspace) as reader:
        if options.target is not None:
            target = known_target(reader, options.target).name
        if options.site is not None:
            site = known_site(options.site, reader.ask(site_names), workspace.settings)
    return TrashChoice(tuple(ids), site, target, options.model)


def _list(options: TrashOptions, workspace: Workspace) -> int:
    which = _which(options, workspace)
    with read_gallery(workspace) as reader:
        found = [item for item in reader.ask(trashed) if which.wants(item)]
    if options.as_json:
        print_json({"trash": [_plain(item) for item in found], "bytes": sum(item.size for item in found)})
        return 0
    if not found:
        say("nothing in the trash matches" if which != TrashChoice() else "the trash is empty")
        return 0
    rows = [_row(item) for item in found]
    cells = {name: [row[at] for row in rows] for at, name in enumerate(COLUMNS)}
    columns, gone = fitting(cells, screen_width(), LEAST, EXPENDABLE)
    print_table(filled(list_table(), columns, screen_width(), LEAST))
    if gone:
        say(f"no room for {', '.join(gone)}: --json shows all columns")
    say(
        f"{counted(len(found), 'file')}, {size(sum(item.size for item in found))} in the trash; "
        "crawl trash restore brings them back"
    )
    return 0


def _row(item: Trashed) -> tuple[str, ...]:
    holds = f"{item.decision or '-'}{' (labelled)' if item.labelled else ''}"
    since = f"{item.moved_at:%Y-%m-%d %H:%M}Z"
    return str(item.post_id), item.target, item.model or "a label", item.reason, since, size(item.size), holds


def _plain(item: Trashed) -> dict[str, Any]:
    return {
        "site": item.site,
        "post_id": item.post_id,
        "target": item.target,
        "model": item.model,
        "reason": item.reason,
        "moved_at": item.moved_at,
        "bytes": item.size,
        "md5": item.md5,
        "path": item.path,
        "decision": item.decision,
        "labelled": item.labelled,
    }


async def _restore(options: TrashOptions, workspace: Workspace, archive: Archive) -> int:
    if not (options.posts or options.model or options.everything):
        raise UsageRefused("say what to restore: post ids, --model mona/3, or --all")
    which = _which(options, workspace)
    there = await archive.moves.trash()
    _check_model(which, there, await archive.models())
    absent = _absent(which, there)
    done = await archive.moves.restore(which)
    gone = await archive.moves.purged_of_model(which.model) if which.model else 0
    codes = [ExitCode.DAMAGE] if done.problems else []
    _leave_open(absent, done.changed)
    if absent or done.changed:
        codes.append(ExitCode.OPEN)
    code = worst(codes)
    for line in done.problems[:SHOWN]:
        say(line)
    stay = "; crawl apply leaves them there until something new is decided" if done.back else ""
    say(f"{counted(done.back, 'file')} restored to the gallery{stay}")
    _report_absent(absent)
    if gone:
        say(f"{counted(gone, 'file')} rejected by {which.model} already purged: label them keep to download them again")
    if options.as_json:
        print_json(
            {
                "restored": done.back,
                "absent": absent,
                "purged": gone,
                "problems": list(done.problems),
                "exit": int(code),
            }
        )
    return int(code)


def _check_model(which: TrashChoice, there: Sequence[Trashed], models: Sequence[Any]) -> None:
    if which.model is not None:
        known = {model.card.name for model in models} | {item.model for item in there if item.model}
        choose("--model", which.model, sorted(known))


def _absent(which: TrashChoice, there: Sequence[Trashed]) -> list[int]:
    """Posts that were named, and of which nothing that is meant lies in the trash."""
    return sorted(set(which.posts) - {item.post_id for item in there if which.wants(item)})


def _leave_open(absent: Sequence[int], changed: int) -> None:
    leave_open("posts", len(absent), "not in the trash")
    leave_open("files", changed, "decided or labelled again in the meantime and left alone")


def _report_absent(absent: Sequence[int]) -> None:
    if absent:
        say(f"not in the trash: {', '.join(map(str, absent[:SHOWN]))}")


async def _purge(options: TrashOptions, workspace: Workspace, archive: Archive) -> int:
    """Destroy what is old enough of what is meant; `--keep` and the others mean here what they mean to list."""
    which, days = _which(options, workspace), _days(options.older_than)
    there = await archive.moves.trash()
    _check_model(which, there, await archive.models())
    absent = _absent(which, there)
    plan: PurgePlan = await archive.moves.plan_purge(days, which)
    doomed = sum(item.size for item in plan.files)
    say(
        f"{counted(len(plan.files), 'file')} ({size(doomed)}) in the trash for at least {plan.older_than_days:g} days; "
        f"kept: {plan.younger} younger, {plan.wanted} no longer rejected"
    )
    _report_absent(absent)
    record: dict[str, Any] = {"planned": len(plan.files), "bytes": doomed, "younger": plan.younger, "absent": absent}
    if plan.files and not options.yes:
        complain("nothing was destroyed; --yes destroys them for good")
        code, done = ExitCode.BRAKE, None
    else:
        done = await archive.moves.purge(plan, confirmed=options.yes)
        codes = [ExitCode.DAMAGE] if done.problems else []
        _leave_open(absent, done.changed)
        code = worst([*codes, ExitCode.OPEN] if done.changed or absent else codes)
        for line in done.problems[:SHOWN]:
            say(line)
        if plan.files:
            say(f"{counted(done.files, 'file')} destroyed; backup of the database: {done.backup}")
    if options.as_json:
        record |= {"purged": done.files if done else 0, "problems": list(done.problems) if done else []}
        print_json(record | {"backup": done.backup if done else None, "exit": int(code)})
    return int(code)


def _days(text: str | None) -> float:
    """An age: `30d`, `6w`, `30`.

    Raises:
        UsageRefused: it is not an age, or none was given.
    """
    if text is None:
        raise UsageRefused("say how old: --older-than 30d")
    found = _AGE.fullmatch(text.strip().lower())
    if found is None:
        raise UsageRefused(f"--older-than {text!r} is not an age; write 30d or 6w")
    return float(found[1]) * (7 if (found[2] or "d").startswith("w") else 1)
