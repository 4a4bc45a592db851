"""`crawl models`: list, show, put in force, take back, export, import and compress."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.context.gallery import hold_gallery
from commands.context.output_paths import check_output_folder
from commands.context.registered_models import verified, verified_either
from commands.context.workspace import Workspace, load_workspace
from commands.deployment.export import export_elsewhere
from commands.engine.choice import with_engine
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.targets import model_words
from commands.output.column_fit import filled, fitting
from commands.output.refusals import refusal_words
from commands.terminal.allowed_values import COMPRESSIONS, LITERT, PACKAGE
from commands.terminal.console import print_json, say
from commands.terminal.interruptible import run_stoppable
from commands.terminal.tables import list_table, print_line, print_table, screen_width
from commands.terminal.user_paths import PathRefused, expanded
from crawler.decisions import Policy
from storage.archive_records import RegisteredModel
from storage.errors import StorageError
from storage.files.paths import models_folder
from storage.plurals import counted
from storage.reader import Reader
from storage.records import ModelCard, Target

if TYPE_CHECKING:
    from rounds.evaluation.side_by_side import FindDoubted, SideBySide
    from rounds.evaluation.subject import Subject


@dataclass(frozen=True, slots=True)
class ModelsOptions:
    """The options of `crawl models`."""

    action: str  # list | show | activate | rollback | export | import | compress
    name: str | None = None  # `mona/3`, `mona`; of import: the folder
    folder: Path | None = None  # of export
    as_json: bool = False
    form: str = PACKAGE  # of export: one of `MODEL_FORMATS`
    how: str | None = None  # of compress: one of `COMPRESSIONS`
    set_words: tuple[str, ...] = ()  # of compress: KEY=VALUE
    engine: str | None = None  # of compress: what looks at stored pictures again; None: the settings' own


def run(options: ModelsOptions, root: Path | None, config: Path | None) -> int:
    """Do it."""
    if options.form != PACKAGE and options.action != "export":
        raise UsageRefused(f"--format belongs to crawl models export, not to crawl models {options.action}")
    if options.action != "compress" and (options.how is not None or options.set_words):
        raise UsageRefused(f"--how and --set belong to crawl models compress, not to crawl models {options.action}")
    if options.action != "compress" and options.engine is not None:
        raise UsageRefused(f"--engine belongs to crawl models compress, not to crawl models {options.action}")
    workspace = with_engine(load_workspace(root, config), options.engine)
    if options.action == "list":
        return _list(options, workspace)
    if options.name is None:
        raise UsageRefused(f"crawl models {options.action} needs a name, like mona/3")
    if options.action == "show":
        return _show(options, options.name, workspace)
    if options.action == "compress":
        return _compress(options, options.name, workspace)
    if options.action == "export":
        return _export(options, options.name, workspace)
    if options.action == "import":
        return run_stoppable(_import(options, _source(options.name), workspace), lambda: _LIST)
    return run_stoppable(_activate(options, options.name, workspace), lambda: _LIST)


def _source(named: str) -> Path:
    """The folder to import.

    Raises:
        UsageRefused: it is no path.
    """
    try:
        return expanded(named)
    except PathRefused as error:
        raise UsageRefused(f"the folder to import {error}") from None


_LIST = "crawl models list shows what is registered and in force; run the same command again"


COLUMNS = ("model", "active", "round", "before it", "threshold", "precision", "recall", "tested", "made")
LEAST = {"precision": 11, "recall": 11}  # columns that may wrap, and what they need to be readable
EXPENDABLE = ("made", "before it", "round", "tested")  # on narrow screens, the first one first


def _list(options: ModelsOptions, workspace: Workspace) -> int:
    with read_gallery(workspace) as reader:
        models, others = reader.models(), reader.other_thresholds()
        compared = measured_today(workspace, reader, models)
    if options.as_json:
        print_json({"models": [_plain(model) | {"same_pictures": _same(compared, model)} for model in models]})
        return 0
    if not models:
        say("no models yet; the first crawl learns one, and so does crawl train NAME --from DIR")
        return 0
    rows = [_row(model, compared.get(model.card.target)) for model in models]
    cells = {name: [row[at] for row in rows] for at, name in enumerate(COLUMNS)}
    columns, gone = fitting(cells, screen_width(), LEAST, EXPENDABLE)
    print_table(filled(list_table(), columns, screen_width(), LEAST))
    if gone:
        say(f"no room for {', '.join(gone)}: --json shows all columns")
    for words in _comparing(models, compared):
        say(words)
    for other in others:
        say(f"{other.target}: {other.words()}")
    return 0


def measured_today(
    workspace: Workspace,
    reader: Reader,
    models: Sequence[RegisteredModel],
    find_doubted: FindDoubted | None = None,
) -> Mapping[str, SideBySide]:
    """Each target's models side by side on the same pictures; a target without test pictures is left out.

    Args:
        workspace: the gallery's root, with the models' files.
        reader: of the gallery.
        models: those registered.
        find_doubted: finds contradicted tags where no round has recorded them; None: `doubted_tags`.
    """
    known = {target.name: target for target in reader.targets()}
    wanted = [target for target in known.values() if any(model.card.target == target.name for model in models)]
    if not wanted:
        return {}
    from rounds.evaluation.side_by_side import side_by_side
    from rounds.questions.doubted_tags import doubted_tags

    found: dict[str, SideBySide] = {}
    for target in wanted:
        subjects = _subjects(workspace, target, models)
        evidence_of = cache(partial(reader.held_out_evidence, target))
        comparison = side_by_side(subjects, evidence_of, find_doubted or doubted_tags)
        if comparison is not None:
            found[target.name] = comparison
    return found


def _subjects(workspace: Workspace, target: Target, models: Sequence[RegisteredModel]) -> Sequence[Subject]:
    """A target's models whose files are whole; the others are listed by what is recorded of them."""
    from classifier.errors import PackageError
    from rounds.evaluation.subject import Subject

    subjects = []
    for model in models:
        if model.card.target == target.name:
            with suppress(PackageError):
                subjects.append(Subject(target, model, verified(workspace, model)))
    return subjects


