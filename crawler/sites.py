"""Galleries by name and by address: where their API is, where their files may come from, and what is polite there."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from crawler.errors import BadSite, UsageError

# 57 a minute and a burst of 3 make 60 requests in the busiest minute: one a second, as the site asks.
POLITE_RATE = 0.95  # API requests a second, sustained
POLITE_BURST = 3  # API requests
POLITE_FILES = 2  # files at a time

DEFAULT = "danbooru"  # the site that is crawled when none is named
DEFAULT_PORTS = {"http": 80, "https": 443}


class Software(StrEnum):
    """What a site runs, and so how it is asked."""

    DANBOORU = "danbooru"
    E621 = "e621"
    MOEBOORU = "moebooru"
    GELBOORU = "gelbooru"
    GELBOORU_02 = "gelbooru-0.2"


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What no setting may exceed."""

    api_rate: float | None = 10.0  # requests a second that the site tolerates from one address; None: our own server
    files_at_once: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One gallery."""

    name: str  # names rows in the database: `danbooru`, `127.0.0.1:8000`
    api_url: str  # without a trailing slash
    file_hosts: frozenset[str]  # host[:port], beside the API's own
    group: str  # hosts that count as one when it comes to politeness: `donmai.us`
    api_rate: float | None = POLITE_RATE  # requests a second; None: no limit, only ever on loopback
    api_burst: int = POLITE_BURST
    api_at_once: int = 2
    files_at_once: int = POLITE_FILES
    ceiling: Ceiling = Ceiling()
    software: Software | None = Software.DANBOORU  # None: an address whose software nobody has named
    tag_limit: int | None = 2  # terms in one search for someone without an account; None: any number
    safe_mode: bool = False  # whether it hides everything that is not rated general
    plain_http: bool = False  # whether the user consents to unencrypted requests to another machine; never with a key

    @property
    def loopback(self) -> bool:
        """Whether it runs on this machine, which is what plain http is allowed for."""
        return is_loopback(urlsplit(self.api_url).hostname or "")

    def with_limits(self, *, api_rate: float | None = None, files_at_once: int | None = None) -> tuple[Site, list[str]]:
        """This site at the user's pace, with a line for every requested that was cut down to the ceiling.

        A rate of two a second or more is what no second exceeds; a lower one is what no minute exceeds.

        Raises:
            UsageError: a rate or number that is not positive.
        """
        site = self
        notes: list[str] = []
        if api_rate is not None:
            rate, note = _capped(api_rate, self.ceiling.api_rate, "requests a second")
            steady, burst = (rate - 1.0, 1) if rate >= 2.0 else (POLITE_RATE * rate, POLITE_BURST)
            site, notes = replace(site, api_rate=steady, api_burst=burst), notes + note
        if files_at_once is not None:
            files, note = _capped(files_at_once, self.ceiling.files_at_once, "files at a time")
            site, notes = replace(site, files_at_once=int(files)), notes + note
        return site, [f"{self.name}: {note}" for note in notes]

    def serves_api(self, parts: SplitResult) -> bool:
        """Whether the address is on the API's own host, with the API's own scheme."""
        api = urlsplit(self.api_url)
        return parts.scheme == api.scheme and _netloc(parts) == _netloc(api)

    def unknown_host(self, url: str) -> str | None:
        """The host of a file's address, when the host is all that is wrong with it."""
        try:
            parts = urlsplit(url)
            host = _netloc(parts)
        except ValueError:
            return None
        allowed = replace(self, file_hosts=self.file_hosts | {host})
        return host if self.why_not(url) is not None and allowed.why_not(url) is None else None

    def why_not(self, url: str) -> str | None:
        """Why no file is fetched from there; None when it may be."""
        try:
            parts = urlsplit(url)
            netloc = _netloc(parts)
        except ValueError:
            return "not a web address"
        if "@" in parts.netloc:
            return "it carries a user name"
        if self.serves_api(parts):
            return None
        if parts.scheme != "https" and not (parts.scheme == "http" and (self.loopback or self.plain_http)):
            return f"scheme {parts.scheme[:12]!r}"
        if netloc not in self.file_hosts:
            return f"host {netloc[:80]!a} does not belong to {self.name}"
        return None


