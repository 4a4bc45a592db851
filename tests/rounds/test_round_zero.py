"""Round 0: from a gallery's tags to packages, with a training process that only pretends."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from classifier.errors import PictureFault
from classifier.pictures.preprocessing import Pixels, Preprocessing
from classifier.training.job import TAGGER_VECTORS
from crawler.errors import BlockedError, PostError
from rounds.errors import LearningFailed, PicturesMissing, TooLittleToLearn
from rounds.examples.references import ReferencePixels
from rounds.examples.sample import SampleSize
from rounds.examples.tagger_answers import TaggerAnswers
from rounds.round_zero import RoundSettings, RoundZeroInputs, gather, round_zero, work_folder_for
from rounds.training_job import TrainingStep, preprocessing_for
from rounds.training_process import run_learning
from storage.records import Post, TaggerTags, TaggerVector
from tests.rounds.examples.test_sample import KIARA, Site, gallery

LEARNS = """
import json, pathlib, sys
import numpy
folder = pathlib.Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
pictures = numpy.load(folder / "pictures.npy", mmap_mode="r")
for row, example in enumerate(job["examples"]):
    assert int(pictures[row, 0, 0, 0]) == example["identity"]["post_id"] % 251
    assert example["identity"]["picture_hash"] == example["identity"]["post_id"] << 40
print("a library says hello", flush=True)
print(json.dumps({"stage": "training", "share": 0.5, "words": "half"}), flush=True)
targets = []
for number, spec in enumerate(job["specs"]):
    package = folder / "packages" / str(number)
    package.mkdir(parents=True)
    (package / "manifest.json").write_text(json.dumps(len(job["examples"])))
    targets.append({"target": spec["target"], "folder": str(package), "hash": "a" * 64, "backbone_hash": "b" * 64,
                 "threshold": 0.7, "metrics": {}, "report": "fine"})
print(json.dumps({"done": {"targets": targets, "taught": {}, "classes": []}}), flush=True)
"""
TOO_FEW = """
import json
print(json.dumps({"error": "TooFewExamples", "message": "too few examples to learn kiara: found 3",
                  "exit_code": 2, "facts": {"target": "kiara", "counts": {"pictures": 3}}}))