def _comparing(models: Sequence[RegisteredModel], compared: Mapping[str, SideBySide]) -> Iterator[str]:
    """What the figures rest on."""
    for target, comparison in compared.items():
        one = len(comparison.figures) == 1
        apart = (
            f"; {counted(comparison.set_apart, 'picture')} set apart, whose tags are probably wrong"
            if comparison.set_apart
            else ""
        )
        yield (
            f"{', '.join(sorted(comparison.figures))}: measured now on {'' if one else 'the same '}"
            f"{counted(comparison.pictures, 'test picture')} that {'it has not' if one else 'none of them has'} "
            f"learned from{apart}"
        )
        if comparison.set_apart:
            yield f"crawl evaluate {target} shows which"
    for model in models:
        if model.recognises_classes:
            held_out = "held_out" in model.facts.get("metrics", {})
            how = (
                "on the test split of its pictures"
                if held_out
                else "out of fold on the pictures that it was trained on"
            )
            yield f"{model.card.name}: a recogniser, measured {how}; {_limits_words(_limits(model))}"
    others = [model.card.name for model in models if _recorded(model) and not _is_in(compared, model)]
    if others:
        yield f"{', '.join(others)}: on other pictures, those of its own round; not to be compared"


def _limits(model: RegisteredModel) -> Mapping[str, float]:
    """What a recogniser's answer must reach to be a name, each 0..1."""
    recorded = model.facts.get("metrics", {}).get("limits") or {"top": model.card.threshold}
    return {name: float(recorded.get(name, 0.0)) for name in ("top", "gap", "deviation")}


def _limits_words(limits: Mapping[str, float]) -> str:
    from classifier.recognition.certainty import limit_words

    words = limit_words(limits)
    return f"it says a name from {words} on" if words else "it answers with the likeliest class, however sure it is"


def _is_in(compared: Mapping[str, SideBySide], model: RegisteredModel) -> bool:
    comparison = compared.get(model.card.target)
    return comparison is not None and model.card.name in comparison.figures


def _same(compared: Mapping[str, SideBySide], model: RegisteredModel) -> Any:
    """A model's figures on the same pictures as its neighbours', for a program; None: it has none."""
    if not _is_in(compared, model):
        return None
    comparison = compared[model.card.target]
    return comparison.figures[model.card.name].to_json() | {"set_apart": comparison.set_apart}


def _recorded(model: RegisteredModel) -> Mapping[str, Any]:
    """What its round recorded."""
    test: Mapping[str, Any] = model.facts.get("metrics", {}).get("test") or {}
    return test


def _row(model: RegisteredModel, comparison: SideBySide | None) -> tuple[str, ...]:
    here = None if comparison is None else comparison.figures.get(model.card.name)
    if model.recognises_classes:
        return _recogniser_row(model)
    test: Mapping[str, Any] = _recorded(model) if here is None else here.to_json()
    tested = str(test.get("examples", ""))
    return (
        model.card.name,
        "yes" if model.active else "",
        "" if model.round is None else str(model.round),
        model.parent or "",
        "does not decide" if model.card.refusal else f"{model.card.threshold:.3f}",
        _figure(test.get("precision")),
        _figure(test.get("recall")),
        f"{tested} others" if tested and here is None else tested,
        f"{model.registered_at:%Y-%m-%d}",
    )