def how_to_allow(site: Site, host: str) -> str:
    """What to tell a user whose site keeps files on a host that it is not known to use."""
    hosts = ", ".join(f'"{one}"' for one in sorted({*site.file_hosts, host}))
    name = site.name if re.fullmatch(r"[A-Za-z0-9_-]+", site.name) else f'"{site.name}"'
    return (
        f"{site.name} keeps files on {host}, which is not one of its known hosts, so they are not fetched. If that is "
        f'right, add to crawl.toml: [sites.{name}] with url = "{site.api_url}" and file_hosts = [{hosts}]'
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(site: Site) -> str:
    """Where its API is: host[:port] in lower case, the scheme's default port left out."""
    return _netloc(urlsplit(site.api_url))


def _netloc(parts: SplitResult) -> str:
    """host[:port] in lower case, the scheme's default port left out."""
    host = (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    return host if port is None or port == DEFAULT_PORTS.get(parts.scheme) else f"{host}:{port}"


def _capped(requested: float, ceiling: float | None, unit: str) -> tuple[float, list[str]]:
    if not requested > 0:
        raise UsageError(f"{requested:g} {unit} is not a pace; give a positive number")
    if ceiling is None or requested <= ceiling:
        return requested, []
    return ceiling, [f"{requested:g} {unit} is more than the site allows; using {ceiling:g}"]


def _donmai(name: str, *hosts: str) -> Site:
    return Site(name=name, api_url=f"https://{name}.donmai.us", file_hosts=frozenset(hosts), group="donmai.us")


def _e621(name: str) -> Site:
    """At most two requests a second, one a second for long runs: https://e621.net/help/api."""
    return Site(
        name=name,
        api_url=f"https://{name}.net",
        file_hosts=frozenset({f"static1.{name}.net"}),
        group="e621.net",
        software=Software.E621,
        ceiling=Ceiling(api_rate=2.0, files_at_once=2),
        tag_limit=35,  # of 40; what walks by id, and what the listing adds where the site gives up, are terms too
    )


_UNSTATED = Ceiling(api_rate=1.0, files_at_once=2)  # of sites that publish no limit: one request a second


def _moebooru(name: str, host: str, *file_hosts: str) -> Site:
    return Site(
        name=name,
        api_url=f"https://{host}",
        file_hosts=frozenset(file_hosts),
        group=host,
        software=Software.MOEBOORU,
        ceiling=_UNSTATED,
        tag_limit=3,  # of 6: the walk by id takes up to two, and its order one
    )


BUILTIN: Mapping[str, Site] = MappingProxyType(
    {
        "danbooru": _donmai("danbooru", "cdn.donmai.us"),
        "safebooru": replace(_donmai("safebooru", "cdn.donmai.us"), safe_mode=True),
        "testbooru": _donmai("testbooru", "cdn.donmai.us", "testbooru-cdn.donmai.us"),
        "aibooru": Site(
            name="aibooru",
            api_url="https://aibooru.online",
            file_hosts=frozenset({"cdn.aibooru.online", "cdn.aibooru.download"}),
            group="aibooru.online",
            tag_limit=4,
        ),
        "e621": _e621("e621"),
        "e926": _e621("e926"),
        "yandere": _moebooru("yandere", "yande.re", "files.yande.re", "assets.yande.re"),
        "konachan": _moebooru("konachan", "konachan.com"),
        "gelbooru": Site(
            name="gelbooru",
            api_url="https://gelbooru.com",
            file_hosts=frozenset(f"{host}.gelbooru.com" for host in ("img1", "img2", "img3", "img4", "video-cdn3")),
            group="gelbooru.com",
            software=Software.GELBOORU,
            ceiling=_UNSTATED,
            tag_limit=None,
        ),
        "safebooru.org": Site(
            name="safebooru.org",
            api_url="https://safebooru.org",
            file_hosts=frozenset(),
            group="safebooru.org",
            software=Software.GELBOORU_02,
            ceiling=_UNSTATED,
            tag_limit=None,
        ),
    }
)


def site_named(name: str, extra: Mapping[str, Site] = MappingProxyType({}), *, allow_http: bool = False) -> Site:
    """The site of that name or address; the one place that decides which site the user's words mean.

    An address means the known site that is there, however it is written: capitals, a slash at the end, the scheme's own
    port. `127.0.0.1:8000` without a scheme is an address too; it is what rows of such a site are called.

    Args:
        name: one of `BUILTIN`, one of `extra`, or an address.
        extra: the user's own sites, which win over the built-in ones.
        allow_http: whether the user consents to plain http to other machines than this one.
    Raises:
        BadSite: no such name; says which are known.
    """
    name = name.strip()
    known = {**BUILTIN, **extra}
    site = known.get(name) or {one.casefold(): known[one] for one in known}.get(name.casefold())
    address = _as_address(name)
    if site is None and address is not None:
        there = site_from_url(address, allow_http=allow_http)
        at_address = {one.api_url: one for one in (*extra.values(), *BUILTIN.values())}
        return at_address.get(there.api_url, there)
    if site is None:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}, or give its address"
        raise BadSite(f"no site is called {name!r}; {hint}")
    return site


def _as_address(name: str) -> str | None:
    """The address that a word is, if it is one; a host without a scheme is meant as its rows are called."""
    if "://" in name:
        return name
    if not re.search(r"[.:]", name) and name.partition("/")[0].lower() != "localhost":
        return None
    host = name.partition("/")[0].rpartition(":")[0] if re.search(r":\d+(/|$)", name) else name.partition("/")[0]
    return f"{'http' if is_loopback(host.strip('[]').lower()) else 'https'}://{name}"


def site_from_url(
    url: str,
    *,
    name: str | None = None,
    file_hosts: frozenset[str] = frozenset(),
    allow_http: bool = False,
    software: Software | None = None,
) -> Site:
    """The site at an address: https anywhere, plain http on this machine, or elsewhere by the user's consent.

    Args:
        url: where its API is.
        name: what rows in the database call it; None: its host.
        file_hosts: which hosts, beside the API's own, may serve its files.
        allow_http: whether the user consents to plain http to other machines than this one.
        software: what it runs; None: to be found out by what it answers.

    Raises:
        BadSite: not such an address.
    """
    try:
        parts = urlsplit(url.strip())
        netloc = _netloc(parts)
    except ValueError:
        raise BadSite(f"{url!r} is not a web address") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise BadSite(f"{url!r} is not a web address; it should look like https://danbooru.donmai.us")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise BadSite(f"the address of {parts.hostname} must carry no user name, query or fragment")
    if not netloc.isascii():
        raise BadSite(f"{url!a}: write the host name in its ASCII form")
    known = _builtin_at(parts, netloc)
    if known is not None and name is None:
        return known
    local = is_loopback(parts.hostname)
    plain = parts.scheme == "http" and not local
    if plain and not allow_http:
        raise BadSite(
            f"{url!r}: plain http is accepted for this machine only; use https://{netloc}, or consent to unencrypted "
            "requests with allow_http = true in crawl.toml (or CRAWL_ALLOW_HTTP=1)"
        )
    site = Site(
        name=name or (f"http://{netloc}" if plain else netloc),
        plain_http=plain,
        api_url=f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}",
        file_hosts=file_hosts,
        group=netloc,
        software=software,
    )
    return _own(site) if local else site


def _builtin_at(parts: SplitResult, netloc: str) -> Site | None:
    for site in BUILTIN.values():
        if parts.scheme == "https" and site.api_url == f"https://{netloc}" and not parts.path.strip("/"):
            return site
    return None


def _own(site: Site) -> Site:
    """A gallery on this machine is the user's own: nobody else has to be spared."""
    return replace(
        site, api_rate=None, api_at_once=4, files_at_once=16, ceiling=Ceiling(api_rate=None, files_at_once=64)
    )
