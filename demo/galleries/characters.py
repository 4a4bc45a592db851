"""The painted galleries' characters: copyrights, how often each appears, other names, aliases, and general tags."""

from __future__ import annotations

from dataclasses import dataclass

from demo.paint.cast import MONA, MONA_STARS

GENSHIN = "genshin_impact"


@dataclass(frozen=True, slots=True)
class Franchise:
    """One copyright and its characters."""

    tag: str
    share: float  # of all posts
    characters: dict[str, float]  # name -> weight


FRANCHISES = (
    Franchise(
        GENSHIN,
        0.84,
        {
            MONA: 15,
            "lisa_(genshin_impact)": 9,
            "scaramouche_(genshin_impact)": 8,
            "hu_tao_(genshin_impact)": 9,
            "raiden_shogun": 8,
            "fischl_(genshin_impact)": 9,
            "keqing_(genshin_impact)": 9,
            "barbara_(genshin_impact)": 7,
            "klee_(genshin_impact)": 7,
            "ganyu_(genshin_impact)": 7,
            "sucrose_(genshin_impact)": 6,
            "lumine_(genshin_impact)": 6,
        },
    ),
    Franchise("touhou", 0.07, {"kirisame_marisa": 5, "hakurei_reimu": 4}),
    Franchise("kono_subarashii_sekai_ni_shukufuku_wo!", 0.04, {"megumin": 1}),
    Franchise("vocaloid", 0.03, {"hatsune_miku": 1}),
    Franchise("warioware", 0.02, {"mona_(warioware)": 1}),
)
COSTUMES = {MONA: {MONA_STARS: 0.12}}  # character -> costume tag and its share
WITHOUT_CHARACTER = 0.04  # share of posts without a character
SEVERAL = 0.14  # share of posts with two or three characters

ALIASES = {
    "mona_megistus": MONA,
    "astrologist_mona_megistus": MONA,
    "genshin": GENSHIN,
    "yuanshen": GENSHIN,
    "raiden_ei": "raiden_shogun",
    "raiden_shogun_(genshin_impact)": "raiden_shogun",
    "wanderer_(genshin_impact)": "scaramouche_(genshin_impact)",
    "miku_hatsune": "hatsune_miku",
    "twin_tails": "twintails",
}
OTHER_NAMES = {
    MONA: ("莫娜", "モナ", "阿斯托洛吉斯·莫娜·梅姬斯图斯", "모나"),
    MONA_STARS: ("星与月之约",),
    GENSHIN: ("原神", "원신"),
    "fischl_(genshin_impact)": ("菲谢尔", "フィッシュル"),
    "keqing_(genshin_impact)": ("刻晴",),
    "barbara_(genshin_impact)": ("芭芭拉", "バーバラ"),
    "lisa_(genshin_impact)": ("丽莎", "リサ"),
    "hu_tao_(genshin_impact)": ("胡桃",),
    "scaramouche_(genshin_impact)": ("散兵", "放浪者"),
    "raiden_shogun": ("雷电将军", "雷電将軍"),
    "klee_(genshin_impact)": ("可莉", "クレー"),
    "ganyu_(genshin_impact)": ("甘雨",),
    "sucrose_(genshin_impact)": ("砂糖", "スクロース"),
    "lumine_(genshin_impact)": ("荧", "蛍"),
    "mona_(warioware)": ("モナ",),
    "kirisame_marisa": ("霧雨魔理沙",),
    "hakurei_reimu": ("博麗霊夢",),
    "megumin": ("めぐみん", "惠惠"),
    "hatsune_miku": ("初音ミク", "初音未来"),
}

EXPRESSION_TAGS = {
    "smile": ("smile", "looking_at_viewer"),
    "laugh": ("smile", "open_mouth", "looking_at_viewer"),
    "happy": ("closed_eyes", "open_mouth", "smile"),
    "wink": ("one_eye_closed", "open_mouth", "smile"),
    "surprised": ("open_mouth", "surprised"),
    "smug": ("smug", "smile", "looking_at_viewer"),
    "serious": ("closed_mouth", "serious"),
    "calm": ("closed_mouth", "looking_at_viewer"),
    "pout": ("closed_mouth", "frown"),
    "shy": ("blush", "embarrassed"),
    "sleepy": ("closed_eyes", "closed_mouth"),
}
POSE_TAGS = {
    "down": ("arms_at_sides",),
    "wave": ("waving", "arm_up"),
    "chest": ("hands_on_own_chest",),
    "hips": ("hands_on_own_hips",),
    "peace": ("v",),
    "cheer": ("arms_up",),
    "reach": ("reaching",),
    "think": ("hand_on_own_chin",),
}
FRAMING_TAGS = {"face": ("portrait", "close-up"), "bust": ("upper_body",), "full": ("full_body", "standing")}
BACKDROP_TAGS = {
    "plain": ("simple_background", "white_background"),
    "gradient": ("gradient_background",),
    "sky": ("outdoors", "sky", "cloud", "day"),
    "night": ("night", "moon", "city_lights"),
    "stars": ("starry_background", "constellation"),
    "bokeh": ("bokeh", "blurry_background"),
    "bokeh_night": ("bokeh", "night"),
    "petals": ("petals",),
    "rays": ("sunburst_background",),
    "dots": ("polka_dot_background",),
    "stripes": ("striped_background",),
    "room": ("indoors", "window"),
    "sea": ("ocean", "beach", "outdoors"),
}
LIGHT_TAGS = {
    "sunset": ("sunset",),
    "moon": ("moonlight",),
    "grey": ("greyscale", "monochrome"),
    "sepia": ("sepia", "monochrome"),
}
MALE = frozenset({"scaramouche_(genshin_impact)"})
RESTRICTED_TAG = "restricted_example"  # posts with it show their file to Gold accounts only
