"""The figures of `crawl evaluate` agree with the truth, whatever was asked, and say what they rest on."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from PIL import Image

from classifier.heads.training_set import TEST
from classifier.metrics.assessment import Assessment
from rounds.errors import TooLittleToMeasure
from rounds.evaluation.gallery import evaluate_gallery
from rounds.evaluation.subject import GalleryKnowledge, Subject
from rounds.examples.held_out import held_out
from rounds.questions.decision_rule import DecisionRule
from rounds.questions.estimate import among
from rounds.questions.queue import Mix, Reason, questions
from storage.evidence import Evidence
from storage.gallery_view import Picture
from storage.records import LabelReason, LabelValue
from storage.rows.labels import StoredLabel
from tests.rounds.evidence import Scene, answered, scene, truly
from tests.rounds.models import at_threshold, subject

THRESHOLD = 0.5
RULE = DecisionRule(THRESHOLD)
RANDOM_MIX, NEAREST = Mix({Reason.RANDOM: 1.0}), Mix({Reason.THRESHOLD: 1.0})


class Gallery:
    """A picture source that has nothing but tags."""

    def __init__(self, general: Sequence[str] = ()) -> None:
        self.general = general

    def pictures(self, ids: Sequence[int]) -> Sequence[Picture]:
        tags = {"general": self.general, "character": ("keqing",)}
        return [cast(Picture, SimpleNamespace(id=one, tags=tags)) for one in ids]

    def rendition(self, picture: int) -> bytes | None:
        stream = io.BytesIO()
        Image.new("RGB", (400, 300), (200, 40, 40)).save(stream, "PNG")
        return stream.getvalue()

    def link(self, site: str, post: int) -> str | None:
        return f"http://127.0.0.1/posts/{post}"


def answered_questions(
    world: Scene, evidence: Evidence, mix: Mix, size: int, seq: int = 1
) -> tuple[Evidence, list[StoredLabel]]:
    """A person who knows the truth answers so many questions."""
    asked = questions(evidence, RULE, size=size, mix=mix)
    answers = truly(world, [question.row for question in asked])
    labels = [
        StoredLabel(
            seq + number,
            "demo",
            int(evidence.post_ids[question.row]),
            int(evidence.version_ids[question.row]),
            "mona",
            LabelValue(answers[question.row]),
            LabelReason(question.reason.value),
            "me",
            True,
        )
        for number, question in enumerate(asked)
    ]
    return answered(evidence, answers), labels


def assess(
    one: Subject, evidence: Evidence, labels: Sequence[StoredLabel] = (), general: Sequence[str] = ()
) -> Assessment:
    return evaluate_gallery(one, GalleryKnowledge(evidence, labels, RULE), Gallery(general))


def test_the_figures_are_those_of_the_test_split_and_say_what_they_rest_on(tmp_path: Path) -> None:
    world, one = scene(3000, seed=1), subject(tmp_path)
    held = held_out(one.package, world.evidence)
    test = int(((held.split == TEST) & world.evidence.named).sum())

    found = assess(one, world.evidence)

    assert found.set_apart is not None
    test -= found.set_apart.pictures
    assert found.quality.examples == test
    assert found.on == f"{test} test pictures of the gallery"
    assert f"that of {test} is taken from tags" in found.notes[0]
    assert "estimated" in found.prevalence_source
    assert [curve.name for curve in found.training] == ["loss"]


def test_intervals_for_the_gallery_contain_the_truth_though_some_tags_are_wrong(tmp_path: Path) -> None:
    one, inside, claims = subject(tmp_path), 0, 0
    for seed in range(6):
        world = scene(3000, wrong=0.03, seed=100 + seed)
        kept = held_out(one.package, world.evidence).scores >= THRESHOLD

        found = assess(one, world.evidence)

        for claim, true in (
            (found.at_prevalence.precision, world.truth[kept].mean()),
            (found.at_prevalence.recall, kept[world.truth].mean()),
            (found.prevalence, world.truth.mean()),
        ):
            claims += 1
            inside += claim.low <= true <= claim.high

    assert inside / claims >= 0.85


def test_tags_that_are_probably_wrong_are_set_apart_and_listed_and_both_figures_are_there(tmp_path: Path) -> None:
    world, one = scene(3000, wrong=0.1, seed=2), subject(tmp_path)
    held = held_out(one.package, world.evidence)

    found = assess(one, world.evidence)

    apart = found.set_apart
    assert apart is not None
    listed = [int(shown.name.removeprefix("post ")) - 1 for shown in (*apart.lacks_tag, *apart.wrong_tag)]
    assert world.wrong[listed].mean() > 0.9
    assert apart.pictures >= 0.5 * (world.wrong & held.counted).sum() > 0
    named = {int(number) - 1 for number in apart.search.removeprefix("id:").split(",")}
    assert set(listed) <= named and len(named) == apart.pictures
    assert found.quality.examples + apart.pictures == apart.by_tags.examples
    assert apart.kept_wrong_by_tags == apart.kept + found.confusion.kept_wrong
    assert apart.missed_by_tags == apart.rejected + found.confusion.missed
    assert found.quality.precision.value > 0.9 > apart.by_tags.precision.value


def test_an_untagged_hit_is_no_error_of_the_model_that_found_it(tmp_path: Path) -> None:
    world = scene(3000, wrong=0.0, seed=14)
    lacking = np.flatnonzero(world.truth & world.evidence.named)[::5]
    tagged = world.evidence.tagged.copy()
    tagged[lacking] = False  # the artist drew her beside somebody else, and nobody tagged it

    found = assess(subject(tmp_path), replace(world.evidence, tagged=tagged))

    assert found.set_apart is not None
    assert found.quality.precision.value > found.set_apart.by_tags.precision.value + 0.1
    assert {int(one.name.removeprefix("post ")) - 1 for one in found.set_apart.lacks_tag} <= set(lacking.tolist())


def test_a_labelled_picture_is_never_set_apart(tmp_path: Path) -> None:
    world = scene(3000, wrong=0.1, seed=2)
    evidence = answered(world.evidence, truly(world, np.flatnonzero(world.wrong).tolist()))

    found = assess(subject(tmp_path), evidence)

    names = set() if found.set_apart is None else {one.name for one in found.set_apart.lacks_tag}
    assert not names & {f"post {row + 1}" for row in np.flatnonzero(world.wrong).tolist()}


def test_answers_that_were_asked_for_because_of_the_score_do_not_bias_the_figures(tmp_path: Path) -> None:
    world, one = scene(3000, hidden=0.6, wrong=0.0, seed=3), subject(tmp_path)
    before = assess(one, world.evidence)
    asked = [
        question.row
        for question in questions(world.evidence, RULE, size=300, mix=NEAREST)
        if not world.evidence.named[question.row]
    ]
    evidence = answered(world.evidence, truly(world, asked))

    after = assess(one, evidence)

    assert len(asked) > 50
    assert after.quality == before.quality
    assert [point.recall for point in after.curve] == [point.recall for point in before.curve]
    assert not any(part.value == "untagged" for part in after.slices)
    assert any("left out" in note for note in after.notes)


def test_random_answers_measure_untagged_pictures_beside_any_other_answers(tmp_path: Path) -> None:
    one, inside, claims = subject(tmp_path), 0, 0
    for seed in range(6):
        world = scene(1500, share=0.3, hidden=0.6, seed=10 + seed)
        evidence, near = answered_questions(world, world.evidence, NEAREST, 40)
        evidence, random_labels = answered_questions(world, evidence, RANDOM_MIX, 120, seq=100)

        found = assess(one, evidence, [*near, *random_labels])

        part = next(part.quality for part in found.slices if part.value == "untagged")
        rows = ~world.evidence.named
        keeps = held_out(one.package, evidence).scores >= THRESHOLD
        for claim, true in (
            (part.precision, world.truth[keeps & rows].mean()),
            (part.recall, keeps[world.truth & rows].mean()),
        ):
            claims += 1
            inside += claim.low - 1e-9 <= true <= claim.high + 1e-9
        assert found.as_it_stands is not None
        assert found.as_it_stands.answers == 120

    assert inside / claims >= 0.85


def test_the_prevalence_is_measured_by_enough_random_answers_and_not_by_few(tmp_path: Path) -> None:
    world, one = scene(600, share=0.3, seed=4), subject(tmp_path)
    few, few_labels = answered_questions(world, world.evidence, RANDOM_MIX, 20)
    many, many_labels = answered_questions(world, world.evidence, RANDOM_MIX, 250)

    vague, counted = assess(one, few, few_labels), assess(one, many, many_labels)

    assert "estimated" in vague.prevalence_source
    assert counted.prevalence_source == "measured, from 250 answers to the random sample"
    assert counted.prevalence.low <= world.truth.mean() <= counted.prevalence.high


def test_a_model_that_has_learned_from_answers_is_not_measured_by_them(tmp_path: Path) -> None:
    world = scene(1500, hidden=0.6, seed=5)
    evidence, labels = answered_questions(world, world.evidence, RANDOM_MIX, 200)
    fresh, trained_on = (
        subject(tmp_path / "a"),
        subject(tmp_path / "b", facts={"newest_label": 1000}, newest_label=1000),
    )

    by_fresh, by_taught = (
        next(part.quality for part in assess(one, evidence, labels).slices if part.value == "untagged")
        for one in (fresh, trained_on)
    )

    assert by_taught.examples < by_fresh.examples / 3
    assert by_taught.precision.high - by_taught.precision.low > by_fresh.precision.high - by_fresh.precision.low


def test_the_worst_mistakes_come_first_with_a_picture_a_reason_and_the_posts_page(tmp_path: Path) -> None:
    world, one = scene(4000, wrong=0.0, seed=6), subject(tmp_path)

    strict = assess(at_threshold(one, 0.999), world.evidence)
    lax = assess(at_threshold(one, 0.0001), world.evidence)

    assert len(strict.missed) == len(lax.kept_wrong) == 24
    assert [one.score for one in strict.missed] == sorted(one.score for one in strict.missed)
    assert [one.score for one in lax.kept_wrong] == sorted((one.score for one in lax.kept_wrong), reverse=True)
    worst = lax.kept_wrong[0]
    assert worst.why == "tagged keqing, not mona_(genshin_impact)"
    assert strict.missed[0].why == "tagged mona_(genshin_impact)"
    assert worst.link == f"http://127.0.0.1/posts/{worst.name.removeprefix('post ')}"
    assert worst.picture is not None
    assert max(Image.open(io.BytesIO(worst.picture)).size) == 180


def test_a_mistake_that_a_person_has_named_says_so(tmp_path: Path) -> None:
    world, one = scene(1500, seed=7), subject(tmp_path)
    held = held_out(one.package, world.evidence)
    wrong = np.flatnonzero((held.split == TEST) & (held.scores >= THRESHOLD) & ~world.evidence.named)[:1].tolist()

    found = assess(one, answered(world.evidence, dict.fromkeys(wrong, "delete")))

    assert (f"post {wrong[0] + 1}", "labelled delete") in [(one.name, one.why) for one in found.kept_wrong]


@pytest.mark.parametrize(
    ("general", "company"), [(("1girl", "solo"), "solo"), (("2girls",), "group"), (("multiple_girls",), "group")]
)
def test_parts_by_rating_and_company_add_up(tmp_path: Path, general: tuple[str, ...], company: str) -> None:
    world = scene(1500, seed=8)
    ratings = [("g", "s", "q", "e")[row % 4] for row in range(1500)]

    found = assess(subject(tmp_path), replace(world.evidence, ratings=ratings), general=general)

    by_rating = {part.value: part.quality.examples for part in found.slices if part.by == "rating"}
    assert list(by_rating) == ["general", "sensitive", "questionable", "explicit"]
    assert sum(by_rating.values()) == found.quality.examples
    assert [part.value for part in found.slices if part.by == "people"] == [company]


def test_too_few_test_pictures_are_counted_and_refused(tmp_path: Path) -> None:
    world = scene(60, seed=9)

    with pytest.raises(TooLittleToMeasure, match=r"\d+ that show it and \d+ that do not; at least 5 of each"):
        assess(subject(tmp_path), world.evidence)


def test_pictures_that_the_network_was_trained_on_are_not_measured_on(tmp_path: Path) -> None:
    world = scene(3000, seed=11)
    trained_on = {"train": world.evidence.md5s[:2000], "validation": [], "test": world.evidence.md5s[2000:2500]}

    found = assess(subject(tmp_path, parts=trained_on), world.evidence)

    named = world.evidence.named
    assert named[2000:2500].sum() <= found.quality.examples <= named[2000:].sum()


def test_without_a_random_sample_there_is_no_quality_of_untagged_pictures() -> None:
    world = scene(300, seed=12)
    everything = np.ones(300, dtype=bool)

    assert among(world.evidence, THRESHOLD, np.array([], dtype=np.int64), everything) is None


def test_untagged_pictures_that_are_all_answered_have_no_sampling_error() -> None:
    world = scene(200, hidden=1.0, seed=13)
    evidence = answered(world.evidence, truly(world, list(range(200))))
    kept = evidence.scores >= THRESHOLD

    found = among(evidence, THRESHOLD, np.arange(200), np.ones(200, dtype=bool))

    assert found is not None
    assert found.precision.low == found.precision.high == pytest.approx(world.truth[kept].mean())
    assert found.recall.low == found.recall.high == pytest.approx(kept[world.truth].mean())
    hits = int((kept & world.truth).sum())
    assert found.f1.value == pytest.approx(2 * hits / (kept.sum() + world.truth.sum()))
