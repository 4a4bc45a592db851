"""Every format scores as the package, loads by its README's own snippet, and is refused where it scores otherwise."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from classifier.deployment import worker
from classifier.deployment.export import CHECKSUMS, FACTS, README, Exported, ExportOrder, export
from classifier.deployment.formats import FORMATS, ExportFormat, check_installed
from classifier.deployment.scorers import open_scorer, score_encoded
from classifier.deployment.tensorrt import EngineBuilder
from classifier.deployment.verification import largest_difference
from classifier.errors import CanaryError, DeviceError, PackageError
from classifier.inference.runtime_choice import SCORE_TOLERANCE, canary_pictures
from classifier.package.package import Package
from classifier.pictures.preprocessing import Preprocessing, picture_array
from classifier.progress import unreported
from classifier.recognition.package import RecogniserPackage
from tests.classifier.deployment.conftest import Order
from tests.classifier.tiny_models import coloured, jpeg, png

HERE = tuple(FORMATS)
NO_GPU = EngineBuilder(None, gpu=False)


def write_here(order: ExportOrder, folder: Path) -> Exported:
    """An export whose worker's work is done in this process, which has the library loaded: seconds less."""
    stub = (
        sys.executable,
        "-c",
        "import sys, json, shutil, pathlib\n"
        "done, source, folder = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[-1]\n"
        "shutil.copytree(source, folder, dirs_exist_ok=True)\n"
        "print(done)",
    )
    made = folder.with_name(f"made-{folder.name}")
    made.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = worker.exported(order.package.folder, order.package.hash, order.form.name, made, unreported)
    arguments = (*stub, json.dumps({"done": done}), str(made))
    return asyncio.run(export(order, folder, unreported, NO_GPU, arguments))


