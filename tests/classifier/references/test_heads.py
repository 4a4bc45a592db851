"""A first model from a person's few pictures: what is learned from them, and what the package keeps of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier.errors import TooFewExamples
from classifier.package.embedding_blocks import in_a_row
from classifier.package.package import BackboneFiles, load_package
from classifier.pictures.preprocessing import Preprocessing
from classifier.progress import ProgressCallback
from classifier.references.heads import references_text
from classifier.training.backbone_training import TrainingSummary
from classifier.training.job import FirstWeights, TrainingJob
from classifier.training.packager import pack, report
from classifier.training.pipeline import Embedded, Example, Learned, Material, TargetSpec, TrainingPlan, learn
from classifier.training.splits import Identity

OTHERS, UNTAGGED = 120, 60
RED = TargetSpec("red", "red")
PLAN = TrainingPlan()


def gallery(tagged: int, references: int, seed: int = 0) -> tuple[np.ndarray, list[Example]]:
    """Noise in green and blue, every fourth untagged picture red; after them tagged red ones, and the references."""
    random = np.random.default_rng(seed)
    count = OTHERS + UNTAGGED + tagged + references
    pictures = random.integers(0, 255, (count, 16, 16, 3)).astype(np.uint8)
    red = np.arange(count) >= OTHERS + UNTAGGED
    red[OTHERS : OTHERS + UNTAGGED : 4] = True
    pictures[..., 0] = np.where(red, 210, 90)[:, None, None] + random.integers(-25, 25, (count, 16, 16))
    others = [("green",) if row % 2 else ("blue",) for row in range(OTHERS)]
    tags = [*others, *[()] * UNTAGGED, *[("red",)] * (tagged + references)]
    examples = [
        Example(
            Identity(row + 1, md5=f"{row:032x}", picture_hash=int(random.integers(1, 2**62))),
            names,
            labelled=bool(names),
            reference=row >= count - references,
        )
        for row, names in enumerate(tags)
    ]
    return pictures, examples


class MeanColour:
    """What `Colours` gives for its network."""

    def predict(self, pictures: np.ndarray, verbose: int) -> np.ndarray:
        return pictures.mean(axis=(1, 2)) / 64


class Colours:
    """A network that sees mean colours, and remembers what it was to be trained on."""

    def __init__(self, file: Path) -> None:
        file.write_bytes(b"a network")
        self.files = BackboneFiles("colours", file, {}, Preprocessing(16), 3)
        self.material: Material | None = None

    def __call__(self, material: Material, report: ProgressCallback) -> Embedded:
        self.material = material
        network = MeanColour()
        seen = network.predict(material.pictures, verbose=0).astype(np.float16)
        nobody = np.zeros(len(seen), dtype=np.bool_)
        training = TrainingSummary(0, 0, 1.0, 0.0, 0.0, 0)
        return Embedded(network, (), in_a_row(published=3), seen, nobody, training, files=self.files)


def learned(folder: Path, tagged: int, references: int) -> tuple[Learned, Colours, list[Example], np.ndarray]:
    pictures, examples = gallery(tagged, references)
    network = Colours(folder / "net.keras")
    return learn(pictures, examples, [RED], PLAN, embedder=network), network, examples, pictures


def job_of(examples: list[Example]) -> TrainingJob:
    return TrainingJob(
        examples=examples, specs=[RED], plan=PLAN, preprocessing=Preprocessing(16), backbone=FirstWeights("colours")
    )


def test_twenty_references_and_hardly_a_tag_make_a_model_that_decides(tmp_path: Path) -> None:
    model, _, examples, _ = learned(tmp_path, 2, 20)

    head = model.targets[0].learned
    assert head.refusal == ""
    kept = head.head.probabilities(model.embedded.embeddings) >= head.chosen.threshold
    assert kept[OTHERS : OTHERS + UNTAGGED].tolist() == [row % 4 == 0 for row in range(UNTAGGED)]
    assert not kept[:OTHERS].any()
    assert model.references.tolist() == list(range(len(examples) - 20, len(examples)))


def test_the_network_is_trained_on_neither_the_references_nor_a_target_with_hardly_a_tag(tmp_path: Path) -> None:
    model, network, _, _ = learned(tmp_path, 2, 20)

    assert network.material is not None
    assert set(network.material.classes) == {"green", "blue"}
    split = model.split
    training = np.concatenate([split.train, split.validation, split.test, network.material.unlabelled])
    assert not np.isin(model.references, training).any()


def test_a_target_with_tags_enough_is_learned_from_both(tmp_path: Path) -> None:
    model, network, _, _ = learned(tmp_path, 60, 8)

    assert network.material is not None
    assert "red" in network.material.classes
    assert model.targets[0].learned.quality.positives > 0  # some are kept apart to measure on


def test_five_references_are_too_few_to_decide(tmp_path: Path) -> None:
    model, _, _, _ = learned(tmp_path, 0, 5)

    assert "only 5 pictures of the target" in model.targets[0].learned.refusal


def test_references_stand_for_their_copies_in_the_gallery(tmp_path: Path) -> None:
    pictures, examples = gallery(40, 5)
    first, copy, other = len(examples) - 5, len(examples) - 6, OTHERS + 1
    for row in (copy, other):  # one tagged, one untagged; the tagged one belongs to a set that is still trained on
        identity = Identity(row + 1, md5=examples[first].identity.md5, picture_hash=1, set_key="an artist's")
        examples[row] = Example(identity, examples[row].characters, labelled=examples[row].labelled)

    network = Colours(tmp_path / "net.keras")
    model = learn(pictures, examples, [RED], PLAN, embedder=network)

    assert network.material is not None
    split = model.split
    used = np.concatenate([split.train, split.validation, split.test, network.material.unlabelled])
    assert not np.isin([copy, other], used).any()
    assert len(used) == len(examples) - 5 - 2


def test_from_references_without_others_nothing_is_learned(tmp_path: Path) -> None:
    pictures, examples = gallery(0, 20)
    rows = [*range(20), *range(OTHERS, len(examples))]

    with pytest.raises(TooFewExamples, match=r"20 well-tagged pictures of others \(at least 60\)"):
        learn(pictures[rows], [examples[row] for row in rows], [RED], PLAN, embedder=Colours(tmp_path / "net.keras"))


def test_a_package_keeps_numbers_of_the_references_and_no_picture(tmp_path: Path) -> None:
    model, _, examples, pictures = learned(tmp_path, 2, 20)
    packed = pack(model, pictures, tmp_path / "packages", job_of(examples))

    package = load_package(Path(packed["targets"][0]["folder"]))
    assert package.references is not None
    assert package.references.md5s == [example.identity.md5 for example in examples[-20:]]
    assert package.references.hashes.tolist() == [example.identity.picture_hash for example in examples[-20:]]
    assert (package.references.vectors == model.embedded.embeddings[-20:]).all()
    kept = {tuple(row) for row in package.canaries.embeddings.tolist()}
    assert not kept & {tuple(row) for row in package.references.vectors.tolist()}
    assert not {md5 for md5s in package.snapshot["parts"].values() for md5 in md5s} & set(package.references.md5s)
    json.dumps(packed)  # it travels as JSON


def test_the_report_says_what_to_expect_of_so_few(tmp_path: Path) -> None:
    model, _, examples, pictures = learned(tmp_path, 0, 5)
    packed = pack(model, pictures, tmp_path / "packages", job_of(examples))

    words = packed["targets"][0]["report"]
    assert "red: trained on 5 references and 0 pictures tagged red among 108 well-tagged ones of 2 characters" in words
    assert "5 references: from 5 pictures, characters were ranked at an average precision of" in words
    assert "it does not decide: only 5 pictures of the target" in words
    assert "test on" not in words  # nothing that shows it is kept apart
    assert packed["targets"][0]["metrics"]["references"] == 5


def test_tagged_pictures_count_beside_the_references_in_what_is_expected() -> None:
    assert references_text(5, 16).startswith("5 references and 16 tagged or labelled: from 20 pictures, characters")
    assert references_text(3, 0).startswith("3 references: from 5 pictures")  # nothing smaller was measured


def test_characters_are_counted_in_the_report_where_tags_name_any_often_enough(tmp_path: Path) -> None:
    model, _, _, _ = learned(tmp_path, 0, 5)

    for characters, label_sources in (((), "ones\n"), (("green",), "ones of 1 character\n")):
        assert label_sources in report(model.targets[0], replace(model, characters=characters))
