"""What is known of a downloaded file before it is taken in: its md5, and its post, by what each program leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from commands.importing.gallery_dl_posts import NoPost, post_of_facts
from crawler.sites import Site
from crawler.sources.boorus.post_addresses import post_at
from crawler.sources.file_posts import has_sidecar, post_hint, read_sidecar
from crawler.sources.local_files import Leave, LocalFile, local_files
from interchange.imports.gallery_dl import sites_of
from interchange.imports.hydrus import HydrusFacts, has_hydrus_sidecar, read_hydrus_sidecars
from interchange.imports.own_export import ManifestRow, manifest_rows
from interchange.manifest import MANIFEST
from storage.moves.arrivals import LARGEST_FILE
from storage.moves.statements import Statement
from storage.records import ORIGINAL, FileVersion, Post, Rating, Rendition
from system.regular_files import open_regular

HYDRUS = "hydrus"  # the site of pictures that are no known post's: the import's own source
UGOIRA = "the site's video of an ugoira, whose frames are the original (gallery-dl fetches them with -o ugoira=true)"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # whatever a site says is newer
_PIECE = 1 << 20  # bytes that are read at once


@dataclass(frozen=True, slots=True)
class PostedFile:
    """A file that is called like a post's."""

    file: LocalFile
    ext: str  # one of FILE_EXTENSIONS
    width: int  # pixels; 0: it is no picture
    height: int

    @property
    def path(self) -> Path:
        """Where it is, absolute."""
        return self.file.path


@dataclass(frozen=True, slots=True)
class Description:
    """What a program left of a file."""

    md5s: tuple[str, ...]  # one of them is the file's
    post: Post | None = None
    own: bool = False  # whether the post is the import's own, and stands in only where no other has this picture
    without_post: str | None = None  # why there is none, where something was said
    left_out: str | None = None  # why it cannot be the post's file
    statement: Statement | None = None  # what another gallery said of the post and a target


class Describe(Protocol):
    """How one program's downloads are described."""

    def files(self, source: Path, leave: Leave) -> Iterator[LocalFile]:
        """The files that may be taken in; `leave` is told what is passed over."""
        ...

    @property
    def needs(self) -> str:
        """What must lie beside at least one file; "": nothing."""
        ...

    def __call__(self, file: PostedFile) -> Description:
        """Raises OSError: the file cannot be read."""
        ...

    def has_facts(self, path: Path) -> bool:
        """Whether something lies beside a file that describes it."""
        ...


class _AnyFiles:
    """Every file below a folder."""

    def files(self, source: Path, leave: Leave) -> Iterator[LocalFile]:
        return local_files([source], (), leave)


class FileNames(_AnyFiles):
    """By the md5 in names."""

    needs = ""

    def __call__(self, file: PostedFile) -> Description:
        return Description(post_hint(file.path, {}).md5s)

    def has_facts(self, path: Path) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class GalleryDlFacts(_AnyFiles):
    """By names, and the files that gallery-dl writes with `--write-metadata`."""

    site: Site
    needs: str = "its .json beside it, which gallery-dl writes with --write-metadata"

    def __call__(self, file: PostedFile) -> Description:
        facts = read_sidecar(file.path)
        md5s = post_hint(file.path, facts).md5s
        if facts.get("file_ext") == "zip" and file.ext != "zip":
            return Description(md5s, left_out=UGOIRA)
        return self._described(md5s, facts) if facts else Description(md5s)

    def has_facts(self, path: Path) -> bool:
        return has_sidecar(path)

    def _described(self, md5s: tuple[str, ...], facts: Mapping[str, Any]) -> Description:
        """With the post of the file of facts, where it is one of this site."""
        whose = facts.get("category")
        if not isinstance(whose, str) or self.site.name not in sites_of(whose):
            why = "names no site"
            if isinstance(whose, str) and whose:
                why = f"of {whose:.40}, not of {self.site.name}; --site {sites_of(whose)[0]:.40} records those"
        else:
            try:
                return Description(md5s, post_of_facts(self.site, facts))
            except NoPost as refused:
                why = str(refused)
        return Description(md5s, without_post=why)


