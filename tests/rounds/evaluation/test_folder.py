"""A model on a person's own pictures: every file is counted, and pictures that it was trained on are shown apart."""

from __future__ import annotations

import asyncio
import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.errors import ClassFolderError, DeviceError, PictureFault
from classifier.head import EMBEDDING_DTYPE
from classifier.metrics.assessment import Assessment
from classifier.pictures.class_folders import class_pictures
from classifier.pictures.dhash import dhash
from classifier.pictures.preprocessing import Pixels
from classifier.progress import unreported
from rounds.errors import TooLittleToMeasure
from rounds.evaluation.folder import PicturePipeline, evaluate_folder, score_folder
from rounds.evaluation.subject import GalleryKnowledge, Subject
from rounds.questions.decision_rule import DecisionRule
from storage.evidence import SPLITS
from tests.rounds.evidence import WIDTH, scene
from tests.rounds.models import subject

pytestmark = pytest.mark.no_gallery


@dataclass(frozen=True)
class Seen:
    pixels: tuple[Pixels, ...]
    hash: int
    windows: tuple[tuple[Pixels, ...], ...] = ()
    too_small: bool = False


class Decoder:
    """Decodes what Pillow decodes."""

    async def decode(self, picture: bytes) -> Seen:
        try:
            image = Image.open(io.BytesIO(picture)).convert("RGB")
        except OSError as error:
            raise PictureFault("undecodable") from error
        whole, panels = np.asarray(image.resize((8, 8))), image.height // image.width
        if panels < 2:
            return Seen((whole,), dhash(image))
        parts = [image.crop((0, at * image.width, image.width, (at + 1) * image.width)) for at in range(panels)]
        windows = tuple(np.asarray(part.resize((8, 8))) for part in parts) if panels < 8 else ()
        return Seen((whole,), dhash(image), (windows,), too_small=panels >= 8)


async def red(pixels: Pixels) -> bytes:
    """The model detects red."""
    vector = np.zeros(WIDTH, np.float32)
    vector[0] = 5.0 if pixels[..., 0].mean() > 127 else 0.0
    return vector.astype(EMBEDDING_DTYPE).tobytes()


def paint(path: Path, *, is_red: bool, seed: int) -> Path:
    """A picture unlike all others, red or blue on the whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 90, (32, 32, 3))
    pixels[..., 0 if is_red else 2] += 160
    Image.fromarray(pixels.astype(np.uint8)).save(path, "PNG")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty pictures of Mona and forty of others; one of each class looks like the other."""
    at = tmp_path / "pictures"
    for number in range(20):
        paint(at / "Mona (Genshin Impact)" / f"{number}.png", is_red=number != 7, seed=number)
        paint(at / "keqing" / f"{number}.png", is_red=number == 3, seed=100 + number)
        paint(at / "other" / "old" / f"{number}.png", is_red=False, seed=200 + number)
    return at


def assess(one: Subject, folder: Path, known: GalleryKnowledge | None = None) -> Assessment:
    found = class_pictures(folder, [one.target.name, one.target.tag])
    pipeline = PicturePipeline(Decoder(), red, in_flight=4)
    scored, left = asyncio.run(score_folder(one, found, pipeline, report=unreported))
    return evaluate_folder(one, found, scored, left, known)


def test_every_picture_counts_for_its_class(tmp_path: Path, folder: Path) -> None:
    found = assess(subject(tmp_path / "root"), folder)

    cells = found.confusion
    assert (cells.kept_right, cells.kept_wrong, cells.missed, cells.rejected_right) == (19, 1, 1, 39)
    classes = {part.value: (part.quality.examples, part.quality.kept) for part in found.slices if part.by == "class"}
    assert classes == {"mona_(genshin_impact)": (20, 19), "keqing": (20, 1), "other": (20, 0)}
    assert next(iter(classes)) == "mona_(genshin_impact)"
    assert [(one.name, one.why) for one in found.kept_wrong] == [("keqing/3.png", "in folder keqing")]
    assert [one.name for one in found.missed] == ["Mona (Genshin Impact)/7.png"]
    assert found.missed[0].picture is not None
    assert found.missed[0].link is None


def test_files_that_cannot_be_looked_at_are_named(tmp_path: Path, folder: Path) -> None:
    (folder / "keqing" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    (folder / "keqing" / "notes.txt").write_text("no picture")

    found = assess(subject(tmp_path / "root"), folder)

    assert found.quality.examples == 60
    notes = "\n".join(found.notes)
    assert "undecodable: 1 file (keqing/broken.png)" in notes
    assert "no picture: 1 file (keqing/notes.txt)" in notes


def test_pages_are_looked_at_in_windows_and_what_is_too_small_to_see_is_left_out(tmp_path: Path, folder: Path) -> None:
    page = Image.new("RGB", (32, 96), (0, 0, 200))
    page.paste((250, 0, 0), (0, 0, 32, 32))  # one red panel of three: on the whole it is blue
    page.save(folder / "Mona (Genshin Impact)" / "three panels.png")
    Image.new("RGB", (32, 640), (0, 0, 200)).save(folder / "Mona (Genshin Impact)" / "twenty panels.png")

    found = assess(subject(tmp_path / "root"), folder)

    assert (found.confusion.kept_right, found.confusion.missed) == (20, 1)
    assert "too small to see: 1 file (Mona (Genshin Impact)/twenty panels.png)" in "\n".join(found.notes)


def test_a_folder_of_nothing_but_pages_too_small_to_see_is_refused_with_that_reason(tmp_path: Path) -> None:
    for number in range(6):
        for name, colour in (("mona", (0, 0, 200)), ("keqing", (0, 200, 0))):
            (tmp_path / "pages" / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 640 + number), colour).save(tmp_path / "pages" / name / f"{number}.png")

    with pytest.raises(TooLittleToMeasure, match=r"left out, too small to see: 12 files .*; put more of them there"):
        assess(subject(tmp_path / "root"), tmp_path / "pages")


