"""Posts taken out of an export for good: files, rows, and every later run of it; the gallery is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from interchange.errors import InterchangeRefused
from interchange.export import export_folder, list_everything
from interchange.files.placement import Placement, WantedFile, is_ours
from interchange.layouts.catalogue import FOLDER_LAYOUTS, SHARDS, TABLE
from interchange.layouts.layout import ClosingFile, LayoutOptions
from interchange.layouts.table import tables
from interchange.samples import stem_of
from interchange.writers.shard_writer import without
from storage.database.error_translation import at_border
from storage.exports.ledger import LedgerSample


@dataclass(slots=True)
class WithdrawalResult:
    """What came of it."""

    withdrawn: list[str] = field(default_factory=list)  # posts that were in it, by name
    unknown: list[int] = field(default_factory=list)  # that are not in it
    stay: list[str] = field(default_factory=list)  # files that were changed by hand


def withdraw(folder: Path, format_: str, posts: Sequence[int]) -> WithdrawalResult:
    """Take posts out.

    Args:
        folder: of the export; absolute.
        format_: of it.
        posts: the sites' numbers; where two sites have the same, both go.

    Raises:
        InterchangeRefused: there is no export of that format; nothing was done.
        StorageError: the disk refuses.
    """
    if not folder.is_dir():
        raise InterchangeRefused(f"{folder} is not there; name the folder of an export")
    result = WithdrawalResult()
    with at_border(folder), export_folder(folder, format_) as placement:
        ledger = placement.ledger
        if not ledger.exists:
            raise InterchangeRefused(f"{folder} holds no export; nothing was withdrawn")
        samples = [(post, ledger.samples_of(post)) for post in dict.fromkeys(posts)]
        result.unknown = [post for post, found in samples if not found]
        wanted = [sample for _, found in samples for sample in found]
        if wanted:
            ledger.begin(format_)
            if format_ == SHARDS:
                _rewrite_shards(placement, wanted)
            for sample in wanted:
                _take_out(placement, sample, result)
            list_everything(placement, _indexes(placement, format_))
    return result


def _take_out(placement: Placement, sample: LedgerSample, result: WithdrawalResult) -> None:
    ledger, key = placement.ledger, sample.key
    ledger.withdraw(key.site, key.post_id)
    for file in ledger.files_of(key):
        path = placement.folder / file.path
        if is_ours(path, file):
            path.unlink()
        elif path.exists():
            result.stay.append(file.path)
        ledger.forget(file.path)
    ledger.drop_sample(key)
    name = f"{key.site} {key.post_id}"
    if name not in result.withdrawn:
        result.withdrawn.append(name)


def _rewrite_shards(placement: Placement, samples: Sequence[LedgerSample]) -> None:
    for name in sorted({sample.place for sample in samples}):
        stems = frozenset(stem_of(one.key.site, one.key.post_id) for one in samples if one.place == name)
        shard = placement.folder / name
        if shard.exists():
            wanted = WantedFile(name, "shard", "rewritten")
            placement.file(wanted, lambda out, shard=shard, stems=stems: without(shard, stems, out))  # type: ignore[misc]


def _indexes(placement: Placement, format_: str) -> Sequence[ClosingFile]:
    """The lists that name posts; settings name none."""
    if format_ == SHARDS:
        return ()
    if format_ == TABLE:
        return list(tables(placement.ledger))
    layout = FOLDER_LAYOUTS[format_](LayoutOptions())
    return [file for file in layout.closing(placement.folder, placement.ledger) if not file.settings]
