"""Exporting in a process of its own: `python -m classifier.deployment.worker PACKAGE HASH FORMAT FOLDER`.

Keras, TensorFlow and the converters take seconds to load and gigabytes to work; the command that asks for an export
does not. It answers with JSON lines on standard output: progress, and at the end what was done, or why not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from classifier.deployment.formats import FORMATS, LITERT, SAVED_MODEL
from classifier.errors import ClassifierError
from classifier.package.package import Package
from classifier.progress import ProgressCallback
from classifier.recognition.package import load_either
from classifier.workers.job_process import JobLines, begin_job

_FAILED = 1


def run(arguments: Sequence[str], out: TextIO) -> int:
    """Export; gives the exit code.

    Args:
        arguments: the package's folder and hash, the format's name, and the folder to write into, which exists.
        out: takes lines of JSON.
    """
    lines = JobLines(out)
    package, digest, form, folder = arguments
    try:
        lines.say({"done": exported(Path(package), digest, form, Path(folder), lines.report)})
    except ClassifierError as error:
        lines.say({"error": type(error).__name__, "message": str(error)})
        return _FAILED
    except Exception as error:  # noqa: BLE001 - three converters with a family of exceptions each
        words = " ".join(str(error).split())[:300]
        lines.say(
            {"error": "DeviceError", "message": f"the conversion to {form} failed: {type(error).__name__}: {words}"}
        )
        return _FAILED
    return 0


def exported(package_folder: Path, digest: str, form_name: str, folder: Path, report: ProgressCallback) -> Any:
    """Write a package in a format, and check what was written.

    Returns:
        Plain values: by how much its scores differ, its parameters, and whether it takes encoded pictures.

    Raises:
        ClassifierError: the package is altered, Keras refuses it, or the export scores otherwise.
    """
    package, form = load_either(package_folder, expected_hash=digest), FORMATS[form_name]
    report("loading", 0.0, "the network library")
    from classifier.deployment.light_file import weights_in
    from classifier.deployment.scorers import has_bytes_signature, open_scorer, score_encoded
    from classifier.deployment.scoring_network import scoring_network
    from classifier.deployment.verification import largest_difference
    from classifier.deployment.writers import write, write_light_only
    from classifier.inference.runtime_choice import canary_pictures

    if isinstance(package, Package) and package.light_only and form.name == LITERT:
        report("writing", 0.0, form.title)
        place = write_light_only(package, folder)
        parameters = weights_in(place)
    else:
        network = scoring_network(package)
        report("writing", 0.0, form.title)
        place = write(form, network, folder, package.preprocessing)
        parameters = int(network.count_params())
    report("checking", 0.0, f"{len(package.canaries.pictures)} pictures")
    scored = open_scorer(form, folder)(canary_pictures(package))
    off = largest_difference(package.canaries, scored, f"{form.title} of {package_folder}")
    of_bytes = form.name == SAVED_MODEL and has_bytes_signature(place)
    if of_bytes:
        scored = score_encoded(place, list(package.canaries.pictures))
        off = max(off, largest_difference(package.canaries, scored, f"the bytes signature of {package_folder}"))
    return {"difference": off, "parameters": parameters, "takes_bytes": of_bytes}


def main(arguments: Sequence[str]) -> int:
    """The worker's program."""
    return run(arguments, begin_job())


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # the network library's threads may take seconds to end, or never do
