"""The page that asks for labels: only listed pictures, only this page, and every answer as it is on the disk."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from review.errors import BadClass, NoSuchPicture
from review.gate import Address
from review.label_app import LabelPage, create_label_app
from review.service import LabelMatches, LabelProgress, LabelQuestion
from storage.errors import StorageError
from tests.review.pieces import OWN, PORT, picture_bytes


@dataclass
class Desk:
    """Two pictures in memory; the second one cannot be shown."""

    shown: list[LabelQuestion] = field(
        default_factory=lambda: [
            LabelQuestion(0, "<b>a</b>.png", "0" * 32, [("lisa", 0.75)], "", 1),
            LabelQuestion(1, "b.png", "1" * 32, [], "", None),
        ]
    )
    full: bool = False

    def progress(self) -> LabelProgress:
        left = [one.number for one in self.shown if not one.label]
        return LabelProgress(2, len(left), left[0] if left else None, {"lisa": 3})

    def question(self, number: int) -> LabelQuestion:
        if not 0 <= number < 2:
            raise NoSuchPicture("no picture has this number")
        return self.shown[number]

    def matches(self, typed: str) -> LabelMatches:
        if typed == "+..":
            raise BadClass("'..' cannot be a class")
        return LabelMatches(["lisa"], None, typed.startswith("+"))

    def picture(self, number: int) -> bytes | None:
        return picture_bytes() if self.question(number).number == 0 else None

    def give(self, number: int, label: str, seen: str) -> bool:
        if self.full:
            raise StorageError("x.labels.csv: No space left on device; this label was not written")
        if self.question(number).label != seen:
            return False
        self.shown[number] = replace(self.shown[number], label=label)
        return True


@dataclass
class Opened:
    desk: Desk
    client: TestClient
    token: str

    def give(self, number: object = 0, label: object = "lisa", seen: object = "", **changes: str | None) -> Any:
        headers: dict[str, str | None] = {"origin": OWN, "content-type": "application/json"}
        headers |= {"x-review-token": self.token} | {name.replace("_", "-"): value for name, value in changes.items()}
        sent = {name: value for name, value in headers.items() if value is not None}
        return self.client.post("/api/labels", json={"number": number, "label": label, "seen": seen}, headers=sent)


@pytest.fixture
def page() -> Opened:
    desk, address = Desk(), Address(PORT)
    app = create_label_app(LabelPage(service=desk, address=address, folder='a "<folder>"', model="family"))
    return Opened(desk, TestClient(app, base_url=OWN), address.token)


def test_the_page_carries_its_token_and_names_as_text(page: Opened) -> None:
    answer = page.client.get("/")

    assert (answer.status_code, page.token in answer.text) == (200, True)
    assert "a &#34;&lt;folder&gt;&#34;" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert page.client.get("/static/label.js").status_code == 200


def test_a_question_says_what_is_proposed_and_how_far_the_folder_is(page: Opened) -> None:
    asked = page.client.get("/api/questions/0").json()

    assert asked["question"]["proposed"] == [["lisa", 0.75]]
    assert asked["progress"] == {"questions": 2, "open": 2, "first_open": 0, "classes": {"lisa": 3}}
    assert page.client.get("/api/start").json() == {"token": page.token, "progress": asked["progress"]}
    assert page.client.get("/api/names?q=li").json() == {"names": ["lisa"], "new": None, "wanted": False}


def test_an_answer_is_given_once_and_a_stale_one_is_refused(page: Opened) -> None:
    saved, stale = page.give(), page.give(label="bart")

    assert (saved.status_code, saved.json()["question"]["label"], saved.json()["progress"]["open"]) == (200, "lisa", 1)
    assert (stale.status_code, stale.json()["question"]["label"]) == (409, "lisa")


@pytest.mark.fault("U05")
@pytest.mark.parametrize("number", ["2", "-1", "..%2Fetc", "1e3", "9" * 30, "٣"])
def test_nothing_but_a_listed_picture_can_be_read(page: Opened, number: str) -> None:
    assert page.client.get(f"/pictures/{number}").status_code == 404
    assert page.client.get(f"/api/questions/{number}").status_code == 404


def test_a_picture_is_sandboxed_and_one_that_cannot_be_shown_is_none(page: Opened) -> None:
    shown = page.client.get("/pictures/0?v=1")

    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert "sandbox" in shown.headers["content-security-policy"]
    assert page.client.get("/pictures/1").status_code == 404


@pytest.mark.fault("U01")
def test_only_this_page_may_write(page: Opened) -> None:
    refused = [
        page.give(x_review_token="wrong"),
        page.give(origin="http://evil.example"),
        page.give(host="evil.example"),
        page.give(content_type="text/plain"),
    ]

    assert [one.status_code for one in refused] == [403, 403, 421, 403]
    assert page.client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert page.desk.shown[0].label == ""


@pytest.mark.parametrize(
    "body", [{"number": True}, {"number": "0"}, {"label": 1}, {"label": "x" * 401}, {"seen": None}]
)
def test_what_the_page_never_sends_is_refused(page: Opened, body: dict[str, Any]) -> None:
    assert page.give(**body).status_code == 400
    assert page.give(number=7).status_code == 404


def test_what_cannot_be_a_class_or_be_written_is_said(page: Opened) -> None:
    assert page.client.get("/api/names?q=%2B..").json() == {"error": "'..' cannot be a class"}
    page.desk.full = True
    answer = page.give()
    assert (answer.status_code, "No space left" in answer.json()["error"]) == (500, True)
