"""`crawl similar POST|FILE`: the gallery's pictures that are most like one, and whom it shows by their tags."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.context.output_paths import check_output_folder, write_output
from commands.context.workspace import Workspace, load_workspace
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.known_sites import known_site
from commands.lookup.post_links import PostLinks, link_of, post_links
from commands.lookup.targets import known_target
from commands.retrieval.embedding_spaces import EmbeddingSpace, embedding_space
from commands.retrieval.similar_sheet import SHEET, check_sheet, similar_sheet
from commands.retrieval.similar_table import Naming, SimilarPost, similar_table
from commands.terminal.console import print_json, say
from commands.terminal.interruptible import run_stoppable
from commands.terminal.tables import print_line, print_table
from commands.terminal.user_paths import expanded
from storage.database.error_translation import at_border
from storage.errors import NoEmbeddings
from storage.plurals import counted
from storage.reader import Reader
from storage.retrieval.embedding_rows import PostPicture, fitting, pictures_of_post
from storage.retrieval.found_posts import by_picture, found_posts
from storage.rows.posts import site_names
from storage.search.language import Query, parse
from system.regular_files import UnsafeFile, read_regular

if TYPE_CHECKING:
    from rounds.retrieval.neighbours import Neighbours
    from storage.retrieval.transform import Stored

MOST_SHOWN = 1000  # pictures
SHOWN = 24
_POST = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class SimilarOptions:
    """The options of `crawl similar`."""

    picture: str  # a post's number, or a file
    terms: str = ""
    keep: str | None = None
    limit: int | None = None
    to: Path | None = None
    site: str | None = None
    as_json: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Subject:
    """The picture that is asked about."""

    words: str
    vector: Stored
    version_id: int | None  # None: a file of this disk
    content: bytes | None  # of a file
    md5: str  # "": of a file
    facts: dict[str, Any]

    @property
    def own(self) -> frozenset[int]:
        """The picture itself, which is not among those that are like it."""
        return frozenset() if self.version_id is None else frozenset({self.version_id})


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the similar pictures are to be."""

    query: Query
    target: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found."""

    rows: Sequence[SimilarPost]
    naming: Naming | None
    target: str | None


def run(options: SimilarOptions, root: Path | None, config: Path | None) -> int:
    """Find them and show them; writes nothing but the sheet, and the cache of vectors.

    Raises:
        UsageRefused: there is no such post or picture, or the options contradict each other.
        NoEmbeddings: no network has looked at the gallery, or at this post.
        QueryError: a search term cannot be read.
    """
    if options.to is not None:
        check_output_folder(options.to, "--to")
        check_sheet(options.to)
    workspace = load_workspace(root, config)
    return run_stoppable(_run(options, workspace), lambda: "nothing was written; run the same command again")


async def _run(options: SimilarOptions, workspace: Workspace) -> int:
    from rounds.retrieval.neighbours import Neighbours

    async with AsyncExitStack() as stack:
        reader = stack.enter_context(read_gallery(workspace))
        target = known_target(reader, options.keep) if options.keep is not None else None
        wanted = _wanted(reader, options, None if target is None else target.name)
        space = embedding_space(reader, target)
        named = _named(reader, options, workspace)
        neighbours = stack.enter_context(await asyncio.to_thread(Neighbours, reader, space.network))
        subject = await _subject(named, space, neighbours, workspace)
        if not options.quiet:
            _say_space(space, neighbours)
        found = await asyncio.to_thread(_find, reader, neighbours, subject, wanted, post_links(workspace, reader))
        sheet = await _sheet(options, reader, subject, found.rows)
    _show(options, space, subject, found, sheet)
    return 0


def _wanted(reader: Reader, options: SimilarOptions, target: str | None) -> _Wanted:
    """The conditions.

    Raises:
        UsageRefused: they want an order.
        QueryError: they cannot be read.
    """
    query = reader.meant(parse(options.terms))
    if query.order is not None:
        raise UsageRefused(f"order:{query.order}: similar pictures come in the order of their likeness; leave it out")
    reader.ask(lambda c: fitting(c, (), query, target, datetime.now(UTC)))  # refused before anything is loaded
    limits = (options.limit or SHOWN, query.limit, MOST_SHOWN)
    return _Wanted(query, target, min(limit for limit in limits if limit is not None))


def _named(reader: Reader, options: SimilarOptions, workspace: Workspace) -> PostPicture | Path:
    """The post or the file that is meant.

    Raises:
        UsageRefused: there is none, or posts of several sites have the number, and not one picture.
    """
    word = options.picture
    if not _POST.fullmatch(word):
        path = expanded(word)
        if not path.exists():
            raise UsageRefused(f"{word!r} is neither the number of a post nor a file; name one of them")
        return path
    chosen = [known_site(options.site, reader.ask(site_names), workspace.settings)] if options.site is not None else []
    posts = reader.ask(lambda c: pictures_of_post(c, int(word), chosen))
    if not posts:
        raise UsageRefused(f"post {word} is not in this gallery; crawl query lists its posts, ./{word} names a file")
    if len({post.md5 for post in posts}) > 1:
        raise UsageRefused(f"post {word} is on several sites; say which: --site {' or --site '.join(_sites(posts))}")
    return posts[0]


def _sites(posts: Sequence[PostPicture]) -> Sequence[str]:
    return [post.site for post in posts]


async def _subject(
    named: PostPicture | Path, space: EmbeddingSpace, neighbours: Neighbours, workspace: Workspace
) -> _Subject:
    if isinstance(named, PostPicture):
        vector = neighbours.vector_of(named.version_id)
        if vector is None:
            raise NoEmbeddings(
                f"post {named.post_id} was not looked at by {space.name}; the next crawl of its tag looks at it"
            )
        facts = {"post": named.post_id, "site": named.site}
        return _Subject(f"post {named.post_id}", vector, named.version_id, None, named.md5, facts)
    content = _content(named)
    vector = await _embedded(named, content, space, workspace)
    return _Subject(str(named), vector, None, content, "", {"file": str(named)})


def _content(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        UsageRefused: it is no regular file, too large, or cannot be read.
    """
    from classifier.pictures.preprocessing import DEFAULT_LIMITS

    try:
        return read_regular(path, DEFAULT_LIMITS.max_bytes).content
    except UnsafeFile as refused:
        raise UsageRefused(f"{path} {refused.why}; name a picture") from None
    except OSError as error:
        raise UsageRefused(f"{path} cannot be read: {error.strerror}") from None


