"""What the fault suite puts in the place of the real thing: a stub judge, and waits a hundred times shorter."""

from __future__ import annotations

from commands.context.connection import Pace
from commands.crawl import Parts
from crawler.transport.budget import Manners
from crawler.transport.http import Deadlines
from crawler.transport.retry import Patience
from tests.faults.stubs.judge import stub_judge
from tests.speed import patient


def hurry() -> Pace:
    """Waits a hundred times shorter than the program's own, and deadlines as short as this machine allows."""
    return Pace(
        patience=Patience(tries=4, first_wait_s=0.01, longest_wait_s=0.1),
        deadlines=Deadlines(
            connect_s=patient(0.5),
            headers_s=patient(0.4),
            silence_s=patient(0.4),
            body_s=patient(0.8),
            stall_window_s=patient(0.2),
            stall_floor=4096.0,
        ),
        manners=Manners(first_wait_s=0.05, least_wait_s=0.05, longest_wait_s=10.0, probe_s=0.5),
    )


def stub_parts(
    misbehaviour: str = "honest",
    *,
    delay_s: float = 0.0,
    short_waits: bool = True,
    decoder: tuple[str, ...] | None = None,
) -> Parts:
    """The parts of a run in the fault suite."""
    return Parts(
        judge=stub_judge(misbehaviour, delay_s=delay_s, decoder=decoder), pace=hurry() if short_waits else Pace()
    )