def test_pictures_that_the_model_was_trained_on_are_counted_and_shown_separately(tmp_path: Path, folder: Path) -> None:
    files = sorted((folder / "keqing").glob("*.png"))[:12]
    trained_on = [hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() for file in files]

    found = assess(subject(tmp_path / "root", parts={"train": trained_on}), folder)

    by_training = {part.value: part.quality.examples for part in found.slices if part.by == "training"}
    assert by_training == {"not trained on": 48, "trained on": 12}
    assert any(note.startswith("the model was trained on 12 of these pictures") for note in found.notes)


def test_a_model_of_a_round_was_trained_on_the_gallerys_training_split_too(tmp_path: Path, folder: Path) -> None:
    world = scene(400)
    file = next((folder / "keqing").glob("*.png"))
    md5s = [hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest(), *world.evidence.md5s[1:]]
    frozen = np.append(SPLITS.index("train"), world.evidence.frozen_split[1:]).astype(np.int8)
    evidence = replace(world.evidence, md5s=md5s, frozen_split=frozen)

    found = assess(
        subject(tmp_path / "root", evidence="hash of it"), folder, GalleryKnowledge(evidence, (), DecisionRule(0.5))
    )

    assert {part.value: part.quality.examples for part in found.slices if part.by == "training"}["trained on"] == 1


def test_copies_do_not_count_as_independent_samples(tmp_path: Path, folder: Path) -> None:
    once = assess(subject(tmp_path / "a"), folder)
    for file in list((folder / "Mona (Genshin Impact)").glob("*.png")):
        for copy in range(4):
            file.with_name(f"{file.stem} copy {copy}.png").write_bytes(file.read_bytes())

    copied = assess(subject(tmp_path / "b"), folder)

    assert copied.quality.positives == 100
    assert copied.quality.recall.low == pytest.approx(once.quality.recall.low, abs=0.03)
    assert any("or of one set: 80 pictures" in note for note in copied.notes)


def test_a_gallery_that_is_all_training_split_gives_no_prevalence(tmp_path: Path, folder: Path) -> None:
    evidence = scene(60).evidence
    evidence = replace(evidence, frozen_split=np.zeros(60, dtype=np.int8))

    found = assess(subject(tmp_path / "root"), folder, GalleryKnowledge(evidence, (), DecisionRule(0.5)))

    assert "folder's own" in found.prevalence_source


def test_the_gallerys_prevalence_counts_and_without_one_the_folders(tmp_path: Path, folder: Path) -> None:
    world, one = scene(2000, share=0.1), subject(tmp_path / "root")

    alone, within = assess(one, folder), assess(one, folder, GalleryKnowledge(world.evidence, (), DecisionRule(0.5)))

    assert alone.prevalence.value == pytest.approx(1 / 3)
    assert "folder's own" in alone.prevalence_source
    assert within.prevalence.low <= world.truth.mean() <= within.prevalence.high
    assert within.at_prevalence.precision.value < alone.at_prevalence.precision.value
    assert within.quality == alone.quality


def test_a_folder_with_hardly_any_picture_of_the_target_is_refused_with_counts(tmp_path: Path, folder: Path) -> None:
    for file in list((folder / "Mona (Genshin Impact)").glob("*.png"))[3:]:
        file.unlink()

    with pytest.raises(TooLittleToMeasure, match="3 that show it and 40 that do not"):
        assess(subject(tmp_path / "root"), folder)


def test_a_folder_without_the_target_is_refused_with_what_is_there(tmp_path: Path, folder: Path) -> None:
    (folder / "Mona (Genshin Impact)").rename(folder / "mnoa")

    with pytest.raises(ClassFolderError, match="did you mean 'mnoa'"):
        assess(subject(tmp_path / "root"), folder)


def test_a_device_that_fails_ends_it_with_its_own_error(tmp_path: Path, folder: Path) -> None:
    async def broken(pixels: Pixels) -> bytes:
        raise DeviceError("the device is gone")

    one = subject(tmp_path / "root")
    found = class_pictures(folder, ["mona", "mona_(genshin_impact)"])

    with pytest.raises(DeviceError, match="is gone"):
        asyncio.run(score_folder(one, found, PicturePipeline(Decoder(), broken), report=unreported))


def test_a_score_that_is_no_probability_is_named_and_counts_nowhere(tmp_path: Path, folder: Path) -> None:
    async def odd(pixels: Pixels) -> bytes:
        return np.full(WIDTH, np.nan, EMBEDDING_DTYPE).tobytes() if pixels[0, 0, 0] % 7 == 0 else await red(pixels)

    one = subject(tmp_path / "root")
    found = class_pictures(folder, ["mona", "mona_(genshin_impact)"])
    scored, left = asyncio.run(score_folder(one, found, PicturePipeline(Decoder(), odd), report=unreported))

    assert len(scored) + len(left) == 60
    assert {one.why for one in left} == {"bad score"}