def _recogniser_row(model: RegisteredModel) -> tuple[str, ...]:
    """A recogniser's own figures: precision of its names, and recall of known pictures' names."""
    metrics = model.facts.get("metrics", {})
    measured = metrics.get("held_out") or metrics.get("out_of_fold", {})
    right, named = metrics.get("right_of_named"), metrics.get("named")
    return (
        model.card.name,
        "yes" if model.active else "",
        f"{len(model.facts.get('classes', ()))} classes",
        model.parent or "",
        "limits, below" if any(_limits(model).values()) else "none",
        "" if right is None else f"{right:.2f}",
        "" if right is None or named is None else f"{right * named:.2f}",
        str(measured.get("pictures", "")),
        f"{model.registered_at:%Y-%m-%d}",
    )


def _show(options: ModelsOptions, name: str, workspace: Workspace) -> int:
    from classifier.package.embedding_blocks import blocks_text
    from classifier.package.package import Package

    with read_gallery(workspace) as reader:
        model = _named(reader, name)
    package = verified_either(workspace, model)
    beside = package.head.tagger_block if isinstance(package, Package) else None
    if options.as_json:
        snapshot = {name: value for name, value in package.snapshot.items() if name not in _LONG}
        blocks = {
            "blocks": [asdict(block) for block in package.blocks],
            "tagger_block": None if beside is None else beside.facts(),
        }
        print_json(_plain(model) | {"snapshot": snapshot, **blocks})
        return 0
    report = (package.report("report.txt") or b"").decode(errors="replace")
    lines = [
        f"{model.card.name}, {'in force' if model.active else 'kept for going back'}: {package.folder}",
        f"hash {model.card.hash}, network {package.backbone_name} {model.card.backbone_hash[:12]}, files whole",
        *([f"embedding of {package.dimension} numbers: {blocks_text(package.blocks)}"] if package.blocks else []),
        *([f"beside it: {beside.title}"] if beside is not None else []),
        *([refusal_words(model.card)] if model.card.refusal else []),
        *report.splitlines(),
    ]
    for line in lines:
        print_line(line)
    return 0


_LONG = frozenset({"parts", "posts"})
_PARENT = "the model"


def _compress(options: ModelsOptions, name: str, workspace: Workspace) -> int:
    from commands.training.compression import CompressOptions, compress

    if options.how is None:
        raise UsageRefused(f"crawl models compress needs a way: --how {'|'.join(COMPRESSIONS)}")
    return compress(CompressOptions(name, options.how, options.set_words, options.as_json), workspace)


def _export(options: ModelsOptions, name: str, workspace: Workspace) -> int:
    from classifier.package.transfer import copy_package
    from classifier.recognition.package import load_either

    if options.folder is None:
        raise UsageRefused("crawl models export needs a folder to write to")
    check_output_folder(options.folder, "crawl models export")
    with read_gallery(workspace) as reader:
        model = _named(reader, name)
    package = verified_either(workspace, model)
    if options.form != PACKAGE:
        if package.light_only and options.form != LITERT:
            raise UsageRefused(
                f"{model.card.name} is an int8 model, which LiteRT alone runs: --format package or litert; "
                f"{model.parent or _PARENT}, which it was made of, can be had as {options.form}"
            )
        return export_elsewhere(model.card, package, options.folder, options.form, as_json=options.as_json)
    into = options.folder / f"{model.card.target}-{model.card.number}"
    try:
        if into.exists():
            raise UsageRefused(f"{into} exists already; nothing was written")
        copy_package(package, into, load_either)
    except OSError as error:
        raise StorageError(f"{into}: {error.strerror or error}; the model was not exported") from error
    say(f"{model.card.name} is in {into}; crawl models import {into} adds it to another gallery")
    if options.as_json:
        print_json({"model": model.card.name, "folder": str(into), "hash": model.card.hash, "exit": 0})
    return 0


