from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.errors import TaggerError
from classifier.judge import JudgeSettings, NetworkJudge
from classifier.package.package import Canary, PackageParts, load_package, write_package
from classifier.pictures.decoder_pool import DecoderSettings
from classifier.tagger_block import TaggerBlock
from classifier.taggers.client import TaggerClient, TaggerSettings
from classifier.taggers.colour_check import check_feeding, colour_margin, known_pictures
from classifier.taggers.forms import read_form, with_channels
from classifier.taggers.onnx_tagger import OnnxTagger, hash_of, network_of
from storage.records import ModelCard
from tests.tiny_tagger import SIZE, WEIGHTS, Graph, camie_tagger, cl_tagger, staged_tagger, wd_tagger, write_model

MONA = "mona_(genshin_impact)"
FORMS = {"wd": wd_tagger, "cl": cl_tagger, "camie": camie_tagger, "stages": staged_tagger}
PURE = {"red_background": (255, 0, 0), "blue_background": (0, 0, 255), MONA: (0, 255, 0)}


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((1, SIZE, SIZE, 3), colour, np.uint8)


def png(colour: tuple[int, int, int], size: tuple[int, int] = (40, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_every_known_form_is_fed_as_it_was_trained(form: str, tmp_path: Path) -> None:
    tagger = OnnxTagger(read_form(FORMS[form](tmp_path / form)))

    for tag, colour in PURE.items():
        answer = tagger.probabilities(plain(colour))[0]
        best = max((value, name) for name, value in zip(tagger.tags, answer.tolist(), strict=True))
        assert best[1] == tag and 0.5 < best[0] <= 1, (form, tag, answer)
    assert check_feeding(tagger, choosable=True).startswith("it tells red from blue")
    assert "rating:g" in tagger.tags


HALF = ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
FED = {  # mean and deviation of the pixels, and the scale of the tiny network
    "wd": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 20 / 255),
    "cl": (*HALF, 10),
    "stages": (*HALF, 10),
    "camie": (*IMAGENET, 5),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_probabilities_are_those_that_a_hand_computes_from_the_scaled_colours(form: str, tmp_path: Path) -> None:
    mean, deviation, scale = FED[form]
    scaled = (np.array([150.0, 128.0, 110.0]) - mean) / deviation
    expected = 1 / (1 + np.exp(2 - scale * np.array(list(WEIGHTS.values())) @ scaled))

    answer = OnnxTagger(read_form(FORMS[form](tmp_path / form))).probabilities(plain((150, 128, 110)))[0]

    assert answer == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_red_and_blue_in_the_wrong_order_are_found(form: str, tmp_path: Path) -> None:
    right = read_form(FORMS[form](tmp_path / form))
    wrong = with_channels(right, "rgb" if right.bgr else "bgr")

    with pytest.raises(TaggerError, match="wrong order"):
        check_feeding(OnnxTagger(wrong), choosable=True)


def test_a_tagger_without_words_for_colours_is_used_and_its_order_is_not_vouched_for(tmp_path: Path) -> None:
    folder = wd_tagger(tmp_path)
    (folder / "selected_tags.csv").write_text("tag_id,name,category\n" + "".join(f"{n},t{n},0\n" for n in range(5)))

    assert "not checked" in check_feeding(OnnxTagger(read_form(folder)), choosable=True)


def test_answers_that_do_not_depend_on_the_colours_leave_their_order_open(tmp_path: Path) -> None:
    folder = wd_tagger(tmp_path)
    grey = [(0.1 * n, 0.1 * n, 0.1 * n) for n in range(len(WEIGHTS))]
    write_model(folder / "model.onnx", Graph(channels_last=True, reverse=True, scale=0.02, sigmoid=True, tags=grey))

    assert "not known" in check_feeding(OnnxTagger(read_form(folder)), choosable=True)


def test_the_margin_of_the_colours_is_the_mean_of_the_log_odds() -> None:
    sure, unsure = 0.9, 0.1
    answers = np.array([[sure, unsure], [sure, unsure], [unsure, sure], [unsure, sure]])

    assert colour_margin(("red_theme", "blue_theme"), answers) == pytest.approx(2 * np.log(9))
    assert colour_margin(("blue_theme", "red_theme"), answers) == pytest.approx(-2 * np.log(9))
    assert colour_margin(("red_theme", "blue_hair"), answers) is None


def test_a_network_that_ignores_the_picture_is_refused(tmp_path: Path) -> None:
    folder = wd_tagger(tmp_path)
    nothing = [(0.0, 0.0, 0.0)] * len(WEIGHTS)
    write_model(folder / "model.onnx", Graph(channels_last=True, reverse=True, scale=1, tags=nothing))

    with pytest.raises(TaggerError, match="same answer for every picture"):
        check_feeding(OnnxTagger(read_form(folder)), choosable=True)


def test_a_network_that_takes_two_pictures_at_a_time_gets_two(tmp_path: Path) -> None:
    tagger = OnnxTagger(read_form(wd_tagger(tmp_path / "two", batch=2)))
    free = OnnxTagger(read_form(wd_tagger(tmp_path / "free")))
    pictures = known_pictures(SIZE)[:3]

    assert tagger.largest == 2
    np.testing.assert_allclose(tagger.probabilities(pictures), free.probabilities(pictures), atol=1e-6)


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _writing(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def _pipe(folder: Path) -> None:
    import os

    (folder / "selected_tags.csv").unlink()
    os.mkfifo(folder / "selected_tags.csv")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_without("model.onnx"), "has no model.onnx"),
        (_without("selected_tags.csv"), "has no tag list"),
        (_writing("selected_tags.csv", "a,b\n1,2\n"), "no column `name`"),
        (_writing("selected_tags.csv", "tag_id,name,category\n0,hat,0\n"), "do not belong together"),
        (_writing("model.onnx", "no network"), "ONNX Runtime refuses"),
        (_writing("preprocess.json", '{"stages": [{"type": "normalize"}]}'), "names no size"),
        (_writing("preprocess.json", "{"), "cannot be read"),
        (_pipe, "is a pipe, not a regular file"),
    ],
)
def test_a_folder_that_is_no_whole_tagger_is_refused_in_one_line(
    spoil: Callable[[Path], None], says: str, tmp_path: Path
) -> None:
    folder = wd_tagger(tmp_path)
    spoil(folder)

    with pytest.raises(TaggerError, match=says) as refused:
        OnnxTagger(read_form(folder))

    assert "\n" not in str(refused.value) and str(folder) in str(refused.value)