raise SystemExit(2)
"""
TWICE = LEARNS.replace(
    'json.dumps(len(job["examples"]))', 'json.dumps([job["step"], job["backbone"]["name"], job["plan"]])'
)
DIES = "import sys; print('out of cheese', file=sys.stderr); raise SystemExit(9)"
HANGS = "import sys; sys.stdin.read()"


def python(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program)


@dataclass
class Decoded:
    pixels: tuple[np.ndarray, ...]
    hash: int


@dataclass
class Renditions:
    """Fetches and decodes pictures; breaks the named ones."""

    lost: set[int] = field(default_factory=set)
    broken: set[int] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0
    fetched: int = 0

    async def picture(self, post: Post) -> bytes | None:
        self.fetched += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if post.id in self.lost:
            raise PostError("gone")
        return str(post.id).encode()

    async def decode(self, picture: bytes) -> Decoded:
        number = int(picture)
        if number in self.broken:
            raise PictureFault("truncated")
        return Decoded((np.full((8, 8, 3), number % 251, np.uint8),), number << 40)


def settings(program: str = LEARNS) -> RoundSettings:
    return RoundSettings(
        size=SampleSize(total=600), preprocessing=Preprocessing(8), in_flight=4, command=python(program)
    )


def of(renditions: Renditions, site: Site | None = None) -> RoundZeroInputs:
    return RoundZeroInputs(site or gallery(1000), renditions, renditions)


async def test_a_model_is_learned_and_put_where_it_belongs(tmp_path: Path) -> None:
    stages: list[str] = []
    place = tmp_path / "models" / "kiara" / "1"

    models = await round_zero(
        of(Renditions()),
        "hololive",
        {KIARA: place},
        settings(),
        report=lambda stage, share, words: stages.append(stage),
    )

    assert [model.target for model in models] == ["kiara"]
    assert json.loads((place / "manifest.json").read_text()) == 600
    assert list(dict.fromkeys(stages)) == ["sampling", "sampled", "fetching", "training"]
    assert [path.name for path in place.parent.iterdir()] == ["1"]  # the work folder is gone


async def test_two_steps_train_on_pictures_that_are_fetched_once(tmp_path: Path) -> None:
    renditions, places = Renditions(), [{KIARA: tmp_path / "kiara" / number} for number in ("1", "2")]
    asked = replace(settings(TWICE), first_backbone="frozen", first_time_budget_s=7.0, time_budget_s=99.0)

    async with work_folder_for(places[0]) as folder:
        gathered = await gather(folder, of(renditions), "hololive", (KIARA,), asked)
        fetched = renditions.fetched
        first = await gathered.learn(TrainingStep.FIRST, places[0])
        network = await gathered.learn(TrainingStep.NETWORK, places[1], niceness=5)

    assert renditions.fetched == fetched == 600
    manifests = [json.loads((place[KIARA] / "manifest.json").read_text()) for place in places]
    assert [(step, name, plan["recipe"]["time_budget_s"]) for step, name, plan in manifests] == [
        ("first", "frozen", 7.0),
        ("network", asked.backbone, 99.0),
    ]
    assert [model.facts["step"] for model in (*first, *network)] == ["first", "network"]
    assert sorted(path.name for path in (tmp_path / "kiara").iterdir()) == ["1", "2"]  # the work folder is gone


async def test_the_users_tagger_is_shown_every_picture_as_it_takes_it_and_its_answers_are_learned_from(
    tmp_path: Path,
) -> None:
    shown: list[int] = []
    network = "c" * 64 + "." + "1" * 16

    class Tagger:
        name, pictures, busy_s = "mine", 0, 0.0

        async def tag(self, pixels: Pixels) -> TaggerTags | None:
            shown.append(int(pixels[0, 0, 0]))
            vector = TaggerVector(network, np.array([len(shown), 7], "<f2").tobytes())
            return TaggerTags("c" * 64, self.name, {KIARA.tag: 0.4}, vector)

    class TwoSizes(Renditions):
        async def decode(self, picture: bytes) -> Decoded:
            decoded = await super().decode(picture)
            return replace(decoded, pixels=(*decoded.pixels, decoded.pixels[0][:4, :4] // 2))

    inputs = replace(of(TwoSizes()), tagger=TaggerAnswers(Tagger()))
    async with work_folder_for({KIARA: tmp_path / "kiara" / "1"}) as folder:
        gathered = await gather(folder, inputs, "hololive", (KIARA,), settings())
        vectors = np.load(folder / TAGGER_VECTORS)

    examples = gathered.task.examples
    assert gathered.task.tagger_network == network
    assert vectors.shape == (len(examples), 2) and np.isfinite(vectors).all()
    assert sorted(shown) == sorted(one.identity.post_id % 251 // 2 for one in examples)
    assert all(one.ai_percents[KIARA.tag]["c" * 64] == 40 for one in examples)


WITH_REFERENCES = TWICE.replace(
    'json.dumps([job["step"], job["backbone"]["name"], job["plan"]])',
    'json.dumps([job["snapshot"]["posts"], [e for e in job["examples"] if e["reference"]]])',
)


async def test_a_target_that_is_hardly_tagged_is_learned_from_references_which_are_no_posts(tmp_path: Path) -> None:
    given = ReferencePixels(
        folder=tmp_path / "pictures",
        pixels=np.stack([np.full((8, 8, 3), -number % 251, np.uint8) for number in (1, 2, 3)]),
        md5s=["a", "b", "c"],
        hashes=[-number << 40 for number in (1, 2, 3)],
        left_out=(),
    )
    place = {KIARA: tmp_path / "kiara" / "1"}
    hardly_tagged = Site([one for one in gallery(600).holds if not KIARA.named_by(one.tags)])

    async with work_folder_for(place) as folder:
        round_ = await gather(
            folder,
            replace(of(Renditions(), hardly_tagged), references=given),
            "hololive",
            (KIARA,),
            settings(WITH_REFERENCES),
        )
        (model,) = await round_.learn(TrainingStep.FIRST, place)

    posts, references = json.loads((place[KIARA] / "manifest.json").read_text())
    assert min(posts) > 0
    assert [one["identity"]["md5"] for one in references] == ["a", "b", "c"]
    assert {(*one["characters"], one["labelled"]) for one in references} == {(KIARA.tag, True)}
    assert model.facts["references"] == str(tmp_path / "pictures")


@pytest.mark.fault("M13")
async def test_what_a_killed_round_left_behind_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / "kiara" / ".work-round-0-old"
    left.mkdir(parents=True)
    (left / "pictures.npy").write_bytes(b"half")

    await round_zero(of(Renditions()), "hololive", {KIARA: tmp_path / "kiara" / "1"}, settings())

    assert [path.name for path in (tmp_path / "kiara").iterdir()] == ["1"]


async def test_an_error_while_fetching_arrives_as_itself(tmp_path: Path) -> None:
    class Blocked(Renditions):
        async def picture(self, post: Post) -> bytes | None:
            raise BlockedError("the site blocks us")

    with pytest.raises(BlockedError):
        await round_zero(of(Blocked()), "hololive", {KIARA: tmp_path / "kiara" / "1"}, settings())


@pytest.mark.fault("M14")
async def test_lost_and_broken_pictures_are_left_out_and_rows_still_fit(tmp_path: Path) -> None:
    renditions = Renditions(lost=set(range(1, 40)), broken=set(range(40, 80)))

    await round_zero(of(renditions), "hololive", {KIARA: tmp_path / "kiara" / "1"}, settings())

    assert json.loads((tmp_path / "kiara" / "1" / "manifest.json").read_text()) < 600


async def test_no_more_pictures_are_on_their_way_than_the_settings_say(tmp_path: Path) -> None:
    renditions = Renditions()

    await round_zero(of(renditions), "hololive", {KIARA: tmp_path / "kiara" / "1"}, settings())

    assert renditions.most_at_once <= 4


@pytest.mark.fault("M14")
async def test_when_too_many_pictures_are_missing_the_round_stops_and_says_why(tmp_path: Path) -> None:
    renditions = Renditions(broken=set(range(1, 600)))

    with pytest.raises(PicturesMissing, match="truncated"):
        await round_zero(of(renditions), "hololive", {KIARA: tmp_path / "kiara" / "1"}, settings())

    assert not list((tmp_path / "kiara").iterdir())


async def test_a_target_that_is_hardly_tagged_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    renditions = Renditions()

    with pytest.raises(TooLittleToLearn, match="20 pictures tagged takanashi_kiara") as refused:
        await round_zero(of(renditions, gallery(100)), "hololive", {KIARA: tmp_path / "kiara" / "1"}, settings())

    assert refused.value.exit_code == 2
    assert refused.value.counts["positives"] == 20
    assert renditions.most_at_once == 0


async def test_too_few_examples_in_the_training_process_are_too_little_to_learn(tmp_path: Path) -> None:
    with pytest.raises(TooLittleToLearn, match="found 3"):
        await run_learning(tmp_path, report=lambda *_: None, deadline_s=120, command=python(TOO_FEW))


async def test_a_training_process_that_dies_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LearningFailed, match=r"ended with exit code 9.*out of cheese"):
        await run_learning(tmp_path, report=lambda *_: None, deadline_s=120, command=python(DIES))


@pytest.mark.fault("M11")
async def test_a_training_process_that_hangs_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(LearningFailed, match="longer than 0 s"):
        await run_learning(tmp_path, report=lambda *_: None, deadline_s=0.3, command=python(HANGS))


async def test_stopping_the_run_stops_the_training_process(tmp_path: Path) -> None:
    learning = asyncio.create_task(run_learning(tmp_path, report=lambda *_: None, deadline_s=60, command=python(HANGS)))
    await asyncio.sleep(0)

    learning.cancel()

    with pytest.raises(asyncio.CancelledError):
        await learning


def test_every_backbone_gets_pictures_of_its_own_size() -> None:
    assert (preprocessing_for("small").size, preprocessing_for("mobilenet_v3_small").size) == (96, 224)
