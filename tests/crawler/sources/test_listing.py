"""A walk is complete, or says what is missing; nothing else counts."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import httpx2
import pytest

from crawler.errors import AccessError, UnreachableError
from crawler.sources.listing import Listed, SiteSource, walk
from crawler.sources.site_client import NEWEST
from storage.records import Post
from tests.crawler.scenes import client_of, error_of, json_response, raw_post

TIMED_OUT = error_of("ActiveRecord::QueryCanceled", "The database timed out running your query.")
Whim = Callable[["Gallery", int, list[int]], "list[int] | httpx2.Response | None"]


@dataclass
class Gallery:
    """A site with some posts, and whims: (gallery, number of the request, proper answer) -> another answer."""

    ids: list[int]
    whim: Whim = lambda gallery, number, proper: None
    page_size: int = 10
    cursors: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        params = request.url.params
        self.cursors.append(params["page"])
        self.queries.append(params.get("tags", ""))
        below = int(params["page"][1:])
        above = re.search(r"id:>(\d+)", params.get("tags", ""))
        least = int(above[1]) if above else 0
        limit = min(int(params["limit"]), self.page_size)
        proper = [one for one in sorted(self.ids, reverse=True) if least < one < below][:limit]
        changed = self.whim(self, len(self.cursors), proper)
        if isinstance(changed, httpx2.Response):
            return changed
        return json_response([raw_post(one) for one in (proper if changed is None else changed)])


async def listed(gallery: Gallery, start: int | None = None, floor: int | None = None) -> list[Listed]:
    async with client_of(gallery) as (client, _):
        return [step async for step in walk(client, "mona", start=start, floor=floor)]


def ids_of(steps: Sequence[Listed]) -> list[int]:
    return [post.id for step in steps for post in step.posts]


@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 20, 35])
async def test_every_post_is_listed_once_and_in_order(number: int) -> None:
    gallery = Gallery(list(range(1, number + 1)))

    assert ids_of(await listed(gallery)) == list(range(number, 0, -1))


@pytest.mark.fault("H15")
async def test_the_walk_goes_by_id_and_never_by_page_number() -> None:
    gallery = Gallery(list(range(1, 36)))

    await listed(gallery)

    assert gallery.cursors[0] == NEWEST and all(re.fullmatch(r"b\d+", cursor) for cursor in gallery.cursors)


@pytest.mark.fault("J02")
async def test_the_end_is_believed_when_the_last_cursor_is_empty_twice() -> None:
    gallery = Gallery(list(range(5, 15)))

    await listed(gallery)

    assert gallery.cursors == [NEWEST, "b5", "b5"]


@pytest.mark.fault("J02")
async def test_one_empty_answer_in_the_middle_is_not_the_end() -> None:
    gallery = Gallery(list(range(1, 36)), lambda gallery, number, proper: [] if number in (1, 3, 5) else None)

    assert ids_of(await listed(gallery)) == list(range(35, 0, -1))


@pytest.mark.fault("J03")
async def test_a_short_page_is_not_the_end() -> None:
    gallery = Gallery(list(range(1, 36)), lambda gallery, number, proper: proper[:-1] if number == 2 else None)

    assert ids_of(await listed(gallery)) == list(range(35, 0, -1))


@pytest.mark.fault("J04")
async def test_posts_that_arrive_during_the_walk_shift_nothing() -> None:
    def upload(gallery: Gallery, number: int, proper: list[int]) -> None:
        gallery.ids.append(100 + number)

    assert ids_of(await listed(Gallery(list(range(1, 36)), upload))) == list(range(35, 0, -1))


@pytest.mark.fault("J04")
async def test_repeated_and_unordered_rows_are_listed_once() -> None:
    def repeat(gallery: Gallery, number: int, proper: list[int]) -> list[int]:
        return [*reversed(proper), 35, 34, *proper[:2]]

    assert ids_of(await listed(Gallery(list(range(1, 36)), repeat))) == list(range(35, 0, -1))


@pytest.mark.fault("J05")
async def test_a_site_that_repeats_one_page_for_ever_is_noticed_and_leaves_a_gap() -> None:
    gallery = Gallery(list(range(1, 36)), lambda gallery, number, proper: list(range(35, 25, -1)))

    steps = await listed(gallery)

    assert ids_of(steps) == list(range(35, 25, -1))
    assert len(gallery.cursors) == 4
    gap = steps[-1].gap
    assert gap is not None and (gap.above, gap.below) == (0, 26) and "repeats" in gap.reason


@pytest.mark.fault("H02")
async def test_a_page_that_always_times_out_leaves_a_gap_and_the_rest_is_listed() -> None:
    def time_out(gallery: Gallery, number: int, proper: list[int]) -> httpx2.Response | None:
        return TIMED_OUT if gallery.cursors[-1] == "b26" else None

    steps = await listed(Gallery(list(range(1, 36)), time_out))

    gaps = [step.gap for step in steps if step.gap is not None]
    missing = set(range(1, 36)) - set(ids_of(steps))
    assert len(gaps) == 1 and "timed out" in gaps[0].reason
    assert missing == {one for one in range(1, 36) if gaps[0].above < one < (gaps[0].below or 0)}
    assert 0 < len(missing) <= 5


@pytest.mark.fault("H02")
async def test_a_search_too_heavy_at_once_is_listed_in_narrower_windows() -> None:
    def time_out_when_wide(gallery: Gallery, number: int, proper: list[int]) -> httpx2.Response | None:
        return None if "id:>" in gallery.queries[-1] or number == 1 else TIMED_OUT

    steps = await listed(Gallery(list(range(1, 36)), time_out_when_wide))

    assert ids_of(steps) == list(range(35, 0, -1))
    assert all(step.gap is None for step in steps)


@pytest.mark.fault("H02")
async def test_a_first_page_that_times_out_is_narrowed_from_the_newest_post() -> None:
    def time_out(gallery: Gallery, number: int, proper: list[int]) -> httpx2.Response | None:
        return TIMED_OUT if gallery.queries[-1] == "mona" and gallery.cursors[-1] == NEWEST else None

    steps = await listed(Gallery(list(range(1, 36)), time_out))

    assert ids_of(steps) == list(range(35, 0, -1))


@pytest.mark.fault("H02")
async def test_a_timed_out_page_is_tried_twice_before_less_is_asked_for() -> None:
    def time_out(gallery: Gallery, number: int, proper: list[int]) -> httpx2.Response | None:
        return TIMED_OUT if gallery.cursors[-1] == "b26" and gallery.queries[-1] == "mona" else None

    gallery = Gallery(list(range(1, 36)), time_out)
    await listed(gallery)

    asked = list(zip(gallery.cursors, gallery.queries, strict=True))
    assert asked.count(("b26", "mona")) == 2


async def test_a_search_that_stays_heavy_is_not_tried_whole_at_every_step() -> None:
    def time_out_when_wide(gallery: Gallery, number: int, proper: list[int]) -> httpx2.Response | None:
        return None if "id:>" in gallery.queries[-1] or number == 1 else TIMED_OUT

    gallery = Gallery(list(range(1, 1001)), time_out_when_wide)
    steps = await listed(gallery)

    assert ids_of(steps) == list(range(1000, 0, -1))
    assert gallery.queries.count("mona") <= 1 + 2 * 4


async def test_an_empty_answer_inside_a_narrowed_window_is_not_believed_once() -> None:
    def empty_first(gallery: Gallery, number: int, proper: list[int]) -> list[int] | httpx2.Response | None:
        if "id:>" not in gallery.queries[-1]:
            return None if number == 1 else TIMED_OUT
        asked = (gallery.cursors[-1], gallery.queries[-1])
        first = list(zip(gallery.cursors, gallery.queries, strict=True)).count(asked) == 1
        return [] if first else None

    steps = await listed(Gallery(list(range(1, 36)), empty_first))

    assert ids_of(steps) == list(range(35, 0, -1))
    assert all(step.gap is None for step in steps)


async def test_alternatives_stay_together_when_a_window_is_narrowed() -> None:
    answers = iter([json_response([raw_post(9)]), TIMED_OUT, TIMED_OUT])
    async with client_of(lambda request: next(answers, json_response([]))) as (client, heard):
        _ = [step async for step in walk(client, "a or b")]

    assert "(a or b) id:>7" in heard.asked("tags")


async def test_a_site_that_lists_nothing_any_more_ends_the_walk() -> None:
    gallery = Gallery(list(range(1, 36)), lambda gallery, number, proper: None if number == 1 else httpx2.Response(500))

    with pytest.raises(UnreachableError):
        await listed(gallery)


async def test_a_refused_key_ends_the_walk_at_once() -> None:
    gallery = Gallery([], lambda gallery, number, proper: httpx2.Response(401))

    with pytest.raises(AccessError):
        await listed(gallery)

    assert len(gallery.cursors) == 1


async def test_a_stopped_walk_goes_on_below_its_cursor() -> None:
    gallery = Gallery(list(range(1, 36)))
    async with client_of(gallery) as (client, _):
        first = await anext(walk(client, "mona"))

    rest = await listed(gallery, start=first.cursor)

    assert ids_of([first, *rest]) == list(range(35, 0, -1))


async def test_only_what_is_new_is_listed() -> None:
    gallery = Gallery(list(range(1, 36)))

    steps = await listed(gallery, floor=22)

    assert ids_of(steps) == list(range(35, 22, -1)) and len(gallery.cursors) == 2


async def test_a_gap_can_be_listed_later() -> None:
    assert ids_of(await listed(Gallery(list(range(1, 36))), start=20, floor=12)) == list(range(19, 12, -1))


async def test_nothing_new_costs_one_request() -> None:
    gallery = Gallery(list(range(1, 36)))

    assert ids_of(await listed(gallery, floor=35)) == [] and len(gallery.cursors) == 1


@pytest.mark.fault("J07")
async def test_refused_rows_move_the_cursor_and_are_handed_on() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.params["page"] != NEWEST:
            return json_response([])
        return json_response([raw_post(9), raw_post(8, file_size=-1), raw_post(7, file_size=-1)])

    async with client_of(answer) as (client, heard):
        steps = [step async for step in walk(client, "mona")]

    assert ids_of(steps) == [9] and [row.post_id for row in steps[0].refused] == [8, 7]
    assert heard.asked("page")[1:] == ["b7", "b7"]


@pytest.mark.fault("J07")
async def test_a_page_of_nothing_but_nonsense_is_no_end() -> None:
    async with client_of(lambda request: json_response([{"id": "x"}, None])) as (client, _):
        steps = [step async for step in walk(client, "mona")]

    assert steps[-1].gap is not None


async def test_a_post_can_be_asked_for_again(a_post: Post) -> None:
    gone = httpx2.Response(404)
    answers = iter([json_response(raw_post(7, md5="f" * 32)), gone])
    async with client_of(lambda request: next(answers)) as (client, _):
        source = SiteSource(client, "mona")
        again = await source.again(a_post)
        lost = await source.again(a_post)

    assert again is not None and again.file is not None and again.file.md5 == "f" * 32
    assert lost is None


@pytest.fixture
def a_post() -> Post:
    from crawler.sources.danbooru_posts import post_from_json
    from tests.crawler.scenes import ELSEWHERE

    return post_from_json(ELSEWHERE, raw_post(7))


@pytest.mark.parametrize("url", ["http://booru.example/{}", "https://booru.example:8443/{}", "https://old.example/{}"])
async def test_posts_whose_files_were_elsewhere_are_asked_for_again(url: str) -> None:
    rows = [raw_post(n, file_url=f"https://cdn.booru.example/{n}.jpg", media_asset=None) for n in (3, 2)]
    async with client_of(lambda request: json_response(rows)) as (client, heard):
        now = (await client.posts("x")).posts
        old = [replace(post, file=replace(post.file, url=url.format(post.id))) for post in now if post.file]
        moved = await SiteSource(client, "x").moved([*old, replace(old[0], id=1)])
        stayed = await SiteSource(client, "x").moved([replace(post, renditions=()) for post in now])

    assert moved == {3: now[0], 2: now[1], 1: None}
    assert stayed == {} and len(heard.requests) == 2
