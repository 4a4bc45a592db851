"""What `crawl similar` shows: the table, whom the picture shows, and the same for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commands.output.column_fit import filled, fitting
from commands.terminal import tables
from commands.terminal.console import printable
from storage.retrieval.found_posts import FoundPost

if TYPE_CHECKING:
    from rounds.retrieval.name_vote import NameVote, Reliability

_LEAST = {"tags_character": 16, "decision": 8}  # columns that may wrap, and what they need
_EXPENDABLE = ("rating", "also", "where", "tags_character")  # on narrow screens, the first one first


@dataclass(frozen=True, slots=True)
class SimilarPost:
    """One row."""

    post: FoundPost
    similarity: float  # -1..1
    link: str  # of its page; "" where the site has none
    others: Sequence[FoundPost] = ()  # posts of the same file, as other sites have it

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "post": self.post.post_id,
            "site": self.post.site,
            "similarity": round(self.similarity, 4),
            "decisions": dict(self.post.decisions),
            "tags_character": list(self.post.characters),
            "rating": self.post.rating,
            "md5": self.post.md5,
            "link": self.link or None,
            "others": [{"site": post.site, "post": post.post_id} for post in self.others],
        }


@dataclass(frozen=True, slots=True)
class Naming:
    """Whom the picture shows, as far as tags and likeness can say."""

    vote: NameVote
    reliability: Reliability

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        share, count = self.reliability.of(self.vote) or (None, 0)
        vote = self.vote
        return {
            "name": vote.name,
            "share": round(vote.share, 4),
            "agreeing": vote.agreeing,
            "voters": vote.voters,
            "others": {name: round(part, 4) for name, part in vote.others.items()},
            "right": None if share is None else round(share, 4),
            "measured_on": count,
            "like_nobody": self.reliability.is_strange(self.vote),
        }


def similar_table(rows: Sequence[SimilarPost], target: str | None) -> Any:
    """The rows for people, as wide as the screen."""
    cells: Mapping[str, Sequence[str]] = {
        "post": [str(row.post.post_id) for row in rows],
        "similarity": [f"{row.similarity:.3f}" for row in rows],
        "decision": [_decision(row.post, target) for row in rows],
        "tags_character": [printable(" ".join(row.post.characters)) for row in rows],
        "also": [" ".join(f"{post.site}:{post.post_id}" for post in row.others) for row in rows],
        "rating": [row.post.rating for row in rows],
        "where": [row.link for row in rows],
    }
    shown = {name: column for name, column in cells.items() if any(column)}
    columns, _ = fitting(shown, tables.screen_width(), _LEAST, _EXPENDABLE)
    return filled(tables.list_table(), columns, tables.screen_width(), _LEAST)


def _decision(post: FoundPost, target: str | None) -> str:
    if target is not None:
        return post.decisions.get(target, "")
    if len(set(post.decisions.values())) == 1:
        return next(iter(post.decisions.values()))
    return " ".join(f"{name}:{value}" for name, value in sorted(post.decisions.items()))
