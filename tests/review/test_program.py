"""The command itself: its port, its end, raw requests, and what survives a kill."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from storage.archive import open_reader
from storage.lifecycle.verify import verify
from tests.equipment.served import REPOSITORY, ServedPage, command, serving
from tests.review.program import Painted


@pytest.mark.fault("U09")
def test_a_port_that_is_taken_is_left_alone(gallery: Painted) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])

        ended = subprocess.run(
            command(gallery.root, "--port", port), capture_output=True, text=True, timeout=120, cwd=REPOSITORY
        )

    assert ended.returncode == 2
    assert f"port {port}" in ended.stderr
    assert "--port" in ended.stderr


def test_without_a_gallery_the_command_says_so(tmp_path: Path) -> None:
    ended = subprocess.run(command(tmp_path / "nothing"), capture_output=True, text=True, timeout=120, cwd=REPOSITORY)

    assert ended.returncode == 7
    assert "no gallery" in ended.stderr


@pytest.mark.fault("U05")
def test_raw_requests_get_nowhere(served: ServedPage) -> None:
    host = f"Host: 127.0.0.1:{served.port}\r\nConnection: close\r\n\r\n"

    assert " 200 " in served.raw(f"GET / HTTP/1.1\r\n{host}")
    assert " 404 " in served.raw(f"GET /pictures/.. HTTP/1.1\r\n{host}")
    assert " 404 " in served.raw(f"GET /static/../app.py HTTP/1.1\r\n{host}")
    assert " 404 " in served.raw(f"GET /../../etc/passwd HTTP/1.1\r\n{host}")
    assert " 4" in served.raw("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert " 4" in served.raw(f"GET / HTTP/1.1\r\nHost: evil.example\r\n{host}")
    assert " 4" in served.raw("GET / HTTP/1.0\r\n\r\n")


@pytest.mark.fault("U10")
def test_many_half_open_connections_do_not_lock_anybody_out(served: ServedPage) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            wire = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=60))
            wire.sendall(b"POST /api/rounds HTTP/1.1\r\nHost: 127")

        assert served.get("/api/targets/mona")["target"] == "mona"


@pytest.mark.fault("U10")
def test_requests_that_are_broken_off_leave_no_trace_and_block_nobody(served: ServedPage) -> None:
    token = served.get("/api/start")["token"]
    lines = [
        "POST /api/targets/mona/answers HTTP/1.1",
        f"Host: 127.0.0.1:{served.port}",
        f"Origin: http://127.0.0.1:{served.port}",
        "Content-Type: application/json",
        f"X-Review-Token: {token}",
        "Content-Length: 1000",
    ]
    body = "\r\n".join(lines) + '\r\n\r\n{"answers"'
    for sent in [body, body[:60], "GET /api/targets/mona HTTP/1.1\r\nHo", f"{body[:-11]}"] * 50:
        with socket.create_connection(("127.0.0.1", served.port), timeout=60) as wire:
            wire.sendall(sent.encode())

    assert served.get("/api/targets/mona")["target"] == "mona"
    assert served.stop(signal.SIGINT) == 0
    assert served.process.stderr is not None
    assert served.process.stderr.read().splitlines() == [
        "the page is closed; every answer that it showed as saved is saved"
    ]


def test_ctrl_c_closes_the_page_in_order_and_waits_for_no_half_request(served: ServedPage) -> None:
    head = f"POST /api/rounds HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nContent-Length: 9\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as wire:
        wire.sendall(head)
        assert served.get("/api/targets/mona")["target"] == "mona"

        assert served.stop(signal.SIGINT) == 0

    assert served.process.stderr is not None
    assert "Cancel" not in served.process.stderr.read()


@pytest.mark.fault("U01")
def test_the_page_and_the_program_share_no_address_with_others(served: ServedPage) -> None:
    with pytest.raises(OSError), socket.create_connection(("::1", served.port), timeout=1):
        pass


@pytest.mark.fault("U12")
@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_minus_nine(painted: Painted, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", "1"))
    chance = random.Random(seed)
    for moment in range(8):
        gallery = painted.copied_to(tmp_path / f"{seed}-{moment}")
        acknowledged: list[int] = []
        with serving(gallery.root) as page:
            timer = threading.Timer(chance.uniform(0.02, 0.6), page.process.kill)
            timer.start()
            with contextlib.suppress(Exception):
                for picture in range(1, 200):
                    body = {"answers": [{"id": picture, "value": "keep", "key": f"key-{picture:08d}", "seen": 0}]}
                    status, reply = page.post("/api/targets/mona/answers", body)
                    if status == 200 and reply["saved"]:
                        acknowledged.append(picture)
            timer.join()
            page.process.wait(timeout=60)
        with open_reader(gallery.root) as reader:
            there = {label.version_id for label in reader.labels("mona")}
        assert set(acknowledged) <= there, f"seed {seed}, moment {moment}"
        with serving(gallery.root) as page:  # resending everything is harmless
            last = max(acknowledged, default=0)
            for picture in [*acknowledged[-3:], last + 1]:
                body = {"answers": [{"id": picture, "value": "keep", "key": f"key-{picture:08d}", "seen": 0}]}
                assert page.post("/api/targets/mona/answers", body)[0] == 200
        with open_reader(gallery.root) as reader:
            assert len(reader.labels("mona")) == len({label.version_id for label in reader.labels("mona")})


@pytest.mark.slow
def test_a_page_killed_in_a_round_loses_no_answer_and_leaves_one_whole_model(painted: Painted, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", "1"))
    chance = random.Random(seed)
    for moment in range(6):
        gallery = painted.copied_to(tmp_path / f"{seed}-{moment}")
        with serving(gallery.root) as page:
            answers = [{"id": one, "value": "keep", "key": f"key-{one:08d}", "seen": 0} for one in range(1, 21)]
            assert page.post("/api/targets/mona/answers", {"answers": answers})[0] == 200
            assert page.post("/api/rounds", {"target": "mona"})[0] == 202
            timer = threading.Timer(chance.uniform(0.0, 2.0), page.process.kill)
            timer.start()
            page.process.wait(timeout=60)
        with serving(gallery.root) as page:  # opened again, a round is done to its end
            status, _ = page.post("/api/rounds", {"target": "mona"})
            while page.get("/api/rounds")["state"] == "running":
                threading.Event().wait(0.05)
            state = page.get("/api/rounds")
        with open_reader(gallery.root) as reader:
            active = [model for model in reader.models("mona") if model.active]
            labels = reader.labels("mona")
            scored = reader.sql("SELECT count(*) FROM results WHERE model IS NOT NULL").rows[0][0]

        assert (status, state["state"]) == (202, "done"), f"seed {seed}, moment {moment}: {state['words']}"
        assert len(active) == 1
        assert (gallery.root / "models" / "mona" / str(active[0].card.number) / "manifest.json").exists()
        assert len(labels) == 20
        assert scored == 240
        assert verify(gallery.root).whole
