import copy
import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.errors import BadCredentials
from crawler.sites import BUILTIN, Site, site_from_url
from crawler.transport.credentials import Credentials, Secret, load_credentials

DANBOORU = BUILTIN["danbooru"]
KEY = "canary-key-7f3a"


@pytest.mark.fault("U15")
def test_a_secret_shows_itself_nowhere_by_accident() -> None:
    credentials = Credentials("alice", Secret(KEY))

    shown = [
        str(credentials),
        repr(credentials),
        f"{credentials.key}",
        f"{credentials.key!r:>40}",
    ]

    assert not any(KEY in text for text in shown)


@pytest.mark.fault("U15")
def test_a_secret_does_not_leave_its_process() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(KEY))
    with pytest.raises(TypeError):
        copy.copy(Secret(KEY))


def test_the_environment_gives_the_key_of_any_site() -> None:
    loaded = load_credentials(DANBOORU, {"CRAWL_LOGIN": "alice", "CRAWL_API_KEY": KEY})

    assert loaded.credentials == Credentials("alice", Secret(KEY))


def test_a_sites_own_key_wins_over_the_general_one() -> None:
    environ = {"CRAWL_LOGIN": "x", "CRAWL_API_KEY": "y", "CRAWL_DANBOORU_LOGIN": "alice", "CRAWL_DANBOORU_API_KEY": KEY}

    loaded = load_credentials(DANBOORU, environ)

    assert loaded.credentials is not None and loaded.credentials.login == "alice"


def test_without_a_key_we_are_nobody() -> None:
    assert load_credentials(DANBOORU, {"CRAWL_LOGIN": "", "CRAWL_API_KEY": ""}).credentials is None


@pytest.mark.parametrize(
    "environ", [{"CRAWL_LOGIN": "alice"}, {"CRAWL_API_KEY": KEY}, {"CRAWL_LOGIN": "a\nb", "CRAWL_API_KEY": KEY}]
)
def test_half_a_pair_is_refused_without_showing_it(environ: dict[str, str]) -> None:
    with pytest.raises(BadCredentials) as caught:
        load_credentials(DANBOORU, environ)

    assert KEY not in str(caught.value) and "CRAWL_LOGIN" in str(caught.value)


def test_a_private_file_gives_the_key(tmp_path: Path) -> None:
    file = tmp_path / "credentials.toml"
    file.write_text(f'[danbooru]\nlogin = "alice"\napi_key = "{KEY}"\n')
    file.chmod(0o600)

    loaded = load_credentials(DANBOORU, {}, file)

    assert loaded.credentials == Credentials("alice", Secret(KEY))
    assert loaded.warnings == ()


@pytest.mark.fault("C04")
def test_a_file_that_others_can_read_is_warned_about_with_the_fix(tmp_path: Path) -> None:
    file = tmp_path / "credentials.toml"
    file.write_text(f'login = "alice"\napi_key = "{KEY}"\n')
    file.chmod(0o644)

    loaded = load_credentials(DANBOORU, {}, file)

    assert "chmod 600" in loaded.warnings[0] and KEY not in loaded.warnings[0]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"login = ", b"login = 3\napi_key = 4", b"#" * 70000])
def test_a_file_that_is_none_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "credentials.toml"
    file.write_bytes(content)
    file.chmod(0o600)

    with pytest.raises(BadCredentials, match=r"credentials\.toml"):
        load_credentials(DANBOORU, {}, file)


@pytest.mark.fault("U16")
def test_a_key_is_never_sent_unencrypted_to_another_machine() -> None:
    site = Site(name="lan", api_url="http://192.168.0.9", file_hosts=frozenset(), group="lan")

    with pytest.raises(BadCredentials, match="not encrypted") as caught:
        load_credentials(site, {"CRAWL_LOGIN": "alice", "CRAWL_API_KEY": KEY})

    assert caught.value.exit_code == 2


def test_a_key_may_be_tried_out_on_this_machine() -> None:
    site = site_from_url("http://127.0.0.1:8000")

    assert load_credentials(site, {"CRAWL_LOGIN": "alice", "CRAWL_API_KEY": KEY}).credentials is not None


