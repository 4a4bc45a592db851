"""A round: learned from a snapshot, in force only when it is not worse, everything decided again by one rule."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.head import Head
from classifier.package.package import BackboneFiles, Canary, PackageParts, load_package, write_package
from classifier.pictures.preprocessing import Preprocessing
from crawler.decisions import Policy, Ruling
from rounds.errors import TooLittleToLearn, UnknownModel
from rounds.evaluation.comparison import compare
from rounds.head_round import HeadRoundSettings, Snapshot, finish, learn_candidate
from rounds.models import Switch, import_model, model_before, named_model, switch
from storage.archive_records import RegisteredModel
from storage.evidence import Rescored, SplitAssignments
from storage.records import SITE_TAGGER, AiTag, Decision, DecisionValue, Look, ModelCard, PostTags, Stratum, Target
from tests.rounds.evidence import WIDTH, Scene, answered, scene, truly

MONA = Target("mona", "mona_(genshin_impact)")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryArchive:
    """An archive with a memory."""

    def __init__(self) -> None:
        self.registered: list[RegisteredModel] = []
        self.decisions: dict[int, Decision] = {}
        self.split: dict[int, int] = {}  # by version id
        self.hashes: dict[int, int] = {}
        self.events: list[str] = []

    async def next_model_number(self, target: str) -> int:
        return 1 + max((model.card.number for model in self.registered), default=0)

    async def register_model(self, card: ModelCard, facts: Mapping[str, Any], *, activate: bool) -> None:
        before = next((model.card.name for model in self.registered if model.active), None)
        self.registered.append(RegisteredModel(card, False, NOW, facts, before, facts.get("round")))
        self.events.append(f"register {card.name}")
        if activate:
            await self.activate_model(card.target, card.number)

    async def file_assignments(self, assignments: SplitAssignments) -> None:
        self.split.update(zip(assignments.version_ids.tolist(), assignments.split.tolist(), strict=True))
        self.hashes.update(assignments.hashes)

    async def activate_model(self, target: str, number: int) -> RegisteredModel:
        self.registered = [dataclasses.replace(m, active=m.card.number == number) for m in self.registered]
        self.events.append(f"activate {target}/{number}")
        return next(model for model in self.registered if model.active)

    async def models(self, target: str | None = None) -> list[RegisteredModel]:
        return self.registered

    async def file_rescores(self, card: ModelCard, batch: Rescored) -> int:
        self.events.append(f"rescore {card.name}")
        self.decisions.update(zip(batch.version_ids.tolist(), batch.decisions, strict=True))
        return len(batch.decisions)

    @property
    def active(self) -> str | None:
        return next((model.card.name for model in self.registered if model.active), None)


def first_model(root: Path, archive: MemoryArchive, head: Head | None = None) -> RegisteredModel:
    root.mkdir(parents=True, exist_ok=True)
    (root / "net.keras").write_bytes(b"weights")
    weights = np.zeros(WIDTH, np.float32)
    weights[0] = 1.0
    parts = PackageParts(
        target="mona",
        backbone=BackboneFiles("small", root / "net.keras", {}, Preprocessing(96), WIDTH),
        head=head or Head(weights, -2.5),
        threshold=0.5,
        canaries=[Canary(b"png", np.zeros(WIDTH, np.float32))],
    )
    facts = write_package(root / "models" / "mona" / "1", parts)
    card = ModelCard("mona", 1, facts.hash, facts.backbone_hash, 0.5)
    model = RegisteredModel(card, True, NOW, {}, None, 0)
    archive.registered.append(model)
    return model


def snapshot(root: Path, world: Scene, model: RegisteredModel) -> Snapshot:
    package = load_package(root / "models" / "mona" / "1")
    return Snapshot(target=MONA, active=model, package=package, evidence=world.evidence)


@pytest.fixture
def archive() -> MemoryArchive:
    return MemoryArchive()


async def test_a_new_head_keeps_the_record_of_its_network_and_the_gallery_stores_each_split(
    tmp_path: Path, archive: MemoryArchive
) -> None:
    world, model = scene(), first_model(tmp_path, archive)
    before = snapshot(tmp_path, world, model)
    record = {"parts": {"train": [world.evidence.md5s[0]]}, "taught": {"steps": 9}, "earlier": "5e1f", "posts": [1]}
    before = dataclasses.replace(
        before, package=dataclasses.replace(before.package, snapshot=record), found_hashes={3: 9}
    )
    settings = HeadRoundSettings()

    candidate = learn_candidate(before, settings)
    outcome = await finish(candidate, archive, tmp_path / "models", settings)

    kept = load_package(tmp_path / "models" / outcome.card.name).snapshot
    assert {name: kept.get(name) for name in record} == {**record, "posts": None}
    assert [archive.split[version] for version in range(1, 1201)] == candidate.split.tolist()
    assert archive.split[1] == 0
    assert archive.hashes == {3: 9}


async def test_a_round_puts_a_better_model_in_force_and_decides_everything_by_it(
    tmp_path: Path, archive: MemoryArchive
) -> None:
    world, model = scene(), first_model(tmp_path, archive)
    settings = HeadRoundSettings()

    outcome = await finish(
        learn_candidate(snapshot(tmp_path, world, model), settings), archive, tmp_path / "models", settings
    )

    assert outcome.activated
    assert archive.active == "mona/2"
    assert archive.events == ["register mona/2", "activate mona/2", "rescore mona/2"]
    assert len(archive.decisions) == len(world.evidence)
    assert load_package(tmp_path / "models" / "mona" / "2", expected_hash=outcome.card.hash).snapshot["round"] == 1
    assert "trained on 0 labels" in outcome.report


async def test_rescoring_decides_exactly_as_the_crawl_would(tmp_path: Path, archive: MemoryArchive) -> None:
    world, model = scene(400), first_model(tmp_path, archive)
    settings = HeadRoundSettings(force=True)
    outcome = await finish(
        learn_candidate(snapshot(tmp_path, world, model), settings), archive, tmp_path / "models", settings
    )
    head = load_package(tmp_path / "models" / "mona" / "2").head
    ruling = Ruling(Policy(), {"mona": outcome.card})

    for row in range(0, 400, 37):
        stratum = Stratum(int(world.evidence.strata[row]))
        named = (MONA.tag,) if world.evidence.tagged[row] else ("keqing_(genshin_impact)",) * (stratum % 2)
        tags = PostTags(character=named, general=("2girls",) if stratum >= Stratum.NOBODY_GROUP else ())
        score = head.score(world.evidence.vectors[row].tobytes())
        found, expected = archive.decisions[row + 1], ruling.decide(MONA, tags, Look(scores={"mona": score}))
        assert found.score == pytest.approx(expected.score, abs=1e-12)
        assert replace(found, score=None) == replace(expected, score=None)


async def test_a_round_weighs_ai_tags_where_they_help_and_says_so(tmp_path: Path, archive: MemoryArchive) -> None:
    world, model = scene(), first_model(tmp_path, archive)
    random = np.random.default_rng(5)
    vectors = random.normal(size=world.evidence.vectors.shape)
    vectors[:, 0] += 2.0 * world.truth
    right, count = random.random(len(vectors)) < 0.9, len(vectors)
    percents = np.where(world.truth == right, random.integers(50, 99, count), random.integers(0, 30, count))
    dim = replace(world.evidence, vectors=vectors.astype(np.float16), ai_scores=percents.astype(np.int64))
    settings = HeadRoundSettings(force=True)

    candidate = learn_candidate(snapshot(tmp_path, replace(world, evidence=dim), model), settings)
    outcome = await finish(candidate, archive, tmp_path / "models", settings)

    package = load_package(tmp_path / "models" / "mona" / "2")
    (weight,) = outcome.card.ai_weights
    assert (weight,) == package.head.ai_weights == archive.registered[-1].card.ai_weights
    assert (weight.source, weight.tag) == (SITE_TAGGER, MONA.tag) and weight.slope > 0
    assert f"also weighs the site's AI tag: {MONA.tag} at 90 %" in outcome.report
    ruling, shown = Ruling(Policy(), {"mona": outcome.card}), 0
    for row in np.flatnonzero(~dim.named)[:25].tolist():
        look = Look(scores={"mona": package.head.score(dim.vectors[row].tobytes())})
        expected = ruling.decide(MONA, PostTags(), look, (AiTag(MONA.tag, int(percents[row])),))
        assert replace(archive.decisions[row + 1], score=None) == replace(expected, score=None)
        shown += archive.decisions[row + 1].score != look.scores["mona"]
    assert shown == 25


@pytest.mark.fault("M16")
async def test_a_worse_model_is_kept_aside_unless_it_is_forced(
    tmp_path: Path, archive: MemoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, model = scene(), first_model(tmp_path, archive)
    candidate = learn_candidate(snapshot(tmp_path, world, model), HeadRoundSettings())
    truth = np.ones(40, bool)
    worse = compare("mona/1", truth, np.arange(40) > 8, truth)
    candidate = dataclasses.replace(candidate, compared=worse)

    refused = await finish(candidate, archive, tmp_path / "models", HeadRoundSettings())
    in_force_then = archive.active
    forced = await finish(candidate, archive, tmp_path / "models", HeadRoundSettings(force=True))

    assert (refused.activated, in_force_then, refused.rescored) == (False, "mona/1", None)
    assert "worse than mona/1: 9 errors against 0" in refused.report
    assert (forced.activated, archive.active) == (True, "mona/3")


@pytest.mark.parametrize("force", [False, True])
async def test_a_model_that_may_not_decide_takes_no_deciding_ones_place_unless_it_is_forced(
    tmp_path: Path, archive: MemoryArchive, force: bool
) -> None:
    world, model = scene(), first_model(tmp_path, archive)
    settings = HeadRoundSettings(force=force)
    candidate = learn_candidate(snapshot(tmp_path, world, model), settings)
    refusing = replace(candidate, learned=replace(candidate.learned, refusal="too few; crawl more pages"))

    outcome = await finish(refusing, archive, tmp_path / "models", settings)

    assert outcome.activated is force
    assert outcome.card.refusal == "too few; crawl more pages"
    assert load_package(tmp_path / "models" / "mona" / "2").refusal == outcome.card.refusal
    if force:
        untagged = [archive.decisions[row + 1] for row in np.flatnonzero(~world.evidence.tagged).tolist()]
        assert {one.reason for one in untagged} == {"model refused: too few"}


async def test_a_model_that_may_decide_takes_the_place_of_one_that_may_not_whatever_that_would_have_kept(
    tmp_path: Path, archive: MemoryArchive
) -> None:
    world, model = scene(), first_model(tmp_path, archive)
    refusing = replace(model, card=replace(model.card, refusal="too few; crawl more pages"))
    candidate = learn_candidate(snapshot(tmp_path, world, refusing), HeadRoundSettings())
    truth = np.ones(40, bool)
    candidate = replace(candidate, compared=compare("mona/1", truth, np.arange(40) > 8, truth))

    outcome = await finish(candidate, archive, tmp_path / "models", HeadRoundSettings())

    assert (outcome.activated, archive.active, outcome.card.refusal) == (True, "mona/2", "")


@pytest.mark.fault("M13")
async def test_a_round_that_dies_while_writing_leaves_the_old_model_in_force(
    tmp_path: Path, archive: MemoryArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, model = scene(), first_model(tmp_path, archive)
    candidate = learn_candidate(snapshot(tmp_path, world, model), HeadRoundSettings())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        await finish(candidate, archive, tmp_path / "models", HeadRoundSettings())

    assert archive.active == "mona/1"
    assert archive.events == []
    assert [path.name for path in (tmp_path / "models" / "mona").iterdir()] == ["1"]


async def test_the_number_of_a_folder_that_a_killed_round_left_is_not_used_again(
    tmp_path: Path, archive: MemoryArchive
) -> None:
    world, model = scene(), first_model(tmp_path, archive)
    (tmp_path / "models" / "mona" / "2").mkdir()

    outcome = await finish(
        learn_candidate(snapshot(tmp_path, world, model), HeadRoundSettings()),
        archive,
        tmp_path / "models",
        HeadRoundSettings(),
    )

    assert outcome.card.name == "mona/3"


@pytest.mark.fault("M15")
def test_a_picture_that_a_person_is_unsure_of_is_not_trained_on(tmp_path: Path, archive: MemoryArchive) -> None:
    world, model = scene(), first_model(tmp_path, archive)
    tagged = np.flatnonzero(world.evidence.tagged).tolist()
    unsure = dataclasses.replace(world, evidence=answered(world.evidence, dict.fromkeys(tagged, "unsure")))

    with pytest.raises(TooLittleToLearn, match="0 pictures tagged or labelled as showing it"):
        learn_candidate(snapshot(tmp_path, unsure, model), HeadRoundSettings())


def test_answers_make_the_next_head_better(tmp_path: Path, archive: MemoryArchive) -> None:
    world, model = scene(wrong=0.25, seed=3), first_model(tmp_path, archive)
    before = learn_candidate(snapshot(tmp_path, world, model), HeadRoundSettings()).learned
    doubtful = np.argsort(np.abs(before.belief - 0.5))[:80].tolist()
    labelled = dataclasses.replace(world, evidence=answered(world.evidence, truly(world, doubtful)))

    after = learn_candidate(snapshot(tmp_path, labelled, model), HeadRoundSettings()).learned

    assert after.facts["said"]["keep"] + after.facts["said"]["delete"] == 80
    assert ((after.belief > 0.5) != world.truth).sum() < ((before.belief > 0.5) != world.truth).sum()


@pytest.mark.fault("M17")
async def test_one_command_takes_a_model_back(tmp_path: Path, archive: MemoryArchive) -> None:
    world, model = scene(), first_model(tmp_path, archive)
    settings = HeadRoundSettings(force=True)
    await finish(learn_candidate(snapshot(tmp_path, world, model), settings), archive, tmp_path / "models", settings)

    back = model_before(archive.registered, "mona")
    package = load_package(tmp_path / "models" / "mona" / "1")
    await switch(archive, Switch(MONA, back, package, world.evidence), Policy())

    assert back.card.name == "mona/1"
    assert archive.active == "mona/1"
    assert {decision.model for decision in archive.decisions.values()} == {"mona/1"}


async def test_an_imported_model_is_proven_and_registered_but_not_yet_in_force(
    tmp_path: Path, archive: MemoryArchive
) -> None:
    first_model(tmp_path / "elsewhere", MemoryArchive())
    proven: list[str] = []

    async def prove(card: ModelCard, folder: Path) -> None:
        proven.append(card.name)

    name = await import_model(archive, tmp_path / "elsewhere" / "models" / "mona" / "1", tmp_path / "models", prove)
    again = await import_model(archive, tmp_path / "elsewhere" / "models" / "mona" / "1", tmp_path / "models", prove)

    assert (name, again, proven, archive.active) == ("mona/1", "mona/1", ["mona/1"], None)
    assert load_package(tmp_path / "models" / "mona" / "1").hash == archive.registered[0].card.hash


@pytest.mark.fault("M05")
async def test_a_model_that_cannot_be_proven_leaves_nothing_behind(tmp_path: Path, archive: MemoryArchive) -> None:
    first_model(tmp_path / "elsewhere", MemoryArchive())

    async def prove(card: ModelCard, folder: Path) -> None:
        raise ValueError("canaries differ")

    with pytest.raises(ValueError, match="canaries differ"):
        await import_model(archive, tmp_path / "elsewhere" / "models" / "mona" / "1", tmp_path / "models", prove)

    assert archive.registered == []
    assert not (tmp_path / "models").exists()


def test_a_name_that_nobody_knows_is_refused_with_those_that_there_are(tmp_path: Path, archive: MemoryArchive) -> None:
    first_model(tmp_path, archive)

    with pytest.raises(UnknownModel, match="'mona/7' is registered here; registered: mona/1"):
        named_model(archive.registered, "mona/7")
    with pytest.raises(UnknownModel, match="mona/1 was the first"):
        model_before(archive.registered, "mona")
    imported = [dataclasses.replace(model, active=False) for model in archive.registered]
    with pytest.raises(UnknownModel, match="no model of mona is in force; name one of mona/1"):
        named_model(imported, "mona")


def test_two_models_differ_only_where_one_of_them_is_right() -> None:
    truth = np.arange(100) < 20
    old, new = truth.copy(), truth.copy()
    old[:5] = False
    new[18:20] = False

    found = compare("mona/1", old, new, truth)

    assert (found.old_errors, found.new_errors, found.only_old_wrong, found.only_new_wrong) == (5, 2, 5, 2)
    assert not found.worse
    assert found.words().startswith("better than mona/1: 2 errors against 5")


def kept(found: int, wrongly: int) -> np.ndarray:
    """What a model keeps of 100 pictures, the first ten of the target: so many of those, and so many others."""
    keeps = np.zeros(100, bool)
    keeps[:found] = True
    keeps[10 : 10 + wrongly] = True
    return keeps


@pytest.mark.fault("M16")
@pytest.mark.parametrize(
    ("new", "worse"),
    [
        (kept(9, 1), False),  # the same
        (kept(10, 3), False),  # one mended, two new: a coin's work
        (kept(7, 1), True),  # two new, none mended: in doubt for the old one
        (kept(2, 0), True),
        (kept(0, 0), True),  # finds nothing any more
    ],
)
def test_in_doubt_the_model_in_force_stays(new: np.ndarray, worse: bool) -> None:
    assert compare("mona/1", kept(9, 1), new, kept(10, 0)).worse is worse


def test_a_model_that_finds_nothing_is_worse_though_it_makes_fewer_errors() -> None:
    found = compare("mona/1", kept(3, 20), kept(0, 0), kept(10, 0))

    assert found.new_errors < found.old_errors
    assert found.worse


async def test_two_models_are_compared_without_the_tags_that_heads_out_of_fold_contradict(
    tmp_path: Path, archive: MemoryArchive
) -> None:
    weights = np.zeros(WIDTH, np.float32)
    weights[0] = 0.5
    world = scene(2000, wrong=0.1)
    vague = first_model(tmp_path, archive, Head(weights, -1.25))  # 0.2 for most of the others: it contradicts no tag

    candidate = learn_candidate(snapshot(tmp_path, world, vague), HeadRoundSettings())
    outcome = await finish(candidate, archive, tmp_path / "models", HeadRoundSettings())

    measured, doubted = candidate.learned.measured, candidate.learned.doubted
    lying = measured[world.wrong[measured]]
    assert len(lying) >= 3 and doubted[lying].all()
    assert candidate.compared is not None
    assert candidate.compared.pictures == int((~doubted[measured]).sum())
    assert candidate.compared.shown == int((world.evidence.tagged & ~doubted)[measured].sum())
    kept = load_package(tmp_path / "models" / outcome.card.name).snapshot["doubted"]  # for later comparisons
    assert kept == [world.evidence.md5s[row] for row in measured.tolist() if doubted[row]]


async def test_a_gallery_in_which_all_others_are_tagged_is_not_kept_as_a_whole(
    tmp_path: Path, archive: MemoryArchive
) -> None:
    world = scene(2000, wrong=0.0, hidden=0.0)
    hidden = world.truth & (np.random.default_rng(9).random(2000) < 0.4)  # every post that names nobody shows her
    unnamed = dataclasses.replace(
        world.evidence, tagged=world.truth & ~hidden, named=~hidden, strata=(~world.truth).astype(np.int8)
    )
    world = dataclasses.replace(world, evidence=unnamed)
    settings = HeadRoundSettings()
    before = snapshot(tmp_path, world, first_model(tmp_path, archive))

    outcome = await finish(learn_candidate(before, settings), archive, tmp_path / "models", settings)

    values = np.array([archive.decisions[row + 1].value for row in range(2000)])
    kept = values == DecisionValue.KEEP
    assert (outcome.activated, outcome.card.refusal) == (True, "")
    assert world.truth[kept].mean() > 0.95 and kept[world.truth].mean() > 0.95
    assert kept[hidden].mean() > 0.9


@pytest.mark.parametrize(("steps", "decides"), [(88, False), (881, True)])
async def test_a_head_on_a_network_that_did_few_of_its_steps_deletes_nothing(
    tmp_path: Path, archive: MemoryArchive, steps: int, decides: bool
) -> None:
    world, model = scene(), first_model(tmp_path, archive)
    before = snapshot(tmp_path, world, model)
    taught = {"steps": steps, "planned_steps": 900, "seconds": 397.0}
    before = replace(before, package=replace(before.package, snapshot={"taught": taught}))
    settings = HeadRoundSettings(force=True)

    outcome = await finish(learn_candidate(before, settings), archive, tmp_path / "models", settings)

    deleted = sum(one.value is DecisionValue.DELETE for one in archive.decisions.values())
    assert outcome.card.refusal.startswith("" if decides else "trained for only 10% of its steps; give it more time")
    assert bool(outcome.card.refusal) is not decides
    assert (deleted > 0) is decides
