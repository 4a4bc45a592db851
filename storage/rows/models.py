"""Models by number: what is registered, which one is active, what came from what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from storage.ai_weights import ai_weights_from_json
from storage.archive_records import RegisteredModel
from storage.database.access import Access
from storage.database.engine import insert_new
from storage.database.tables import ModelRow
from storage.errors import BadName, DatabaseDamaged, RefusedRequest
from storage.objects.shared_models import share_model
from storage.records import ModelCard


class Models:
    """The archive's models: which there are, and which one is in force for each target."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def register(self, card: ModelCard, facts: Mapping[str, Any], *, activate: bool) -> None:
        """Enter a model whose files are in place; `activate` makes it the target's one active model.

        Raises:
            RefusedRequest: its number belongs to another model.
        """
        now = self._access.now()
        await self._access.on_disk(lambda: share_model(self._access.tree, card))
        await self._access.write(lambda c: register(c, card, facts, activate=activate, now=now))

    async def activate(self, target: str, number: int) -> RegisteredModel:
        """Put a registered model in force and the one before out of it, in one transaction.

        Raises:
            RefusedRequest: the target has no model of that number; it names those that there are.
        """
        now = self._access.now()
        return await self._access.write(lambda c: activate(c, target, number, now))

    async def active(self, target: str) -> RegisteredModel | None:
        """The model in force for a target."""
        return await self._access.read(lambda c: active_model(c, target))

    async def next_number(self, target: str) -> int:
        """The number for a model that is about to be made."""
        return await self._access.read(lambda c: next_number(c, target))

    async def all(self, target: str | None = None) -> Sequence[RegisteredModel]:
        """The registered models, by target and number."""
        return await self._access.read(lambda c: models(c, target))


def register(
    connection: Connection, card: ModelCard, facts: Mapping[str, Any], *, activate: bool, now: datetime
) -> None:
    """Enter a model; with `activate`, it becomes the target's one active model in the same transaction.

    Raises:
        RefusedRequest: its number belongs to another model.
    """
    taken = connection.execute(
        select(ModelRow.hash).where(
            ModelRow.target == card.target, ModelRow.number == card.number, ModelRow.registered_at.is_not(None)
        )
    ).scalar()
    if taken is not None and taken != card.hash:
        raise RefusedRequest(f"{card.name}: another model has this number; take the next one")
    active = active_model(connection, card.target)
    facts = {**facts, **_how_it_decides(card)}
    connection.execute(insert_new(ModelRow), model_row(card, now))
    its_row = (ModelRow.target == card.target, ModelRow.hash == card.hash)
    if taken is None:
        round_ = facts.get("round")
        connection.execute(
            update(ModelRow)
            .where(*its_row)
            .values(
                number=card.number,
                backbone_hash=card.backbone_hash,
                facts=dict(facts),
                round=round_ if isinstance(round_, int) else None,
                parent=active.card.name if active else None,
                registered_at=now,
            )
        )
    connection.execute(update(ModelRow).where(*its_row).values(threshold=card.threshold))
    if activate:
        connection.execute(update(ModelRow).where(ModelRow.target == card.target, ModelRow.active).values(active=False))
        connection.execute(update(ModelRow).where(*its_row).values(active=True, activated_at=now))


def activate(connection: Connection, target: str, number: int, now: datetime) -> RegisteredModel:
    """Put a registered model in force and the one before out of it.

    Raises:
        RefusedRequest: the target has no model of that number; it names those that there are.
    """
    known = {model.card.number: model for model in models(connection, target)}
    if number not in known:
        names = ", ".join(model.card.name for model in known.values()) or "none yet; crawl train makes one"
        raise RefusedRequest(f"{target}/{number}: no such model; there are: {names}")
    of_target = (ModelRow.target == target, ModelRow.registered_at.is_not(None))
    connection.execute(update(ModelRow).where(ModelRow.target == target, ModelRow.active).values(active=False))
    connection.execute(
        update(ModelRow).where(*of_target, ModelRow.number == number).values(active=True, activated_at=now)
    )
    return replace(known[number], active=True)


def active_model(connection: Connection, target: str) -> RegisteredModel | None:
    """The model in force for a target."""
    found = [model for model in models(connection, target) if model.active]
    return found[0] if found else None


def next_number(connection: Connection, target: str) -> int:
    """The number for a model that is about to be made."""
    highest = connection.execute(
        select(func.max(ModelRow.number)).where(ModelRow.target == target, ModelRow.registered_at.is_not(None))
    ).scalar()
    return 1 + (highest or 0)


def models(connection: Connection, target: str | None = None) -> Sequence[RegisteredModel]:
    """The registered models, by target and number."""
    statement = select(*ModelRow.__table__.c).where(ModelRow.registered_at.is_not(None))
    if target is not None:
        statement = statement.where(ModelRow.target == target)
    return tuple(
        RegisteredModel(
            card=_card(row),
            active=row.active,
            registered_at=row.registered_at,
            facts=row.facts,
            parent=row.parent,
            round=row.round,
        )
        for row in connection.execute(statement.order_by(ModelRow.target, ModelRow.number))
    )


def _how_it_decides(card: ModelCard) -> Mapping[str, Any]:
    """What a card says besides the columns; nothing where there is nothing to say, as for every older model."""
    extras = {
        "shifts": list(card.shifts) if any(card.shifts) else None,
        "refusal": card.refusal or None,
        "ai_weights": [one.to_json() for one in card.ai_weights] or None,
    }
    return {name: value for name, value in extras.items() if value is not None}


def _card(row: Any) -> ModelCard:
    facts = row.facts
    shifts, refusal = tuple(float(shift) for shift in facts.get("shifts", ())), str(facts.get("refusal", ""))
    try:
        taggers = ai_weights_from_json(facts.get("ai_weights", []))
        return ModelCard(row.target, row.number, row.hash, row.backbone_hash, row.threshold, shifts, refusal, taggers)
    except (BadName, ValueError) as error:
        raise DatabaseDamaged(f"the database names a model that cannot be one: {error}; restore a backup") from error


def model_row(card: ModelCard, now: datetime) -> Mapping[str, Any]:
    """A model that has only been seen."""
    return {
        "target": card.target,
        "number": card.number,
        "hash": card.hash,
        "backbone_hash": card.backbone_hash,
        "threshold": card.threshold,
        "facts": {},
        "seen_at": now,
        "active": False,
    }
