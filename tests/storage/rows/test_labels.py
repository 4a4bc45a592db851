"""What people say is kept word by word, beats the machine, and is never overwritten unseen."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.archive import Archive, open_reader
from storage.archive_records import Click, Conflict, Label, Saved
from storage.errors import RefusedRequest
from storage.label_writer import Labelling
from storage.lifecycle.verify import verify
from storage.reader import Reader
from storage.records import LabelReason, LabelValue
from tests.storage.samples import NO_RESERVE, content_of, decide, list_posts, make_post, new_gallery, schema_at, sight


def word(value: str = "keep", key: str = "k1", post: int = 1, **changes: Any) -> Label:
    return replace(Label(post, "demo", "mona", LabelValue(value), "me", key), **changes)


async def a_judged_post(root: Path, value: str = "delete", count: int = 1) -> None:
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        posts = [make_post(number) for number in range(1, count + 1)]
        await list_posts(archive, posts)
        for post in posts:
            await archive.file_look(sight(post, decide(value)))


def holding(reader: Reader) -> tuple[Any, ...]:
    return reader.sql("SELECT decision, decided_by, label FROM results").rows[0]


async def test_a_word_taken_back_leaves_what_the_machine_says(root: Path) -> None:
    await a_judged_post(root)
    with Labelling(root) as labelling:
        [first] = labelling.record([Click(word("keep", "k1"), 1, None)])
        assert holding(labelling.reader) == ("keep", "label", "keep")
        assert isinstance(first, Saved)

        [undone] = labelling.record([Click(word("clear", "k2"), 1, first.seq)])

        assert isinstance(undone, Saved)
        assert holding(labelling.reader) == ("delete", "score", None)
        assert labelling.reader.query("label:none").rows
        assert [(label.value, label.holds) for label in labelling.reader.labels("mona")] == [
            (LabelValue.KEEP, False),
            (LabelValue.CLEAR, False),
        ]
    assert verify(root).whole
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        assert (await archive.known([make_post(1)], ["mona"]))[1].labels == {}


async def test_what_is_taken_back_leaves_what_the_machine_says_of_that_very_picture(root: Path) -> None:
    await a_judged_post(root)
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, [make_post(2)])
        await archive.file_look(sight(make_post(2), decide("keep")))

    with Labelling(root) as labelling:
        [first] = labelling.record([Click(word("delete", "k1", post=2), 2, None)])
        assert isinstance(first, Saved)
        [undone] = labelling.record([Click(word("clear", "k2", post=2), 2, first.seq)])

    assert isinstance(undone, Saved)
    assert verify(root).database == ()


@pytest.mark.fault("U11")
async def test_the_second_of_two_screens_gets_the_label_of_the_first(root: Path) -> None:
    await a_judged_post(root)
    with Labelling(root) as one, Labelling(root) as two:
        [saved] = one.record([Click(word("keep", "k1"), 1, None)])
        assert isinstance(saved, Saved)

        [answer] = two.record([Click(word("delete", "k2"), 1, None)])

        assert isinstance(answer, Conflict)
        assert (answer.seq, answer.value, answer.who) == (saved.seq, LabelValue.KEEP, "me")
        assert holding(two.reader) == ("keep", "label", "keep")
        [agreed] = two.record([Click(word("delete", "k3"), 1, answer.seq)])
        assert isinstance(agreed, Saved)


@pytest.mark.fault("U12")
async def test_a_click_that_is_sent_again_is_the_same_label(root: Path) -> None:
    await a_judged_post(root)
    with Labelling(root) as labelling:
        click = Click(word("keep", "k1"), 1, None)
        [first] = labelling.record([click])
        assert isinstance(first, Saved)
        labelling.record([Click(word("delete", "k2"), 1, first.seq)])

        assert labelling.record([click]) == [Saved(first.seq, repeated=True)]
        assert len(labelling.reader.labels("mona")) == 2
        with pytest.raises(RefusedRequest, match="another label"):
            labelling.record([Click(word("delete", "k1"), 1, None)])


@pytest.mark.fault("J10")
async def test_a_label_for_a_picture_that_was_replaced_meanwhile_is_a_conflict(root: Path) -> None:
    await a_judged_post(root)
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1, content_of(1, "replaced"))])
    with Labelling(root) as labelling:
        [answer] = labelling.record([Click(word(), 1, None)])

        assert answer == Conflict(2, None, None)
        assert labelling.reader.labels("mona") == []


async def test_many_labels_are_recorded_together_or_not_at_all(root: Path) -> None:
    await a_judged_post(root, count=3)
    with Labelling(root) as labelling:
        clicks = [Click(word(key=f"k{n}", post=n), n, None) for n in (1, 2, 99)]
        with pytest.raises(RefusedRequest, match="post 99"):
            labelling.record(clicks)
        assert labelling.reader.labels("mona") == []

        answers = labelling.record([*clicks[:2], Click(word(key="late", post=3), 3, 5)])

        assert [type(answer) for answer in answers] == [Saved, Saved, Conflict]
        with pytest.raises(RefusedRequest, match="at most"):
            labelling.record(clicks * 200)


async def test_a_label_says_why_it_was_asked(root: Path) -> None:
    await a_judged_post(root)
    with Labelling(root) as labelling:
        labelling.record([Click(word(why=LabelReason.RANDOM), 1, None)])
        labelling.relabel([word("delete", "cli")])

        labels = labelling.reader.labels("mona")

    assert [(one.post_id, one.value, one.why, one.holds) for one in labels] == [
        (1, LabelValue.KEEP, LabelReason.RANDOM, False),
        (1, LabelValue.DELETE, LabelReason.MANUAL, True),
    ]


@pytest.mark.sqlite("galleries on Postgres begin after that step")
async def test_labels_from_before_the_reasons_are_nobody_s_question(root: Path) -> None:
    await a_judged_post(root)
    schema_at(root / "crawl.db", "0002", back=True)
    with closing(sqlite3.connect(root / "crawl.db")) as connection:
        connection.execute("ALTER TABLE label DROP COLUMN why")
        connection.execute("DROP TRIGGER purge_needs_a_decision")
        connection.execute(
            "INSERT INTO label (version_id, target, value, who, client_key, labelled_at)"
            " VALUES (1, 'mona', 'keep', 'me', 'old', '2024-01-01 00:00:00.000000')"
        )
        connection.execute("UPDATE standing SET label_seq = 1")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()

    archive = Archive.open(new_gallery(root), NO_RESERVE)
    await archive.aclose()

    assert archive.recovery.migrated_from == "0001"
    with open_reader(root) as reader:
        assert [(label.why, label.holds) for label in reader.labels("mona")] == [(LabelReason.MANUAL, True)]
    assert verify(root).whole
