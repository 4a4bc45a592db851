"""Proposals about tags as a list: for a screen, for spreadsheets, for programs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commands.output.column_fit import filled, fitting
from commands.terminal import tables
from commands.terminal.console import printable
from commands.terminal.machine_formats import as_csv
from storage.plurals import counted
from storage.reports.post_facts import PostFacts

if TYPE_CHECKING:
    from rounds.questions.tag_proposals import Proposal, ProposalKind

_LEAST = {"shows by its tags": 16}
_EXPENDABLE = ("rating", "shows by its tags", "by")  # on narrow screens, the first one first


@dataclass(frozen=True, slots=True)
class TagRow:
    """One proposal."""

    proposal: Proposal
    post: PostFacts
    tag: str  # at the post's site
    link: str  # of the page on which tags are edited; "" where the site has none

    @property
    def action(self) -> str:
        """What to do with the tag."""
        return "add" if self.proposal.kind == "missing" else "remove"

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "post": self.post.post_id,
            "site": self.post.site,
            "action": self.action,
            "tag": self.tag,
            "probability": round(self.proposal.probability, 4),
            "by": "label" if self.proposal.by_label else "model",
            "rating": self.post.rating,
            "tags_character": list(self.post.characters),
            "link": self.link or None,
        }


@dataclass(frozen=True, slots=True)
class TagList:
    """Proposals of one kind, best first."""

    kind: ProposalKind
    rows: Sequence[TagRow]
    found: int  # with those that a limit leaves out
    precision: float  # expected of these rows, 0..1; not-a-number where there are none

    def words(self, tag: str) -> str:
        """For people."""
        if self.kind == "missing":
            what = f"{counted(self.found, 'post shows', 'posts show')} the target and {_verb(self.found)} {tag}"
        else:
            what = f"{counted(self.found, 'post')} tagged {tag} {'does' if self.found == 1 else 'do'} not show it"
        if not self.rows:
            return what
        by_label = sum(row.proposal.by_label for row in self.rows)
        shown = f", the surest {len(self.rows)} are listed" if len(self.rows) < self.found else ""
        said = f"; {by_label} of them by your labels" if by_label else ""
        return f"{what}{shown}{said}; expected precision {self.precision:.3f}"

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "found": self.found,
            "by_label": sum(row.proposal.by_label for row in self.rows),
            "expected_precision": None if math.isnan(self.precision) else round(self.precision, 4),
            "posts": [row.to_json() for row in self.rows],
        }


def _verb(count: int) -> str:
    return "lacks" if count == 1 else "lack"


def tag_table(rows: Sequence[TagRow]) -> Any:
    """Rows for people, as wide as the screen."""
    cells: Mapping[str, Sequence[str]] = {
        "post": [str(row.post.post_id) for row in rows],
        "sure": [f"{row.proposal.probability:.3f}" for row in rows],
        "by": ["label" if row.proposal.by_label else "model" for row in rows],
        "shows by its tags": [printable(" ".join(row.post.characters)) for row in rows],
        "rating": [row.post.rating for row in rows],
        "where": [row.link for row in rows],
    }
    shown = {name: column for name, column in cells.items() if any(column)}
    columns, _ = fitting(shown, tables.screen_width(), _LEAST, _EXPENDABLE)
    return filled(tables.list_table(), columns, tables.screen_width(), _LEAST)


def tag_csv(lists: Sequence[TagList]) -> str:
    """Rows for a spreadsheet."""
    records = [row.to_json() for one in lists for row in one.rows]
    columns = ("site", "post", "action", "tag", "probability", "by", "rating", "tags_character", "link")
    values = [{**record, "tags_character": " ".join(record["tags_character"])} for record in records]
    return as_csv(columns, [[record[name] for name in columns] for record in values])
