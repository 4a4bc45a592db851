"""The commands of the learning loop, on a gallery whose pictures are numbers."""

import asyncio
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from classifier.head import Head
from classifier.package.embedding_blocks import in_a_row
from classifier.package.package import BackboneFiles, Canary, PackageParts, load_package, write_package
from classifier.pictures.preprocessing import Preprocessing
from commands.app import app
from commands.context.workspace import load_workspace
from commands.crawling.round_steps import RoundSteps
from commands.models import measured_today
from crawler.decisions import Policy, Ruling
from rounds.head_round import Candidate, HeadRoundSettings, Snapshot
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings, ListedPage, RunStart, Sighting
from storage.evidence import Evidence
from storage.reader import Reader
from storage.records import FileVersion, Look, ModelCard, PostTags, Target
from tests.crawler.crew_fakes import MONA, post

POSTS, WIDTH = 240, 8


def vectors() -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    shows = chance.random(POSTS) < 0.3
    found = chance.normal(size=(POSTS, WIDTH))
    found[:, 0] += np.where(shows, 5.0, 0.0)
    return found.astype(np.float16), shows


def model(root: Path) -> ModelCard:
    """A package whose network nobody will ever load."""
    root.mkdir(parents=True)
    (root / "net.keras").write_bytes(b"weights")
    weights = np.zeros(WIDTH, np.float32)
    weights[0] = 1.0
    parts = PackageParts(
        target="mona",
        backbone=BackboneFiles(
            "small", root / "net.keras", {}, Preprocessing(96), WIDTH, blocks=in_a_row(taught=WIDTH)
        ),
        head=Head(weights, -4.0),
        threshold=0.5,
        canaries=[Canary(b"png", np.zeros(WIDTH, np.float32))],
    )
    facts = write_package(root / "models" / "mona" / "1", parts)
    (root / "net.keras").unlink()
    return ModelCard("mona", 1, facts.hash, facts.backbone_hash, 0.5)


async def fill(root: Path) -> None:
    card = model(root)
    embeddings, shows = vectors()
    head = load_package(root / "models" / "mona" / "1").head
    ruling = Ruling(Policy(), {"mona": card})
    posts = []
    for number in range(POSTS, 0, -1):
        tags = (MONA.tag,) if shows[number - 1] else ("keqing_(genshin_impact)",)
        tags = PostTags(character=() if number % 5 < 2 else tags)
        one = post(number)
        version = FileVersion(f"{number:032x}", "png", 100, 10, 10, "http://127.0.0.1/x.png")
        posts.append(replace(one, tags=tags, file=version, parent_id=None))
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.save_targets("demo", [MONA])
        await archive.register_model(card, {"round": 0}, activate=True)
        run_id = await archive.begin_run(RunStart("crawl", "demo", "genshin_impact", ["mona"]))
        listing = await archive.open_listing("demo", "genshin_impact")
        await archive.file_page(listing.id, ListedPage(posts, (), 1, run_id))
        for one in posts:
            stored = embeddings[one.id - 1].tobytes()
            look = Look({"mona": head.score(stored)}, {card.backbone_hash: stored}, 10, 10, "png")
            decision = ruling.decide(MONA, one.tags, look)
            await archive.file_look(
                Sighting(post=one, look=look, decisions=[decision], run_id=run_id, models={"mona": card})
            )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    asyncio.run(fill(tmp_path / "root"))
    return tmp_path / "root"


def crawl(root: Path, *arguments: str, parts: object = None) -> Result:
    """A command, in this process; `parts`: what takes the place of the program's own."""
    return CliRunner().invoke(app, [*arguments, "--root", str(root)], obj=parts)


def digest(root: Path) -> str:
    with open_reader(root) as reader:
        return reader.digest()


def active(root: Path) -> str:
    with open_reader(root) as reader:
        found = reader.active_model("mona")
    return found.card.name if found else "none"


