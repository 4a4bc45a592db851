"""A recogniser on disk is whole or refused, and neither kind of package passes for the other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from classifier.errors import PackageError, WrongKind
from classifier.inference.batcher import PackagePin, Scorer
from classifier.package.package import load_package, write_package
from classifier.recognition.certainty import Limits
from classifier.recognition.class_head import ClassHead
from classifier.recognition.package import load_recogniser, write_recogniser
from tests.classifier.recognition.recognisers import FAMILY, make_recogniser, recogniser_parts
from tests.classifier.tiny_models import DIMENSION, SIZE, TinyBackbone, make_head, make_parts


@pytest.fixture(scope="module")
def family(tiny: TinyBackbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "family" / "1"
    write_recogniser(folder, recogniser_parts(tiny, make_recogniser(limits=Limits(0.4, 0.1, 0.05))))
    return folder


@pytest.fixture
def copy(family: Path, tmp_path: Path) -> Path:
    """A package that a test may spoil."""
    return Path(shutil.copytree(family, tmp_path / "1"))


def changed(folder: Path, **values: object) -> Path:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | values))
    return folder


def test_a_recogniser_keeps_everything_that_it_was_written_from(tiny: TinyBackbone, tmp_path: Path) -> None:
    styles = ClassHead(("flat", "round"), np.ones((DIMENSION, 2), dtype=np.float32), np.zeros(2), temperature=2.0)
    recogniser = make_recogniser(("w/bart", "w/lisa", "x/homer"), limits=Limits(0.3, 0.2, 0.1), styles=styles)
    parts = recogniser_parts(tiny, recogniser, metrics={"accuracy": 0.9}, report={"report.txt": b"good"})

    facts = write_recogniser(tmp_path / "1", parts)
    package = load_recogniser(tmp_path / "1", expected_hash=facts.hash)

    assert package.recogniser.classes == recogniser.classes
    assert package.recogniser.limits == recogniser.limits
    assert (package.recogniser.head.weights == recogniser.head.weights).all()
    assert package.recogniser.styles is not None
    assert (package.recogniser.styles.classes, package.recogniser.styles.temperature) == (styles.classes, 2.0)
    assert (package.name, package.backbone_hash) == ("family", facts.backbone_hash)
    assert (package.metrics, package.report("report.txt")) == ({"accuracy": 0.9}, b"good")
    assert package.canaries.scores.shape == (5, 3)
    assert (package.card(2).name, package.card(2).threshold) == ("family/2", 0.3)


def test_it_shares_the_embeddings_of_a_target_on_the_same_network(
    tiny: TinyBackbone, family: Path, tmp_path: Path
) -> None:
    facts = write_package(tmp_path / "mona", make_parts(tiny, "mona", make_head()))
    assert load_recogniser(family).backbone_hash == facts.backbone_hash


async def test_the_scorer_of_a_crawl_embeds_for_a_recogniser(tiny: TinyBackbone, family: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    package = load_recogniser(family)
    async with Scorer({"family": PackagePin(family, package.hash)}) as scorer:
        stored = await scorer.embed(0, pixels)
    expected = package.recogniser.scores(tiny.embed(pixels[None]))
    assert package.recogniser.scores(np.frombuffer(stored, dtype="<f2")[None]) == pytest.approx(expected, abs=1e-3)


def test_a_recogniser_is_no_model_of_a_target(family: Path) -> None:
    with pytest.raises(WrongKind, match=r"recogniser of 3 classes.*crawl classify FOLDER --with family") as caught:
        load_package(family)
    assert caught.value.exit_code == 2


def test_a_model_of_a_target_is_no_recogniser(tiny: TinyBackbone, tmp_path: Path) -> None:
    write_package(tmp_path / "mona", make_parts(tiny, "mona", make_head()))
    with pytest.raises(WrongKind, match=r"model of one target, mona, not a recogniser.*--keep mona"):
        load_recogniser(tmp_path / "mona")


def test_a_kind_of_a_later_version_is_named(copy: Path) -> None:
    with pytest.raises(WrongKind, match="kind 'detector', which this version does not know"):
        load_recogniser(changed(copy, kind="detector"))


@pytest.mark.parametrize("file", ["head.npz", "canaries.npz", "backbone.keras"])
def test_an_altered_file_is_named(copy: Path, file: str) -> None:
    content = bytearray((copy / file).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / file).write_bytes(content)
    with pytest.raises(PackageError, match=rf"{file} was altered"):
        load_recogniser(copy)


def test_a_manifest_that_is_not_the_registered_one_is_refused(copy: Path) -> None:
    with pytest.raises(PackageError, match="was altered: its hash is"):
        load_recogniser(copy, expected_hash="0" * 64)


@pytest.mark.parametrize(
    "values",
    [
        {"classes": ["bart", "lisa"]},
        {"classes": ["bart", "../lisa", "nobody"]},
        {"classes": ["bart", "lisa", "lisa"]},
        {"classes": 3},
        {"styles": ["flat", "round"]},
        {"limits": {"top": 2, "gap": 0, "deviation": 0}},
        {"limits": {"top": 0.5}},
        {"name": "../family"},
        {"format": 99},
        {"backbone": None},
        {"preprocessing": {"size": 999_999}},
    ],
)
def test_a_manifest_that_says_what_no_recogniser_has_is_refused(copy: Path, values: dict[str, object]) -> None:
    with pytest.raises(PackageError):
        load_recogniser(changed(copy, **values))


def test_parts_that_do_not_fit_write_nothing(tiny: TinyBackbone, tmp_path: Path) -> None:
    wide = ClassHead(FAMILY, np.ones((DIMENSION + 1, 3), dtype=np.float32), np.zeros(3))
    with pytest.raises(ValueError, match="the head wants 9 numbers, the backbone gives 8"):
        write_recogniser(tmp_path / "1", recogniser_parts(tiny, type(make_recogniser())(wide)))
    with pytest.raises(ValueError, match="at least one canary"):
        write_recogniser(tmp_path / "1", recogniser_parts(tiny, make_recogniser(), canaries=[]))
    assert list(tmp_path.iterdir()) == []
