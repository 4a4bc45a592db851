"""The account's key: read from the environment or a private file, shown to nobody, sent to the API host only."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from crawler.errors import BadCredentials
from crawler.sites import BUILTIN, DEFAULT, Site, host_of
from storage.errors import UnreadableFile
from storage.small_files import read_small_file, toml_of

LARGEST_FILE = 64 * 1024  # bytes; a credentials file is a few lines


class Secret:
    """A text that shows itself only to who asks for it by name."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text itself."""
        return self.__text

    def __str__(self) -> str:
        return "***"

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a secret does not leave its process")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.reveal()

    def __hash__(self) -> int:
        return hash(self.__text)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account's name and API key."""

    login: str
    key: Secret

    def authorization(self) -> str:
        """The value of the Authorization header."""
        pair = f"{self.login}:{self.key.reveal()}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found, with what the user should know about it."""

    credentials: Credentials | None
    warnings: tuple[str, ...] = ()


def load_credentials(
    site: Site, environ: Mapping[str, str], file: Path | None = None, *, vouched: bool = True
) -> Loaded:
    """The key for a site: from the environment, else from a file that only its owner can read.

    A key belongs to a host. In the file, a table named after the host (`["booru.example"]`, with its port where it has
    one) holds for that host alone; a table or variables named after a site that the program knows (`[danbooru]`,
    `CRAWL_DANBOORU_LOGIN`, `CRAWL_DANBOORU_API_KEY`) hold for that site's own host. What is named after another site,
    and what names none (`CRAWL_LOGIN` and `CRAWL_API_KEY`, keys at the top of the file), holds for the host that the
    user named.

    Args:
        site: where the key would be sent.
        environ: the environment.
        file: TOML with `login` and `api_key`; it was named, so it must be there.
        vouched: whether the user named the site's host: on the command line, in the environment, or in a file of
            settings that was named there. A `crawl.toml` that lies in the current folder may be anybody's.

    Raises:
        BadCredentials: only one half is given, the file cannot be read, the site is neither https nor loopback, or a
            known site's name stands for another host, and the key is not bound to that one.
    """
    warnings: list[str] = []
    host, moved = host_of(site), _moved(site)
    keys = [*_in_environment(site, environ), *_in_file(site, file, warnings)]
    if moved is not None or not vouched:
        keys.sort(key=lambda one: one.host != host)
    if not keys:
        return Loaded(None, tuple(warnings))
    found = keys[0]
    if found.host != host and moved is not None:
        raise BadCredentials(
            f"{site.name} is {host} here, not {host_of(moved)}: it needs a key of its own, in the credentials file "
            f'under ["{host}"]; the one in {found.where} is not sent there'
        )
    if found.host is None and not vouched and not _of_the_default_account(site):
        warnings.append(
            f"no key is sent to {host}: this folder's settings name that site, and the key in {found.where} is bound "
            f'to no host. Name the site or the settings yourself (--site, --config), or put the key under ["{host}"] '
            "in the credentials file"
        )
        return Loaded(None, tuple(warnings))
    if urlsplit(site.api_url).scheme != "https" and not site.loopback:
        raise BadCredentials(f"{site.api_url} is not encrypted; the key of {site.name} is not sent there")
    return Loaded(_both(found), tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Found:
    """Something that looks like a key."""

    login: object
    key: object
    where: str  # for messages
    host: str | None  # the only one that it is for; None: it names none


def _in_environment(site: Site, environ: Mapping[str, str]) -> Iterator[_Found]:
    own = _variable(site.name)
    for prefix, host in ((f"CRAWL_{own}_", _host_of_name(site.name)), ("CRAWL_", None)):
        login, key = environ.get(f"{prefix}LOGIN", ""), environ.get(f"{prefix}API_KEY", "")
        if login or key:
            yield _Found(login, key, f"{prefix}LOGIN and {prefix}API_KEY", host)


def _in_file(site: Site, file: Path | None, warnings: list[str]) -> Iterator[_Found]:
    if file is None:
        return
    try:
        read = read_small_file(file, LARGEST_FILE)
        table = toml_of(read)
    except UnreadableFile as error:  # what TOML says of it may quote the key: it is left out
        problem = error.problem if "TOML" not in error.problem else 'is not TOML: login = "…" and api_key = "…"'
        raise BadCredentials(f"the credentials file {file} {problem}") from None
    if os.name == "posix" and read.mode & (stat.S_IRWXG | stat.S_IRWXO):
        warnings.append(f"{file} can be read by others; run: chmod 600 {file}")
    _check(table, file)
    host = host_of(site)
    tables = ((table.get(host), host, f'["{host}"] of '), (table.get(site.name), _host_of_name(site.name), ""))
    for found, bound, part in (*tables, (table, None, "")):
        if isinstance(found, dict) and not (found.get("login") is None and found.get("api_key") is None):
            yield _Found(found.get("login"), found.get("api_key"), f"{part}{file}", bound)


def _check(table: Mapping[str, object], file: Path) -> None:
    """Refuse a file whose keys would be passed over in silence.

    Raises:
        BadCredentials: it is empty, or says something that is neither a key nor a table of one.
    """
    parts = [part for part in table.values() if isinstance(part, dict)]
    names = {name for name, value in table.items() if not isinstance(value, dict)}.union(*parts)
    if not table:
        raise BadCredentials(f"the credentials file {file} is empty; it should say login and api_key")
    if names - {"login", "api_key"}:
        raise BadCredentials(
            f"the credentials file {file} says something else than login and api_key; a host stands in quotes: "
            '["booru.example"]'
        )


def _variable(name: str) -> str:
    """A site's name as it stands in an environment variable's."""
    return "".join(letter if letter.isalnum() else "_" for letter in name.upper())


def _known(name: str) -> Site | None:
    """The site that the program itself knows by this name, however it is spelt."""
    return next((site for site in BUILTIN.values() if _variable(site.name) == _variable(name)), None)


def _host_of_name(name: str) -> str | None:
    """The host that a name stands for, whatever the settings say; None where only they say it."""
    known = _known(name)
    return None if known is None else host_of(known)


def _of_the_default_account(site: Site) -> bool:
    """Whether it is one of the known sites that share the accounts of the site that is crawled when none is named."""
    known = _known(site.name)
    return known is not None and _moved(site) is None and known.group == BUILTIN[DEFAULT].group


def _moved(site: Site) -> Site | None:
    """The known site whose name this one has, when it is not on that one's host."""
    known = _known(site.name)
    return None if known is None or host_of(known) == host_of(site) else known


def _both(found: _Found) -> Credentials:
    """Half a pair would be refused by the site with an error that names neither."""
    for half in (found.login, found.key):
        if not isinstance(half, str) or not half.strip() or not half.isprintable():
            raise BadCredentials(f"both halves are needed, login and API key, as plain text: {found.where}")
    login, key = str(found.login).strip(), str(found.key).strip()
    if ":" in login:
        raise BadCredentials(f"a login name has no colon: {found.where}")
    return Credentials(login, Secret(key))
