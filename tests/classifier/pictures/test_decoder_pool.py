"""Decoder processes that die, hang or eat memory cost one picture at most."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from classifier.errors import DeviceError, PictureFault, WorkerLostError
from classifier.pictures.decoder_pool import Decoders, DecoderSettings
from classifier.pictures.preprocessing import Preprocessing, picture_array
from classifier.workers.frames import WorkerFrame, encode, receive
from classifier.workers.process import WorkerProcess
from tests.classifier.tiny_models import jpeg, paintings, png
from tests.speed import patient

SMALL = Preprocessing(16)

EVIL = """
    import os, sys, time
    from classifier.pictures import decoder_worker
    from classifier.pictures.preprocessing import prepare

    def misbehave(picture, preprocessing, limits):
        word = picture[:5]
        if word == b"abort":
            os.abort()
        if word == b"spin!":
            while True:
                pass
        if word == b"eat!!":
            hoard = []
            while True:
                hoard.append(bytearray(64 << 20))
        if word == b"write":
            open("canary", "wb").write(b"x" * 9000)
        if word == b"limit":
            import resource
            from classifier.errors import PictureFault
            memory, processor = resource.getrlimit(resource.RLIMIT_AS), resource.getrlimit(resource.RLIMIT_CPU)
            raise PictureFault("limits", f"{memory[0]} {processor[0] - time.process_time():.1f}")
        if word == b"print":
            print("not a frame", flush=True)
            picture = picture[5:]
        return prepare(picture, preprocessing, limits)

    decoder_worker.main(misbehave)
"""


@pytest.fixture
def evil(tmp_path: Path) -> tuple[str, ...]:
    """A decoder that does what the picture says."""
    path = tmp_path / "evil_decoder.py"
    path.write_text(textwrap.dedent(EVIL))
    return (sys.executable, str(path))


def settings(command: tuple[str, ...], **changes: object) -> DecoderSettings:
    return DecoderSettings(**{"processes": 1, "command": command, "memory_bytes": 700 << 20, **changes})  # type: ignore[arg-type] # the tests' own changes


async def outcome(decoders: Decoders, picture: bytes) -> str:
    try:
        decoded = await decoders.decode(picture)
    except PictureFault as fault:
        return fault.reason
    return decoded.format


async def test_processes_decode_exactly_like_the_library() -> None:
    pictures = [encode(image) for image in paintings(15) for encode in (png, jpeg)]

    async with Decoders([SMALL, Preprocessing(24, "crop")], DecoderSettings(processes=2)) as decoders:
        decoded = await asyncio.gather(*map(decoders.decode, pictures))

    for picture, each in zip(pictures, decoded, strict=True):
        assert np.array_equal(each.pixels[0], picture_array(picture, SMALL))
        assert np.array_equal(each.pixels[1], picture_array(picture, Preprocessing(24, "crop")))


@pytest.mark.fault("B10")
@pytest.mark.parametrize("word", [b"abort", b"spin!"])
async def test_a_picture_that_kills_its_decoder_twice_is_a_fault_and_all_others_are_answered(
    evil: tuple[str, ...], word: bytes
) -> None:
    good = [png(image) for image in paintings(6)]

    async with Decoders([SMALL], settings(evil, deadline_s=patient(0.5))) as decoders:
        outcomes = await asyncio.gather(*[outcome(decoders, each) for each in [*good[:3], word, *good[3:]]])

    assert outcomes == ["png"] * 3 + ["decoder crashed"] + ["png"] * 3
    assert decoders.crashes == 2


@pytest.mark.fault("B10")
@pytest.mark.skipif(sys.platform != "linux", reason="the address space is limited on Linux alone")
async def test_a_decoder_that_allocates_without_end_meets_its_limit(evil: tuple[str, ...]) -> None:
    async with Decoders([SMALL], settings(evil)) as decoders:
        outcomes = [await outcome(decoders, each) for each in (b"eat!!", png(paintings(1)[0]))]

    assert outcomes == ["decoder crashed", "png"]


@pytest.mark.fault("B10")
@pytest.mark.skipif(sys.platform != "linux", reason="the address space is limited on Linux alone")
async def test_a_decoder_runs_within_its_limits_of_memory_and_processor(evil: tuple[str, ...]) -> None:
    async with Decoders([SMALL], settings(evil, memory_bytes=800 << 20, cpu_s=7.0)) as decoders:
        for _ in range(2):  # the processor's limit is set anew for every picture
            with pytest.raises(PictureFault) as fault:
                await decoders.decode(b"limit")
            memory, seconds = fault.value.detail.split()

            assert int(memory) == 800 << 20
            assert 7.0 <= float(seconds) <= 9.1  # whole seconds, and one to spare


@pytest.mark.skipif(os.name != "posix", reason="files are limited where there is setrlimit")
async def test_a_decoder_cannot_write_files(
    evil: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with Decoders([SMALL], settings(evil)) as decoders:
        assert await outcome(decoders, b"write") == "decoder crashed"

    assert not (tmp_path / "canary").exists() or not (tmp_path / "canary").stat().st_size


async def test_what_a_library_prints_does_not_disturb_the_answers(evil: tuple[str, ...]) -> None:
    async with Decoders([SMALL], settings(evil)) as decoders:
        assert await outcome(decoders, b"print" + png(paintings(1)[0])) == "png"


async def test_closing_does_not_wait_for_a_hanging_decoder(evil: tuple[str, ...]) -> None:
    decoders = Decoders([SMALL], settings(evil, deadline_s=60))
    async with decoders:
        hanging = asyncio.create_task(outcome(decoders, b"spin!"))
        while not decoders.busy:  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0.01)
        started = time.monotonic()

    with pytest.raises(DeviceError, match="closed"):
        await hanging
    assert time.monotonic() - started < 30  # of the 60


async def test_a_decoder_that_cannot_start_is_an_error_of_the_installation() -> None:
    broken = settings((sys.executable, "-c", "raise SystemExit(1)"))

    async with Decoders([SMALL], broken) as decoders:
        with pytest.raises(DeviceError, match="no decoder process"):
            await decoders.decode(png(paintings(1)[0]))


async def test_a_worker_gets_no_secrets_in_its_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRAWL_API_KEY", "canary-key-7731")
    script = tmp_path / "spy.py"
    script.write_text("import os, sys\nsys.exit(3 if 'canary-key-7731' in repr(dict(os.environ)) else 4)\n")
    worker = WorkerProcess([sys.executable, str(script)])
    await worker.start()
    assert worker._process is not None
    code = await worker._process.wait()
    await worker.kill()

    assert code == 4


@pytest.mark.parametrize("garbage", [b"", b"BSF1", b"HTTP/1.1 200 OK\r\n\r\n padding", b"BSF1" + b"\xff" * 12])
async def test_bytes_that_are_no_frame_are_refused(garbage: bytes) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(garbage)
    reader.feed_eof()

    with pytest.raises(WorkerLostError):
        await receive(reader)


async def test_frames_carry_headers_and_payloads_unchanged() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"".join(encode(WorkerFrame({"op": "é", "n": 1}, [b"", b"abc", bytes(1000)]))))

    frame = await receive(reader)

    assert frame.header == {"op": "é", "n": 1}
    assert [bytes(payload) for payload in frame.payloads] == [b"", b"abc", bytes(1000)]
