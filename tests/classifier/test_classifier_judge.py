"""From encoded bytes to scores through real processes, and what happens when these fail."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
from classifier_tiny_models import TinyBackbone, jpeg, make_head, paintings, png

from classifier.decoder_pool import DecoderSettings
from classifier.judge import JudgeSettings, NetworkJudge
from classifier.pictures import picture_array, prepare
from storage.records import ModelCard

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
