"""`crawl evaluate` as a user types it, on a gallery whose pictures are numbers."""

import asyncio
import io
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from classifier.metrics.curves import ScoredPictures, slices_by
from commands.app import app
from commands.output.evaluation_table import evaluation_table
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings
from tests.commands.measured_gallery import SITE, fill
from tests.rounds.evaluation_samples import THRESHOLD, assessment, with_doubted_tags

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nothing here writes to it."""
    folder = tmp_path_factory.mktemp("evaluated") / "root"
    asyncio.run(fill(folder))
    return folder


def crawl(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--root", str(root)])


def digest(root: Path) -> str:
    with open_reader(root) as reader:
        return reader.digest()


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, float):
        yield value


def test_a_person_reads_figures_with_intervals_on_stdout_and_nothing_is_changed(root: Path) -> None:
    before = digest(root)

    done = crawl(root, "evaluate", "mona")

    assert done.exit_code == 0, done.stderr
    assert "mona/1 on " in done.stdout
    for word in (
        "precision",
        "recall",
        "F1",
        "average precision",
        "calibration error",
        "rejected",
        "general",
        "missed",
    ):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "measuring" not in done.stdout
    assert "crawl review" in done.stderr
    assert digest(root) == before


@pytest.mark.parametrize("width", ["80", "64"])
def test_no_figure_and_no_caption_is_cut(root: Path, width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", width)

    done = crawl(root, "evaluate", "mona")

    assert done.exit_code == 0, done.stderr
    assert "…" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= int(width)


def test_a_program_reads_one_json_object_without_nan(root: Path) -> None:
    done = crawl(root, "evaluate", "mona", "--json")

    record = json.loads(done.stdout)
    assert done.exit_code == record["exit"] == 0
    assert len(done.stdout.splitlines()) == 1
    assert (record["model"], record["target"], record["threshold"]) == ("mona/1", "mona", 0.5)
    assert all(math.isfinite(number) for number in numbers(record))
    assert any(point["threshold"] == 0.5 for point in record["curve"])
    assert {"kept_right", "kept_wrong", "missed", "rejected_right"} == set(record["confusion"])
    assert record["prevalence"]["low"] <= 0.25 <= record["prevalence"]["high"]
    assert record["as_it_stands"] is None
    assert record["report"] is None
    for mistake in record["missed"]:
        assert mistake["link"] == f"http://{SITE}/posts/{mistake['name'].removeprefix('post ')}"


def test_a_report_is_written_where_it_was_asked_for_and_its_path_is_printed(root: Path, tmp_path: Path) -> None:
    done = crawl(root, "evaluate", "mona", "--report", str(tmp_path / "report"), "--quiet")

    page = Path(done.stdout.splitlines()[-1])
    assert done.exit_code == 0, done.stderr
    assert page == tmp_path / "report" / "report.html"
    assert "mona/1" in page.read_text()
    assert json.loads((tmp_path / "report" / "report.json").read_text())["model"] == "mona/1"


@pytest.mark.parametrize("below", ["", "report"])
def test_a_report_where_a_file_is_in_the_way_is_refused_before_anything_is_measured(
    root: Path, tmp_path: Path, below: str
) -> None:
    (tmp_path / "taken").write_text("somebody's")

    done = crawl(root, "evaluate", "mona", "--report", str(tmp_path / "taken" / below))

    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("crawl: --report: ")
    assert "taken is not a folder" in done.stderr


def test_a_report_whose_folder_cannot_be_made_costs_no_figures(root: Path, tmp_path: Path) -> None:
    done = crawl(root, "evaluate", "mona", "--report", str(tmp_path / ("a" * 300)))

    assert done.exit_code == 7
    assert "precision" in done.stdout
    assert "File name too long" in done.stderr


def test_a_target_that_is_not_known_is_all_that_is_reported(root: Path) -> None:
    done = crawl(root, "evaluate", "nona")

    assert done.exit_code == 2
    assert done.stderr.startswith("crawl: target 'nona' is not known")


def test_a_report_that_cannot_be_written_costs_no_figures(root: Path, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("somebody's own page")

    shown = crawl(root, "evaluate", "mona", "--report", str(tmp_path))
    as_json = crawl(root, "evaluate", "mona", "--report", str(tmp_path), "--json")

    assert shown.exit_code == as_json.exit_code == json.loads(as_json.stdout)["exit"] == 2
    assert "average precision" in shown.stdout
    assert "is not a report of crawl evaluate" in shown.stderr
    assert json.loads(as_json.stdout)["report"] is None
    assert (tmp_path / "report.html").read_text() == "somebody's own page"


def test_it_works_beside_a_crawl_that_owns_the_gallery(root: Path) -> None:
    archive = Archive.open(root, ArchiveSettings(create=False, reserve_bytes=0, command="crawl"))
    try:
        done = crawl(root, "evaluate", "mona", "--json")
    finally:
        archive.close()

    assert done.exit_code == 0, done.stderr


def test_an_older_model_is_measured_by_its_number_and_a_target_by_its_tag(tmp_path: Path) -> None:
    root = tmp_path / "root"
    asyncio.run(fill(root))
    assert crawl(root, "train", "mona", "--how", "head", "--force", "--quiet").exit_code == 0

    newest, oldest = (
        json.loads(crawl(root, "evaluate", name, "--json").stdout) for name in ("mona_(genshin_impact)", "mona/1")
    )

    assert (newest["model"], oldest["model"]) == ("mona/2", "mona/1")
    assert newest["quality"]["examples"] == oldest["quality"]["examples"]


def test_answers_to_the_random_sample_measure_the_gallery(tmp_path: Path) -> None:
    root = tmp_path / "root"
    asyncio.run(fill(root))
    answer_random_sample(root, 60)

    record = json.loads(crawl(root, "evaluate", "mona", "--json").stdout)
    shown = crawl(root, "evaluate", "mona").stdout

    assert record["as_it_stands"]["answers"] == 60
    assert "untagged" in {part["value"] for part in record["slices"]}
    assert "the gallery as it is now" in shown
    assert "60 answers to the random sample" in shown


def answer_random_sample(root: Path, count: int) -> None:
    """As the page does it, by a person who knows that every fourth post shows her."""
    from review.gallery_service import GalleryReviewService
    from review.service import LabelAnswer

    with GalleryReviewService(root, "me") as service:
        asked = service.pictures("mona", service.queue("mona", random_only=True).ids[:count])
        values = ("keep" if picture.post_id % 4 == 0 else "delete" for picture in asked)
        pairs = enumerate(zip(asked, values, strict=True))
        service.answer(
            "mona", [LabelAnswer(one.id, value, f"answer-{at:06d}", 0, "random") for at, (one, value) in pairs]
        )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("mono",), "did you mean 'mona'"),
        (("mona/9",), "registered: mona/1"),
        (("mona", "--on", "/nowhere/at/all"), "cannot read the folder /nowhere/at/all"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(root: Path, words: tuple[str, ...], message: str) -> None:
    done = crawl(root, "evaluate", *words)

    assert done.exit_code == 2
    assert message in done.stderr
    assert not done.stdout
    assert "Traceback" not in done.stderr


def test_an_empty_folder_and_one_without_the_target_are_refused(root: Path, tmp_path: Path) -> None:
    empty = crawl(root, "evaluate", "mona", "--on", str(tmp_path))
    (tmp_path / "moma").mkdir()
    (tmp_path / "keqing").mkdir()
    without = crawl(root, "evaluate", "mona", "--on", str(tmp_path))

    assert (empty.exit_code, without.exit_code) == (2, 2)
    assert "has no folders" in empty.stderr
    assert "did you mean 'moma'" in without.stderr
    assert "keqing" in without.stderr


def test_a_gallery_with_too_few_test_pictures_says_how_many(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path / "root", posts=24))

    done = crawl(tmp_path / "root", "evaluate", "mona")

    assert done.exit_code == 2
    assert "too few pictures to measure" in done.stderr
    assert "that show it" in done.stderr


def test_a_target_without_a_model_and_a_root_without_a_gallery_say_what_to_do(tmp_path: Path) -> None:
    async def only_a_target() -> None:
        from tests.crawler.crew_fakes import MONA

        async with Archive.open(tmp_path / "root", ArchiveSettings(reserve_bytes=0)) as archive:
            await archive.save_targets(SITE, [MONA])

    asyncio.run(only_a_target())

    without, nowhere = crawl(tmp_path / "root", "evaluate", "mona"), crawl(tmp_path / "none", "evaluate", "mona")

    assert without.exit_code == 2
    assert "no model for mona yet" in without.stderr
    assert nowhere.exit_code == 7
    assert "no gallery here" in nowhere.stderr


@pytest.mark.fault("M01")
def test_an_altered_model_measures_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    asyncio.run(fill(root, posts=24))
    (root / "models" / "mona" / "1" / "head.npz").write_bytes(b"nonsense")

    done = crawl(root, "evaluate", "mona")

    assert done.exit_code == 10
    assert "head.npz" in done.stderr


def test_the_command_is_documented_where_people_look() -> None:
    shown = CliRunner().invoke(app, ["evaluate", "--help"]).output

    assert "Examples" in shown
    for option in ("--on", "--report", "--json"):
        assert option in shown
        assert option in (REPOSITORY / "docs" / "evaluate.md").read_text()
    for page in ("README.md", "CHANGELOG.md"):
        assert "crawl evaluate" in (REPOSITORY / page).read_text()


def test_probably_wrong_tags_are_counted_apart_from_mistakes_and_both_figures_are_shown() -> None:
    screen = io.StringIO()

    Console(file=screen, width=80).print(evaluation_table(with_doubted_tags(assessment())))

    shown = " ".join(screen.getvalue().split())
    assert "8 of 9 kept wrongly by their tags probably lack the tag: look at these 5" in shown
    assert "1 of 2 missed by their tags are probably tagged wrongly: look at this one" in shown
    assert "post 1: 0.90" in shown
    assert "11 pictures set apart" in shown
    assert "if every tag were correct, as tested: precision 0.808 (0.750–0.860)" in shown


def shown_with_classes(kept: dict[str, int], *, of: int = 10) -> list[list[str]]:
    """The table of classes of so many pictures each, `mona` the target's own: the cells of its rows."""
    names = [name for name in kept for _ in range(of)]
    scores = [0.9 if number < count else 0.1 for count in kept.values() for number in range(of)]
    truth = np.array([name == "mona" for name in names], dtype=np.bool_)
    judged = ScoredPictures(np.array(scores), truth, np.arange(len(names), dtype=np.int64))
    screen = io.StringIO()
    measured = replace(assessment(), slices=slices_by("class", names, judged, THRESHOLD))
    Console(file=screen, width=100).print(evaluation_table(measured))
    rows = [line.split() for line in screen.getvalue().splitlines()]
    first = next(number for number, row in enumerate(rows) if row[:2] == ["class", "pictures"])
    return rows[first + 1 :]


