"""Are proposals about tags as right as `crawl tags` says? Expected and true precision, side by side.

    python -m bench.tag_proposals ROOT URL

ROOT is a gallery that was crawled from the demo gallery at URL (`crawl demo --port 8000`), which knows what its
pictures show. Nothing is written.
"""

from __future__ import annotations

import argparse
import json
import urllib.request
from collections.abc import Collection, Sequence
from pathlib import Path

from rounds.questions.decision_rule import DecisionRule
from rounds.questions.tag_proposals import ProposalKind, best_first, by_model, expected_precision
from storage.archive import open_reader
from storage.reports.post_facts import post_facts

LEAST = (0.99, 0.95, 0.9, 0.8, 0.5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each kind and least probability."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("url")
    typed = parser.parse_args(arguments)
    with urllib.request.urlopen(f"{typed.url.rstrip('/')}/demo/truth.json") as answer:
        truth = json.load(answer)
    shown = {int(post): frozenset(one["characters"]) for post, one in truth.items()}
    with open_reader(typed.root) as reader:
        for target in reader.targets():
            model = reader.active_model(target.name)
            if model is None:
                continue
            evidence = reader.evidence(target, model.card.backbone_hash)
            found = best_first(by_model(evidence, DecisionRule.of(model.card, trust_tags=True), sure=min(LEAST)))
            posts = reader.ask(lambda c, ids=[one.version_id for one in found]: post_facts(c, ids))
            print(f"{model.card.name}, {len(evidence)} pictures, {int(evidence.tagged.sum())} tagged")
            print("| tag | sure | proposals | expected precision | true precision |\n| --- | --- | --- | --- | --- |")
            for kind in ProposalKind:
                for sure in LEAST:
                    chosen = [one for one in found if one.kind is kind and one.probability >= sure]
                    right = [_right(kind, shown[posts[one.version_id].post_id], target.names) for one in chosen]
                    true = f"{sum(right) / len(right):.3f}" if right else "–"
                    print(f"| {kind} | {sure} | {len(chosen)} | {expected_precision(chosen):.3f} | {true} |")
    return 0


def _right(kind: ProposalKind, shows: Collection[str], names: Collection[str]) -> bool:
    there = bool(set(shows) & set(names))
    return there if kind is ProposalKind.MISSING else not there


if __name__ == "__main__":
    raise SystemExit(main())
