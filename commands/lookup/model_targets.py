"""Which model a name means, and whose it is: of targets that were crawled, and of those that only have a model."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from commands.errors import UsageRefused
from commands.lookup.targets import target_among
from storage.archive_records import RegisteredModel
from storage.names import tag_or_none
from storage.reader import Reader
from storage.records import Target


def model_of(reader: Reader, named: str) -> tuple[Target, RegisteredModel]:
    """The model of that name; of a bare target the one in force.

    Raises:
        UsageRefused: there is none; suggests what may be meant.
        UnknownModel: the target has no model of that number, or none is in force.
    """
    from rounds.models import named_model

    bare, slash, number = named.rpartition("/")
    if not number.isdecimal():
        bare, slash = named, ""  # a tag may have a slash of its own
    models = reader.models()
    target = _target(reader, models, bare)
    own_models = [model for model in models if model.card.target == target.name]
    if not own_models:
        raise UsageRefused(
            f"there is no model for {target.name} yet; crawl --tag TAG --keep {target.name} trains the first from tags"
        )
    return target, named_model(own_models, f"{target.name}/{number}" if slash else target.name)


def recogniser_among(models: Sequence[RegisteredModel], named: str) -> RegisteredModel:
    """The recogniser of that name, `family/3`, or of a bare `family` the one in force; a target's model is given, too.

    Raises:
        UsageRefused: nothing is called so; names the recognisers that there are.
        UnknownModel: none of that name is in force, or it has no such number.
    """
    from rounds.models import named_model

    bare = named.rpartition("/")[0] or named
    if any(bare == model.card.target for model in models):
        return named_model([model for model in models if bare == model.card.target], named)
    there = list(dict.fromkeys(model.card.target for model in models if model.recognises_classes))
    if not there:
        raise UsageRefused(f"recogniser {named!r} is not known; crawl train NAME --from DIR --classes makes the first")
    near = difflib.get_close_matches(bare, there, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageRefused(f"recogniser {named!r} is not known; {hint}registered: {', '.join(there)}")


def _target(reader: Reader, models: Sequence[RegisteredModel], named: str) -> Target:
    """The target that is meant, however it is called; a model from a folder may have one that was never crawled.

    Raises:
        UsageRefused: nothing of that name is known; suggests what may be meant.
    """
    known = {model.card.target: Target(model.card.target, _tag(model)) for model in models}
    known |= {target.name: target for target in reader.targets()}
    if not known:
        raise UsageRefused(f"{reader.root} has no target yet; crawl --tag TAG --keep NAME adds the first")
    kinds = "target or recogniser" if any(model.recognises_classes for model in models) else "target"
    return target_among(list(known.values()), named, option=kinds)


def _tag(model: RegisteredModel) -> str:
    return tag_or_none(model.facts.get("tag")) or model.card.target
