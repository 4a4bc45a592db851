"""Compressed bodies: unpacked under a cap, and never taken for whole when they are not."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest

from crawler.errors import TransientError
from crawler.transport.body_decoder import decoder_for

TEXT = random.Random(0).randbytes(5_000).hex().encode()
CAP = 100_000  # bytes
PIECE = 700  # bytes


def unpacked(encoding: str, body: bytes, cap: int = CAP) -> bytes:
    """A body that arrives in pieces."""
    decoder = decoder_for(encoding, cap)
    content = b"".join(decoder.feed(body[at : at + PIECE]) for at in range(0, len(body), PIECE))
    decoder.finish()
    return content


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", gzip.compress(TEXT)), ("deflate", zlib.compress(TEXT)), ("", TEXT)],
    ids=["gzip", "deflate", "as it is"],
)
def test_a_body_is_unpacked_piece_by_piece(encoding: str, body: bytes) -> None:
    assert unpacked(encoding, body) == TEXT


@pytest.mark.fault("H25")
@pytest.mark.parametrize("missing", [1, 8, 40])
def test_a_compressed_body_that_lacks_its_end_is_asked_for_again(missing: int) -> None:
    with pytest.raises(TransientError, match="cut short"):
        unpacked("gzip", gzip.compress(TEXT)[:-missing])


def test_a_small_body_that_unpacks_to_much_yields_one_byte_more_than_the_cap() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    decoder = decoder_for("gzip", CAP)

    yielded = sum(len(decoder.feed(bomb[at : at + PIECE])) for at in range(0, len(bomb), PIECE))

    assert len(bomb) < 60_000 and yielded == CAP + 1


def test_an_encoding_that_was_not_asked_for_is_named() -> None:
    with pytest.raises(TransientError, match="'br', which we did not ask for"):
        decoder_for("br", CAP)
