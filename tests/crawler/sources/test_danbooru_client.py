import gzip
import resource
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from crawler.errors import (
    AccessError,
    GoneError,
    NotOffered,
    PageLimitError,
    PostError,
    SiteTimeout,
    TagLimit,
    TransientError,
)
from crawler.sources.danbooru_client import DanbooruClient
from crawler.sources.names import resolve_target
from storage.records import TagCategory
from tests.crawler.scenes import (
    Clock,
    client_of,
    error_of,
    hidden,
    http_to_stage,
    json_response,
    misbehaving,
    plain,
    quick,
    raw_post,
)


def page_of(*ids: int) -> httpx2.Response:
    return json_response([raw_post(post_id) for post_id in ids])


async def test_a_page_is_asked_for_by_id_with_only_what_is_stored() -> None:
    async with client_of(lambda request: page_of(9, 8)) as (client, heard):
        page = await client.posts("mona", page="b10")

    assert [post.id for post in page.posts] == [9, 8] and page.raw_count == 2
    assert heard.asked("page") == ["b10"] and heard.asked("limit") == ["200"]
    assert "media_asset[" in heard.asked("only")[0] and "ai_tags[score,tag[name,category]]" in heard.asked("only")[0]


async def test_blank_parameters_are_never_sent() -> None:
    async with client_of(lambda request: page_of()) as (client, heard):
        await client.posts("", limit=1)

    assert sorted(heard.requests[0].url.params) == ["limit", "only", "page"]


@pytest.mark.fault("J01")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"3",
        b'"posts"',
        b"{}",
        b'[{"id": 1}',
        b"<html><body>maintenance</body></html>",
        b'{"success": false, "error": "Whatever"}',
        b"[" * 100_000,
        b"[" + b"9" * 1_000_000 + b"]",
        b"\xff\xfe",
    ],
)
async def test_an_answer_that_is_no_list_is_asked_for_again_and_never_an_empty_page(body: bytes) -> None:
    answers = iter([httpx2.Response(200, content=body)])
    async with client_of(lambda request: next(answers, page_of(5))) as (client, heard):
        page = await client.posts("mona")

    assert [post.id for post in page.posts] == [5] and len(heard.requests) == 2


@pytest.mark.fault("J01")
async def test_nonsense_for_ever_fails_and_does_not_end_the_listing() -> None:
    async with client_of(lambda request: httpx2.Response(200, content=b"null")) as (client, _):
        with pytest.raises(TransientError):
            await client.posts("mona")


@pytest.mark.fault("J07")
async def test_bad_rows_are_refused_and_the_others_kept() -> None:
    rows = [raw_post(9), raw_post(8, file_size=-1), "row", raw_post(7), hidden(6)]
    async with client_of(lambda request: json_response(rows)) as (client, _):
        page = await client.posts("mona")

    assert [post.id for post in page.posts] == [9, 7, 6] and page.raw_count == 5
    assert [row.post_id for row in page.refused] == [8, None]


@pytest.mark.fault("J07")
async def test_nan_and_infinity_spoil_their_own_row_only() -> None:
    text = json_response([raw_post(9), raw_post(8)]).content.replace(b'"score": -2', b'"score": NaN', 1)
    async with client_of(lambda request: httpx2.Response(200, content=text)) as (client, _):
        page = await client.posts("mona")

    assert [post.id for post in page.posts] == [8] and "score" in page.refused[0].reason


@pytest.mark.fault("J07")
async def test_one_id_with_two_files_is_kept_once_and_reported() -> None:
    rows = [raw_post(9), raw_post(9), raw_post(9, md5="f" * 32)]
    async with client_of(lambda request: json_response(rows)) as (client, _):
        page = await client.posts("mona")

    assert len(page.posts) == 1 and page.posts[0].file is not None and page.posts[0].file.md5 == f"{9:032x}"
    assert [row.post_id for row in page.refused] == [9]