@pytest.mark.fault("U15")
def test_a_logged_secret_is_stars(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("using %s and %r", Secret(KEY), Secret(KEY))

    assert KEY not in caplog.text and "***" in caplog.text


HERE = "127.0.0.1:8000"
MOVED = site_from_url(f"http://{HERE}", name="danbooru")
NAMED = {"CRAWL_DANBOORU_LOGIN": "alice", "CRAWL_DANBOORU_API_KEY": KEY}
NAMELESS = {"CRAWL_LOGIN": "alice", "CRAWL_API_KEY": KEY}


def private(folder: Path, text: str) -> Path:
    file = folder / "credentials.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("vouched", [True, False])
@pytest.mark.parametrize("environ", [NAMED, NAMELESS])
@pytest.mark.parametrize("name", ["danbooru", "Danbooru", "DANBOORU"])
def test_a_key_does_not_follow_a_known_name_to_another_host(
    name: str, environ: dict[str, str], *, vouched: bool
) -> None:
    moved = site_from_url("https://danbooru.donmai.us.example", name=name)

    with pytest.raises(BadCredentials, match="needs a key of its own") as caught:
        load_credentials(moved, environ, vouched=vouched)

    assert KEY not in str(caught.value) and caught.value.exit_code == 2


@pytest.mark.parametrize("place", ["[danbooru]\n", ""])
def test_a_key_in_a_file_does_not_follow_either(tmp_path: Path, place: str) -> None:
    file = private(tmp_path, f'{place}login = "alice"\napi_key = "{KEY}"\n')

    with pytest.raises(BadCredentials, match="needs a key of its own"):
        load_credentials(MOVED, {}, file)


def test_a_moved_name_takes_the_key_that_is_bound_to_its_host(tmp_path: Path) -> None:
    file = private(tmp_path, f'["{HERE}"]\nlogin = "bob"\napi_key = "{KEY}"\n')

    loaded = load_credentials(MOVED, NAMED, file, vouched=False)

    assert loaded.credentials is not None and loaded.credentials.login == "bob"


@pytest.mark.parametrize(
    "bound", ["127.0.0.1", "127.0.0.1:80", "127.0.0.1:8001", "127.0.0.1:8000.example", "x127.0.0.1:8000"]
)
def test_a_key_for_a_host_that_looks_alike_is_not_taken(tmp_path: Path, bound: str) -> None:
    file = private(tmp_path, f'["{bound}"]\nlogin = "bob"\napi_key = "{KEY}"\n')

    assert load_credentials(MOVED, {}, file).credentials is None


@pytest.mark.parametrize("name", [None, "mine"])
@pytest.mark.parametrize("environ", [NAMELESS, {"CRAWL_MINE_LOGIN": "alice", "CRAWL_MINE_API_KEY": KEY}])
def test_a_key_without_a_host_goes_only_where_the_user_says(name: str | None, environ: dict[str, str]) -> None:
    site = site_from_url("https://booru.example", name=name)

    without_consent, with_consent = (load_credentials(site, environ, vouched=vouched) for vouched in (False, True))

    assert without_consent.credentials is None
    if "CRAWL_LOGIN" in environ or name:
        assert (
            "no key is sent to booru.example" in without_consent.warnings[0] and KEY not in without_consent.warnings[0]
        )
        assert with_consent.credentials is not None


def test_a_key_without_a_host_is_of_the_site_that_is_crawled_when_none_is_named() -> None:
    for name, sent in (("danbooru", True), ("safebooru", True), ("aibooru", False)):
        assert (load_credentials(BUILTIN[name], NAMELESS, vouched=False).credentials is not None) is sent


def test_a_file_of_keys_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadCredentials, match="is not there"):
        load_credentials(DANBOORU, NAMED, tmp_path / "absent.toml")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_of_keys_as_notepad_saves_it_is_read(tmp_path: Path, encoding: str) -> None:
    file = private(tmp_path, "")
    file.write_bytes(f'login = "alice"\r\napi_key = "{KEY}"\r\n'.encode(encoding))

    assert load_credentials(DANBOORU, {}, file).credentials == Credentials("alice", Secret(KEY))


@pytest.mark.parametrize(
    "text",
    [
        "",
        f'api_kye = "{KEY}"\n',
        f'api_key "{KEY}"\n',
        f"api_key = '{KEY}\n",
        f'[booru.example]\nlogin = "alice"\napi_key = "{KEY}"\n',
        "x = " + "[" * 20_000,
    ],
)
def test_a_file_of_keys_that_would_say_nothing_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadCredentials) as caught:
        load_credentials(DANBOORU, {}, private(tmp_path, text))

    assert KEY not in str(caught.value) and "credentials.toml" in str(caught.value)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_file_of_keys_that_is_no_regular_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "credentials.toml")

    with pytest.raises(BadCredentials, match="not a regular file"):
        load_credentials(DANBOORU, {}, tmp_path / "credentials.toml")
