"""How a judge works by the settings."""

from __future__ import annotations

import pytest

from classifier.pictures.decoder_pool import DecoderSettings
from commands.context.registered_models import judge_settings
from commands.context.settings import Scoring


@pytest.mark.parametrize(
    ("decoders", "small_first", "processes"),
    [(0, False, 6), (0, True, 3), (5, False, 5), (5, True, 5)],
)
def test_small_renditions_need_half_as_many_decoders_unless_a_number_is_given(
    decoders: int, small_first: bool, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 6)

    found = judge_settings(Scoring(decoders=decoders), small_first=small_first).decoders

    assert found.processes == processes
    assert found.limits == DecoderSettings().limits


def test_one_core_has_one_decoder_for_small_renditions_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)

    assert judge_settings(Scoring(), small_first=True).decoders.processes == 1
