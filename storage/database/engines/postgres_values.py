"""How values travel to a Postgres server and back, where its types take less than SQLite's.

Postgres refuses the character NUL in every text, and sites send it. It is written as two characters that sort where it
does: 0x01 0x01 for NUL, and so 0x01 0x02 for 0x01 itself. Sums of whole numbers come as `numeric`; they are numbers.
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from psycopg.adapt import Loader
from psycopg.types.numeric import NumericLoader
from psycopg.types.string import StrBinaryDumper, StrDumperUnknown


def escaped(text: str) -> str:
    """A text without NUL; the order of texts stays."""
    if "\x00" not in text and "\x01" not in text:
        return text
    return text.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")


def unescaped(text: str) -> str:
    """The text that was written as this one."""
    if "\x01" not in text:
        return text
    return text.replace("\x01\x01", "\x00").replace("\x01\x02", "\x01")


class _TextDumper(StrDumperUnknown):
    """Without a type of its own: the server takes it for what stands there."""

    def dump(self, obj: str) -> Any:
        return super().dump(escaped(obj))


class _CopiedTextDumper(StrBinaryDumper):
    """Of `COPY` in the binary form."""

    def dump(self, obj: str) -> Any:
        return super().dump(escaped(obj))


class _TextLoader(Loader):
    def load(self, data: Any) -> str:
        text = str(data, "utf-8")  # asked for when the connection is made
        return unescaped(text) if "\x01" in text else text


class _NumberLoader(NumericLoader):
    def load(self, data: Any) -> Any:
        number = super().load(data)
        return int(number) if number == number.to_integral_value() else float(number)


def adapt(connection: Connection[Any]) -> None:
    """Let a connection take and give texts and numbers as SQLite does."""
    connection.adapters.register_dumper(str, _CopiedTextDumper)
    connection.adapters.register_dumper(str, _TextDumper)
    for name in ("text", "varchar"):
        connection.adapters.register_loader(name, _TextLoader)
    connection.adapters.register_loader("numeric", _NumberLoader)
