"""How long a crawl waits for a site as it is shipped, and why so long: whoever changes a value changes its reason."""

from __future__ import annotations

import random
from dataclasses import astuple, fields

import pytest

from crawler.errors import ConnectionTrouble, TransientError, UnreachableError
from crawler.sources.json_api import JSON_CAP
from crawler.transport.http import IDLE_S, Deadlines
from crawler.transport.retry import Patience, patiently
from tests.crawler.scenes import Clock

SHIPPED = Deadlines()
REASONS = {
    "connect_s": (10.0, "lost packets of a connection are sent again after 1, 3 and 7 s; a fourth would be after 15"),
    "headers_s": (
        30.0,
        "Danbooru's database ends a search after 3 or 6 s; the request may queue before that",
    ),
    "silence_s": (20.0, "a connection that lost a packet is silent for some seconds, one that is dead for ever"),
    "body_s": (
        90.0,
        "a full page of posts, 2 MB, at 25 kB/s: a poor mobile connection",
    ),
    "stall_window_s": (20.0, "as for silence: a window must be able to hold one lost packet and still be full"),
    "stall_floor": (2048.0, "under a modem's speed; an original of 3 MB takes less than half an hour above it"),
}
PATIENCE = {
    "tries": (6, "the waits between them, 16 to 31 s in all, outlast a server's restart"),
    "first_wait_s": (1.0, "most faults are over at once"),
    "longest_wait_s": (30.0, "the site's own word, Retry-After, is obeyed beyond it"),
}


def test_each_deadline_has_its_reason() -> None:
    assert {field.name: value for field, value in zip(fields(SHIPPED), astuple(SHIPPED), strict=True)} == {
        name: value for name, (value, _) in REASONS.items()
    }


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (value, _) in PATIENCE.items()])
def test_each_part_of_the_patience_has_its_reason(name: str, value: float) -> None:
    assert getattr(Patience(), name) == value


def test_a_connection_is_waited_for_over_three_lost_packets_and_no_fourth() -> None:
    again_after = (1, 3, 7, 15)  # seconds, RFC 6298: one second, doubled each time

    assert again_after[2] < SHIPPED.connect_s < again_after[3]


def test_a_page_may_be_read_as_slowly_as_a_file_may_not() -> None:
    page = 2 * 1024 * 1024  # bytes of 200 posts

    assert page < JSON_CAP
    assert page / SHIPPED.body_s > 10 * SHIPPED.stall_floor  # a page has a deadline as a whole, a file has not


def test_what_is_silent_is_given_up_before_the_whole_could_have_come() -> None:
    assert SHIPPED.silence_s <= SHIPPED.stall_window_s < SHIPPED.headers_s < SHIPPED.body_s
    assert IDLE_S <= 30.0  # home routers forget a connection that is idle for a minute


class Longest(random.Random):
    """Every wait is as long as it may be."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Shortest(random.Random):
    """Every wait is as short as it may be."""

    def uniform(self, a: float, b: float) -> float:
        return a


@pytest.mark.parametrize(("chance", "seconds"), [(Shortest(), 15.5), (Longest(), 31.0)])
async def test_a_site_that_fails_is_asked_six_times_within_half_a_minute(chance: random.Random, seconds: float) -> None:
    clock, asked = Clock(), []

    async def fail() -> None:
        asked.append(clock.now)
        raise TransientError("503")

    with pytest.raises(TransientError):
        await patiently(fail, Patience(sleep=clock.sleep, chance=chance))

    assert len(asked) == 6
    assert sum(clock.slept) == seconds


async def test_a_host_that_never_answers_ends_a_request_within_two_minutes() -> None:
    clock = Clock()

    async def no_connection() -> None:
        clock.now += SHIPPED.connect_s
        raise ConnectionTrouble("no answer")

    with pytest.raises(UnreachableError, match="tried 6 times"):
        await patiently(no_connection, Patience(sleep=clock.sleep, chance=Longest()))

    assert clock.now - Clock().now <= 120.0
