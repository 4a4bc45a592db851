"""Every command that measures a claim, in the order of the table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.all.catalogue import NUMBER, Command, Figure


def _value(prefix: str, suffix: str = "") -> str:
    """A line's expression: words, the figure, words."""
    return f"{prefix}(?P<value>{NUMBER}){suffix}"


def _at_most(claim: str, line: str, unit: str, goal: float) -> Figure:
    """A figure of which less is better."""
    return Figure(claim, line, unit, goal, more_is_better=False)


def _later(kind: str) -> str:
    """A line of `bench.questions`: p50 and p95 before, p50 and p95 after, the goal."""
    return rf"^{kind} +{NUMBER} +(?P<other>{NUMBER}) +{NUMBER} +(?P<value>{NUMBER}) +{NUMBER}"


COMMANDS: Sequence[Command] = (
    Command(
        "bench.startup",
        (),
        (),
        [_at_most("`crawl --help`", rf"^crawl --help .*, (?P<value>{NUMBER}) s passed", "s", 0.5)],
        "importing TensorFlow",
    ),
    Command(
        "bench.scoring",
        ("--count", "100", "--rounds", "5"),
        ("--count", "400", "--rounds", "5"),
        [
            Figure(
                "pictures a second from encoded bytes to score, by default settings",
                rf"^by default\s+(?P<ours>{NUMBER})\s+(?P<other>{NUMBER})\s+(?P<value>{NUMBER})x\s+{NUMBER}%",
                "x",
                200.0,
            )
        ],
        "a seven-layer network with `predict` a picture",
    ),
    Command(
        "bench.scoring.classify",
        ("--files", "1000", "--side", "64"),
        ("--files", "2000", "--side", "64"),
        [
            Figure("`crawl classify`, files a second with start-up", _value(r"ratio ", "x"), "x", 100.0),
            _at_most("first file in its place", _value(r"^first file in its place ", " s"), "s", 2.0),
            _at_most("memory of `crawl classify`", _value(r"^all processes together: ", " MB"), "MB", 700.0),
        ],
        "a seven-layer network with `predict` a picture",
    ),
    Command(
        "bench.against_gallery_dl",
        ("--posts", "400", "--latency-ms", "40"),
        ("--posts", "600", "--latency-ms", "40"),
        [
            Figure("the main job's bytes, same kept files", _value(r"and bytes ", "x less"), "x", 6.0),
            Figure("the main job's time, same kept files", _value(r"^time ", "x and"), "x", 6.0),
        ],
        "gallery-dl, which downloads the whole tag, as it comes or with its option `async`",
        rounds=5,
        material=True,
    ),
    Command(
        "bench.main_job",
        ("--posts", "400", "--polite-posts", "120", "--keep", "mona"),
        ("--posts", "600", "--keep", "mona"),
        [
            _at_most(
                "the whole job's time over its slowest stage's",
                _value(r"^  whole job / slowest stage alone: "),
                "x",
                1.15,
            ),
        ],
        "fetching, looking and storing, each alone",
        material=True,
    ),
    Command(
        "bench.scoring.gpu",
        (),
        (),
        [
            Figure("pictures a second on a GPU, device alone", _value(r"^device alone: ", " pictures/s"), "/s", 3000.0),
            Figure("share of the decoders' limit, end to end on a GPU", _value(r"^end to end: ", " of the"), "x", 0.9),
        ],
        "decoding alone",
    ),
    Command(
        "bench.storage",
        ("--posts", "2000", "--looks", "1000"),
        ("--posts", "10000", "100000", "--looks", "3000"),
        [
            Figure(
                "looks stored a second with 30 kB renditions",
                rf"^looks with 30 kB pictures, 48 in flight +(?P<value>{NUMBER}) /s",
                "/s",
                2334.0,
            ),
        ],
        "one transaction a look",
        rounds=5,
    ),
    Command(
        "bench.questions",
        ("--posts", "10000", "--rounds", "2"),
        ("--posts", "1000000", "--rounds", "5"),
        [
            _at_most(
                "questions with tags, wildcards and ranges, and a page of the review grid, p95",
                _later("(?:a tag and not another|a wildcard|a range, by score|a page of the grid)"),
                "ms",
                50.0,
            ),
            _at_most("`crawl status`, p95", _later("status"), "ms", 300.0),
            _at_most("the review's first page, p95", _later("the review's first page"), "ms", 300.0),
        ],
        "the program before these questions were planned",
    ),
    Command(
        "bench.sync",
        ("--posts", "300", "--nights", "12"),
        ("--posts", "2000", "--nights", "30"),
        [
            _at_most(
                "requests for lists in nights of `crawl sync`",
                rf"^requests for lists: (?P<ours>\d+); the changes need (?P<other>\d+): (?P<value>{NUMBER}) times",
                "x",
                1.2,
            ),
        ],
        "what the changes themselves need",
    ),
    Command(
        "bench.memory",
        ("--posts", "300", "--posts", "900"),
        ("--posts", "1000", "--posts", "100000"),
        [
            _at_most(
                "memory of a crawl with a model at hand", rf"^ *\d+ posts: peak +(?P<value>{NUMBER}) MB", "MB", 200.0
            ),
            _at_most(
                "the same, pages that processes share counted once",
                rf"^ *\d+ posts: peak .* shared pages once +(?P<value>{NUMBER}) MB",
                "MB",
                200.0,
            ),
            _at_most(
                "growth of that memory with the gallery",
                _value(r"^growth of the peak from \d+ to \d+ posts: ", "%"),
                "%",
                5.0,
            ),
        ],
        "the smaller gallery",
    ),
    Command(
        "bench.retrieval",
        ("--posts", "100000"),
        ("--posts", "1000000"),
        [
            _at_most(
                "a search for similar pictures, without terms",
                rf"^ours, no terms .*?p50 +(?P<value>{NUMBER}) ms",
                "ms",
                50.0,
            ),
            _at_most(
                "the same with a rating or a target",
                rf"^ours, (?:rating:g|--keep).*?p50 +(?P<value>{NUMBER}) ms",
                "ms",
                50.0,
            ),
        ],
        "a pass over the stored vectors",
    ),
    Command(
        "bench.processor",
        ("--posts", "300", "--rounds", "1", "--minutes", "0.2"),
        ("--posts", "600", "--rounds", "5"),
        [
            _at_most(
                "processor seconds of a crawl, everything included",
                rf"^processor time a post: (?P<ours>{NUMBER}) ms against (?P<other>{NUMBER}) ms, "
                rf"(?P<value>{NUMBER}) of it",
                "x",
                0.5,
            ),
        ],
        "the build of 2026-11-29 (a0fef56)",
        material=True,
    ),
)