async def _embedded(path: Path, content: bytes, space: EmbeddingSpace, workspace: Workspace) -> Stored:
    """What the network makes of a picture.

    Raises:
        UsageRefused: it is no picture, or no model in force has the network.
    """
    from commands.retrieval.picture_embedder import PictureEmbedder, PictureRefused

    if space.model is None:
        raise UsageRefused(f"no model in force has {space.name}, so no new picture can be looked at; name a post")
    async with PictureEmbedder(workspace, space.model) as embedder:
        try:
            return await embedder.embed(content)
        except PictureRefused as refused:
            raise UsageRefused(f"{path} is no picture that can be looked at: {refused}") from None


def _say_space(space: EmbeddingSpace, neighbours: Neighbours) -> None:
    others = f"; {counted(space.others, 'other network')} in force: --keep NAME compares by that of its model"
    say(f"{counted(space.pictures, 'picture')}, compared by {space.name}" + (others if space.others else ""))
    if not neighbours.index.is_stored:
        say(f"{neighbours.index.path} cannot be written, so the vectors are read from the database each time")


def _find(reader: Reader, neighbours: Neighbours, subject: _Subject, wanted: _Wanted, links: PostLinks) -> _Found:
    from rounds.retrieval.name_vote import named, reliability
    from rounds.retrieval.neighbours import Terms

    terms = Terms(wanted.query, wanted.target)
    most = wanted.limit * max(1, len(reader.ask(site_names)))  # each site may have a post of every picture
    near = neighbours.nearest(subject.vector, most, terms, leave_out=subject.own)
    similarity = {one.version_id: one.similarity for one in near}
    posts = reader.ask(lambda c: found_posts(c, list(similarity)))
    pictures = [one for one in by_picture(posts) if one[0].md5 != subject.md5][: wanted.limit]
    rows = [
        SimilarPost(first, similarity[first.version_id], link_of(links, first.site, first.post_id), others)
        for first, *others in pictures
    ]
    vote, _ = named(reader, neighbours, subject.vector, leave_out=subject.own)
    naming = None if vote is None else Naming(vote, reliability(reader, neighbours))
    return _Found(rows, naming, wanted.target)


async def _sheet(
    options: SimilarOptions, reader: Reader, subject: _Subject, found: Sequence[SimilarPost]
) -> Path | None:
    """Write the contact sheet, if one is wanted."""
    if options.to is None:
        return None
    path = options.to / SHEET
    asked = subject.content if subject.content is not None else subject.version_id or 0
    content = await similar_sheet(reader, subject.words, asked, found)
    with at_border(options.to):
        options.to.mkdir(parents=True, exist_ok=True)
    write_output(path, "--to", lambda file: file.write(content))
    return path


def _show(options: SimilarOptions, space: EmbeddingSpace, subject: _Subject, found: _Found, sheet: Path | None) -> None:
    from rounds.retrieval.name_vote import vote_text

    if options.as_json:
        print_json(
            {
                "picture": subject.facts,
                "network": space.network,
                "model": None if space.model is None else space.model.card.name,
                "pictures": space.pictures,
                "similar": [row.to_json() for row in found.rows],
                "shows": None if found.naming is None else found.naming.to_json(),
                "sheet": None if sheet is None else str(sheet),
                "exit": 0,
            }
        )
        return
    if found.rows:
        print_table(similar_table(found.rows, found.target))
    else:
        say("no other picture fits; fewer search terms may find some")
    if found.naming is not None:
        print_line(f"shows: {vote_text(found.naming.vote, found.naming.reliability)}")
    if sheet is not None:
        print_line(str(sheet))
