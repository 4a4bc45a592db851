"""Processes that wait for work are used by whoever needs one, and are gone when nobody did."""

from __future__ import annotations

import psutil

from classifier.pictures.decoder_pool import Decoders, DecoderSettings
from classifier.pictures.preprocessing import Preprocessing
from classifier.workers.process import WorkerProcess
from classifier.workers.standby import DECODER, SCORER, Standby, taken
from tests.classifier.tiny_models import paintings, png

NOBODY = ("/no/such/program",)


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


async def test_a_waiting_decoder_decodes_and_ends_with_its_pool() -> None:
    before = children()
    async with Standby(1, scorer=NOBODY) as standby:
        waiting = children() - before
        async with Decoders([Preprocessing(16)], DecoderSettings(processes=1), standby=standby) as decoders:
            decoded = await decoders.decode(png(paintings(1)[0]))
            working = children() - before

    assert decoded.format == "png"
    assert len(waiting) == 1 and working == waiting
    assert not children() - before


async def test_what_nobody_takes_ends() -> None:
    before = children()
    async with Standby(2, scorer=NOBODY):
        assert len(children() - before) == 2

    assert not children() - before


async def test_each_is_given_out_once_and_by_its_command() -> None:
    async with Standby(1, scorer=NOBODY) as standby:
        first = standby.take(DECODER)
        assert first is not None and first.running
        assert standby.take(DECODER) is None
        assert standby.take(SCORER) is None
        await first.kill()


async def test_what_could_not_be_started_is_started_where_it_is_needed() -> None:
    async with Standby(0, scorer=NOBODY) as standby:
        worker = taken(standby, NOBODY)

    assert isinstance(worker, WorkerProcess) and not worker.running
    assert not taken(None, DECODER).running
