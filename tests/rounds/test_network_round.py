"""Training the network again: on what, and when it pays."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from classifier.errors import PictureFault
from classifier.metrics.backbone_comparison import BackboneComparison
from classifier.metrics.quality import Estimate
from classifier.pictures.preprocessing import Preprocessing
from classifier.training.backbone_training import TrainingRecipe
from classifier.training.job import TrainingJob, read_job
from classifier.training.warm_start import Earlier
from crawler.decisions import Policy
from rounds.errors import LearningFailed, PicturesMissing
from rounds.evaluation.comparison import compare
from rounds.head_round import Candidate, HeadRoundSettings, learn_candidate
from rounds.network_advice import advise
from rounds.network_round import NetworkSettings, TrainingPictures, better_of, new_network, without
from rounds.rescoring.embedding_refresh import RefreshRequest, refresh_embeddings
from storage.archive_records import Sighting, Work
from storage.records import (
    DecidedBy,
    Decision,
    DecisionValue,
    JudgeStats,
    Known,
    Look,
    ModelCard,
    Post,
    StoredRendition,
)
from tests.crawler.crew_fakes import post
from tests.rounds.evidence import answered, scene
from tests.rounds.test_head_round import MONA, MemoryArchive, first_model, snapshot

KEEPS_THE_JOB = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
(folder.parent / "job.json").write_text((folder / "job.json").read_text())
print(json.dumps({"error": "ValueError", "message": "no network today"}), flush=True)
"""


class Decoded:
    pixels = (np.zeros((96, 96, 3), np.uint8),)


class Decoder:
    async def decode(self, picture: bytes) -> Decoded:
        if picture == b"broken":
            raise PictureFault("undecodable")
        return Decoded()


def candidate_of(tmp_path: Path, answers: dict[int, str]) -> Candidate:
    world = scene()
    world = dataclasses.replace(world, evidence=answered(world.evidence, answers))
    return learn_candidate(snapshot(tmp_path, world, first_model(tmp_path, MemoryArchive())), HeadRoundSettings())


def pictures(candidate: Candidate, broken: Sequence[int] = ()) -> TrainingPictures:
    evidence = candidate.snapshot.evidence
    names = {
        int(version): [MONA.tag] if tagged else ["keqing"] if named else []
        for version, tagged, named in zip(evidence.version_ids, evidence.tagged, evidence.named, strict=True)
    }
    return TrainingPictures(lambda version: b"broken" if version in broken else b"picture", names, Decoder())


async def train(candidate: Candidate, book: TrainingPictures, folder: Path, *, anew: bool = False) -> None:
    settings = NetworkSettings(
        backbone="small", preprocessing=Preprocessing(96), command=(sys.executable, "-c", KEEPS_THE_JOB), anew=anew
    )
    async with new_network(candidate, book, folder, settings, HeadRoundSettings(), lambda *_: None):
        pass


async def test_the_network_is_trained_on_labels_before_tags_and_on_no_doubtful_tag(tmp_path: Path) -> None:
    plain = candidate_of(tmp_path / "a", {})
    bare = int(np.flatnonzero(~plain.snapshot.evidence.named)[0])
    tagged = int(np.flatnonzero(plain.snapshot.evidence.tagged & (plain.learned.belief > 0.9))[0])
    labelled = candidate_of(tmp_path / "b", {bare: "keep", tagged: "delete"})
    doubtful = np.setdiff1d(
        np.flatnonzero(labelled.snapshot.evidence.tagged & (labelled.learned.belief < 0.3)), [tagged]
    )

    with pytest.raises(LearningFailed, match="no network today"):
        await train(labelled, pictures(labelled), tmp_path / "models")

    job = json.loads((tmp_path / "models/job.json").read_text())
    examples = {row["identity"]["post_id"]: row for row in job["examples"]}
    assert examples[bare + 1]["characters"] == [MONA.tag]
    assert not examples[tagged + 1]["labelled"]
    assert len(doubtful)
    assert not any(examples[row + 1]["labelled"] for row in doubtful.tolist())
    assert {row["split"] for row in examples.values()} == {"train", "validation", "test"}
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["job.json"]


@pytest.mark.parametrize("anew", [False, True])
async def test_a_network_of_the_same_shape_starts_from_the_one_in_force_unless_anew(anew: bool, tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path / "a", {})
    in_force = candidate.snapshot.package

    with pytest.raises(LearningFailed, match="no network today"):
        await train(candidate, pictures(candidate), tmp_path / "models", anew=anew)

    plan = read_job(tmp_path / "models", TrainingJob).plan
    assert plan.earlier == (None if anew else Earlier(in_force.keras, in_force.classes))
    assert plan.recipe == dataclasses.replace(TrainingRecipe(), time_budget_s=plan.recipe.time_budget_s)


