"""A head for a second target, from embeddings that were made for another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from rounds.errors import TooLittleToLearn
from rounds.second_target import LEAST_TAGGED, gallery_snapshot, shared_network
from storage.archive_records import RegisteredModel
from storage.evidence import Evidence
from storage.reader import Reader
from storage.records import ModelCard, Target
from tests.rounds.evidence import Scene, scene
from tests.rounds.models import subject

LISA = Target("lisa", "lisa_(genshin_impact)")


class Gallery:
    """A reader of made-up evidence and models."""

    def __init__(self, evidence: Evidence, seen: dict[str, int], models: list[RegisteredModel]) -> None:
        self._evidence, self._seen, self._models = evidence, seen, models

    def ask(self, question: Callable[[Any], Any]) -> Any:
        return self._seen if question.__name__ == "pictures_by_network" else 0

    def evidence(self, target: Target, backbone_hash: str, *, whole_gallery: bool) -> Evidence:
        assert whole_gallery
        return self._evidence

    def models(self) -> list[RegisteredModel]:
        return self._models


def gallery(world: Scene, seen: dict[str, int] | None = None, models: list[RegisteredModel] | None = None) -> Reader:
    return cast(Reader, Gallery(world.evidence, seen or {}, models or []))


def in_force(target: str, network: str, *, active: bool = True) -> RegisteredModel:
    card = ModelCard(target, 1, f"{target} {network}", network, 0.5)
    return RegisteredModel(card, active, datetime(2026, 1, 1, tzinfo=UTC), {}, None, 0)


def test_posts_of_a_site_that_never_names_the_target_are_not_trained_on(tmp_path: Path) -> None:
    world = scene(1000, wrong=0.0)
    sites = ["other" if not tagged and row % 3 == 0 else "demo" for row, tagged in enumerate(world.evidence.tagged)]
    world = replace(world, evidence=replace(world.evidence, sites=sites))

    found = gallery_snapshot(gallery(world), LISA, subject(tmp_path).package).evidence

    assert set(found.sites) == {"demo"}
    assert len(found) == sites.count("demo")


def test_one_post_too_few_is_counted_and_refused(tmp_path: Path) -> None:
    world, package = scene(1000, wrong=0.0), subject(tmp_path).package
    tagged = world.evidence.tagged.nonzero()[0]

    for shown in (LEAST_TAGGED - 1, LEAST_TAGGED):
        fewer = world.evidence.tagged.copy()
        fewer[tagged[shown:]] = False
        some = gallery(replace(world, evidence=replace(world.evidence, tagged=fewer)))
        if shown == LEAST_TAGGED:
            assert len(gallery_snapshot(some, LISA, package).evidence) == 1000
            continue
        with pytest.raises(TooLittleToLearn, match=f"29 posts of the gallery's 1000 .* a head needs {LEAST_TAGGED}"):
            gallery_snapshot(some, LISA, package)


def test_the_network_in_force_for_another_target_that_has_looked_at_most_is_shared() -> None:
    models = [
        in_force("mona", "first"),
        in_force("fischl", "second"),
        in_force("lisa", "third"),
        in_force("ina", "fourth", active=False),
    ]
    reader = gallery(scene(10), {"first": 50, "second": 70, "third": 90, "fourth": 100}, models)

    found = shared_network(reader, "lisa")

    assert found is not None
    assert found.model.card.name == "fischl/1"
    assert found.words() == "fischl/1's network, which has looked at 70 pictures (those of mona/1: no more)"
    assert shared_network(gallery(scene(10), {"third": 90}, models[2:]), "lisa") is None
