"""Learning in a process of its own: `python -m classifier.learning_worker FOLDER`.

The main process writes FOLDER/job.json and FOLDER/pictures.npy; this one answers with JSON lines on standard output
and finished packages below FOLDER/packages. So the crawl never imports a network library, and stopping it stops this:
the worker ignores SIGINT (the terminal sends it to everybody) and ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from classifier.errors import ClassifierError
from classifier.learning import Embedder, Example, Goal, Learned, Plan, Wish
from classifier.pictures import Pixels, Preprocessing
from classifier.splits import Identity
from classifier.teaching_on import Earlier
from storage.records import DocumentedError

JOB, PICTURES, PACKAGES = "job.json", "pictures.npy", "packages"
FIRST_NETWORK = "first.keras"  # the first step's, which the second begins with
_FAILED = 1


class Step(StrEnum):
    """What a learning process makes of the pictures."""

    FIRST = "first"  # heads on features that learn nothing here: seconds
    NETWORK = "network"  # the network itself, and heads on it: minutes


def job_to_json(
    examples: Sequence[Example], wishes: Sequence[Wish], plan: Plan, preprocessing: Preprocessing
) -> dict[str, Any]:
    """What `job.json` says of the lesson; the caller adds `backbone`, with `earlier` in it or not, and `snapshot`."""
    return {
        "examples": [asdict(example) for example in examples],
        "wishes": [asdict(wish) for wish in wishes],
        "plan": {
            "seed": plan.seed,
            "time_budget_s": plan.recipe.time_budget_s,
            "epochs": plan.recipe.epochs,
            "least_steps": plan.recipe.least_steps,
            "tags_may_lie": plan.tags_may_lie,
        },
        "preprocessing": preprocessing.to_json(),
    }


def run(folder: Path, out: TextIO) -> int:
    """Do the job in a folder; gives the exit code."""

    def say(line: Mapping[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    try:
        job = json.loads((folder / JOB).read_bytes())
        pictures: Pixels = np.load(folder / PICTURES, mmap_mode="r", allow_pickle=False)[: len(job["examples"])]
        say({"done": _work(folder, job, pictures, lambda *told: say(dict(zip(_TOLD, told, strict=True))))})
    except ClassifierError as error:
        code = error.exit_code if isinstance(error, DocumentedError) else _FAILED
        say({"error": type(error).__name__, "message": str(error), "exit_code": code, "facts": _facts_of(error)})
        return code
    except (OSError, ValueError, KeyError, TypeError, MemoryError) as error:
        say({"error": type(error).__name__, "message": str(error)[:500], "exit_code": _FAILED, "facts": {}})
        return _FAILED
    return 0


_TOLD = ("stage", "share", "words")


def _work(folder: Path, job: Mapping[str, Any], pictures: Pixels, tell: Any) -> dict[str, Any]:
    tell("loading", 0.0, "loading the network library")
    from classifier import learning
    from classifier.packing import pack

    examples = [
        Example(
            Identity(**row["identity"]),
            tuple(row["characters"]),
            bool(row["labelled"]),
            str(row.get("part", "")),
            int(row.get("stratum", 0)),
        )
        for row in job["examples"]
    ]
    wishes = [Wish(row["target"], row["tag"], tuple(row["variants"]), Goal(**row["goal"])) for row in job["wishes"]]
    preprocessing = Preprocessing.from_json(job["preprocessing"])
    plan = replace(_plan(job["plan"]), earlier=_earlier(job["backbone"].get("earlier")))
    name = str(job["backbone"]["name"])
    embedder = _embedder(folder, job["backbone"], preprocessing, plan)
    learned: Learned = learning.learn(pictures, examples, wishes, plan, embedder=embedder, tell=tell)
    tell("writing", 0.0, "writing the model")
    packed = pack(learned, pictures, folder / PACKAGES, name=name, preprocessing=preprocessing, job=job)
    tell("writing", 1.0, "")
    return _compared(folder, str(job.get("step", "")), learned, packed)


def _compared(folder: Path, step: str, learned: Learned, packed: dict[str, Any]) -> dict[str, Any]:
    """What is reported, with how a network compares with the first model; a first model is remembered for that."""
    from classifier import step_agreement

    if step == Step.FIRST:
        step_agreement.remember(folder, learned)
        Path(packed["backbone"]).rename(folder / FIRST_NETWORK)
        return packed
    found = step_agreement.agreements(folder, learned) if step == Step.NETWORK else {}
    for target in packed["targets"]:
        if target["target"] in found:
            target["compared"] = found[target["target"]].to_json()
    return packed


def _embedder(folder: Path, backbone: Mapping[str, Any], preprocessing: Preprocessing, plan: Plan) -> Embedder:
    """What gives the network that the job asks for."""
    from classifier import pretrained_embedders
    from classifier.backbones import catalogue
    from classifier.learning import from_scratch

    earlier = None if plan.earlier is None else plan.earlier.file
    if backbone["name"] == catalogue.PRETRAINED:
        return pretrained_embedders.frozen(plan.seed)
    if backbone["name"] == catalogue.FINE_TUNED:
        first = folder / FIRST_NETWORK
        begin = first if earlier is None and first.is_file() else earlier
        return pretrained_embedders.fine_tuned(plan.recipe, folder / "looked-at", begin)
    chosen = catalogue.backbone_named(backbone["name"])
    if earlier is not None:  # it brings its weights
        return from_scratch(lambda: chosen.build(preprocessing.size, None), plan)
    file = backbone["weights"]
    origin = catalogue.Origin(None if file is None else Path(file), bool(backbone["may_download"]))
    return from_scratch(catalogue.builder(chosen, origin, preprocessing.size), plan)


def _earlier(told: Mapping[str, Any] | None) -> Earlier | None:
    return None if told is None else Earlier(Path(told["file"]), tuple(told["classes"]))


def _plan(values: Mapping[str, Any]) -> Plan:
    plan = Plan(seed=int(values["seed"]))
    recipe = replace(
        plan.recipe,
        seed=int(values["seed"]),
        epochs=float(values["epochs"]),
        least_steps=int(values["least_steps"]),
        time_budget_s=float(values["time_budget_s"]),
    )
    return replace(plan, recipe=recipe, tags_may_lie=bool(values.get("tags_may_lie", True)))


def _facts_of(error: Exception) -> dict[str, Any]:
    names = ("target", "counts", "needed", "advice")
    return {name: getattr(error, name) for name in names if hasattr(error, name)}


def _end_with_parent() -> None:
    """Leave as soon as the process that started us is gone or closes our standard input."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(143)


def main(arguments: Sequence[str]) -> int:
    """The worker's program."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever libraries print goes to standard error
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    return run(Path(arguments[0]), answers)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # the network library's threads may take seconds to end, or never do
