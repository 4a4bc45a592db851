import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from crawler.crew import Crew, Job
from crawler.decisions import Policy, Ruling
from crawler.errors import (
    BlockedError,
    Forbidden,
    GoneError,
    MismatchError,
    NotServed,
    PageLimitError,
    PostError,
    TransientError,
)
from crawler.pipeline import crawl
from crawler.run import Run
from crawler.tally import Outcome, Tally
from storage.archive_records import Gap
from storage.errors import RefusedFile, StorageError
from storage.records import (
    AiTagWeight,
    DecisionValue,
    FileVersion,
    Known,
    LabelValue,
    Look,
    Place,
    Post,
    PostTags,
    Rendition,
    StoredRendition,
    TaggerTags,
)
from tests.crawler.crew_fakes import CARD, MONA, Bytes, Eye, Files, Memory, Posts, decided, post


@dataclass
class Stage:
    run: Run
    eye: Eye
    files: Files
    archive: Memory

    async def crawl(self) -> dict[str, int]:
        await crawl(self.run)
        return self.counts()

    def counts(self) -> dict[str, int]:
        return {str(outcome): n for outcome, n in self.run.tally.outcomes.items()}


def stage(
    posts: Sequence[Post] | Posts,
    eye: Eye | None = None,
    files: Files | None = None,
    archive: Memory | None = None,
    **job: Any,
) -> Stage:
    eye, files, archive = eye or Eye(), files or Files(), archive or Memory()
    source = posts if isinstance(posts, Posts) else Posts(posts)
    wanted = {"policy": Policy(), "score_on": "720x720", "wants": lambda post: True, "in_flight": 4} | job
    run = Run(
        job=Job(run_id=1, site="demo", query="genshin_impact", targets=(MONA,), **wanted),
        crew=Crew(source, files, eye, archive, note=lambda post, error: None),
        tally=Tally(),
        stop=asyncio.Event(),
    )
    return Stage(run, eye, files, archive)


async def test_what_shows_the_target_is_kept_and_nothing_else_is_downloaded() -> None:
    work = stage([post(3), post(2), post(1)], Eye({3: 0.9, 2: 0.1, 1: 0.5}))

    counts = await work.crawl()

    assert counts == {"kept": 2, "deleted": 1}
    assert sorted(work.archive.originals) == [1, 3]
    assert work.archive.decisions() == {3: "keep(score)", 2: "delete(score)", 1: "keep(score)"}
    assert work.archive.finished


async def test_a_tagged_post_is_kept_but_still_looked_at() -> None:
    work = stage([post(1, tagged=True)], Eye({1: 0.01}))

    counts = await work.crawl()

    assert counts == {"kept": 1}
    assert work.eye.looked == [1]
    assert work.archive.sightings[0].decisions[0].score == 0.01


async def test_what_the_walk_showed_is_held_against_the_sites_count_although_terms_are_checked_here() -> None:
    only_even = {"wants": lambda post: post.id % 2 == 0, "checked_here": True}
    whole = stage([post(4), post(3), post(2), post(1)], **only_even, counted=4)
    short = stage([post(4), post(3)], **only_even, counted=4)
    resumed = stage([post(2), post(1)], archive=Memory(cursor=3), **only_even, counted=4)

    for work in (whole, short, resumed):
        await work.crawl()

    assert whole.run.walk is not None and (whole.run.walk.listed, whole.run.walk.unexplained) == (4, 0)
    assert short.run.walk is not None and (short.run.walk.listed, short.run.walk.unexplained) == (2, 2)
    assert resumed.run.walk is not None and resumed.run.walk.unexplained is None  # what was left out before is unknown


@pytest.mark.fault("H17")
async def test_a_hidden_post_is_counted_with_its_reason_and_not_fetched() -> None:
    work = stage([post(1, hidden=True)])

    counts = await work.crawl()

    assert counts == {"hidden": 1}
    assert work.files.asked == []
    assert work.run.tally.reasons[Outcome.HIDDEN] == {"banned": 1}


