"""What becomes of a picture in a folder: the rule for one target, which is a crawl's, and the one for many names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from crawler.decisions import Ruling, effective, is_refused
from crawler.folder_pipeline import Facts, Ruled, Verdict
from storage.records import DecidedBy, DecisionValue, LabelValue, Look, Target

_VERDICTS = {
    DecisionValue.KEEP: Verdict.KEPT,
    DecisionValue.DELETE: Verdict.REJECTED,
    DecisionValue.UNDECIDED: Verdict.UNDECIDED,
}
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class TargetRule:
    """Keep what shows one target: a label beats tags, tags beat the score, as in a crawl."""

    target: Target
    ruling: Ruling

    def __call__(self, look: Look, facts: Facts) -> Ruled:
        """Decide about one picture."""
        label = None if facts.known is None else facts.known.label
        ai_tags = None if facts.post is None else facts.post.ai_tags
        decision = self.ruling.decide(self.target, facts.tags, replace(look, tagger_tags=facts.tagger_tags), ai_tags)
        if label is not None and label is not LabelValue.CLEAR:
            value = effective(decision.value, label) or DecisionValue.UNDECIDED
            return self._ruled(_VERDICTS[value], DecidedBy.LABEL, f"labelled {label}", decision.score)
        failed = decision.decided_by is DecidedBy.FAULT and look.fault is not None
        verdict = Verdict.FAILED if failed else _VERDICTS[decision.value]
        ruled = self._ruled(verdict, decision.decided_by, decision.reason, decision.score)
        return replace(ruled, refused=is_refused(decision))

    def _ruled(self, verdict: Verdict, decided_by: DecidedBy, reason: str, score: float | None) -> Ruled:
        name = self.target.name if verdict is Verdict.KEPT else ""
        return Ruled(verdict, decided_by, reason, score, name)


@dataclass(frozen=True, slots=True)
class NameRule:
    """Sort by whom a recogniser sees: a folder a name, and nobody is rejected."""

    backbone: str  # hash of its network
    decide: Callable[[bytes], tuple[str | None, float]]  # an embedding (float16) -> a name or nobody, and how sure

    def __call__(self, look: Look, facts: Facts) -> Ruled:
        """Decide about one picture."""
        if look.fault is not None or self.backbone not in look.embeddings:
            return Ruled(Verdict.FAILED, DecidedBy.FAULT, look.fault or "not looked at")
        name, score = self.decide(look.embeddings[self.backbone] + look.windows.get(self.backbone, b""))
        if name is not None:
            return Ruled(Verdict.KEPT, DecidedBy.SCORE, f"{name} {score:.3f}", score, name)
        verdict = Verdict.UNDECIDED if look.too_small else Verdict.REJECTED
        return Ruled(verdict, DecidedBy.SCORE, f"{NOBODY} {score:.3f}", score)
