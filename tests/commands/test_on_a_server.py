"""The main job and the commands after it, with the rows on a Postgres server: the same answers as from a file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from commands.app import app
from storage.archive import open_reader
from storage.lifecycle.gallery_copy import copy_gallery
from tests.commands.small_site import MONA, SmallSite, small_site
from tests.equipment.postgres import PostgresServer
from tests.faults import driver
from tests.faults.kills.changed_site import SYNC, changed_site
from tests.faults.stubs.parts import stub_parts
from tests.storage.samples import NO_RESERVE

POSTS = 12


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    with small_site(tmp_path, monkeypatch) as found:
        found.gallery.add_tag(MONA, "character")
        for number in range(1, POSTS + 1):
            found.post(number, *([MONA] if number % 4 == 0 else []), bright=number % 2 == 0)
        yield found


def asked(site: SmallSite, *words: str) -> Any:
    done = site.crawl(*words)
    assert done.exit_code == 0, (words, done.stdout, done.stderr)
    return done.stdout


def answers(site: SmallSite, *where: str) -> list[Any]:
    """What a person sees who crawls, looks, corrects, applies and crawls again; then the state of it all."""
    main = ("--tag", "genshin_impact", "--keep", MONA)
    crawled = json.loads(asked(site, *main, "--json", *where))
    said: list[Any] = [{name: crawled[name] for name in ("kept", "deleted")}]
    said.append(asked(site, "query", "order:score", "--format", "ids"))
    said.append(asked(site, "relabel", "delete", "2", "--keep", MONA))
    said.append(asked(site, "apply", "--yes"))
    columns = "post_id,decision,tags,created_at"
    said.append(asked(site, "query", "label:delete place:trash", "--format", "csv", "--columns", columns))
    asked(site, "status", "--json")
    asked(site, "verify")
    asked(site, *main, "--json")
    with site.reader() as reader:
        return [*said, reader.digest_lines()]


@pytest.mark.fault("D19")
def test_the_main_job_and_what_follows_give_the_same_on_a_server(site: SmallSite, server: PostgresServer) -> None:
    on_a_server = answers(site, "--database", server.new_database())
    assert not (site.root / "crawl.db").exists()
    site.root.rename(site.folder / "on-a-server")

    in_a_file = answers(site)

    assert (site.root / "crawl.db").exists()
    assert on_a_server == in_a_file


@pytest.fixture
def twins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: PostgresServer) -> Iterator[Twins]:
    """A gallery whose site changed since, in a file and on a server."""
    with changed_site(tmp_path / "site", monkeypatch, posts=16) as ground:
        in_a_file, there = (ground.copied_to(tmp_path / name / "root") for name in ("file", "server"))
        copy_gallery(there, server.new_database(), NO_RESERVE)
        yield Twins(in_a_file, there, ground.config)


@dataclass(frozen=True, slots=True)
class Twins:
    """Two galleries that are the same, on different engines."""

    in_a_file: Path
    on_a_server: Path
    config: Path

    def do(self, *words: str) -> None:
        """Give a command to both; `ROOT` in a word is the gallery's own."""
        for root in (self.in_a_file, self.on_a_server):
            given = [word.replace("ROOT", str(root)) for word in words]
            place = ["--root", str(root), "--config", str(self.config)]
            done = CliRunner().invoke(app, [*given, *place], prog_name="crawl", obj=stub_parts())
            assert done.exit_code == 0, (words, done.stdout, done.stderr)

    def states(self) -> list[list[str]]:
        """What holds in each."""
        found = []
        for root in (self.in_a_file, self.on_a_server):
            with open_reader(root) as reader:
                found.append(list(reader.digest_lines()))
        return found


@pytest.mark.fault("D19")
def test_sync_and_export_end_in_the_same_state_and_files(twins: Twins) -> None:
    before = twins.states()[0]

    twins.do(*SYNC)
    twins.do("export", "imagefolder", "ROOT/../out", "decision:keep", "--keep", "mona")
    twins.do("verify")

    one, other = twins.states()
    assert one == other != before
    files = [
        {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
        for root in (twins.in_a_file.parent / "out", twins.on_a_server.parent / "out")
    ]
    assert len(files[0]) > 3
    assert files[0].keys() == files[1].keys()
    assert {path: content for path, content in files[0].items() if path.suffix == ".jpg"} == {
        path: content for path, content in files[1].items() if path.suffix == ".jpg"
    }


@pytest.mark.slow
@pytest.mark.fault("D17", "D19")
@pytest.mark.parametrize("commit", [9, 31, 60])
def test_a_crawl_that_is_killed_at_a_commit_ends_as_one_in_a_file_that_is_not(
    site: SmallSite, server: PostgresServer, commit: int
) -> None:
    main = ("--tag", "genshin_impact", "--keep", MONA, "--site", site.site, "--quiet")
    place = ("--root", str(site.root), "--config", str(site.folder / "crawl.toml"))
    where = ("--database", server.new_database())

    killed = driver.run([*main, *where, *place], environment={"STUB_DIE": f"commit:{commit}"})
    ended = driver.run([*main, *place])
    with site.reader() as reader:
        there = reader.digest_lines()
    site.root.rename(site.folder / "on-a-server")
    asked(site, *main[:4], "--quiet")

    assert killed.killed, killed.output
    assert ended.code == 0, ended.output
    with site.reader() as reader:
        assert reader.digest_lines() == there


def test_a_database_that_cannot_be_had_is_refused_in_one_line(site: SmallSite, server: PostgresServer) -> None:
    main = ("--tag", "genshin_impact", "--keep", MONA)
    for database, code, says in (
        ("postgresql://me:secret@host/db", 2, "~/.pgpass"),
        ("sqlite:///x.db", 2, "postgresql://USER@HOST/NAME"),
        (server.url("nowhere"), 8, "createdb NAME"),
        ("postgresql://me@/db?host=/nowhere", 8, "cannot be reached"),
    ):
        done = site.crawl(*main, "--database", database)

        assert done.exit_code == code, done.stderr
        assert says in " ".join(done.stderr.split()) and "secret" not in done.stderr
        assert "Traceback" not in done.stderr


def test_without_the_driver_the_line_names_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['psycopg'] = None; from commands.__main__ import main; sys.exit(main())"
    words = [
        "--tag",
        "x",
        "--keep",
        "y",
        "--site",
        "demo",
        "--root",
        str(tmp_path / "new"),
        "--database",
        "postgresql:///db",
    ]

    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)

    assert done.returncode == 2, done.stderr
    assert "pip install 'boorusieve[postgres]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2 and "Traceback" not in done.stderr


def test_the_report_says_the_same_on_a_server_but_for_datasette(site: SmallSite, server: PostgresServer) -> None:
    answers(site)
    in_a_file = json.loads(asked(site, "report", "--json"))
    moved = ["database", "copy", str(site.root), server.new_database(), "--config", str(site.folder / "crawl.toml")]
    assert CliRunner().invoke(app, moved).exit_code == 0

    refused = site.crawl("report", "--datasette", str(site.folder / "metadata.json"))

    assert json.loads(asked(site, "report", "--json")) == in_a_file
    assert refused.exit_code == 2
    assert "Datasette reads SQLite's files" in " ".join(refused.stderr.split())
    assert not (site.folder / "metadata.json").exists()
