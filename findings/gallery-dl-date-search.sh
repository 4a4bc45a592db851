#!/usr/bin/env bash
# gallery-dl 1.32.18 on a Danbooru: a search with date: or age: can silently leave posts out.
#
# Danbooru (commit 06587d1, app/logical/post_query_builder.rb) answers a search with date: or age: in the order of created_at unless
# a cursor page=bN is given, which means "id below N, highest id first". gallery-dl asks for the first page without a cursor, then
# takes the id of the LAST row for one, as if rows came by id. Where a post whose id is lower than its date suggests stands last on the
# first page, all posts between are skipped, without a message and with exit code 0. Where ids and dates agree nothing is lost.
#
# The gallery here is a server on the loopback interface with these two orders and nothing else: 400 posts, of which number 10 has a
# date between those of 202 and 201. Seen: 209 posts are listed, 191 of 400 are missing, exit code 0.
#
# Version: gallery-dl 1.32.18 from PyPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q gallery-dl==1.32.18 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }

cd "$folder"
"$folder/venv/bin/python" - <<'E2'
import json
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from urllib.parse import parse_qsl, urlsplit

FIRST = datetime.fromisoformat("2024-05-01T00:00:00-04:00")
MINUTES = {number: number for number in range(1, 401)} | {10: 201.5}  # id -> when it was posted
asked = []


def row(number):
    tags = {f"tag_string{kind}": "" for kind in ("_artist", "_character", "_copyright", "_general", "_meta")}
    when = (FIRST + timedelta(minutes=MINUTES[number])).isoformat()
    return {"id": number, "created_at": when, "file_url": f"/{number}.jpg", "tag_string": "mona", **tags}


class Gallery(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        words = dict(parse_qsl(urlsplit(self.path).query))
        page = words.get("page", "")
        asked.append(page or "(none)")
        if page.startswith("b"):
            numbers = sorted((one for one in MINUTES if one < int(page[1:])), reverse=True)
        else:
            numbers = sorted(MINUTES, key=lambda one: MINUTES[one], reverse=True)
        body = json.dumps([row(one) for one in numbers[: int(words["limit"])]]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", 0), Gallery)
threading.Thread(target=server.serve_forever, daemon=True).start()
root = f"http://127.0.0.1:{server.server_port}"
command = [sys.executable, "-m", "gallery_dl", "--config-ignore", "--no-download", "--print", "{id}"]
command += ["-o", f"extractor.Danbooru.made-up.root={root}", "-o", "extractor.sleep-request=0"]
done = subprocess.run([*command, f"{root}/posts?tags=mona+date:2024-05-01"], capture_output=True, text=True, timeout=60)
listed = [int(word) for word in done.stdout.split()]
missing = set(MINUTES) - set(listed)
print(f"gallery-dl {version('gallery-dl')}: pages asked for: {', '.join(asked)}; exit code {done.returncode}")
print(f"of {len(MINUTES)} posts {len(set(listed))} were listed, {len(missing)} are missing; said: {done.stderr.strip()!r}")
as_before = asked == ["(none)", "b10"] and len(missing) == 191 and done.returncode == 0 and not done.stderr.strip()
sys.exit(0 if as_before else "the behaviour has changed")
E2