@pytest.mark.fault("H25")
async def test_truncated_compression_is_asked_for_again_and_never_an_empty_page() -> None:
    packed = gzip.compress(page_of(5, 4).content)
    cut = plain(packed[: len(packed) // 2], None, content_encoding="gzip")
    cut_early = plain(packed[:10], None, content_encoding="gzip")
    good = plain(packed, len(packed), content_encoding="gzip")
    async with misbehaving(cut, cut_early, good) as stage, http_to_stage(stage) as http:
        page = await DanbooruClient(http.site, http, quick()).posts("mona")

    assert [post.id for post in page.posts] == [5, 4] and len(stage.visits) == 3


@pytest.mark.fault("H24")
async def test_a_compression_bomb_is_cut_at_the_cap() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    bomb = b"".join(packer.compress(b" " * 1_000_000) for _ in range(60)) + packer.flush()
    async with misbehaving(plain(bomb, len(bomb), content_encoding="gzip")) as stage, http_to_stage(stage) as http:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(TransientError, match="more than"):
            await DanbooruClient(http.site, http, quick()).posts("mona")
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert after - before < 64 * 1024  # kB


@pytest.mark.fault("H14")
async def test_a_missing_post_is_gone() -> None:
    async with client_of(lambda request: error_of("ActiveRecord::RecordNotFound", status=404)) as (client, heard):
        with pytest.raises(GoneError):
            await client.post(5)

    assert heard.paths == ["/posts/5.json"]


async def test_another_post_than_asked_for_is_refused() -> None:
    async with client_of(lambda request: json_response(raw_post(6))) as (client, _):
        with pytest.raises(PostError, match="asked for post 5"):
            await client.post(5)


async def test_ids_are_fetched_200_at_a_time_and_missing_ones_are_simply_not_there() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        ids = [int(part) for part in request.url.params["tags"].removeprefix("id:").split(",")]
        return page_of(*[post_id for post_id in ids if post_id != 17])

    async with client_of(answer) as (client, heard):
        pages = [page async for page in client.posts_by_id(range(1, 451))]

    assert [page.raw_count for page in pages] == [199, 200, 50] and len(heard.requests) == 3


async def test_a_search_too_long_for_an_address_travels_in_the_body() -> None:
    async with client_of(lambda request: page_of()) as (client, heard):
        await client.posts(" ".join(f"~tag_number_{number}" for number in range(300)))

    request = heard.requests[0]
    assert request.method == "POST" and request.headers["x-http-method-override"] == "GET"
    assert len(str(request.url)) < 200


async def test_two_hundred_long_ids_fit_either_way() -> None:
    async with client_of(lambda request: page_of()) as (client, heard):
        _ = [page async for page in client.posts_by_id(range(10**8, 10**8 + 200))]

    assert len(str(heard.requests[0].url)) < 4000


@pytest.mark.parametrize(("told_count", "count"), [(17, 17), (0, 0), (None, None), ("17", None)])
async def test_the_sites_count_may_be_unknown(told_count: Any, count: int | None) -> None:
    async with client_of(lambda request: json_response({"counts": {"posts": told_count}})) as (client, _):
        assert await client.count("mona") == count


@pytest.mark.fault("H02")
async def test_a_timed_out_search_is_asked_twice_only() -> None:
    timeout = error_of("ActiveRecord::QueryCanceled", "The database timed out running your query.")
    async with client_of(lambda request: timeout) as (client, heard):
        with pytest.raises(SiteTimeout):
            await client.posts("mona")

    assert len(heard.requests) == 2


@pytest.mark.fault("H16")
async def test_too_many_terms_are_refused_with_the_sites_own_sentence() -> None:
    refusal = error_of("PostQuery::TagLimitError", "You cannot search for more than 2 tags at a time.", 422)
    async with client_of(lambda request: refusal) as (client, heard):
        with pytest.raises(TagLimit, match="more than 2 tags") as caught:
            await client.posts("a b c")

    assert caught.value.exit_code == 2 and len(heard.requests) == 1


@pytest.mark.fault("H15")
async def test_the_end_of_numbered_pages_is_an_error_of_its_own() -> None:
    async with client_of(lambda request: error_of("PaginationExtension::PaginationError", status=410)) as (client, _):
        with pytest.raises(PageLimitError):
            await client.posts("mona")


@pytest.mark.parametrize("page", ["", "1", "1001", "b", "c5", "b5 "])
async def test_a_page_in_the_searches_own_order_is_never_asked_for(page: str) -> None:
    async with client_of(lambda request: page_of()) as (client, heard):
        with pytest.raises(ValueError, match="id cursor"):
            await client.posts("date:2024-05-01", page=page)

    assert heard.requests == []


async def test_without_a_cursor_the_newest_posts_by_id_are_asked_for() -> None:
    async with client_of(lambda request: page_of(9)) as (client, heard):
        await client.posts("date:2024-05-01")

    assert heard.asked("page") == ["b2147483647"]


async def test_a_server_of_another_kind_is_recognised() -> None:
    async with client_of(lambda request: httpx2.Response(404, content=b"not here")) as (client, _):
        with pytest.raises(NotOffered, match="Danbooru"):
            await client.posts("mona")


@pytest.mark.parametrize("status", [403, 404, 410, 501])
@pytest.mark.parametrize("path", ["/tag_aliases.json", "/tag_implications.json", "/counts/posts.json"])
async def test_a_part_of_the_api_that_is_gone_is_done_without(path: str, status: int) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return error_of("X", "no", status) if request.url.path == path else json_response([])

    async with client_of(answer) as (client, _):
        found = {
            "/tag_aliases.json": lambda: client.aliases("mona"),
            "/tag_implications.json": lambda: client.implications(to="mona"),
            "/counts/posts.json": lambda: client.count("mona"),
        }
        assert not await found[path]() and client.lacks(path)


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_site_that_cannot_count_is_crawled_all_the_same(status: int) -> None:
    async with client_of(lambda request: error_of("X", "no", status)) as (client, _):
        assert await client.count("mona") is None


async def test_tags_are_found_by_name_with_their_category() -> None:
    rows = [{"name": "mona_(genshin_impact)", "category": 4, "post_count": 7}, {"name": 3}, None]
    async with client_of(lambda request: json_response(rows)) as (client, heard):
        tags = await client.tags(["mona_(genshin_impact)", "missing"])

    assert list(tags) == ["mona_(genshin_impact)"]
    assert tags["mona_(genshin_impact)"].category is TagCategory.CHARACTER
    assert heard.asked("search[name_comma]") == ["mona_(genshin_impact),missing"]


async def test_retired_aliases_and_implications_do_not_count() -> None:
    rows = [
        {"antecedent_name": "a", "consequent_name": "b", "status": "active"},
        {"antecedent_name": "a", "consequent_name": "c", "status": "retired"},
    ]
    async with client_of(lambda request: json_response(rows)) as (client, _):
        assert await client.aliases("a") == ["b"]
        assert [edge.consequent for edge in await client.implications(to="b")] == ["b"]


async def test_nobody_in_particular_has_the_sites_own_limit() -> None:
    anonymous = {"id": None, "name": "Anonymous", "level": 0}
    async with client_of(lambda request: json_response(anonymous)) as (client, _):
        profile = await client.profile()

    assert profile.id is None and profile.tag_query_limit == 2


@pytest.mark.parametrize(
    ("zone", "other"),
    [("Eastern Time (US & Canada)", False), ("America/New_York", False), ("Tokyo", True), ("UTC", True), (None, True)],
)
async def test_an_account_says_where_its_days_begin(zone: str | None, other: bool) -> None:
    member = {"id": 4, "name": "p", "level": 20, "tag_query_limit": 2, "time_zone": zone}
    async with client_of(lambda request: json_response(member), account=True) as (client, _):
        assert (await client.profile()).has_other_days is other


async def test_an_unlimited_account_is_unlimited() -> None:
    platinum = {"id": 4, "name": "p", "level": 31, "tag_query_limit": None}
    async with client_of(lambda request: json_response(platinum), account=True) as (client, _):
        assert (await client.profile()).tag_query_limit is None


async def test_a_missing_wiki_page_is_no_error() -> None:
    async with client_of(lambda request: httpx2.Response(404), clock=Clock()) as (client, heard):
        assert await client.wiki("a/b") is None

    assert heard.requests[0].url.raw_path.startswith(b"/wiki_pages/a%2Fb.json")


# --- what a key may not ask ------------------------------------------------------------------------------------------

FORBIDDEN = error_of("User::PrivilegeError", "Access denied", 403)
OPTIONAL: dict[str, Callable[[DanbooruClient], Awaitable[object]]] = {
    "/tag_aliases.json": lambda client: client.aliases("mona"),
    "/tag_implications.json": lambda client: client.implications(to="mona"),
    "/autocomplete.json": lambda client: client.autocomplete("mona"),
    "/wiki_pages.json": lambda client: client.wikis_by_other_name("mona"),
    "/counts/posts.json": lambda client: client.count("mona"),
    "/profile.json": lambda client: client.profile(),
}


@pytest.mark.parametrize("status", [403, 404, 501])
@pytest.mark.parametrize("path", OPTIONAL)
async def test_a_part_of_the_api_that_is_closed_is_done_without_and_named_once(path: str, status: int) -> None:
    async with client_of(lambda request: error_of("X", "Access denied", status), account=True) as (client, heard):
        notices: list[str] = []
        client.notify = notices.append
        answers = [await OPTIONAL[path](client) for _ in range(3)]

    assert answers in ([None] * 3, [[]] * 3)
    assert len(notices) == len(heard.requests) == 1 and path in notices[0] and "without" in notices[0]


@pytest.mark.parametrize("path", OPTIONAL)
async def test_a_refused_key_is_refused_in_every_part_of_the_api(path: str) -> None:
    async with client_of(lambda request: error_of("X", "Invalid API key", 401), account=True) as (client, _):
        with pytest.raises(AccessError):
            await OPTIONAL[path](client)


async def test_a_name_is_resolved_by_a_key_that_may_only_read_tags_and_posts() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path != "/tags.json":
            return FORBIDDEN
        return json_response([{"name": "mona_(genshin_impact)", "category": 4, "post_count": 9}])

    async with client_of(answer, account=True) as (client, _):
        found = await resolve_target(client, "mona_(genshin_impact)", ["genshin_impact"])

    assert found.target.tag == "mona_(genshin_impact)" and found.target.variants == ()


@pytest.mark.parametrize("status", [400, 403, 404, 405, 406, 410, 415, 422, 451])
async def test_what_the_api_will_not_say_of_one_post_is_that_posts_trouble(status: int) -> None:
    async with client_of(lambda request: error_of("X", "no", status)) as (client, _):
        with pytest.raises((PostError, TransientError)):
            await client.post(17)
