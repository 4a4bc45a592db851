from datetime import UTC, datetime

import pytest

from crawler.errors import (
    AccessError,
    BlockedError,
    CrawlError,
    Forbidden,
    GoneError,
    NotOffered,
    PageLimitError,
    PostError,
    QuestionRefused,
    SiteTimeout,
    TagLimit,
    Throttled,
    TransientError,
    UsageError,
)
from crawler.transport.budget import Kind
from crawler.transport.responses import Refusal, meaning, retry_after
from storage.records import RunError

NOW = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
HTML = b"<!DOCTYPE html><html><title>Just a moment...</title></html>"


def refused(status: int, body: bytes = b"", **headers: str) -> CrawlError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return meaning(Refusal(status, named, body, "GET /posts.json"), NOW)


def error_body(kind: str, message: str = "") -> bytes:
    return f'{{"success": false, "error": "{kind}", "message": "{message}"}}'.encode()


@pytest.mark.fault("H04")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Wed, 01 May 2024 12:00:30 GMT", 30.0),
        ("Wed, 01 May 2024 11:00:00 GMT", 0.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("abc", None),
        ("", None),
        ("1e9", 1e9),
        ("5, 9", 9.0),
        ("Wed, 01 May 2024 12:00:30 GMT, Wed, 01 May 2024 12:01:00 GMT", 60.0),
        ("9" * 400, None),
    ],
)
def test_a_stated_wait_is_understood_in_all_its_forms(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


@pytest.mark.fault("H03")
def test_429_carries_the_stated_wait() -> None:
    error = refused(429, retry_after="7")

    assert isinstance(error, Throttled) and error.retry_after == 7.0


@pytest.mark.fault("H08")
@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (403, HTML, {"cf_mitigated": "challenge", "content_type": "text/html"}),
        (403, HTML, {"content_type": "text/html; charset=UTF-8"}),
        (403, HTML, {}),
        (503, HTML, {"cf_mitigated": "challenge"}),
        (503, HTML + b"challenge-platform", {"server": "cloudflare", "content_type": "text/html"}),
    ],
)
def test_a_challenge_page_stops_the_run_with_advice(status: int, body: bytes, headers: dict[str, str]) -> None:
    error = refused(status, body, **headers)

    assert isinstance(error, BlockedError) and error.exit_code == 5
    assert "log in" in str(error)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 522, 999])
def test_a_proxys_error_page_is_worth_another_try(status: int) -> None:
    error = refused(status, b"<html>Bad gateway</html>", content_type="text/html")

    assert type(error) is TransientError


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, error_body("SessionLoader::AuthenticationFailure", "Invalid API key"), AccessError, 4),
        (403, error_body("User::PrivilegeError", "Access denied"), Forbidden, 3),
        (404, error_body("ActiveRecord::RecordNotFound"), GoneError, 3),
        (410, error_body("PaginationExtension::PaginationError", "You cannot go beyond page 1000."), PageLimitError, 2),
        (410, b"", GoneError, 3),
        (422, error_body("PostQuery::TagLimitError", "You cannot search for more than 2 tags at a time."), TagLimit, 2),
        (422, error_body("PostQuery::Error", "order: twice"), UsageError, 2),
        (500, error_body("ActiveRecord::QueryCanceled", "The database timed out running your query."), SiteTimeout, 3),
        (501, error_body("NotImplementedError"), NotOffered, 2),
        (400, error_body("ActionController::BadRequest"), QuestionRefused, 2),
        (451, b"", PostError, 3),
        (418, b"short and stout", TransientError, 3),
        (299, b"", TransientError, 3),
    ],
)
def test_each_status_says_what_to_do_next(status: int, body: bytes, kind: type[CrawlError], code: int) -> None:
    error = refused(status, body)

    assert type(error) is kind and error.exit_code == code


PLAIN_PAGE = b"<html>\r\n<head><title>403 Forbidden</title></head><body><h1>Forbidden</h1></body></html>"
ANY_STATUS = (*range(201, 206), *range(300, 309), *range(400, 432), 444, 451, 495, 499, *range(500, 512), 520, 530, 999)


@pytest.mark.parametrize(
    "body", [b"", error_body("Anything", "no"), PLAIN_PAGE, b"\xff\xd8"], ids=["none", "json", "page", "jpg"]
)
@pytest.mark.parametrize("status", [status for status in ANY_STATUS if status != 206])
def test_no_status_of_one_file_is_more_than_that_files_trouble(status: int, body: bytes) -> None:
    error = meaning(Refusal(status, {}, body, "GET /a.jpg", Kind.FILE), NOW)

    assert isinstance(error, TransientError | PostError) and not isinstance(error, RunError)


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_that_the_site_has_no_more_is_gone(status: int) -> None:
    error = meaning(Refusal(status, {}, PLAIN_PAGE, "GET /a.jpg", Kind.FILE), NOW)

    assert isinstance(error, GoneError) and error.state == "unavailable"


@pytest.mark.parametrize("word", [b"Just a moment...", b"challenge-platform", b"Sorry, you have been blocked"])
def test_a_challenge_in_a_files_place_is_still_a_challenge(word: bytes) -> None:
    error = meaning(Refusal(403, {}, b"<html><title>" + word + b"</title></html>", "GET /a.jpg", Kind.FILE), NOW)

    assert isinstance(error, BlockedError)


def test_the_sites_own_sentence_is_repeated() -> None:
    error = refused(422, error_body("PostQuery::TagLimitError", "You cannot search for more than 2 tags at a time."))

    assert str(error) == "You cannot search for more than 2 tags at a time."


@pytest.mark.fault("U17")
def test_the_sites_words_cannot_command_the_terminal() -> None:
    error = refused(422, b'{"error": "X", "message": "a\\u001b[2Jb\\nc\\u202ed"}')

    assert "\x1b" not in str(error) and "\n" not in str(error) and "\u202e" not in str(error)


@pytest.mark.fault("J09")
def test_an_error_body_of_nested_brackets_does_no_harm() -> None:
    assert isinstance(refused(500, b"[" * 60000), TransientError)
