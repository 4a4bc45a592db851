"""What holds for a picture and a target is joined in one place, for one target or several."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import select

from storage.archive import Archive, open_reader
from storage.archive_records import Label
from storage.database.current_state import CURRENT, CurrentState
from storage.database.tables import VersionRow
from storage.records import LabelValue, ModelCard
from tests.storage.samples import CARD, decide, keep, list_posts, make_post, relabel, sight

REPOSITORY = Path(__file__).resolve().parents[3]
ROOMS = ("bench", "commands", "crawler", "review", "rounds", "storage")
BY_HAND = re.compile(r"\w+Row\.(?:seq|id) == \w+Row\.(?:decision_seq|label_seq|file_id)\b")
OF_A_MOVE = {  # a move has a decision and a file of its own
    "FileRow.id == MoveRow.file_id",
    "DecisionRow.seq == MoveRow.decision_seq",
}


async def held(archive: Archive) -> list[tuple[object, ...]]:
    """Of posts 2 and 1: what holds for mona and for fischl, and where mona's original is."""
    mona, fischl = CURRENT, CurrentState.alias()
    columns = (VersionRow.id, mona.effective, mona.place, fischl.effective)
    statement = mona.joined(select(*columns), mona.of_version("mona"), required=False)
    statement = fischl.joined(statement, fischl.of_version("fischl"), required=False, parts=("decision", "label"))
    with open_reader(archive.root) as reader:
        return reader.ask(lambda c: [tuple(row) for row in c.execute(statement.order_by(VersionRow.id))])


async def test_the_newest_label_holds_before_the_decision_and_each_target_has_its_own(archive: Archive) -> None:
    first, second = make_post(2), make_post(1)
    await list_posts(archive, [first, second])
    await archive.file_look(sight(first, decide("keep")))
    await keep(archive, first)
    other = ModelCard("fischl", 1, "c" * 64, CARD.backbone_hash, 0.5)
    await archive.file_look(sight(first, decide("delete", card=other), models={"fischl": other}))
    before = await held(archive)

    await relabel(archive, [Label(2, "demo", "mona", LabelValue.UNSURE, "me", "a key of mine")])

    assert before == [(1, "keep", "gallery", "delete"), (2, None, "none", None)]
    assert await held(archive) == [(1, "undecided", "gallery", "delete"), (2, None, "none", None)]


async def test_pictures_for_which_nothing_holds_are_left_out_where_that_is_required(archive: Archive) -> None:
    first, second = make_post(2), make_post(1)
    await list_posts(archive, [first, second])
    await archive.file_look(sight(first, decide("delete")))

    statement = CURRENT.joined(select(VersionRow.id, CURRENT.effective), CURRENT.of_version("mona"))
    with open_reader(archive.root) as reader:
        found = reader.ask(lambda c: [tuple(row) for row in c.execute(statement)])

    assert found == [(1, "delete")]


def test_no_other_module_joins_them_by_itself() -> None:
    by_hand = {
        f"{path.relative_to(REPOSITORY)}: {found}"
        for room in ROOMS
        for path in (REPOSITORY / room).rglob("*.py")
        for found in BY_HAND.findall(path.read_text("utf-8"))
        if path.name != "current_state.py" and found not in OF_A_MOVE
    }

    assert by_hand == set()
