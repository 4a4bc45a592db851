"""The page of a timeline: one file that needs nothing else, with lanes, thumbnails, and no script at all."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import jinja2
from markupsafe import Markup

from classifier.video.timeline import Appearance
from commands.terminal.escapes import printable
from commands.videos.timeline_formats import clock, seconds_of

GENERATOR = "boorusieve timeline"
MOST_CARDS = 300  # appearances with a picture; the lanes show all
_POLICY = "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'"
_LEFT, _WIDTH, _LANE = 190, 800, 22  # of the drawing: room for names, length of the video, height of a lane
_LONGEST_LABEL = 24  # characters
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MOST_TICKS = 8


@dataclass(frozen=True, slots=True)
class TimelineFacts:
    """What the page says above its timeline."""

    title: str  # the video's name
    facts: str
    duration_s: float
    trouble: str = ""


def timeline_html(appearances: Sequence[Appearance], facts: TimelineFacts) -> str:
    """The page. Names come from outside: everything is escaped."""
    style = _template("timeline.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    lanes = _lanes(appearances, facts.duration_s)
    more = len(appearances) - MOST_CARDS
    return environment.from_string(
        _template("timeline.html")
    ).render(
        generator=GENERATOR,
        policy=_POLICY.format(style=digest),
        style=Markup(style),  # noqa: S704 - our own file
        title=printable(facts.title),
        facts=printable(facts.facts),
        trouble=printable(facts.trouble),
        lanes=lanes,
        height=len(lanes) * _LANE + 24,
        ticks=_ticks(facts.duration_s),
        summary=_summary(appearances),
        heading=f"{len(appearances)} appearances" if len(appearances) != 1 else "1 appearance",
        cards=[_card(one) for one in appearances[:MOST_CARDS]],
        left_out=f"{more} more appearances are in timeline.csv" if more > 0 else "",
    )


def _template(name: str) -> str:
    return files("commands.videos").joinpath("templates", name).read_text(encoding="utf-8")


def _lanes(appearances: Sequence[Appearance], duration_s: float) -> list[dict[str, object]]:
    """A lane a name, the one that is seen longest first."""
    return [
        {
            "y": number * _LANE,
            "label": _short(printable(name)),
            "bars": [_bar(one, duration_s) for one in appearances if one.name == name],
        }
        for number, name in enumerate(seconds_of(appearances))
    ]


def _bar(one: Appearance, duration_s: float) -> dict[str, object]:
    start, end = (_LEFT + _WIDTH * time_s / (duration_s or 1.0) for time_s in (one.start_s, one.end_s))
    return {
        "x": round(start, 2),
        "width": round(max(1.5, end - start), 2),
        "opacity": round(0.35 + 0.65 * one.confidence, 2),
        "words": f"{printable(one.name)}: {_span(one)}",
    }


def _ticks(duration_s: float) -> list[dict[str, object]]:
    step = next((step for step in _STEPS_S if duration_s / step <= _MOST_TICKS), _STEPS_S[-1])
    count = math.floor(duration_s / step) if math.isfinite(duration_s) else 0
    return [
        {"x": round(_LEFT + _WIDTH * number * step / (duration_s or 1.0), 2), "words": clock(number * step)[:8]}
        for number in range(min(count, 200) + 1)
    ]


def _card(one: Appearance) -> dict[str, str]:
    picture = f"data:image/jpeg;base64,{base64.b64encode(one.thumbnail).decode()}" if one.thumbnail else ""
    name = printable(one.name)
    return {"picture": picture, "alt": f"{name} at {clock(one.best_s)}", "name": name, "words": _span(one)}


def _span(one: Appearance) -> str:
    return f"{clock(one.start_s)} to {clock(one.end_s)}, confidence {one.confidence:.2f}"


def _summary(appearances: Sequence[Appearance]) -> str:
    seen = ", ".join(f"{printable(name)} {seconds:.1f} s" for name, seconds in seconds_of(appearances).items())
    return f"Who is seen for how long: {seen}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"