def test_a_round_from_the_command_line_puts_a_model_in_force_and_decides_by_it(root: Path) -> None:
    assert crawl(root, "relabel", "delete", "3", "4").exit_code == 0

    done = crawl(root, "train", "mona", "--json")

    record = json.loads(done.stdout)
    assert done.exit_code == record["exit"] == 0
    assert (record["model"], record["activated"], record["rescored"]) == ("mona/2", True, POSTS)
    assert record["metrics"]["said"]["delete"] == 2
    assert len(record["why"]) == 1  # why the network was not trained
    assert active(root) == "mona/2"
    with open_reader(root) as reader:
        models = reader.sql("SELECT DISTINCT model FROM results").rows
        labels = reader.sql("SELECT count(*) FROM results WHERE label = 'delete' AND decision = 'delete'").rows
    assert list(models) == [("mona/2",)]
    assert list(labels) == [(2,)]


def test_progress_as_lines_of_json_ends_with_the_result(root: Path) -> None:
    done = crawl(root, "train", "mona", "--json-progress", "--quiet")

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["stage"] for line in lines[:-1]} == {"reading", "learning", "choosing", "writing", "rescoring"}
    assert lines[-1]["done"]["model"] == "mona/2"


@pytest.mark.fault("M17")
def test_going_back_restores_the_state_before(root: Path) -> None:
    before = digest(root)
    crawl(root, "train", "mona", "--quiet")

    back = crawl(root, "models", "rollback", "mona")

    assert back.exit_code == 0
    assert active(root) == "mona/1"
    assert digest(root) == before


@pytest.mark.fault("M20")
def test_a_threshold_that_is_changed_and_changed_back_leaves_everything_as_it_was(root: Path) -> None:
    crawl(root, "train", "mona", "--quiet")
    before = digest(root)

    assert crawl(root, "rescore", "mona", "--threshold", "0.97").exit_code == 0
    between = digest(root)
    assert crawl(root, "rescore", "mona").exit_code == 0

    assert between != before
    assert digest(root) == before


def test_a_threshold_that_is_asked_for_holds_for_a_model_without_a_curve_too(root: Path) -> None:
    done = json.loads(crawl(root, "rescore", "mona", "--threshold", "0.97", "--json").stdout)

    assert (done["model"], done["threshold"]) == ("mona/1", 0.97)


def test_models_are_listed_shown_and_exported_whole(root: Path, tmp_path: Path) -> None:
    crawl(root, "train", "mona", "--quiet")

    listed = json.loads(crawl(root, "models", "--json").stdout)["models"]
    shown = json.loads(crawl(root, "models", "show", "mona/2", "--json").stdout)
    exported = crawl(root, "models", "export", "mona/2", str(tmp_path / "away"))
    again = crawl(root, "models", "export", "mona/2", str(tmp_path / "away"))

    printed = crawl(root, "models", "show", "mona/2")
    assert printed.stdout.startswith("mona/2, in force: ")
    assert len(printed.stdout.splitlines()) > 2  # its figures too
    assert printed.stderr == ""
    assert [(one["model"], one["active"], one["parent"]) for one in listed] == [
        ("mona/1", False, None),
        ("mona/2", True, "mona/1"),
    ]
    assert shown["snapshot"]["how"] == "head only"
    assert shown["blocks"] == [{"name": "taught", "first": 0, "count": WIDTH}]  # of its parent, too
    assert "embedding of 8 numbers: taught 8" in printed.stdout
    assert exported.exit_code == 0
    assert load_package(tmp_path / "away" / "mona-2").hash == listed[1]["hash"]
    assert again.exit_code == 2


def test_the_list_of_models_reads_held_out_pictures_alone_and_learns_nothing(root: Path) -> None:
    crawl(root, "train", "mona", "--quiet")
    workspace = load_workspace(root, None)

    with HeldOutReader.open(root) as reader:
        assert isinstance(reader, HeldOutReader)
        measured = measured_today(workspace, reader, reader.models(), everything_was_read)["mona"]
        assert len(reader.read) == 1 and reader.read[0] < 0.3 * POSTS  # of each network once

    assert measured.pictures > 10
    assert sorted(measured.figures) == ["mona/1", "mona/2"]
    assert [one["examples"] for one in same_pictures(root)] == [measured.pictures] * 2  # what crawl models prints


