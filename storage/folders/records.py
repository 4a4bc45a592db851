"""Records about pictures in a person's own folders, at the border to other rooms."""

from __future__ import annotations

from dataclasses import dataclass

from storage.archive_records import Digest
from storage.records import LabelValue, Look, Post, TaggerTags


@dataclass(frozen=True, slots=True)
class FileKey:
    """A picture file, and which posts it may be the picture of."""

    content: Digest
    md5s: tuple[str, ...] = ()  # of posts' files that it is a copy of, by its name; its own md5 need not be among them
    post_id: int | None = None  # the site's number, by its name
    site: str = ""  # whose number that is, as the name calls it


@dataclass(frozen=True, slots=True)
class FilePost:
    """The post whose picture a file is."""

    post: Post
    label: LabelValue | None = None  # a person's newest label of it, for the target that was asked about
    tagger_tags: TaggerTags | None = None  # by the user's own tagger, where it looked at the post


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the gallery knows of a picture file."""

    look: Look | None = None  # without scores: embeddings of every network that was asked about
    post: FilePost | None = None


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file that was looked at, to be recorded."""

    content: Digest
    look: Look
