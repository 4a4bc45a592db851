"""`crawl database copy`, as it is typed: to a server and back, and what it refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from tests.commands.small_site import MONA, SmallSite, small_site
from tests.equipment.postgres import PostgresServer

MAIN = ("--tag", "genshin_impact", "--keep", MONA)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    with small_site(tmp_path, monkeypatch) as found:
        found.gallery.add_tag(MONA, "character")
        for number in range(1, 9):
            found.post(number, *([MONA] if number % 4 == 0 else []), bright=number % 2 == 0)
        yield found


def copied(site: SmallSite, *words: str) -> Result:
    """It names the gallery's folder by itself, and takes no --root."""
    return CliRunner().invoke(app, [*words, "--config", str(site.folder / "crawl.toml")], prog_name="crawl")


def done(site: SmallSite, *words: str, exit_code: int = 0) -> Any:
    answer = copied(site, *words) if words[0] == "database" else site.crawl(*words)
    assert answer.exit_code == exit_code, (words, answer.stdout, answer.stderr)
    return answer


def test_a_gallery_moves_to_a_server_is_worked_on_and_moves_back(
    site: SmallSite, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.new_database()
    monkeypatch.delenv("CRAWL_DATABASE", raising=False)
    done(site, *MAIN)
    with site.reader() as reader:
        root, before = reader.root, reader.digest()

    there = done(site, "database", "copy", str(root), url)
    with site.reader() as reader:
        assert reader.digest() == before
        assert str(reader.database) == url
    done(site, "relabel", "delete", "2", "--keep", MONA)
    done(site, *MAIN)
    done(site, "apply", "--yes")
    with site.reader() as reader:
        after = reader.digest()
    back = json.loads(done(site, "database", "copy", url, str(root), "--json").stdout)
    with site.reader() as reader:
        assert reader.digest() == after != before
        assert str(reader.database) == str(root / "crawl.db")
    done(site, "verify")

    assert "rows copied, all compared; the gallery's rows are in postgresql://" in there.stderr
    assert "the old file is kept: " in there.stderr
    assert back == {
        "database": str(root / "crawl.db"),
        "rows": back["rows"],
        "digest": back["digest"],
        "kept": None,
        "exit": 0,
    }
    assert back["rows"] > 8


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ROOT", "ROOT"), "one of the two must be an address"),
        (("postgresql://one/a", "postgresql://two/b"), "one of the two must be the gallery's folder"),
        (("ROOT", "postgresql://me:secret@one/a"), "~/.pgpass"),
        (("ROOT", "postgresql://127.0.0.1:1/a"), "cannot be reached"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(site: SmallSite, words: tuple[str, ...], says: str) -> None:
    done(site, *MAIN)
    with site.reader() as reader:
        root = str(reader.root)

    answer = copied(site, "database", "copy", *(root if word == "ROOT" else word for word in words))

    assert answer.exit_code in (2, 8)
    assert says in answer.stderr
    assert "secret" not in answer.stderr
    assert "Traceback" not in answer.stderr


def test_without_the_driver_it_says_what_to_install(site: SmallSite, monkeypatch: pytest.MonkeyPatch) -> None:
    done(site, *MAIN)
    with site.reader() as reader:
        root = str(reader.root)
    monkeypatch.setitem(sys.modules, "psycopg", None)

    answer = done(site, "database", "copy", root, "postgresql://nowhere/a", exit_code=2)

    assert "pip install 'boorusieve[postgres]'" in answer.stderr