@pytest.mark.parametrize("fault", ["undecodable", "unsupported", "too large", "decoder crashed"])
async def test_a_picture_that_cannot_be_judged_is_undecided(fault: str) -> None:
    work = stage([post(1)], Eye(faults={1: fault}))

    counts = await work.crawl()

    assert counts == {"undecided": 1}
    assert work.archive.originals == []
    assert work.archive.sightings[0].rendition is None


async def test_a_picture_of_other_dimensions_than_announced_is_no_picture_of_this_post() -> None:
    work = stage([post(1)], Eye({1: 0.0}, size=(320, 240)))

    counts = await work.crawl()

    assert counts == {"undecided": 1}
    assert len(work.files.asked) == 2  # once more, before it counts as the site's own fault
    assert work.archive.sightings[0].decisions[0].reason == "wrong dimensions"


async def test_a_damaged_file_does_not_end_the_crawl() -> None:
    files = Files(raises={"720x720/2.": PostError("bytes differ")})
    work = stage([post(3), post(2), post(1)], files=files)

    counts = await work.crawl()

    assert counts == {"deleted": 2, "failed": 1}
    assert [(post_id, failure.state) for post_id, failure in work.archive.failures] == [(2, "retry")]


class Coded(Exception):
    """A stranger's error that happens to carry the attribute."""

    exit_code = 4


@pytest.mark.parametrize(
    "error", [Coded("x"), PageLimitError("410"), RefusedFile("not the published bytes"), TransientError("418")]
)
async def test_only_an_error_of_the_runs_own_family_ends_it(error: Exception) -> None:
    work = stage([post(3), post(2), post(1)], files=Files(raises={"720x720/2.": error}))

    counts = await work.crawl()

    assert counts == {"deleted": 2, "failed": 1}


@pytest.mark.fault("H14")
@pytest.mark.parametrize("error", [GoneError(), Forbidden("Access denied")])
async def test_a_file_that_the_site_has_no_more_is_counted_as_gone(error: PostError) -> None:
    work = stage([post(3), post(2), post(1)], files=Files(raises={"720x720/2.": error}))

    counts = await work.crawl()

    assert counts == {"deleted": 2, "gone": 1}
    assert [(post_id, failure.state) for post_id, failure in work.archive.failures] == [(2, "unavailable")]


@pytest.mark.parametrize("error", [NotServed("the site answers 401"), MismatchError("other bytes")])
@pytest.mark.parametrize(("failed", "outcome"), [(0, "failed"), (3, "failed"), (4, "gone")])
async def test_what_is_never_served_is_not_asked_for_in_every_run_for_ever(
    failed: int, outcome: str, error: PostError
) -> None:
    files = Files(raises={"720x720/1.": type(error)(error.reason)})
    work = stage([post(1)], files=files, archive=Memory(known_posts={1: Known(failed_attempts=failed)}))

    assert await work.crawl() == {outcome: 1}


async def test_what_a_broken_network_keeps_from_us_is_never_given_up() -> None:
    files = Files(raises={"720x720/1.": PostError("no answer in time")})
    work = stage([post(1)], files=files, archive=Memory(known_posts={1: Known(failed_attempts=99)}))

    assert await work.crawl() == {"failed": 1}


async def test_another_rendition_stands_in_for_one_that_is_gone() -> None:
    smaller = Rendition("360x360", "https://cdn.example/360x360/1.webp", 100, 80, "webp")
    two = replace(post(1), renditions=(smaller, *post(1).renditions))
    work = stage([two], Eye({1: 0.9}), Files(raises={"720x720/": GoneError()}))

    assert await work.crawl() == {"kept": 1}
    assert [url.split("/")[3] for url in work.files.asked] == ["720x720", "360x360", "original"]