def test_of_the_targets_own_class_all_should_be_kept_and_of_others_nothing() -> None:
    rows = shown_with_classes({"keqing": 0, "lisa": 2, "mona": 9})

    by_name = {row[0]: row[1:] for row in rows if row and row[0] in ("keqing", "lisa", "mona")}
    assert by_name["mona"] == ["10", "9", "0.900", "(0.596–0.982)", "1", "missed"]
    assert by_name["lisa"] == ["10", "2", "0.200", "(0.057–0.510)", "2", "kept", "wrongly"]
    assert by_name["keqing"] == ["10", "0", "0.000", "(0.000–0.278)"]


def test_of_many_classes_those_of_which_nothing_is_kept_share_a_row() -> None:
    rows = shown_with_classes({f"class_{number:02}": int(number == 3) for number in range(24)} | {"mona": 10})

    assert ["23", "others", "230", "0"] in rows
    names = {row[0] for row in rows if row}
    assert {"class_03", "mona"} <= names
    assert "class_04" not in names


def test_a_share_that_nobody_measured_has_no_interval_and_what_cannot_be_measured_a_dash() -> None:
    screen = io.StringIO()
    unknown = replace(assessment().prevalence, low=math.nan, high=math.nan)
    nothing = replace(assessment().calibration_error, value=math.nan)
    measured = replace(assessment(), prevalence=unknown, calibration_error=nothing, as_it_stands=None, slices=())

    Console(file=screen, width=80).print(evaluation_table(measured))

    shown = screen.getvalue()
    assert "share that shows it: 11.0%, measured" in shown
    assert "the gallery as it is now" not in shown
    (line,) = [line for line in shown.splitlines() if "calibration error" in line]
    assert line.split() == ["calibration", "error", "–"]
