"""The artists: each has a line, a palette and habits of their own, so that one artist's pictures look alike."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

from demo.paint.pen import Color, mix


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one artist paints."""

    line: float = 0.035  # units; 0 = no outlines
    ink: Color = (52, 34, 58)
    depth: float = 0.45  # how much the ink's own colour shows in the lines, 0..1
    shade: float = 0.3  # strength of shadows, 0..1
    saturation: float = 1.0
    lightness: float = 0.0  # -1..1: towards black or white
    tint: Color = (255, 240, 230)
    tinting: float = 0.0  # 0..1
    eye: float = 1.0  # height of the eyes
    iris: float = 1.0
    chin: float = 1.0  # 1 = round, larger = longer
    blush: float = 0.5  # 0..1
    gloss: float = 0.5  # highlight on the hair, 0..1
    grain: int = 0  # paper: 0..12
    sparkle: float = 0.3

    def color(self, base: Color) -> Color:
        """A colour as this artist mixes it."""
        hue, light, strength = colorsys.rgb_to_hls(*(part / 255 for part in base))
        red, green, blue = colorsys.hls_to_rgb(hue, light, min(1.0, strength * self.saturation))
        toned = (round(red * 255), round(green * 255), round(blue * 255))
        target: Color = (255, 255, 255) if self.lightness > 0 else (20, 12, 30)
        return mix(mix(toned, target, abs(self.lightness)), self.tint, self.tinting)


STYLES: dict[str, Style] = {
    "aster_fields": Style(),
    "budou_tart": Style(line=0.022, depth=0.2, shade=0.24, lightness=0.08, blush=0.9, eye=1.08),
    "chalk_lantern": Style(line=0.05, ink=(40, 30, 40), depth=0.85, shade=0.34, saturation=1.15, eye=0.95),
    "dew_harbor": Style(line=0.028, ink=(40, 60, 110), depth=0.6, shade=0.25, tint=(210, 230, 255), tinting=0.1,
        gloss=0.8),
    "ember_quill": Style(line=0.034, ink=(90, 30, 20), depth=0.5, shade=0.36, tint=(255, 220, 180), tinting=0.12,
        blush=0.7),
    "fig_and_moth": Style(line=0.0, shade=0.22, saturation=0.9, lightness=0.04, blush=0.6, grain=8),
    "glasswing": Style(line=0.02, depth=0.1, shade=0.2, lightness=0.14, saturation=0.9, gloss=0.9, sparkle=0.8,
        eye=1.12),
    "hazel_noon": Style(line=0.042, depth=0.35, shade=0.4, saturation=1.25, iris=1.1),
    "inkcap": Style(line=0.058, ink=(20, 16, 24), depth=1.0, shade=0.5, saturation=0.85, gloss=0.2, blush=0.2,
        chin=1.08),
    "juniper_k": Style(line=0.03, shade=0.3, saturation=0.7, lightness=0.03, tint=(236, 226, 206), tinting=0.14,
        grain=10),
    "kumo_pan": Style(line=0.036, depth=0.25, shade=0.2, saturation=1.05, lightness=0.06, eye=1.15, iris=1.15,
        blush=1.0, chin=0.94),
    "lilac_engine": Style(line=0.03, ink=(80, 40, 110), depth=0.6, shade=0.34, tint=(226, 206, 250), tinting=0.12,
        gloss=0.7),
    "marble_tide": Style(line=0.026, ink=(30, 50, 60), depth=0.4, shade=0.38, saturation=0.95, chin=1.1, eye=0.88,
        iris=0.95),
    "nine_thimbles": Style(line=0.046, depth=0.6, shade=0.28, saturation=1.1, eye=1.05, grain=5, sparkle=0.6),
}  # fmt: skip