async def test_an_original_that_was_gone_is_not_asked_for_again() -> None:
    known = replace(decided(DecisionValue.KEEP, Policy().identity(CARD, tagged=False)), unavailable="gone")
    work = stage([post(1)], archive=Memory(known_posts={1: known}))

    counts = await work.crawl()

    assert counts == {"gone": 1} and work.files.asked == []
    assert work.run.tally.reasons[Outcome.GONE] == {"gone": 1}


async def test_a_rendition_that_was_gone_is_not_asked_for_again() -> None:
    work = stage([post(1)], archive=Memory(known_posts={1: Known(unavailable="gone")}))

    counts = await work.crawl()

    assert counts == {"gone": 1} and work.files.asked == [] and work.archive.attempts == []


@pytest.mark.fault("P09")
async def test_a_bug_in_one_post_is_contained_and_counted() -> None:
    files = Files(raises={"720x720/2.": ZeroDivisionError("oh")})
    work = stage([post(3), post(2), post(1)], files=files)

    counts = await work.crawl()

    assert counts == {"deleted": 2, "failed": 1}
    assert work.run.tally.bugs == 1


async def test_a_challenge_page_stops_the_run_and_blames_no_post() -> None:
    files = Files(raises={"720x720/2.": BlockedError("challenge")})
    work = stage([post(3), post(2), post(1)], files=files, in_flight=1)

    with pytest.raises(BlockedError):
        await work.crawl()

    assert work.counts() == {"deleted": 1}


async def test_a_full_disk_stops_the_run() -> None:
    archive = Memory(full_at=1, error=StorageError("the disk is full"))
    work = stage([post(n) for n in range(20, 0, -1)], archive=archive)

    with pytest.raises(StorageError):
        await work.crawl()

    assert len(work.archive.sightings) == 1


async def test_a_transient_error_leaves_the_post_open() -> None:
    work = stage([post(1)], files=Files(raises={"720x720/1.": TransientError("no answer in time")}))

    assert await work.crawl() == {"failed": 1}


async def test_a_listing_that_breaks_keeps_what_was_found_before() -> None:
    source = Posts([post(2), post(1)], breaks_with=BlockedError("challenge"))
    work = stage(source)

    with pytest.raises(BlockedError):
        await work.crawl()

    assert len(work.archive.pages) == 1
    assert not work.archive.finished


async def test_a_range_that_could_not_be_listed_is_recorded() -> None:
    gap = Gap(10, 20, "the site's database gave up")
    work = stage(Posts([post(1)], gap=gap))

    await work.crawl()

    assert work.archive.gaps == [gap]
    assert work.run.tally.gaps == 1


async def test_a_range_that_was_missing_is_tried_again_and_closed_once_it_is_listed() -> None:
    archive = Memory(gaps=[Gap(3, 7, "the site's database gave up")], cursor=3)
    work = stage([post(n) for n in range(9, 0, -1)], archive=archive)

    await work.crawl()

    assert sorted(work.eye.looked) == [1, 2, 4, 5, 6]
    assert archive.gaps == []


async def test_a_range_that_is_still_missing_stays_open() -> None:
    gap = Gap(3, 7, "the site's database gave up")
    work = stage(Posts([post(2)], gap=gap), archive=Memory(gaps=[gap], cursor=3))

    await work.crawl()

    assert work.archive.gaps == [gap]
    assert work.run.tally.gaps == 1


@pytest.mark.fault("H14")
async def test_a_replaced_file_is_followed_to_its_new_version() -> None:
    old, new = post(1), replace(post(1), file=post(1, revision=1).file)
    assert old.file is not None
    source = Posts([old], replaced={1: new})
    work = stage(source, Eye({1: 0.9}), Files(raises={old.file.md5: GoneError()}))

    counts = await work.crawl()

    assert counts == {"kept": 1}
    assert work.archive.pages[-1].posts == [new]
    assert work.archive.originals == [1]


