"""A package is whole or refused, and the refusal names the true cause."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from classifier.errors import PackageError
from classifier.head import EMBEDDING_DTYPE, Calibration, Head, parse_head, write_head
from classifier.metrics.thresholds import ThresholdCurve
from classifier.package.embedding_blocks import Block, in_a_row
from classifier.package.package import load_package, write_package
from storage.records import SITE_TAGGER, AiTagWeight, ModelCard
from tests.classifier.tiny_models import DIMENSION, TinyBackbone, make_head, make_parts

Mona = tuple[ModelCard, Path]


@pytest.fixture
def copy(mona: Mona, tmp_path: Path) -> Path:
    """A package that a test may spoil."""
    return Path(shutil.copytree(mona[1], tmp_path / "1"))


def test_a_package_keeps_everything_that_it_was_written_from(tiny: TinyBackbone, tmp_path: Path) -> None:
    curve = ThresholdCurve((0.2, 0.8), (0.5, 0.97), (0.9, 0.6), 0.1, caution=0.5, leeway=0.3)
    head = Head(make_head().weights, 0.5, Calibration(knots=(-2.0, 0.0, 3.0), values=(0.01, 0.4, 0.99)))
    made = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    parts = make_parts(tiny, "mona", head, curve=curve, report={"report.html": b"<p>"}, created_at=made)

    facts = write_package(tmp_path / "mona" / "1", parts)
    package = load_package(tmp_path / "mona" / "1", expected_hash=facts.hash)

    assert (package.target, package.threshold, package.reject_ratio) == ("mona", 0.6, 0.9)
    assert (package.snapshot, package.metrics) == ({"examples": 60}, {"precision": 0.97})
    assert package.curve == curve
    assert package.created_at == made
    assert package.preprocessing == tiny.files.preprocessing
    assert (package.head.weights == head.weights).all()
    assert package.head.calibration.knots == (-2.0, 0.0, 3.0)
    assert package.backbone_hash == facts.backbone_hash
    assert package.canaries.scores.shape == (6,)
    assert (package.folder / "report" / "report.html").read_bytes() == b"<p>"
    assert [path.name for path in (tmp_path / "mona").iterdir()] == ["1"]


def test_a_model_says_why_it_does_not_decide_and_an_older_one_decides(tiny: TinyBackbone, tmp_path: Path) -> None:
    head = replace(make_head(), shifts=(0.0, -2.0, 0.0, -1.0))
    refusal = "only 9 pictures show mona; crawl more pages"
    facts = write_package(tmp_path / "1", make_parts(tiny, "mona", head, refusal=refusal))
    card = load_package(tmp_path / "1").card(4)
    assert (card.name, card.hash, card.shifts) == ("mona/4", facts.hash, head.shifts)
    assert (card.refusal, card.why_it_refuses) == (refusal, "only 9 pictures show mona")

    manifest = json.loads((tmp_path / "1" / "manifest.json").read_text())
    del manifest["refusal"]  # as earlier versions wrote it
    (tmp_path / "1" / "manifest.json").write_text(json.dumps(manifest))

    assert load_package(tmp_path / "1").card(4).refusal == ""


def blocks_in(folder: Path, blocks: object) -> Path:
    """The package, with other blocks in its manifest; None: with none, as earlier versions wrote it."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["backbone"]["blocks"] = blocks
    if blocks is None:
        del manifest["backbone"]["blocks"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_package_names_the_blocks_of_its_embedding_and_an_older_one_loads(tiny: TinyBackbone, tmp_path: Path) -> None:
    blocks = in_a_row(published=5, taught=0, log_odds=3)
    parts = make_parts(tiny, "mona", make_head(), backbone=replace(tiny.files, blocks=blocks))

    write_package(tmp_path / "1", parts)
    package = load_package(tmp_path / "1")

    assert package.blocks == (Block("published", 0, 5), Block("log_odds", 5, 3))
    assert package.backbone.blocks == blocks  # so heads of other targets name them too
    assert load_package(blocks_in(tmp_path / "1", None)).blocks == ()


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({}, "not a list"),
        (["taught"], "has no names in it"),
        ([{"name": "taught", "first": 0, "count": 8, "size": 8}], "name, first and count alone"),
        ([{"name": "../taught", "first": 0, "count": 8}], "is not a name"),
        ([{"name": "taught", "first": 0, "count": 8.0}], "not a whole number"),
        ([{"name": "taught", "first": 0, "count": 7}], "have 7 numbers, the embedding 8"),
        ([{"name": "taught", "first": 1, "count": 8}], "a gap"),
        ([{"name": "taught", "first": 0, "count": 5}, {"name": "odds", "first": 4, "count": 4}], "an overlap"),
        ([{"name": "odds", "first": 0, "count": 4}, {"name": "odds", "first": 4, "count": 4}], "a name twice"),
    ],
)
def test_blocks_that_do_not_divide_the_embedding_are_refused(copy: Path, blocks: object, message: str) -> None:
    with pytest.raises(PackageError, match=message):
        load_package(blocks_in(copy, blocks))


