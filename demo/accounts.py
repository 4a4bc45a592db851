"""Who is asking: accounts, their levels, and what each level may do."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from demo.errors import SiteRefusal

ANONYMOUS, MEMBER, GOLD, PLATINUM, BUILDER, MODERATOR = 0, 20, 30, 31, 32, 40
APPROVER = 37
LEVEL_NAMES = {0: "Anonymous", 20: "Member", 30: "Gold", 31: "Platinum", 32: "Builder", 37: "Approver", 40: "Moderator"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account of the site; the anonymous visitor has id None."""

    id: int | None = None
    name: str = "Anonymous"
    api_key: str = ""
    level: int = ANONYMOUS
    per_page: int = 20
    enable_safe_mode: bool = False
    permissions: frozenset[str] = frozenset()  # controller:action pairs; empty = everything

    @property
    def tag_limit(self) -> int | None:
        """Most tags in one search; None = no limit."""
        if self.level >= PLATINUM:
            return None
        return 6 if self.level >= GOLD else 2

    @property
    def page_limit(self) -> int:
        """Highest page number."""
        return 5000 if self.level >= GOLD else 1000

    @property
    def time_zone(self) -> str:
        """The time zone of new accounts and visitors is US Eastern, as on the real site."""
        return "America/New_York"


VISITOR = Account()
DEMO_ACCOUNTS = (
    Account(id=2, name="demo_member", api_key="demo-member-key", level=MEMBER),
    Account(id=3, name="demo_gold", api_key="demo-gold-key", level=GOLD, per_page=40),
    Account(id=4, name="demo_platinum", api_key="demo-platinum-key", level=PLATINUM, per_page=100),
    Account(id=5, name="demo_approver", api_key="demo-approver-key", level=APPROVER),
    Account(
        id=6, name="demo_narrow", api_key="demo-narrow-key", level=MEMBER, permissions=frozenset({"tags:index",
            "users:profile"})
    ),
)  # fmt: skip


class Accounts:
    """The accounts that a site knows."""

    def __init__(self, accounts: Iterable[Account] = DEMO_ACCOUNTS) -> None:
        self._by_name = {account.name.lower(): account for account in accounts}

    def identify(self, authorization: str | None, params: Mapping[str, str]) -> Account:
        """Who sent a request.

        Args:
            authorization: the header's value, None when it was not sent.
            params: the query's parameters.
        Raises:
            SiteRefusal: 401, with the site's message. Blank keys count as given.
        """
        if authorization is None and "login" not in params and "api_key" not in params:
            return VISITOR
        login, key = _credentials(authorization, params)
        if not login or not key:
            raise SiteRefusal(401, "SessionLoader::AuthenticationFailure", "Missing `login` or `api_key`")
        account = self._by_name.get(login.lower().replace(" ", "_"))
        if account is None or account.api_key != key:
            raise SiteRefusal(401, "SessionLoader::AuthenticationFailure", "Invalid API key")
        return account


def _credentials(authorization: str | None, params: Mapping[str, str]) -> tuple[str, str]:
    if authorization is None:
        return params.get("login", ""), params.get("api_key", "")
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        login, _, key = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return login, key


def demand(account: Account, action: str) -> None:
    """Refuse an account whose key is not allowed this `controller:action`."""
    if account.permissions and action not in account.permissions:
        raise SiteRefusal(403, "User::PrivilegeError", "Access denied")


def profile_object(account: Account, created_at: str) -> dict[str, Any]:
    """The answer of `/profile.json`."""
    public = {
        "id": account.id,
        "name": account.name,
        "level": account.level,
        "inviter_id": None,
        "created_at": created_at if account.id is not None else None,
        "post_update_count": 0,
        "note_update_count": 0,
        "post_upload_count": 0,
        "is_deleted": False,
        "level_string": LEVEL_NAMES.get(account.level, "Member"),
        "is_banned": False,
    }
    private = {
        "per_page": account.per_page,
        "time_zone": "Eastern Time (US & Canada)",
        "blacklisted_tags": "",
        "favorite_tags": "",
        "enable_safe_mode": account.enable_safe_mode,
        "show_deleted_posts": False,
        "tag_query_limit": account.tag_limit,
        "statement_timeout": 6000 if account.level >= GOLD else 3000,
        "favorite_group_limit": 10 if account.level < GOLD else None,
    }
    return public | (private if account.id is not None else {"tag_query_limit": account.tag_limit, "per_page": 20})