def at(old: Post, host: str) -> Post:
    """The same post with its files on another host."""
    assert old.file is not None
    file = replace(old.file, url=f"https://{host}/{old.file.md5}.png")
    return replace(
        old, file=file, renditions=(replace(old.renditions[0], url=f"https://{host}/720x720/{old.id}.webp"),)
    )


async def test_what_an_earlier_run_left_open_is_fetched_from_where_it_is_now() -> None:
    old = [post(2), post(1)]
    source = Posts(old, moved_posts={2: at(old[0], "new.example"), 1: at(old[1], "new.example")})
    work = stage(source, Eye({2: 0.9}), archive=Memory(open_posts=old, cursor=1))

    counts = await work.crawl()

    assert counts == {"kept": 1, "deleted": 1}
    assert all(url.startswith("https://new.example/") for url in work.files.asked)
    assert [p.id for page in work.archive.pages for p in page.posts] == [2, 1]


async def test_what_an_earlier_run_left_open_and_the_site_has_no_more_is_gone() -> None:
    old = [post(2), post(1)]
    work = stage(Posts(old, moved_posts={2: None}), archive=Memory(open_posts=old, cursor=1))

    counts = await work.crawl()

    assert counts == {"gone": 1, "deleted": 1} and work.run.tally.listed == 2
    assert [(post_id, failure.state) for post_id, failure in work.archive.failures] == [(2, "unavailable")]


async def test_a_file_that_has_moved_on_its_host_is_fetched_from_where_it_is_now() -> None:
    old = post(1)
    source = Posts([old], replaced={1: at(old, "cdn2.example")})
    work = stage(source, Eye({1: 0.9}), Files(raises={"//cdn.example/": GoneError()}))

    assert await work.crawl() == {"kept": 1}


async def test_a_decision_of_an_earlier_run_stands() -> None:
    policy = Policy().identity(CARD, tagged=False)
    known = {2: decided(DecisionValue.DELETE, policy), 1: decided(DecisionValue.KEEP, policy, place=Place.GALLERY)}
    work = stage([post(2), post(1)], archive=Memory(known))

    counts = await work.crawl()

    assert counts == {"deleted": 1, "kept": 1}
    assert (work.files.asked, work.run.tally.scored, work.run.tally.known) == ([], 0, 2)


async def test_a_keep_whose_original_never_arrived_is_fetched_now() -> None:
    policy = Policy().identity(CARD, tagged=False)
    work = stage([post(1)], archive=Memory({1: decided(DecisionValue.KEEP, policy)}))

    await work.crawl()

    assert work.archive.originals == [1]
    assert work.eye.looked == []


async def test_a_tag_that_came_since_overrules_an_old_deletion() -> None:
    policy = Policy().identity(CARD, tagged=False)
    work = stage([post(1, tagged=True)], archive=Memory({1: decided(DecisionValue.DELETE, policy)}))

    assert await work.crawl() == {"kept": 1}


@pytest.mark.fault("M20")
@pytest.mark.parametrize(
    ("label", "score", "outcome"),
    [(LabelValue.KEEP, 0.0, "kept"), (LabelValue.DELETE, 1.0, "deleted"), (LabelValue.UNSURE, 1.0, "undecided")],
)
async def test_a_label_beats_the_score(label: LabelValue, score: float, outcome: str) -> None:
    work = stage([post(1)], Eye({1: score}), archive=Memory({1: Known(labels={"mona": label})}))

    assert await work.crawl() == {outcome: 1}


async def test_a_known_embedding_is_scored_without_fetching_the_picture() -> None:
    work = stage([post(1)], archive=Memory({1: Known(embeddings={"backbone-hash": b"\0\0"})}))

    assert await work.crawl() == {"kept": 1}
    assert work.eye.recalled == 1
    assert not any("720x720" in url for url in work.files.asked)


async def test_the_windows_of_a_known_picture_are_scored_with_it() -> None:
    known = Known(embeddings={"backbone-hash": b"\0\0"}, windows={"backbone-hash": b"\1\1\2\2"})
    work = stage([post(1)], archive=Memory({1: known}))

    await work.crawl()

    assert work.eye.recalls == [{"backbone-hash": b"\0\0\1\1\2\2"}]


