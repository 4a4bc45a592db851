"""`order:uncertain` and `error:likely`: others say what is worth a glance, and every other term narrows it as usual."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.archive import Archive, open_reader
from storage.archive_records import Label
from storage.database.results_view import COLUMNS
from storage.errors import CannotMatch, QueryError
from storage.gallery_view import wanted
from storage.reader import Reader
from storage.records import DecidedBy, Decision, DecisionValue, LabelValue, Look, Rating, Target
from storage.search.language import parse
from storage.search.ranking import Ranked, ranks_for
from tests.storage.samples import CARD, NO_RESERVE, decide, list_posts, make_post, new_gallery, relabel, sight

SCORES = {1: 0.44, 2: 0.9, 3: 0.1, 4: 0.55, 5: 0.51}  # against 0.5; 5 is answered
UNDECODABLE = 6


@dataclass
class RecordingRanker:
    """Returns given ranks, and records every call."""

    calls: list[str] = field(default_factory=list)

    def questions(self, targets: Sequence[str]) -> Sequence[Ranked]:
        self.calls += [f"questions {target}" for target in targets]
        queue = [
            Ranked(3, "mona", "missing-tag", "looks like it"),
            Ranked(2, "fischl", "random", "random sample"),
            Ranked(2, "mona", "random", "random sample"),
        ]
        return [one for one in queue if one.target in targets]

    def likely_errors(self, targets: Sequence[str]) -> Sequence[Ranked]:
        self.calls += [f"errors {target}" for target in targets]
        errors = [Ranked(1, "mona", "tag-error", "looks different"), Ranked(4, "mona", "missing-tag", "looks like it")]
        return [one for one in errors if one.target in targets]


async def fill(root: Path) -> None:
    """Five posts scored for mona, one that could not be decoded; the second is scored for fischl too."""
    archive = Archive.open(new_gallery(root), NO_RESERVE)
    posts = [make_post(n, rating=Rating.GENERAL if n % 2 else Rating.EXPLICIT) for n in (*SCORES, UNDECODABLE)]
    await archive.save_targets("demo", [Target("mona", "mona_(genshin_impact)"), Target("fischl", "fischl")])
    await archive.register_model(CARD, {"round": 0}, activate=True)
    await list_posts(archive, posts)
    fischl = Decision("fischl", DecisionValue.KEEP, DecidedBy.TAG, "tagged fischl", "p1")
    for post in posts[:-1]:
        decisions = [decide(score=SCORES[post.id]), *([fischl] if post.id == 2 else [])]
        await archive.file_look(sight(post, decisions=decisions))
    fault = Decision("mona", DecisionValue.UNDECIDED, DecidedBy.FAULT, "undecodable", "p1", model_hash=CARD.hash)
    await archive.file_look(sight(posts[-1], fault, rendition=None, stored=None, look=Look(fault="undecodable")))
    await relabel(archive, [Label(5, "demo", "mona", LabelValue.KEEP, "me", "click-1")])
    await archive.aclose()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    root = tmp_path_factory.mktemp("ranking") / "gallery-data"
    asyncio.run(fill(root))
    with open_reader(root) as reader:
        yield reader


def found(reader: Reader, expression: str) -> list[tuple[int, str]]:
    return [(row["post_id"], row["target"]) for row in reader.query(expression, ranker=RecordingRanker()).mappings()]


def ids(reader: Reader, expression: str) -> list[int]:
    return [post_id for post_id, _ in found(reader, expression)]


def test_questions_come_first_then_the_rest_by_nearness_and_what_was_answered_last(reader: Reader) -> None:
    assert found(reader, "order:uncertain") == [
        (3, "mona"),
        (2, "fischl"),
        (2, "mona"),
        (4, "mona"),
        (1, "mona"),
        (UNDECODABLE, "mona"),
        (5, "mona"),
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("order:uncertain target:mona rating:e", [2, 4, UNDECODABLE]),
        ("order:uncertain target:mona limit:2", [3, 2]),
        ("-label:any target:mona order:uncertain p:any", [3, 2, 4, 1]),
        ("order:uncertain label:any", [5]),
        ("error:likely", [1, 4]),
        ("error:likely order:id", [1, 4]),
        ("error:likely order:p", [4, 1]),
        ("error:LIKELY order:id_desc", [4, 1]),
        ("error:tag-error", [1]),
        ("error:missing-tag", [4]),
        ("error:likely rating:e", [4]),
        ("error:likely order:uncertain", [4, 1]),
        ("target:mona -error:likely", [6, 5, 3, 2]),
        ("error:tag-error or id:3", [1, 3]),
        ("-(error:likely or id:6) target:mona", [5, 3, 2]),
    ],
)
def test_other_terms_narrow_and_order_them(reader: Reader, expression: str, expected: list[int]) -> None:
    assert ids(reader, expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("error:any", [6]), ("error:undecodable", [6]), ("error:undec*", [6]), ("-error:any target:fischl", [2])],
)
def test_faults_are_what_they_were_and_nobody_is_asked_about_them(
    reader: Reader, expression: str, expected: list[int]
) -> None:
    ranker = RecordingRanker()

    rows = reader.query(expression, ranker=ranker)

    assert [row["post_id"] for row in rows.mappings()] == expected
    assert rows.columns == COLUMNS
    assert ranker.calls == []


def test_an_answer_with_questions_says_why(reader: Reader) -> None:
    rows = reader.query("order:uncertain target:mona", ranker=RecordingRanker())

    assert rows.columns == (*COLUMNS, "asked", "why")
    reasons = {row["post_id"]: (row["asked"], row["why"]) for row in rows.mappings()}
    assert reasons == {
        3: ("missing-tag", "looks like it"),
        2: ("random", "random sample"),
        **dict.fromkeys((4, 1, 6, 5), (None, None)),
    }


@pytest.mark.parametrize(
    ("expression", "calls"),
    [
        ("order:p", []),
        ("order:uncertain", ["questions fischl", "questions mona"]),
        ("order:uncertain target:mona", ["questions mona"]),
        ("error:tag-error target:fis*", ["errors fischl"]),
        ("error:likely -target:mona", ["errors fischl", "errors mona"]),
        ("error:likely order:uncertain target:MONA", ["questions mona", "errors mona"]),
    ],
)
def test_only_what_is_needed_is_asked_about(reader: Reader, expression: str, calls: list[str]) -> None:
    ranker = RecordingRanker()

    reader.query(expression, ranker=ranker)

    assert ranker.calls == calls


def test_with_nobody_to_ask_nearness_remains_and_likely_errors_are_refused(reader: Reader) -> None:
    rows = reader.query("order:uncertain target:mona p:any")

    assert [row["post_id"] for row in rows.mappings()] == [5, 4, 1, 3, 2]
    assert rows.columns == COLUMNS
    with pytest.raises(CannotMatch, match="error:likely"):
        reader.query("error:likely")


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("error:likly", "likely"),
        ("error:tag_error", "tag-error"),
        ("error:missing-tags", "missing-tag"),
        ("error:undecodeable", "undecodable"),
    ],
)
def test_a_misspelt_error_gets_a_suggestion(reader: Reader, expression: str, meant: str) -> None:
    with pytest.raises(QueryError, match=f"did you mean {meant}"):
        reader.query(expression, ranker=RecordingRanker())


def test_a_fault_that_no_picture_has_is_no_mistake(reader: Reader) -> None:
    assert reader.query("error:404").rows == []
    assert reader.query("error:undecodable rating:g").rows == []


def test_the_page_s_lists_are_ranked_alike(reader: Reader) -> None:
    def listed(expression: str) -> list[int]:
        query = parse(expression)
        ranks = ranks_for(query, RecordingRanker(), ["mona"])
        now = datetime.now(UTC)
        return list(reader.ask(lambda c: wanted(c, query, "mona", now=now, limit=9, ranks=ranks)).ids)

    assert listed("order:uncertain") == [3, 2, 4, 1, UNDECODABLE, 5]
    assert listed("error:likely rating:e") == [4]
    with pytest.raises(QueryError, match="tag-error"):
        listed("error:tag-eror")
