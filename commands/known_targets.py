"""Which of the gallery's targets a name means."""

from __future__ import annotations

from commands.choices import choose
from commands.planning import UsageRefused
from storage.reading import Reader
from storage.records import Target


def known_target(reader: Reader, named: str | None) -> Target:
    """The target of that name, tag or variant; without a name the only one that there is.

    Raises:
        UsageRefused: nothing or several are known, or nothing of that name; suggests what may be meant.
    """
    known = {target.name: target for target in reader.targets()}
    if not known:
        raise UsageRefused(f"{reader.root} knows no target yet; crawl --tag TAG --keep NAME makes the first")
    if named is None:
        if len(known) == 1:
            return next(iter(known.values()))
        raise UsageRefused(f"say which target is meant: {', '.join(known)}")
    for target in known.values():
        if named in (target.name, target.tag, *target.variants):
            return target
    return known[choose("target", named, list(known))]
