"""Models of one target are measured on the same pictures, whatever each of them was measured on when it was made."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from classifier.heads.training_set import TEST
from rounds.evaluation.side_by_side import FindDoubted, SideBySide, side_by_side
from rounds.evaluation.subject import Subject
from rounds.examples.held_out import held_out
from rounds.questions.doubted_tags import doubted_tags
from storage.evidence import Evidence
from tests.rounds.evidence import answered, scene, truly
from tests.rounds.models import at_threshold, subject

pytestmark = pytest.mark.no_gallery


def numbered(subjects: Sequence[Subject]) -> list[Subject]:
    """As mona/1, mona/2 … of which the last is in force."""
    last = len(subjects)
    return [
        replace(one, model=replace(one.model, active=number == last, card=replace(one.model.card, number=number)))
        for number, one in enumerate(subjects, 1)
    ]


def on(evidence: Evidence, subjects: Sequence[Subject], find_doubted: FindDoubted = doubted_tags) -> SideBySide | None:
    return side_by_side(subjects, lambda network, tested: evidence, find_doubted)


def test_old_and_new_are_measured_on_the_same_pictures_though_one_has_learned_from_some(tmp_path: Path) -> None:
    world = scene(1500, wrong=0.0, seed=1)
    first = subject(tmp_path / "a")
    test = np.flatnonzero(held_out(first.package, world.evidence).split == TEST)
    learned = [world.evidence.md5s[row] for row in test[::2].tolist()]
    second = subject(tmp_path / "b", parts={"train": learned, "validation": [], "test": []})

    found = on(world.evidence, numbered([first, at_threshold(second, 0.999)]))

    assert found is not None
    assert set(found.figures) == {"mona/1", "mona/2"}
    assert {one.examples for one in found.figures.values()} == {found.pictures}
    assert found.pictures <= world.evidence.named[test[1::2]].sum()
    assert found.figures["mona/1"].recall.value > found.figures["mona/2"].recall.value


def test_answers_that_come_later_change_nothing_between_equal_models(tmp_path: Path) -> None:
    world = scene(1500, wrong=0.1, seed=2)
    models = numbered([subject(tmp_path / "a"), subject(tmp_path / "b")])
    evidence = answered(world.evidence, truly(world, np.flatnonzero(world.wrong)[:60].tolist()))

    before, after = on(world.evidence, models), on(evidence, models)

    assert before is not None and after is not None
    for compared in (before, after):
        assert compared.figures["mona/1"] == compared.figures["mona/2"]
        assert compared.figures["mona/1"].precision.value > 0.9
    assert before.pictures < after.pictures  # what was set apart is answered now


def test_tags_that_are_probably_wrong_are_left_out_for_all_models(tmp_path: Path) -> None:
    world = scene(1500, wrong=0.1, seed=3)

    found = on(world.evidence, numbered([subject(tmp_path / "a"), subject(tmp_path / "b", threshold=0.8)]))

    assert found is not None
    counted = held_out(subject(tmp_path / "c").package, world.evidence).counted
    assert found.pictures + found.set_apart == counted.sum()
    assert found.set_apart >= 0.5 * (world.wrong & counted).sum() > 0


def test_a_model_whose_network_has_looked_at_nothing_here_is_not_put_beside_the_others(tmp_path: Path) -> None:
    world = scene(1500, wrong=0.0, seed=4)
    nothing = replace(world.evidence.rows(np.array([], dtype=np.int64)), vectors=np.zeros((0, 0), np.float16))
    elsewhere = subject(tmp_path / "a")
    elsewhere = replace(elsewhere, package=replace(elsewhere.package, backbone_hash="e" * 64))

    found = side_by_side(
        numbered([elsewhere, subject(tmp_path / "b")]),
        lambda network, tested: nothing if network == "e" * 64 else world.evidence,
    )

    assert found is not None
    assert set(found.figures) == {"mona/2"}


def test_a_model_that_has_learned_from_nearly_all_of_them_is_not_put_beside_the_others(tmp_path: Path) -> None:
    world = scene(1500, wrong=0.0, seed=4)
    everything = {"train": world.evidence.md5s[:1490], "validation": [], "test": []}

    found = on(world.evidence, numbered([subject(tmp_path / "a", parts=everything), subject(tmp_path / "b")]))

    assert found is not None
    assert set(found.figures) == {"mona/2"}


def test_where_hardly_anything_is_held_out_there_are_no_figures(tmp_path: Path) -> None:
    assert on(scene(40, seed=5).evidence, numbered([subject(tmp_path)])) is None
    assert on(scene(40, seed=5).evidence, []) is None


def test_what_the_newest_round_found_contradicted_is_set_apart_and_nothing_is_learned(tmp_path: Path) -> None:
    world = scene(1500, wrong=0.0, seed=6)
    counted = np.flatnonzero(held_out(subject(tmp_path / "c").package, world.evidence).counted).tolist()
    md5s = world.evidence.md5s
    older = subject(tmp_path / "a", doubted=[md5s[row] for row in counted[:9]])
    newer = subject(tmp_path / "b", doubted=[md5s[row] for row in counted[4:7]])

    found = on(world.evidence, numbered([older, newer]), forbidden)
    answered_since = on(answered(world.evidence, truly(world, counted[4:5])), numbered([older, newer]), forbidden)

    assert found is not None and answered_since is not None
    assert (found.set_apart, found.pictures) == (3, len(counted) - 3)
    assert (answered_since.set_apart, answered_since.pictures) == (2, len(counted) - 2)


def test_the_rows_that_are_asked_for_are_those_that_any_model_held_out(tmp_path: Path) -> None:
    world, asked = scene(1500, seed=7), []

    def evidence_of(network: str, tested: Set[str]) -> Evidence:
        asked.append((network, tested))
        return world.evidence

    models = [subject(tmp_path / name, parts={"train": ["x"], "test": [name]}) for name in "ab"]
    side_by_side(numbered(models), evidence_of)

    assert asked == [(models[0].package.backbone_hash, {"a", "b"})] * 2


def forbidden(*_: object, **__: object) -> NoReturn:
    raise AssertionError("heads were asked again")
