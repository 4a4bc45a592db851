"""Captions as JSON with the tags in groups, which trainers of the Anima family shuffle within each group."""

from __future__ import annotations

import json
import re

from interchange.captions.template import CaptionStyle
from interchange.samples import Sample

_APPEARANCE = re.compile(
    r".*_(?:hair|eyes?|bangs|braids?|twintails|ponytail|ears|tail|horns?|wings|skin|breasts|lips|eyebrows|eyelashes|fangs?"
    r"|halo|mole_under_(?:eye|mouth))|(?:twintails|ponytail|braid|bangs|ahoge|fang|freckles|mole|halo|horns|tail|wings"
    r"|heterochromia|hair_.*|(?:low|high|side)_(?:twintails|ponytail|braid))"
)
_ENVIRONMENT = re.compile(
    r".*_(?:background|sky|weather|scenery|theme)|outdoors|indoors|(?:day|night|sunset|sunrise|dusk|dawn|evening|twilight)"
    r"|(?:sky|cloud|tree|grass|flower_field|water|ocean|sea|beach|snow|rain|forest|mountain|city|street|building|room"
    r"|bedroom|kitchen|classroom|window|bed|couch|chair|desk|moon|full_moon|starry_sky|sunlight|moonlight|petals"
    r"|falling_petals|cherry_blossoms|scenery|landscape|cityscape|horizon|underwater|space)"
)


def grouped_caption(sample: Sample, style: CaptionStyle) -> str:
    """The caption of one picture; the same keys and types for every one.

    Source of the keys: the README of AnimaLoraStudio. `nl`, a sentence, is left to whoever writes
    one.
    """
    words, word = sample.words, style.spelling.word
    appearance = [tag for tag in words.general if _APPEARANCE.fullmatch(tag)]
    environment = [tag for tag in words.general if tag not in appearance and _ENVIRONMENT.fullmatch(tag)]
    rest = [tag for tag in words.general if tag not in appearance and tag not in environment]
    named = [words.trigger, *map(word, words.target), *map(word, words.character)]
    record = {
        "quality": words.rating,
        "count": ", ".join(map(word, words.count)),
        "character": ", ".join(name for name in named if name),
        "series": ", ".join(map(word, words.copyright)),
        "artist": ", ".join(f"@{word(tag)}" for tag in words.artist),
        "appearance": [word(tag) for tag in appearance],
        "tags": [word(tag) for tag in rest],
        "environment": [word(tag) for tag in environment],
        "nl": "",
    }
    return json.dumps(record, ensure_ascii=False, indent=1) + "\n"
