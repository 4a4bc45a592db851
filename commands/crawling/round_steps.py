"""The steps of a round that take long or change something, each with what it needs to be imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from classifier.progress import ProgressCallback
from storage.archive import Archive

if TYPE_CHECKING:
    from classifier.package.package import Package
    from classifier.package.references import References
    from rounds.examples.references import ReferencePixels
    from rounds.head_round import Candidate, HeadRoundSettings, RoundOutcome, Snapshot


class RoundSteps:
    """What `crawl train` does once it knows what to learn from; nothing is imported before it is asked for."""

    def look(self, pixels: ReferencePixels, package: Package) -> References:
        """A person's pictures as a package's network sees them, in a thread; see `ReferencePixels.looked_at`."""
        return pixels.looked_at(package)

    def learn(self, snapshot: Snapshot, settings: HeadRoundSettings) -> Candidate:
        """A head from labels, tags and embeddings, in a thread; see `head_round.learn_candidate`."""
        from rounds.head_round import learn_candidate

        return learn_candidate(snapshot, settings)

    async def finish(
        self,
        candidate: Candidate,
        archive: Archive,
        models: Path,
        settings: HeadRoundSettings,
        report: ProgressCallback,
    ) -> RoundOutcome:
        """Put in force, unless it is worse, and decide again; see `head_round.finish`."""
        from rounds.head_round import finish

        return await finish(candidate, archive, models, settings, report=report)