@pytest.mark.fault("M14")
async def test_pictures_that_are_damaged_are_left_out_and_too_many_of_them_refused(tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path / "a", {})

    with pytest.raises(LearningFailed):
        await train(candidate, pictures(candidate, broken=range(1, 100)), tmp_path / "models")
    with pytest.raises(PicturesMissing, match="600 of 1200 stored pictures cannot be read"):
        await train(candidate, pictures(candidate, broken=range(1, 601)), tmp_path / "models")

    assert len(json.loads((tmp_path / "models/job.json").read_text())["examples"]) == 1101


def test_a_new_network_is_not_trained_where_it_can_gain_little(tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path, {})

    advice = advise(candidate)

    assert not advice.pays
    assert "leaves a new network little to gain" in advice.why


def remembering(candidate: Candidate, **snapshot: object) -> Candidate:
    """The same with middling figures, and with a record of how its network was trained."""
    package = dataclasses.replace(candidate.snapshot.package, snapshot=snapshot)
    return dataclasses.replace(
        ranked(candidate, 0.95), snapshot=dataclasses.replace(candidate.snapshot, package=package)
    )


def test_a_network_whose_training_was_cut_short_is_trained_further(tmp_path: Path) -> None:
    md5s = {"train": [f"{number:032x}" for number in range(5000)]}
    taught = {"steps": 474, "planned_steps": 1103}

    advice = advise(remembering(candidate_of(tmp_path, {}), parts=md5s, taught=taught))

    assert advice.pays
    assert "cut short" in advice.why


def test_a_network_is_trained_further_once_on_the_whole_gallery_and_then_only_when_much_is_new(tmp_path: Path) -> None:
    md5s = {"train": [f"{number:032x}" for number in range(5000)]}
    whole = {"steps": 700, "planned_steps": 700}
    candidate = candidate_of(tmp_path, {})

    at_first = advise(remembering(candidate, parts=md5s, taught=whole))
    later = advise(remembering(candidate, parts=md5s, taught=whole, earlier="5e1f"))

    in_vain = without(remembering(candidate, parts=md5s), candidate)
    assert at_first.pays
    assert not later.pays
    assert "too few are new" in later.why
    assert in_vain.tried == 5000
    assert not advise(remembering(candidate, parts=md5s, taught=whole, tried=in_vain.tried)).pays


def ranked(candidate: Candidate, average_precision: float) -> Candidate:
    quality = candidate.learned.quality
    quality = dataclasses.replace(quality, average_precision=Estimate(average_precision, 0.0, 1.0))
    return dataclasses.replace(candidate, learned=dataclasses.replace(candidate.learned, quality=quality))


def test_the_better_of_both_is_taken_and_the_head_when_they_are_even(tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path, {})
    head, network = ranked(candidate, 0.95), ranked(dataclasses.replace(candidate, network_changed=True), 0.99)
    truth = np.ones(50, bool)
    worse = dataclasses.replace(network, compared=compare("mona/1", truth, np.arange(50) > 9, truth))

    assert better_of(head, network) == (
        network,
        "the new network is better: average precision 0.990 against 0.950 with a new head alone",
    )
    assert better_of(head, ranked(network, 0.951))[0] is head
    assert better_of(head, worse)[0] is head


def test_what_may_decide_is_better_than_what_may_not_however_well_it_ranks(tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path, {})
    head, network = ranked(candidate, 0.95), ranked(dataclasses.replace(candidate, network_changed=True), 0.99)
    weak_head, brief_network = (
        refusing(head, "too few pictures; crawl more"),
        refusing(network, "88 of 900 steps; wait"),
    )

    assert better_of(head, brief_network) == (
        head,
        "the new network may not decide: 88 of 900 steps; only the head is new",
    )
    assert better_of(weak_head, ranked(network, 0.9))[0].network_changed
    assert better_of(weak_head, brief_network)[0] is brief_network  # neither may: the ranking decides


def refusing(candidate: Candidate, why: str) -> Candidate:
    return dataclasses.replace(candidate, learned=dataclasses.replace(candidate.learned, refusal=why))


