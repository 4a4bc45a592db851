"""Models that are missing, altered, wrong, slow or broken score nothing; the reason is named."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from classifier.errors import CanaryError, DeadlineError, DeviceError, ModelError, PackageError, ScoreError
from classifier.inference.backends import gpu_in_sight
from classifier.inference.batcher import PackagePin, Scorer, ScorerSettings
from classifier.judge import JudgeSettings, NetworkJudge
from classifier.package.package import write_package
from classifier.pictures.decoder_pool import DecoderSettings
from storage.records import Look, ModelCard
from tests.classifier.tiny_models import SIZE, TinyBackbone, card, make_head, make_parts, paintings, png

Mona = tuple[ModelCard, Path]

ODD_SCORER = """
    import os, pathlib, sys, time
    import numpy as np
    from classifier.inference import scorer_worker
    from classifier.inference.runtime import Runtime

    class Network:
        name, device, shapes, pads = "odd", "cpu", (1, 2, 4, 8), True
        calls = 0
        def infer(self, batch):
            Network.calls += 1
            way, once = sys.argv[1], pathlib.Path(sys.argv[2])
            result = batch.reshape(len(batch), -1)[:, :8].astype(np.float32) / 255
            if way == "hang":
                time.sleep(60)
            if way == "die" or (way == "die once" and not once.exists()):
                once.touch()
                os.abort()
            if way == "memory" and len(batch) > 2:
                raise MemoryError("out of device memory")
            if way == "no memory at all":
                raise MemoryError("out of device memory")
            if way == "nan" or (way == "one nan" and Network.calls == 1):
                result[0] = np.nan
            if way == "infinite":
                result[:] = 1e30
            return result[:, :4] if way == "short" else result

    def choose(packages, settings):
        if sys.argv[1] == "slow load":
            time.sleep(60)
        if sys.argv[1] == "greedy":
            bytearray(2 << 30)
        if sys.argv[1] == "odd error":
            raise KeyError("layers")
        if sys.argv[1] == "limits":
            import resource
            raise MemoryError(f"{resource.getrlimit(resource.RLIMIT_DATA)[0]} bytes at most")
        return Runtime(Network())

    scorer_worker.main(choose)
