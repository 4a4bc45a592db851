"""An export: a folder with the model in one format, a README, and checksums; it appears whole or not at all.

README.md     what it is, what goes in and out, and a snippet that loads it without us
model…        in the format
picture.png   the surest of the package's check pictures; the README says what it scores
export.json   the same facts for programs
SHA256SUMS    of every other file, for `sha256sum -c`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from classifier.deployment.formats import TENSORRT, ExportFormat, check_installed
from classifier.deployment.process import run_worker
from classifier.deployment.readme import readme
from classifier.deployment.tensorrt import EngineBuilder
from classifier.package.canaries import Canaries
from classifier.package.package import Package
from classifier.package.whole_folder import sha256_of, whole_folder
from classifier.progress import ProgressCallback
from classifier.recognition.package import RecogniserPackage
from system.child_process import module_command

WORKER = module_command("classifier.deployment.worker")
DEADLINE_S = 1800.0
README, FACTS, CHECKSUMS, PICTURE = "README.md", "export.json", "SHA256SUMS", "picture.png"


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What is to be exported."""

    name: str  # of the model, `mona/3`
    package: Package | RecogniserPackage  # checked
    form: ExportFormat
    version: str  # of this program


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    facts: Mapping[str, Any]  # those of `export.json`
    trouble: str = ""  # why there is no TensorRT engine beside the ONNX file; "": nothing is missing


async def export(
    order: ExportOrder,
    folder: Path,
    report: ProgressCallback,
    engines: EngineBuilder | None = None,
    worker: tuple[str, ...] = WORKER,
) -> Exported:
    """Write a model in a format, in a process of its own; its check pictures must score as the package's.

    Args:
        order: what.
        folder: that appears.
        report: progress.
        engines: makes TensorRT engines; None: with what this machine has.
        worker: the process that writes; its arguments are appended.

    Raises:
        FileExistsError: there is something at `folder` already.
        CanaryError: the export scores otherwise; nothing was written.
        ClassifierError: the package is altered, or the conversion failed; nothing was written.
        OSError: the disk refuses.
    """
    check_installed(order.form)
    package, form, trouble = order.package, order.form, ""
    with whole_folder(folder) as work:
        arguments = (str(package.folder), package.hash, form.name, str(work))
        done = await run_worker((*worker, *arguments), report, DEADLINE_S)
        if form.name == TENSORRT:
            report("building", 0.0, "a TensorRT engine")
            builder = engines or EngineBuilder.of_this_machine()
            trouble = await builder.build(work, package.preprocessing.size)
        surest = _surest(package.canaries)
        facts = _facts(order, done, surest)
        (work / PICTURE).write_bytes(package.canaries.pictures[surest])
        (work / README).write_text(readme(form, facts), encoding="utf-8")
        (work / FACTS).write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        (work / CHECKSUMS).write_text(_checksums(work), encoding="utf-8")
    return Exported(facts, trouble)


def _surest(canaries: Canaries) -> int:
    """The check picture of the highest score: a 0 would be printed by many a wrong snippet, too."""
    return int(canaries.scores.reshape(len(canaries.pictures), -1).max(axis=1).argmax())


def _facts(order: ExportOrder, done: Mapping[str, Any], surest: int) -> dict[str, Any]:
    package, size = order.package, order.package.preprocessing.size
    scores = package.canaries.scores.reshape(len(package.canaries.pictures), -1)
    facts = {
        "model": order.name,
        "hash": package.hash,
        "format": order.form.name,
        "file": order.form.main,
        "made_by": f"boorusieve {order.version}",
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "input": {"name": "pictures", "type": "uint8", "shape": [None, size, size, 3]},
        "output": {"name": "probability", "type": "float32", "shape": [None, scores.shape[1]]},
        "takes_bytes": done["takes_bytes"],
        "preprocessing": package.preprocessing.to_json(),
        "parameters": done["parameters"],
        "largest_difference": done["difference"],
        "picture": {"file": PICTURE, "probability": [round(float(one), 6) for one in scores[surest]]},
    }
    if isinstance(package, RecogniserPackage):
        limits = package.recogniser.limits
        least = {"top": limits.top, "gap": limits.gap, "deviation": limits.deviation}
        return facts | {"kind": "recogniser", "classes": list(package.recogniser.classes), "limits": least}
    return facts | {"kind": "target", "threshold": package.threshold, "refusal": package.refusal}


def _checksums(work: Path) -> str:
    files = sorted(path for path in work.rglob("*") if path.is_file())
    return "".join(f"{sha256_of(path)}  {path.relative_to(work).as_posix()}\n" for path in files)
