"""The review page, killed while a person answers; half of the time while a round that it started is at work."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from random import Random
from typing import Any

from tests.equipment.served import ServedPage, serving
from tests.faults import driver
from tests.faults.kills.grounds import Ground
from tests.faults.kills.labels import Acknowledged
from tests.faults.kills.scenes import (
    DONE,
    ORPHANS_S,
    SMALL_BATCH,
    Blow,
    Run,
    Struck,
    Whole,
    files_of,
    half_decided,
    in_a_child,
    looked_at,
    lost,
    state_of,
    verified,
    whatever_number,
)

ANSWERS = 60


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """One answer, as the page's script would send it."""

    post: int
    picture: int
    value: str

    def body(self) -> dict[str, Any]:
        """What is posted; the key is the same however often it is sent."""
        key = f"answer-{self.picture:08d}"
        return {"answers": [{"id": self.picture, "value": self.value, "key": key, "seen": 0}]}


@dataclass(slots=True)
class Person:
    """Answers one picture after the other, and remembers what was shown as saved."""

    page: ServedPage
    target: str
    answers: Sequence[PageAnswer]
    saved: list[Acknowledged] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _thread: threading.Thread | None = None

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Answer in the background; whoever leaves the block waits until the answers, or the page, have ended."""
        thread = threading.Thread(target=self._until_the_page_is_gone, name="person")
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def _until_the_page_is_gone(self) -> None:
        with contextlib.suppress(OSError, ValueError, HTTPException):  # an answer that was cut
            self.give_all()

    def give_all(self) -> None:
        """Send every answer and wait for each."""
        for answer in self.answers:
            status, reply = self.page.post(f"/api/targets/{self.target}/answers", answer.body())
            if status == 200 and reply["saved"]:
                self.saved.append((answer.post, self.target, answer.value))
            else:
                self.refused.append(f"picture {answer.picture}: {status} {reply}")


@dataclass(frozen=True, slots=True)
class PageScene:
    """`crawl review`, answers over HTTP, and a round now and then."""

    ground: Ground
    answers: Sequence[PageAnswer]
    name: str = "review"
    compares: bool = True
    undisturbed: Run = in_a_child

    @classmethod
    def of(cls, ground: Ground, seed: int, answers: int = ANSWERS) -> PageScene:
        """Every answer is about another picture."""
        dice, pictures = Random(f"answers {seed}"), ground.pictures()
        posts = dice.sample(ground.posts(), k=answers)
        return cls(
            ground, [PageAnswer(post, pictures[post], dice.choice(("keep", "delete", "unsure"))) for post in posts]
        )

    def whole(self, root: Path) -> Whole:
        """Everything is answered, then a round is done.

        Raises:
            RuntimeError: an answer is refused, or the round fails.
        """
        self.ground.copied_to(root)
        begun = time.monotonic()
        with serving(root) as page:
            ready = time.monotonic()
            person = Person(page, self.ground.target, self.answers)
            person.give_all()
            seconds = time.monotonic() - ready
            code = page.stop()
        again = self._round(root)
        troubles = [*person.refused, *looked_at(root, person.saved)]
        if code or again.code not in DONE or troubles:
            raise RuntimeError(
                f"review, undisturbed after {time.monotonic() - begun:.1f} s: {troubles or again.output}"
            )
        return Whole(seconds + 1.0, state_of(root, whatever_number))  # a second more, for rounds

    def struck(self, root: Path, blow: Blow, whole: Whole, dice: Random) -> Struck:
        """Answer, perhaps start a round, and kill the page: alone, or together with its round."""
        self.ground.copied_to(root)
        before = files_of(root)
        starts_a_round, power_cut = dice.random() < 0.5, dice.random() < 0.5
        with serving(root) as page:
            deadline = time.monotonic() + blow.share * whole.seconds
            person = Person(page, self.ground.target, self.answers)
            with person.at_work():
                if starts_a_round:
                    with contextlib.suppress(OSError, ValueError):
                        page.post("/api/rounds", {"target": self.ground.target})
                time.sleep(max(0.0, deadline - time.monotonic()))
                ran_s = time.monotonic() - deadline + blow.share * whole.seconds
                children = children_of(page.process.pid)
                page.process.send_signal(signal.SIGKILL)
                for one in children if power_cut else ():
                    kill(one)
            killed = page.process.wait(timeout=120) == -signal.SIGKILL
        orphans = [] if all(map(ended, children)) else ["the round of the killed page still runs"]
        found = Struck(root, killed, ran_s, person.saved, len(person.saved))
        found.troubles = [
            *orphans,
            *person.refused,
            *looked_at(root, found.acknowledged, weak=True),
            *lost(before, root),
        ]
        return found

    def mended(self, struck: Struck, whole: Whole) -> list[str]:
        """Open the page again: it shows what was saved, and takes every answer again; then a round, undisturbed."""
        with serving(struck.root) as page:
            found = [*shown_wrongly(page, self.ground.target, self.answers, struck.acknowledged)]
            person = Person(page, self.ground.target, self.answers)
            person.give_all()
            found += person.refused
            if (code := page.stop()) != 0:
                found.append(f"the page ended with {code}")
        again = self._round(struck.root)
        if again.code not in DONE:
            return [*found, f"the round ended with {again.code}: {again.output.strip()[-300:]}"]
        found += looked_at(struck.root, person.saved) + verified(self.undisturbed, self.ground, struck.root)
        if state_of(struck.root, whatever_number) != whole.state:
            found.append("another state than without a kill")
        return found + half_decided(self.ground, struck.root)

    def _round(self, root: Path) -> driver.CommandResult:
        words = ["train", self.ground.target, "--how", "head", "--force", "--quiet", *self.ground.at(root)]
        return self.undisturbed(words, SMALL_BATCH)


def shown_wrongly(
    page: ServedPage, target: str, answers: Sequence[PageAnswer], saved: Sequence[Acknowledged]
) -> Iterator[str]:
    """Saved answers that the page does not show."""
    wanted = {post: value for post, _, value in saved}
    asked = ",".join(str(answer.picture) for answer in answers)
    cards = page.get(f"/api/targets/{target}/cards?ids={asked}")["cards"]
    shown = {card["post"]: card["label"] for card in cards}
    for post, value in wanted.items():
        if shown.get(post) != value:
            yield f"post {post} was answered {value}, the page shows {shown.get(post)}"


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def kill(pid: int) -> None:
    """SIGKILL, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def ended(pid: int) -> bool:
    """Whether a process ends within the time that is given to orphans."""
    deadline = time.monotonic() + ORPHANS_S
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False