async def test_a_page_that_was_too_small_to_see_stays_undecided_under_every_model() -> None:
    known = Known(embeddings={"backbone-hash": b"\0\0"}, too_small=True)
    seen_now = stage([post(1)], Eye({1: 0.1}, too_small=frozenset({1})))
    seen_before = stage([post(1)], Eye(recalled_score=0.1), archive=Memory({1: known}))

    assert [await work.crawl() for work in (seen_now, seen_before)] == [{"undecided": 1}] * 2
    assert seen_now.run.tally.reasons == seen_before.run.tally.reasons
    assert "too small to see" in str(seen_now.run.tally.reasons)
    for work in (seen_now, seen_before):
        (sighting,) = work.archive.sightings
        assert sighting.look.too_small
    assert seen_now.archive.sightings[0].stored is not None  # so that the page shows it


@pytest.mark.parametrize(("width", "fetched"), [(36, True), (100, False)])
async def test_a_page_that_was_too_small_to_see_is_fetched_again_where_a_larger_rendition_is_scored_now(
    width: int, fetched: bool
) -> None:
    stored = StoredRendition("360x360", "1.webp", "webp", width, 80, 6, "sha")
    known = Known(embeddings={"backbone-hash": b"\0\0"}, too_small=True, rendition=stored)
    work = stage([post(1)], Eye({1: 0.1}, recalled_score=0.1), archive=Memory({1: known}))

    assert await work.crawl() == ({"deleted": 1} if fetched else {"undecided": 1})
    assert (len(work.files.asked), work.eye.recalled) == ((1, 0) if fetched else (0, 1))


async def test_a_stored_rendition_is_looked_at_again_without_the_network() -> None:
    stored = StoredRendition("720x720", "1.webp", "webp", 100, 80, 6, "sha")
    work = stage([post(1)], Eye({1: 0.1}), archive=Memory({1: Known(rendition=stored)}))

    assert await work.crawl() == {"deleted": 1}
    assert work.files.asked == []


@pytest.mark.fault("P15")
async def test_a_post_that_kills_the_program_each_time_is_left_alone() -> None:
    work = stage([post(1)], archive=Memory({1: Known(open_attempts=5, died_alone=3)}))

    assert await work.crawl() == {"undecided": 1}
    assert work.files.asked == []


@pytest.mark.fault("P15")
async def test_a_suspect_is_carried_alone_after_all_others() -> None:
    posts = [post(n) for n in range(9, 0, -1)]
    work = stage(posts, archive=Memory({7: Known(open_attempts=2), 5: Known(open_attempts=4, died_alone=2)}))

    assert await work.crawl() == {"deleted": 9}
    assert work.eye.looked[-2:] == [7, 5]


async def test_two_posts_with_one_file_download_it_once() -> None:
    work = stage([post(1)], Eye({1: 0.9}), archive=Memory(shared=frozenset({1})))

    await work.crawl()

    assert work.archive.adopted == [1]
    assert work.archive.originals == []


async def test_the_limit_counts_posts() -> None:
    work = stage([post(n) for n in range(9, 0, -1)], limit=5)

    await work.crawl()

    assert work.run.tally.listed == work.run.tally.finished == 5
    assert not work.archive.finished


async def test_terms_that_the_site_was_not_asked_are_evaluated_here() -> None:
    work = stage([post(n) for n in range(4, 0, -1)], wants=lambda post: post.id % 2 == 0)

    await work.crawl()

    assert sorted(work.eye.looked) == [2, 4]


async def test_what_an_earlier_run_left_open_comes_first_and_only_once() -> None:
    work = stage([post(2), post(1)], archive=Memory(open_posts=[post(2)]))

    await work.crawl()

    assert sorted(work.eye.looked) == [1, 2]