def test_channels_first_without_its_preprocessing_is_refused(tmp_path: Path) -> None:
    folder = staged_tagger(tmp_path)
    (folder / "preprocess.json").unlink()

    with pytest.raises(TaggerError, match=r"put the preprocess\.json of the same download beside it"):
        OnnxTagger(read_form(folder))


def test_several_networks_are_not_guessed_among(tmp_path: Path) -> None:
    folder = camie_tagger(tmp_path / "camie")
    (folder / "other.onnx").write_bytes(b"")

    with pytest.raises(TaggerError, match=r"several networks \(camie-tagger-v2\.onnx, other\.onnx\)"):
        read_form(folder)


def test_a_mapping_with_holes_keeps_its_places(tmp_path: Path) -> None:
    folder = cl_tagger(tmp_path / "cl")
    (folder / "tag_mapping.json").write_text(json.dumps({"4": {"tag": "Long Hair", "category": "General"}}))

    tagger = OnnxTagger(read_form(folder))

    assert tagger.tags == ("", "", "", "", "long_hair")


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    form = read_form(wd_tagger(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(TaggerError, match=r"pip install 'boorusieve\[taggers\]'"):
        OnnxTagger(form)


async def test_the_judge_lets_the_tagger_look_at_every_picture(mona: tuple[ModelCard, Path], tmp_path: Path) -> None:
    tagger = TaggerSettings(wd_tagger(tmp_path / "tiny"), wanted=(MONA, "nobody"))
    settings = JudgeSettings(decoders=DecoderSettings(processes=1), tagger=tagger)

    async with NetworkJudge({"mona": mona[0]}, {"mona": mona[1]}, settings) as judge:
        green, red = await judge.look(png((0, 255, 0))), await judge.look(png((255, 0, 0)))
        broken = await judge.look(b"no picture")
        recalled = await judge.recall(green.embeddings)
        stats, opened = judge.stats(), judge.tagger

    assert green.scores and green.tagger_tags is not None and red.tagger_tags is not None
    assert green.tagger_tags.name == "tiny" and len(green.tagger_tags.tagger) == 64
    assert green.tagger_tags.probabilities[MONA] > 0.9
    assert set(red.tagger_tags.probabilities) == {"red_background", "1girl", "rating:g", MONA}  # the last is wanted
    assert red.tagger_tags.probabilities[MONA] < 0.01
    assert broken.fault and broken.tagger_tags is None and recalled.tagger_tags is None
    assert stats.tagger == "tiny (cpu)" and stats.tagger_busy_s > 0
    vector = green.tagger_tags.vector
    assert vector is not None and opened is not None and vector.network == opened.network
    assert np.frombuffer(vector.values, "<f2").tolist() == [0.0, 255.0, 0.0]
    assert vector.network not in green.embeddings  # the tagger's is filed with its tags


async def test_scores_go_by_the_taggers_penultimate_layer_now_and_from_what_is_stored(
    mona: tuple[ModelCard, Path], tmp_path: Path
) -> None:
    card, folder = mona
    form = read_form(wd_tagger(tmp_path / "tiny"))
    network = network_of(hash_of(form), OnnxTagger(form).layer)
    package = load_package(folder)
    block = TaggerBlock(network, np.array([0.0, 2 / 255, 0.0], np.float32), -1.0)
    head = replace(package.head, tagger_block=block)
    canaries = [
        Canary(picture, vector.astype(np.float32))
        for picture, vector in zip(package.canaries.pictures, package.canaries.embeddings, strict=True)
    ]
    parts = PackageParts(target="mona", backbone=package.backbone, head=head, threshold=0.5, canaries=canaries)
    facts = write_package(tmp_path / "mona-2", parts)
    settings = JudgeSettings(
        decoders=DecoderSettings(processes=1), tagger=TaggerSettings(tmp_path / "tiny", wanted=(MONA,))
    )

    cards = {"mona": replace(card, number=2, hash=facts.hash), "plain": replace(card, target="plain")}
    async with NetworkJudge(cards, {"mona": tmp_path / "mona-2", "plain": folder}, settings) as judge:
        look = await judge.look(png((0, 255, 0)))
        tags = look.tagger_tags
        assert tags is not None and tags.vector is not None
        recalled = await judge.recall({**look.embeddings, tags.vector.network: tags.vector.values})
        never_looked = await judge.recall(look.embeddings)
        models = judge.models

    odds = {name: score / (1 - score) for name, score in look.scores.items()}
    assert odds["mona"] == pytest.approx(odds["plain"] * np.e, rel=1e-3)  # 2 for green, less 1
    assert recalled.scores == look.scores
    assert never_looked.scores["mona"] == look.scores["plain"]
    assert (models["mona"].tagger_network, models["plain"].tagger_network) == (network, "")


async def test_a_tagger_that_dies_is_started_once_more(tmp_path: Path) -> None:
    async with TaggerClient(TaggerSettings(wd_tagger(tmp_path / "tiny"))) as tagger:
        process = tagger._process._worker._process
        assert process is not None
        await process.kill()
        tags = await tagger.tag(plain((255, 0, 0))[0])

    assert tags is not None and "red_background" in tags.probabilities
