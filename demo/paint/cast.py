"""Who is painted: every character's fixed attributes, which no picture changes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from demo.paint.pen import Color


@dataclass(frozen=True, slots=True, kw_only=True)
class Clothes:
    """What somebody wears."""

    dress: Color
    trim: Color
    inner: Color = (250, 248, 250)
    legs: Color | None = None  # stockings; None = bare
    shoes: Color = (60, 50, 70)
    cape: Color | None = None
    sleeves: str = "short"  # none | short | long | wide
    skirt: str = "short"  # short | long | shorts
    neck: str = "collar"  # collar | bow | choker | scarf | bell
    motif: str = ""  # stars | buttons | cross | stripe | diamond | frill
    hat: str = ""  # "" = the character's own
    hat_color: Color | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One character."""

    hair: Color
    tips: Color  # hair at its ends
    eyes: Color
    back: str  # twin_low | twin_high | long | bob | ponytail | braid | drills | short
    bangs: str  # straight | parted | swept | messy | curtain
    clothes: Clothes
    hat: str = ""  # witch | witch_soft | kasa | cap | beret | headdress | crown | ribbon | horns | buns | bow | mob
    hat_color: Color = (60, 50, 90)
    hat_trim: Color = (226, 186, 92)
    extra: tuple[str, ...] = ()  # eyepatch | glasses | mole | ahoge | hairpin | pointy_ears
    skin: Color = (255, 233, 218)
    tags: tuple[str, ...] = ()  # general tags that a tagger would give
    costumes: dict[str, Clothes] = field(default_factory=dict)

    def dressed(self, costume: str) -> Look:
        """The character in one of the costumes; "" is the usual one."""
        if not costume:
            return self
        clothes = self.costumes[costume]
        hat = clothes.hat or self.hat
        return replace(self, clothes=clothes, hat=hat, hat_color=clothes.hat_color or self.hat_color)


MONA = "mona_(genshin_impact)"
MONA_STARS = "mona_(pact_of_stars_and_moon)_(genshin_impact)"

