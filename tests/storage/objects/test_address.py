"""An address of a bucket: what it may say, and that no secret is kept or shown."""

from __future__ import annotations

import pytest

from storage.errors import RefusedRequest
from storage.objects.address import checked_address


@pytest.mark.parametrize(
    ("words", "shown", "key"),
    [
        ("s3://bucket/prefix", "s3://bucket/prefix", "bucket/prefix/gallery/a.jpg"),
        (" s3://bucket/a/b/ ", "s3://bucket/a/b", "bucket/a/b/gallery/a.jpg"),
        ("s3://bucket", "s3://bucket", "bucket/gallery/a.jpg"),
        (
            "s3://b-1.x/p?endpoint_url=http://127.0.0.1:9000/",
            "s3://b-1.x/p?endpoint_url=http://127.0.0.1:9000",
            "b-1.x/p/gallery/a.jpg",
        ),
    ],
)
def test_an_address_is_remembered_in_its_plainest_form(words: str, shown: str, key: str) -> None:
    address = checked_address(words)

    assert str(address) == shown
    assert address.key("gallery/a.jpg") == key
    assert checked_address(str(address)) == address


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("gallery-data", "no address of an S3 bucket"),
        ("https://bucket/prefix", "no address of an S3 bucket"),
        ("s3://", "no bucket and prefix"),
        ("s3:///prefix", "no bucket and prefix"),
        ("s3://bucket/../other", "no bucket and prefix"),
        ("s3://bucket/a//b", "no bucket and prefix"),
        ("s3://bucket/a#b", "no bucket and prefix"),
        ("s3://AKIA:secret@bucket/prefix", "must not hold a key"),
        ("s3://bucket/p?secret=secret", "secret is not known here"),
        ("s3://bucket/p?endpoint_url=ftp://host", "no server's address"),
        ("s3://bucket/p?endpoint_url=http://me:secret@host:9000", "without a key"),
        ("s3://bucket/p?endpoint_url=http://host:99999", "no server's address"),
        ("s3://[bucket/p", "cannot be read"),
    ],
)
def test_what_is_no_address_is_refused_without_showing_a_secret(words: str, says: str) -> None:
    with pytest.raises(RefusedRequest, match=says) as refused:
        checked_address(words)

    assert "=secret" not in str(refused.value) and ":secret" not in str(refused.value)
