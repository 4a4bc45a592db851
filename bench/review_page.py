"""Whether ten thousand pictures scroll smoothly on the review page, in headless Chromium.

    python -m bench.review_page [--posts 10000] [--root DIR]

Makes a gallery of painted pictures, opens all of them in one list, and scrolls: steadily, as a wheel does, and by
jumps over the whole list. Prints how long frames took, how many picture elements exist at a time, how long a jump
takes until its pictures are there, and what the program's answers cost. Goals: 95 % of frames within 50 ms while the
same machine also serves and paints in software, at most 300 elements, a jump within 1.5 s.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.equipment.browser import Browser, browsing, why_not
from tests.equipment.review_gallery import fill
from tests.equipment.served import serving

FRAME_MS, ELEMENTS, JUMP_S = 50.0, 300, 1.5
_SCROLL = """
const done = arguments[arguments.length - 1], room = document.getElementById("grid"), frames = [];
const by = arguments[0], count = arguments[1];
let last = performance.now(), most = 0, step = 0;
const turn = (now) => {
  frames.push(now - last);
  last = now;
  most = Math.max(most, document.querySelectorAll(".tile").length);
  room.scrollTop += by;
  step += 1;
  if (step < count) requestAnimationFrame(turn);
  else done({ frames, most, top: room.scrollTop });
};
requestAnimationFrame(turn);
"""
_JUMP = "const room = document.getElementById('grid'); room.scrollTop = arguments[0] * room.scrollHeight"
_THERE = """
const room = document.getElementById("grid").getBoundingClientRect();
const seen = [...document.querySelectorAll(".tile")].filter((tile) => {
  const box = tile.getBoundingClientRect();
  return box.bottom > room.top && box.top < room.bottom;
});
return seen.length > 0 && seen.every((tile) => tile.querySelector("img.there"));
"""


def measure(page: Browser, url: str, posts: int) -> bool:
    """Scroll and print; says whether the goals were reached."""
    begun = time.perf_counter()
    page.open(f"{url}#view=all")
    print(f"opened with {posts} pictures: {time.perf_counter() - begun:.2f} s until pictures are there")
    page.driver.set_script_timeout(120)
    steady = page.driver.execute_async_script(_SCROLL, 120, 300)
    frames = sorted(steady["frames"][5:])
    middle, late = frames[len(frames) // 2], frames[int(len(frames) * 0.95)]
    print(
        f"steady scroll, {len(frames)} frames: median {middle:.1f} ms, 95 % within {late:.1f}, worst {frames[-1]:.1f}"
    )
    print(f"picture elements at a time: {steady['most']} at most")
    jumps = []
    for part in (0.9, 0.1, 0.5, 0.99, 0.3):
        begun = time.perf_counter()
        page.run(
            "const room = document.getElementById('grid'); room.scrollTop = arguments[0] * room.scrollHeight", part
        )
        page.until(lambda: page.run(_THERE), "pictures")
        jumps.append(time.perf_counter() - begun)
    print(f"jumps until every picture in the window is there: {', '.join(f'{one:.2f}' for one in jumps)} s")
    return late <= FRAME_MS and steady["most"] <= ELEMENTS and max(jumps) <= JUMP_S


def answers(url: str) -> None:
    """What the program's own answers cost."""
    paths = {
        "list of all": "/api/targets/mona/list?q=",
        "list by order:uncertain": "/api/targets/mona/list?q=order:uncertain",
        "questions": "/api/targets/mona/list?view=questions",
        "120 cards": "/api/targets/mona/cards?ids=" + ",".join(map(str, range(1, 121))),
        "more like this": "/api/targets/mona/alike/5",
        "counts and figures": "/api/targets/mona",
    }
    for name, path in paths.items():
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            with urllib.request.urlopen(url.rstrip("/") + path, timeout=120) as answer:
                json.loads(answer.read())
            times.append(1000 * (time.perf_counter() - begun))
        print(f"    {name}: first {times[0]:.0f} ms, then {min(times[1:]):.0f} ms")


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--root", type=Path, help="a gallery of `tests.equipment.review_gallery` to use again")
    arguments = parser.parse_args()
    if reason := why_not():
        print(reason)
        return 2
    with contextlib.ExitStack() as stack:
        root = arguments.root or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "root"
        if not root.exists():
            begun = time.perf_counter()
            fill(root, arguments.posts)
            print(f"painted and filed {arguments.posts} pictures: {time.perf_counter() - begun:.0f} s")
        url = stack.enter_context(serving(root)).url
        answers(url)
        smooth = measure(stack.enter_context(browsing(1440, 900)), url, arguments.posts)
    print("smooth" if smooth else "not smooth enough")
    return 0 if smooth else 1


if __name__ == "__main__":
    raise SystemExit(main())
