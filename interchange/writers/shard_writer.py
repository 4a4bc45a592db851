"""WebDataset shards: tar files `00000.tar`, `00001.tar`, … with a picture, its caption and its facts for each key.

What readers make of them [webdataset 1.0.2, datasets 5.2.0]: a key ends at the first dot of a name, so keys have none;
a reader that takes its columns from the first samples drops a picture with another ending without a word, so all have
one; the same holds for keys and types of the JSON. Shards of an earlier, longer export are taken away with the rest
that is stale.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from interchange.choice import SourceFile
from interchange.files.pictures import PictureSettings, UnreadablePicture, converted
from interchange.files.placement import AlteredPicture, Placement, WantedFile
from interchange.layouts.layout import ClosingFile
from interchange.samples import Sample, facts_of, flat_facts
from storage.exports.ledger import LedgerSample
from storage.exports.selection import ExportPost
from storage.files.store import FileStore

ENDING = "jpg"  # of all pictures, unless another is asked for
_MODE = 0o644


class ShardWriter:
    """Holds the samples of one shard a split in memory, without their pictures."""

    def __init__(
        self, placement: Placement, files: FileStore, pictures: PictureSettings, *, size: int, split: bool
    ) -> None:
        self.readable: frozenset[str] | None = frozenset({pictures.format or ENDING})
        self.failed: Sequence[tuple[ExportPost, Exception]] = ()
        self._placement, self._files, self._pictures = placement, files, pictures
        self._size, self._split = size, split
        self._held: dict[str, list[tuple[Sample, SourceFile]]] = {}
        self._written: dict[str, int] = {}

    def add(self, sample: Sample, source: SourceFile) -> str | None:
        """Take one; a shard is written when it is full.

        Raises:
            AlteredPicture: the gallery's file is not what it should be.
            FileNotFoundError: it is not there.
        """
        facts = self._files.facts(source.path)
        if facts is None:
            raise FileNotFoundError(self._files.where(source.path))
        if facts.size != source.expected.size:
            raise AlteredPicture(f"has {facts.size} bytes instead of {source.expected.size}")
        split = sample.split if self._split else ""
        held = self._held.setdefault(split, [])
        held.append((sample, source))
        if len(held) == self._size:
            self._write(split)
        return None

    def finish(self) -> None:
        """Write the last shards, which are not full."""
        for split in sorted(self._held):
            self._write(split)

    def lists(self) -> Iterable[ClosingFile]:
        """Nothing besides the manifest."""
        return ()

    def _write(self, split: str) -> None:
        held = self._held.pop(split)
        number = self._written.get(split, 0)
        self._written[split] = number + 1
        name = f"{split}/{number:05d}.tar" if split else f"{number:05d}.tar"
        failed: set[str] = set()
        wanted = WantedFile(name, "shard", self._made_from(held))
        self._placement.file(wanted, lambda file: self._fill(file, held, failed))
        if failed and (known := self._placement.ledger.file(name)) is not None:
            self._placement.ledger.record(replace(known, made_from="incomplete"))  # so that the next run tries again
        for sample, _source in held:
            if sample.stem not in failed:
                facts = facts_of(sample, f"{name}/{sample.name}")
                self._placement.ledger.add_sample(LedgerSample(sample.key, name, facts))

    def _made_from(self, held: Iterable[tuple[Sample, SourceFile]]) -> str:
        digest = hashlib.sha256()
        for sample, source in held:
            size = f"{sample.width}x{sample.height}"
            for part in (sample.name, source.expected.digest, size, sample.caption, _facts_text(sample)):
                digest.update(part.encode("utf-8", "backslashreplace") + b"\0")
        return digest.hexdigest()

    def _fill(self, file: BinaryIO, held: Iterable[tuple[Sample, SourceFile]], failed: set[str]) -> None:
        with tarfile.open(fileobj=file, mode="w") as shard:
            for sample, source in held:
                try:
                    picture = self._picture(sample, source)
                except (AlteredPicture, UnreadablePicture, FileNotFoundError) as error:
                    self.failed = [*self.failed, (sample.post, error)]
                    failed.add(sample.stem)
                    continue
                _add(shard, f"{sample.stem}.json", _facts_text(sample).encode("utf-8", "backslashreplace"))
                _add(shard, sample.name, picture)
                _add(shard, f"{sample.stem}.txt", sample.caption.encode("utf-8", "backslashreplace"))

    def _picture(self, sample: Sample, source: SourceFile) -> bytes:
        expected = source.expected
        with self._files.at(source.path) as path:
            if not self._pictures.as_it_is(source.ext, sample.ending, source.width, source.height):
                return converted(path, sample.ending, self._pictures)
            content = path.read_bytes()
        if hashlib.new(expected.algorithm, content, usedforsecurity=False).hexdigest() != expected.digest:
            raise AlteredPicture(f"has not the {expected.algorithm} {expected.digest}")
        return content


def without(shard: Path, stems: frozenset[str], out: BinaryIO) -> None:
    """Copy a shard without some of its keys."""
    with tarfile.open(shard) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            if member.name.partition(".")[0] not in stems:
                new.addfile(member, old.extractfile(member))


def _facts_text(sample: Sample) -> str:
    return json.dumps(_facts(sample), ensure_ascii=False)


def _facts(sample: Sample) -> Mapping[str, Any]:
    """The keys that img2dataset writes, and ours; all texts and numbers, the same ones for every sample."""
    facts = flat_facts(facts_of(sample, sample.name))
    known = {"key": sample.stem, "caption": facts.pop("text"), "status": "success", "error_message": "", "exif": "{}"}
    return known | {"url": facts["source"]} | facts


def _add(shard: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), _MODE
    shard.addfile(member, io.BytesIO(content))
