"""One polite budget per group of hosts, shared by all processes of the user and surviving restarts.

Every request, retries and redirects included, takes a permit first. A token bucket bounds the rate, lock files bound
how many run at once, and a wait that the site states holds back everybody. All of it is kept in small files under the
user's state directory. Times are of the boot clock, which all processes share and no change of the wall clock moves;
after a reboot the bucket starts empty.

Throttling without a stated wait starts at a minute and doubles. While it lasts, one request at a time probes whether
it is over; when waits become unreasonable, `BlockedError` ends the run instead.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from crawler.errors import BlockedError, CrawlError
from crawler.sites import Site
from crawler.transport.retry import Sleep
from crawler.transport.shared_state import Facts, LockBusy, OwnRecord, Record, SharedRecord, SlotFiles, state_directory
from crawler.transport.wide_budget import Everywhere, WideShare

_SERVERS_CLOCK = "the server's clock"  # stands where a boot's id does: it goes on through the boots of all machines
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Kind(StrEnum):
    """What a request is for; each kind has a budget of its own."""

    API = "api"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much of one kind is polite."""

    rate: float | None  # requests a second, sustained; None: no limit
    burst: int  # requests
    at_once: int  # requests running at the same time


@dataclass(frozen=True, slots=True)
class Manners:
    """What the budget does when a site throttles us."""

    first_wait_s: float = 60.0  # after a 429 that states no wait; doubles with each further one
    least_wait_s: float = 1.0  # after a 429 that states a wait of nothing, or one in the past
    longest_wait_s: float = 900.0  # beyond it the run ends, and says when to come back
    longest_hold_s: float = 86400.0  # whatever the site states, a later run may ask again after a day
    strikes: int = 5  # 429 in a row that end the run
    probe_s: float = 30.0  # how long one probing request keeps the others back, at most
    slot_poll_s: float = 0.05  # how often to look for a free place when other processes hold all
    lock_wait_s: float = 10.0  # how long the shared record may stay locked before that is an error


def boot_clock() -> float:
    """Seconds since boot, suspension included where the system says; the same for all processes."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def boot_id() -> str:
    """What tells this boot from the one before."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:  # no Linux: the time of the boot, to the minute; a wrong guess only empties the bucket
        return f"boot-{(time.time() - time.monotonic()) / 60:.0f}"


@dataclass(slots=True)
class Bucket:
    """One kind's share of the budget."""

    kind: Kind
    allowance: Allowance
    record: Record
    manners: Manners
    boot: str
    places: SlotFiles | None  # None: this process alone counts
    wide: WideShare | None = None  # what other machines count, too; None: there are none
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one waiter a process asks the record, in order
    running: asyncio.Semaphore = field(init=False)
    striking: bool = False  # whether the last look at the record found us throttled

    def __post_init__(self) -> None:
        self.running = asyncio.Semaphore(self.allowance.at_once)

    def take(self, facts: Facts, now: float) -> float:
        """Take one permit from the record, or say how many seconds to wait before asking again."""
        self._refill(facts, now)
        held_back = _number(facts, "not_before") - now
        strikes = _number(facts, "strikes")
        self.striking = strikes > 0
        if held_back > 0:
            if held_back > self.manners.longest_wait_s or strikes >= self.manners.strikes:
                raise BlockedError(f"the site throttles us; come back in {_people(held_back)}", wait_s=held_back)
            return held_back
        probing = _number(facts, "probe_until") - now
        if strikes and probing > 0:
            return min(probing, 1.0)
        if self.allowance.rate is not None:
            tokens = _number(facts, "tokens")
            if tokens < 1.0 - 1e-9:
                return (1.0 - tokens) / self.allowance.rate
            facts["tokens"] = tokens - 1.0
        if strikes:
            facts["probe_until"] = now + self.manners.probe_s
        return 0.0

    def _refill(self, facts: Facts, now: float) -> None:
        burst, rate = float(self.allowance.burst), self.allowance.rate or 0.0
        if not facts:
            facts.update(boot=self.boot, tokens=1.0, at=now)
        elif facts.get("boot") != self.boot or _number(facts, "at") > max(now, _number(facts, "not_before")):
            facts.clear()
            facts.update(boot=self.boot, tokens=0.0, at=now)
        elif _number(facts, "at") > now:
            pass  # held back: the bucket fills from the end of the wait on, so that no burst follows it
        else:
            grown = _number(facts, "tokens") + rate * (now - _number(facts, "at"))
            facts.update(tokens=max(0.0, min(burst, grown)), at=now)

    def strike(self, facts: Facts, now: float, stated: float | None, granted: float) -> float:
        """A 429 came in for a permit granted at that time.

        Requests that were already under way when an earlier 429 came in belong to the same storm and count once.
        """
        self._refill(facts, now)
        if granted >= _number(facts, "struck_at"):
            facts["strikes"] = _number(facts, "strikes") + 1
            facts["struck_at"] = now
        facts["probe_until"] = 0.0
        wait = self.manners.first_wait_s * 2.0 ** min(20.0, _number(facts, "strikes") - 1)
        if stated is not None:
            wait = max(stated, self.manners.least_wait_s)
        self._hold(facts, now, wait)
        self.striking = True
        return 0.0

    def hold(self, facts: Facts, now: float, seconds: float) -> float:
        """The site stated a wait without counting it against us (503 with Retry-After)."""
        self._refill(facts, now)
        self._hold(facts, now, max(seconds, self.manners.least_wait_s))
        return 0.0

    def forgive(self, facts: Facts) -> float:
        """A request was answered after all."""
        facts.update(strikes=0.0, probe_until=0.0)
        return 0.0

    def _hold(self, facts: Facts, now: float, seconds: float) -> None:
        end = max(now + min(seconds, self.manners.longest_hold_s), _number(facts, "not_before"))
        facts.update(tokens=0.0, at=end, not_before=end)


