"""What a run ends with: a table for people and one JSON object for programs, both from the same figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from commands.crawling.takeover import Succession
from commands.output.expectations import Expected
from commands.terminal.console import printable
from commands.terminal.tables import facts_table
from crawler.tally import KeptAs, Outcome, Tally
from storage.plurals import counted


@dataclass(frozen=True, slots=True)
class Truth:
    """How the run did against what the demo gallery knows of its own pictures, for one target."""

    target: str
    kept_right: int  # kept, and it shows the target
    kept_wrong: int  # kept, and it does not
    missed: int  # shows the target, and was not kept
    untagged_right: int  # the same three, on posts whose own tags do not name the target
    untagged_wrong: int
    untagged_missed: int

    @property
    def precision(self) -> float | None:
        """Share of the kept posts that show the target."""
        return _share(self.kept_right, self.kept_right + self.kept_wrong)

    @property
    def recall(self) -> float | None:
        """Share of the posts showing the target that were kept."""
        return _share(self.kept_right, self.kept_right + self.missed)

    @property
    def untagged_precision(self) -> float | None:
        """Precision of what only looking could find."""
        return _share(self.untagged_right, self.untagged_right + self.untagged_wrong)

    @property
    def untagged_recall(self) -> float | None:
        """Recall on what only looking could find."""
        return _share(self.untagged_right, self.untagged_right + self.untagged_missed)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of one run."""

    run: int
    site: str
    tag: str
    targets: tuple[str, ...]
    tally: Tally
    requests: int
    bytes_listing: int
    bytes_renditions: int  # looked at, those that a first model was learned from included
    bytes_originals: int  # transferred, those that did not arrive whole included
    device_busy: float  # 0..1
    device: str
    models: tuple[str, ...]
    thresholds: tuple[float, ...]
    exit: int
    seconds: float  # of the crawl itself
    preparing_seconds: float = 0.0  # before it, until the judge was ready: learning a first model takes minutes
    truths: tuple[Truth, ...] = ()
    expected: tuple[Expected, ...] = ()  # of the models that decide
    refusals: tuple[tuple[int, str], ...] = ()  # posts that a model may not decide, and why
    notes: tuple[str, ...] = field(default=())  # what the user should know or do next
    unaccounted: int = 0  # posts that the site counts and the walk did not show, beyond what its count may be off by
    dry_run: bool = False
    tagger: str = ""  # the user's own, and where it computes; "" where there is none
    tagger_busy: float = 0.0  # 0..1
    successions: tuple[Succession, ...] = ()  # what came of networks that were trained beside the crawl
    scored_originals: bool = False  # then they were downloaded to be looked at, and rejects went to the trash

    @property
    def images_per_second(self) -> float:
        """Pictures scored a second, over the whole run."""
        return self.tally.scored / self.seconds if self.seconds > 0 else 0.0

    @property
    def bytes_saved(self) -> int:
        """What downloading every original would have cost more."""
        return max(0, self.tally.bytes_if_all - self.bytes_originals - self.bytes_renditions)

    def to_json(self) -> Mapping[str, Any]:
        """The documented object of `crawl --json`."""
        outcomes = self.tally.outcomes
        record: dict[str, Any] = {
            "run": self.run,
            "site": self.site,
            "tag": self.tag,
            "targets": list(self.targets),
            "listed": self.tally.listed,
            "scored": self.tally.scored,
            "looked_first": self.tally.looked_first,
            "looked_twice": self.tally.looked_twice,
            "looked_inside": self.tally.looked_inside,
            "kept": outcomes[Outcome.KEPT],
            "kept_tagged": {str(kind): self.tally.kept_as[kind] for kind in KeptAs},
            "deleted": outcomes[Outcome.DELETED],
            "undecided": outcomes[Outcome.UNDECIDED],
            "failed": outcomes[Outcome.FAILED],
            "gone": outcomes[Outcome.GONE],
            "seen": outcomes[Outcome.SEEN],
            "hidden": outcomes[Outcome.HIDDEN],
            "gaps": self.tally.gaps,
            "requests": self.requests,
            "bytes_listing": self.bytes_listing,
            "bytes_renditions": self.bytes_renditions,
            "bytes_originals": self.bytes_originals,
            "bytes_if_all": self.tally.bytes_if_all,
            "preparing_seconds": round(self.preparing_seconds, 3),
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 2),
            "device_busy": round(self.device_busy, 4),
            "model": _one_or_many(self.models),
            "threshold": _one_or_many(self.thresholds),
            "notes": list(self.notes),
            "exit": self.exit,
        }
        if self.tagger:
            record |= {"tagger": self.tagger, "tagger_busy": round(self.tagger_busy, 4)}
        if self.expected:
            record["expected"] = [one.to_json() for one in self.expected]
        record["decided_by"] = dict(self.tally.decided_by)
        if self.successions:
            record["takeover"] = [one.to_json() for one in self.successions]
            record["decided_again"] = self.tally.decided_again
        if self.truths:
            record["truth"] = [_truth_json(truth) for truth in self.truths]
        return record

    def every_model(self) -> tuple[str, ...]:
        """Names of the models that decided, those in force at the end first."""
        return tuple(dict.fromkeys((*self.models, *sorted(self.tally.decided_by))))

    def still_open(self) -> Iterator[tuple[str, int, str]]:
        """What the run did not complete: what is counted, how many, and why."""
        tally = self.tally
        for reason, count in tally.reasons[Outcome.FAILED].most_common():
            yield "posts", count, reason
        yield "posts", max(0, tally.listed - tally.finished), "listed and not looked at"
        for count, why in self.refusals:
            yield "posts", count, why
        yield "id ranges", tally.gaps, "could not be listed"
        yield "rows", tally.refused, "no valid posts in the site's answers"
        yield "posts", self.unaccounted, "counted by the site and not shown by the walk"

    def to_table(self) -> RenderableType:
        """The closing table; the notes are printed as lines, they have commands to paste."""
        table = facts_table(self._title())
        for name, value in self._rows():
            table.add_row(name, Text(value))
        return table

    def _title(self) -> Text:
        kept = " ".join(f"--keep {target}" for target in self.targets)
        return Text(printable(f"{'dry run' if self.dry_run else f'run {self.run}'}: {self.tag} {kept} on {self.site}"))

    def _rows(self) -> list[tuple[str, str]]:
        tally, outcomes = self.tally, self.tally.outcomes
        rejects = "to the trash" if self.scored_originals else "originals never downloaded"
        rows = [
            ("listed", counted(tally.listed, "post") + (f", {tally.known} decided before" if tally.known else "")),
            ("kept", _kept(tally)),
            ("deleted", f"{outcomes[Outcome.DELETED]} ({rejects})"),
            ("undecided", _with_reasons(outcomes[Outcome.UNDECIDED], tally, Outcome.UNDECIDED)),
            ("hidden", _with_reasons(outcomes[Outcome.HIDDEN], tally, Outcome.HIDDEN)),
            ("failed", _with_reasons(outcomes[Outcome.FAILED], tally, Outcome.FAILED)),
        ]
        if tally.looked_first:
            first = f"{tally.looked_first} at a smaller rendition first"
            rows.append(("looked", f"{first}, {tally.looked_twice} of these at a larger one too"))
        if tally.looked_inside:
            rows.append(("looked inside", f"{counted(tally.looked_inside, 'moving file')} with a doubtful preview"))
        if outcomes[Outcome.GONE]:
            rows.append(("gone", _with_reasons(outcomes[Outcome.GONE], tally, Outcome.GONE)))
        if outcomes[Outcome.SEEN]:
            seen = _with_reasons(outcomes[Outcome.SEEN], tally, Outcome.SEEN)
            rows.append(("elsewhere", f"{seen}, by an archive; not fetched again"))
        if tally.listed > tally.finished:
            left = counted(tally.listed - tally.finished, "listed post")
            rows.append(("left open", f"{left} not processed; run again"))
        if tally.gaps:
            rows.append(("gaps", f"{counted(tally.gaps, 'id range')} not listed; run again"))
        if tally.refused:
            rows.append(("refused rows", f"{counted(tally.refused, 'row')} of the site's answers not valid"))
        rows += [(f"expected, {one.target}", f"{one.words()}, {one.of_posts}") for one in self.expected]
        for truth in self.truths:
            rows += _truth_rows(truth)
        return rows + self._cost_rows()

    def _cost_rows(self) -> list[tuple[str, str]]:
        tally = self.tally
        fetched = self.bytes_renditions + self.bytes_originals
        saved = f"{size(self.bytes_saved)} of {size(tally.bytes_if_all)}"
        share = _share(self.bytes_saved, tally.bytes_if_all)
        first = "" if tally.first_score_s is None else f", the first after {tally.first_score_s:.1f} s"
        model = ", ".join(f"{m} at {t:.3f}" for m, t in zip(self.models, self.thresholds, strict=False)) or "none"
        tagger = [("tagger", f"{self.tagger}, {self.tagger_busy:.0%} busy")] if self.tagger else []
        return [
            ("model", model),
            *self._deciders(),
            (
                "bytes fetched",
                f"{size(fetched)} pictures, {size(self.bytes_listing)} listing, {self.requests} requests",
            ),
            ("bytes saved", saved + (f" ({share:.0%})" if share is not None else "")),
            ("speed", f"{self.images_per_second:.1f} pictures/s in {self.seconds:.1f} s{first}"),
            ("device", f"{self.device}, {self.device_busy:.0%} busy"),
            *tagger,
        ]

    def _deciders(self) -> list[tuple[str, str]]:
        """Which model decided how many posts, where another took over."""
        by = self.tally.decided_by
        if not self.successions:
            return []
        again = f", {self.tally.decided_again} of them again" if self.tally.decided_again else ""
        return [("decided by", ", ".join(f"{name} {count}" for name, count in sorted(by.items())) + again)]


