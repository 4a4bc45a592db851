"""Pictures like one picture, on the page: of a post, and of a picture that a person drops there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from httpx2 import Response

from review.errors import NotComparable
from review.gallery_service import GalleryReviewService
from review.gate import MOST_BODY, MOST_PICTURE
from tests.review.pieces import OWN, FakeEmbedder, Opened, opened
from tests.review.program import Painted

LIKE = "/api/targets/mona/like?most=5"


@pytest.fixture
def service(gallery: Painted) -> Iterator[GalleryReviewService]:
    with GalleryReviewService(gallery.root, "tester") as service:
        yield service


def send(page: Opened, content: bytes, path: str = LIKE, **changes: Any) -> Response:
    headers = {
        "content-type": "application/octet-stream",
        "origin": OWN,
        "sec-fetch-site": "same-origin",
        "x-review-token": page.token,
    } | changes
    return page.client.post(path, content=content, headers={name: value for name, value in headers.items() if value})


def test_pictures_like_a_post_come_with_their_likeness(page: Opened) -> None:
    reply = page.get("/api/targets/mona/alike/1?most=1").json()

    assert reply["ids"] == [3]
    assert reply["reasons"] == {"3": {"reason": "similar", "words": "likeness 0.90"}}


@pytest.mark.parametrize("most", ["0", "501", "-1", "many", "٣"])
def test_how_many_are_wanted_is_read_strictly(page: Opened, most: str) -> None:
    answer = page.get(f"/api/targets/mona/alike/1?most={most}")

    assert answer.status_code == 400
    assert "most: needs a whole number of 1 to 500" in answer.json()["error"]


def test_a_dropped_picture_is_looked_at_and_compared() -> None:
    embedder = FakeEmbedder()
    page = opened(embedder=embedder)

    reply = send(page, b"picture" * MOST_BODY).json()

    assert embedder.seen == [("mona", 7 * MOST_BODY)]
    assert (reply["ids"], reply["words"]) == ([4], "mona, by 10 of the 10 nearest pictures")
    assert page.service.writes == 0


def test_what_is_no_picture_is_refused_with_the_reason() -> None:
    answer = send(opened(embedder=FakeEmbedder()), b"")

    assert answer.status_code == 422
    assert answer.json()["error"] == "this is no picture that can be looked at: undecodable"


def test_a_page_that_cannot_look_says_so(page: Opened) -> None:
    assert send(page, b"picture").status_code == 422


@pytest.mark.fault("U03")
@pytest.mark.parametrize(
    "changes",
    [
        {"sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
        {"content-type": "application/json"},
        {"content-type": "multipart/form-data"},
        {"x-review-token": "guessed"},
    ],
)
def test_a_picture_that_the_page_did_not_send_is_refused(changes: dict[str, str]) -> None:
    embedder = FakeEmbedder()

    answer = send(opened(embedder=embedder), b"picture", **changes)

    assert (answer.status_code, embedder.seen) == (403, [])


def test_a_picture_that_is_too_large_is_refused_before_it_is_read() -> None:
    embedder = FakeEmbedder()
    page = opened(embedder=embedder)

    told = send(page, b"", **{"content-length": str(MOST_PICTURE + 1)})
    elsewhere = send(page, b"x" * (MOST_BODY + 1), "/api/targets/mona/answers", **{"content-type": "application/json"})

    assert (told.status_code, elsewhere.status_code) == (413, 413)
    assert told.json()["error"] == f"at most {MOST_PICTURE} bytes at once"
    assert embedder.seen == []


def test_the_network_is_let_go_with_the_page() -> None:
    embedder = FakeEmbedder()

    with opened(embedder=embedder).client:
        assert not embedder.closed

    assert embedder.closed


def test_an_embedding_is_compared_with_the_target_s_pictures(service: GalleryReviewService, gallery: Painted) -> None:
    shown = int(np.flatnonzero(gallery.made.shows & gallery.made.tagged)[0])

    found = service.like("mona", gallery.made.vectors[shown], 10)
    again = service.like("mona", gallery.made.vectors[shown], 10)

    assert found == again
    assert service.pictures("mona", [found.ids[0]])[0].post_id == shown + 1
    assert found.likeness[0] == pytest.approx(1, abs=0.001)
    assert "nearest pictures with one character's tag" in found.words


def test_what_cannot_be_compared_is_said(service: GalleryReviewService, gallery: Painted) -> None:
    with pytest.raises(NotComparable, match="expected an embedding of 12 numbers"):
        service.like("mona", np.zeros(3, dtype=np.float16), 5)
    with closing(sqlite3.connect(gallery.root / "crawl.db")) as database, database:
        database.execute("DELETE FROM embedding")
    with GalleryReviewService(gallery.root, "tester") as empty:
        assert list(empty.alike("mona", 1, 5).ids) == []
        with pytest.raises(NotComparable, match="has looked at no picture"):
            empty.like("mona", np.zeros(12, dtype=np.float16), 5)
    with closing(sqlite3.connect(gallery.root / "crawl.db")) as database, database:
        database.execute("UPDATE model SET active = 0")
    with pytest.raises(NotComparable, match="no model in force"):
        service.like("mona", np.zeros(12, dtype=np.float16), 5)