def test_the_network_that_distinguishes_all_characters_better_wins_over_thirty_test_pictures(tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path, {})
    head, network = ranked(candidate, 0.976), ranked(dataclasses.replace(candidate, network_changed=True), 0.965)
    sharper = dataclasses.replace(
        network, backbone_comparison=BackboneComparison(793, 12, 0.607, 0.562, Estimate(0.045, 0.031, 0.059))
    )
    duller = dataclasses.replace(
        network, backbone_comparison=BackboneComparison(793, 12, 0.562, 0.607, Estimate(-0.045, -0.059, -0.031))
    )
    even = dataclasses.replace(
        network, backbone_comparison=BackboneComparison(793, 12, 0.6, 0.6, Estimate(0.0, -0.02, 0.02))
    )
    truth = np.ones(50, bool)
    worse = dataclasses.replace(sharper, compared=compare("mona/1", truth, np.arange(50) > 9, truth))

    chosen, why = better_of(head, sharper)

    assert chosen is sharper
    assert "distinguishes 12 characters with a loss of 0.562 against 0.607 on 793 held-out pictures" in why
    assert [better_of(head, one)[0] for one in (duller, even, worse)] == [head, head, head]


CARD = ModelCard("mona", 2, "new", "new network", 0.5)


class Judge:
    """Likes pictures with an even number."""

    @property
    def models(self) -> Mapping[str, ModelCard]:
        return {"mona": CARD}

    async def look(self, picture: bytes) -> Look:
        return Look({"mona": 0.9 if int(picture) % 2 == 0 else 0.1}, {"new network": b"\0\0"}, 10, 10, "webp")

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        raise AssertionError("stored embeddings are of another network")

    def stats(self) -> JudgeStats:
        return JudgeStats(0, 0, 0.0, 0, "cpu", "none")


class Pictures:
    """An archive of seven posts that another model has decided, one of them without a picture."""

    def __init__(self, never_decided: Sequence[int] = ()) -> None:
        self.never_decided = never_decided
        self.filed: dict[int, Sighting] = {}

    async def unfinished(
        self, listing_id: int, work: Work, *, below: int | None = None, limit: int = 200
    ) -> Sequence[Post]:
        numbers = [
            number for number in range(7, 0, -1) if number not in self.filed and (below is None or number < below)
        ]
        return [post(number) for number in numbers[:3]]

    async def known(self, posts: Sequence[Post], targets: Sequence[str]) -> Mapping[int, Known]:
        def stored(number: int) -> StoredRendition | None:
            return None if number == 4 else StoredRendition("720x720", str(number), "webp", 10, 10, 1, "")

        def decided(number: int) -> Mapping[str, Decision]:
            before = Decision("mona", DecisionValue.KEEP, DecidedBy.SCORE, "0.9 >= 0.5", "policy", model_hash="old")
            return {} if number in self.never_decided else {"mona": before}

        return {one.id: Known(rendition=stored(one.id), decisions=decided(one.id)) for one in posts}

    async def read_rendition(self, stored: StoredRendition) -> bytes | None:
        return stored.path.encode()

    async def file_look(self, sighting: Sighting) -> None:
        await asyncio.sleep(0)
        self.filed[sighting.post.id] = sighting


async def test_after_a_change_of_network_every_stored_picture_is_looked_at_once() -> None:
    archive = Pictures()

    done = await refresh_embeddings(archive, Judge(), RefreshRequest(MONA, [1, 2], Policy()), report=lambda *_: None)

    assert (done.looked, done.kept) == (6, 2)
    assert sorted(archive.filed) == [1, 2, 3, 5, 6, 7]
    assert archive.filed[2].decisions[0].value is DecisionValue.KEEP
    assert archive.filed[2].look.embeddings == {"new network": b"\0\0"}


async def test_listed_posts_that_no_crawl_has_decided_are_not_looked_at_again() -> None:
    archive = Pictures(never_decided=(6, 7))

    done = await refresh_embeddings(archive, Judge(), RefreshRequest(MONA, [1], Policy()), report=lambda *_: None)

    assert (done.looked, sorted(archive.filed)) == (4, [1, 2, 3, 5])


async def test_refreshing_embeddings_reports_its_progress() -> None:
    shares: list[float] = []

    await refresh_embeddings(
        Pictures(),
        Judge(),
        RefreshRequest(MONA, [1], Policy(), expected=7),
        report=lambda _, share, words: shares.append(share),
    )

    assert shares == sorted(shares)
    assert 0 < shares[0] < 1
    assert shares[-1] == 1.0
