"""What `crawl apply` would do, file by file: for people a table, for programs a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from commands.output.column_fit import filled, fitting
from commands.terminal.tables import list_table, print_table, screen_width
from storage.files.paths import gallery_folder
from storage.moves.apply_plan import ApplyPlan

_COLUMNS = ("post", "target", "from", "to", "why")
_LEAST = {"from": 8, "to": 8, "why": 12}  # columns that may wrap, and what they need to be readable
_EXPENDABLE = ("target",)  # on narrow screens: the folders name it too


@dataclass(frozen=True, slots=True)
class Step:
    """One original that would leave, come back, or be fetched."""

    do: str  # trash | back | fetch
    site: str
    post_id: int
    target: str
    source: str  # path below the root; of a fetch: the site
    to: str  # folder below the root; the file's name is chosen when it moves
    why: str


def steps(plan: ApplyPlan, *, fetch: bool) -> Iterator[Step]:
    """Every file of the plan; those that leave the gallery come first.

    Args:
        plan: from the archive.
        fetch: whether missing originals would be fetched.
    """
    for one in plan.to_trash:
        yield Step("trash", one.site, one.post_id, one.target, one.path, "trash", one.reason)
    for one in plan.back:
        yield Step("back", one.site, one.post_id, one.target, one.path, gallery_folder(one.target), one.reason)
    for missing in plan.to_fetch if fetch else ():
        to = gallery_folder(missing.target)
        yield Step("fetch", missing.site, missing.post_id, missing.target, missing.site, to, missing.reason)


def plain(step: Step) -> dict[str, Any]:
    """For programs."""
    record = asdict(step)
    return {"from" if name == "source" else name: value for name, value in record.items()}


def print_steps(plan: ApplyPlan, *, fetch: bool) -> None:
    """The table, on standard output; nothing where nothing would be done.

    Folders only: with whole paths, 49 characters each, no row fits an 80-column terminal.
    """
    rows = [_row(step) for step in steps(plan, fetch=fetch)]
    if not rows:
        return
    cells = dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True))
    columns, _ = fitting(cells, screen_width(), _LEAST, _EXPENDABLE)
    print_table(filled(list_table(), columns, screen_width(), _LEAST))


def _row(step: Step) -> tuple[str, ...]:
    folder = step.source.rpartition("/")[0] or step.source
    return str(step.post_id), step.target, folder, step.to, step.why