@pytest.fixture(scope="module")
def exports(order: Order, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model in every format."""
    folder = tmp_path_factory.mktemp("exports")
    for form in HERE:
        write_here(order(form), folder / form)
    return folder


@pytest.fixture(autouse=True)
def _libraries_may_warn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def snippet_of(folder: Path) -> tuple[str, str]:
    """The README's code, and what it says that this prints."""
    text = (folder / README).read_text()
    code, said = re.search(r"```python\n(.*?)```", text, re.DOTALL), re.search(r"it prints (.*)\.\n", text)
    assert code and said
    return code[1], said[1]


def numbers(text: str) -> list[float]:
    return [float(one) for one in text.strip().split(", ")]


@pytest.mark.parametrize("form", HERE)
def test_an_export_scores_as_the_package(form: str, exports: Path, package: Package) -> None:
    scored = open_scorer(FORMATS[form], exports / form, threads=1)(canary_pictures(package))

    assert scored[:, 0] == pytest.approx(package.canaries.scores, abs=SCORE_TOLERANCE)


@pytest.mark.parametrize("form", HERE)
def test_the_readmes_snippet_prints_what_the_readme_says(
    form: str, exports: Path, package: Package, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = snippet_of(exports / form)
    monkeypatch.chdir(exports / form)

    exec(compile(code, README, "exec"), {})

    assert numbers(capsys.readouterr().out) == pytest.approx(numbers(said), abs=0.002)
    assert max(numbers(said)) == pytest.approx(package.canaries.scores.max(), abs=0.001)  # not 0, which proves little


@pytest.mark.slow
@pytest.mark.parametrize("form", HERE)
def test_the_snippet_needs_nothing_of_ours(form: str, exports: Path) -> None:
    code, said = snippet_of(exports / form)
    environment = {**os.environ, "CI": "true", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("PYTHONPATH", None)
    ours = "import sys\nassert not {'classifier', 'storage', 'system'} & set(sys.modules)\n"

    done = subprocess.run(
        [sys.executable, "-P", "-c", code + ours], cwd=exports / form, env=environment, capture_output=True, check=True
    )

    assert numbers(done.stdout.decode()) == pytest.approx(numbers(said), abs=0.002)


@pytest.mark.parametrize("form", HERE)
def test_checksums_list_every_other_file(form: str, exports: Path) -> None:
    folder = exports / form
    listed = dict(reversed(line.split("  ")) for line in (folder / CHECKSUMS).read_text().splitlines())
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    assert set(listed) == files - {CHECKSUMS}
    assert all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == hash_ for name, hash_ in listed.items())


def test_threshold_and_hash_travel_along(exports: Path, package: Package) -> None:
    facts = json.loads((exports / "onnx" / FACTS).read_text())

    assert facts["threshold"] == package.threshold
    assert facts["hash"] == package.hash
    assert f"**{package.threshold:.4f}**" in (exports / "onnx" / README).read_text()


def test_a_recogniser_is_exported_with_its_classes_and_limits(recogniser: RecogniserPackage, tmp_path: Path) -> None:
    write_here(ExportOrder("family/1", recogniser, FORMATS["litert"], "9.9"), tmp_path / "out")
    facts = json.loads((tmp_path / "out" / FACTS).read_text())

    assert facts["classes"] == ["keqing", "lisa", "mona"]
    assert facts["limits"]["top"] == 0.4
    assert len(numbers(snippet_of(tmp_path / "out")[1])) == 3


SHAPES = {"tall": (40, 91), "wide": (200, 77), "square": (64, 64), "small": (9, 7)}


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_the_graph_fits_pictures_as_the_decoder_does(fit: str) -> None:
    from classifier.deployment.saved_model import _decoded, _fitted

    how = Preprocessing(32, fit=fit, pad_value=200)
    for width, height in SHAPES.values():
        picture = png(Image.effect_noise((width, height), 90).filter(ImageFilter.GaussianBlur(4)).convert("RGB"))
        ours = picture_array(picture, how).astype(int)

        theirs = np.asarray(_fitted(_decoded(picture), how)).astype(int)

        assert np.abs(ours - theirs).mean() < 1.5, (width, height)


def grey(alpha: bool) -> bytes:
    picture = Image.linear_gradient("L")
    if alpha:
        picture.putalpha(Image.radial_gradient("L"))
    return png(picture)


def transparent() -> bytes:
    picture = coloured(200, 30, 60).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return png(picture)


KINDS = {
    "photograph": jpeg(coloured(200, 40, 90, side=80)),
    "transparent": transparent(),
    "grey": grey(alpha=False),
    "grey and transparent": grey(alpha=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_decodes_as_the_decoder_does(kind: str, exports: Path, package: Package) -> None:
    picture = KINDS[kind]
    pixels = picture_array(picture, package.preprocessing)[None]

    scored = score_encoded(exports / "saved_model" / "model/1", [picture])

    by_pixels = open_scorer(FORMATS["saved_model"], exports / "saved_model")(pixels)
    assert scored == pytest.approx(by_pixels, abs=0.01)


def test_an_export_that_scores_otherwise_is_refused(package: Package) -> None:
    off = package.canaries.scores[:, None] + 0.01

    with pytest.raises(CanaryError, match=r"up to 0\.0100 off.*it was not exported"):
        largest_difference(package.canaries, off, "the file")
    with pytest.raises(CanaryError, match="up to nan off"):
        largest_difference(package.canaries, off * np.nan, "the file")
    with pytest.raises(CanaryError, match=r"gives \(6,\) for 6"):
        largest_difference(package.canaries, off[:, 0], "the file")


def failing(line: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"print({line!r})")


FAILURES = {
    "canaries": ('{"error": "CanaryError", "message": "off"}', CanaryError, "off"),
    "package": ('{"error": "PackageError", "message": "altered"}', PackageError, "altered"),
    "unknown": ('{"error": "Nobody", "message": "strange"}', DeviceError, "strange"),
    "silence": ("noise", DeviceError, "no message"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_nothing_is_left_of_an_export_that_failed(failure: str, order: Order, tmp_path: Path) -> None:
    line, family, words = FAILURES[failure]

    with pytest.raises(family, match=words):
        asyncio.run(export(order("litert"), tmp_path / "out", unreported, worker=failing(line)))

    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_overwritten(order: Order, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    with pytest.raises(FileExistsError):
        asyncio.run(export(order("litert"), tmp_path / "out", unreported, worker=failing("")))


def test_a_missing_library_names_the_extra() -> None:
    form = ExportFormat("onnx", "model.onnx", "ONNX", ("not_to_be_found",), "onnx")

    with pytest.raises(DeviceError, match=r"needs not_to_be_found.*pip install 'boorusieve\[onnx\]'; nothing"):
        check_installed(form)


def test_the_worker_answers_in_lines_of_json(order: Order, tmp_path: Path) -> None:
    wanted, out = order("keras"), io.StringIO()

    code = worker.run([str(wanted.package.folder), wanted.package.hash, "keras", str(tmp_path)], out)

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert code == 0
    assert [line["stage"] for line in lines[:-1]] == ["loading", "writing", "checking"]
    assert lines[-1]["done"]["difference"] < SCORE_TOLERANCE


def test_the_worker_says_what_is_wrong(order: Order, tmp_path: Path) -> None:
    package, altered, unwritable = order("keras").package, io.StringIO(), io.StringIO()

    assert worker.run([str(package.folder), "0" * 64, "keras", str(tmp_path)], altered) == 1
    assert worker.run([str(package.folder), package.hash, "keras", "/proc/nowhere"], unwritable) == 1

    assert json.loads(altered.getvalue().splitlines()[-1])["error"] == "PackageError"
    assert "the conversion to keras failed" in json.loads(unwritable.getvalue().splitlines()[-1])["message"]


def engine_tool(folder: Path, script: str) -> str:
    """A program in the place of trtexec."""
    tool = folder / "trtexec"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    return str(tool)


TOOLS = {
    "none": (None, False, "this machine lacks an NVIDIA GPU and NVIDIA's trtexec"),
    "no gpu": ("exit 0", False, "this machine lacks an NVIDIA GPU"),
    "fails": ("echo no memory >&2; exit 7", True, "trtexec ended with 7: no memory"),
    "writes nothing": ("exit 0", True, "trtexec ended with 0"),
    "works": ('for one; do case $one in --saveEngine=*) : > "${one#*=}";; esac; done', True, ""),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_an_engine_is_built_where_there_is_something_to_build_for(tool: str, tmp_path: Path) -> None:
    script, gpu, expected = TOOLS[tool]
    builder = EngineBuilder(None if script is None else engine_tool(tmp_path, script), gpu)

    trouble = asyncio.run(builder.build(tmp_path, 16))

    assert trouble.startswith(expected) if expected else trouble == ""
    assert (tmp_path / "model.engine").exists() == (tool == "works")
