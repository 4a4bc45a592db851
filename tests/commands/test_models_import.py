"""`crawl models import` takes whole, harmless packages; all others are refused in one line, and nothing is written."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # noqa: TID253 - the tests write such files
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from classifier.errors import DeviceError, PackageError
from classifier.inference.backends import KerasNetwork
from classifier.inference.runtime import RuntimeSettings
from classifier.package.keras_file import check_description, check_network
from classifier.package.package import hash_of_backbone, load_package, write_package
from classifier.package.whole_folder import sha256_of
from classifier.pictures.preprocessing import Preprocessing
from commands.app import app
from tests.classifier.tiny_models import TinyBackbone, make_backbone, make_head, make_parts

Spoil = Callable[[Path], None]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyBackbone:
    return make_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="module")
def good(tiny: TinyBackbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole package with a report."""
    folder = tmp_path_factory.mktemp("elsewhere") / "1"
    write_package(folder, make_parts(tiny, "mona", make_head(), report={"report.txt": b"fine\n"}))
    return folder


@pytest.fixture
def source(good: Path, tmp_path: Path) -> Path:
    """A package that a test may spoil."""
    return Path(shutil.copytree(good, tmp_path / "elsewhere" / "1"))


def import_(source: Path, root: Path) -> Result:
    return CliRunner().invoke(app, ["models", "import", str(source), "--root", str(root)], prog_name="crawl")


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return found


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def sealed(folder: Path, **changes: Any) -> None:
    """Sizes and hashes as the files are now, as whoever made them would write them; and other changes."""
    manifest = manifest_of(folder)
    for name in manifest["files"]:
        content = (folder / name).read_bytes()
        manifest["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    preprocessing = Preprocessing.from_json(manifest["preprocessing"])
    manifest["backbone"]["hash"] = hash_of_backbone(sha256_of(folder / "backbone.keras"), preprocessing)
    write_manifest(folder, manifest | changes)


def changed(*path: str, to: Any) -> Spoil:
    """A manifest with another value somewhere."""

    def spoil(folder: Path) -> None:
        manifest = manifest_of(folder)
        at = manifest
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = to
        write_manifest(folder, manifest)

    return spoil


def rewritten(text: Callable[[str], str]) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(text(path.read_text()))

    return spoil


def replaced(text: str, by: str) -> Spoil:
    return rewritten(lambda whole: whole.replace(text, by))


def unlisted(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        manifest = manifest_of(folder)
        del manifest["files"][name]
        write_manifest(folder, manifest)

    return spoil


def linked_report(folder: Path) -> None:
    outside = folder.parent / "outside"
    (folder / "report").rename(outside)
    (folder / "report").symlink_to(outside)


def piped(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return spoil


def device(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to("/dev/zero")

    return spoil


def huge(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        with (folder / name).open("r+b") as file:
            file.truncate(20 << 30)

    return spoil


def npz(folder: Path, name: str, arrays: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(folder / name, "w", how) as archive:
        for array, content in arrays.items():
            archive.writestr(f"{array}.npy", content)
    sealed(folder)


def arrays_of(folder: Path, name: str) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / name) as archive:
        return {one.removesuffix(".npy"): archive.read(one) for one in archive.namelist()}


def npy(value: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, value, **options)
    return out.getvalue()


def claiming(shape: str, dtype: str = "<f4") -> bytes:
    """An array of a few bytes that says it has another shape."""
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (118 - len(head)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(32)


def array(file: str, name: str, content: Callable[[], bytes], how: int = zipfile.ZIP_STORED) -> Spoil:
    return lambda folder: npz(folder, file, {**arrays_of(folder, file), name: content()}, how)


def renamed(file: str, name: str, other: str) -> Spoil:
    def spoil(folder: Path) -> None:
        arrays = arrays_of(folder, file)
        npz(folder, file, {other if one == name else one: content for one, content in arrays.items()})

    return spoil


def twice(folder: Path) -> None:
    arrays = arrays_of(folder, "head.npz")
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(folder / "head.npz", "w") as archive,
    ):
        for name in (*arrays, "bias"):
            archive.writestr(f"{name}.npy", arrays[name])
    sealed(folder)


PACKAGES: dict[str, tuple[Spoil, str]] = {
    "a runtime whose file is not listed": (unlisted("backbone.tflite"), "not listed"),
    "a runtime that is not known": (changed("runtimes", to=["litert", "torch"]), "torch"),
    "a runtime twice": (changed("runtimes", to=["litert", "litert"]), "twice"),
    "runtimes that are not list": (changed("runtimes", to={"litert": 1}), "runtimes"),
    "no head": (unlisted("head.npz"), "does not list head.npz"),
    "a report folder that is a link": (linked_report, "is a link"),
    "a network that is a pipe": (piped("backbone.keras"), "is a pipe"),
    "a report that is a pipe": (piped("report/report.txt"), "is a pipe"),
    "a manifest that is a pipe": (piped("manifest.json"), "is a pipe"),
    "a head that is a device": (device("head.npz"), "is a link"),
    "a manifest that is a device": (device("manifest.json"), "is a link"),
    "canaries of 20 GB": (huge("canaries.npz"), "is larger than"),
    "a network of 20 GB": (huge("backbone.keras"), "is larger than"),
    "a manifest of 20 GB": (huge("manifest.json"), "is larger than"),
    "a size that no file may have": (changed("files", "head.npz", "size", to=1 << 40), "the limit is"),
    "a size that is none": (changed("files", "head.npz", "size", to=True), "size and hash"),
    "a file outside": (changed("files", "../x", to={"size": 1, "sha256": "0" * 64}), "not a file of a model package"),
    "a file of another kind": (changed("files", "x.pkl", to={"size": 1, "sha256": "0" * 64}), "not a file of a model"),
    "too many files": (
        changed("files", to={f"report/{n}": {"size": 1, "sha256": "0" * 64} for n in range(200)}),
        "more than 100",
    ),
    "a threshold that is not a number": (replaced('"threshold": 0.6', '"threshold": NaN'), "NaN"),
    "an infinite threshold": (replaced('"threshold": 0.6', '"threshold": 1e999'), "finite"),
    "a threshold that is text": (changed("threshold", to="0.5"), "threshold"),
    "a threshold beyond one": (changed("threshold", to=1.5), "threshold"),
    "a threshold that is true": (changed("threshold", to=True), "threshold"),
    "an infinite ratio": (replaced('"reject_ratio": 0.9', '"reject_ratio": Infinity'), "Inf"),
    "a ratio below zero": (changed("reject_ratio", to=-1), "reject_ratio"),
    "a refusal that is no text": (changed("refusal", to=["no"]), "refusal"),
    "a refusal of two lines": (changed("refusal", to="no\nyes"), "refusal"),
    "a refusal with escape characters": (changed("refusal", to="\x1b[2J"), "refusal"),
    "a refusal without end": (changed("refusal", to="no " * 1000), "refusal"),
    "a name twice": (rewritten(lambda text: '{"threshold": 0.1, ' + text[1:]), "twice"),
    "nested without end": (rewritten(lambda text: '{"x": ' + "[" * 100_000 + "]" * 100_000 + "," + text[1:]), "nested"),
    "nested deeply": (rewritten(lambda text: '{"x": ' + "[" * 90 + "]" * 90 + "," + text[1:]), "nested"),
    "a number without end": (rewritten(lambda text: '{"x": ' + "9" * 5000 + "," + text[1:]), "too large"),
    "an input of 4096 pixels": (changed("preprocessing", "size", to=4096), "size must be"),
    "an input of 10^9 pixels": (changed("preprocessing", "size", to=10**9), "size must be"),
    "a dimension of 10^9": (changed("backbone", "dimension", to=10**9), "dimension"),
    "a dimension that is true": (changed("backbone", "dimension", to=True), "dimension"),
    "a network's name with a path": (changed("backbone", "name", to="../small"), "name"),
    "a class twice": (changed("backbone", "classes", to=["a", "a"]), "twice"),
    "a class of a million letters": (changed("backbone", "classes", to=["a" * 1_000_000]), "characters"),
    "metrics that are no figures": (changed("metrics", to={"test": {"recall": {"value": 1, "low": "0"}}}), "figure"),
    "metrics that are a list": (changed("metrics", to=[1]), "metrics"),
    "a round that no database holds": (changed("snapshot", to={"round": 10**12}), "round"),
    "a newest label that is text": (changed("snapshot", to={"newest_label": "all"}), "newest_label"),
    "teaching that is text": (changed("snapshot", to={"taught": "long"}), "taught"),
    "steps that are text": (changed("snapshot", to={"taught": {"steps": "many"}}), "steps"),
    "a comparison that is text": (changed("metrics", to={"compared": "better"}), "comparison"),
    "a time without a zone": (changed("created_at", to="2026-01-01T00:00:00"), "zone"),
    "parts that are text": (changed("snapshot", to={"parts": {"train": "abc"}}), "part"),
    "doubted tags that are text": (changed("snapshot", to={"doubted": "abc"}), "doubted"),
    "a caution that is text": (
        changed("curve", to={"thresholds": [], "precision": [], "recall": [], "prevalence": 0.1, "caution": "much"}),
        "caution",
    ),
    "a curve of text": (
        changed("curve", to={"thresholds": ["a"], "precision": [1], "recall": [1], "prevalence": 0.1}),
        "curve",
    ),
    "a curve of unequal columns": (
        changed("curve", to={"thresholds": [0.1], "precision": [1, 1], "recall": [1], "prevalence": 0.1}),
        "curve",
    ),
    "a time that is none": (changed("created_at", to="yesterday"), "yesterday"),
    "an array of objects": (
        array("head.npz", "weights", lambda: npy(np.array([{}] * 8, dtype=object), allow_pickle=True)),
        "weights",
    ),
    "an array of text": (array("head.npz", "weights", lambda: npy(np.array(["a"] * 8))), "weights"),
    "an array of doubles": (array("head.npz", "weights", lambda: npy(np.zeros(8))), "expected <f4"),
    "an array of another shape": (array("head.npz", "weights", lambda: npy(np.zeros((8, 1), np.float32))), "shape"),
    "an array that says 10^12 numbers": (array("head.npz", "weights", lambda: claiming("(1000000000000,)")), "shape"),
    "an array that says so many that they overflow": (
        array("canaries.npz", "embeddings", lambda: claiming("(4294967296, 4294967296)", "<f2")),
        "shape",
    ),
    "an array that says fewer than none": (array("head.npz", "weights", lambda: claiming("(-8,)")), "shape"),
    "arrays that unpack to gigabytes": (
        array("head.npz", "knots", lambda: npy(np.zeros(40_000_000, np.uint8)), zipfile.ZIP_DEFLATED),
        "compressed",
    ),
    "one array more": (array("head.npz", "extra", lambda: npy(np.zeros(1))), "expected"),
    "another array in place of one that may be there": (renamed("head.npz", "shifts", "others"), "expected"),
    "an array twice": (twice, "expected"),
    "a head that is not an archive": (
        lambda folder: _written(folder, "head.npz", b"PK\x03\x04 no zip"),
        "not an archive",
    ),
    "weights that are not finite": (
        array("head.npz", "weights", lambda: npy(np.full(8, np.nan, np.float32))),
        "finite",
    ),
    "canary sizes below zero": (
        array("canaries.npz", "sizes", lambda: npy(np.array([-1, 1, 0, 0, 0, 0], dtype="<i8"))),
        "canaries",
    ),
    "a million canaries": (
        array("canaries.npz", "sizes", lambda: npy(np.zeros(1_000_000, dtype="<i8"))),
        "expected 1 to",
    ),
    "canaries without scores": (
        array("canaries.npz", "scores", lambda: npy(np.full(6, np.nan))),
        "not a probability",
    ),
}  # fmt: skip


def _written(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    sealed(folder)


def keras_members(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / "backbone.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def keras(members: Callable[[dict[str, bytes]], dict[str, bytes]], how: int = zipfile.ZIP_STORED) -> Spoil:
    """Another Keras file, honestly listed."""

    def spoil(folder: Path) -> None:
        found = members(keras_members(folder))
        with zipfile.ZipFile(folder / "backbone.keras", "w", how) as archive:
            for name, content in found.items():
                archive.writestr(name, content)
        sealed(folder)

    return spoil


def layer(**values: Any) -> Spoil:
    """A network with one more layer, described so."""

    def spoil(members: dict[str, bytes]) -> dict[str, bytes]:
        config = json.loads(members["config.json"])
        config["config"]["layers"].append({"module": "keras.layers", "registered_name": None, "config": {}, **values})
        return {**members, "config.json": json.dumps(config).encode()}

    return keras(spoil)


def weights(write: Callable[[Any, Path], None]) -> Spoil:
    """A network whose weights hold something besides numbers."""

    def spoil(folder: Path) -> None:
        file = folder.parent / "weights.h5"
        file.write_bytes(keras_members(folder)["model.weights.h5"])
        with h5py.File(file, "r+") as opened:
            write(opened, folder.parent)
        keras(lambda members: {**members, "model.weights.h5": file.read_bytes()})(folder)

    return spoil


def external_link(opened: Any, outside: Path) -> None:
    with h5py.File(outside / "canary.h5", "w") as other:
        other["secret"] = np.zeros(3)
    opened["layers/far"] = h5py.ExternalLink(str(outside / "canary.h5"), "/secret")


def external_data(opened: Any, outside: Path) -> None:
    (outside / "canary.bin").write_bytes(bytes(64))
    opened.create_dataset("layers/far", (8,), "f8", external=[(str(outside / "canary.bin"), 0, 64)])


def virtual_data(opened: Any, outside: Path) -> None:
    layout = h5py.VirtualLayout((8,), "f8")
    layout[:] = h5py.VirtualSource(str(outside / "canary.h5"), "secret", (8,))
    opened.create_virtual_dataset("layers/far", layout)


NETWORKS: dict[str, tuple[Spoil, str]] = {
    "a Lambda layer": (layer(class_name="Lambda", config={"function": "canary"}), "Lambda"),
    "a function of the file's own": (layer(module="builtins", class_name="__lambda__"), "__lambda__"),
    "a foreign class": (layer(module="os", class_name="getcwd"), "os.getcwd"),
    "a class of Keras' insides": (layer(module="keras.src.utils.file_utils", class_name="get_file"), "get_file"),
    "a class without a module": (layer(module=None, class_name="Dense"), "Dense"),
    "a registered class": (layer(class_name="Dense", registered_name="package>Canary"), "Dense"),
    "a layer that reads a file": (layer(class_name="StringLookup", config={"vocabulary": "/canary"}), "StringLookup"),
    "another framework's layer": (layer(class_name="TFSMLayer", config={"filepath": "canary"}), "TFSMLayer"),
    "a layer of 10^9 units": (layer(class_name="Dense", config={"units": 10**9}), "units"),
    "layers that have 4 billion weights together": (
        layer(class_name="Dense", config={"units": 65_536}, build_config={"input_shape": [None, 65_536]}),
        "weights, the limit is",
    ),
    "a description nested without end": (
        keras(lambda members: {**members, "config.json": b"[" * 100_000 + b"]" * 100_000}),
        "nested",
    ),
    "a pickle": (lambda folder: _written(folder, "backbone.keras", b"\x80\x04]\x94."), "not an archive"),
    "a pickle as a member": (keras(lambda members: {**members, "data.pkl": b"\x80\x04]\x94."}), "4 members"),
    "a legacy .h5": (
        lambda folder: _written(folder, "backbone.keras", keras_members(folder)["model.weights.h5"]),
        "not an archive",
    ),
    "a SavedModel": (keras(lambda _: {"saved_model.pb": b"\x08\x01", "variables/": b""}), "saved_model.pb"),
    "a member that unpacks to much": (
        keras(lambda members: {**members, "metadata.json": bytes(40_000_000)}, zipfile.ZIP_DEFLATED),
        "compressed",
    ),
    "weights linked from another file": (weights(external_link), "link"),
    "a soft link": (weights(lambda opened, _: opened.update({"layers/soft": h5py.SoftLink("/layers")})), "link"),
    "weights that lie in another file": (weights(external_data), "plain numbers"),
    "weights put together from another file": (weights(virtual_data), "plain numbers"),
    "packed weights": (
        weights(lambda opened, _: opened.create_dataset("layers/packed", (9_000_000,), compression="gzip")),
        "plain numbers",
    ),
    "weights that were never written": (
        weights(lambda opened, _: opened.create_dataset("layers/empty", (10**12,), "f4")),
        "unpack to",
    ),
    "weights that are text": (weights(lambda opened, _: opened.create_dataset("layers/text", data=["a"])), "numbers"),
}


def assert_refused(done: Result, says: str, root: Path) -> None:
    lines = [line for line in done.stderr.splitlines() if line.startswith("crawl:")]
    assert done.exit_code == 10, done.stderr
    assert len(lines) == 1, done.stderr
    assert says in lines[0]
    assert "Traceback" not in done.stderr
    assert not (root / "models").exists() or list((root / "models").rglob("*")) == []


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices are POSIX's")
@pytest.mark.parametrize(("spoil", "says"), PACKAGES.values(), ids=PACKAGES.keys())
def test_a_package_that_is_not_as_we_write_them_is_refused_before_anything_is_written(
    spoil: Spoil, says: str, source: Path, tmp_path: Path
) -> None:
    spoil(source)

    assert_refused(import_(source, tmp_path / "root"), says, tmp_path / "root")
    assert not (tmp_path / "root").exists()
    with pytest.raises(PackageError):  # registered already, by an older program: refused all the same
        load_package(source)


@pytest.mark.fault("M03")
@pytest.mark.parametrize(("spoil", "says"), NETWORKS.values(), ids=NETWORKS.keys())
def test_a_network_with_anything_but_layers_and_numbers_is_refused(spoil: Spoil, says: str, source: Path) -> None:
    spoil(source)

    load_package(source)  # all is as its manifest says
    with pytest.raises(PackageError, match="is refused") as refused:
        check_network(source / "backbone.keras")
    assert says in str(refused.value)


@pytest.mark.fault("M03")
@pytest.mark.parametrize("name", ["a Lambda layer", "a SavedModel", "weights linked from another file"])
def test_a_hostile_network_is_refused_at_import_and_whenever_it_would_be_loaded(
    name: str, source: Path, tmp_path: Path
) -> None:
    spoil, says = NETWORKS[name]
    spoil(source)

    assert_refused(import_(source, tmp_path / "root"), says, tmp_path / "root")


def described(change: Callable[[dict[str, Any]], None]) -> Spoil:
    """A network of Keras' own layers whose description makes no sense."""

    def spoil(members: dict[str, bytes]) -> dict[str, bytes]:
        config = json.loads(members["config.json"])
        change(config["config"])
        return {**members, "config.json": json.dumps(config).encode()}

    return keras(spoil)


@pytest.mark.fault("M03")
@pytest.mark.parametrize(
    "spoil",
    [
        described(lambda config: config.update(output_layers=[["nowhere", 0, 0]])),
        described(lambda config: config.pop("layers")),
        described(lambda config: config["layers"][1].pop("inbound_nodes")),
        described(lambda config: config["layers"][2]["config"].update(activation="no such thing")),
        described(lambda config: config["layers"].insert(0, None)),
    ],
    ids=["an unknown output", "no layers", "a layer without a place", "an odd activation", "a layer that is none"],
)
def test_a_network_that_keras_cannot_read_is_refused_with_its_file(spoil: Spoil, source: Path) -> None:
    spoil(source)

    with pytest.raises(DeviceError, match=r"Keras refuses .*backbone\.keras") as refused:
        KerasNetwork(source / "backbone.keras", RuntimeSettings(), gpu=False, mixed=False)
    assert "\n" not in str(refused.value)


@pytest.mark.fault("M03")
def test_a_good_package_is_imported_whole(good: Path, tmp_path: Path) -> None:
    done = import_(good, tmp_path / "root")

    assert done.exit_code == 0, done.stderr
    imported = load_package(tmp_path / "root" / "models" / "mona" / "1")
    assert imported.report("report.txt") == b"fine\n"
    assert imported.report("other.txt") is None
    check_description(imported.keras)


def test_an_empty_folder_name_is_refused_with_what_it_should_be(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["models", "import", "", "--root", str(tmp_path / "root")])

    assert done.exit_code == 2
    assert "the folder to import is empty" in done.stderr


def test_a_report_that_was_altered_is_not_shown(good: Path, source: Path) -> None:
    package = load_package(source)
    (source / "report" / "report.txt").write_bytes(b"another report")

    with pytest.raises(PackageError, match="bytes, the manifest says"):
        package.report("report.txt")
