"""The commands that look at a gallery: query, relabel, status, verify, doctor."""

import asyncio
import csv
import io
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from commands.doctor import optional_packages
from crawler.decisions import Policy, Ruling
from storage.archive import Archive
from storage.archive_records import ArchiveSettings, ListedPage, RunStart, Sighting, StoredFacts
from storage.records import Look, PostTags
from tests.crawler.crew_fakes import CARD, MONA, post
from tests.storage.samples import NO_RESERVE, new_gallery

SCORES = {1: 0.9, 2: 0.1, 3: 0.52, 4: 0.01}


async def fill(root: Path) -> None:
    """Four posts: two found by looking, one deleted, one kept for its tag in spite of its score."""
    posts = [replace(post(n, tagged=n == 4), tags=PostTags(general=("hat",) if n % 2 else ())) for n in (4, 3, 2, 1)]
    posts[0] = post(4, tagged=True)
    ruling = Ruling(Policy(), {"mona": CARD})
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.save_targets("demo", [MONA])
        await archive.register_model(CARD, {"round": 0}, activate=True)
        run_id = await archive.begin_run(RunStart("crawl", "demo", "genshin_impact", ["mona"]))
        listing = await archive.open_listing("demo", "genshin_impact")
        await archive.file_page(listing.id, ListedPage(posts, (), 1, run_id))
        for one in posts:
            look = Look({"mona": SCORES[one.id]}, {CARD.backbone_hash: b"\0\0"}, width=100, height=80, format="webp")
            facts = StoredFacts("720x720", "webp", 100, 80)
            decision = ruling.decide(MONA, one.tags, look)
            picture = b"picture %d" % one.id
            await archive.file_look(
                Sighting(
                    post=one,
                    look=look,
                    decisions=[decision],
                    run_id=run_id,
                    rendition=picture,
                    stored=facts,
                    models={"mona": CARD},
                )
            )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    asyncio.run(fill(tmp_path / "gallery-data"))
    return tmp_path / "gallery-data"


def crawl(root: Path, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [*arguments, "--root", str(root)], input=stdin)


def ids(root: Path, expression: str) -> list[int]:
    answer = crawl(root, "query", expression, "--format", "ids")
    assert answer.exit_code == 0
    return [int(line) for line in answer.stdout.splitlines()]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("decision:keep -mona_(genshin_impact) order:p", [1, 3]),
        ("decision:delete", [2]),
        ("order:uncertain limit:1", [3]),
        ("hat p:>=0.5", [3, 1]),
        ("mona_(genshin_impact)", [4]),
        ("model:mona/1 p:..0.05", [4]),
        ("label:any", []),
    ],
)
def test_a_query_finds_what_it_says(root: Path, expression: str, found: list[int]) -> None:
    assert ids(root, expression) == found


def test_the_questions_can_be_read_on_a_narrow_screen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    answer = crawl(root, "query", "order:uncertain limit:2")

    assert "threshold" in answer.stdout
    assert "…" not in answer.stdout
    assert "no room for tags_character" in answer.stderr


