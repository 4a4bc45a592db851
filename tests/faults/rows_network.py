"""Rows N, H and J: a network, a server and an API that misbehave. Data for `test_faults_rows`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from tests.faults.checker.evidence import has_rows
from tests.faults.simulator.experiment import Broken, Laboratory, Row
from tests.faults.simulator.simulator import CANARY, INTERNAL_HOST, TAG, Simulator
from tests.speed import patient

ORIGINALS, RENDITIONS, LISTING, ANYTHING = "/original/*", "/720x720/*", "/posts.json", "/*"
FILES = "/*/??/??/*"
CHALLENGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>challenge</body></html>"
BUSY = (502, 503, 504, 520)
THREE_A_PAGE: Mapping[str, Any] = {"match": {"path": LISTING}, "do": {"mutate_json": [{"keep": [0, 3]}]}}

Rules = Sequence[Mapping[str, Any]]


def on(path: str, do: Mapping[str, Any], **match: Any) -> Mapping[str, Any]:
    """One rule."""
    return {"match": {"path": path, **match}, "do": do}


def everywhere(do: Mapping[str, Any], *nth: int) -> Rules:
    """The same misbehaviour on originals and on renditions."""
    return [on(path, do, nth=list(nth)) for path in (ORIGINALS, RENDITIONS)]


# --- what else must hold ---------------------------------------------------------------------------------------------


def post_is_open(post_id: int) -> Any:
    """That post is not decided, or kept without its file; the others are complete."""

    def check(broken: Broken) -> None:
        decision, _, place = broken.decision(post_id)
        assert decision is None or place == "none"
        assert broken.rows("SELECT count(*) FROM file WHERE place = 'gallery'")[0][0] >= 6

    return check


def post_is_gone(post_id: int) -> Any:
    """That post is counted as gone, recorded as unavailable, and has no file; the others are complete."""

    def check(broken: Broken) -> None:
        state = "SELECT state FROM file_version JOIN post ON post.key = post_key WHERE post_id = ?"
        assert broken.rows(state, post_id) == [("unavailable",)]
        assert broken.decision(post_id)[2] == "none"
        assert broken.rows("SELECT json_extract(counts, '$.gone'), json_extract(counts, '$.failed') FROM run") == [
            (1, 0)
        ]
        assert broken.rows("SELECT count(*) FROM file WHERE place = 'gallery'")[0][0] >= 6

    return check


def decided_by_another_rendition(post_id: int) -> Any:
    """Another rendition stood in, and the post was kept by what it shows."""

    def check(broken: Broken) -> None:
        assert broken.decision(post_id)[0::2] == ("keep", "gallery")
        names = "SELECT name FROM rendition JOIN post USING (md5) WHERE post_id = ?"
        assert broken.rows(names, post_id) not in ([], [("720x720",)])

    return check


def nobody_asked_for_a_second(broken: Broken) -> None:
    """Between the 429 and the end of its wait no request for a file arrived, whoever might have sent it."""
    times = [(r["time"], r["rule"]) for r in broken.site.requests if "/720x720/" in r["target"]]
    struck = next(time for time, rule in times if rule is not None)
    on_their_way = min(0.5, patient(0.05))  # seconds that requests may take to arrive that were sent before
    meanwhile = [time - struck for time, _ in times if on_their_way < time - struck < 0.95]
    assert meanwhile == []


def nothing_was_taken_for_gone(broken: Broken) -> None:
    """No file, and no post marked unavailable."""
    if has_rows(broken.root):
        assert broken.rows("SELECT count(*) FROM file_version WHERE state = 'unavailable'") == [(0,)]
        assert broken.rows("SELECT count(*) FROM decision WHERE value = 'delete' AND score IS NULL") == [(0,)]


def nothing_was_stored(broken: Broken) -> None:
    """Neither an original nor a rendition."""
    nothing_was_taken_for_gone(broken)
    assert broken.rows("SELECT count(*) FROM file") == [(0,)]
    assert broken.rows("SELECT count(*) FROM rendition") == [(0,)]


def by_id_and_never_by_number(broken: Broken) -> None:
    """Every page was asked for by id cursor."""
    listings = [request for request in broken.site.paths(f"tags={TAG}") if request.startswith(LISTING)]
    assert len(listings) >= 4
    assert all("page=b" in request for request in listings[1:])


def nobody_inside_was_asked(broken: Broken) -> None:
    """The internal service saw no request, and the refused post says why."""
    assert [request for request in broken.site.requests if request["host"] == INTERNAL_HOST] == []
    assert "url refused" in str(broken.rows("SELECT reason FROM attempt WHERE outcome = 'failed'"))


def nothing_was_decided(broken: Broken) -> None:
    """The run ended before any post was touched."""
    assert broken.rows("SELECT count(*) FROM post") == [(0,)]


def the_file_began_again(broken: Broken) -> None:
    """A resume was tried, and a whole request came after it."""
    ranges = [r["headers"].get("range") for r in broken.site.requests if "/original/" in r["target"]]
    assert any(ranges)


def hostile_rows_stayed_outside(broken: Broken) -> None:
    """No file outside the root, no control character on the terminal, the rows refused or stored as data."""
    assert {path.name for path in broken.root.parent.iterdir()} <= {"root", "crawl.toml"}
    assert not [c for c in broken.ended.output if ord(c) < 32 and c not in "\n\r\t"]
    assert broken.rows("SELECT count(DISTINCT post_id) FROM refused")[0][0] >= 3
    assert "\x1b" not in (broken.root / "crawl.log").read_text("utf-8")


# --- rules that need the site or files --------------------------------------------------------------------------------


def placeholder(laboratory: Laboratory, _: Simulator) -> Rules:
    """The same valid picture for every file."""
    path = laboratory.folder / "expired.jpg"
    Image.new("RGB", (300, 200), "white").save(path)
    return [on(RENDITIONS, {"swap_body": str(path), "headers": {"Content-Type": "image/jpeg"}})]


def placeholder_originals(laboratory: Laboratory, site: Simulator) -> Rules:
    """The same valid picture for every original."""
    return [on(ORIGINALS, {**rule["do"]}) for rule in placeholder(laboratory, site)]


def redirects(_: Laboratory, site: Simulator) -> Rules:
    """Kept originals lead elsewhere, each to another bad place."""
    places = (
        f"http://{INTERNAL_HOST}:{site.port}/internal",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "http://other.invalid/x.jpg",
        "//user:pass@127.0.0.2/x.jpg",
    )
    posts = (10, 30, 40, 60, 70)
    return [on(ORIGINALS, {"redirect": to}, post=post) for post, to in zip(posts, places, strict=True)]


def hostile(rows: Any) -> Any:
    """Text that tries to choose a path, a file type, or what a terminal does."""
    for row in rows:
        match row.get("id"):
            case 10:
                row["md5"] = "../../x"
            case 20:
                row["file_ext"] = "jpg/../../y"
            case 30:
                row["file_ext"] = "php\0jpg"
            case 40:
                row["tag_string_general"] += " <script>alert(1)</script> \"'; \x1b[2J\u202egnp.exe"
            case 50:
                row["source"] = "s" * 1_000_000
            case 60:
                row["file_url"] = "https://evil.example/x.avif"
            case 70:
                row["md5"] = "\ud800" * 32
    return rows


# --- rows ------------------------------------------------------------------------------------------------------------

NETWORK = (
    Row("N04 reset in the body", everywhere({"after_bytes": 1000, "then": "rst"}, 3, 4, 7)),
    Row("N05 shorter than stated", everywhere({"after_bytes": 1000, "then": "close"}, 2, 5)),
    Row("N05 chunks without an end", everywhere({"no_terminator": True}, 2, 5)),
    Row("N06 cut without any length", everywhere({"length": None, "after_bytes": 3000, "then": "close"}, 2, 5)),
    Row("N07 longer than stated and published", everywhere({"after_bytes": 4000, "then": "more"}, 2, 5)),
    Row("N08 accepts and never answers", everywhere({"accept_and_ignore": True}, 2)),
    Row("N08 sends headers, then nothing", everywhere({"after_bytes": 0, "then": "hang"}, 2)),
    Row(
        "N08 never answers for one post",
        [on(RENDITIONS, {"accept_and_ignore": True}, post=20)],
        exit=3,
        also=post_is_open(20),
    ),
    Row("N09 headers drip", everywhere({"drip_headers": {"bytes": 1, "seconds": 0.05}}, 2)),
    Row("N09 body drips", everywhere({"drip": {"bytes": 20, "seconds": 0.05}}, 2)),
)

HTTP = (
    Row("N11 connections die unanswered", everywhere({"drop": "rst"}, 2, 5, 7)),
    Row("H28 a terabyte is announced", everywhere({"length": 10**12, "after_bytes": 3000, "then": "close"}, 2, 5)),
    Row("H28 a body without an end", [on(ORIGINALS, {"length": None, "after_bytes": 100, "then": "more"}, nth=[2, 5])]),
    Row("H01 listing fails twice", [on(LISTING, {"status": 500}, nth=[1, 2])]),
    Row("H01 files fail twice", everywhere({"status": 500}, 1, 2)),
    Row(
        "H01 502, 503, 504, 520 with pages",
        [rule for code in BUSY for rule in everywhere({"status": code, "body": "<html>"}, 1)],
    ),
    Row(
        "H03 429 with Retry-After",
        [on(RENDITIONS, {"status": 429, "headers": {"Retry-After": "1"}}, nth=3)],
        also=nobody_asked_for_a_second,
    ),
    Row("H05 429 for ever", [on(ANYTHING, {"status": 429, "body": ""})], exit=5, requests_at_most=9),
    Row("H05 429 for ever, files only", [on(FILES, {"status": 429, "body": ""})], exit=5, also=nothing_was_stored),
    *(
        Row(
            f"H08 challenge on {name}",
            [on(path, {"status": 403, "body": CHALLENGE, "headers": headers})],
            exit=5,
            also=nothing_was_stored,
            requests_at_most=most,
        )
        for name, path, headers, most in (
            ("everything", ANYTHING, {"cf-mitigated": "challenge"}, 2),
            ("everything, without its header", ANYTHING, {}, 2),
            ("files", FILES, {"cf-mitigated": "challenge"}, None),
        )
    ),
    *(
        Row(
            f"H09 pages as {kind}",
            [on(FILES, {"body": CHALLENGE, "headers": {"Content-Type": kind}})],
            exit=5,
            also=nothing_was_stored,
        )
        for kind in ("text/html", "image/jpeg")
    ),
    Row("H09 one page among pictures", [on(RENDITIONS, {"body": CHALLENGE}, nth=4)]),
    Row(
        "H10 a JSON error as picture",
        [on(RENDITIONS, {"json": {"success": False, "error": "x"}}, post=20)],
        exit=3,
        also=post_is_open(20),
    ),
    Row("H11 one placeholder for all renditions", placeholder, exit=5, says="placeholder", also=nothing_was_stored),
    Row(
        "H11 one placeholder for all originals",
        placeholder_originals,
        exit=5,
        says="placeholder",
        also=nothing_was_taken_for_gone,
    ),
    Row(
        "H12 401",
        [on(ANYTHING, {"status": 401, "json": {"success": False, "error": "x", "message": f"bad {CANARY[:0]}key"}})],
        exit=4,
        requests_at_most=1,
        also=nothing_was_decided,
    ),
    *(
        Row(f"H13 {status} for one {what}", [on(path, {"status": status}, post=70)], exit=3, also=post_is_open(70))
        for status in (400, 401, 405, 406, 415, 422)
        for what, path in (("original", ORIGINALS), ("rendition", RENDITIONS))
    ),
    *(
        Row(
            f"H14 {status} for one {what}",
            [on(path, {"status": status}, post=10)],
            same_end=False,
            also=post_is_gone(10),
        )
        for status in (403, 404, 410, 451)
        for what, path in (("original", ORIGINALS), ("file", FILES))
    ),
    Row(
        "H14 404 for one rendition",
        [on(RENDITIONS, {"status": 404}, post=10)],
        same_end=False,
        also=decided_by_another_rendition(10),
    ),
    *(
        Row(
            f"H13 {status} for every {what}",
            [on(path, {"status": status})],
            exit=exit,
            says=says,
            also=nothing_was_taken_for_gone,
        )
        for status, exit, says in ((403, 4, "refuse"), (401, 4, "refuse"), (404, 5, "has none of"))
        for what, path in (("original", ORIGINALS), ("file", FILES))
    ),
    Row("H15 numbered pages end", [THREE_A_PAGE], also=by_id_and_never_by_number),
    Row("H19 redirects elsewhere", redirects, exit=3, also=nobody_inside_was_asked),
    Row(
        "H22 range ignored",
        [
            on(ORIGINALS, {"after_bytes": 6000, "then": "rst"}, post=10, nth=1),
            on(ORIGINALS, {"ignore_range": True}, post=10, header={"range": "bytes=*"}),
        ],
        also=the_file_began_again,
    ),
    Row(
        "H22 416 for a resume",
        [
            on(ORIGINALS, {"after_bytes": 6000, "then": "rst"}, post=10, nth=1),
            on(ORIGINALS, {"bad_range": "unsatisfiable"}, post=10, header={"range": "bytes=*"}, times=1),
        ],
        also=the_file_began_again,
    ),
    Row("H25 gzip cut", [on(LISTING, {"encode": "cut"}, nth=[1, 3])]),
)

NONSENSE: Sequence[Mapping[str, Any]] = (
    {"mutate_json": [{"text": "cut"}]},
    {"mutate_json": [{"text": "html"}]},
    {"body": ""},
    {"json": {"success": False, "error": "x", "message": "y"}},
    {"body": "null"},
    {"body": "7"},
)

NONSENSE_AT = tuple(zip((1, 1, 2, 2, 3, 3), NONSENSE, strict=True))  # a rule sees what no rule before it took

API = (
    Row("J01 no JSON, and JSON that is no page", [*(on(LISTING, do, nth=n) for n, do in NONSENSE_AT), THREE_A_PAGE]),
    Row("J02 empty in the middle", [on(LISTING, {"json": []}, nth=[2, 4]), THREE_A_PAGE]),
    Row("J03 short pages", [THREE_A_PAGE]),
    Row("J08 hostile text", [on(LISTING, {"mutate_json": hostile})], exit=3, also=hostile_rows_stayed_outside),
)

ROWS = tuple(itertools.chain(NETWORK, HTTP, API))
