import asyncio
import errno
import json
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from crawler.errors import BlockedError, CrawlError, UsageError
from crawler.sites import BUILTIN, Site, site_from_url
from crawler.transport.budget import Budget, Kind, Manners, budget_for
from crawler.transport.shared_state import SharedRecord, SlotFiles, state_directory
from tests.crawler.scenes import Clock

DANBOORU = BUILTIN["danbooru"]
MANNERS = Manners()


def a_budget(
    directory: Path, clock: Clock, site: Site = DANBOORU, manners: Manners = MANNERS, boot: str | None = None
) -> Budget:
    return budget_for(site, state_dir=directory, manners=manners, clock=clock, sleep=clock.sleep, boot=boot)


async def ask(budget: Budget, kind: Kind = Kind.API) -> float:
    async with budget.permit(kind) as permit:
        return permit.granted


async def test_no_minute_ever_sees_more_than_sixty_requests(tmp_path: Path) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)

    times = [await ask(budget) for _ in range(200)]

    assert max(sum(start <= one < start + 60 for one in times) for start in times) <= 60


@pytest.mark.fault("P19")
async def test_starting_anew_again_and_again_makes_no_burst(tmp_path: Path) -> None:
    clock = Clock()

    times = [await ask(a_budget(tmp_path, clock)) for _ in range(100)]  # each dies before its first byte

    assert max(sum(start <= one < start + 60 for one in times) for start in times) <= 60


@pytest.mark.fault("H07")
@pytest.mark.parametrize("rate", [2.0, 5.0, 10.0])
@pytest.mark.parametrize("idle", [0.0, 60.0])
async def test_on_one_machine_all_requests_of_all_kinds_share_the_users_rate(
    rate: float, idle: float, tmp_path: Path
) -> None:
    clock = Clock()
    site, _ = site_from_url("http://127.0.0.1:3000").with_limits(api_rate=rate)
    budget = a_budget(tmp_path, clock, site)
    await ask(budget)
    clock.now += idle

    times = sorted(await asyncio.gather(*[ask(budget, kind) for _ in range(20) for kind in Kind]))

    assert max(sum(start <= one <= start + 1.0 for one in times) for start in times) <= rate


async def test_a_gallery_of_ones_own_without_a_rate_is_not_held_back() -> None:
    clock = Clock()
    site = site_from_url("http://127.0.0.1:3000")
    budget = budget_for(site, clock=clock, sleep=clock.sleep)

    times = [await ask(budget, kind) for _ in range(20) for kind in Kind]

    assert max(times) == min(times)


async def test_many_workers_share_one_rate(tmp_path: Path) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)

    times = await asyncio.gather(*[ask(budget) for _ in range(30)])

    assert max(times) - min(times) >= 26 / 0.95


@pytest.mark.fault("H07")
async def test_two_galleries_share_one_rate_and_one_wait(tmp_path: Path) -> None:
    clock = Clock()
    one, other = a_budget(tmp_path, clock), a_budget(tmp_path, clock)
    granted = await ask(one)

    await one.throttled(Kind.API, 7.0, granted)

    assert await ask(other) - granted >= 7.0


async def test_sites_behind_the_same_servers_share_one_budget(tmp_path: Path) -> None:
    clock = Clock()
    granted = await ask(a_budget(tmp_path, clock))
    safebooru = a_budget(tmp_path, clock, BUILTIN["safebooru"])

    assert await ask(safebooru) - granted > 0.9


@pytest.mark.fault("H03")
async def test_a_stated_wait_holds_back_every_worker(tmp_path: Path) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)
    granted = await ask(budget)

    await budget.throttled(Kind.API, 7.0, granted)
    times = await asyncio.gather(*[ask(budget) for _ in range(8)])

    assert min(times) >= granted + 7.0


@pytest.mark.fault("N02")
async def test_after_a_wait_there_is_no_burst(tmp_path: Path) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)
    await budget.stated_wait(Kind.API, 3.0)

    times = [await ask(budget) for _ in range(5)]

    assert all(later - earlier > 1.0 for earlier, later in pairwise(times))


@pytest.mark.fault("H06")
async def test_files_wait_while_listing_goes_on_when_only_the_files_are_throttled(tmp_path: Path) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)

    await budget.throttled(Kind.FILE, 50.0, clock.now)

    assert await ask(budget, Kind.API) == 1000.0
    assert await ask(budget, Kind.FILE) >= 1050.0


@pytest.mark.fault("H04")
@pytest.mark.parametrize("stated", [0.0, 0.01])
async def test_a_stated_wait_of_nothing_is_no_invitation_to_hurry(tmp_path: Path, stated: float) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)
    granted = await ask(budget)

    await budget.throttled(Kind.API, stated, granted)

    assert await ask(budget) - granted >= 1.0


@pytest.mark.fault("H04")
@pytest.mark.parametrize("stated", [0.0, 0.01])
async def test_files_wait_a_moment_too_when_the_stated_wait_is_nothing(tmp_path: Path, stated: float) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)
    granted = await ask(budget, Kind.FILE)

    await budget.throttled(Kind.FILE, stated, granted)  # their rate has no bucket that would make them wait

    assert await ask(budget, Kind.FILE) - granted >= 1.0


