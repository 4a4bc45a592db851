import pytest

from storage.errors import BadName
from storage.names import ModelName, TagName, TargetName, distinct_target_names, target_name
from storage.records import ModelCard, Target

pytestmark = pytest.mark.no_gallery

ODD_TAGS = [
    "#unicus_(idolmaster)", "100%_orange_juice", ":3", ":)", ":(", ";)", ";(", ">:(", ">:)", "^_^", "=_=", "+_+",
    "fate/grand_order", "nier:automata", "k-on!", 'mo"na', "mo\\na", "!", "...", "\N{SNOWMAN}", "ガンダム",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD_TAGS)
def test_everything_printable_that_the_site_allows_is_a_tag(text: str) -> None:
    assert TagName(text) == text == TagName.typed(text)


@pytest.mark.parametrize("text", ["a*b", "*", "a,b", ",", *(f"{first}a" for first in "-~_`%(){}[]/")])
def test_what_the_site_forbids_is_no_tag(text: str) -> None:
    with pytest.raises(BadName, match="cannot be a tag"):
        TagName(text)


@pytest.mark.parametrize("text", ["", "x" * 171, "mo\x1bna", "mo\0na", "a\u202eb", "a\u200bb", "a b", "a\nb", "Mona"])
def test_what_cannot_be_printed_or_is_not_written_as_the_site_writes_is_no_tag(text: str) -> None:
    with pytest.raises(BadName) as caught:
        TagName(text)

    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("typed", "tag"),
    [
        ("  Mona (Genshin Impact) ", "mona_(genshin_impact)"),
        ("カ\u3099ンタ\u3099ム", "ガンダム"),
        ("ガンダム", "ガンダム"),
        ("ｍｏｎａ", "mona"),
        ("：３", ":3"),
        ("MONA", "mona"),
        ("İx", "i̇x"),
        ("mona\u3000megistus", "mona_megistus"),
    ],
)
def test_a_typed_tag_is_composed_and_written_in_lower_case(typed: str, tag: str) -> None:
    assert TagName.typed(typed) == tag and TagName.typed(tag) == tag


@pytest.mark.fault("C02")
@pytest.mark.parametrize(
    "text", ["..", ".", "", "../../../x", "/x", "a/b", "a\\b", "a\x1bb", "a\0b", "A", "con", "nul.txt", "a.", "x" * 101]
)
def test_what_cannot_name_a_folder_names_no_target(text: str) -> None:
    for make in (TargetName, lambda name: Target(name, "mona"), lambda name: ModelCard(name, 1, "", "", 0.5)):
        with pytest.raises(BadName) as caught:
            make(text)

        assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["mona", "mona/", "/3", "../3", "mona/x", "mona/-1", "mona/3/4", "mona/3\n", "mona/٣"])
def test_what_is_not_written_like_one_is_no_name_of_a_model(text: str) -> None:
    with pytest.raises(BadName):
        ModelName.parse(text)


def test_a_model_is_called_by_its_target_and_number() -> None:
    assert str(ModelName.parse("mona/3")) == "mona/3" and ModelName.parse("mona/3") == ModelName(TargetName("mona"), 3)


def test_every_tag_gives_a_target_a_name_and_no_two_tags_share_it() -> None:
    tags = [*ODD_TAGS, "x" * 170, "x" * 169 + "y", "fate_grand_order"]

    for at in (0, -1):
        names = [distinct_target_names(tag)[at] for tag in tags]

        assert len(set(names)) == len(tags)
        assert all(TargetName(name) == name for name in names)


@pytest.mark.fault("C02")
@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (("mona", "mona_(genshin_impact)"), "mona"),
        (("莫娜", "mona", "mona_(genshin_impact)"), "mona"),
        (("../x", "../x"), "x"),
        (("con", "con"), "tag_con"),
        (("nul.txt", "nul.txt"), "tag_nul_txt"),
        (("fate/stay_night", "fate/stay_night"), "fate_stay_night"),
        (("a.", "a."), "a"),
        (("x" * 170,), "x" * 100),
        (("saber_'alter'",), "saber_'alter'"),
    ],
)
def test_a_target_gets_a_readable_name_where_there_is_one(wanted: tuple[str, ...], name: str) -> None:
    assert target_name(*wanted) == name


def test_tags_without_a_letter_that_a_folder_may_have_get_names_of_their_own() -> None:
    assert target_name(":)") != target_name(";)") and target_name(":)").startswith("tag_")
