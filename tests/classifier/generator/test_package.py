"""A generator on disk: what it says, what it is refused for, and what it paints."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.errors import PackageError, WrongKind
from classifier.generator.package import LICENCE, load_generator
from classifier.generator.samples import PaintOrder, paint
from classifier.package.kinds import RECOGNISER, TARGET, check_kind
from classifier.pictures.synthetic_picture import is_synthetic
from classifier.progress import unreported

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, when it saves


@pytest.fixture
def copy(generator: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(generator, tmp_path / "copy"))


def painted(model: Path, folder: Path, count: int, **more: object) -> list[Path]:
    folder.mkdir(exist_ok=True)
    order = PaintOrder(str(model), str(folder), count, **more)  # type: ignore[arg-type]
    paint(PaintOrder.of(order.text()), unreported)
    return sorted(path for path in folder.glob("*.png") if "sheet" not in path.name)


def test_it_says_what_it_learned_from_and_that_the_licence_is_unknown(generator: Path) -> None:
    package = load_generator(generator)

    assert (package.classes, package.told, package.noise) == (("blue", "red"), 2, 3)
    assert package.manifest["licence"] == LICENCE and "synthetic" in package.manifest["notice"]
    assert package.manifest["pictures"]["by_class"] == {"blue": 30, "red": 30}
    counts = package.manifest["pictures"]
    assert len(package.learned.md5s) == len(package.learned.hashes) == counts["train"] + counts["validation"]
    assert counts["test"] == 60 - len(package.learned.md5s) > 0
    assert (generator / "sheets" / "last.png").is_file() and (generator / "figures" / "losses.svg").is_file()
    assert is_synthetic((generator / "sheets" / "last.png").read_bytes())


def test_every_picture_says_that_it_is_synthetic_and_whose(generator: Path, tmp_path: Path) -> None:
    files = painted(generator, tmp_path / "to", 4)

    package = load_generator(generator)
    assert [file.name for file in files] == [
        f"synthetic-{package.short}-0-{name}-{number:06}.png"
        for name, number in (("blue", 1), ("blue", 3), ("red", 2), ("red", 4))
    ]
    for file in files:
        content = file.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            assert (image.size, image.info["Synthetic"], image.info["Generator"]) == ((96, 96), "true", package.hash)
        assert b"trainedAlgorithmicMedia" in content and is_synthetic(content)
    with (tmp_path / "to" / "synthetic.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [(row["file"], row["synthetic"], row["generator"]) for row in rows] == [
        (file.name, "yes", package.hash) for file in files
    ]


def test_a_picture_depends_on_seed_and_number_alone(generator: Path, tmp_path: Path) -> None:
    few, many = painted(generator, tmp_path / "few", 2), painted(generator, tmp_path / "many", 40)
    other = painted(generator, tmp_path / "other", 2, seed=1)
    red = painted(generator, tmp_path / "red", 2, label="red")

    by_name = {file.name: file.read_bytes() for file in many}
    assert all(by_name[file.name] == file.read_bytes() for file in few)
    assert not {file.read_bytes() for file in other} & set(by_name.values())
    assert [file.name.split("-")[3] for file in red] == ["red", "red"]


def test_what_is_there_is_left_and_the_list_grows(generator: Path, tmp_path: Path) -> None:
    first = painted(generator, tmp_path, 2)
    before = [file.stat().st_mtime_ns for file in first]
    painted(generator, tmp_path, 3)

    assert [file.stat().st_mtime_ns for file in first] == before
    assert (tmp_path / "synthetic.csv").read_text().count("\n") == 4
    assert not list(tmp_path.glob(".*.part"))


def without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def changed(**facts: object) -> Callable[[Path], object]:
    def change(folder: Path) -> object:
        manifest = json.loads((folder / "manifest.json").read_text())
        return (folder / "manifest.json").write_text(json.dumps(manifest | facts))

    return change


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without("manifest.json"), "manifest.json is missing"),
        (without("generator.keras"), "generator.keras cannot be read"),
        (without("learned.npz"), "learned.npz cannot be read"),
        (lambda folder: (folder / "generator.keras").write_bytes(b"x"), "generator.keras was altered"),
        (lambda folder: (folder / "learned.npz").write_bytes(b"x"), "learned.npz was altered"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"{"), "is not a generator's"),
        (changed(format=2), "generator format 2, this program reads 1"),
        (changed(files={}), "does not say 'generator.keras'"),
        (changed(classes="mona"), "its classes are no list"),
        (changed(classes=["a", "a"]), "its classes are no names"),
        (changed(classes=["../a", "b"]), "its classes are no names"),
        (changed(told=3), "it is told 3 classes and has 2"),
        (changed(noise="many"), "many is not a whole number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_generator_is_refused_with_the_reason(
    copy: Path, damage: Callable[[Path], object], said: str
) -> None:
    damage(copy)

    with pytest.raises(PackageError, match=said.replace("'", ".")):
        load_generator(copy)


def test_a_network_that_is_not_the_described_one_is_refused(copy: Path) -> None:
    changed(noise=5)(copy)

    with pytest.raises(PackageError, match="not the generator that its manifest describes"):
        load_generator(copy).load()


def test_models_of_other_kinds_are_told_from_generators(generator: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "manifest.json").write_text(json.dumps({"kind": RECOGNISER}))

    with pytest.raises(WrongKind, match="a model that judges pictures, not a generator"):
        load_generator(other)
    for kind in (TARGET, RECOGNISER):
        with pytest.raises(WrongKind, match="paints pictures and judges none"):
            check_kind({"kind": "generator"}, kind, generator)


def test_near_copies_of_what_was_learned_are_named_in_the_list(copy: Path, tmp_path: Path) -> None:
    """Only hashes of the generator's own pictures are compared, so its own paintings become the learned ones here."""
    from classifier.pictures.dhash import dhash

    files = painted(copy, tmp_path / "first", 2)
    with Image.open(files[0]) as image:
        hashes = np.array([dhash(image)], dtype=np.uint64)
    informative = 3 < int(np.bitwise_count(hashes)[0]) < 61
    _relearn(copy, hashes)

    painted(copy, tmp_path / "second", 2)

    with (tmp_path / "second" / "synthetic.csv").open(newline="") as table:
        found = [row["near_copy"] for row in csv.DictReader(table)]
    assert found[0] == ("yes" if informative else "no")


def _relearn(folder: Path, hashes: np.ndarray) -> None:
    import hashlib

    np.savez(folder / "learned.npz", md5s=np.zeros((1, 16), np.uint8), hashes=hashes)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["learned.npz"]["sha256"] = hashlib.sha256((folder / "learned.npz").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