def everything_was_read(*_: object, **__: object) -> NoReturn:
    raise AssertionError("everything that is known was read")


class HeldOutReader(Reader):
    """Reads held-out pictures alone, and counts them."""

    def __init__(self, root: Path, engine: Engine) -> None:
        super().__init__(root, engine)
        self.read: list[int] = []

    def held_out_evidence(self, target: Target, backbone_hash: str, md5s: Collection[str]) -> Evidence:
        found = super().held_out_evidence(target, backbone_hash, md5s)
        self.read.append(len(found))
        return found

    evidence = everything_was_read


def test_answers_about_posts_without_the_tag_make_no_listed_model_worse(root: Path) -> None:
    _, shows = vectors()
    untagged = [number for number in range(1, POSTS + 1) if number % 5 < 2]
    crawl(root, "train", "mona", "--quiet")
    before = same_pictures(root)

    for answer, is_shown in (("keep", True), ("delete", False)):
        answered = [str(number) for number in untagged if bool(shows[number - 1]) is is_shown]
        assert crawl(root, "relabel", answer, *answered[:20]).exit_code == 0

    assert same_pictures(root) == before
    assert [one["precision"]["value"] for one in before] == [1.0, 1.0]


def same_pictures(root: Path) -> list[dict[str, Any]]:
    """What `crawl models` says of each model on the pictures that it shares with the others."""
    return [one["same_pictures"] for one in json.loads(crawl(root, "models", "--json").stdout)["models"]]