async def _import(options: ModelsOptions, source: Path, workspace: Workspace) -> int:
    from classifier.inference.batcher import PackagePin, Scorer, ScorerSettings
    from classifier.inference.runtime import RuntimeSettings
    from rounds.models import import_model

    await asyncio.to_thread(_check_package, source)

    settings = ScorerSettings(runtime=RuntimeSettings(check_networks=True))

    async def prove(card: ModelCard, folder: Path) -> None:
        async with Scorer({card.target: PackagePin(folder, card.hash)}, settings):
            return

    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, workspace, "crawl models import", create=True)
        name = await import_model(archive, source, models_folder(workspace.root), prove)
    say(f"{name} is registered; crawl models activate {name} puts it in force")
    if options.as_json:
        print_json({"model": name, "exit": 0})
    return 0


def _check_package(source: Path) -> None:
    """Refuse what is no model before a gallery is made for it.

    Raises:
        UsageRefused: there is no such folder.
        PackageError: it is no whole package.
    """
    from classifier.package.keras_file import check_description
    from classifier.recognition.package import load_either

    if not source.is_dir():
        raise UsageRefused(f"there is no folder {source}; crawl models export makes one, nothing was imported")
    package = load_either(source)
    if not package.light_only:
        check_description(package.keras)


async def _activate(options: ModelsOptions, name: str, workspace: Workspace) -> int:
    from rounds.models import Switch, model_before, switch

    with read_gallery(workspace) as reader:
        models = reader.models()
        model = (
            model_before(models, model_words(reader, name)) if options.action == "rollback" else _named(reader, name)
        )
        if model.recognises_classes:
            verified_either(workspace, model)
            return await _activate_recogniser(options, model, workspace)
        package = verified(workspace, model)
        target = next((target for target in reader.targets() if target.name == model.card.target), None)
        evidence = reader.evidence(target, model.card.backbone_hash) if target else None
    if target is None or evidence is None:
        return await _activate_before_any_crawl(options, model, workspace)
    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, workspace, f"crawl models {options.action}")
        policy = Policy(trust_tags=workspace.settings.scoring.trust_tags)
        rescored = await switch(archive, Switch(target, model, package, evidence), policy)
    if model.card.refusal:
        say(refusal_words(model.card))
    say(f"{model.card.name} is in force: {counted(rescored.posts, 'picture')} rescored from stored embeddings")
    say("crawl apply moves the files whose decision changed")
    if options.as_json:
        print_json({"model": model.card.name, "rescored": rescored.posts, "kept": rescored.kept, "exit": 0})
    return 0


async def _activate_before_any_crawl(options: ModelsOptions, model: RegisteredModel, workspace: Workspace) -> int:
    """Put a model in force that was imported or trained from a folder: nothing was decided yet that would follow it."""
    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, workspace, f"crawl models {options.action}")
        await archive.activate_model(model.card.target, model.card.number)
    say(f"{model.card.name} is in force; crawl --tag TAG --keep {model.card.target} uses it")
    if options.as_json:
        print_json({"model": model.card.name, "rescored": 0, "kept": 0, "exit": 0})
    return 0


async def _activate_recogniser(options: ModelsOptions, model: RegisteredModel, workspace: Workspace) -> int:
    """Put a recogniser in force; no decision of the gallery rests on one."""
    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, workspace, f"crawl models {options.action}")
        await archive.activate_model(model.card.target, model.card.number)
    say(f"{model.card.name} is in force; crawl classify FOLDER --with {model.card.target} uses it")
    if options.as_json:
        print_json({"model": model.card.name, "rescored": 0, "kept": 0, "exit": 0})
    return 0


def _named(reader: Reader, name: str) -> RegisteredModel:
    from rounds.models import named_model

    return named_model(reader.models(), model_words(reader, name))


def _plain(model: RegisteredModel) -> dict[str, Any]:
    facts = json.loads(json.dumps(dict(model.facts), default=str))
    return {
        "model": model.card.name,
        "kind": "recogniser" if model.recognises_classes else "target",
        "active": model.active,
        "round": model.round,
        "parent": model.parent,
        "threshold": model.card.threshold,
        **({"limits": _limits(model)} if model.recognises_classes else {}),
        "refusal": model.card.refusal,
        "ai_weights": [one.to_json() for one in model.card.ai_weights],
        "hash": model.card.hash,
        "registered_at": model.registered_at.isoformat(),
        "metrics": facts.get("metrics", {}),
    }


def _figure(value: Any) -> str:
    """A figure with its interval, where it was measured: 0.97 (0.94–0.99)."""
    if not isinstance(value, dict) or value.get("value") is None:
        return ""
    low, high = value.get("low"), value.get("high")
    limits = "" if low is None or high is None else f" ({low:.2f}–{high:.2f})"
    return f"{value['value']:.2f}{limits}"


__all__ = ["ModelsOptions", "run"]