async def test_an_hour_of_rest_saves_up_no_more_than_the_burst(tmp_path: Path) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)
    await ask(budget)
    clock.now += 3600

    times = [await ask(budget) for _ in range(DANBOORU.api_burst + 5)]

    assert sum(one - times[0] < 0.5 for one in times) <= DANBOORU.api_burst


@pytest.mark.fault("H04")
async def test_a_wait_beyond_reason_ends_the_run_and_says_when_to_come_back(tmp_path: Path) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)
    await budget.throttled(Kind.API, 1e9, clock.now)

    with pytest.raises(BlockedError, match="come back in") as caught:
        await ask(budget)

    assert caught.value.exit_code == 5 and clock.slept == []


@pytest.mark.fault("H04")
async def test_no_stated_wait_locks_us_out_for_longer_than_a_day(tmp_path: Path) -> None:
    clock = Clock()
    await a_budget(tmp_path, clock).throttled(Kind.API, 1e12, clock.now)
    clock.now += 86401

    assert await ask(a_budget(tmp_path, clock)) == clock.now


async def test_years_of_refusals_still_make_a_number(tmp_path: Path) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)

    for _ in range(3000):
        clock.now += 86401
        await budget.throttled(Kind.API, None, clock.now)

    with pytest.raises(BlockedError):
        await ask(budget)


@pytest.mark.fault("H05")
async def test_throttling_without_a_stated_wait_starts_at_a_minute_doubles_and_ends_the_run(tmp_path: Path) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)
    times = []

    with pytest.raises(BlockedError):
        for _ in range(20):
            times.append(await ask(budget))
            await budget.throttled(Kind.API, None, times[-1])

    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) < 10
    assert gaps[0] >= 60 and all(later >= 1.9 * earlier for earlier, later in pairwise(gaps))


@pytest.mark.fault("H05")
async def test_a_storm_of_refusals_counts_once(tmp_path: Path) -> None:
    clock = Clock()
    site = replace(site_from_url("http://127.0.0.1:9"), files_at_once=8)
    budget = a_budget(tmp_path, clock, site)
    granted = [await ask(budget, Kind.FILE) for _ in range(8)]

    for one in granted:
        clock.now += 0.01
        await budget.throttled(Kind.FILE, None, one)

    assert 55 <= await ask(budget, Kind.FILE) - granted[0] <= 65


async def test_after_throttling_one_request_probes_before_the_rest(tmp_path: Path) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock, site_from_url("http://127.0.0.1:9"))
    await budget.throttled(Kind.FILE, 5.0, clock.now)
    probe = await ask(budget, Kind.FILE)

    held_back = asyncio.create_task(ask(budget, Kind.FILE))
    await asyncio.sleep(0)
    assert not held_back.done()
    await budget.fine(Kind.FILE)

    assert await held_back - probe <= 1.0


async def test_success_ends_the_row_of_refusals(tmp_path: Path) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)

    for _ in range(10):
        granted = await ask(budget)
        await budget.throttled(Kind.API, None, granted)
        await ask(budget)
        await budget.fine(Kind.API)

    assert await ask(budget) > granted


@pytest.mark.fault("C06")
async def test_after_a_reboot_the_bucket_starts_empty(tmp_path: Path) -> None:
    clock = Clock()
    before = a_budget(tmp_path, clock)
    await ask(before)
    clock.now += 100

    after = a_budget(tmp_path, clock, boot="another boot")

    assert await ask(after) - clock.now == 0 and sum(clock.slept) >= 1.0


@pytest.mark.fault("P19")
async def test_a_record_cut_by_a_crash_is_no_licence_to_hurry(tmp_path: Path) -> None:
    clock = Clock()
    budget = a_budget(tmp_path, clock)
    await ask(budget)
    (tmp_path / "donmai.us.api.json").write_text('{"boot": "x", "tok')

    times = [await ask(budget) for _ in range(4)]

    assert times[3] - times[0] >= 3.0


@pytest.mark.fault("P12")
async def test_a_stop_during_a_wait_is_obeyed_at_once(tmp_path: Path) -> None:
    budget = budget_for(DANBOORU, state_dir=tmp_path)
    await budget.stated_wait(Kind.API, 600.0)
    waiting = asyncio.create_task(ask(budget))
    await asyncio.sleep(0.01)

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(60):  # of the 600
            await waiting


async def test_a_cancelled_waiter_leaves_its_place_to_others(tmp_path: Path) -> None:
    clock = Clock()
    site = replace(DANBOORU, files_at_once=1)
    budget = a_budget(tmp_path, clock, site)
    async with budget.permit(Kind.FILE):
        waiting = asyncio.create_task(ask(budget, Kind.FILE))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    assert await ask(budget, Kind.FILE) >= 1000.0


