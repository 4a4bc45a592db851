"""How a run did against what the demo gallery knows about its own pictures.

Only a gallery on this machine that answers `/demo/truth.json` is asked; the crawl itself never sees the answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

from commands.crawling.summary import Truth
from crawler.errors import CrawlError
from crawler.transport.budget import Kind
from crawler.transport.http import Ask, Http
from storage.reader import JudgedPost
from storage.records import Target

TRUTH_S = 30.0  # seconds to wait for the answer
MAX_BYTES = 64_000_000


async def fetch_truth(http: Http) -> Mapping[str, Any] | None:
    """What the gallery at this loopback address says, or None when it says nothing.

    The request is like every other: within the budget, under our name, and counted.
    """
    ask = Ask(f"{http.site.api_url}/demo/truth.json", Kind.API)
    try:
        async with asyncio.timeout(TRUTH_S), http.exchange(ask) as answer:
            found = json.loads(await answer.read(MAX_BYTES))
    except (CrawlError, ValueError, RecursionError, TimeoutError):
        return None
    return found if isinstance(found, dict) else None


def compare(target: Target, judged: Iterable[JudgedPost], truth: Mapping[str, Any]) -> Truth:
    """Count right, wrong and missed, over all judged posts and over those without the tag."""
    names = target.names
    counts = dict.fromkeys(("right", "wrong", "missed", "u_right", "u_wrong", "u_missed"), 0)
    for one in judged:
        shown = truth.get(str(one.post_id))
        if shown is None:
            continue
        there = bool(names & set(shown["characters"]))
        kind = {(True, True): "right", (True, False): "wrong", (False, True): "missed"}.get((one.kept, there))
        if kind is None:
            continue
        counts[kind] += 1
        if not one.tagged:
            counts[f"u_{kind}"] += 1
    return Truth(target.name, *counts.values())