CAST: dict[str, Look] = {
    MONA: Look(
        hair=(58, 52, 92), tips=(78, 78, 138), eyes=(64, 178, 172), back="twin_low", bangs="straight",
        hat="witch", hat_color=(72, 54, 122), hat_trim=(232, 192, 92), extra=("hairpin",),
        clothes=Clothes(dress=(74, 60, 134), trim=(58, 158, 164), inner=(244, 238, 246), legs=(52, 46, 78),
            shoes=(70, 54, 104),
                        cape=(46, 126, 148), sleeves="long", skirt="shorts", neck="choker", motif="stars"),
        tags=("black_hair", "twintails", "witch_hat", "green_eyes", "leotard", "very_long_hair", "star_(symbol)"),
        costumes={MONA_STARS: Clothes(dress=(238, 240, 252), trim=(96, 130, 214), inner=(220, 228, 250), legs=(226,
            228, 246),
                                      shoes=(92, 112, 180), cape=(132, 160, 226), sleeves="wide", skirt="long",
                                          neck="bow",
                                      motif="stars", hat_color=(122, 146, 218))},
    ),
    "fischl_(genshin_impact)": Look(
        hair=(246, 214, 122), tips=(240, 196, 96), eyes=(84, 178, 126), back="twin_high", bangs="curtain", hat="bow",
        hat_color=(62, 44, 88), hat_trim=(150, 96, 196), extra=("eyepatch",),
        clothes=Clothes(dress=(66, 48, 96), trim=(168, 112, 206), inner=(120, 84, 150), legs=(70, 56, 96), cape=(52,
            38, 74),
                        sleeves="short", skirt="short", neck="choker", motif="diamond"),
        tags=("blonde_hair", "two_side_up", "eyepatch", "green_eyes", "purple_dress"),
    ),
    "keqing_(genshin_impact)": Look(
        hair=(176, 148, 214), tips=(150, 120, 200), eyes=(170, 96, 180), back="twin_high", bangs="parted", hat="buns",
        hat_color=(176, 148, 214), hat_trim=(88, 66, 128),
        clothes=Clothes(dress=(118, 92, 168), trim=(232, 200, 116), inner=(92, 70, 136), legs=(58, 48, 78),
            sleeves="none",
                        skirt="short", neck="bow", motif="frill"),
        tags=("purple_hair", "cone_hair_bun", "twintails", "purple_eyes", "purple_dress", "detached_sleeves"),
    ),
    "barbara_(genshin_impact)": Look(
        hair=(248, 220, 138), tips=(244, 206, 120), eyes=(86, 152, 224), back="drills", bangs="swept", hat="headdress",
        hat_color=(250, 250, 252), hat_trim=(96, 164, 226),
        clothes=Clothes(dress=(248, 248, 252), trim=(98, 164, 228), inner=(226, 238, 250), legs=(246, 246, 252),
            shoes=(180, 140, 96),
                        sleeves="long", skirt="short", neck="bow", motif="frill"),
        tags=("blonde_hair", "twintails", "blue_eyes", "white_dress", "drill_hair"),
    ),
    "lisa_(genshin_impact)": Look(
        hair=(150, 104, 78), tips=(174, 124, 90), eyes=(96, 172, 116), back="ponytail", bangs="swept",
        hat="witch", hat_color=(84, 58, 124), hat_trim=(220, 176, 96), extra=("mole",),
        clothes=Clothes(dress=(92, 64, 136), trim=(222, 184, 110), inner=(236, 226, 240), legs=(74, 56, 92),
            cape=(72, 48, 108),
                        sleeves="long", skirt="long", neck="choker", motif="frill"),
        tags=("brown_hair", "witch_hat", "green_eyes", "purple_dress", "mole_under_eye"),
    ),
    "hu_tao_(genshin_impact)": Look(
        hair=(82, 58, 64), tips=(168, 84, 70), eyes=(206, 68, 64), back="twin_low", bangs="parted", hat="cap",
        hat_color=(62, 44, 52), hat_trim=(196, 78, 70),
        clothes=Clothes(dress=(70, 50, 58), trim=(186, 78, 70), inner=(140, 60, 58), legs=None, cape=None,
            sleeves="long", skirt="shorts",
                        neck="collar", motif="buttons"),
        tags=("brown_hair", "twintails", "red_eyes", "hat", "black_coat", "gradient_hair"),
    ),
    "scaramouche_(genshin_impact)": Look(
        hair=(60, 54, 98), tips=(72, 66, 120), eyes=(112, 98, 196), back="short", bangs="straight", hat="kasa",
        hat_color=(66, 50, 102), hat_trim=(216, 84, 96),
        clothes=Clothes(dress=(68, 56, 118), trim=(178, 70, 92), inner=(46, 40, 66), legs=(52, 46, 78), cape=None,
            sleeves="wide",
                        skirt="shorts", neck="collar", motif="stripe"),
        tags=("purple_hair", "short_hair", "purple_eyes", "jingasa", "1boy"),
    ),
    "raiden_shogun": Look(
        hair=(96, 76, 150), tips=(150, 116, 200), eyes=(142, 92, 196), back="braid", bangs="swept", hat="bow",
        hat_color=(150, 112, 196), hat_trim=(226, 160, 190), extra=("mole", "hairpin"),
        clothes=Clothes(dress=(118, 84, 170), trim=(206, 96, 132), inner=(242, 232, 244), legs=(92, 66, 130),
            sleeves="wide",
                        skirt="short", neck="scarf", motif="diamond"),
        tags=("purple_hair", "braid", "purple_eyes", "kimono", "very_long_hair"),
    ),
    "klee_(genshin_impact)": Look(
        hair=(248, 226, 160), tips=(244, 212, 140), eyes=(226, 82, 60), back="twin_low", bangs="messy", hat="mob",
        hat_color=(214, 64, 54), hat_trim=(252, 248, 244), extra=("pointy_ears",),
        clothes=Clothes(dress=(216, 66, 56), trim=(250, 240, 226), inner=(250, 244, 234), legs=(252, 250, 248),
            shoes=(150, 84, 60),
                        sleeves="long", skirt="short", neck="scarf", motif="buttons"),
        tags=("blonde_hair", "low_twintails", "red_eyes", "cabbie_hat", "red_coat"),
    ),
    "ganyu_(genshin_impact)": Look(
        hair=(142, 182, 230), tips=(120, 164, 224), eyes=(150, 110, 190), back="long", bangs="parted", hat="horns",
        hat_color=(88, 44, 60), hat_trim=(214, 120, 96), extra=("ahoge",),
        clothes=Clothes(dress=(244, 246, 252), trim=(102, 138, 208), inner=(88, 96, 150), legs=(56, 50, 70),
            cape=(226, 234, 250),
                        sleeves="wide", skirt="short", neck="bell", motif="diamond"),
        tags=("blue_hair", "horns", "purple_eyes", "neck_bell", "very_long_hair", "ahoge"),
    ),
    "sucrose_(genshin_impact)": Look(
        hair=(162, 214, 176), tips=(140, 204, 170), eyes=(222, 162, 70), back="ponytail", bangs="messy", hat="beret",
        hat_color=(84, 120, 112), hat_trim=(236, 214, 150), extra=("glasses", "pointy_ears"),
        clothes=Clothes(dress=(246, 248, 246), trim=(98, 150, 130), inner=(86, 72, 84), legs=(84, 76, 88),
            sleeves="wide",
                        skirt="short", neck="collar", motif="cross"),
        tags=("green_hair", "glasses", "yellow_eyes", "hat", "short_hair"),
    ),
    "lumine_(genshin_impact)": Look(
        hair=(250, 228, 158), tips=(246, 216, 140), eyes=(226, 178, 72), back="bob", bangs="swept", hat="ribbon",
        hat_color=(250, 250, 252), hat_trim=(246, 206, 110),
        clothes=Clothes(dress=(250, 250, 252), trim=(176, 202, 232), inner=(214, 226, 240), legs=(120, 96, 80),
            cape=(226, 236, 246),
                        sleeves="none", skirt="short", neck="scarf", motif="diamond"),
        tags=("blonde_hair", "short_hair_with_long_locks", "yellow_eyes", "hair_flower", "white_dress"),
    ),
    "mona_(warioware)": Look(
        hair=(232, 122, 62), tips=(222, 98, 52), eyes=(86, 150, 90), back="ponytail", bangs="swept", hat="ribbon",
        hat_color=(250, 210, 80), hat_trim=(236, 160, 60),
        clothes=Clothes(dress=(252, 214, 90), trim=(230, 104, 80), inner=(255, 255, 255), legs=None, shoes=(216, 84,
            70), sleeves="short",
                        skirt="shorts", neck="collar", motif="stripe"),
        tags=("orange_hair", "ponytail", "green_eyes", "yellow_shirt"),
    ),
    "kirisame_marisa": Look(
        hair=(250, 220, 116), tips=(242, 204, 96), eyes=(216, 172, 64), back="braid", bangs="messy", hat="witch",
        hat_color=(46, 42, 52), hat_trim=(250, 250, 252),
        clothes=Clothes(dress=(48, 44, 54), trim=(252, 252, 254), inner=(250, 250, 252), legs=(250, 250, 252),
            shoes=(50, 44, 54),
                        sleeves="short", skirt="long", neck="collar", motif="frill"),
        tags=("blonde_hair", "witch_hat", "yellow_eyes", "black_dress", "apron", "braid"),
    ),
    "hakurei_reimu": Look(
        hair=(62, 48, 56), tips=(82, 60, 66), eyes=(196, 74, 74), back="long", bangs="straight", hat="ribbon",
        hat_color=(214, 52, 60), hat_trim=(252, 252, 252),
        clothes=Clothes(dress=(214, 54, 62), trim=(252, 250, 250), inner=(252, 252, 252), legs=None, sleeves="wide",
            skirt="long",
                        neck="bow", motif="frill"),
        tags=("black_hair", "hair_bow", "red_eyes", "detached_sleeves", "red_skirt"),
    ),
    "megumin": Look(
        hair=(82, 58, 56), tips=(98, 66, 60), eyes=(210, 60, 60), back="bob", bangs="messy", hat="witch",
        hat_color=(58, 48, 60), hat_trim=(224, 120, 70), extra=("eyepatch",),
        clothes=Clothes(dress=(196, 60, 58), trim=(238, 196, 96), inner=(60, 48, 58), legs=(52, 46, 58), cape=(56,
            46, 58), sleeves="short",
                        skirt="short", neck="choker", motif="cross"),
        tags=("brown_hair", "witch_hat", "red_eyes", "red_dress", "short_hair", "eyepatch"),
    ),
    "hatsune_miku": Look(
        hair=(70, 190, 190), tips=(56, 172, 182), eyes=(62, 178, 186), back="twin_high", bangs="straight", hat="bow",
        hat_color=(62, 56, 70), hat_trim=(226, 80, 130),
        clothes=Clothes(dress=(208, 214, 222), trim=(64, 178, 186), inner=(208, 214, 222), legs=(62, 58, 72),
            shoes=(62, 58, 72),
                        sleeves="none", skirt="short", neck="bow", motif="stripe"),
        tags=("aqua_hair", "twintails", "aqua_eyes", "detached_sleeves", "necktie", "very_long_hair"),
    ),
}  # fmt: skip