@pytest.mark.parametrize(
    ("width", "gone"), [(140, ""), (80, "made, before it"), (60, "made, before it, round, tested")]
)
def test_the_list_of_models_shows_what_figures_rest_on_and_where_posts_stand(
    root: Path, width: int, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    crawl(root, "train", "mona", "--quiet")
    crawl(root, "rescore", "mona", "--threshold", "0.97")
    first, test = (one["same_pictures"] for one in json.loads(crawl(root, "models", "--json").stdout)["models"])
    assert first["examples"] == test["examples"]

    listed = crawl(root, "models")

    shown = listed.stdout
    low, high = test["recall"]["low"], test["recall"]["high"]
    assert f"({low:.2f}–{high:.2f})" in shown
    assert (str(test["examples"]) in shown) is ("tested" not in gone)
    assert "…" not in shown
    assert f"no room for {gone}:" in listed.stderr if gone else "no room" not in listed.stderr
    assert "are decided at 0.970, as was asked for" in listed.stderr
    words = f"mona/1, mona/2: measured now on the same {test['examples']} test pictures that none of them has learned"
    assert words in " ".join(listed.stderr.split())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("train", "mono"), 2, "did you mean 'mona'"),
        (("models", "activate", "mona/9"), 2, "registered: mona/1"),
        (("models", "rollback", "mona"), 2, "was the first"),
        (("models", "rolback"), 2, "did you mean 'rollback'"),
        (("train", "mona", "--precision", "0.9", "--recall", "0.9"), 2, "not both"),
        (("models", "import", "/nowhere"), 2, "there is no folder /nowhere"),
        (("models", "export", "mona/1", __file__), 2, "is not a folder"),
        (("models", "export", "mona/1", f"{__file__}/below"), 2, "is not a folder"),
        (("models", "export", "mona/1", "/tmp/" + "a" * 300), 7, "File name too long; the model was not exported"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line_and_changes_nothing(
    root: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    before = digest(root)

    done = crawl(root, *words)

    assert done.exit_code == code
    assert message in done.stderr
    assert digest(root) == before


@pytest.mark.parametrize(("folder", "code"), [("nowhere", 2), ("", 10)])
def test_importing_what_is_no_model_makes_no_gallery(tmp_path: Path, folder: str, code: int) -> None:
    (tmp_path / "source").mkdir()

    done = crawl(tmp_path / "fresh", "models", "import", str(tmp_path / "source" / folder))

    assert done.exit_code == code
    assert not (tmp_path / "fresh").exists()


@pytest.mark.fault("M13")
def test_an_export_that_the_disk_refuses_is_a_storage_problem(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)

    done = crawl(root, "models", "export", "mona/1", str(tmp_path / "away"))

    assert done.exit_code == 7
    assert "No space left on device; the model was not exported" in done.stderr
    assert list((tmp_path / "away").iterdir()) == []


@pytest.mark.fault("M01")
def test_an_altered_model_is_not_learned_from(root: Path) -> None:
    (root / "models" / "mona" / "1" / "head.npz").write_bytes(b"nonsense")

    done = crawl(root, "train", "mona")

    assert done.exit_code == 10
    assert "head.npz" in done.stderr


def test_verify_looks_at_models_too_and_names_what_nobody_registered(root: Path) -> None:
    (root / "models" / "mona" / "9").mkdir()
    (root / "models" / "mona" / ".work-network-x7k").mkdir()

    whole = crawl(root, "verify")
    (root / "models" / "mona" / "1" / "head.npz").write_bytes(b"nonsense")
    altered = crawl(root, "verify", "--json")

    assert (whole.exit_code, altered.exit_code) == (0, 11)
    messages = {line.rpartition(": ")[2]: line for line in whole.stderr.splitlines()}
    assert "crawl models import" in messages["models/mona/9"]
    assert "import" not in messages["models/mona/.work-network-x7k"]
    assert "a day" in messages["models/mona/.work-network-x7k"]
    assert "head.npz" in json.loads(altered.stdout)["models"][0]


def test_status_shows_a_round_that_died_before_everything_was_decided_by_its_model(root: Path) -> None:
    async def put_in_force(number: int) -> None:
        async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
            await archive.activate_model("mona", number)

    crawl(root, "train", "mona", "--quiet")
    asyncio.run(put_in_force(1))  # and nothing is decided again, as after a kill

    left, shown = json.loads(crawl(root, "status", "--json").stdout)["outdated"], crawl(root, "status").stdout
    crawl(root, "rescore", "mona")
    after = json.loads(crawl(root, "status", "--json").stdout)["outdated"]

    assert (left, after) == ({"mona": POSTS}, {})
    assert "crawl rescore mona" in " ".join(shown.split())


@pytest.mark.fault("M18")
def test_a_label_that_is_given_while_a_round_learns_stays_and_waits_for_the_next(root: Path) -> None:
    class Slow(RoundSteps):
        def learn(self, snapshot: Snapshot, settings: HeadRoundSettings) -> Candidate:
            crawl(root, "relabel", "keep", "1")
            return super().learn(snapshot, settings)

    first = json.loads(crawl(root, "train", "mona", "--json", parts=Slow()).stdout)
    second = json.loads(crawl(root, "train", "mona", "--json").stdout)

    assert first["metrics"]["said"]["keep"] == 0
    assert second["metrics"]["said"]["keep"] == 1


@pytest.mark.fault("M13")
@pytest.mark.slow
def test_a_round_that_is_killed_anywhere_leaves_one_whole_model_in_force(root: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    command = [sys.executable, "-m", "commands", "train", "mona", "--quiet", "--root", str(root)]
    crawl(root, "relabel", "keep", "7")

    for turn in range(20):
        with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as process:
            time.sleep(chance.uniform(0.3, 1.6))  # not to wait for something: the moment of death
            os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
        with open_reader(root) as reader:
            models = reader.models("mona")
            labels = list(reader.sql("SELECT count(*) FROM results WHERE label = 'keep'").rows)
        in_force = [one for one in models if one.active]
        assert len(in_force) == 1, (seed, turn)
        load_package(root / "models" / "mona" / str(in_force[0].card.number), expected_hash=in_force[0].card.hash)
        assert labels == [(1,)], (seed, turn)

    assert crawl(root, "train", "mona", "--quiet", "--force").exit_code == 0
    assert crawl(root, "verify").exit_code == 0
    with open_reader(root) as reader:
        assert list(reader.sql("SELECT DISTINCT model FROM results").rows) == [(active(root),)]
