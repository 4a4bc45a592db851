"""`crawl status`: what a gallery holds, and what is still open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from commands.context.workspace import load_workspace
from commands.crawling.summary import size
from commands.lookup.gallery_reader import read_gallery
from commands.terminal.console import print_json, printable
from commands.terminal.tables import facts_table, print_table
from storage.objects.location import remembered_objects
from storage.plurals import counted
from storage.reader import Reader
from storage.records import LabelReason, ModelCard
from storage.rows.status import RunFacts, Status

if TYPE_CHECKING:
    from rounds.questions.estimate import Estimates


def run(root: Path | None, config: Path | None, *, as_json: bool) -> int:
    """Print the status of the root."""
    workspace = load_workspace(root, config)
    with read_gallery(workspace) as reader:
        status = reader.status()
        estimates = _so_far(reader, status, trust_tags=workspace.settings.scoring.trust_tags)
        if as_json:
            so_far = {target: found.to_json() for target, found in estimates.items()}
            print_json(_as_json(status) | _places(status.root) | {"so_far": so_far, "digest": reader.digest()})
            return 0
    table = facts_table(Text(printable(str(status.root))))
    if (objects := remembered_objects(status.root)) is not None:
        table.add_row("pictures", Text(printable(str(objects))))
    for name, value in _rows(status, estimates):
        table.add_row(name, Text(printable(value)))
    print_table(table)
    return 0


def _places(root: Path) -> dict[str, str | None]:
    objects = remembered_objects(root)
    return {"files": None if objects is None else str(objects)}


def _so_far(reader: Reader, status: Status, *, trust_tags: bool) -> Mapping[str, Estimates]:
    """How good the gallery is, by target, estimated from answers to the random sample; mostly there are none."""
    if not status.labels:
        return {}
    known = {target.name: target for target in reader.targets()}
    found: dict[str, Estimates] = {}
    for model in status.models:
        name = model.card.target
        if not model.active or name not in known:
            continue
        drawn = [label.version_id for label in reader.labels(name) if label.why is LabelReason.RANDOM]
        if drawn:
            from rounds.questions.decision_rule import DecisionRule
            from rounds.questions.estimate import estimates, rows_of  # takes a moment to load, and is seldom needed

            evidence = reader.evidence(known[name], model.card.backbone_hash)
            rule = DecisionRule.of(model.card, trust_tags=trust_tags)
            found[name] = estimates(evidence, rule, rows_of(evidence, drawn))
    return {name: estimates for name, estimates in found.items() if estimates.answers}


def _rows(status: Status, estimates: Mapping[str, Estimates]) -> Iterator[tuple[str, str]]:
    yield "posts", f"{status.posts}" + (f", {status.hidden} of them hidden by the site" if status.hidden else "")
    for target, counts in status.decisions.items():
        yield f"decisions, {target}", _counts(counts)
    for target, found in estimates.items():
        yield f"so far, {target}", found.words()
    for target, counts in status.places.items():
        yield f"originals, {target}", _counts({_PLACES.get(name, name): number for name, number in counts.items()})
    yield "labels", _counts(status.labels) or "none; crawl relabel keep|delete POST…"
    waiting = {state: n for state, n in status.versions.items() if state != "known"}
    if waiting:
        yield "not done", f"{_counts(waiting)}: {_counts(status.troubles)}"
    for model in status.models:
        mark = "active" if model.active else "kept for rollback"
        yield "model", f"{model.card.name}, {_does(model.card)}, {mark}"
    for target, posts in status.outdated.items():
        yield "to do", f"{posts} posts are decided by a model of {target} that is not in force: crawl rescore {target}"
    for other in status.other_thresholds:
        yield f"threshold, {other.target}", other.words()
    for listing in status.listings:
        walked = "complete" if listing.state == "complete" else f"walking, next below post {listing.cursor}"
        gaps = f", {counted(listing.gaps, 'gap')}" if listing.gaps else ""
        yield "listing", f"{listing.query} on {listing.site}: {walked}{gaps}"
    yield from (("elsewhere", f"{counted(one.posts, 'post')} of {one.site}, by {one.archive}") for one in status.seen)
    for run_facts in status.runs[:5]:
        yield "run", _run(run_facts)
    yield (
        "disk",
        (
            f"{size(status.bytes_originals)} originals, {size(status.bytes_renditions)} renditions, "
            f"{size(status.bytes_trash)} trash, {size(status.bytes_database)} database"
        ),
    )


def _does(card: ModelCard) -> str:
    return f"does not decide ({card.why_it_refuses})" if card.refusal else f"threshold {card.threshold:.3f}"


_PLACES = {"none": "not downloaded", "gallery": "in the gallery", "trash": "in the trash"}


def _run(facts: RunFacts) -> str:
    ended = f"exit {facts.exit_code}" if facts.state == "ended" else facts.state
    what = f"{facts.query} -> {', '.join(facts.targets)}" if facts.targets else facts.query
    return f"{facts.id}: {facts.started_at:%Y-%m-%d %H:%M}Z {what}: {ended}"


def _counts(counts: Any) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def _as_json(status: Status) -> dict[str, Any]:
    return {
        "root": str(status.root),
        "schema": status.schema,
        "posts": status.posts,
        "hidden": status.hidden,
        "versions": dict(status.versions),
        "troubles": dict(status.troubles),
        "decisions": {target: dict(counts) for target, counts in status.decisions.items()},
        "places": {target: dict(counts) for target, counts in status.places.items()},
        "labels": dict(status.labels),
        "models": [
            {
                "model": m.card.name,
                "active": m.active,
                "threshold": m.card.threshold,
                "refusal": m.card.refusal,
                "hash": m.card.hash,
            }
            for m in status.models
        ],
        "outdated": dict(status.outdated),
        "other_thresholds": [asdict(other) for other in status.other_thresholds],
        "runs": [{"run": r.id, "state": r.state, "exit": r.exit_code, "query": r.query} for r in status.runs],
        "listings": [
            {"site": item.site, "query": item.query, "state": item.state, "gaps": item.gaps} for item in status.listings
        ],
        "seen": [asdict(one) for one in status.seen],
        "gaps": status.gaps,
        "open_attempts": status.open_attempts,
        "bytes_originals": status.bytes_originals,
    }