@pytest.mark.fault("H07")
async def test_two_programs_together_run_no_more_files_at_once_than_one_may(tmp_path: Path) -> None:
    clock = Clock()
    one, other = a_budget(tmp_path, clock), a_budget(tmp_path, clock)
    async with one.permit(Kind.FILE), other.permit(Kind.FILE):
        third = asyncio.create_task(ask(other, Kind.FILE))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not third.done()

    assert await third >= 1000.0


@pytest.mark.fault("P19")
async def test_a_killed_program_frees_its_places(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from crawler.transport.budget import Kind, budget_for\n"
        "from crawler.sites import BUILTIN\n"
        "async def main():\n"
        "    budget = budget_for(BUILTIN['danbooru'], state_dir=Path(sys.argv[1]))\n"
        "    async with budget.permit(Kind.FILE), budget.permit(Kind.FILE):\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    died = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code, str(tmp_path)], check=False)
    budget = a_budget(tmp_path, Clock())

    async with budget.permit(Kind.FILE), budget.permit(Kind.FILE):
        assert died.returncode == -9


@pytest.mark.fault("H07")
async def test_two_programs_together_keep_to_one_rate(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from crawler.transport.budget import Kind, budget_for\n"
        "from crawler.sites import BUILTIN\n"
        "async def main():\n"
        "    site = replace(BUILTIN['danbooru'], api_rate=20.0, api_burst=1)\n"
        "    budget = budget_for(site, state_dir=Path(sys.argv[1]))\n"
        "    for _ in range(8):\n"
        "        async with budget.permit(Kind.API) as permit:\n"
        "            print(permit.granted)\n"
        "asyncio.run(main())\n"
    )

    def run_both() -> list[float]:
        command = [sys.executable, "-c", code, str(tmp_path)]
        programs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        return sorted(float(line) for program in programs for line in program.communicate()[0].split())

    times = await asyncio.to_thread(run_both)

    assert len(times) == 16 and times[-1] - times[0] >= 15 / 20 - 0.05


async def test_a_lock_that_is_never_released_becomes_an_error(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    clock = Clock()
    budget = a_budget(tmp_path, clock)
    handle = os.open(tmp_path / "donmai.us.api.json", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)

    try:
        with pytest.raises(CrawlError, match="locked"):
            await ask(budget)
    finally:
        os.close(handle)


def test_a_state_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="XDG_STATE_HOME"):
        a_budget(tmp_path / "file" / "state", Clock())


def test_the_state_directory_follows_the_desktop_convention() -> None:
    assert state_directory({"XDG_STATE_HOME": "/var/x"}) == Path("/var/x/boorusieve")
    assert state_directory({"XDG_STATE_HOME": "relative"}) == Path.home() / ".local/state/boorusieve"


def test_the_shared_files_are_private_and_no_links_are_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    record = SharedRecord(tmp_path / "own" / "a.json")
    (tmp_path / "own" / "b.json").symlink_to(victim)

    record.update(lambda facts: facts.update(x=1.0) or 0.0)
    with pytest.raises(UsageError):
        SharedRecord(tmp_path / "own" / "b.json").update(lambda facts: facts.update(x=1.0) or 0.0)

    assert (tmp_path / "own" / "a.json").stat().st_mode & 0o777 == 0o600
    assert victim.read_text() == "precious"


def _count_up(path: str, times: int) -> None:
    from crawler.transport.shared_state import LockBusy

    record = SharedRecord(Path(path))

    def one_more(facts: dict[str, float | str]) -> float:
        facts["n"] = float(facts.get("n", 0.0)) + 1
        return 0.0

    done = 0
    while done < times:
        try:
            record.update(one_more)
            done += 1
        except LockBusy:
            time.sleep(0.0005)


def test_no_change_of_two_processes_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "shared.json"
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    other = context.Process(target=_count_up, args=(str(path), 300))

    other.start()
    _count_up(str(path), 300)
    other.join()

    assert json.loads(path.read_text())["n"] == 600


async def test_a_permit_is_cheap_while_there_is_budget(tmp_path: Path) -> None:
    site = replace(DANBOORU, api_rate=1e9, api_burst=10_000)
    budget = budget_for(site, state_dir=tmp_path)
    (tmp_path / "donmai.us.api.json").write_text("")
    await ask(budget)
    fastest = float("inf")

    for _ in range(5):
        start = time.process_time()
        for _ in range(100):
            await ask(budget)
        fastest = min(fastest, (time.process_time() - start) / 100)

    assert fastest < 0.0005  # seconds of the processor; 0.0001 on ours


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSPC, errno.EROFS])
def test_a_state_folder_that_cannot_be_locked_or_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(error, os.strerror(error))

    record, slots = SharedRecord(tmp_path / "state"), SlotFiles(tmp_path / "slot", 1)
    monkeypatch.setattr("fcntl.flock", refuse)

    for attempt in (lambda: record.update(lambda _: 0.0), slots.take):
        with pytest.raises(UsageError, match=r"XDG_STATE_HOME elsewhere") as refused:
            attempt()
        assert str(tmp_path) in str(refused.value)