class Permit:
    """Leave to make one request; held until its answer is read, so that it counts as running."""

    __slots__ = ("_bucket", "_budget", "_place", "_wide_place", "granted")

    def __init__(self, budget: Budget, bucket: Bucket) -> None:
        self._budget = budget
        self._bucket = bucket
        self._place: tuple[int, int] | None = None
        self._wide_place: int | None = None
        self.granted = 0.0

    async def __aenter__(self) -> Permit:
        await self._bucket.running.acquire()
        try:
            if self._bucket.places is not None:
                self._place = await self._budget.place(self._bucket.places)
            if self._bucket.wide is not None:
                self._wide_place = await self._budget.wide_place(self._bucket.wide, self._bucket.allowance.at_once)
            await self.again()
        except BaseException:
            self._release()
            raise
        return self

    async def again(self) -> None:
        """Take leave for one more request in the same place: a redirect, or a fresh connection."""
        self.granted = await self._budget.grant(self._bucket)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        if self._place is not None and self._bucket.places is not None:
            self._bucket.places.give_back(self._place)
            self._place = None
        if self._wide_place is not None and self._bucket.wide is not None:
            self._bucket.wide.give_back(self._wide_place)
            self._wide_place = None
        self._bucket.running.release()


class Budget:
    """The politeness of all requests to one site."""

    def __init__(
        self,
        buckets: Mapping[Kind, Bucket],
        manners: Manners,
        *,
        clock: Callable[[], float] = boot_clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._buckets = dict(buckets)
        self._manners = manners
        self._clock = clock
        self._sleep = sleep
        self._chance = random.Random()  # noqa: S311 - spreads processes out, protects nothing

    def share(self, group: str, everywhere: Everywhere) -> None:
        """Let other machines count, too, unless the site is one of this machine that asks for no limit.

        Args:
            group: whose budget it is: `Site.group`.
            everywhere: where all of them look.
        """
        for kind, bucket in self._buckets.items():
            if bucket.places is None:
                continue
            rules = Bucket(kind, bucket.allowance, OwnRecord(), self._manners, _SERVERS_CLOCK, None)
            counted_as = next(other for other, one in self._buckets.items() if one.record is bucket.record)
            names = (f"{_file_name(group)}.{name}" for name in (counted_as, kind))
            bucket.wide = WideShare(everywhere, rules, *names)

    def permit(self, kind: Kind) -> Permit:
        """Leave to make one request: `async with budget.permit(Kind.API): ...`

        Raises, on entering:
            BlockedError: the site holds us back for longer than a run waits.
        """
        return Permit(self, self._buckets[kind])

    def at_once(self, kind: Kind) -> int:
        """How many requests of a kind may run at the same time."""
        return self._buckets[kind].allowance.at_once

    async def throttled(self, kind: Kind, stated: float | None, granted: float) -> None:
        """Record a 429 that answered the permit granted at that time; `stated` is its Retry-After in seconds."""
        bucket = self._buckets[kind]
        await self._update(bucket, lambda facts: bucket.strike(facts, self._clock(), stated, granted))
        if bucket.wide is not None:
            await bucket.wide.throttled(stated, self._clock() - granted)

    async def stated_wait(self, kind: Kind, seconds: float) -> None:
        """Hold everybody back for as long as the site asks."""
        bucket = self._buckets[kind]
        await self._update(bucket, lambda facts: bucket.hold(facts, self._clock(), seconds))
        if bucket.wide is not None:
            await bucket.wide.hold(seconds)

    async def fine(self, kind: Kind) -> None:
        """Record that a request was answered; costs nothing unless we were throttled before."""
        bucket = self._buckets[kind]
        if bucket.striking:
            bucket.striking = False
            await self._update(bucket, bucket.forgive)
        if bucket.wide is not None:
            await bucket.wide.fine()

    async def wide_place(self, share: WideShare, count: int) -> int:
        """One of the places that all machines share."""
        while (place := await share.take_place(count)) is None:
            await self._until_a_place_may_be_free()
        return place

    async def place(self, places: SlotFiles) -> tuple[int, int]:
        """One of the places that all processes share."""
        while (place := places.take()) is None:
            await self._until_a_place_may_be_free()
        return place

    async def _until_a_place_may_be_free(self) -> None:
        await self._sleep(self._manners.slot_poll_s * self._chance.uniform(0.5, 1.5))

    async def grant(self, bucket: Bucket) -> float:
        """Wait for a permit of the bucket; returns the time it was granted."""
        async with bucket.turn:
            while (wait := await self._update(bucket, lambda facts: bucket.take(facts, self._clock()))) > 0:
                await self._sleep(wait)
            while bucket.wide is not None and (wait := await bucket.wide.take()) > 0:
                await self._sleep(wait)
        return self._clock()

    async def _update(self, bucket: Bucket, change: Callable[[Facts], float]) -> float:
        """Change the shared record, waiting for its lock: others hold it for microseconds."""
        since: float | None = None
        while True:
            try:
                return bucket.record.update(change)
            except LockBusy:
                now = self._clock()
                since = now if since is None else since
                if now - since > self._manners.lock_wait_s:
                    raise CrawlError("another process keeps the request budget locked; is it stopped?") from None
                await self._sleep(0.002 * self._chance.uniform(0.5, 1.5))


def budget_for(
    site: Site,
    *,
    state_dir: Path | None = None,
    manners: Manners = Manners(),
    clock: Callable[[], float] = boot_clock,
    sleep: Sleep = asyncio.sleep,
    boot: str | None = None,
) -> Budget:
    """The budget of a site.

    Args:
        state_dir: where the shared files are; None: the user's state directory. A site on this machine that asks
            for no limit keeps its budget in this process unless a directory is given.
        boot: what tells this boot from the one before; None: `boot_id()`.
    Raises:
        UsageError: the directory cannot be used.
    """
    boot = boot_id() if boot is None else boot
    own = state_dir is None and site.loopback and site.api_rate is None
    directory = None if own else state_dir or state_directory(os.environ)
    allowances = {
        Kind.API: Allowance(site.api_rate, site.api_burst, site.api_at_once),
        Kind.FILE: Allowance(None, 1, site.files_at_once),
    }
    together = site.loopback and site.api_rate is not None  # one machine serves all, so one rate is meant for all
    if together:
        allowances[Kind.FILE] = Allowance(site.api_rate, site.api_burst, site.files_at_once)
    buckets: dict[Kind, Bucket] = {}
    for kind, allowance in allowances.items():
        record: Record = OwnRecord()
        places = None
        if directory is not None:
            stem = directory / f"{_file_name(site.group)}.{kind}"
            record = SharedRecord(stem.with_name(f"{stem.name}.json"))
            places = SlotFiles(stem, allowance.at_once)
        buckets[kind] = Bucket(kind, allowance, record, manners, boot, places)
    if together:
        buckets[Kind.FILE].record, buckets[Kind.FILE].turn = buckets[Kind.API].record, buckets[Kind.API].turn
    return Budget(buckets, manners, clock=clock, sleep=sleep)


def _file_name(group: str) -> str:
    return re.sub(r"[^a-z0-9.-]", "_", group)[:100]


def _number(facts: Facts, name: str) -> float:
    value = facts.get(name, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0


def _people(seconds: float) -> str:
    """A duration for people: `20 minutes`."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours"