"""


def odd(way: str, folder: Path, **changes: object) -> JudgeSettings:
    """A judge whose scorer misbehaves in the named way."""
    script = folder / "odd_scorer.py"
    script.write_text(textwrap.dedent(ODD_SCORER))
    command = (sys.executable, str(script), way, str(folder / "once"))
    return JudgeSettings(DecoderSettings(processes=1), ScorerSettings(command=command, **changes))  # type: ignore[arg-type] # the tests' own changes


async def looks(mona: Mona, settings: JudgeSettings, count: int = 10) -> list[Look | BaseException]:
    async with NetworkJudge({"mona": mona[0]}, {"mona": mona[1]}, settings) as judge:
        return await asyncio.gather(*[judge.look(png(image)) for image in paintings(count)], return_exceptions=True)


@pytest.mark.fault("M09")
async def test_pictures_that_wait_already_travel_together(mona: Mona) -> None:
    pixels = np.zeros((SIZE, SIZE, 3), np.uint8)

    async with Scorer({"mona": PackagePin(mona[1], mona[0].hash)}) as scorer:
        embeddings = await asyncio.gather(*[scorer.embed(0, pixels) for _ in range(32)])

    assert len(set(embeddings)) == 1
    assert scorer.counts.batches == 1


async def test_a_batch_that_finds_no_memory_is_halved_and_every_picture_scored(mona: Mona, tmp_path: Path) -> None:
    expected = await looks(mona, odd("well", tmp_path), 30)

    assert await looks(mona, odd("memory", tmp_path), 30) == expected
    assert all(isinstance(look, Look) and look.fault is None for look in expected)


@pytest.mark.fault("M09")
@pytest.mark.parametrize("way", ["no memory at all", "die", "short"])
async def test_a_device_that_fails_for_good_stops_the_run(mona: Mona, tmp_path: Path, way: str) -> None:
    outcomes = await looks(mona, odd(way, tmp_path))

    assert {type(outcome) for outcome in outcomes} == {DeviceError}
    assert DeviceError.exit_code == 10


@pytest.mark.fault("P14")
async def test_a_scorer_that_dies_once_is_replaced_and_no_picture_lost(mona: Mona, tmp_path: Path) -> None:
    outcomes = await looks(mona, odd("die once", tmp_path))

    assert all(isinstance(look, Look) and look.scores for look in outcomes)


@pytest.mark.fault("M11")
async def test_a_batch_that_hangs_meets_its_deadline(mona: Mona, tmp_path: Path) -> None:
    outcomes = await looks(mona, odd("hang", tmp_path, batch_deadline_s=0.2))

    assert {type(outcome) for outcome in outcomes} == {DeadlineError}


@pytest.mark.fault("M11")
async def test_a_model_that_loads_for_ever_meets_its_deadline(mona: Mona, tmp_path: Path) -> None:
    with pytest.raises(DeadlineError, match=r"loading the model took longer than 0\.2 s"):
        await looks(mona, odd("slow load", tmp_path, load_deadline_s=0.2))


@pytest.mark.fault("M09")
@pytest.mark.skipif(sys.platform != "linux" or gpu_in_sight(), reason="memory is counted on Linux without a GPU")
async def test_a_network_that_wants_more_memory_than_it_may_have_is_refused(mona: Mona, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="MemoryError"):
        await looks(mona, odd("greedy", tmp_path, memory_bytes=1 << 30))


@pytest.mark.fault("M09")
@pytest.mark.skipif(sys.platform != "linux" or gpu_in_sight(), reason="memory is counted on Linux without a GPU")
async def test_a_scorer_may_take_half_of_the_machines_memory(mona: Mona, tmp_path: Path) -> None:
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2

    with pytest.raises(DeviceError, match=f"{max(4 << 30, half)} bytes at most"):
        await looks(mona, odd("limits", tmp_path))


@pytest.mark.fault("M03")
async def test_whatever_a_library_raises_over_a_network_is_reported(mona: Mona, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="KeyError: 'layers'"):
        await looks(mona, odd("odd error", tmp_path))


@pytest.mark.fault("M04")
async def test_one_score_that_is_no_number_is_that_pictures_fault(mona: Mona, tmp_path: Path) -> None:
    outcomes = await looks(mona, odd("one nan", tmp_path))

    faults = [look.fault for look in outcomes if isinstance(look, Look)]
    assert sorted(faults, key=str) == [None] * 9 + ["bad score"]


@pytest.mark.fault("M04")
@pytest.mark.parametrize("way", ["nan", "infinite"])
async def test_scores_that_are_no_numbers_stop_the_run_before_anything_is_decided(
    mona: Mona, tmp_path: Path, way: str
) -> None:
    outcomes = await looks(mona, odd(way, tmp_path))

    assert any(isinstance(outcome, ScoreError) for outcome in outcomes)
    assert sum(isinstance(outcome, Look) and outcome.fault is None for outcome in outcomes) <= 9


@pytest.mark.fault("M05")
async def test_a_head_that_scores_the_other_way_round_fails_its_canaries(tiny: TinyBackbone, tmp_path: Path) -> None:
    head, folder = make_head(), tmp_path / "swapped"
    parts = make_parts(tiny, "mona", head)
    facts = write_package(folder, parts)
    swapped = write_package(tmp_path / "other", make_parts(tiny, "mona", type(head)(-head.weights, -head.bias)))
    (folder / "head.npz").write_bytes((tmp_path / "other" / "head.npz").read_bytes())
    resealed = reseal(folder)

    with pytest.raises(CanaryError, match="the head is not the one"):
        await looks((ModelCard("mona", 1, resealed, facts.backbone_hash, 0.6), folder), JudgeSettings())
    assert swapped.backbone_hash == facts.backbone_hash


@pytest.mark.fault("M06")
@pytest.mark.parametrize("change", [{"resample": "box"}, {"fit": "stretch"}, {"pad_value": 0}])
async def test_preprocessing_that_drifted_fails_the_canaries(
    tiny: TinyBackbone, tmp_path: Path, change: dict[str, object]
) -> None:
    folder = tmp_path / "1"
    write_package(folder, make_parts(tiny, "mona", make_head()))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["preprocessing"].update(change)
    from classifier.package.package import hash_of_backbone
    from classifier.pictures.preprocessing import Preprocessing

    backbone = hash_of_backbone(
        manifest["files"]["backbone.keras"]["sha256"], Preprocessing.from_json(manifest["preprocessing"])
    )
    manifest["backbone"]["hash"] = backbone
    (folder / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(CanaryError, match="other pictures than it was trained on"):
        await looks((ModelCard("mona", 1, reseal(folder), backbone, 0.6), folder), JudgeSettings())


async def test_targets_that_share_a_backbone_are_embedded_once(tiny: TinyBackbone, tmp_path: Path) -> None:
    cards, folders = {}, {}
    for number, name in enumerate(("mona", "fischl", "keqing")):
        folders[name] = tmp_path / name
        cards[name] = card(name, write_package(folders[name], make_parts(tiny, name, make_head(number))))

    async with NetworkJudge(cards, folders) as judge:
        look = await judge.look(png(paintings(1)[0]))
        stats = judge.stats()

    assert set(look.scores) == {"mona", "fischl", "keqing"}
    assert len(set(look.scores.values())) == 3
    assert list(look.embeddings) == [cards["mona"].backbone_hash]
    assert stats.pictures == 1


@pytest.mark.fault("M02")
async def test_a_card_of_another_package_is_refused(mona: Mona) -> None:
    stranger = ModelCard("mona", 2, "0" * 64, mona[0].backbone_hash, 0.6)

    with pytest.raises(PackageError, match="was altered"):
        await looks((stranger, mona[1]), JudgeSettings())
    assert issubclass(PackageError, ModelError)


def reseal(folder: Path) -> str:
    """Make the manifest agree with the files again, as somebody with bad intentions would."""
    import hashlib

    manifest = json.loads((folder / "manifest.json").read_text())
    for name in manifest["files"]:
        raw = (folder / name).read_bytes()
        manifest["files"][name] = {"size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    sealed = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(sealed)
    return hashlib.sha256(sealed).hexdigest()
