"""The address of a gallery's objects: a bucket, a prefix in it, and whose server it is; never a secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from storage.errors import RefusedRequest

SCHEME = "s3"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_STEP = re.compile(r"[A-Za-z0-9!_.*'() +,@-]+")
_ENDPOINT = "endpoint_url"
_EXAMPLE = "s3://BUCKET/PREFIX"
_SECRETS = "keys belong into the environment (AWS_ACCESS_KEY_ID, AWS_PROFILE) or ~/.aws/credentials"


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """Where a gallery's objects are."""

    bucket: str
    prefix: str  # without a slash at its ends; empty: the whole bucket
    endpoint: str = ""  # URL of the server; empty: what the environment says, else Amazon's

    def __str__(self) -> str:
        return self.at("") + (f"?{_ENDPOINT}={quote(self.endpoint, safe=':/')}" if self.endpoint else "")

    def at(self, path: str) -> str:
        """Where one object is, for people."""
        return f"{SCHEME}://{self.key(path)}"

    def key(self, path: str) -> str:
        """Bucket and key of an object, as fsspec names it; of the whole gallery where the path is empty."""
        return "/".join(part for part in (self.bucket, self.prefix, path) if part)


def checked_address(words: str) -> ObjectAddress:
    """Read an address as it was typed.

    Raises:
        RefusedRequest: it is none, or holds a secret, which would be remembered and shown.
    """
    typed = words.strip()
    try:
        parts = urlsplit(typed)
        asked = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise RefusedRequest(f"files {_shown(typed)!r}: cannot be read; write {_EXAMPLE}") from None
    if parts.scheme != SCHEME:
        raise RefusedRequest(f"files {_shown(typed)!r}: is no address of an S3 bucket; write {_EXAMPLE}")
    if "@" in parts.netloc:
        raise RefusedRequest(f"files {_shown(typed)!r}: must not hold a key, it is remembered and shown; {_SECRETS}")
    if unknown := sorted(set(asked) - {_ENDPOINT}):
        raise RefusedRequest(f"files {_shown(typed)!r}: {unknown[0]} is not known here, only {_ENDPOINT}; {_SECRETS}")
    prefix = parts.path.strip("/")
    if not _BUCKET.fullmatch(parts.netloc) or parts.fragment or not _is_prefix(prefix):
        raise RefusedRequest(f"files {_shown(typed)!r}: is no bucket and prefix; write {_EXAMPLE}")
    return ObjectAddress(parts.netloc, prefix, _checked_endpoint(asked.get(_ENDPOINT, "")))


def _is_prefix(prefix: str) -> bool:
    return not prefix or all(_STEP.fullmatch(step) and step not in (".", "..") for step in prefix.split("/"))


def _checked_endpoint(words: str) -> str:
    if not words:
        return ""
    try:
        parts = urlsplit(words)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        sound = sound and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or "@" in parts.netloc:
        raise RefusedRequest(
            f"files: {_ENDPOINT}={_shown(words)!r} is no server's address; write http://HOST:PORT, without a key"
        )
    return words.rstrip("/")


def _shown(words: str) -> str:
    """For messages and logs: without what stands before an @, and without a query."""
    head, at, tail = words.rpartition("@")
    return (f"{head.partition('://')[0]}://…@{tail}" if at else words).partition("?")[0]
