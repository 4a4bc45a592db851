"""A folder of many painted characters that nobody knows, one folder each, for trying recognisers of many classes.

python -m bench.samples.painted_cast many --classes 50 --pictures 14 --seed 7
"""

from __future__ import annotations

import argparse
import colorsys
import random
from dataclasses import replace
from pathlib import Path

from demo.galleries.painted import BACKDROPS, EXPRESSIONS, LIGHTS, POSES
from demo.paint.cast import CAST, Look
from demo.paint.pen import Color
from demo.paint.scene import Figure, Scene
from demo.paint.studio import paint
from demo.paint.styles import STYLES

_BACKS = ("twin_low", "twin_high", "long", "bob", "ponytail", "braid", "drills", "short")
_BANGS = ("straight", "parted", "swept", "messy", "curtain")
_SYLLABLES = ("ka", "mi", "ro", "su", "ne", "ta", "ri", "yo", "ha", "ku", "no", "se")
_SIZE = (300, 400)  # pixels


def looks(count: int) -> dict[str, Look]:
    """So many characters by name, the same every time: known clothes and hats, with hair and colours of their own."""
    rng, cast = random.Random(50), sorted(CAST)
    made: dict[str, Look] = {}
    while len(made) < count:
        name = "".join(rng.choice(_SYLLABLES) for _ in range(3))
        base, hue = CAST[rng.choice(cast)], rng.random()
        clothes = replace(base.clothes, dress=_colour(rng.random(), 0.6), trim=_colour(rng.random(), 0.9), cape=None)
        made[name] = replace(
            base,
            hair=_colour(hue, 0.8),
            tips=_colour(hue, 0.7),
            eyes=_colour(rng.random(), 0.7),
            back=rng.choice(_BACKS),
            bangs=rng.choice(_BANGS),
            clothes=clothes,
            hat_color=_colour(rng.random(), 0.5),
            costumes={},
        )
    return made


def _colour(hue: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.55, value)
    return (round(red * 255), round(green * 255), round(blue * 255))


def paint_cast(folder: Path, classes: int, pictures: int, seed: int) -> None:
    """Paint so many pictures of each of so many characters, as JPEG files."""
    rng = random.Random(seed)
    for name, look in looks(classes).items():
        CAST[name] = look
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(pictures):
            paint(_scene(name, rng)).convert("RGB").save(folder / name / f"{number:03}.jpg", quality=90)


def _scene(name: str, rng: random.Random) -> Scene:
    figure = Figure(
        character=name,
        x=round(rng.uniform(0.42, 0.58), 3),
        y=round(rng.uniform(0.3, 0.4), 3),
        head=round(rng.uniform(0.11, 0.22), 3),
        tilt=round(rng.gauss(0, 6), 2),
        mirrored=rng.random() < 0.5,
        expression=rng.choice(EXPRESSIONS),
        pose=rng.choice(POSES),
    )
    return Scene(
        seed=rng.randrange(1 << 31),
        width=_SIZE[0],
        height=_SIZE[1],
        ext="jpg",
        artist=rng.choice(tuple(STYLES)),
        backdrop=rng.choice(BACKDROPS),
        light=rng.choices(tuple(LIGHTS), tuple(LIGHTS.values()))[0],
        figures=(figure,),
    )


def main() -> None:
    """Paint, and say how many."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--classes", type=int, default=50)
    options.add_argument("--pictures", type=int, default=14, help="of each class")
    options.add_argument("--seed", type=int, default=7, help="another one paints other pictures of the same characters")
    chosen = options.parse_args()
    paint_cast(chosen.folder, chosen.classes, chosen.pictures, chosen.seed)
    print(f"{chosen.classes} classes of {chosen.pictures} pictures in {chosen.folder}")


if __name__ == "__main__":
    main()
