"""The page's requests and the replies to them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.review.pieces import OWN, Opened, answering, make_picture, opened


def test_a_list_says_why_each_picture_is_asked_about(page: Opened) -> None:
    reply = page.get("/api/targets/mona/list?view=questions").json()

    assert reply["ids"] == [2, 1]
    assert reply["reasons"]["2"] == {"reason": "random", "words": "random sample, for the estimate"}


def test_an_expression_that_cannot_be_read_names_its_term(page: Opened) -> None:
    answer = page.get("/api/targets/mona/list?q=decision:kep")

    assert answer.status_code == 422
    assert (answer.json()["term"], answer.json()["suggestion"]) == ("decision:kep", "keep")


def test_words_of_a_filter_are_completed(page: Opened) -> None:
    assert page.get("/api/words?q=ha").json()["words"] == [["hat", "general", 5]]


def test_a_card_shows_everything_but_where_the_file_lies(page: Opened) -> None:
    [card] = page.get("/api/targets/mona/cards?ids=1,99").json()["cards"]

    assert card["link"] == "https://demo.example/posts/1001"
    assert card["picture"] == "/pictures/1?v=000000000000"
    assert card["tags"]["character"] == ["mona_(genshin_impact)"]
    assert "path" not in card
    assert "md5" not in card


def test_a_picture_of_a_site_that_is_gone_has_no_link(page: Opened) -> None:
    page.service.stored[1] = make_picture(1, site="gone")

    assert page.get("/api/targets/mona/cards?ids=1").json()["cards"][0]["link"] is None


def test_figures_come_with_their_intervals(page: Opened) -> None:
    reply = page.get("/api/targets/mona").json()

    assert reply["figures"]["precision"] == {"value": 0.97, "low": 0.94, "high": 0.99}
    assert reply["model"]["name"] == "mona/1"


def test_an_answer_comes_back_as_it_was_recorded(page: Opened) -> None:
    answer = page.answer(answering(1, "delete"))

    assert answer.status_code == 200
    assert answer.json()["saved"][0]["label"] == "delete"
    assert page.service.writes == 1


def test_an_answer_that_is_sent_again_is_not_recorded_again(page: Opened) -> None:
    page.answer(answering(1, "delete"))

    again = page.answer(answering(1, "delete"))

    assert again.status_code == 200
    assert page.service.writes == 1


@pytest.mark.fault("U11")
def test_the_second_of_two_tabs_gets_the_current_label(page: Opened) -> None:
    page.answer(answering(1, "keep", key="one-tab-1"))

    answer = page.answer(answering(1, "delete", key="other-tab"), answering(2, "keep", key="another-1"))

    assert answer.status_code == 409
    assert answer.json()["conflicts"][0]["label"] == "keep"
    assert [card["id"] for card in answer.json()["saved"]] == [2]
    assert page.service.stored[1].word is not None
    assert page.service.stored[1].word.value == "keep"


def test_an_answer_about_nothing_is_not_found(page: Opened) -> None:
    assert page.answer(answering(99)).status_code == 404


def test_one_round_at_a_time(page: Opened) -> None:
    first = page.post("/api/rounds", {"target": "mona"})
    second = page.post("/api/rounds", {"target": "fischl"})

    assert (first.status_code, second.status_code) == (202, 409)
    assert page.get("/api/rounds").json()["target"] == "mona"


def test_a_round_for_nobody_is_refused(page: Opened) -> None:
    for target in ("nobody", "--root=/", 1, None):
        assert page.post("/api/rounds", {"target": target}).status_code == 400


def test_a_round_is_stopped_when_the_page_is_closed(page: Opened) -> None:
    with page.client:
        page.post("/api/rounds", {"target": "mona"})

    assert page.rounds.stopped == 1


def test_unchanged_scripts_are_not_sent_again(page: Opened) -> None:
    first = page.get("/static/main.js")

    again = page.client.get("/static/main.js", headers={"if-none-match": first.headers["etag"]})

    assert (first.status_code, again.status_code) == (200, 304)


def test_a_picture_is_kept_only_under_an_address_that_names_its_bytes(page: Opened) -> None:
    assert "immutable" in page.get("/pictures/1?v=abc").headers["cache-control"]
    assert "immutable" not in page.get("/pictures/1").headers["cache-control"]


@pytest.mark.fault("U06")
def test_a_gallery_in_a_folder_of_any_name_is_named_as_text() -> None:
    page = opened(root='/data/"><script>alert(1)</script>')

    html = page.get("/").text

    assert "<script>alert" not in html
    assert "/data/&#34;&gt;&lt;script&gt;" in html


def test_whoever_opens_a_wrong_address_gets_a_page_and_a_script_gets_json(page: Opened) -> None:
    person, script = page.get("/nowhere", accept="text/html,*/*"), page.get("/nowhere")

    assert (person.status_code, script.status_code) == (404, 404)
    assert "<h1>Page not found</h1>" in person.text
    assert '<a href="/">' in person.text
    assert script.json() == {"error": "there is nothing at this address"}


def test_at_a_wrong_host_the_page_names_the_right_one_and_fetches_nothing(page: Opened) -> None:
    refused = page.get("/", host="evil.example", accept="text/html")

    assert refused.status_code == 421
    assert f'<a href="{OWN}/">' in refused.text
    assert "/static/" not in refused.text


def test_words_in_an_error_are_text(page: Opened) -> None:
    refused = page.get("/api/targets/%3Cscript%3E/cards?ids=1", accept="text/html")

    assert refused.status_code == 404
    assert "<script>" not in refused.text


def test_a_small_picture_can_be_asked_for_in_a_larger_copy(page: Opened) -> None:
    page.service.stored[1] = replace(page.service.stored[1], rendition="a" * 64, shown_side=180)
    before = page.get("/api/targets/mona/cards?ids=1").json()["cards"][0]

    answer = page.post("/api/targets/mona/pictures/1/larger", {})

    after = answer.json()["card"]
    assert (answer.status_code, before["larger"], after["larger"]) == (200, True, False)
    assert before["picture"] != after["picture"]


def test_a_picture_that_is_shown_large_or_not_at_all_offers_no_larger_copy(page: Opened) -> None:
    page.service.stored[2] = replace(page.service.stored[2], shown_side=720)
    page.service.stored[3] = replace(page.service.stored[3], rendition=None, shown_side=0)
    page.service.stored[4] = replace(page.service.stored[4], width=150, height=180, shown_side=180)

    cards = page.get("/api/targets/mona/cards?ids=2,3,4").json()["cards"]

    assert [card["larger"] for card in cards] == [False, False, False]


def test_why_there_is_no_larger_copy_is_said(page: Opened) -> None:
    answer = page.post("/api/targets/mona/pictures/2/larger", {})

    assert answer.status_code == 502
    assert "serves no larger copy of post 1002" in answer.json()["error"]


def test_a_larger_copy_is_fetched_for_nobody_without_the_page_s_own_token(page: Opened) -> None:
    assert page.post("/api/targets/mona/pictures/1/larger", {}, x_review_token=None).status_code == 403
    assert page.service.stored[1].shown_side == 0
