"""Two readings of one language: the program's and the demo gallery's, written apart, must not part."""

from __future__ import annotations

import random
from typing import Any

import pytest

from demo.errors import SearchError
from demo.search.query import Node as DemoNode
from demo.search.query import parse_search
from storage.errors import QueryError
from storage.search.language import And, Metatag, Node, Not, Tag, Wildcard, parse, to_text

Shape = Any  # ("tag", name) | ("wild", pattern) | ("meta", name, value) | ("not", shape) | ("and" | "or", [shapes])

# What the site's own parser makes of these; None: it cannot read them and finds nothing.
READ_BY_THE_SITE: dict[str, Shape | None] = {
    ":)": ("tag", ":)"),
    ";)": ("tag", ";)"),
    "(9)": ("tag", "9"),
    "foo_(bar)": ("tag", "foo_(bar)"),
    "((foo_(bar)))": ("tag", "foo_(bar)"),
    "(foo_(bar_(baz)))": ("tag", "foo_(bar_(baz))"),
    "((abc_(def)) ghi)": ("and", [("tag", "abc_(def)"), ("tag", "ghi")]),
    "(abc (def_(ghi)))": ("and", [("tag", "abc"), ("tag", "def_(ghi)")]),
    "(:))": ("tag", ":)"),
    "(:)": None,
    "(:) >:))": ("and", [("tag", ":)"), ("tag", ">:)")]),
    "(:) >:)": None,
    "(:3 or ;))": ("or", [("tag", ":3"), ("tag", ";)")]),
    "(:( or a)": ("or", [("tag", ":("), ("tag", "a")]),
    "(a or :( )": ("or", [("tag", ":("), ("tag", "a")]),
    "(:3": None,
    "(*)": ("wild", "*"),
    "*)": ("wild", "*)"),
    "(*_(foo) bar)": ("and", [("tag", "bar"), ("wild", "*_(foo)")]),
    "(note:a)": ("meta", "note", "a"),
    "(note:(a)": ("meta", "note", "(a"),
    "(note:(a))": ("meta", "note", "(a)"),
    "(note:a note:b)": ("and", [("meta", "note", "a"), ("meta", "note", "b")]),
    '(note:"a)" note:b)': ("and", [("meta", "note", "a)"), ("meta", "note", "b")]),
    "source:": ("meta", "source", ""),
    r'source:"\""': ("meta", "source", '"'),
    r"source:'don\'t say \"lazy\"'": None,
    r'source:don\'t\ say\ "lazy" blah': ("and", [("meta", "source", 'don\\\'t say "lazy"'), ("tag", "blah")]),
    "source:foobar'(": ("meta", "source", "foobar'("),
    'source:"foo bar': None,
    r'source:"c:\d"': None,
    "FAV:A": ("meta", "fav", "A"),
    "comments:0": ("meta", "comment_count", "0"),
    "deleted_children:0": ("meta", "deleted_child_count", "0"),
    "re:zero": ("tag", "re:zero"),
    "fate:go": ("tag", "fate:go"),
    "d: c: :< ? ^_^": ("and", [("tag", ":<"), ("tag", "?"), ("tag", "^_^"), ("tag", "c:"), ("tag", "d:")]),
    "a\tb\u3000c\u0085d": ("and", [("tag", "a"), ("tag", "b"), ("tag", "c"), ("tag", "d")]),
    "a b or c": ("or", [("and", [("tag", "a"), ("tag", "b")]), ("tag", "c")]),
    "a or(b)": ("and", [("tag", "a"), ("tag", "or(b)")]),
    "a\tOR\u3000b": ("or", [("tag", "a"), ("tag", "b")]),
    "~a ~b or ~c ~d": ("or", [("tag", "a"), ("tag", "b"), ("tag", "c"), ("tag", "d")]),
    "~a and ~b": ("and", [("tag", "a"), ("tag", "b")]),
    "~a ~b and ~c ~d": ("and", [("or", [("tag", "a"), ("tag", "b")]), ("or", [("tag", "c"), ("tag", "d")])]),
    "(~a) ~b ~c": ("and", [("or", [("tag", "b"), ("tag", "c")]), ("tag", "a")]),
    "~(-a)": ("not", ("tag", "a")),
    "- a": ("not", ("tag", "a")),
    "-(-a)": ("not", ("not", ("tag", "a"))),
    **dict.fromkeys(("(", ")", "-", "~", "(a", ")a", "-~a", "~-a", "~~a", "--a", "(a b", "(a (b)", "()", "a ()")),
    **dict.fromkeys(
        ("and", "or", "-or", "~and", "a and", "a or", "or a", "and a", "a -", "a ~", "(a or)", "a or or b")
    ),
}
PIECES = (
    *(":)", ":(", ";)", ";(", ">:)", ">:(", ":3", "^_^", "a", "b", "foo_(bar)", "foo_(bar_(baz))", "re:zero", "or(a)"),
    *("d:", "?", "100%_x", "#x", "k-on!", "x*", "*", "*_(foo)", "a'b", 'a"b', "x\\y", "/hr", "Rating:G", "score:>3"),
    *("source:a", 'source:"a b"', "source:a\\ b", "source:'x'", "source:c:\\d", "note:(a)", "note:(a", "comments:0"),
)
SIGNS = ("(", ")", "-", "~", "or", "and", "OR", " ", " ", " ", "\u3000", "\t", "order:id", "a)", "a,b", "source:")


