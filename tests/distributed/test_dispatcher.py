"""Every picture is answered once, whatever becomes of the workers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from classifier.errors import CanaryError, DeviceError
from classifier.judge import JudgeSettings
from distributed.dispatcher import Dispatcher, DispatchSettings
from distributed.errors import ClusterLost, WorkerGone
from distributed.messages import JudgeOrder, Question, WorkerError, WorkerReply
from storage.records import Look
from tests.distributed.fake_workers import Agency, FakeWorker, seen

ORDER = JudgeOrder({}, {}, JudgeSettings())
QUICK = DispatchSettings(most_a_batch=4, late_after_s=0.05, late_times=2.0, nobody_s=0.2, batch_deadline_s=30.0)


def pictures(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


async def looked(dispatcher: Dispatcher, wanted: Sequence[bytes]) -> list[Look]:
    return await asyncio.gather(*(dispatcher.look("mona", one) for one in wanted))


async def test_the_workers_share_the_pictures_and_each_is_looked_at_once() -> None:
    agency = Agency([FakeWorker(takes_s=0.002), FakeWorker(takes_s=0.002)])

    async with Dispatcher(agency.hire, 2, print, QUICK) as dispatcher:
        await dispatcher.open("mona", ORDER)
        looks = await looked(dispatcher, pictures(100))

    assert looks == [seen(one) for one in pictures(100)]
    assert sorted(one for worker in agency.sent for one in worker.pictures) == sorted(pictures(100))
    assert all(len(worker.pictures) > 20 and worker.closed for worker in agency.sent)
    assert max(len(batch) for worker in agency.sent for batch in worker.batches) <= 4


@pytest.mark.parametrize("dies_over", [1, 3])
async def test_what_a_lost_worker_had_in_hand_goes_to_another(dies_over: int) -> None:
    told: list[str] = []
    agency = Agency([FakeWorker("a", 0.002, dies_over=dies_over), FakeWorker("b", 0.002), FakeWorker("c", 0.002)])

    async with Dispatcher(agency.hire, 2, told.append, QUICK) as dispatcher:
        await dispatcher.open("mona", ORDER)
        looks = await looked(dispatcher, pictures(100))
        losses = dispatcher.losses

    assert looks == [seen(one) for one in pictures(100)]
    assert losses == 1
    assert agency.sent[0].closed
    assert agency.sent[2].loads == ["mona"], "who comes in its place loads what is in use"
    assert told == ["a Ray worker on a was lost (killed); what it had in hand goes to another"]


async def test_a_lost_worker_without_a_successor_leaves_the_work_to_the_others() -> None:
    agency = Agency([FakeWorker(dies_over=2), FakeWorker(takes_s=0.001)])

    async with Dispatcher(agency.hire, 2, print, QUICK) as dispatcher:
        await dispatcher.open("mona", ORDER)
        looks = await looked(dispatcher, pictures(60))

    assert looks == [seen(one) for one in pictures(60)]


async def test_a_slow_worker_holds_up_nobody_and_its_last_batches_are_taken_over() -> None:
    slow, quick = FakeWorker("slow", takes_s=20.0), FakeWorker("quick", takes_s=0.001)

    async with Dispatcher(Agency([slow, quick]).hire, 2, print, QUICK) as dispatcher:
        await dispatcher.open("mona", ORDER)
        async with asyncio.timeout(5):
            looks = await looked(dispatcher, pictures(60))

    assert looks == [seen(one) for one in pictures(60)]
    assert len(slow.batches) == 2, "what it could have in hand, and no more"


async def test_a_worker_that_does_not_answer_is_given_up() -> None:
    settings = DispatchSettings(batch_deadline_s=0.1, nobody_s=5.0)
    agency = Agency([FakeWorker(hangs_over=1), FakeWorker()])

    async with Dispatcher(agency.hire, 1, print, settings) as dispatcher:
        await dispatcher.open("mona", ORDER)
        looks = await looked(dispatcher, pictures(10))

    assert looks == [seen(one) for one in pictures(10)]
    assert agency.sent[0].closed


async def test_pictures_that_three_workers_die_over_end_the_run() -> None:
    agency = Agency([FakeWorker(dies_over=1) for _ in range(3)])

    async with Dispatcher(agency.hire, 1, print, QUICK) as dispatcher:
        await dispatcher.open("mona", ORDER)
        with pytest.raises(DeviceError, match="3 Ray workers died over the same pictures"):
            await dispatcher.look("mona", b"1")


async def test_when_nobody_is_left_the_run_ends_and_does_not_wait() -> None:
    agency = Agency([FakeWorker(dies_over=1)])

    async with Dispatcher(agency.hire, 1, print, QUICK) as dispatcher:
        await dispatcher.open("mona", ORDER)
        with pytest.raises(ClusterLost, match=r"no Ray worker has been there for 0\.2 s"):
            await dispatcher.look("mona", b"1")
        with pytest.raises(ClusterLost):
            await dispatcher.look("mona", b"2")


async def test_a_model_that_fails_as_a_whole_ends_the_run_with_the_machines_name() -> None:
    agency = Agency([FakeWorker("anna", error=WorkerError("DeviceError", "out of memory"))])

    async with Dispatcher(agency.hire, 1, print, QUICK) as dispatcher:
        await dispatcher.open("mona", ORDER)
        with pytest.raises(DeviceError, match="on anna: out of memory"):
            await dispatcher.look("mona", b"1")


async def test_a_model_that_one_machine_cannot_load_is_refused() -> None:
    agency = Agency([FakeWorker(), FakeWorker("anna", load_error=WorkerError("CanaryError", "scores differ"))])

    async with Dispatcher(agency.hire, 2, print, QUICK) as dispatcher:
        with pytest.raises(CanaryError, match="on anna: scores differ"):
            await dispatcher.open("mona", ORDER)


async def test_workers_that_cannot_be_started_are_said() -> None:
    async def hire() -> FakeWorker:
        raise WorkerGone("no such module")

    async with Dispatcher(hire, 2, print, QUICK) as dispatcher:
        with pytest.raises(ClusterLost, match="no Ray worker can be started: no such module"):
            await dispatcher.open("mona", ORDER)


async def test_a_second_judge_is_loaded_beside_the_first_and_the_first_is_let_go() -> None:
    agency = Agency([FakeWorker(takes_s=0.001), FakeWorker(takes_s=0.001)])

    async with Dispatcher(agency.hire, 2, print, QUICK) as dispatcher:
        await dispatcher.open("mona", ORDER)
        before = asyncio.gather(*(dispatcher.look("mona", one) for one in pictures(20)))
        await dispatcher.open("better", ORDER)
        after = await asyncio.gather(*(dispatcher.look("better", one) for one in pictures(20)))
        await before
        await dispatcher.close("mona")
        loads = [worker.loads for worker in agency.sent]

    assert after == [seen(one) for one in pictures(20)]
    assert loads == [["better"], ["better"]]


async def test_pictures_nobody_waits_for_any_more_are_not_sent() -> None:
    worker = FakeWorker(takes_s=0.05)

    async with Dispatcher(Agency([worker]).hire, 1, print, QUICK) as dispatcher:
        await dispatcher.open("mona", ORDER)
        waiting = [asyncio.create_task(dispatcher.look("mona", one)) for one in pictures(30)]
        await asyncio.sleep(0.01)
        for task in waiting[10:]:
            task.cancel()
        await asyncio.gather(*waiting[:10])

    assert len(worker.pictures) < 20


@dataclass
class UnloadedWorker(FakeWorker):
    """Fails over what it still has in hand of a model that is taken from it, as a worker does that closes it."""

    failed: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self, key: str, questions: Sequence[Question]) -> WorkerReply:
        reply = await super().look(key, questions)
        if key in self.loads:
            return reply
        self.failed.set()
        return WorkerReply(error=WorkerError("DeviceError", "the scorer was closed"))


async def test_a_late_answer_about_a_model_that_was_let_go_harms_no_other() -> None:
    late = UnloadedWorker("late", takes_s=0.4)
    agency = Agency([late, FakeWorker("quick", 0.001)])

    async with Dispatcher(agency.hire, 2, print, QUICK) as dispatcher:
        await dispatcher.open("mona", ORDER)
        first = await looked(dispatcher, pictures(8))
        await dispatcher.open("next", ORDER)
        await dispatcher.close("mona")
        await late.failed.wait()
        await asyncio.sleep(0.05)
        second = await asyncio.gather(*(dispatcher.look("next", one) for one in pictures(8)))
        losses = dispatcher.losses

    assert first == second == [seen(one) for one in pictures(8)]
    assert losses == 0