def test_a_package_is_not_written_with_blocks_of_another_embedding(tiny: TinyBackbone, tmp_path: Path) -> None:
    backbone = replace(tiny.files, blocks=in_a_row(published=5))

    with pytest.raises(ValueError, match="have 5 numbers, the embedding 8"):
        write_package(tmp_path / "1", make_parts(tiny, "mona", make_head(), backbone=backbone))


def test_another_target_can_share_the_backbone_of_a_package(tiny: TinyBackbone, mona: Mona, tmp_path: Path) -> None:
    shared = load_package(mona[1]).backbone

    facts = write_package(tmp_path / "1", make_parts(tiny, "fischl", make_head(5), backbone=shared))

    assert facts.backbone_hash == mona[0].backbone_hash
    assert facts.hash != mona[0].hash


@pytest.mark.fault("M01", "M02")
@pytest.mark.parametrize("name", ["backbone.keras", "backbone.tflite", "head.npz", "canaries.npz", "manifest.json"])
@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_bytes(b""), "bytes, the manifest says|was altered"),
        (lambda path: path.write_bytes(path.read_bytes()[:-7]), "bytes, the manifest says|was altered"),
        (lambda path: path.write_bytes(b"<html>"), "bytes, the manifest says|was altered"),
        (lambda path: path.write_bytes(flipped(path.read_bytes())), "was altered"),
        (lambda path: linked(path), "is a link"),
    ],
    ids=["missing", "empty", "cut", "html", "flipped", "link"],
)
def test_a_damaged_package_is_refused_with_the_true_cause(
    mona: Mona, copy: Path, name: str, spoil: object, cause: str
) -> None:
    spoil(copy / name)  # type: ignore[operator] # one of the lambdas above

    with pytest.raises(PackageError, match=cause) as caught:
        load_package(copy, expected_hash=mona[0].hash)
    assert name in str(caught.value)


def flipped(raw: bytes) -> bytes:
    return raw[:40] + bytes([raw[40] ^ 1]) + raw[41:]


def linked(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


@pytest.mark.fault("M01")
@pytest.mark.parametrize("text", ["[]", "null", "{}", '{"format": 1}', '{"format": 1, "files": {"../x": {}}}', "\x00"])
def test_a_manifest_that_is_none_is_refused(copy: Path, text: str) -> None:
    (copy / "manifest.json").write_text(text)

    with pytest.raises(PackageError, match=r"manifest\.json|format"):
        load_package(copy)


def test_a_manifest_from_the_future_is_refused(copy: Path) -> None:
    path = copy / "manifest.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))

    with pytest.raises(PackageError, match="package format 2"):
        load_package(copy)


@pytest.mark.fault("M01")
def test_a_missing_folder_is_reported_missing(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="is missing"):
        load_package(tmp_path / "mona" / "1")


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 1.2},
        {"canaries": []},
        {"reject_ratio": -1.0},
        {"refusal": "two\nlines"},
        {"report": {"../x": b""}},
        {"report": {"a/b": b""}},
    ],
)
def test_parts_that_do_not_fit_leave_nothing_behind(
    tiny: TinyBackbone, tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=r"threshold|canary|ratio|refusal|file name"):
        write_package(tmp_path / "1", make_parts(tiny, "mona", make_head(), **changes))

    assert list(tmp_path.iterdir()) == []


def test_a_package_is_never_overwritten(tiny: TinyBackbone, copy: Path) -> None:
    with pytest.raises(FileExistsError, match="never overwritten"):
        write_package(copy, make_parts(tiny, "mona", make_head()))


