#!/usr/bin/env bash
# s3fs 2026.9.0: an error inside `with fs.open(key, "wb")` publishes what was written so far.
#
# On a disk a file that was left by an exception is there by half as well, but an object store promises whole objects or none, and the old
# object is replaced. The block's end closes the file, and closing it uploads; `discard()` is not called. In a transaction (`with fs.transaction`) nothing is
# published.
#
# Seen:
#   left by an error         b'half'   (was b'the whole old object')
#   in a transaction         b'the whole old object'
#
# Version: s3fs 2026.9.0, fsspec 2026.9.0, moto 5.2.5 (the server) from PyPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q s3fs==2026.9.0 fsspec==2026.9.0 'moto[s3]==5.2.5' boto3==1.43.117 flask==3.1.3 flask-cors==6.0.5 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }

cd "$folder"
"$folder/venv/bin/python" -W ignore - 2>"$folder/noise" <<'E2' || { tail -5 "$folder/noise"; exit 1; }
import sys

import s3fs
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
fs = s3fs.S3FileSystem(key="x", secret="y", endpoint_url=f"http://{host}:{port}", use_listings_cache=False)
fs.call_s3("create_bucket", Bucket="bucket")
WHOLE = b"the whole old object"


def write_half():
    try:
        with fs.open("bucket/key", "wb") as file:
            file.write(b"half")
            raise RuntimeError("the second half cannot be had")
    except RuntimeError:
        pass


fs.pipe_file("bucket/key", WHOLE)
write_half()
left = fs.cat_file("bucket/key")
fs.pipe_file("bucket/key", WHOLE)
try:
    with fs.transaction:
        with fs.open("bucket/key", "wb") as file:
            file.write(b"half")
            raise RuntimeError("the second half cannot be had")
except RuntimeError:
    pass
transacted = fs.cat_file("bucket/key")
print(f"left by an error         {left}   (was {WHOLE})")
print(f"in a transaction         {transacted}")
sys.stdout.flush()
sys.exit(0 if (left, transacted) == (b"half", WHOLE) else 1)
E2
