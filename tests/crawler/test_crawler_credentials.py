import copy
import logging
import pickle
from pathlib import Path

import pytest

from crawler.credentials import Credentials, Secret, load_credentials
from crawler.errors import BadCredentials
from crawler.sites import BUILTIN, Site, site_from_url

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
