"""The account's key: read from the environment or a private file, shown to nobody, sent to the API host only."""

from __future__ import annotations

import base64
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from crawler.errors import BadCredentials
from crawler.sites import Site

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


def load_credentials(site: Site, environ: Mapping[str, str], file: Path | None = None) -> Loaded:
    """The key for a site: from the environment, else from a file that only its owner can read.

    `CRAWL_DANBOORU_LOGIN` and `CRAWL_DANBOORU_API_KEY` name one site's, `CRAWL_LOGIN` and `CRAWL_API_KEY` any
    site's. The file is TOML with `login` and `api_key`, at the top or in a table named after the site.

    Raises:
        BadCredentials: only one half is given, the file cannot be read, or the site is neither https nor loopback.
    """
    warnings: list[str] = []
    found = _from_environment(site, environ)
    if found is None and file is not None:
        found = _from_file(site, file, warnings)
    if found is None:
        return Loaded(None, tuple(warnings))
    if urlsplit(site.api_url).scheme != "https" and not site.loopback:
        raise BadCredentials(f"{site.api_url} is not encrypted; the key of {site.name} is not sent there")
    return Loaded(found, tuple(warnings))


def _from_environment(site: Site, environ: Mapping[str, str]) -> Credentials | None:
    own = "".join(letter if letter.isalnum() else "_" for letter in site.name.upper())
    for prefix in (f"CRAWL_{own}_", "CRAWL_"):
        login, key = environ.get(f"{prefix}LOGIN", ""), environ.get(f"{prefix}API_KEY", "")
        if login or key:
            return _both(login, key, f"{prefix}LOGIN and {prefix}API_KEY")
    return None


def _from_file(site: Site, file: Path, warnings: list[str]) -> Credentials | None:
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            text = opened.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadCredentials(f"{file} cannot be read: {error.strerror}") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        warnings.append(f"{file} can be read by others; run: chmod 600 {file}")
    if len(text) > LARGEST_FILE:
        raise BadCredentials(f"{file} is no credentials file: more than {LARGEST_FILE} bytes")
    try:
        table = tomllib.loads(text.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise BadCredentials(f'{file} is not TOML; it should say login = "…" and api_key = "…"') from None
    own = table.get(site.name)
    table = own if isinstance(own, dict) else table
    login, key = table.get("login"), table.get("api_key")
    if login is None and key is None:
        return None
    return _both(login, key, f"login and api_key in {file}")


def _both(login: object, key: object, where: str) -> Credentials:
    """Half a pair would be refused by the site with an error that names neither."""
    for half in (login, key):
        if not isinstance(half, str) or not half.strip() or not half.isprintable():
            raise BadCredentials(f"both halves are needed, as plain text: {where}")
    login, key = str(login).strip(), str(key).strip()
    if ":" in login:
        raise BadCredentials(f"a login name has no colon: {where}")
    return Credentials(login, Secret(key))
