"""Why a query found nothing: words that mean nothing here are no errors, but worth a line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from storage.reading import Reader
from storage.search.language import METATAGS, Metatag, leaves, parse
from storage.search.match import fits
from storage.search.ranking import needs_ranks


def hints(reader: Reader, expression: str) -> Iterator[str]:
    """Lines for people about an expression that found nothing."""
    yield from _misspelt(expression)
    known = [target.name for target in reader.targets()]
    query = parse(expression)
    if not known and needs_ranks(query):
        yield _nothing_crawled(reader)
    for leaf in leaves(query.root):
        if isinstance(leaf, Metatag) and leaf.name == "target":
            yield from _unknown_target(leaf, known)


def _misspelt(expression: str) -> Iterator[str]:
    """Was a metatag misspelt? Tags may hold colons, so this is no error."""
    for word in expression.split():
        name, colon, _ = word.lstrip("-~").partition(":")
        near = difflib.get_close_matches(name, METATAGS, n=1, cutoff=0.75) if colon and name not in METATAGS else []
        if near:
            yield f"{word!r} was taken for a tag; did you mean {near[0]}:?"


def _unknown_target(term: Metatag, known: Sequence[str]) -> Iterator[str]:
    name = term.value.lower()
    if not known or name in ("any", "none") or any(fits(name, target.lower()) for target in known):
        return
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean target:{near[0]}?" if near else f"there is {', '.join(known)}"
    yield f"no picture was looked at for a target {term.value!r}; {hint}"


def _nothing_crawled(reader: Reader) -> str:
    """As in a gallery whose only model was taught by a folder."""
    model = next(iter(reader.models()), None)
    name = "NAME" if model is None else model.card.target
    return f"there is nothing to ask about yet; crawl --tag TAG --keep {name} looks at pictures first"
