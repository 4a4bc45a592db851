"""The page and rounds over a gallery on a Postgres server: two people at once, and the same answers as from a file."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.app import app
from review.gallery_service import GalleryReviewService
from review.service import LabelAnswer
from storage.archive import open_reader
from storage.lifecycle.gallery_copy import copy_gallery
from storage.lifecycle.verify import verify
from tests.equipment.postgres import PostgresServer
from tests.equipment.review_gallery import fill
from tests.storage.samples import NO_RESERVE

ANSWERS = 12  # of each of two people
BOTH = 4  # pictures that both are shown at the same moment


@pytest.fixture
def roots(tmp_path: Path, server: PostgresServer) -> Sequence[Path]:
    """Of one gallery: in a file, on a server, and the folder of the last as another machine has it."""
    in_a_file, there, elsewhere = (tmp_path / name / "gallery-data" for name in ("file", "server", "elsewhere"))
    fill(in_a_file, 120)
    shutil.copytree(in_a_file, there, symlinks=True)
    copy_gallery(there, server.new_database(), NO_RESERVE)
    shutil.copytree(there, elsewhere, symlinks=True)
    return in_a_file, there, elsewhere


def answered(service: GalleryReviewService, who: str, pictures: Sequence[int], value: str) -> list[int]:
    """Give an answer to each picture, a click each; gives the pictures whose answers were saved."""
    saved = []
    for picture in pictures:
        (result,) = service.answer("mona", [LabelAnswer(picture, value, f"{who} {picture}", seen=0)])
        saved += [picture] if result.saved else []
    return saved


@pytest.mark.fault("D18", "D19")
def test_two_people_answer_at_once_and_nothing_is_lost(roots: Sequence[Path]) -> None:
    in_a_file, there, elsewhere = roots
    with GalleryReviewService(there, "anna") as anna, GalleryReviewService(elsewhere, "ben") as ben:
        asked = anna.queue("mona").ids
        annas, bens = asked[:ANSWERS], asked[ANSWERS - BOTH : 2 * ANSWERS - BOTH]
        with ThreadPoolExecutor(2) as people:
            first = people.submit(answered, anna, "anna", annas, "keep")
            second = people.submit(answered, ben, "ben", bens, "keep")
        # of one picture the first answer counts, and the second person is shown it
        saved = [*first.result(), *second.result()]
        assert sorted(saved) == sorted({*annas, *bens})
        assert anna.facts("mona").counts == ben.facts("mona").counts

    for who, pictures in (("anna", first.result()), ("ben", second.result())):  # one after the other
        with GalleryReviewService(in_a_file, who) as alone:
            assert answered(alone, who, pictures, "keep") == pictures
    assert digest(there) == digest(in_a_file)
    assert verify(there).database == ()


@pytest.mark.fault("D19")
def test_a_round_ends_in_the_same_state(roots: Sequence[Path]) -> None:
    for root in roots[:2]:
        with GalleryReviewService(root, "anna") as anna:
            answered(anna, "anna", anna.queue("mona").ids[:ANSWERS], "keep")
        before = digest(root)

        done = CliRunner().invoke(app, ["train", "mona", "--quiet", "--root", str(root)], prog_name="crawl")

        assert done.exit_code == 0, done.output
        assert digest(root) != before

    assert digest(roots[0]) == digest(roots[1])


def digest(root: Path) -> str:
    with open_reader(root) as reader:
        return reader.digest()
