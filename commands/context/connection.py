"""From a site's name to a client that talks to it: limits, credentials, budget; or the demo gallery."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from commands.context.demo_process import DemoOptions, demo_site
from commands.context.settings import DEFAULT_FILE, Settings, SiteEntry
from commands.context.workspace import DEMO, Workspace
from commands.terminal.console import say
from crawler.crew import GRACE_S
from crawler.errors import BadCredentials, BadSite, UsageError
from crawler.sites import Site, Software, host_of, site_from_url, site_named
from crawler.sources.boorus.clients import client_for
from crawler.sources.boorus.recognition import software_of
from crawler.sources.site_client import Profile, SiteClient
from crawler.transport.budget import Budget, Manners, budget_for
from crawler.transport.credentials import Loaded, load_credentials
from crawler.transport.http import Deadlines, Http
from crawler.transport.proxies import Proxy, proxy_from
from crawler.transport.retry import Patience
from crawler.transport.trust import trusted
from crawler.transport.wide_budget import Everywhere


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait for a site and for what is in flight, and how often to ask again; a test hurries."""

    patience: Patience = field(default_factory=Patience)
    deadlines: Deadlines = field(default_factory=Deadlines)
    manners: Manners = field(default_factory=Manners)
    grace_s: float = GRACE_S


@dataclass(frozen=True, slots=True)
class Connected:
    """A site that answers, and what our account may do there."""

    site: Site
    http: Http
    client: SiteClient
    tag_limit: int | None  # terms in one search; None: no limit
    pace: Pace = field(default_factory=Pace)
    other_days: bool = False  # whether the account's days begin elsewhere than US Eastern time


def own_sites(settings: Settings) -> Mapping[str, Site]:
    """The sites that `crawl.toml` adds, by name."""
    return {name: _own_site(name, entry, settings) for name, entry in settings.sites.items()}


def _own_site(name: str, entry: SiteEntry, settings: Settings) -> Site:
    hosts, plain = frozenset(entry.file_hosts), entry.allow_http or settings.allow_http
    try:
        software = Software(entry.software) if entry.software else None
        return site_from_url(entry.url, name=name, file_hosts=hosts, allow_http=plain, software=software)
    except BadSite as error:
        raise BadSite(f"sites.{name}.url in the settings: {error}") from None


def meant_site(words: str, settings: Settings) -> Site:
    """The site that the user's words mean, by these settings.

    Raises:
        UsageError: no such site, or an address that we refuse.
    """
    return site_named(words, own_sites(settings), allow_http=settings.allow_http)


OpenDemo = Callable[[DemoOptions], AbstractAsyncContextManager[str]]  # yields its address


async def connect(
    stack: AsyncExitStack, workspace: Workspace, pace: Pace | None = None, demo: OpenDemo = demo_site
) -> Connected:
    """Open the way to the site; it is closed with the stack.

    Args:
        stack: closes it.
        workspace: names the site, and has the settings.
        pace: how long to wait; None: as the program does.
        demo: opens the demo gallery, where that is the site.

    Raises:
        UsageError: no such site, or credentials that must not be used there.
        AccessError: the site refuses our key.
    """
    site = await _site(stack, workspace, demo)
    limits = workspace.settings.limits
    site, notes = site.with_limits(api_rate=limits.api_per_second or None, files_at_once=limits.files_at_once or None)
    loaded = _credentials(workspace, site)
    proxy = _proxy(workspace, site, with_key=loaded.credentials is not None)
    for note in (*notes, *loaded.warnings, *_proxy_note(workspace, proxy)):
        say(note)
    pace = pace or Pace()
    budget = budget_for(site, manners=pace.manners)
    _let_other_machines_count(stack, workspace, site, budget)
    http = await stack.enter_async_context(
        Http(site, budget, credentials=loaded.credentials, deadlines=pace.deadlines, proxy=proxy)
    )
    http.notify = say
    if site.software is None:
        site = replace(site, software=await software_of(site, http, pace.patience))
        http.site = site
    client = client_for(site, http, pace.patience, say)
    profile = await _profile(client, http)
    if profile is None:
        return Connected(site, http, client, site.tag_limit, pace)
    return Connected(site, http, client, profile.tag_query_limit, pace, other_days=profile.has_other_days)


