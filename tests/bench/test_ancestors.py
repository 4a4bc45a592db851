"""The table of ancestors: nobody sees a test picture, balanced means balanced, and a missed goal is shown as missed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.ancestors.__main__ import Bench, parser
from bench.ancestors.material import Material, balanced, material_of
from bench.ancestors.measurements import Measurements
from bench.ancestors.sides import Sides
from bench.ancestors.table import Comparison, table
from bench.ancestors.two_classes import ALL_CLASSES, WHOLE, Kept, TwoClassBench, comparisons
from bench.mona_cnn.questions import Answer, answers
from bench.mona_cnn.questions import table as table_of_answers
from classifier.pictures.preprocessing import Preprocessing


def folder_of(root: Path, **classes: int) -> Path:
    """So many pictures a class, three of each group; a fifth of the groups are for tests."""
    lines = ["path,class,group,split"]
    for colour, (name, count) in enumerate(classes.items()):
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (80 * colour, number, 0)).save(root / name / f"{number}.png")
            lines.append(f"{name}/{number}.png,{name},{name}{number // 3},{'val' if number // 3 % 5 == 0 else 'train'}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return material_of(folder_of(tmp_path / "pictures", mona=60, keqing=150, fischl=150))


def test_no_group_is_in_two_splits(material: Material) -> None:
    groups = [set(material.groups[rows].tolist()) for rows in (material.train, material.validation, material.test)]

    assert sum(map(len, groups)) == len(set.union(*groups)) == 120
    assert len(material.test) == 72
    assert len(material.train) > 5 * len(material.validation) > 0


def test_pictures_and_labels_are_in_the_same_order(material: Material) -> None:
    pixels, labels = material.pixels(Preprocessing(8)), material.labels()

    assert material.classes == ("fischl", "keqing", "mona")
    assert pixels.shape == (360, 8, 8, 3)
    assert [{2: 0, 1: 80, 0: 160}[label] for label in labels.tolist()] == pixels[:, 0, 0, 0].tolist()


def test_balanced_training_pictures_are_nearly_as_many_of_either_kind(material: Material) -> None:
    some = balanced(material, "mona", 10)

    shows = np.array(some.kinds) == "mona"
    rows = np.concatenate([some.train, some.validation])
    assert shows[rows].sum() == 48
    assert 48 <= (~shows)[rows].sum() <= 60
    assert np.array_equal(some.test, material.test)


def test_a_missed_goal_is_shown_as_missed() -> None:
    line = Comparison(data="d", measured="errors", ancestor="10", ours="9", goal="2", met=False)

    assert table([line]).splitlines()[2] == "| d | errors | 10 | 9 | 2 | **no** |"


def test_one_run_has_every_row_or_those_that_were_asked_for(tmp_path: Path) -> None:
    asked = [["--data", str(tmp_path)], ["--data", str(tmp_path), "--rows", "many", "two"], ["--frozen", str(tmp_path)]]

    assert [Bench(parser().parse_args(words)).rows() for words in asked] == [
        ["tuned", "two", "many", "frozen"],
        ["two", "many"],
        ["frozen"],
    ]


def test_a_row_that_cannot_be_measured_says_why_and_is_missed(tmp_path: Path) -> None:
    folder_of(tmp_path / "hands", paper=20, rock=20)
    options = parser().parse_args(["--data", str(tmp_path), "--vgg", "weights=gone.h5"])

    ((gone,),), ((empty,),) = (list(Bench(options).lines(name)) for name in ("frozen", "many"))

    assert not gone.met
    assert "gone.h5" in gone.ancestor
    assert "not measured: " in empty.ancestor


def test_a_line_that_fails_takes_no_other_line_with_it(tmp_path: Path) -> None:
    folder_of(tmp_path / "vtubers", kiara=20, ina=20)
    options = parser().parse_args(["--data", str(tmp_path), "--mona", "size=gone"])

    found = [line for lines in Bench(options).lines("two") for line in lines]

    assert [one.data.removeprefix("vtubers: two, ") for one in found] == [
        "kiara, balanced",
        "ina, balanced",
        "kiara, as a user has it",
        "ina, as a user has it",
    ]
    assert all("size" in one.ancestor and not one.met for one in found)


def test_what_was_trained_is_kept_and_not_trained_again(tmp_path: Path) -> None:
    file, trained = tmp_path / "kept.jsonl", list[str]()

    def train(name: str) -> Kept:
        trained.append(name)
        return Kept(cpu_s=1.0, wrongly=2, missed=3)

    first = Measurements(file).once("mona: small", Kept, lambda: train("mona"))
    with file.open("a") as lines:
        lines.write('{"what": "keqing: sm')  # a run that was ended while it wrote
    later = Measurements(file)
    found = [later.once(f"{name}: small", Kept, partial(train, name)) for name in ("mona", "keqing", "mona")]
    beside = Measurements(file).once("keqing: small", Kept, partial(train, "keqing"))

    assert found == [first] * 3
    assert beside == first
    assert trained == ["mona", "keqing"]


def test_ends_in_time_are_the_ancestors_alone(tmp_path: Path) -> None:
    bench = Bench(parser().parse_args(["--data", str(tmp_path), "--minutes", "2", "--lite0", "size=64"]))

    assert bench.words("simpsons") == ["minutes=2.0"]
    assert bench.own_words("many")[-1] == "size=64"
    assert not any(word.startswith("minutes") for word in bench.own_words("many"))


@pytest.mark.slow  # trains networks
def test_every_open_question_is_answered_from_one_run(material: Material) -> None:
    words = ["size=8", "padding=same", "width=0.01", "samples=0", "balance=-1", "epochs=2", "patience=0"]

    found: list[Answer] = list(answers(material, "mona", words, []))

    assert {one.question for one in found} == {"as set", "epochs", "batch", "input size", "input size against batch"}
    assert all(one.epochs == 2 and 0 <= one.average_precision <= 1 for one in found if one.question != "epochs")
    assert len(table_of_answers(found).splitlines()) == 2 + len(found)


@pytest.mark.slow  # trains networks
def test_a_recogniser_of_every_class_is_trained_once_for_all_targets(material: Material, tmp_path: Path) -> None:
    mona = ["size=8", "padding=same", "width=0.01", "samples=0", "balance=-1", "epochs=1"]
    lite0 = ["weights=none", "size=32", "epochs=1"]
    sides = Sides(Measurements(tmp_path / "kept.jsonl"))
    bench = TwoClassBench(material, mona, sides, ALL_CLASSES, lite0, say=lambda _: None)

    found = [one for target in ("mona", "keqing") for one in comparisons(bench, target, WHOLE)]

    kept = (tmp_path / "kept.jsonl").read_text().splitlines()
    assert sum("efficientnet_lite0" in line for line in kept) == 1
    assert len(kept) == 3
    assert [one.data.split(" against")[0] for one in found] == ["mona", "keqing"]
    assert all(0 <= count <= len(material.test) for one in found for count in one.facts["errors"])