def _kept(tally: Tally) -> str:
    words = {
        KeptAs.TAGGED: "tagged with the target",
        KeptAs.NOBODY: "without a character tag",
        KeptAs.OTHERS: "with another's tag",
    }
    parts = ", ".join(f"{tally.kept_as[kind]} {text}" for kind, text in words.items() if tally.kept_as[kind])
    return f"{tally.outcomes[Outcome.KEPT]}" + (f" ({parts})" if parts else "")


def _with_reasons(count: int, tally: Tally, outcome: Outcome) -> str:
    reasons = [one for one in tally.reasons[outcome].most_common(4) if one[0] != outcome]
    text = ", ".join(f"{n} {printable(reason)}" for reason, n in reasons)
    return f"{count} ({text})" if text else f"{count}"


def _truth_rows(truth: Truth) -> list[tuple[str, str]]:
    def shown(precision: float | None, recall: float | None) -> str:
        return " · ".join(
            f"{name} {'–' if value is None else f'{value:.3f}'}"
            for name, value in (("precision", precision), ("recall", recall))
        )

    found = truth.untagged_right
    there = found + truth.untagged_missed
    return [
        (f"truth, {truth.target}", f"{shown(truth.precision, truth.recall)} (counted by the demo)"),
        ("  without its tag", f"{shown(truth.untagged_precision, truth.untagged_recall)} (found {found} of {there})"),
    ]


def _truth_json(truth: Truth) -> Mapping[str, Any]:
    return {
        "target": truth.target,
        "precision": truth.precision,
        "recall": truth.recall,
        "untagged_precision": truth.untagged_precision,
        "untagged_recall": truth.untagged_recall,
        "kept_right": truth.kept_right,
        "kept_wrong": truth.kept_wrong,
        "missed": truth.missed,
        "untagged_right": truth.untagged_right,
        "untagged_wrong": truth.untagged_wrong,
        "untagged_missed": truth.untagged_missed,
    }


def _one_or_many(values: tuple[Any, ...]) -> Any:
    if not values:
        return None
    return values[0] if len(values) == 1 else list(values)


def size(count: int) -> str:
    """Bytes for people, in powers of a thousand."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
