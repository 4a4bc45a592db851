import math
import random
from collections.abc import Callable

import pytest

from classifier.training.pace import LEAST_STEPS, RESERVE, TrainingPace, too_brief


class Machine:
    """A clock that steps move on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def trained(pace: TrainingPace, machine: Machine, step_s: Callable[[int], float]) -> list[float]:
    """Do steps until the pace says that it is enough; gives the rates."""
    rates = []
    while pace.step < pace.steps:
        rates.append(pace.rate())
        machine.now += step_s(pace.step)
        pace.stepped()
    return rates


def moody(draw: random.Random) -> Callable[[int], float]:
    """Seconds a step, on a machine that other work comes to and goes from."""
    phases = [(10 ** draw.uniform(-2.3, 0.3), draw.randint(1, 300)) for _ in range(draw.randint(1, 6))]
    seconds = [second for second, count in phases for _ in range(count)]
    return lambda step: seconds[min(step, len(seconds) - 1)]


@pytest.mark.parametrize("seed", range(25))
def test_no_time_is_left_over_while_steps_are_missing_and_the_budget_holds(seed: int) -> None:
    draw, machine = random.Random(seed), Machine()
    planned, budget, step_s = draw.randint(1, 1500), 10 ** draw.uniform(0, 2.8), moody(draw)
    pace = TrainingPace(planned, budget, machine)

    trained(pace, machine, step_s)

    slowest = max(step_s(step) for step in range(pace.step))
    assert min(planned, LEAST_STEPS) <= pace.step <= planned
    if pace.step < planned:
        assert budget * RESERVE - machine.now <= slowest  # not one more such step is certain to fit
    if pace.step > LEAST_STEPS:  # between two looks at the speed it may have fallen
        assert machine.now <= max(budget * RESERVE, LEAST_STEPS * slowest) + 10 * slowest


@pytest.mark.parametrize("seed", range(25))
def test_the_rate_warms_up_never_jumps_up_and_keeps_below_its_peak(seed: int) -> None:
    draw, machine = random.Random(seed), Machine()
    pace = TrainingPace(draw.randint(400, 1500), 10 ** draw.uniform(0, 2.8), machine)

    rates = trained(pace, machine, moody(draw))

    rises = [after - before for before, after in zip([0.0, *rates], rates, strict=False)]
    assert max(rises) <= 1 / (LEAST_STEPS // 8) and max(rises[:LEAST_STEPS]) <= 1 / 50 + 1e-9
    assert min(rates) > 0 and max(rates) <= 1


def test_a_machine_of_constant_speed_gets_the_plain_cosine() -> None:
    machine = Machine()
    pace = TrainingPace(400, 1e6, machine)

    rates = trained(pace, machine, lambda step: 0.1)

    assert len(rates) == 400
    assert rates[9] == pytest.approx(10 / 50)
    assert rates[200] == pytest.approx(0.5 + 0.002)
    assert rates[-1] < 0.01


def test_a_machine_that_is_busy_at_first_still_gets_its_steps() -> None:
    machine = Machine()
    pace = TrainingPace(900, 720.0, machine)

    trained(pace, machine, lambda step: 7.0 if step < 40 else 0.4)  # the first steps promise 90 of 900

    assert pace.step == 900
    assert machine.now < 720.0


def test_a_machine_that_becomes_busy_stops_in_time() -> None:
    machine = Machine()
    pace = TrainingPace(900, 100.0, machine)

    trained(pace, machine, lambda step: 0.1 if step < 200 else 2.0)

    assert pace.step < 300
    assert machine.now < 110.0


def test_a_pause_counts_against_the_budget_and_not_against_the_speed() -> None:
    machine = Machine()
    pace = TrainingPace(1000, 100.0, machine)
    for _ in range(50):
        machine.now += 0.1
        pace.stepped()

    with pace.pause():
        machine.now += 50.0
    rates = trained(pace, machine, lambda step: 0.1)

    assert pace.steps_per_s() == pytest.approx(10, rel=0.01)
    assert 50 + len(rates) == pytest.approx((100.0 * RESERVE - 50.0) / 0.1, abs=2)


@pytest.mark.parametrize(("share", "steps"), [(1.0, 440), (0.75, 586), (0.5, 880), (0.1, 880)])
def test_time_that_other_work_takes_away_does_not_count_down_to_a_half(share: float, steps: int) -> None:
    machine = Machine()
    pace = TrainingPace(1000, 500.0, machine, lambda: share)

    trained(pace, machine, lambda step: 1.0)

    assert pace.step == pytest.approx(steps, abs=2)
    assert pace.counted_s() == pytest.approx(500.0 * RESERVE, abs=2)


def test_a_machine_that_becomes_free_counts_in_full_from_then_on() -> None:
    machine = Machine()
    pace = TrainingPace(1000, 500.0, machine, lambda: 0.5 if machine.now <= 200 else 1.0)

    trained(pace, machine, lambda step: 1.0)

    assert pace.step == pytest.approx(500.0 * RESERVE + 100, abs=12)


def test_a_brief_training_on_a_busy_machine_asks_for_minutes_of_a_free_one() -> None:
    words = too_brief({"steps": 88, "planned_steps": 900, "seconds": 634.0, "counted_s": 317.0})

    assert "[round_zero] minutes = 62 in" in words


@pytest.mark.parametrize(("steps", "brief"), [(88, True), (299, True), (300, False), (900, False)])
def test_a_network_that_did_few_of_its_steps_may_not_decide(steps: int, brief: bool) -> None:
    words = too_brief({"steps": steps, "planned_steps": 900, "seconds": 317.0})

    assert bool(words) == brief
    if steps == 88:
        assert words.startswith("trained for only 10% of its steps; give it more time: [round_zero] minutes = 62 in")


def test_a_network_of_which_nobody_knows_the_steps_may_decide() -> None:
    assert too_brief({}) == ""
    assert not math.isnan(TrainingPace(1, 1.0).steps_per_s())
