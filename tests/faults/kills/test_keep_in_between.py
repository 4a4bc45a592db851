"""U13: somebody says keep while the program moves that very file to the trash, stopped at each of its operations."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.archive_records import Label
from storage.label_writer import Labelling
from storage.records import LabelValue
from tests.equipment import galleries_on
from tests.equipment.parameters import slow_after
from tests.faults import driver
from tests.faults.checker.evidence import Expected, has_rows, reading
from tests.faults.killing import ONE_AT_A_TIME
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory, assert_well, run_here
from tests.speed import patient

KINDS = ("link", "rename", "unlink", "sync", "commit")
STRIDES = {"sync": 3, "commit": 3}
HELD_S = 0.4  # how long a program stays stopped when the label has to wait for its transaction


@dataclass(frozen=True, slots=True)
class Scene:
    """A command that moves a post's file to the trash."""

    name: str
    post: int

    def command(self, laboratory: Laboratory, site: simulator.Simulator) -> tuple[Path, list[str]]:
        """A root in the state before, and the command line."""
        place = laboratory.place()
        root = place / "root"
        if self.name == "crawl":
            config = simulator.configuration(place, site.url)
            return root, simulator.arguments(root, config, "--score-on", "original")
        galleries_on.copied(laboratory.whole, root)
        config = simulator.configuration(place, site.url)
        there = ["--root", str(root), "--config", str(config)]
        for post in (10, 40, 70):
            assert run_here(["relabel", "delete", str(post), *there], environment=LOGGED_IN).code == 0
        return root, ["apply", *there]


CRAWL, APPLY = Scene("crawl", 20), Scene("apply", 40)


def say_keep(root: Path, post: int) -> bool:
    """Whether the label was recorded; a crawl that has not listed the post yet knows nothing to label."""
    if not has_rows(root):
        return False
    with Labelling(root) as labelling:
        return labelling.relabel([Label(post, "sim", "mona", LabelValue.KEEP, "me", "in between")]).recorded == 1


def stopped_in_between(scene: Scene, kind: str, number: int, laboratory: Laboratory, site: simulator.Simulator) -> bool:
    """Stop the command at an operation, say keep, let it go on, look; whether it was stopped at all."""
    root, words = scene.command(laboratory, site)
    environment = {**ONE_AT_A_TIME, **LOGGED_IN, "STUB_STOP": f"{kind}:{number}"}
    saved: list[bool] = []
    with driver.started(words, environment=environment) as child:
        if not child.waits_stopped():
            ended = child.wait()
            assert ended is not None
            assert ended.code == 0, ended.output
            return False
        person = threading.Thread(target=lambda: saved.append(say_keep(root, scene.post)))
        person.start()
        person.join(patient(HELD_S))  # in the middle of a transaction the label waits until the program goes on
        child.go_on()
        person.join()
        ended = child.wait()
    assert ended is not None
    where = f"{scene.name}, keep filed at {kind} {number}"
    assert ended.code in (0, 3), f"{where}: {ended.output}"
    if saved == [True]:
        _it_stays(root, scene.post, words, where)
    return True


def _it_stays(root: Path, post: int, words: list[str], where: str) -> None:
    """The file is in the gallery; or the word came when the move was over, and the next apply brings it back."""
    with reading(root) as database:
        ((place,),) = database.execute("SELECT place FROM results WHERE post_id = ?", (post,)).fetchall()
        ((later,),) = database.execute(
            "SELECT count(*) FROM label l JOIN file f ON f.version_id = l.version_id JOIN move m ON m.file_id = f.id"
            " WHERE l.client_key = 'in between' AND m.to_place = 'trash' AND m.outcome = 'done'"
            " AND m.closed_at < l.labelled_at"
        ).fetchall()
    assert place != "trash" or later, f"{where}: it was moved although the word was there"
    there = words[words.index("--root") : words.index("--root") + 4]
    assert run_here(["apply", *there], environment=LOGGED_IN).code == 0
    assert len(list((root / "gallery").rglob(f"{post}_*"))) == 1, where
    assert_well(root, Expected(labels=[(post, "mona", "keep")]))


@pytest.mark.fault("U13")
@pytest.mark.parametrize(
    ("scene", "kind", "number"),
    slow_after(1, [(APPLY, "rename", 2), (APPLY, "commit", 5), (CRAWL, "rename", 5)]),
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_keep_label_filed_while_the_file_moves_is_obeyed(
    scene: Scene, kind: str, number: int, laboratory: Laboratory
) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        assert stopped_in_between(scene, kind, number, laboratory, site)


@pytest.mark.fault("U13")
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scene", [APPLY, CRAWL], ids=lambda scene: scene.name)
def test_a_keep_label_filed_at_any_operation_is_obeyed(scene: Scene, kind: str, laboratory: Laboratory) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        for number in range(1, 1000, STRIDES.get(kind, 1)):
            if not stopped_in_between(scene, kind, number, laboratory, site):
                return
    pytest.fail("the sweep does not end")
