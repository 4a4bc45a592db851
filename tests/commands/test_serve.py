"""`crawl serve` scores what it is sent by HTTP as the model does, and ends in order."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import httpx2
import numpy as np
import pytest
from starlette.types import ASGIApp
from typer.testing import CliRunner

from classifier.package.package import load_package, write_package
from classifier.pictures.preprocessing import picture_array
from classifier.recognition.package import write_recogniser
from commands.app import app
from commands.errors import UsageRefused
from commands.serve import ServeOptions, _check_installed, run
from review.errors import PortTaken
from review.server import bind, port_of
from review.server import serve as serve_until_stopped
from tests.classifier.recognition.recognisers import make_recogniser, recogniser_parts
from tests.classifier.tiny_models import TinyBackbone, coloured, jpeg, make_backbone, make_head, make_parts, png

PICTURES = [png(coloured(200, 30, 60)), jpeg(coloured(20, 130, 60))]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyBackbone:
    return make_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="module")
def served(tiny: TinyBackbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with a model of mona and a recogniser, both in force; and the model's package beside it."""
    folder = tmp_path_factory.mktemp("served")
    write_package(folder / "mona", make_parts(tiny, "mona", make_head()))
    write_recogniser(folder / "family", recogniser_parts(tiny, make_recogniser()))
    for package in ("mona", "family"):
        for words in (["import", str(folder / package)], ["activate", f"{package}/1"]):
            done = CliRunner().invoke(app, ["models", *words, "--root", str(folder / "root")], prog_name="crawl")
            assert done.exit_code == 0, done.stderr
    return folder


class Visit:
    """The real server, asked over its socket by `ask`, then stopped as Ctrl-C stops it."""

    def __init__(self, ask: Callable[[httpx2.AsyncClient], object]) -> None:
        self.ask = ask
        self.answers: list[httpx2.Response] = []

    async def __call__(self, application: ASGIApp, listening: socket.socket, started: Callable[[], None]) -> None:
        serving = asyncio.create_task(serve_until_stopped(application, listening, started=started))
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port_of(listening)}", timeout=60) as client:
            self.answers = [await request for request in self.ask(client)]  # type: ignore[attr-defined] # a list of them
        signal.raise_signal(signal.SIGINT)
        await serving


def test_a_picture_gets_the_score_that_the_model_gives_it(served: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [("pictures", (str(number), content)) for number, content in enumerate(PICTURES)]
    visit = Visit(
        lambda client: [client.post("/v1/score", files=files), client.get("/healthz"), client.get("/v1/model")]
    )

    code = run(ServeOptions("mona", port=0), served / "root", None, visit)

    scored, health, facts = visit.answers
    package = load_package(served / "mona")
    pixels = np.stack([picture_array(one, package.preprocessing) for one in PICTURES])
    expected = package.head.probabilities(_embedded(package.folder, pixels))
    assert code == 0
    assert [one["probability"] for one in scored.json()["results"]] == pytest.approx(expected.tolist(), abs=1e-3)
    assert {one["outcome"] for one in scored.json()["results"]} <= {"keep", "delete"}
    assert health.json() == {"status": "ok", "model": "mona/1"}
    assert facts.json()["threshold"] == pytest.approx(0.6)
    assert "mona/1 is served at http://127.0.0.1:" in capsys.readouterr().err


def _embedded(folder: Path, pixels: np.ndarray) -> np.ndarray:
    from classifier.inference.backends import LiteRtNetwork
    from classifier.inference.runtime import RuntimeSettings

    return LiteRtNetwork(folder / "backbone.tflite", RuntimeSettings(shapes=(len(pixels),))).infer(pixels)


def test_a_recogniser_names_whom_it_sees(served: Path) -> None:
    visit = Visit(
        lambda client: [
            client.post("/v1/score", content=PICTURES[0], headers={"content-type": "image/png"}),
            client.get("/v1/model"),
        ]
    )

    assert run(ServeOptions("family", port=0), served / "root", None, visit) == 0

    scored, facts = visit.answers
    (result,) = scored.json()["results"]
    assert facts.json()["kind"] == "recogniser"
    assert result["outcome"] in {"keep", "delete"}
    assert result["name"] is None or result["name"] in facts.json()["classes"]


def test_an_address_that_others_reach_is_warned_of(served: Path, capsys: pytest.CaptureFixture[str]) -> None:
    visit = Visit(lambda client: [client.get("/healthz", headers={"host": "elsewhere"})])

    assert run(ServeOptions("mona", port=0, host="0.0.0.0"), served / "root", None, visit) == 0

    assert visit.answers[0].status_code == 200
    assert "there is no password" in capsys.readouterr().err


def test_a_taken_port_and_a_strange_address_are_refused(served: Path) -> None:
    with bind(0) as taken, pytest.raises(PortTaken, match="is taken"):
        run(ServeOptions("mona", port=port_of(taken)), served / "root", None)
    with pytest.raises(PortTaken, match="this machine has no address"):
        run(ServeOptions("mona", port=0, host="192.0.2.1"), served / "root", None)


def test_a_model_that_is_not_there_is_refused(served: Path) -> None:
    done = CliRunner().invoke(app, ["serve", "monna", "--root", str(served / "root")], prog_name="crawl")

    assert done.exit_code == 2
    assert "mona" in done.stderr


def test_a_missing_extra_is_named() -> None:
    with pytest.raises(UsageRefused, match=r"needs not_to_be_found: pip install 'boorusieve\[serve\]'"):
        _check_installed(["not_to_be_found"])
