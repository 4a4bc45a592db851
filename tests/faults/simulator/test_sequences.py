"""Rows R01 and R02: commands, kills and faults in any order, against a small reference model and the unbroken run."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.equipment.parameters import slow_after
from tests.faults import driver
from tests.faults.checker import checker
from tests.faults.checker.evidence import has_rows
from tests.faults.killing import ONE_AT_A_TIME, command
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Broken, Laboratory, assert_same_state, assert_well, run_here
from tests.faults.simulator.reference_model import ModelPost, ReferenceModel
from tests.faults.simulator.simulator import RECIPES, Simulator
from tests.faults.test_rows import ROWS

SETTINGS = {"honest": {}, "contrary": {}, "distrustful": {"CRAWL_SCORING_TRUST_TAGS": "false"}}  # of each model
JUDGES = {"honest": "honest", "contrary": "contrary", "distrustful": "honest"}
SEED = 20


@dataclass(slots=True)
class Story:
    """A gallery, its site, and what the reference model says of both."""

    root: Path
    crawl: Sequence[str]
    site: Simulator
    laboratory: Laboratory
    chance: random.Random
    model: ReferenceModel
    shown: dict[int, tuple[str, bool]]  # what the site shows: md5, whether it is bright
    holding: str = "honest"  # the model in use
    clock_went_back: bool = False
    steps_done: list[str] = field(default_factory=list)  # what was done, for the failure message

    def run(self, *words: str, code: int = 0) -> None:
        """A command in this process, at the story's time."""
        ended = run_here(words or self.crawl, judge=JUDGES[self.holding], environment=self.environment, clock=self.now)
        assert ended.code == code, f"{words}: {ended.output}"

    def now(self) -> datetime:
        """The system's time, so many days later or earlier."""
        return datetime.now(UTC) + timedelta(days=self.model.now)

    @property
    def environment(self) -> dict[str, str]:
        """The settings that go with the model in use."""
        return {**LOGGED_IN, "CRAWL_SCORING_TRUST_TAGS": "true", **SETTINGS[self.holding]}

    @property
    def there(self) -> tuple[str, ...]:
        """Where every other command works."""
        return "--root", str(self.root), "--config", str(self.root.parent / "crawl.toml")

    # --- what may happen ---------------------------------------------------------------------------------------------

    def crawls(self) -> str:
        self.run()
        self.model.crawl(self.holding, self.shown)
        return f"crawl ({self.holding})"

    def another_model(self) -> str:
        self.holding = self.chance.choice(sorted(set(SETTINGS) - {self.holding}))
        return self.crawls()

    def dies(self) -> str:
        """A crawl is killed somewhere, and then goes on undisturbed."""
        where = f"{self.chance.choice(driver.ANNOUNCED)}:{self.chance.randint(1, 12)}"
        environment = {**self.environment, "STUB_DIE": where, "STUB_JUDGE": JUDGES[self.holding]}
        driver.run(self.crawl, environment={**ONE_AT_A_TIME, **environment})
        self.model.newest = max(self.model.newest, 0.0)  # children know the real time
        assert_well(self.root, self.laboratory.expected(labels=self.model.labels), weak=True)
        return f"killed at {where}, then {self.crawls()}"

    def labels(self) -> str:
        post_id, value = (
            self.chance.choice(sorted(self.shown)),
            self.chance.choice(("keep", "delete", "unsure", "clear")),
        )
        self.run("relabel", value, str(post_id), *self.there)
        self.model.label(post_id, value)
        return f"relabel {value} {post_id}"

    def rejects_some(self) -> str:
        """Several labels, so that files move."""
        chosen = self.chance.sample(sorted(self.shown), 3)
        self.run("relabel", "delete", *map(str, chosen), *self.there)
        for post_id in chosen:
            self.model.label(post_id, "delete")
        return f"relabel delete {chosen}"

    def applies(self) -> str:
        self.run("apply", "--yes", *self.there)
        self.model.apply()
        return "apply"

    def restores(self) -> str:
        if not (there := self.model.in_trash()):
            return self.rejects_some()
        post_id = self.chance.choice(there)
        self.run("trash", "restore", str(post_id), *self.there)
        self.model.restore(post_id)
        return f"restore {post_id}"

    def purges(self) -> str:
        believed = self.model.purge(30)
        self.run("trash", "purge", "--older-than", "30d", "--yes", *self.there, code=0 if believed else 2)
        return f"purge ({'done' if believed else 'refused'})"

    def time_passes(self) -> str:
        self.model.now += 40
        return "40 days later"

    def clock_goes_back(self) -> str:
        self.model.now -= 100
        self.clock_went_back = True
        return "the clock goes back by 100 days"

    def is_replaced(self) -> str:
        """The site replaces a file by another post's, and back; a crawl follows it."""
        post_id, other = self.chance.sample([n for n in sorted(self.shown) if n != 110], 2)
        self.shown[post_id] = self.shown[other]
        md5 = self.shown[other][0]
        self.site.running.gallery.edit(post_id, picture=md5, ext=self.laboratory_ext(md5))
        return f"{post_id} is replaced by the file of {other}, then {self.crawls()}"

    def laboratory_ext(self, md5: str) -> str:
        """The type of a painted file."""
        return next(facts.ext for facts in self.laboratory.files.values() if facts.md5 == md5)

    # --- and what must then hold -------------------------------------------------------------------------------------

    def goes_on(self, steps: int) -> None:
        """So many things happen; after each the gallery is what the reference model says."""
        possible: Sequence[Callable[[], str]] = (
            self.crawls, self.another_model, self.labels, self.labels, self.rejects_some, self.applies, self.applies,
            self.restores, self.purges, self.time_passes, self.clock_goes_back, self.is_replaced, self.dies,
        )  # fmt: skip
        self.steps_done.append(self.crawls())
        for _ in range(steps):
            happens = self.chance.choice(possible)
            try:
                self.steps_done.append(happens())
                self.compare()
            except AssertionError as error:
                history = "\n".join(self.steps_done)
                raise AssertionError(f"after\n{history}\nand then {happens.__name__}: {error}") from error

    def compare(self) -> None:
        """The gallery, its files and its promises, and what the reference model says."""
        broken = Broken(self.root, None, self.site)  # type: ignore[arg-type]  # only its rows are asked for
        rows = broken.rows(
            "SELECT p.post_id, v.md5, CASE l.value WHEN 'unsure' THEN 'undecided' ELSE coalesce(l.value, d.value) END,"
            " coalesce(f.place, 'none') FROM file_version v JOIN post p ON p.key = v.post_key"
            " LEFT JOIN standing s ON s.version_id = v.id LEFT JOIN decision d ON d.seq = s.decision_seq"
            " LEFT JOIN label l ON l.seq = s.label_seq LEFT JOIN file f ON f.version_id = v.id"
        )
        found = {(post_id, md5): (holds, place) for post_id, md5, holds, place in rows}
        assert found == self.model.state()
        known = self.laboratory.expected(labels=self.model.labels, files={}, posts=None)  # the site's files change
        broken = [str(one) for one in checker.check(self.root, known)]
        if self.clock_went_back:  # the summary of a run is compared unless labels came after it: by the clock
            broken = [one for one in broken if not one.startswith("I8")]
        assert broken == []


