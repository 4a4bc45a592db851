"""From encoded bytes to scores through real processes, and what happens when these fail."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.inference.pooling import pooled
from classifier.judge import JudgeSettings, NetworkJudge
from classifier.pictures.decoder_pool import DecoderSettings
from classifier.pictures.preprocessing import picture_array, prepare, prepare_windows
from classifier.pictures.windows import windows_of
from crawler.decisions import TAG_DOUBTED, TOO_SMALL, Policy, Ruling
from storage.records import DecisionValue, ModelCard, PostTags, Target
from tests.classifier.tiny_models import TinyBackbone, jpeg, make_head, paintings, png
from tests.equipment.clips import ugoira, write_video

ONE_DECODER = JudgeSettings(decoders=DecoderSettings(processes=1))


async def test_pictures_get_the_scores_that_keras_gives(tiny: TinyBackbone, mona: tuple[ModelCard, Path]) -> None:
    pictures = [encode(image) for image in paintings(20) for encode in (png, jpeg)]
    arrays = np.stack([picture_array(picture, tiny.files.preprocessing) for picture in pictures])
    expected = make_head().probabilities(tiny.embed(arrays))

    async with NetworkJudge({"mona": mona[0]}, {"mona": mona[1]}) as judge:
        looks = await asyncio.gather(*map(judge.look, pictures))
        stats = judge.stats()

    assert np.abs(np.array([look.scores["mona"] for look in looks]) - expected).max() < 1e-3
    assert {look.format for look in looks} == {"png", "jpg"}
    assert {(look.width, look.height) for look in looks} == {(40, 49)}
    assert [look.picture_hash for look in looks] == [
        prepare(picture, tiny.files.preprocessing).hash for picture in pictures
    ]
    assert stats.pictures == 40
    assert stats.batches < 40
    assert stats.runtime == "litert"
    assert stats.waiting == 0


async def test_a_bad_picture_is_a_fault_and_harms_no_other(mona: tuple[ModelCard, Path]) -> None:
    good = png(paintings(1)[0])

    async with NetworkJudge({"mona": mona[0]}, {"mona": mona[1]}, ONE_DECODER) as judge:
        looks = await asyncio.gather(*map(judge.look, [good, b"<html>", good[:90], good]))

    assert [look.fault for look in looks[1:3]] == ["unsupported", "truncated"]
    assert looks[0].scores == looks[3].scores != {}


async def test_a_stored_embedding_gives_the_identical_score(mona: tuple[ModelCard, Path]) -> None:
    async with NetworkJudge({"mona": mona[0]}, {"mona": mona[1]}, ONE_DECODER) as judge:
        looks = await asyncio.gather(*[judge.look(png(image)) for image in paintings(12)])
        recalled = [await judge.recall(look.embeddings) for look in looks]

    assert [look.scores for look in recalled] == [look.scores for look in looks]
    assert {look.picture_hash for look in recalled} == {None}
    assert all(len(look.embeddings[mona[0].backbone_hash]) == 16 for look in looks)


async def test_a_page_of_panels_is_scored_in_windows_and_its_stored_embeddings_give_the_identical_score(
    mona: tuple[ModelCard, Path], tiny: TinyBackbone
) -> None:
    page = Image.new("RGB", (60, 240))
    for place, panel in enumerate(paintings(4)):
        page.paste(panel.resize((60, 60)), (0, 60 * place))
    views = [picture_array(png(page), tiny.files.preprocessing)]
    views += prepare_windows(png(page), tiny.files.preprocessing, windows_of(60, 240))

    async with NetworkJudge({"mona": mona[0]}, {"mona": mona[1]}, ONE_DECODER) as judge:
        look = await judge.look(png(page))
        backbone = mona[0].backbone_hash
        recalled = await judge.recall({backbone: look.embeddings[backbone] + look.windows[backbone], "other": b"1"})

    assert abs(look.scores["mona"] - pooled(make_head().probabilities(tiny.embed(np.stack(views))))) < 1e-3
    assert (len(look.embeddings[backbone]), len(look.windows[backbone])) == (16, 16 * (len(views) - 1))
    assert (recalled.scores, recalled.embeddings, recalled.windows) == (look.scores, look.embeddings, look.windows)


async def test_ordinary_pictures_cost_one_look_and_the_longest_nine(mona: tuple[ModelCard, Path]) -> None:
    pictures = [png(paintings(1)[0].resize(size)) for size in ((40, 49), (49, 40), (3, 900))]

    async with NetworkJudge({"mona": mona[0]}, {"mona": mona[1]}, ONE_DECODER) as judge:
        looks = [await judge.look(picture) for picture in pictures]
        stats = judge.stats()

    assert stats.pictures == 1 + 1 + 9
    assert [len(look.windows) for look in looks] == [0, 0, 1]
    assert [look.too_small for look in looks] == [False, False, True]


@pytest.mark.parametrize("panel", [18, 36, 60])  # pixels: a page of twenty in a small, a large and a whole rendition
async def test_no_page_of_twenty_panels_is_deleted_however_little_is_seen_of_it(
    panel: int, mona: tuple[ModelCard, Path]
) -> None:
    target = Target("mona", "mona_(genshin_impact)")
    page = Image.new("RGB", (panel, 20 * panel))
    for place, painting in enumerate(paintings(20)):
        page.paste(painting.resize((panel, panel)), (0, panel * place))

    async with NetworkJudge({"mona": mona[0]}, {"mona": mona[1]}, ONE_DECODER) as judge:
        looks = [await judge.look(png(one)) for one in (page, page.transpose(Image.Transpose.ROTATE_90))]

    for look in looks:
        seen = [replace(look, scores={"mona": score}) for score in (0.0, 0.0005, look.scores["mona"], 0.59)]
        ruling = Ruling(Policy(), {"mona": replace(mona[0], threshold=0.6)})
        decisions = [ruling.decide(target, PostTags(), one) for one in seen if one.scores["mona"] < 0.6]
        assert {one.value for one in decisions} == {DecisionValue.UNDECIDED}
        assert {one.reason for one in decisions} == {TOO_SMALL}
        sure = ruling.decide(target, PostTags(), replace(look, scores={"mona": 0.9}))
        assert sure.value is DecisionValue.KEEP
        assert ruling.decide(target, PostTags(character=(target.tag,)), seen[1]).reason != TAG_DOUBTED


async def test_a_moving_file_is_scored_by_its_frames_and_recalled_with_them(
    mona: tuple[ModelCard, Path], tmp_path: Path
) -> None:
    stills = [one.resize((48, 48)) for one in paintings(4, seed=3)]
    video = write_video(tmp_path / "film.mp4", [one for one in stills for _ in range(10)]).read_bytes()
    archive = ugoira(tmp_path / "film.zip", [100] * 3, listed=False).read_bytes()
    preview = png(stills[0])

    async with NetworkJudge({"mona": mona[0]}, {"mona": mona[1]}, ONE_DECODER) as judge:
        plain = await judge.look(preview)
        inside = await judge.look_inside(preview, video, 4)
        by_archive = await judge.look_inside(plain.embeddings, archive, 8)
        spoilt = [await judge.look_inside(preview, content, 4) for content in (b"", b"no video", video[:300])]
        views = {name: whole + inside.windows[name] for name, whole in inside.embeddings.items()}
        recalled = await judge.recall(views)

    length = len(next(iter(plain.embeddings.values())))
    assert [len(one) // length for one in inside.windows.values()] == [4]
    assert [len(one) // length for one in by_archive.windows.values()] == [3]
    assert recalled.scores == inside.scores != plain.scores
    assert (inside.width, inside.picture_hash, inside.embeddings) == (48, plain.picture_hash, plain.embeddings)
    assert [one.scores for one in spoilt] == [plain.scores] * 3
