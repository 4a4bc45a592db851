"""Which of the gallery's targets a name means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from commands.choices import choose
from commands.planning import UsageRefused
from storage.filing import RegisteredModel
from storage.known_targets import target_called
from storage.names import as_the_site_writes, unqualified
from storage.reading import Reader
from storage.records import Target


def known_target(reader: Reader, named: str | None) -> Target:
    """The target of that name, tag, alias or variant; without a name the only one that there is.

    Raises:
        UsageRefused: nothing or several are known, or nothing of that name; suggests what may be meant.
    """
    known = {target.name: target for target in reader.targets()}
    if (target := _meant(known, named)) is not None:
        return target
    taught = _never_crawled(reader, known)
    for model in taught:
        if named in (model.card.target, model.facts.get("tag")) or (named is None and not known):
            raise UsageRefused(_nothing_to_decide(model))
    if not (known or taught):
        raise UsageRefused(f"{reader.root} knows no target yet; crawl --tag TAG --keep NAME makes the first")
    if named is None:
        raise UsageRefused(f"say which target is meant: {', '.join(known)}")
    return target_among(list(known.values()), named, [model.card.target for model in taught])


def target_among(known: Sequence[Target], named: str, others: Sequence[str] = (), *, where: str = "target") -> Target:
    """The target of that name, tag, alias or variant.

    Args:
        known: which there are.
        named: as typed.
        others: names that may be meant, though they are no target here.
        where: what was typed, for the message.

    Raises:
        UsageRefused: none of them; names the nearest.
    """
    if (target := target_called(known, named)) is not None:
        return target
    forms = {form: one.name for one in known for name in (*one.names_before, *one.names) for form in _forms(name)}
    choices = list(dict.fromkeys([*(one.name for one in known), *others]))
    chosen = choose(where, as_the_site_writes(named), choices, forms)
    raise UsageRefused(f"{where} {chosen!r} has a model and was never crawled; crawl --tag TAG --keep {chosen}")


def model_words(reader: Reader, named: str) -> str:
    """The words for a model, `mona/3` or `mona`, with the target's own name where they say its tag or an alias."""
    if any(named in (model.card.name, model.card.target) for model in reader.models()):
        return named
    bare, slash, number = named.rpartition("/")
    for words, rest in ((named, ""), (bare, slash + number)):
        if words and (target := target_called(reader.targets(), words)) is not None:
            return f"{target.name}{rest}"
    return named


def _forms(name: str) -> tuple[str, str]:
    return name, unqualified(name)


def _meant(known: Mapping[str, Target], named: str | None) -> Target | None:
    if named is not None:
        return target_called(list(known.values()), named)
    return next(iter(known.values())) if len(known) == 1 else None


def _never_crawled(reader: Reader, known: Mapping[str, Target]) -> Sequence[RegisteredModel]:
    """Models of targets that a folder taught, or that were imported; those in force first."""
    taught = [model for model in reader.models() if model.card.target not in known]
    return sorted(taught, key=lambda model: model.active, reverse=True)


def _nothing_to_decide(model: RegisteredModel) -> str:
    name, target = model.card.name, model.card.target
    first = "" if model.active else f"crawl models activate {name}, then "
    return f"{name} is here, but no picture for {target} yet; {first}crawl --tag TAG --keep {target} looks with it"
