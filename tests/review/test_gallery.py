"""The page over a real gallery: questions with reasons, durable answers, figures from the random ones."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

import pytest
from typer.testing import CliRunner

from commands.app import app
from review.gallery_service import GalleryReviewService
from review.service import LabelAnswer, Reasoned
from rounds.questions.ranking import QUEUE_SIZE
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings
from storage.errors import QueryError
from storage.lifecycle.verify import verify
from storage.records import LabelReason
from tests.review.program import Painted


@pytest.fixture
def service(gallery: Painted) -> Iterator[GalleryReviewService]:
    with GalleryReviewService(gallery.root, "tester") as service:
        yield service


def post_of(service: GalleryReviewService, picture: int) -> int:
    return service.pictures("mona", [picture])[0].post_id


def test_questions_come_with_reasons_and_are_not_asked_twice(service: GalleryReviewService) -> None:
    first = service.queue("mona")
    service.answer("mona", [LabelAnswer(first.ids[0], "keep", "click-001", 0, first.reasons[first.ids[0]].reason)])

    second = service.queue("mona")

    assert len(first.ids) == QUEUE_SIZE
    assert {why.reason for why in first.reasons.values()} >= {"random", "threshold"}
    assert first.ids[0] not in second.ids


def queried(gallery: Painted, expression: str) -> list[tuple[int, str, str]]:
    """Post, reason and words of each row that the command lists."""
    arguments = ["query", expression, "--root", str(gallery.root), "--format", "csv", "--columns", "post_id,asked,why"]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0, answer.output
    return [(int(row["post_id"]), row["asked"], row["why"]) for row in csv.DictReader(io.StringIO(answer.stdout))]


def shown(
    service: GalleryReviewService, ids: Sequence[int], reasons: Mapping[int, Reasoned]
) -> list[tuple[int, str, str]]:
    """The same for a list of the page."""
    why = [reasons.get(one, Reasoned("", "")) for one in ids]
    return [
        (one.post_id, reason.reason, reason.words)
        for one, reason in zip(service.pictures("mona", ids), why, strict=True)
    ]


def test_the_command_lists_what_the_page_asks_then_the_rest_by_nearness(
    service: GalleryReviewService, gallery: Painted
) -> None:
    for one in service.queue("mona").ids[:5]:
        service.answer("mona", [LabelAnswer(one, "keep", f"click-{one:03}", 0)])
    questions, listed = service.queue("mona"), service.find("mona", "order:uncertain")

    rows = queried(gallery, "order:uncertain")

    assert len(rows) == 240
    assert rows[:QUEUE_SIZE] == shown(service, questions.ids, questions.reasons)
    assert rows == shown(service, listed.ids, listed.reasons)
    assert {reason for _, reason, _ in rows[QUEUE_SIZE:]} == {""}
    far = [abs(one.score - 0.5) for one in service.pictures("mona", listed.ids[QUEUE_SIZE:-5]) if one.score is not None]
    assert far == sorted(far)
    assert all(one.word for one in service.pictures("mona", listed.ids[-5:]))


def test_questions_can_be_narrowed(service: GalleryReviewService, gallery: Painted) -> None:
    kept = {one.post_id for one in service.pictures("mona", service.find("mona", "decision:keep").ids)}
    narrow = [row for row in queried(gallery, "order:uncertain") if row[0] in kept]

    assert len(kept) > 20
    assert queried(gallery, "decision:keep order:uncertain limit:20") == narrow[:20]
    assert queried(gallery, "target:mona decision:keep order:uncertain") == narrow


def test_likely_errors_are_mostly_errors_and_alike_in_both_places(
    service: GalleryReviewService, gallery: Painted
) -> None:
    made, listed = gallery.made, service.find("mona", "error:likely")

    rows = queried(gallery, "error:likely")

    assert rows == shown(service, listed.ids, listed.reasons)
    errors = [made.tagged[post - 1] != made.shows[post - 1] for post, _, _ in rows]
    assert len(errors) > 10
    assert sum(errors) > 0.8 * len(errors)
    assert all(made.tagged[post - 1] == (reason == "tag-error") for post, reason, _ in rows)


def test_an_answer_keeps_the_reason_that_it_was_asked_for(service: GalleryReviewService, gallery: Painted) -> None:
    listed = service.find("mona", "error:missing-tag")
    [one] = listed.ids[:1]

    service.answer("mona", [LabelAnswer(one, "keep", "click-001", 0, listed.reasons[one].reason)])

    with open_reader(gallery.root) as reader:
        assert [label.why for label in reader.labels("mona")] == [LabelReason.MISSING_TAG]
    assert one not in service.find("mona", "error:missing-tag").ids


def test_figures_after_many_answers_are_those_of_a_page_that_was_just_opened(
    service: GalleryReviewService, gallery: Painted
) -> None:
    for turn in range(3):
        questions = service.queue("mona", random_only=True)
        words = [
            LabelAnswer(one, gallery.truth(post_of(service, one)), f"click-{turn}-{one}", 0, "random")
            for one in questions.ids
        ]
        done = service.answer("mona", words[:10])
        first = done[0].picture
        assert first is not None
        assert first.word is not None
        service.answer("mona", [LabelAnswer(first.id, "clear", f"clear-{turn}-1", first.word.seq)])
        service.facts("mona")

    with GalleryReviewService(gallery.root, "tester") as fresh:
        assert service.facts("mona") == fresh.facts("mona")
        assert service.queue("mona") == fresh.queue("mona")


def test_answers_to_random_questions_estimate_how_good_the_gallery_is(
    service: GalleryReviewService, gallery: Painted
) -> None:
    before = service.facts("mona").figures
    for turn in range(6):
        questions = service.queue("mona", random_only=True)
        drawn = [one for one in questions.ids[:8] if questions.reasons[one].reason == "random"]
        words = [
            LabelAnswer(one, gallery.truth(post_of(service, one)), f"click-{turn}-{one}-x", 0, "random")
            for one in drawn
        ]
        service.answer("mona", words)

    figures = service.facts("mona").figures

    assert before is not None
    assert (before.precision, before.answers) == (None, 0)
    assert figures is not None
    assert figures.answers >= 20
    assert figures.precision is not None
    assert 0 <= figures.precision.low <= figures.precision.value <= figures.precision.high <= 1


def test_an_answer_survives_and_can_be_taken_back(service: GalleryReviewService, gallery: Painted) -> None:
    [done] = service.answer("mona", [LabelAnswer(1, "delete", "click-001", 0)])
    assert done.picture is not None
    assert done.picture.word is not None

    [undone] = service.answer("mona", [LabelAnswer(1, "clear", "click-002", done.picture.word.seq)])

    assert done.saved
    assert (done.picture.decision, undone.saved) == ("delete", True)
    assert undone.picture is not None
    assert undone.picture.decision == undone.picture.machine
    assert [word.value for word in service.history("mona", 1).words] == ["clear", "delete"]
    assert verify(gallery.root).missing == ()


@pytest.mark.fault("U11")
def test_two_tabs_cannot_overwrite_each_other(service: GalleryReviewService) -> None:
    service.answer("mona", [LabelAnswer(1, "keep", "one-tab-1", 0)])

    [late] = service.answer("mona", [LabelAnswer(1, "delete", "other-tab", 0)])

    assert not late.saved
    assert late.picture is not None
    assert late.picture.word is not None
    assert late.picture.word.value == "keep"


@pytest.mark.fault("U12")
def test_a_click_that_is_sent_again_is_one_label(service: GalleryReviewService) -> None:
    service.answer("mona", [LabelAnswer(1, "keep", "click-001", 0)])

    [again] = service.answer("mona", [LabelAnswer(1, "keep", "click-001", 0)])

    assert again.saved
    assert len(service.history("mona", 1).words) == 1


@pytest.mark.fault("P07")
async def test_answers_are_taken_while_a_crawl_holds_the_gallery(
    service: GalleryReviewService, gallery: Painted
) -> None:
    async with Archive.open(gallery.root, ArchiveSettings(reserve_bytes=0)):
        [done] = service.answer("mona", [LabelAnswer(2, "keep", "click-001", 0)])

    assert done.saved
    with open_reader(gallery.root) as reader:
        assert len(reader.query("label:keep").rows) == 1


def test_more_like_this_finds_pictures_of_the_same_kind(service: GalleryReviewService, gallery: Painted) -> None:
    shows = service.find("mona", "mona_(genshin_impact) order:p").ids[0]

    near = service.alike("mona", shows, 24).ids

    assert shows not in near
    kinds = [gallery.truth(post_of(service, one)) for one in near]
    assert kinds.count("keep") > len(kinds) * gallery.made.shows.mean() * 1.5


def test_a_picture_comes_as_bytes_by_its_id_alone(service: GalleryReviewService) -> None:
    assert (service.rendition(1) or b"")[:4] == b"\x89PNG"
    assert service.rendition(10**9) is None


def test_a_tag_without_posts_comes_with_the_nearest_tag(service: GalleryReviewService) -> None:
    assert service.find("mona", "hatt").absent == {"hatt": "hat"}
    assert service.find("mona", "hat").absent == {}


@pytest.mark.parametrize("term", ["decison:keep", "-decison:keep"])
def test_an_unknown_metatag_is_refused_with_the_nearest(service: GalleryReviewService, term: str) -> None:
    with pytest.raises(QueryError, match="there is no metatag decison:") as refused:
        service.find("mona", term)
    assert refused.value.suggestion == "decision:keep"


def test_a_target_that_the_page_does_not_show_is_named_where_nothing_fits(service: GalleryReviewService) -> None:
    assert service.find("mona", "target:fischl").absent == {"target:fischl": None}
    assert service.find("mona", "target:m* hatt").absent == {"hatt": "hat"}
    assert service.find("mona", "-target:fischl hatt").absent == {"hatt": "hat"}


def test_words_are_completed_by_the_language_and_by_frequent_tags(service: GalleryReviewService) -> None:
    words = [one.word for one in service.words("s")]

    assert "solo" in words
    assert "score:" in words
    assert service.words("") == ()


def test_a_filter_that_cannot_be_read_says_which_term(service: GalleryReviewService) -> None:
    with pytest.raises(QueryError, match="order:nonsense"):
        service.find("mona", "order:nonsense")


async def test_without_a_model_the_doubtful_ones_are_asked_about_all_the_same(gallery: Painted) -> None:
    with closing(sqlite3.connect(gallery.root / "crawl.db")) as rows, rows:
        rows.execute("UPDATE model SET active = 0")

    with GalleryReviewService(gallery.root, "tester") as service:
        facts, questions, alike = service.facts("mona"), service.queue("mona"), service.alike("mona", 1, 24)
        listed = [post_of(service, one) for one in questions.ids]
    answer = CliRunner().invoke(app, ["query", "order:uncertain", "-f", "ids", "--root", str(gallery.root)])

    assert (facts.model, facts.figures) == (None, None)
    assert len(questions.ids) == 240
    assert [int(line) for line in answer.stdout.splitlines()] == listed
    assert "mona: no model with stored embeddings" in answer.stderr
    assert list(alike.ids) == []
