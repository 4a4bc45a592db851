"""One search, in two parts: what a site with its own search language is asked, and what is checked here.

Searches come in Danbooru's language. A part of one is asked where the site has the same notion; everything else that a
post's own record can tell is checked here, on what the listing brings. What neither can answer is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from crawler.errors import UsageError
from crawler.sources.site_client import PostPage
from storage.records import Post, Rating
from storage.search.language import And, Metatag, Node, Not, Tag, conjuncts, parse, to_text
from storage.search.match import matcher, unmatchable

THREE_RATINGS = (Rating.SENSITIVE, Rating.QUESTIONABLE, Rating.EXPLICIT)
Wording = Callable[[Node], "str | None"]  # a part of a search in the site's words; None: the site has none for it


@dataclass(frozen=True, slots=True)
class SharedSearch:
    """A search as one site takes it."""

    asked: str  # in the site's words
    fits: Callable[[Post], bool] | None  # what is checked here; None: nothing

    @property
    def single_tag(self) -> str | None:
        """The one tag that the whole search is, whose posts a site may count; None where it is anything else."""
        return self.asked if self.fits is None and re.fullmatch(r"[^-~:\s][^:\s]*", self.asked) else None

    def only_fitting(self, page: PostPage) -> PostPage:
        """The page without the posts that the rest of the search leaves out; their ids still move the listing on."""
        if self.fits is None:
            return page
        fitting = tuple(post for post in page.posts if self.fits(post))
        kept = {post.id for post in fitting}
        return replace(page, posts=fitting, left_out=tuple(post.id for post in page.posts if post.id not in kept))


def shared_search(tags: str, wording: Wording, site: str) -> SharedSearch:
    """Divide a search between a site and us.

    Args:
        tags: in Danbooru's language.
        wording: how the site says a part of it.
        site: its name, for messages.
    Raises:
        UsageError: neither the site nor a post's record can answer a term; it names the term.
        QueryError: the search cannot be read.
    """
    asked: list[str] = []
    here: list[Node] = []
    for part in conjuncts(parse(tags).root):
        words = wording(part)
        if words is None:
            _refuse_unanswerable(part, site)
            here.append(part)
        elif words:
            asked.append(words)
    return SharedSearch(" ".join(asked), matcher(And(tuple(here))) if here else None)


def _refuse_unanswerable(part: Node, site: str) -> None:
    if leaves := unmatchable(part):
        raise UsageError(f"{site} cannot be asked for {to_text(leaves[0])}, and a post's own record does not say it")


def plain_wording(part: Node) -> str | None:
    """Tags, excluded tags and `id:`: what every site says in the same words."""
    inner = part.part if isinstance(part, Not) else part
    if isinstance(inner, Tag):
        return f"-{inner.name}" if isinstance(part, Not) else inner.name
    if isinstance(part, Metatag) and part.name == "id" and part.value[:1] in "<>0123456789" and "," not in part.value:
        return f"id:{part.value}"
    return None


def three_ratings_wording(part: Node, passed_on: Collection[str], site: str) -> str | None:
    """As `plain_wording`, of a site with three ratings by their letter, of which `s` is safe.

    Args:
        part: of a search.
        passed_on: metatags that the site knows in the same words.
        site: its name, for messages.
    Raises:
        UsageError: the part asks for `rating:g` alone: the site cannot tell what Danbooru parts into g and s.
    """
    if isinstance(part, Metatag) and part.name in passed_on:
        return part.term
    letter = asked_ratings(part, THREE_RATINGS, site)
    return f"rating:{letter}" if letter else plain_wording(part)


def asked_ratings(part: Node, known: Iterable[Rating], site: str) -> str | None:
    """The one letter of a `rating:` that a site is asked for; None where the part is none, or names several.

    Args:
        part: of a search.
        known: the ratings that the site has; it says nothing of others.
    Raises:
        UsageError: the site has none of the ratings that the part names.
    """
    if not isinstance(part, Metatag) or part.name != "rating":
        return None
    has = [rating.value for rating in known]
    letters = {word.strip()[:1].lower() for word in part.value.split(",")}
    wanted = [letter for letter in has if letter in letters]
    if not wanted:
        raise UsageError(f"{site} has no posts of {part.term}: its ratings are {', '.join(has)}")
    return wanted[0] if len(wanted) == 1 else None
