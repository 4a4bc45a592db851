"""What a JavaScript file exports is read as data; whatever would have to be run is refused."""

from __future__ import annotations

import pytest

from classifier.weights.javascript_literal import exported
from classifier.weights.layer_arrays import NotWeights

BUNDLE = '!function(e){"object"==typeof exports&&"undefined"!=typeof module?module.exports=e():self.m=e()}'


def test_an_object_as_minifiers_write_it_is_read() -> None:
    text = (
        "n.exports={name:\"a\",shape:[null,3],deep:{on:!0,off:!1},least:-.5,scale:1e-7,half:.25,whole:2.,'one two':'x'}"
    )

    value = exported(BUNDLE + text + "},{}]},{},[1])(1)});")

    assert value == {
        "name": "a",
        "shape": [None, 3],
        "deep": {"on": True, "off": False},
        "least": -0.5,
        "scale": 1e-7,
        "half": 0.25,
        "whole": 2.0,
        "one two": "x",
    }


def test_names_that_mean_something_in_json_are_names_before_a_colon() -> None:
    assert exported("x.exports={null:null,true:1}") == {"null": None, "true": 1}


def test_a_text_of_megabytes_is_read() -> None:
    assert exported(f'W.exports="{"A" * 3_000_000}"}},') == "A" * 3_000_000


def test_escapes_in_texts_are_those_of_json() -> None:
    assert exported(r'W.exports={a:"\"\u00e9\\"}') == {"a": '"é\\'}


@pytest.mark.parametrize(
    "text",
    [
        "x.exports={a:require('fs')}",
        "x.exports={a:b}",
        "x.exports={a:1+1}",
        "x.exports=[`a`]",
        "x.exports={a:function(){}}",
        "x.exports={...y}",
        "x.exports={a:1",
        'x.exports="a',
        "x.exports={a:1,a:2}",
        "x.exports={a:1e999}",
        "x.exports={a:NaN}",
        "x.exports=" + "[" * 5000,
        "",
    ],
)
def test_what_is_no_plain_data_is_refused(text: str) -> None:
    with pytest.raises(NotWeights, match=r"^exports "):
        exported(text)
