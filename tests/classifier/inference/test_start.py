"""With a model at hand the first picture is scored at once, and TensorFlow is not loaded."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from classifier.judge import NetworkJudge
from storage.records import ModelCard
from tests.classifier.tiny_models import paintings, png
from tests.speed import patient

Mona = tuple[ModelCard, Path]
HEAVY = {"tensorflow", "keras", "jax", "torch", "openvino", "onnxruntime", "pandas", "scipy"}


def fresh(script: str, *arguments: str) -> dict[str, object]:
    """Run a script in an interpreter of its own; it prints one JSON object."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_scoring_on_a_cpu_imports_no_training_library(mona: Mona) -> None:
    script = """
        import json, sys
        from classifier.workers.frames import WorkerFrame
        from classifier.inference.scorer_worker import ScorerService
        scoring = ScorerService()
        pin = {"mona": {"folder": sys.argv[1], "hash": sys.argv[2]}}
        settings = {"device": "auto", "runtime": "auto", "threads": 1, "shapes": []}
        question = {"op": "load", "packages": pin, "settings": settings, "memory_bytes": 0}
        loaded = scoring.answer(WorkerFrame(question))
        answer = scoring.answer(WorkerFrame({"op": "embed", "backbone": 0}, [bytes(16 * 16 * 3)]))
        modules = sorted({name.partition(".")[0] for name in sys.modules})
        print(json.dumps({"loaded": dict(loaded.header), "size": len(answer.payloads[0]), "modules": modules}))
    """

    answer = fresh(script, str(mona[1]), mona[0].hash)

    assert answer["size"] == 16
    assert not HEAVY & set(answer["modules"])  # type: ignore[call-overload] # a list of names


@pytest.mark.parametrize(
    "module", ["classifier.judge", "classifier.pictures.decoder_worker", "classifier.inference.scorer_worker"]
)
def test_importing_the_judge_or_its_workers_loads_no_network_library(module: str) -> None:
    script = "import json, sys, importlib; importlib.import_module(sys.argv[1])\n"
    script += "print(json.dumps({'modules': sorted({name.partition('.')[0] for name in sys.modules})}))"

    answer = fresh(script, module)

    assert not (HEAVY | {"ai_edge_litert"}) & set(answer["modules"])  # type: ignore[call-overload] # a list of names


def test_the_first_picture_is_scored_within_two_seconds_of_the_start(mona: Mona, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(png(paintings(1)[0]))
    script = """
        import asyncio, json, sys
        from pathlib import Path
        from classifier.judge import NetworkJudge
        from storage.records import ModelCard
        async def main():
            card = ModelCard("mona", 1, sys.argv[2], sys.argv[3], 0.5)
            async with NetworkJudge({"mona": card}, {"mona": Path(sys.argv[1])}) as judge:
                look = await judge.look(Path(sys.argv[4]).read_bytes())
            print(json.dumps({"scores": dict(look.scores)}))
        asyncio.run(main())
    """
    seconds = []
    for _ in range(3):  # the best of three: other programs may be busy
        started = time.perf_counter()
        answer = fresh(script, str(mona[1]), mona[0].hash, mona[0].backbone_hash, str(tmp_path / "picture.png"))
        seconds.append(time.perf_counter() - started)
        if seconds[-1] < patient(2):
            break

    assert answer["scores"]
    assert min(seconds) < patient(2)


async def test_all_processes_together_stay_small_and_end_with_the_judge(mona: Mona) -> None:
    me = psutil.Process()
    pictures = [png(image) for image in paintings(60)]

    async with NetworkJudge({"mona": mona[0]}, {"mona": mona[1]}) as judge:
        await asyncio.gather(*map(judge.look, pictures))
        workers = me.children(recursive=True)
        together = sum(worker.memory_info().rss for worker in workers)

    assert len(workers) >= 2
    assert together < 600 << 20
    assert not [worker for worker in workers if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.fault("P16")
async def test_the_event_loop_is_never_held_up_while_pictures_are_scored(mona: Mona) -> None:
    pictures = [png(image.resize((600, 800))) for image in paintings(40)]
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            before = time.thread_time()  # our own work only: other programs may be busy
            await asyncio.sleep(0)
            worst = max(worst, time.thread_time() - before)

    async with NetworkJudge({"mona": mona[0]}, {"mona": mona[1]}) as judge:
        watcher = asyncio.create_task(watch())
        await asyncio.gather(*map(judge.look, pictures))
        watcher.cancel()

    assert worst < 0.05


def test_no_worker_outlives_a_main_process_that_is_killed(mona: Mona) -> None:
    script = """
        import asyncio, os, sys
        from pathlib import Path
        from classifier.judge import NetworkJudge
        from storage.records import ModelCard
        async def main():
            card = ModelCard("mona", 1, sys.argv[2], sys.argv[3], 0.5)
            async with NetworkJudge({"mona": card}, {"mona": Path(sys.argv[1])}):
                print("open", flush=True)
                await asyncio.sleep(3600)
        asyncio.run(main())
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", textwrap.dedent(script), str(mona[1]), mona[0].hash, mona[0].backbone_hash]

    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as main:
        assert main.stdout is not None
        assert main.stdout.readline() == "open\n"
        workers = psutil.Process(main.pid).children(recursive=True)
        main.kill()
    _, alive = psutil.wait_procs(workers, timeout=60)

    assert len(workers) >= 2
    assert not alive