def test_results_come_as_json_csv_and_parquet(root: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    as_json = json.loads(crawl(root, "query", "decision:keep", "--format", "json").stdout)
    as_csv = list(csv.DictReader(io.StringIO(crawl(root, "query", "decision:keep", "--format", "csv").stdout)))
    file = tmp_path / "kept.parquet"
    crawl(root, "query", "decision:keep", "--format", "parquet", "--output", str(file))

    assert {row["post_id"] for row in as_json} == {int(row["post_id"]) for row in as_csv} == {1, 3, 4}
    assert set(parquet.read_table(file).column("post_id").to_pylist()) == {1, 3, 4}
    assert as_json[0]["target"] == "mona"


def test_sql_reads_and_only_reads(root: Path) -> None:
    counted = crawl(root, "query", "--sql", "SELECT count(*) AS n FROM results", "--format", "jsonl")
    refused = crawl(root, "query", "--sql", "DELETE FROM post")

    assert json.loads(counted.stdout) == {"n": 4}
    assert refused.exit_code == 2
    assert ids(root, "") == [4, 3, 2, 1]


def test_a_misspelt_metatag_is_refused_with_the_nearest(root: Path) -> None:
    answer = crawl(root, "query", "decison:keep")

    assert answer.exit_code == 2
    assert "did you mean decision:keep?" in " ".join(answer.output.split())


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("target:monna", "did you mean target:mona?"),
        ("hat -target:ganyu target:ganyu", "for a target 'ganyu'; there is mona"),
        ("model:monna/1", "no picture was decided by a model 'monna/1'; did you mean model:mona/1?"),
        ("model:mona", "did you mean model:mona/*?"),
        ("target:mona label:any", ""),
        ("target:m* label:any", ""),
    ],
)
def test_a_target_or_model_without_pictures_is_hinted_at(root: Path, expression: str, message: str) -> None:
    answer = crawl(root, "query", expression)

    assert answer.exit_code == 0
    assert message in " ".join(answer.stderr.split())
    assert bool(message) is ("did you mean" in answer.stderr or "there is mona" in answer.stderr)


def test_questions_before_any_crawl_say_what_to_do_first(tmp_path: Path) -> None:
    root = tmp_path / "root"

    async def register() -> None:  # as a folder of one's own pictures does
        async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
            await archive.register_model(CARD, {"round": 0}, activate=True)

    asyncio.run(register())

    assert "crawl --tag TAG --keep mona looks at pictures first" in crawl(root, "query", "order:uncertain").stderr
    assert "nothing to ask" not in crawl(root, "query", "decision:keep").stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("query", "p:>=much"), "is not a number"),
        (("query", "x", "--format", "tabel"), "did you mean 'table'"),
        (("query", "x", "--columns", "scores"), "did you mean 'score'"),
        (("query", "x", "--format", "parquet"), "needs --output"),
        (("relabel", "kep", "1"), "did you mean 'keep'"),
        (("relabel", "keep", "one"), "'one' is not a post id"),
        (("relabel", "keep", "1", "--keep", "monna"), "did you mean 'mona'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(root: Path, arguments: tuple[str, ...], complaint: str) -> None:
    answer = crawl(root, *arguments)

    assert answer.exit_code == 2
    assert complaint in answer.output


def test_a_label_beats_the_decision_and_is_there_afterwards(root: Path) -> None:
    answer = crawl(root, "relabel", "delete", "1", "3", "99")

    assert answer.exit_code == 3
    assert "2 labels recorded for mona: delete" in answer.output
    assert "99" in answer.output
    assert ids(root, "decision:delete") == [3, 2, 1]
    assert ids(root, "label:delete") == [3, 1]


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A gallery of the site at http://127.0.0.1:8901, with one post whose original lies in the trash's reach."""

    async def filled() -> None:
        async with Archive.open(tmp_path / "local", ArchiveSettings(reserve_bytes=0)) as archive:
            await archive.save_targets("127.0.0.1:8901", [MONA])
            listing = await archive.open_listing("127.0.0.1:8901", "genshin_impact")
            await archive.file_page(listing.id, ListedPage([replace(post(1), site="127.0.0.1:8901")]))

    asyncio.run(filled())
    return tmp_path / "local"


@pytest.mark.parametrize(
    "words", ["http://127.0.0.1:8901", "http://127.0.0.1:8901/", "HTTP://127.0.0.1:8901", "127.0.0.1:8901", "mine"]
)
def test_the_words_of_a_crawl_mean_the_same_site_everywhere(words: str, local: Path, tmp_path: Path) -> None:
    config = tmp_path / "crawl.toml"
    config.write_text('[sites.mine]\nurl = "http://127.0.0.1:8901"\n', encoding="utf-8")

    label = crawl(local, "relabel", "keep", "1", "--site", words, "--config", str(config))
    trash = crawl(local, "trash", "list", "--site", words, "--config", str(config))

    assert (label.exit_code, trash.exit_code) == (0, 0), label.output + trash.output


def test_a_site_that_the_gallery_does_not_know_is_refused(local: Path) -> None:
    answer = crawl(local, "relabel", "keep", "1", "--site", "http://127.0.0.1:8902")

    assert answer.exit_code == 2 and "did you mean '127.0.0.1:8901'" in answer.output


def test_ids_are_taken_from_standard_input(root: Path) -> None:
    answer = crawl(root, "relabel", "keep", "-", "--keep", "mona_(genshin_impact)", stdin="2\n\n4\n")

    assert answer.exit_code == 0
    assert ids(root, "label:keep") == [4, 2]


def test_status_shows_what_there_is(root: Path) -> None:
    shown = crawl(root, "status")
    record = json.loads(crawl(root, "status", "--json").stdout)

    assert "mona/1" in shown.stdout
    assert record["decisions"]["mona"] == {"delete": 1, "keep": 3}
    assert len(record["digest"]) == 64


def test_verify_finds_a_file_that_changes_and_a_model_that_is_not_there(root: Path) -> None:
    before = json.loads(crawl(root, "verify", "--json").stdout)
    next((root / "renditions").rglob("*.webp")).write_bytes(b"something else")
    after = crawl(root, "verify")

    assert (before["damaged"], before["foreign"], before["database"]) == ([], [], [])
    assert "models/mona/1" in before["models"][0]  # registered by this test, and made by nobody
    assert after.exit_code == 11
    assert "1 damaged, 0 foreign" in after.stdout


def test_a_root_without_a_gallery_is_reported_as_one(tmp_path: Path) -> None:
    answer = crawl(tmp_path / "nothing", "status")

    assert answer.exit_code == 7
    assert "no gallery here" in answer.output
    assert not (tmp_path / "nothing").exists()


def test_an_old_sqlite_is_mentioned_by_the_doctor_alone(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))

    answer = crawl(root, "doctor", "--site", "demo", "--json")

    findings = {finding["what"]: finding for finding in json.loads(answer.stdout)["findings"]}
    assert findings["sqlite"]["ok"]
    assert "fixed in 3.51.3" in findings["sqlite"]["said"]
    with closing(Archive.open(new_gallery(tmp_path / "new"), NO_RESERVE)) as archive:
        assert archive.recovery.lines() == []