def _let_other_machines_count(stack: AsyncExitStack, workspace: Workspace, site: Site, budget: Budget) -> None:
    """Where the rows are on a server, its machines share one budget, in a row of their own."""
    from storage.database.engines.location import remembered_address  # here: no database's library for who has none

    address = remembered_address(workspace.root) or workspace.settings.database
    if address:
        from storage.database.engines.postgres import PostgresDatabase, checked_url
        from storage.database.engines.postgres_pace import ServerPace

        everywhere = Everywhere(ServerPace(PostgresDatabase(checked_url(address), workspace.root)))
        stack.callback(everywhere.close)
        budget.share(site.group, everywhere)


def _proxy(workspace: Workspace, site: Site, *, with_key: bool) -> Proxy | None:
    """The proxy that the settings name. The demo gallery, which we start ourselves, is reached without it.

    Raises:
        BadCredentials: a key would travel to it unencrypted.
    """
    proxy = proxy_from(workspace.settings.proxy)
    if proxy is None or _is_demo(workspace):
        return None
    if with_key and urlsplit(site.api_url).scheme != "https":
        raise BadCredentials(f"the key of {site.name} would reach the proxy {proxy.host} unencrypted; it is not sent")
    return proxy


def _proxy_note(workspace: Workspace, proxy: Proxy | None) -> Iterator[str]:
    """A proxy is reported when a file that merely lies in the current folder names it: the file may be anybody's."""
    if proxy is not None and workspace.config is None and "CRAWL_PROXY" not in os.environ:
        yield f"requests go through the proxy {proxy.host}, which {DEFAULT_FILE} in the current folder names"


_DEMO_KEY = ("CRAWL_DEMO_LOGIN", "CRAWL_DEMO_API_KEY")


def check_site(workspace: Workspace) -> None:
    """Refuse a site that does not exist, or a key that must not be sent there, before anything is done.

    Raises:
        UsageError: no such site, or credentials that must not be used there.
    """
    proxy_from(workspace.settings.proxy)
    trusted(os.environ)
    if workspace.site != DEMO or DEMO in workspace.settings.sites:
        _credentials(workspace, meant_site(workspace.site, workspace.settings))


def _credentials(workspace: Workspace, site: Site) -> Loaded:
    """The key for the site; for the demo gallery, which knows no account of the user's, its own."""
    if _is_demo(workspace):
        return load_credentials(site, {name: os.environ[name] for name in _DEMO_KEY if name in os.environ})
    if site.software in (Software.MOEBOORU, Software.GELBOORU_02):
        return Loaded(None)  # asked without an account
    file = Path(workspace.settings.credentials_file) if workspace.settings.credentials_file else None
    return load_credentials(site, os.environ, file, vouched=vouched(workspace, site))


def vouched(workspace: Workspace, site: Site) -> bool:
    """Whether the user, and not a file that lies in the current folder, says which host the site is on.

    Where only such a file gives the words a meaning, or another one than they have without it, it is the file's word;
    names are read without regard to capitals, so what counts is the host that they lead to.
    """
    if workspace.config is not None or not workspace.site_named:
        return workspace.config is not None
    try:
        return host_of(site_named(workspace.site, allow_http=True)) == host_of(site)
    except UsageError:
        return False


async def _site(stack: AsyncExitStack, workspace: Workspace, demo: OpenDemo) -> Site:
    if not _is_demo(workspace):
        return meant_site(workspace.site, workspace.settings)
    return _demo_at(await stack.enter_async_context(demo(DemoOptions())))


def site_not_asked(workspace: Workspace) -> Site:
    """The site that is meant, for a command that asks it nothing: the demo gallery is not started.

    Raises:
        UsageError: no such site.
    """
    return _demo_at("http://127.0.0.1") if _is_demo(workspace) else meant_site(workspace.site, workspace.settings)


def _is_demo(workspace: Workspace) -> bool:
    return workspace.site == DEMO and DEMO not in workspace.settings.sites


def _demo_at(url: str) -> Site:
    return replace(site_from_url(url), name=DEMO, software=Software.DANBOORU)


async def _profile(client: SiteClient, http: Http) -> Profile | None:
    """Who the site takes us for; asked only when we carry a key, because only then it can be refused."""
    if not http.logged_in:
        return None
    profile = await client.profile()
    if profile is not None and profile.id is not None:
        http.introduce(profile.id)
    return profile