@pytest.mark.fault("M13")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="kills itself with a POSIX signal")
def test_a_kill_while_writing_leaves_no_package(mona: Mona, tmp_path: Path) -> None:
    script = """
        import os, signal, sys
        from pathlib import Path
        from classifier.package.package import Canary, PackageParts, load_package, write_package
        good = load_package(Path(sys.argv[1]))
        canaries = [Canary(*pair) for pair in zip(good.canaries.pictures, good.canaries.embeddings)]
        parts = PackageParts(target="mona", backbone=good.backbone, head=good.head, threshold=.5, canaries=canaries)
        left = int(sys.argv[3])
        def count(event, args):
            global left
            if event in ("open", "os.rename", "os.mkdir", "shutil.copyfile"):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(count)
        write_package(Path(sys.argv[2]), parts)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for left in (1, 6, 14, 22):
        target = tmp_path / str(left)
        command = [sys.executable, "-c", textwrap.dedent(script), str(mona[1]), str(target), str(left)]
        subprocess.run(command, env=environment, check=False, capture_output=True)
        if target.exists():
            assert load_package(target).target == "mona"


def head_in(path: Path) -> Head:
    return parse_head(path.read_bytes(), path)


def test_a_head_survives_its_file_and_scores_the_same(tmp_path: Path) -> None:
    head = make_head()
    embeddings = np.random.default_rng(3).normal(size=(50, DIMENSION)).astype(np.float32)

    write_head(tmp_path / "head.npz", head)
    again = head_in(tmp_path / "head.npz")

    assert (again.probabilities(embeddings) == head.probabilities(embeddings)).all()
    assert [again.score(each.astype(EMBEDDING_DTYPE).tobytes()) for each in embeddings] == list(
        head.probabilities(embeddings)
    )


def test_a_post_that_names_others_is_scored_lower_by_the_shift_of_its_stratum(tmp_path: Path) -> None:
    write_head(tmp_path / "head.npz", replace(make_head(), shifts=(0.0, -3.0, 0.5, -2.0)))
    head = head_in(tmp_path / "head.npz")
    embeddings = np.random.default_rng(3).normal(size=(4, DIMENSION)).astype(np.float16)
    plain = head.probabilities(embeddings)

    scores = head.probabilities(embeddings, np.arange(4, dtype=np.int8))

    odds = np.log(scores / (1 - scores)) - np.log(plain / (1 - plain))
    assert odds == pytest.approx([0.0, -3.0, 0.5, -2.0])
    assert [head.score(one.tobytes(), number) for number, one in enumerate(embeddings)] == scores.tolist()


def test_a_curve_of_knots_is_shifted_too_and_stays_within_probabilities() -> None:
    head = Head(np.ones(1, np.float32), 0.0, Calibration(knots=(-1.0, 1.0), values=(0.0, 0.8)), (0.0, -2.0, 0.0, 0.0))

    scores = head.probabilities(np.array([[-5.0], [5.0]], np.float16), np.array([1, 1], np.int8))

    assert scores.tolist() == pytest.approx([0.0, 1 / (1 + np.exp(-(np.log(4) - 2)))])


def test_a_head_of_an_earlier_version_has_no_shifts(tmp_path: Path) -> None:
    write_head(tmp_path / "head.npz", make_head())
    with np.load(tmp_path / "head.npz") as arrays:
        np.savez(tmp_path / "old.npz", **{name: arrays[name] for name in arrays.files if name != "shifts"})

    assert head_in(tmp_path / "old.npz").shifts == (0.0,) * 4


SITE = AiTagWeight(SITE_TAGGER, "mona_(genshin_impact)", 0.75, -0.5, -1.25)


def test_weights_of_ai_tags_survive_their_package_and_move_only_pictures_with_such_tags(
    tiny: TinyBackbone, tmp_path: Path
) -> None:
    head = replace(make_head(), shifts=(0.0, -3.0, 0.5, -2.0), ai_weights=(SITE,))
    facts = write_package(tmp_path / "1", make_parts(tiny, "mona", head))
    embeddings = np.random.default_rng(3).normal(size=(4, DIMENSION)).astype(np.float16)
    strata, percents = np.array([0, 0, 0, 1], dtype=np.int8), np.array([50, 90, -1, 0], dtype=np.int64)

    package = load_package(tmp_path / "1", expected_hash=facts.hash)

    assert package.head.ai_weights == package.card(4).ai_weights == (SITE,)
    plain = package.head.probabilities(embeddings)
    scores = package.head.probabilities(embeddings, strata, {SITE_TAGGER: percents})
    odds = np.log(scores / (1 - scores)) - np.log(plain / (1 - plain))
    none = 0.75 * np.log(0.5 / 100.5) - 0.5 - 3.0
    assert odds == pytest.approx([-0.5, 0.75 * np.log(90.5 / 10.5) - 0.5, -1.25, none])
    unheard = package.head.probabilities(embeddings, None, {"other": percents})
    assert np.log(unheard / (1 - unheard)) - np.log(plain / (1 - plain)) == pytest.approx([-1.25] * 4)


def test_a_head_that_weighs_no_ai_tags_has_the_file_that_it_always_had(tmp_path: Path) -> None:
    write_head(tmp_path / "head.npz", make_head())

    with np.load(tmp_path / "head.npz") as arrays:
        assert sorted(arrays.files) == ["bias", "knots", "shifts", "values", "weights"]
    assert head_in(tmp_path / "head.npz").ai_weights == ()


@pytest.mark.fault("M01")
@pytest.mark.parametrize(
    "encoded",
    [
        b"no JSON",
        b"\xff\xfe",
        b"{}",
        b'[{"source": "site", "tag": "mona", "slope": 1.0}]',
        b'[{"source": "site", "tag": "mona", "slope": 1.0, "offset": 0.0, "more": 1}]',
        b'[{"source": "site", "tag": "mona", "slope": true, "offset": 0.0}]',
        b'[{"source": 7, "tag": "mona", "slope": 1.0, "offset": 0.0}]',
        b'[{"source": "site", "tag": "", "slope": 1.0, "offset": 0.0}]',
        b'[{"source": "site", "tag": "mona", "slope": -1.0, "offset": 0.0}]',
        b'[{"source": "site", "tag": "mona", "slope": 1.0, "offset": 1e9}]',
        b"[" + b",".join([b'{"source": "site", "tag": "mona", "slope": 1.0, "offset": 0.0}'] * 2) + b"]",
    ],
)
def test_weights_of_ai_tags_that_are_none_are_refused(tmp_path: Path, encoded: bytes) -> None:
    write_head(tmp_path / "head.npz", make_head())
    with np.load(tmp_path / "head.npz") as arrays:
        np.savez(tmp_path / "bad.npz", **arrays, ai_weights=np.frombuffer(encoded, dtype=np.uint8))

    with pytest.raises(PackageError, match="not the head of a model"):
        head_in(tmp_path / "bad.npz")


@pytest.mark.parametrize("shifts", [(0.0,) * 3, (0.0, float("nan"), 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0, 99.0, 0, 0)])
def test_shifts_that_make_no_head_are_refused_whoever_wrote_them(tmp_path: Path, shifts: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="shift"):
        replace(make_head(), shifts=shifts)
    write_head(tmp_path / "head.npz", make_head())
    with np.load(tmp_path / "head.npz") as arrays:
        np.savez(tmp_path / "bad.npz", **{**arrays, "shifts": np.array(shifts)})

    with pytest.raises(PackageError, match="not the head of a model"):
        head_in(tmp_path / "bad.npz")


@pytest.mark.fault("M01")
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"\x93NUMPY\x01\x00v\x00{'descr': '|O', }"])
def test_a_file_that_is_no_head_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "head.npz").write_bytes(content)

    with pytest.raises(PackageError, match="not the head of a model"):
        head_in(tmp_path / "head.npz")


@pytest.mark.parametrize(
    "values",
    [
        {"slope": 0.0},
        {"slope": float("nan")},
        {"knots": (0.0,), "values": (0.5,)},
        {"knots": (0.0, 0.0), "values": (0.1, 0.5)},
        {"knots": (0.0, 1.0), "values": (0.5, 0.1)},
        {"knots": (0.0, 1.0), "values": (0.5, 1.1)},
    ],
)
def test_a_calibration_that_could_leave_the_probabilities_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        Calibration(**values)  # type: ignore[arg-type] # wrong on purpose


@pytest.mark.fault("M03")
@pytest.mark.parametrize("name", ["../outside.bin", "extra.bin", "report/../../outside.bin", "/etc/hostname"])
def test_a_manifest_may_list_the_files_of_a_package_and_no_other(copy: Path, name: str) -> None:
    for outside in (copy / "extra.bin", copy.parent / "outside.bin"):
        outside.write_bytes(b"x")
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][name] = {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    path.write_text(json.dumps(manifest))

    with pytest.raises(PackageError):
        load_package(copy)
