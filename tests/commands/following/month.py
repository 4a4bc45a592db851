"""A month on a small site: posts come, change, are taken down and renamed every day, and a gallery follows by night."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from commands.app import app
from demo.galleries.gallery import EPOCH
from storage.archive import open_reader
from storage.records import LabelReason
from tests.commands.small_site import MONA, SERIES, SmallSite
from tests.faults.stubs.parts import stub_parts

DAY_S = 86_400.0
PAGE = 200  # posts in one answer
RENAMED_SERIES, RENAMED_TARGET = "genshin", "mona_(genshin)"
OTHERS = ("hat", "solo", "smile", "sky", "sword")
_FACTS = """
SELECT p.post_id, p.hidden_reason, CASE WHEN p.hidden_reason IS NULL THEN p.md5 END, p.rating, p.is_deleted,
       p.is_banned, r.tags, r.label, r.target, r.decision, r.decided_by, r.score, r.threshold, r.model,
       r.place = 'gallery'
FROM results r JOIN post p ON p.post_id = r.post_id AND p.site = r.site ORDER BY p.post_id
"""
_LABELS = """
SELECT p.post_id, v.md5, l.target, l.value, l.who, l.why FROM label l JOIN file_version v ON v.id = l.version_id
JOIN post p ON p.key = v.post_key ORDER BY l.seq
"""


@dataclass(frozen=True, slots=True)
class Night:
    """What one day changed, and what following it cost."""

    number: int
    new: int
    changed: int
    needed: int  # requests that list the new posts and the changed ones, 200 at a time
    asked: int  # requests for lists
    files: int  # requests for files
    answer: dict[str, Any]  # of `crawl sync --json`


@dataclass(slots=True)
class Month:
    """A site that changes, and a gallery that was crawled once and is followed since."""

    site: SmallSite
    posts: int
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    moment: datetime = field(init=False)
    series: str = SERIES
    target: str = MONA
    nights: list[Night] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Fill the site, crawl it, label a few posts."""
        self.moment = datetime.fromtimestamp(EPOCH + 3600 * (self.posts + 48), UTC)
        self.site.gallery.add_tag(MONA, "character")
        for number in range(1, self.posts + 1):
            self.site.post(number, *self._tags(), bright=self.chance.random() < 0.3)
        self.command("--tag", SERIES, "--keep", "mona")
        labelled = self.chance.sample(range(1, self.posts + 1), max(4, self.posts // 100))
        self.command("relabel", "keep", *map(str, labelled[::2]))
        self.command("relabel", "delete", *map(str, labelled[1::2]))

    @property
    def needed(self) -> int:
        """Requests that the changes themselves need."""
        return sum(night.needed for night in self.nights)

    @property
    def asked(self) -> int:
        """Requests for lists that were made."""
        return sum(night.asked for night in self.nights)

    def command(self, *words: str, root: Path | None = None) -> dict[str, Any]:
        """Run the program at this moment; gives the object of `--json`."""
        place = ["--root", str(root or self.site.root), "--config", str(self.site.folder / "crawl.toml")]
        main = ["--site", self.site.site] if words[0].startswith("--") else []
        parts = replace(stub_parts(), clock=lambda: self.moment)
        done = CliRunner().invoke(app, [*words, *main, *place, "--json"], prog_name="crawl", obj=parts)
        if done.exit_code != 0:
            raise AssertionError(f"{' '.join(words)} ended with {done.exit_code}: {done.output}")
        return dict(json.loads(done.stdout))

    def day(self, *, rename: str = "", last: bool = False) -> Night:
        """A day of changes, and the sync of its night."""
        self.moment += timedelta(days=1)
        new, changed = self._uploads(), self._edits()
        if rename:
            changed |= self._rename(rename)
        before = len(self.site.server.requests)
        answer = self.command("sync", "--all", *(["--full"] if last else []))
        asked = [request["target"] for request in self.site.server.requests[before:]]
        lists = sum(".json" in target for target in asked)
        needed = math.ceil(len(new) / PAGE) + math.ceil(len(changed) / PAGE)
        night = Night(len(self.nights) + 1, len(new), len(changed), needed, lists, len(asked) - lists, answer)
        self.nights.append(night)
        return night

    # --- the site ----------------------------------------------------------------------------------------------------

    def _tags(self) -> Sequence[str]:
        others = self.chance.sample(OTHERS, 2)
        return (*others, self.target) if self.chance.random() < 0.15 else others

    def _moment_of_day(self) -> float:
        return self.moment.timestamp() - self.chance.uniform(10, DAY_S - 10)

    def _uploads(self) -> set[int]:
        gallery, new = self.site.gallery, set()
        for _ in range(max(2, self.posts // 150)):
            number = gallery.highest_id + 1
            self.site.post(number, *self._tags(), bright=self.chance.random() < 0.3)
            tags = tuple(sorted({*gallery.posts[number].tags, self.series} - ({SERIES} - {self.series})))
            moment = self._moment_of_day()
            gallery.edit(number, tags=tags, created_at=moment, updated_at=moment)
            new.add(number)
        return new

    def _edits(self) -> set[int]:
        """Tags, ratings, deletions, bans, other files, posts that leave the search, posts that are expunged."""
        gallery = self.site.gallery
        ids = self.chance.sample(
            [post_id for post_id in gallery.ids if self._listed(post_id)], max(8, self.posts // 50)
        )
        for number, post_id in enumerate(ids):
            post, moment = gallery.posts[post_id], self._moment_of_day()
            if number == 0:
                gallery.edit(post_id, is_banned=not post.is_banned)  # no site dates a ban
            elif number == 1:
                gallery.edit(post_id, is_deleted=not post.is_deleted, updated_at=moment)
            elif number == 2:
                other = gallery.posts[self.chance.choice(gallery.ids)]
                gallery.edit(post_id, picture=other.picture, updated_at=moment)  # which somebody may have labelled
            elif number == 3:
                gallery.edit(post_id, rating=self.chance.choice("gsqe"), updated_at=moment)
            elif number == 4:
                gallery.edit(post_id, tags=tuple({*post.tags, "other"} - {self.series}), updated_at=moment)
            elif number == 5:
                gallery.remove(post_id)
            else:
                name = self.chance.choice((*OTHERS, self.target))
                gallery.edit(post_id, tags=tuple({*post.tags} ^ {name}), updated_at=moment)
        return set(ids)

    def _listed(self, post_id: int) -> bool:
        return self.series in self.site.gallery.posts[post_id].tags

    def _rename(self, what: str) -> set[int]:
        old, new = (self.series, RENAMED_SERIES) if what == "series" else (self.target, RENAMED_TARGET)
        holders = set(self.site.gallery.holders(old))
        self.site.rename(old, new)
        self.series, self.target = (new, self.target) if what == "series" else (self.series, new)
        for post_id in holders:
            self.site.gallery.edit(post_id, updated_at=self._moment_of_day())
        return holders

    # --- the two galleries -------------------------------------------------------------------------------------------

    def labels(self) -> Sequence[tuple[Any, ...]]:
        """Every label of the gallery, in the order in which they were given; why it was given comes last."""
        with self.site.reader() as reader:
            return reader.sql(_LABELS).rows

    def wrong_labels(self, given: Sequence[tuple[Any, ...]]) -> list[str]:
        """What became of labels that must not: one that people gave is not there, or one is there that nobody gave.

        A post that came to show the very same file as a labelled one has that one's label, too.

        Args:
            given: by people, from `labels`.
        """
        now, said = self.labels(), {label[1:5] for label in given}
        lost = [f"lost: {label}" for label in given if label not in now]
        new = [label for label in now if label not in given]
        unfounded = [label for label in new if label[5] != LabelReason.SAME_PICTURE or label[1:5] not in said]
        return [*lost, *(f"given by nobody: {label}" for label in unfounded)]

    def differences(self) -> list[str]:
        """Where the gallery is not what a fresh crawl of the site as it is now makes."""
        self.command("apply", "--yes")
        fresh_root = self.site.folder / "fresh"
        self.command("--tag", self.series, "--keep", "mona", root=fresh_root)
        followed, fresh = _facts(self.site.root), _facts(fresh_root)
        unlike = [one for one in fresh if not _same(followed.get(one), fresh[one])]
        wrong = [f"post {one}: {followed.get(one)} instead of {fresh[one]}" for one in unlike]
        left = [one for one in followed if one not in fresh and not self._left(one, followed[one])]
        return [*wrong, *(f"post {one}: still followed as {followed[one]}" for one in left)]

    def _left(self, post_id: int, facts: tuple[Any, ...]) -> bool:
        """Whether a post is recorded as gone, or as one that lacks the tag."""
        return facts[1] == "gone" or self.series not in facts[6].split()


def _facts(root: Path) -> dict[int, tuple[Any, ...]]:
    with open_reader(root) as reader:
        return {row[0]: row for row in reader.sql(_FACTS).rows}


def _same(followed: tuple[Any, ...] | None, fresh: tuple[Any, ...]) -> bool:
    """What the site states is equal always; what follows from it where the file is shown and nobody labelled it."""
    if followed is None or followed[:7] != fresh[:7]:
        return False
    return fresh[1] is not None or followed[7] is not None or followed[8:] == fresh[8:]
