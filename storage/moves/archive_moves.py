"""Files follow decisions: apply, restore, purge. Each may be killed at any point and repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from storage.database.access import Access
from storage.errors import BrakeEngaged
from storage.moves import trash
from storage.moves.apply_plan import BRAKE, Applied, ApplyPlan, BrakeLimit, plan_apply, restore_planned, trash_planned
from storage.moves.moves import Mover
from storage.moves.trash import EVERYTHING, Purged, PurgePlan, TrashChoice, Trashed
from storage.records import Post
from storage.rows.posts import load_posts


class ArchiveMoves:
    """The archive's moves: what leaves the gallery for the trash, what comes back, what is destroyed."""

    def __init__(self, access: Access, mover: Mover) -> None:
        self._access = access
        self._mover = mover

    async def plan_apply(self, target: str | None = None, limit: BrakeLimit = BRAKE) -> ApplyPlan:
        """Which originals should leave the gallery, come back, or be fetched, by what holds now."""
        return await self._access.read(lambda c: plan_apply(c, target, limit))

    async def apply(self, plan: ApplyPlan, *, confirmed: bool = False) -> Applied:
        """Bring back what is to be kept, move what is to be deleted to the trash; fetching is the caller's.

        Each file is moved only while what holds is what was planned, and its bytes are what its row says.

        Args:
            plan: by `plan_apply`.
            confirmed: a person has looked at the plan, and the brake may be released.
        Raises:
            BrakeEngaged: more would leave than a change of mind explains; nothing was moved.
            StorageError: the trash is a link, or the disk refuses; what was begun is ended by the next start.
        """
        if plan.brakes and not confirmed:
            what = "; ".join(map(str, plan.brakes))
            raise BrakeEngaged(f"{what}: nothing was moved; look at them with crawl query, then confirm with --yes")
        taken = frozenset(await self._access.on_disk_to_the_last(lambda: self._access.tree.names("trash")))
        back = await self._mover.carry_all([one.file_id for one in plan.back], restore_planned(plan))
        left = await self._mover.carry_all([one.file_id for one in plan.to_trash], trash_planned(plan, taken))
        problems = back.problems + left.problems
        moved = back.done + left.done - left.came_back
        changed = len(plan.back) + len(plan.to_trash) - moved - len(problems)
        return Applied(left.done - left.came_back, back.done, changed, problems)

    async def posts_of(self, keys: Sequence[int]) -> Sequence[Post]:
        """The posts with these row keys, in this order."""
        return await self._access.read(lambda c: load_posts(c, keys))

    async def trash(self) -> Sequence[Trashed]:
        """What lies in the trash, oldest first."""
        return await self._access.read(trash.trashed)

    async def restore(self, which: TrashChoice) -> Applied:
        """Bring files back from the trash; they stay until a new decision or label concerns them."""
        wanted = [one.file_id for one in await self.trash() if which.wants(one)]
        back = await self._mover.carry_all(wanted, trash.restore_some)
        return Applied(back=back.done, changed=len(wanted) - back.done - len(back.problems), problems=back.problems)

    async def purged_of_model(self, model: str) -> int:
        """How many of a model's rejects are gone for good and cannot be restored."""
        return await self._access.read(lambda c: trash.purged_of_model(c, model))

    async def plan_purge(self, older_than_days: float, which: TrashChoice = EVERYTHING) -> PurgePlan:
        """Which of these files in the trash may be destroyed.

        Raises:
            RefusedRequest: the age is too small, or the clock went backwards.
        """
        now = self._access.now()
        return await self._access.read(lambda c: trash.plan_purge(c, which, older_than_days, now))

    async def purge(self, plan: PurgePlan, *, confirmed: bool = False) -> Purged:
        """Destroy a plan's files for good, after a backup of the database; their rows and history stay for ever.

        Each is destroyed only while it lies in the trash, is to be deleted, is old enough, and is the file that was
        stored.

        Raises:
            BrakeEngaged: nobody confirmed; nothing was destroyed.
            RefusedRequest: the clock went backwards since the plan.
        """
        if not plan.files:
            return Purged(0, 0, (), None)
        if not confirmed:
            raise BrakeEngaged(f"{len(plan.files)} files would be destroyed for good; confirm with --yes")
        await self.plan_purge(plan.older_than_days)
        backup = await asyncio.to_thread(self._access.database.back_up, self._access.root / "backups", "before-purge")
        gone = await self._mover.carry_all([one.file_id for one in plan.files], trash.purge_planned(plan))
        return Purged(gone.done, len(plan.files) - gone.done - len(gone.problems), gone.problems, backup)
