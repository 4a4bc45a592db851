import pytest

from crawler.errors import UsageError
from crawler.sources.boorus.shared_search import SharedSearch, asked_ratings, plain_wording, shared_search
from crawler.sources.site_client import PostPage
from storage.records import Rating
from storage.search.language import Node
from tests.storage.samples import make_post

THREE = (Rating.SENSITIVE, Rating.QUESTIONABLE, Rating.EXPLICIT)


def wording(part: Node) -> str | None:
    letter = asked_ratings(part, THREE, "there")
    return f"rating:{letter}" if letter else plain_wording(part)


def shared(tags: str) -> SharedSearch:
    return shared_search(tags, wording, "there")


@pytest.mark.parametrize(
    ("tags", "asked"),
    [
        ("mona", "mona"),
        ("mona -solo", "mona -solo"),
        ("id:>5 mona", "id:>5 mona"),
        ("rating:e", "rating:e"),
        ("rating:g,s", "rating:s"),
        ("rating:q,e", ""),
        ("id:1,2", ""),
        ("score:>3 mona", "mona"),
        ("(mona or keqing)", ""),
        ("mo*", ""),
        ("", ""),
    ],
)
def test_a_site_is_asked_what_it_knows(tags: str, asked: str) -> None:
    assert shared(tags).asked == asked


def test_the_rest_is_checked_here_and_moves_the_listing_on() -> None:
    page = PostPage((make_post(3, score=5), make_post(2, score=1)), (), 2)

    fitting = shared("mona score:>3").only_fitting(page)

    assert [post.id for post in fitting.posts] == [3] and fitting.left_out == (2,)


def test_a_page_is_as_it_came_where_nothing_is_checked_here() -> None:
    page = PostPage((make_post(3),), (), 1)

    assert shared("mona").only_fitting(page) is page


def test_a_rating_that_the_site_lacks_is_refused() -> None:
    with pytest.raises(UsageError, match="there has no posts of rating:g: its ratings are s, q, e"):
        shared("rating:g")


def test_a_term_that_nobody_can_answer_is_refused() -> None:
    with pytest.raises(UsageError, match="there cannot be asked for commenter:x"):
        shared("commenter:x mona")