@dataclass(frozen=True, slots=True)
class HydrusSidecars(_AnyFiles):
    """By the bytes, and the sidecars of a hydrus export."""

    sites: Sequence[Site]
    names: frozenset[str] = frozenset()  # of sites that have no address
    needs: str = "a sidecar (.txt, .tags.txt, .urls.txt or .json), which hydrus writes on export"

    def __call__(self, file: PostedFile) -> Description:
        md5, size = _md5_of(file.path)
        facts = read_hydrus_sidecars(file.path)
        if facts.empty:
            return Description((md5,), without_post="no sidecar, or nothing in it")
        known = self._named(facts)
        site, number = known or (HYDRUS, int(md5[:13], 16))  # 52 bits, which every JSON reader can hold
        return Description((md5,), _as_post(file, facts, md5, size, (site, number)), own=known is None)

    def has_facts(self, path: Path) -> bool:
        return has_hydrus_sidecar(path)

    def _named(self, facts: HydrusFacts) -> tuple[str, int] | None:
        """The post that sidecars name, by its page or by the words of our own export."""
        if facts.post_id is not None and facts.site in {*self.names, *(site.name for site in self.sites)}:
            return facts.site, facts.post_id
        return post_at(facts.urls, self.sites)


@dataclass(frozen=True, slots=True)
class ListedFile(LocalFile):
    """A file that a manifest has a row of."""

    row: ManifestRow

    @property
    def mentioned(self) -> bool:
        """Whether it is no original: what is said of the post counts, and the file is not read."""
        return not self.row.whole


class ExportManifest:
    """By the `manifest.jsonl` of an export of this program: files, their posts, and what was said of them."""

    needs = ""

    def files(self, source: Path, leave: Leave) -> Iterator[LocalFile]:
        for row in manifest_rows(source):
            if row is None:
                leave(source / MANIFEST, "a row that makes no sense")
                continue
            if not row.whole:
                leave(source / row.file, "exported smaller, in another format or in a shard; posts and labels count")
            yield ListedFile(source / row.file, row.file, row)

    def __call__(self, file: PostedFile) -> Description:
        row = file.file.row if isinstance(file.file, ListedFile) else None
        if row is None:
            return Description(())
        return Description((row.md5,), _listed_post(row), statement=_statement(row))

    def has_facts(self, path: Path) -> bool:
        return True


def _statement(row: ManifestRow) -> Statement | None:
    if row.target is None:
        return None
    return Statement(row.site, row.post_id, row.md5, row.target, row.label, row.who, row.decision, row.split)


def _as_post(file: PostedFile, facts: HydrusFacts, md5: str, size: int, name: tuple[str, int]) -> Post:
    """A post as sidecars state it, older than anything that a site says of it."""
    version = FileVersion(md5, file.ext, size, file.width, file.height, "")
    return Post(
        site=name[0],
        id=name[1],
        created_at=_LONG_AGO,
        updated_at=_LONG_AGO,
        rating=facts.rating or Rating.QUESTIONABLE,
        tags=facts.tags,
        file=version,
        renditions=(Rendition(ORIGINAL, "", file.width, file.height, file.ext),),
        source=facts.urls[0] if facts.urls else "",
        width=file.width,
        height=file.height,
        ext=file.ext,
        size=size,
    )


def _listed_post(row: ManifestRow) -> Post:
    """A post as an export stated it, older than anything that a site says of it."""
    version = FileVersion(row.md5, row.ext, row.size, row.width, row.height, "")
    return Post(
        site=row.site,
        id=row.post_id,
        created_at=row.created_at,
        updated_at=_LONG_AGO,
        rating=row.rating,
        tags=row.tags,
        file=version,
        renditions=(Rendition(ORIGINAL, "", row.width, row.height, row.ext),),
        score=row.score,
        source=row.source,
        width=row.width,
        height=row.height,
        ext=row.ext,
        size=row.size,
    )


def _md5_of(path: Path) -> tuple[str, int]:
    digest, size = hashlib.md5(usedforsecurity=False), 0
    with open_regular(path, LARGEST_FILE, links=False) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size