async def test_a_stop_request_ends_the_listing_and_finishes_what_is_in_flight() -> None:
    work = stage([post(n) for n in range(400, 0, -1)])
    work.run.stop.set()

    await work.crawl()

    assert work.run.tally.finished < 400
    assert not work.archive.finished


@pytest.mark.fault("P18")
async def test_the_numbers_add_up() -> None:
    posts = [post(n, hidden=n % 7 == 0, tagged=n % 5 == 0) for n in range(100, 0, -1)]
    work = stage(posts, Eye({n: (n % 10) / 10 for n in range(101)}, faults={33: "undecodable"}))

    await work.crawl()

    assert work.run.tally.listed == work.run.tally.finished == 100


async def test_only_a_run_that_scores_originals_moves_any_to_the_trash() -> None:
    looked_small = stage([post(1)], Eye({1: 0.1}))
    looked_at_originals = stage([post(1)], Eye({1: 0.1}), archive=Memory(shared=frozenset({1})), score_on="original")

    assert await looked_small.crawl() == await looked_at_originals.crawl() == {"deleted": 1}

    assert looked_small.archive.trashed == []
    assert looked_at_originals.archive.trashed == [1]


@dataclass
class Closed(Eye):
    """A judge that answers nobody until it is opened, and counts who waits for it."""

    opened: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    most_waiting: int = 0

    async def look(self, picture: bytes) -> Look:
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        await self.opened.wait()
        self.waiting -= 1
        return await Eye.look(self, picture)


async def everybody_waits() -> None:
    """Let every task go on until it can go no further."""
    for _ in range(2000):
        await asyncio.sleep(0)


@pytest.mark.fault("P10")
async def test_downloads_wait_for_a_judge_that_is_slow() -> None:
    posts, eye = Posts([post(number) for number in range(1000, 0, -1)]), Closed()
    work = stage(posts, eye, in_flight=4)
    running = asyncio.create_task(work.crawl())

    await everybody_waits()

    assert (len(work.files.asked), eye.most_waiting, len(work.archive.attempts)) == (4, 4, 4)
    assert work.run.queue.qsize() <= 400
    assert work.run.tally.listed <= 400 + 4 + 1  # in the queue, in flight, and in the lister's hand
    eye.opened.set()
    assert await running == {"deleted": 1000}
    assert eye.most_waiting == 4


