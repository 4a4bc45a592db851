"""Where the galleries that tests make have their rows: in a file, or on a server (`pytest --store postgres`)."""

from __future__ import annotations

STORES = ("sqlite", "postgres")
_chosen = [STORES[0]]


def choose(store: str) -> None:
    """One of STORES; once, when pytest starts."""
    _chosen[:] = [store]


def on_a_server() -> bool:
    """Whether it is a server."""
    return _chosen != [STORES[0]]