def ours(text: str) -> Shape | None:
    """The program's reading; None where it refuses."""
    try:
        query = parse(text)
    except QueryError:
        return None
    root = query.root if query.order is None else And((query.root, Metatag("order", query.order)))
    return _shape(root)


def _shape(node: Node) -> Shape:
    if isinstance(node, Tag):
        return ("tag", node.name)
    if isinstance(node, Wildcard):
        return ("wild", node.pattern)
    if isinstance(node, Metatag):
        return ("meta", node.name, node.value)
    if isinstance(node, Not):
        return ("not", _shape(node.part))
    return _joined("and" if isinstance(node, And) else "or", [_shape(part) for part in node.parts])


def theirs(text: str) -> Shape | None:
    """The demo's reading; None where it finds nothing for it cannot read it."""
    try:
        search = parse_search(text, None)
    except SearchError:
        return None
    return None if search.root is None else _demo_shape(search.root)


def _demo_shape(node: DemoNode) -> Shape:
    if node.term is not None:
        if node.term.value is not None:
            return ("meta", node.term.name, node.term.value)
        return ("wild" if "*" in node.term.name else "tag", node.term.name)
    if node.kind == "not":
        return ("not", _demo_shape(node.parts[0]))
    return _joined("and" if node.kind == "all" else "or", [_demo_shape(part) for part in node.parts])


def _joined(kind: str, parts: list[Shape]) -> Shape:
    flat: list[Shape] = []
    for part in parts:
        flat += part[1] if part[0] == kind else [part]
    return flat[0] if len(flat) == 1 else (kind, sorted(flat, key=repr))


def _lower(shape: Any) -> Any:
    if isinstance(shape, str):
        return shape.lower()
    if isinstance(shape, list):
        return sorted((_lower(part) for part in shape), key=repr)
    return tuple(_lower(part) for part in shape) if isinstance(shape, tuple) else shape


def random_expression(chance: random.Random, depth: int = 0) -> str:
    """One that hangs together."""
    kind = chance.random()
    if depth > 3 or kind < 0.35:
        return chance.choice(PIECES)
    one, other = random_expression(chance, depth + 1), random_expression(chance, depth + 1)
    if kind < 0.5:
        return f"({one}{chance.choice(('', ' '))})"
    if kind < 0.62:
        return f"-{one}"
    return chance.choice(("~{} ~{}", "{} or {}", "{} and {}", "{} {}")).format(one, other)


def random_jumble(chance: random.Random) -> str:
    """One that may not."""
    pieces = chance.choices((*PIECES, *SIGNS), k=chance.randint(1, 9))
    return "".join(piece + chance.choice(("", " ")) for piece in pieces)


@pytest.mark.parametrize(("text", "shape"), READ_BY_THE_SITE.items())
def test_both_read_what_the_site_reads(text: str, shape: Shape | None) -> None:
    assert ours(text) == shape
    assert theirs(text) == (None if shape is None else _lower(shape))


def test_two_readings_of_random_expressions_agree() -> None:
    chance = random.Random(20261129)
    agreed = 0
    for _ in range(3000):
        text = random_expression(chance) if chance.random() < 0.6 else random_jumble(chance)
        mine, other = ours(text), theirs(text)
        if mine is None:
            continue  # refused here, with a reason, where the site finds nothing
        assert _lower(mine) == other, text
        agreed += 1
    assert agreed > 1500


def test_what_the_program_refuses_finds_nothing_at_the_site_either() -> None:
    """Words that no tag can be are read there, and found nowhere; everything else is not read there at all."""
    chance = random.Random(7)
    for _ in range(2000):
        text = random_jumble(chance)
        try:
            parse(text)
        except QueryError as refused:
            if "closes nothing" in refused.problem or "never closed" in refused.problem or "comma" in refused.problem:
                continue
            if "a value is missing" in refused.problem or "a second" in refused.problem:
                continue
            assert theirs(text) is None, (text, str(refused))


def test_what_is_written_is_read_again_by_both() -> None:
    chance = random.Random(11)
    for _ in range(2000):
        try:
            tree = parse(random_expression(chance)).root
            text = to_text(tree)
        except QueryError:
            continue
        assert parse(text).root == tree or ours(text) == _shape(tree), text
        assert theirs(text) == _lower(_shape(tree)), text


@pytest.mark.parametrize("word", ["ｍｏｎａ", "ＭＯＮＡ", "mona"])
def test_full_width_words_are_the_words_that_they_show(word: str) -> None:
    assert parse(word).root == Tag("mona")


def test_full_width_signs_are_signs() -> None:
    assert parse("ｒａｔｉｎｇ：g mona_（genshin_impact）").root == And(
        (Metatag("rating", "g"), Tag("mona_(genshin_impact)"))
    )


@pytest.mark.parametrize("word", ["a,b", "%a", "_a", "`a", "{a", "[a", "]a", "not", "new", "a)", "a(", ":-)"])
def test_a_word_that_no_tag_can_be_is_refused_and_named(word: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(f"hat -{word}")

    assert refused.value.term == word and refused.value.exit_code == 2


def test_quotes_make_a_word_with_a_meaning_a_text() -> None:
    assert parse('source:"none"').root != parse("source:none").root
    assert to_text(parse('source:"none"').root) == 'source:"none"'
