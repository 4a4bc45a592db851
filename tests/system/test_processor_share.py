from pathlib import Path

import pytest

from system.processor_share import ProcessorShare, Times, thread_times, usable_cores


class Machine:
    """A clock, and the times of a process's threads."""

    def __init__(self) -> None:
        self.now, self.ran, self.waited = 0.0, 0.0, 0.0

    def clock(self) -> float:
        return self.now

    def times(self) -> Times | None:
        return self.ran, self.waited

    def passes(self, seconds: float, ran: float, waited: float) -> None:
        self.now, self.ran, self.waited = self.now + seconds, self.ran + ran, self.waited + waited


@pytest.mark.parametrize(
    ("ran", "waited", "share"),
    [
        (20.0, 0.0, 1.0),  # both cores, all the time
        (7.0, 0.0, 1.0),  # it asks for no more
        (20.0, 15.0, 1.0),  # three threads of its own on two cores
        (12.0, 18.0, 0.6),  # three threads, of which others leave 1.2 cores
        (5.0, 5.0, 0.5),  # one thread that gets half of a core
        (0.0, 10.0, 0.0),
        (0.0, 0.0, 1.0),
    ],
)
def test_the_share_is_what_was_got_of_what_was_asked_for_and_is_there(ran: float, waited: float, share: float) -> None:
    machine = Machine()
    measured = ProcessorShare(machine.clock, machine.times, cores=2)

    machine.passes(10.0, ran, waited)

    assert measured() == pytest.approx(share)


def test_each_question_is_about_the_time_since_the_last_one() -> None:
    machine = Machine()
    measured = ProcessorShare(machine.clock, machine.times, cores=1)

    machine.passes(10.0, 2.0, 8.0)
    assert measured() == pytest.approx(0.2)
    machine.passes(10.0, 10.0, 0.0)
    assert measured() == 1.0
    machine.passes(0.01, 0.0, 0.01)  # too short to say anything
    assert measured() == 1.0


def test_where_nobody_counts_the_machine_is_taken_to_be_free() -> None:
    machine = Machine()
    measured = ProcessorShare(machine.clock, lambda: None, cores=2)

    machine.passes(10.0, 1.0, 9.0)

    assert measured() == 1.0


def test_the_times_of_all_threads_are_added_and_one_that_has_ended_is_left_out(tmp_path: Path) -> None:
    for name, words in (("1", "1500000000 500000000 12\n"), ("2", "500000000 250000000 3\n"), ("3", None)):
        (tmp_path / name).mkdir()
        if words is not None:
            (tmp_path / name / "schedstat").write_text(words)

    assert thread_times(tmp_path) == (2.0, 0.75)
    assert thread_times(tmp_path / "nowhere") is None
    assert usable_cores() >= 1
