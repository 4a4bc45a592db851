"""Models of a gallery whose pictures are objects: each registered one lies there as well, for its other machines.

A model is used from `models/` of this machine, and its package is checked against its registered hash whenever it is
loaded; so what comes from the store is believed no more than what lies on a disk.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from storage.archive_records import RegisteredModel
from storage.files.layout import MODELS
from storage.files.paths import model_folder, models_folder
from storage.files.single_files import FOLDER_MODE, digest_of_file
from storage.files.store import FileStore
from storage.objects.bucket import Bucket
from storage.objects.location import remembered_objects
from storage.objects.object_tree import ObjectTree
from storage.records import ModelCard

_PART = ".work-fetched-"  # as of models in the making: what a killed program leaves is cleared


def share_model(files: FileStore, card: ModelCard) -> int:
    """Upload a model's files before it is registered, and make sure of them; says how many.

    Args:
        files: of the gallery; nothing is done where they are in its folder.
        card: of a model whose number is free, or its own.
    Raises:
        StorageError: the store refuses, or cannot be reached; the model stays on this machine.
    """
    if not isinstance(files, ObjectTree):
        return 0
    folder = model_folder(models_folder(files.root), card.named)
    wanted = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    there = f"{MODELS}/{card.named}"
    kept = {f"{there}/{path.relative_to(folder).as_posix()}": path for path in wanted}
    for left_over in set(files.bucket.below(there)) - set(kept):  # of one that was never registered
        files.bucket.remove(left_over)
    missing = [name for name, path in kept.items() if not files.holds(name, digest_of_file(path))]
    for name in missing:
        files.bring_in(kept[name], name)
    return len(missing)


def bring_models(root: Path, models: Iterable[RegisteredModel]) -> int:
    """Fetch registered models that another machine made; says how many.

    Args:
        root: of the gallery; nothing is done where its pictures are in its folder.
        models: the registered ones.
    Raises:
        StorageError: the store refuses, or cannot be reached.
        OSError: the disk refuses.
    """
    address = remembered_objects(root)
    if address is None:
        return 0
    missing = [model.card for model in models if not model_folder(models_folder(root), model.card.named).exists()]
    bucket = Bucket(address) if missing else None
    return 0 if bucket is None else sum(_bring(root, bucket, card) for card in missing)


def _bring(root: Path, bucket: Bucket, card: ModelCard) -> bool:
    there, folder = f"{MODELS}/{card.named}", model_folder(models_folder(root), card.named)
    names = bucket.below(there)
    if not names:
        return False  # it was never shared: who needs it says that it is missing
    folder.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    part = folder.parent / f"{_PART}{secrets.token_hex(8)}"
    part.mkdir(mode=FOLDER_MODE)
    try:
        for name in names:
            _write(part, name.removeprefix(f"{there}/"), bucket.read(name))
        if not folder.exists():
            part.replace(folder)
    except FileNotFoundError:
        return False
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return True


def _write(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    if ".." in Path(name).parts or Path(name).is_absolute():
        return  # no model's file
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    path.write_bytes(content)