@dataclass
class SlowFiles(Files):
    """A file host that sends nothing for a while."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def fetch_bytes(
        self, url: str, *, version: FileVersion | None = None, expect: str | None = None, replaceable: bool = False
    ) -> Bytes:
        self.begun.set()
        await self.go_on.wait()
        return await Files.fetch_bytes(self, url, version=version, expect=expect, replaceable=replaceable)


@pytest.mark.fault("P11")
def test_waiting_for_downloads_keeps_nobody_busy() -> None:
    turns = 0

    class CountingLoop(asyncio.SelectorEventLoop):
        def _run_once(self) -> None:
            nonlocal turns
            turns += 1
            super()._run_once()  # type: ignore[misc]  # one turn of the loop has no public name

    async def job() -> int:
        work = stage([post(3), post(2), post(1)], files=(files := SlowFiles()))
        running = asyncio.create_task(work.crawl())
        await files.begun.wait()
        await everybody_waits()
        before = turns
        woken = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.2, woken.set_result, None)
        await woken
        while_waiting = turns - before
        files.go_on.set()
        await running
        return while_waiting

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        assert runner.run(job()) < 20  # a loop that polls makes thousands of turns in that time


async def test_a_post_whose_tags_changed_is_decided_again_from_its_stored_embedding() -> None:
    card = replace(CARD, shifts=(0.0, -4.0, 0.0, -4.0))
    others = replace(post(1), tags=PostTags(character=("fischl_(genshin_impact)",)))
    before = Ruling(Policy(), {"mona": card}).decide(MONA, PostTags(), Look({"mona": 0.9}))
    known = Known(decisions={"mona": before}, embeddings={card.backbone_hash: b"\0\0"})
    eye = Eye({1: 0.9}, card=card)
    work = stage([others], eye, archive=Memory({1: known}))

    assert await work.crawl() == {"deleted": 1}
    assert (work.files.asked, eye.looked) == ([], [])


async def test_stored_tags_of_the_users_tagger_count_for_stored_embeddings_and_are_decided_once() -> None:
    card = replace(CARD, ai_weights=(AiTagWeight("c" * 64, MONA.tag, 1.0, 0.0),))
    tags = TaggerTags("c" * 64, "wd-vit", {MONA.tag: 0.1})
    known = Known(embeddings={card.backbone_hash: b"\0\0"}, tagger_tags=tags)
    work = stage([post(1)], Eye(card=card, recalled_score=0.6), archive=Memory({1: known}))

    assert await work.crawl() == {"deleted": 1}
    (decision,) = work.archive.sightings[0].decisions
    assert decision.score == pytest.approx(1 / (1 + (90.5 / 10.5) * (0.4 / 0.6)))
    eye = Eye(card=card, recalled_score=0.6)
    again = stage([post(1)], eye, archive=Memory({1: replace(known, decisions={"mona": decision})}))
    assert await again.crawl() == {"deleted": 1} and eye.recalled == 0


async def test_a_model_that_may_not_decide_leaves_posts_open_and_deletes_nothing() -> None:
    card = replace(CARD, refusal="too few pictures; give it more")
    eye = Eye({3: 0.99, 2: 0.01, 1: 0.5}, card=card)
    work = stage([post(3), post(2), post(1, tagged=True)], eye)

    assert await work.crawl() == {"undecided": 2, "kept": 1}
    assert work.run.tally.reasons[Outcome.UNDECIDED] == {"model refused: too few pictures": 2}


async def test_a_doubted_tag_keeps_nothing_and_is_counted() -> None:
    work = stage([post(1, tagged=True)], Eye({1: 0.0}))

    assert await work.crawl() == {"undecided": 1}
    assert work.run.tally.reasons[Outcome.UNDECIDED] == {"tag doubted": 1}
    assert work.archive.originals == []


HAD = Known(seen=True)  # by another program, as its archive says


async def test_what_another_program_has_is_neither_looked_at_nor_fetched() -> None:
    work = stage([post(2), post(1, tagged=True)], Eye({2: 0.9}), archive=Memory({1: HAD}))

    assert await work.crawl() == {"kept": 1, "seen": 1}
    assert (work.eye.looked, work.archive.originals) == ([2], [2])


async def test_asked_to_look_at_it_a_crawl_decides_and_leaves_the_file_where_it_is() -> None:
    work = stage([post(2), post(1)], Eye({2: 0.1, 1: 0.9}), archive=Memory({1: HAD, 2: HAD}), seen=True)

    assert await work.crawl() == {"deleted": 1, "seen": 1}
    assert work.archive.decisions() == {2: "delete(score)", 1: "keep(score)"}
    assert work.archive.originals == []
    assert work.run.tally.reasons[Outcome.SEEN] == {"to be kept": 1}


async def test_what_only_its_original_would_show_is_not_looked_at() -> None:
    small = replace(post(1), renditions=(Rendition("original", "https://cdn.example/1.png", 100, 80, "png"),))
    work = stage([small], archive=Memory({1: HAD}), seen=True)

    assert await work.crawl() == {"seen": 1}
    assert work.files.asked == []


async def test_what_another_program_has_and_is_here_too_is_kept_as_ever() -> None:
    here = replace(HAD, rendition=StoredRendition("original", "1", "png", 100, 80, 1, "0" * 64))
    work = stage([post(1)], Eye({1: 0.9}), archive=Memory({1: here}, shared=frozenset({1})))

    assert await work.crawl() == {"kept": 1}
    assert (work.archive.adopted, work.files.asked) == ([1], [])
