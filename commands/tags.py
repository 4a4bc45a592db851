"""`crawl tags`: which posts lack a target's tag at the site, and which have it wrongly; nothing is ever sent there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commands.context.output_paths import check_output, write_output
from commands.context.workspace import Workspace, load_workspace
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.post_links import link_of, post_links
from commands.lookup.targets import known_target
from commands.pages.tag_list import TagList, TagRow, tag_csv, tag_table
from commands.terminal.console import print_json, say
from commands.terminal.machine_formats import print_formatted
from commands.terminal.tables import print_line, print_table
from storage.archive_records import RegisteredModel
from storage.reader import Reader
from storage.records import Target
from storage.reports.post_facts import PostFacts, gallery_id, known_sites, labelled_against_tags, post_facts

if TYPE_CHECKING:
    from rounds.questions.tag_proposals import Proposal

LISTED = 500  # posts of either kind where no limit is given
_ON_SCREEN = 24  # of either kind


@dataclass(frozen=True, slots=True)
class TagsOptions:
    """The options of `crawl tags`."""

    keep: str | None = None
    missing: bool = False  # only these
    wrong: bool = False
    sure: float | None = None  # 0..1; None: as the learning loop has it
    limit: int | None = None  # of either kind
    to: Path | None = None  # the page
    as_csv: bool = False
    as_json: bool = False
    quiet: bool = False


def run(options: TagsOptions, root: Path | None, config: Path | None) -> int:
    """List them; writes nothing but the page.

    Raises:
        UsageRefused: the options contradict each other, or no such target is known.
    """
    if options.as_csv and options.as_json:
        raise UsageRefused("give --csv or --json, not both")
    if options.to is not None:
        check_output(options.to, "--to")
    workspace = load_workspace(root, config)
    with read_gallery(workspace) as reader:
        target = known_target(reader, options.keep)
        model = reader.active_model(target.name)
        lists = _lists(options, workspace, reader, target, model)
        if options.to is not None:
            _write_page(options.to, workspace, reader, lists, target, model)
    _show(options, lists, target, model)
    return 0


def _lists(
    options: TagsOptions, workspace: Workspace, reader: Reader, target: Target, model: RegisteredModel | None
) -> Sequence[TagList]:
    from rounds.questions.tag_proposals import ProposalKind, best_first, expected_precision

    found = _proposals(options, workspace, reader, target, model)
    posts = reader.ask(lambda c: post_facts(c, [one.version_id for one in found]))
    at_sites, links = _targets_by_site(reader, target), post_links(workspace, reader)
    kinds = [kind for kind in ProposalKind if getattr(options, kind.value) or options.missing == options.wrong]
    lists = []
    for kind in kinds:
        rows = [
            TagRow(one, post, at_sites[post.site].tag, link_of(links, post.site, post.post_id))
            for one in best_first([one for one in found if one.kind is kind])
            if (post := posts.get(one.version_id)) is not None and _is_open(one, post, at_sites[post.site])
        ]
        shown = rows[: options.limit or LISTED]
        lists.append(TagList(kind, shown, len(rows), expected_precision([row.proposal for row in shown])))
    return lists


def _proposals(
    options: TagsOptions, workspace: Workspace, reader: Reader, target: Target, model: RegisteredModel | None
) -> Sequence[Proposal]:
    from rounds.questions.decision_rule import DecisionRule
    from rounds.questions.tag_proposals import SURE, by_model, by_people

    found = list(by_people(reader.ask(lambda c: labelled_against_tags(c, target))))
    if why := _silent(model):
        say(f"only what people labelled is proposed: {why}")
    if model is None or model.card.refusal:
        return found
    rule = DecisionRule.of(model.card, trust_tags=workspace.settings.scoring.trust_tags)
    evidence = reader.evidence(target, model.card.backbone_hash)
    return [*found, *by_model(evidence, rule, sure=SURE if options.sure is None else options.sure)]


def _silent(model: RegisteredModel | None) -> str:
    """Why no score is a reason; "" where they are."""
    if model is None:
        return "no model is in force"
    return f"{model.card.name} may not decide ({model.card.why_it_refuses})" if model.card.refusal else ""


def _targets_by_site(reader: Reader, target: Target) -> Mapping[str, Target]:
    """What each site calls it."""
    return {
        site: next((one for one in reader.targets(site) if one.name == target.name), target)
        for site in reader.ask(known_sites)
    }


def _is_open(proposal: Proposal, post: PostFacts, target: Target) -> bool:
    """Whether the site has still to be told; not of posts that it hides, nor of somebody dressed as the target."""
    if post.is_gone:
        return False
    named = not post.tags.isdisjoint(target.names)
    return named if proposal.kind == "wrong" else not named and post.tags.isdisjoint(target.cosplays)


def _write_page(
    path: Path,
    workspace: Workspace,
    reader: Reader,
    lists: Sequence[TagList],
    target: Target,
    model: RegisteredModel | None,
) -> None:
    from commands.pages.tag_page import TagPageFacts, tag_page

    name = model.card.name if model is not None and not model.card.refusal else ""
    made = f"{workspace.clock():%Y-%m-%d %H:%M} UTC"
    page = tag_page(TagPageFacts(reader.ask(gallery_id), target.name, target.tag, name, made), lists, reader)
    write_output(path, "--to", lambda file: file.write(page))


def _show(options: TagsOptions, lists: Sequence[TagList], target: Target, model: RegisteredModel | None) -> None:
    page = None if options.to is None else str(options.to)
    if options.as_json:
        named = {"target": target.name, "tag": target.tag, "model": None if model is None else model.card.name}
        print_json(named | {one.kind.value: one.to_json() for one in lists} | {"page": page, "exit": 0})
    elif options.as_csv:
        for one in lists if not options.quiet else ():
            say(one.words(target.tag))
        print_formatted(tag_csv(lists))
    else:
        for one in lists:
            _print(one, target.tag)
        if page is not None:
            print_line(page)


def _print(one: TagList, tag: str) -> None:
    print_line(one.words(tag))
    if one.rows:
        print_table(tag_table(one.rows[:_ON_SCREEN]))
    more = len(one.rows) - _ON_SCREEN
    if more > 0:
        say(f"{more} more: --to FILE has all of them with pictures, --csv as a table")
