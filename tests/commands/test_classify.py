"""`crawl classify` with real processes and a real, tiny network: what a folder's owner sees and finds afterwards."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from storage.folders.journal import ENDING, PREFIX
from tests.classifier.tiny_models import TinyBackbone, coloured, make_backbone
from tests.commands.folders.places import (
    TAG,
    Downloads,
    add_recogniser,
    all_of,
    lines_of,
    make_root,
    md5,
    names_below,
    picture,
)
from tests.storage.samples import schema_at

REPOSITORY = Path(__file__).parents[2]
FIELDS = {
    "pictures", "kept", "rejected", "undecided", "failed", "threshold", "model", "seconds", "images_per_second",
    "truth", "exit",
}  # fmt: skip
TYPED = """
import json, sys
from typer.testing import CliRunner
from commands.app import app
done = CliRunner().invoke(app, sys.argv[1:])
heavy = sorted({name.partition('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'sklearn', 'matplotlib'})
print(json.dumps({'code': done.exit_code, 'out': done.stdout, 'err': done.stderr, 'heavy': heavy}))
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyBackbone:
    return make_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="module")
def template(tiny: TinyBackbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("classify") / "root", tiny)


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Downloads:
    shutil.copytree(template, tmp_path / "root")
    return Downloads(tmp_path / "root", tmp_path)


def test_a_list_names_every_picture_moves_none_and_loads_no_network_library(place: Downloads) -> None:
    place.put("notes.txt", b"no picture")
    before = all_of(place.pictures)
    words = [
        "classify",
        str(place.pictures),
        "--keep",
        TAG,
        "--to",
        str(place.folder / "out"),
        "--root",
        str(place.root),
    ]

    done = subprocess.run([sys.executable, "-c", TYPED, *words], capture_output=True, text=True, cwd=REPOSITORY)

    answer = json.loads(done.stdout)
    assert answer["code"] == 0, answer["err"]
    assert answer["heavy"] == []
    assert "12 pictures, mona/1 from 0.500 up" in answer["out"]
    assert all_of(place.pictures) == before
    assert place.verdicts() == {name: "kept" if "red" in name else "rejected" for name in names_below(place.pictures)}
    assert (place.folder / "out" / "classified.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_the_object_for_programs_has_these_fields_and_a_second_pass_decodes_nothing(place: Downloads) -> None:
    out = str(place.folder / "out")
    first, second = place.record("--to", out), place.classify("--to", out)

    assert set(first) == FIELDS
    assert (first["pictures"], first["kept"], first["rejected"], first["exit"]) == (12, 5, 7, 0)
    assert (first["model"], first["threshold"], first["truth"]) == ("mona/1", 0.5, None)
    assert "; 12 known from before, not decoded" in second.stdout


def test_a_threshold_of_one_s_own_beats_the_model_s(place: Downloads) -> None:
    assert place.record("--threshold", "1")["kept"] == 0
    assert place.record("--threshold", "0")["kept"] == 12


@pytest.mark.parametrize("how", ["copy", "link"])
def test_copies_and_links_leave_the_folder_as_it_was(place: Downloads, how: str) -> None:
    before = all_of(place.pictures)
    words = ["--how", how, "--to", str(place.folder / "kept"), "--rejects", str(place.folder / "others")]

    codes = [place.classify(*words).exit_code for _ in range(2)]

    assert codes == [0, 0]
    assert all_of(place.pictures) == before
    assert len(names_below(place.folder / "kept")) == 5
    assert len(names_below(place.folder / "others")) == 7


def test_moving_is_taken_back_byte_for_byte(place: Downloads) -> None:
    before = all_of(place.pictures)
    kept = place.folder / "kept"

    done = place.classify("--how", "move", "--to", str(kept), "--rejects", str(place.folder / "others"))

    assert done.exit_code == 0
    assert all_of(place.pictures) == {}
    assert (len(names_below(kept)), len(names_below(place.folder / "others"))) == (5, 7)
    journal = next(kept.glob(f"{PREFIX}*{ENDING}"))
    assert f"crawl classify --undo {journal}" in done.stderr
    undone = place.crawl("classify", "--undo", str(journal), "--json")
    assert json.loads(undone.stdout) == {"moves": 12, "back": 12, "left": 0, "exit": 0}
    assert all_of(place.pictures) == before


def test_a_recogniser_sorts_into_a_folder_a_name_on_stored_embeddings(place: Downloads, tiny: TinyBackbone) -> None:
    add_recogniser(place.root, tiny)
    place.classify()  # for mona, on the same network

    done = place.crawl(
        "classify", str(place.pictures), "--with", "family", "--how", "copy", "--to", str(place.folder / "by")
    )

    assert done.exit_code == 0, done.stderr
    assert "; 12 known from before, not decoded" in done.stdout
    model = "model family/1: 2 names, nobody below any of: probability 0.600, gap to the second 0.100, scoring on"
    assert model in " ".join(done.stderr.split())
    assert "12 pictures, family/1: nobody below any of: probability 0.600" in " ".join(done.stdout.split())
    assert "kept 12: game/blue 7, game/red 5" in " ".join(done.stdout.split())
    assert len(names_below(place.folder / "by" / "game" / "red")) == 5
    assert len(names_below(place.folder / "by" / "game" / "blue")) == 7


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--keep", "family"), "is a recogniser of 2 classes"),
        (("--with", "mona"), "is a model of one target, mona"),
        (("--with", "family", "--threshold", "0.9"), "has limits of its own"),
        (("--with", "family", "--truth", "{d}"), "crawl evaluate family --on DIR"),
        (("--with", "families"), "recogniser 'families' is not known; did you mean 'family'? registered: family"),
    ],
)
def test_a_model_of_another_kind_is_refused_in_one_line(
    place: Downloads, tiny: TinyBackbone, words: tuple[str, ...], line: str
) -> None:
    add_recogniser(place.root, tiny)

    done = place.crawl("classify", str(place.pictures), *(word.replace("{d}", str(place.pictures)) for word in words))

    assert (done.exit_code, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
    assert line in done.stderr


def test_what_is_undecided_stays_and_is_named(place: Downloads, tiny: TinyBackbone, tmp_path: Path) -> None:
    root = make_root(tmp_path / "refusing", tiny, refusal="it was trained on too little; train it again")
    refusing = Downloads(root, place.folder)

    done = refusing.classify("--how", "move", "--to", str(place.folder / "kept"))

    assert done.exit_code == 13
    assert "undecided, model refused: it was trained on too little: 12" in done.stdout
    assert len(all_of(place.pictures)) == 12


def test_output_folders_below_the_input_are_not_looked_at_again(place: Downloads) -> None:
    words = ["--how", "move", "--to", str(place.pictures / "kept"), "--rejects", str(place.pictures / "others")]
    place.classify(*words)

    again = place.classify(*words)

    assert again.exit_code == 2
    assert "has no pictures" in again.stderr
    assert len(names_below(place.pictures / "kept")) == 5


def test_labels_beat_tags_and_tags_beat_the_score(place: Downloads) -> None:
    contents = [picture(number, red=True) for number in range(3)]
    place.post(1, contents[0], TAG)
    place.post(2, picture(0, red=False), TAG)
    place.post(3, picture(1, red=False), TAG)
    place.label(1, "delete")
    place.label(3, "unsure")
    # The model is too sure that these show nobody, so their tags are doubted: nothing is decided by them.
    place.classify("--to", str(place.folder / "out"))

    rows = {Path(row["path"]).relative_to(place.pictures).as_posix(): row for row in place.table()}
    assert (rows["red/0.png"]["verdict"], rows["red/0.png"]["decided_by"]) == ("rejected", "label")
    assert (rows["red/1.png"]["verdict"], rows["red/1.png"]["decided_by"]) == ("kept", "score")
    assert rows["blue/0.png"]["decided_by"] == "tag"
    assert (rows["blue/1.png"]["verdict"], rows["blue/1.png"]["reason"]) == ("undecided", "labelled unsure")
    assert (rows["blue/0.png"]["site"], rows["blue/0.png"]["post"]) == ("demo", "2")


def test_a_file_is_known_by_the_md5_in_its_name_by_its_number_and_by_the_file_beside_it(place: Downloads) -> None:
    place.post(71, b"the original", TAG)
    place.post(72, b"another", TAG)
    place.put(f"x/danbooru_1_{md5(b'the original')}.png", picture(20, red=False))
    place.put("x/demo_72_small.png", picture(21, red=False))
    place.put("x/pixiv_72_p0.png", picture(22, red=False))
    place.put("x/beside.png", picture(23, red=False))
    place.put("x/beside.png.json", json.dumps({"tags": ["1girl", TAG]}).encode())
    place.put("x/strings.png", picture(24, red=False))
    place.put("x/strings.json", json.dumps({"tag_string_character": f"{TAG} other", "tags": "no list"}).encode())

    place.classify("--to", str(place.folder / "out"))

    by = {Path(row["path"]).name: row["decided_by"] for row in place.table()}
    known = {name for name, decided_by in by.items() if decided_by == "tag"}
    assert known == {f"danbooru_1_{md5(b'the original')}.png", "demo_72_small.png", "beside.png", "strings.png"}


def test_the_report_has_the_counts_line_by_line(place: Downloads) -> None:
    place.put("red/wrong.png", picture(30, red=False))
    place.put("blue/missed.png", picture(31, red=True))
    shutil.move(place.pictures / "red", place.pictures / "mona")
    out = ["--to", str(place.folder / "out"), "--truth", str(place.pictures)]

    done, record = place.classify(*out), place.record(*out)

    assert record["truth"] | {"precision": 0, "recall": 0, "f1": 0, "class_accuracy": 0} == {
        "pictures": 14, "of_target": 6, "found": 6, "missed": 1, "wrong": 1, "errors": 2,
        "class_accuracy": 0, "precision": 0, "recall": 0, "f1": 0,
    }  # fmt: skip
    assert record["truth"]["recall"]["value"] == record["truth"]["class_accuracy"] == pytest.approx(5 / 6)
    report = [" ".join(line.split()) for line in lines_of(done)]
    start = report.index("pictures 14")
    assert report[start : start + 7] == [
        "pictures 14", "containing mona 6", "classified as mona 6", "not recognised 1", "wrongly recognised 1",
        "errors 2", "accuracy of mona 83.33%",
    ]  # fmt: skip
    assert [line.split()[0] for line in report[start + 7 : start + 12]] == ["time", "on", "precision", "recall", "F1"]


def test_the_truth_may_be_a_table_or_a_folder_with_copies(place: Downloads) -> None:
    table = place.folder / "truth.csv"
    rows = [f"{name},{'mona' if 'red' in name else 'keqing'}" for name in names_below(place.pictures)]
    table.write_text("path,class\n" + "\n".join(rows[:-2]) + "\n", encoding="utf-8")
    shutil.copytree(place.pictures / "red", place.folder / "known" / TAG)
    shutil.copytree(place.pictures / "blue", place.folder / "known" / "other")

    counts = [
        (truth["pictures"], truth["of_target"], truth["errors"])
        for truth in (place.record("--truth", str(one))["truth"] for one in (table, place.folder / "known"))
    ]

    assert counts == [(10, 3, 0), (12, 5, 0)]


def test_unreadable_and_broken_files_fail_alone(place: Downloads) -> None:
    place.put("torn.png", picture(40, red=True)[:80])
    place.put("page.jpg", b"<html>gone</html>")
    place.put("empty.gif", b"")
    shut = place.put("shut.png", picture(41, red=True))
    shut.chmod(0)
    os.mkfifo(place.pictures / "pipe.png")
    place.put("animated.gif", animated())

    done = place.classify("--to", str(place.folder / "out"))

    assert done.exit_code == 3
    verdicts = place.verdicts()
    failed = {name for name, verdict in verdicts.items() if verdict == "failed"}
    may_read = os.geteuid() == 0
    assert failed == {"torn.png", "page.jpg", "empty.gif", "pipe.png"} | (set() if may_read else {"shut.png"})
    assert verdicts["animated.gif"] == "kept"
    assert "failed, no picture: 1 (page.jpg)" in done.stdout


def animated() -> bytes:
    """A red frame, then a blue one: the first is looked at."""
    frames, out = [coloured(220, 60, 20), coloured(20, 60, 220)], io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def test_links_are_left_where_they_are_and_a_file_with_two_names_counts_twice(place: Downloads) -> None:
    (place.pictures / "link.png").symlink_to(place.pictures / "red" / "0.png")
    (place.pictures / "again").symlink_to(place.pictures / "red")
    os.link(place.pictures / "red" / "0.png", place.pictures / "red" / "twin.png")

    done = place.classify("--how", "move", "--to", str(place.folder / "kept"))

    assert "left out, a link: 1 (link.png)" in done.stdout
    assert "left out, a link to a folder: 1 (again)" in done.stdout
    assert (place.pictures / "link.png").is_symlink()
    assert len(names_below(place.folder / "kept")) == 6


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "say which folder"),
        (("{d}",), "say what to keep"),
        (("{d}", "--keep", "mona", "--how", "move"), "needs a place"),
        (("{d}/none", "--keep", "mona"), "is not there"),
        (("{d}", "--keep", "keqing"), "target 'keqing' is not known"),
        (("{d}", "--keep", "mona/9"), "mona/9"),
        (("{d}", "--keep", "mona", "--how", "copy", "--to", "{d}"), "lies in --to"),
        (("{d}/red", "--keep", "mona", "--how", "move", "--to", "{d}"), "lies in --to"),
        (("{d}", "--keep", "mona", "--how", "copy", "--to", "{d}/x", "--rejects", "{d}/x"), "same folder"),
        (("{d}", "--keep", "mona", "--how", "copy", "--to", "{r}/gallery/x"), "belongs to the gallery"),
        (("{r}", "--keep", "mona"), "gallery, where those are that were kept"),
        (("{r}/gallery", "--keep", "mona", "--how", "move", "--to", "{d}/x"), "belongs to the gallery"),
        (("{d}", "--keep", "mona", "--how", "moved"), "did you mean 'move'"),
        (("{d}", "--keep", "mona", "--rejects", "{d}/x"), "--rejects needs --how"),
        (("{d}", "--undo", "{d}/x"), "needs nothing else"),
        (("--undo", "{d}/x"), "is not there"),
        (("{d}", "--keep", "mona", "--truth", "{d}/red"), "no folders"),
        (("{d}", "--keep", "mona", "--truth", "{d}"), "no folder of"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(place: Downloads, words: tuple[str, ...], line: str) -> None:
    named = [word.replace("{d}", str(place.pictures)).replace("{r}", str(place.root)) for word in words]
    before = all_of(place.pictures)

    done = place.crawl("classify", *named)

    assert (done.exit_code, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
    assert line in done.stderr
    assert all_of(place.pictures) == before


def test_an_empty_folder_is_said_to_be_empty(place: Downloads) -> None:
    (place.folder / "empty").mkdir()

    done = place.crawl("classify", str(place.folder / "empty"), "--keep", "mona", "--to", str(place.folder / "out"))

    assert done.exit_code == 2
    assert "empty has no pictures; nothing was done" in done.stderr
    assert not (place.folder / "out" / "classified.csv").exists()


def test_a_list_that_is_somebody_else_s_is_not_replaced(place: Downloads) -> None:
    (place.folder / "out").mkdir()
    (place.folder / "out" / "classified.csv").write_text("mine\n", encoding="utf-8")

    done = place.classify("--to", str(place.folder / "out"))

    assert done.exit_code == 2
    assert (place.folder / "out" / "classified.csv").read_text(encoding="utf-8") == "mine\n"


def test_a_model_whose_files_were_altered_sorts_nothing(place: Downloads) -> None:
    (place.root / "models" / "mona" / "1" / "head.npz").write_bytes(b"other")

    done = place.classify("--how", "move", "--to", str(place.folder / "kept"))

    assert done.exit_code == 10
    assert len(names_below(place.pictures)) == 12


def test_a_gallery_that_an_older_program_left_is_upgraded_first(place: Downloads) -> None:
    schema_at(place.root / "crawl.db", "0007", back=True)

    done = place.classify()

    assert done.exit_code == 0, done.stderr
    assert "database upgraded from schema 0007" in done.stderr
    assert len(place.table()) == 12
    assert list((place.root / "backups").iterdir()) != []


def test_without_a_gallery_there_is_no_model(place: Downloads) -> None:
    shutil.rmtree(place.root)

    done = place.classify()

    assert done.exit_code == 7
    assert "there is no gallery here" in done.stderr
