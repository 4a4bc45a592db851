"""Which site a command talks to, and what it tells it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.app import app
from commands.context.connection import connect
from commands.context.workspace import load_workspace
from crawler.errors import CrawlError

KEY = "canary-key-51c9"
NAMELESS = {"CRAWL_LOGIN": "alice", "CRAWL_API_KEY": KEY}
NAMED = {"CRAWL_DANBOORU_LOGIN": "alice", "CRAWL_DANBOORU_API_KEY": KEY}
CRAWL = ("--tag", "mona", "--keep", "mona")


@dataclass
class Stranger:
    """A server on this machine that is no gallery, and remembers what it was sent."""

    url: str
    keys: list[str | None] = field(default_factory=list)  # the Authorization header of every request


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.keys.append(self.headers.get("Authorization"))
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        heard = Stranger(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield heard
        server.shutdown()
        thread.join()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("environ", [NAMED, NAMELESS], ids=["named", "nameless"])
@pytest.mark.parametrize("words", [(), ("--site", "danbooru"), ("--config", "crawl.toml")], ids=" ".join)
def test_settings_that_move_a_known_site_do_not_get_its_key(
    here: Path, stranger: Stranger, words: tuple[str, ...], environ: dict[str, str]
) -> None:
    (here / "crawl.toml").write_text(f'[sites.danbooru]\nurl = "{stranger.url}"\n')

    done = CliRunner().invoke(app, [*words, *CRAWL], env=environ)

    assert done.exit_code == 2
    assert "needs a key of its own" in done.output and KEY not in done.output
    assert stranger.keys == [] and not (here / "gallery-data").exists()


@pytest.mark.parametrize("words", [(), *(("--site", name) for name in ("mine", "MINE", " Mine "))], ids=" ".join)
def test_settings_that_lie_in_the_current_folder_get_no_key_for_a_site_of_their_own(
    here: Path, stranger: Stranger, words: tuple[str, ...]
) -> None:
    site = "site = 'mine'\n" if not words else ""
    (here / "crawl.toml").write_text(f'{site}[sites.mine]\nurl = "{stranger.url}"\n')

    done = CliRunner().invoke(app, ["doctor", *words], env=NAMELESS)

    assert "no key is sent to 127.0.0.1" in done.output
    assert stranger.keys and set(stranger.keys) == {None}


@pytest.mark.parametrize("how", ["option", "environment", "named settings"])
def test_a_site_that_the_user_names_gets_the_key(here: Path, stranger: Stranger, how: str) -> None:
    (here / "mine.toml").write_text(f'site = "mine"\n[sites.mine]\nurl = "{stranger.url}"\n')
    words = {"option": ["--site", stranger.url], "named settings": ["--config", "mine.toml"]}.get(how, [])
    environ = NAMELESS | ({"CRAWL_SITE": stranger.url} if how == "environment" else {})

    CliRunner().invoke(app, ["doctor", *words], env=environ)

    assert stranger.keys and None not in stranger.keys


@pytest.mark.parametrize("name", ["demo", "Demo"])
async def test_the_demo_gallery_is_sent_no_key_that_names_no_host(
    here: Path, stranger: Stranger, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It refused the key of the real site, and the first example of the help ended with exit 4."""

    @asynccontextmanager
    async def demo(options: object) -> AsyncIterator[str]:
        yield stranger.url

    for variable, value in NAMELESS.items():
        monkeypatch.setenv(variable, value)

    async with AsyncExitStack() as stack:
        connected = await connect(stack, load_workspace(here, None, name), demo=demo)
        with pytest.raises(CrawlError):  # it is no gallery
            await connected.client.posts("mona")

    assert stranger.keys and set(stranger.keys) == {None}


@pytest.mark.parametrize(
    ("words", "reported"), [((), True), (("--config", "crawl.toml"), False)], ids=["found", "named"]
)
def test_a_proxy_that_a_file_in_the_current_folder_names_is_reported(
    here: Path, stranger: Stranger, words: tuple[str, ...], *, reported: bool
) -> None:
    (here / "crawl.toml").write_text(f'proxy = "{stranger.url}"\n')

    done = CliRunner().invoke(app, ["doctor", "--site", "http://127.0.0.1:1", *words])

    assert ("requests go through the proxy 127.0.0.1:" in done.stderr) is reported
    assert stranger.keys