def run_story(laboratory: Laboratory, *, seed: int, steps: int) -> None:
    """One story, from its seed."""
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)
        seen = [recipe for recipe in RECIPES if not recipe.banned]
        story = Story(
            root, arguments, site, laboratory, random.Random(seed),
            ReferenceModel({recipe.id: ModelPost(recipe.tagged) for recipe in seen}),
            {recipe.id: (laboratory.files[recipe.id].md5, recipe.bright) for recipe in seen},
        )  # fmt: skip

        try:
            story.goes_on(steps)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.fault("R02")
@pytest.mark.parametrize("seed", slow_after(1, [SEED, SEED + 1]))
def test_any_sequence_of_commands_ends_where_the_reference_model_says(laboratory: Laboratory, seed: int) -> None:
    run_story(laboratory, seed=seed, steps=10)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.fault("R02")
@pytest.mark.parametrize("seed", range(100, 130))
def test_any_long_sequence_of_commands_ends_where_the_reference_model_says(laboratory: Laboratory, seed: int) -> None:
    run_story(laboratory, seed=seed, steps=40)


# --- random rows, one after another ----------------------------------------------------------------------------------

# Without 404: where few files are still to come, "all are gone" looks like "these are gone", which lasts.
AGAIN = [row for row in ROWS if row.same_end and row.prepare is None and " 404 " not in row.name]
CODES = {0, 1, 3, 4, 5, 6, 10}  # what these rows may end a run with; 1: rows P08 and P09 are bugs on purpose


def chapter(laboratory: Laboratory, chance: random.Random) -> list[str]:
    """A fresh gallery that meets up to four faults, some of them cut short by a kill; then nothing disturbs it."""
    steps_done = []
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)
        for row in chance.sample(AGAIN, chance.randint(2, 4)):
            site.misbehave(row.rules(laboratory, site) if callable(row.rules) else row.rules)
            if chance.random() < 0.4:
                where = f"{chance.choice(driver.ANNOUNCED)}:{chance.randint(1, 15)}"
                steps_done.append(f"{row.name}, killed at {where}")
                environment = {**ONE_AT_A_TIME, "STUB_DIE": where, "STUB_JUDGE": row.judge}
                code, output = (ended := driver.run(arguments, environment=environment)).code, ended.output
                assert ended.killed or code in CODES, f"{steps_done}: exit {code}\n{output}"
            else:
                steps_done.append(row.name)
                ended = run_here(arguments, judge=row.judge, environment=LOGGED_IN)
                assert ended.code in CODES, f"{steps_done}: exit {ended.code}\n{ended.output}"
            assert "Traceback" not in ended.output, f"{steps_done}: {ended.output}"
            if has_rows(root):
                assert_well(root, laboratory.expected(posts=None, canary=simulator.CANARY), weak=True)
        site.misbehave(())
        for _ in range(2):  # what a fault has left open is finished by the first
            last = run_here(arguments, environment=LOGGED_IN)
        assert last.code == 0, f"{steps_done}: {last.output}"
    assert_well(root, laboratory.expected(last_exit=0, canary=simulator.CANARY))
    assert_same_state(root, laboratory)
    return steps_done


@pytest.mark.fault("R01")
def test_faults_one_after_another_end_as_if_unbroken(laboratory: Laboratory) -> None:
    chance = random.Random(SEED)

    assert chapter(laboratory, chance)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.fault("R01")
def test_half_an_hour_of_faults_ends_as_if_unbroken(laboratory: Laboratory) -> None:
    until = time.monotonic() + 1800
    seed = 1000
    while time.monotonic() < until:
        seed += 1
        try:
            chapter(laboratory, random.Random(seed))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
