"""Where people see a post, and edit its tags: the page of each kind of site."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from crawler.sites import Site, Software

PostLink = Callable[[int], str]  # the site's number of a post -> address of its page

_PAGES: Mapping[Software, str] = {  # all of them have the form for tags on the post's page, none has one of its own
    Software.DANBOORU: "/posts/",
    Software.E621: "/posts/",
    Software.MOEBOORU: "/post/show/",
    Software.GELBOORU: "/index.php?page=post&s=view&id=",
    Software.GELBOORU_02: "/index.php?page=post&s=view&id=",
}


def post_link(site: Site) -> PostLink:
    """The addresses of a site's posts; one whose software nobody has named is taken for one like Danbooru."""
    begin = site.api_url + _PAGES[site.software or Software.DANBOORU]
    return lambda post_id: f"{begin}{post_id}"