@pytest.mark.fault("D16")
def test_the_doctor_says_how_to_install_what_is_missing_and_not_needed() -> None:
    findings = {found.what: found for found in optional_packages(lambda name: None if name == "webp" else "a spec")}

    assert findings["webp"].statement.endswith("with the same pixels (pip install 'boorusieve[webp]')")
    assert findings["pyarrow"].statement == "installed"
    assert all(found.ok for found in findings.values())


def test_the_doctor_names_what_is_well_and_what_is_not(root: Path) -> None:
    answer = crawl(root, "doctor", "--site", "danboru", "--json")

    findings = {finding["what"]: finding for finding in json.loads(answer.stdout)["findings"]}
    assert findings["gallery"]["ok"]
    assert not findings["site"]["ok"]
    assert "did you mean danbooru" in findings["site"]["said"]
    assert answer.exit_code == 2


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("file", "is not a folder"),
        ("file/below", "file is not a folder"),
        ("dangling/below", "file is not a folder"),
        ("pictures", "is not empty and no gallery"),
        ("gallery-data/inside", "lies inside another gallery"),
    ],
)
def test_the_doctor_refuses_a_root_as_a_crawl_would(name: str, says: str, root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("somebody's")
    (tmp_path / "dangling").symlink_to(tmp_path / "file" / "nothing")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "holiday.jpg").write_text("somebody's")

    answer = crawl(tmp_path / name, "doctor", "--site", "demo", "--json")

    gallery = next(one for one in json.loads(answer.stdout)["findings"] if one["what"] == "gallery")
    assert (gallery["ok"], says in gallery["said"]) == (False, True), gallery
    assert answer.exit_code == gallery["code"] != 0


def test_a_root_that_is_a_file_is_reported_as_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("somebody's")

    answer = crawl(tmp_path / "file", "status")

    assert answer.exit_code == 7
    assert "is not a folder" in answer.stderr
    assert "crawl makes one" not in answer.stderr
