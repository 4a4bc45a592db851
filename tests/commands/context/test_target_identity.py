"""A target is known by who it is, not by how the site spells its tag today."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.records import ModelCard
from tests.commands.small_site import MONA, NEW, SERIES, SmallSite, small_site

NEWEST = "mona_astrologist_(genshin_impact)"
MAIN = ("--tag", SERIES, "--keep", "mona")


def gallery_of(site: SmallSite) -> None:
    """Twelve posts, every fourth tagged, every third bright."""
    site.gallery.add_tag(MONA, "character")
    site.gallery.add_alias("mona", MONA)
    for number in range(1, 13):
        site.post(10 * number, *([MONA] if number % 4 == 0 else []), bright=number % 3 == 0)


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root that has crawled it, and was corrected by a person."""
    with pytest.MonkeyPatch.context() as monkeypatch, small_site(tmp_path_factory.mktemp("site"), monkeypatch) as site:
        gallery_of(site)
        assert site.crawl(*MAIN).exit_code == 0
        assert site.crawl("relabel", "delete", "30", "120").exit_code == 0
        assert site.crawl("relabel", "keep", "10").exit_code == 0
        assert site.crawl(*MAIN).exit_code == 0
        return site.root


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crawled: Path) -> Iterator[SmallSite]:
    with small_site(tmp_path, monkeypatch) as found:
        gallery_of(found)
        shutil.copytree(crawled, found.root)
        yield found


def targets(site: SmallSite) -> list[tuple[str, str]]:
    with site.reader() as reader:
        return [(target.name, target.tag) for target in reader.targets()]


def labels(site: SmallSite, target: str = "mona") -> dict[int, str]:
    with site.reader() as reader:
        return {label.post_id: label.value.value for label in reader.labels(target) if label.holds}


LABELS = {10: "keep", 30: "delete", 120: "delete"}


def renamed_once(site: SmallSite) -> None:
    site.rename(MONA, NEW)
    site.gallery.add_alias("mona", NEW)


def renamed_in_a_chain(site: SmallSite) -> None:
    site.rename(MONA, NEW)
    site.rename(NEW, NEWEST)


def renamed_without_the_short_alias(site: SmallSite) -> None:
    site.rename(MONA, NEW)
    del site.gallery.aliases["mona"]


def renamed_while_the_old_tag_still_counts_posts(site: SmallSite) -> None:
    site.rename(MONA, NEW)
    site.post(5, MONA)


def renamed_beside_another_of_the_same_short_name(site: SmallSite) -> None:
    renamed_without_the_short_alias(site)
    site.gallery.add_tag("mona_(shantae)", "character")
    site.post(7, "mona_(shantae)")


@pytest.mark.parametrize(
    ("happens", "named"),
    [
        (renamed_once, "mona"),
        (renamed_once, MONA),
        (renamed_in_a_chain, "mona"),
        (renamed_without_the_short_alias, "mona"),
        (renamed_while_the_old_tag_still_counts_posts, MONA),
        (renamed_beside_another_of_the_same_short_name, "mona"),
    ],
)
def test_after_a_rename_the_same_command_goes_on_with_the_same_target(
    site: SmallSite, happens: Callable[[SmallSite], None], named: str
) -> None:
    before = {row[0]: row[1:] for row in site.rows("post_id, target, decision, model, label, score")}
    happens(site)

    done = site.crawl("--tag", SERIES, "--keep", named)

    assert done.exit_code == 0, done.stderr
    after = {row[0]: row[1:] for row in site.rows("post_id, target, decision, model, label, score")}
    assert targets(site) == [("mona", NEWEST if happens is renamed_in_a_chain else NEW)]
    assert labels(site) == LABELS and {post: after[post] for post in before} == before
    assert [path.name for path in (site.root / "gallery").iterdir()] == ["mona"]
    assert f"the site renamed {MONA} to" in done.stderr


def test_a_rename_is_reported_once_and_costs_no_picture(site: SmallSite) -> None:
    renamed_once(site)

    first, second = site.crawl(*MAIN), site.crawl(*MAIN)

    assert "renamed" in first.stderr and "renamed" not in second.stderr
    assert not any("720x720" in path or "sample" in path for path in site.server.paths())


def test_a_rename_there_and_back_again_is_the_same_target(site: SmallSite) -> None:
    renamed_once(site)
    assert site.crawl(*MAIN).exit_code == 0
    del site.gallery.aliases[MONA]
    site.rename(NEW, MONA)
    site.gallery.add_alias("mona", MONA)

    done = site.crawl(*MAIN)

    assert done.exit_code == 0 and targets(site) == [("mona", MONA)] and labels(site) == LABELS


def test_a_run_for_newer_posts_notices_the_rename_and_hides_no_post(site: SmallSite) -> None:
    site.post(130, MONA)
    renamed_once(site)

    done = site.crawl(*MAIN, "--new")

    assert done.exit_code == 0 and targets(site) == [("mona", NEW)]
    assert (130, "keep", f"tagged {NEW}") in site.rows("post_id, decision, reason")


def test_a_crawled_tag_that_was_renamed_is_listed_whole_even_for_newer_posts(site: SmallSite) -> None:
    site.rename(SERIES, "genshin")
    site.post(15, "genshin", bright=True)  # was in the other tag before: lower than the newest that was listed

    done = site.crawl(*MAIN, "--new")

    assert done.exit_code == 0 and 15 in [row[0] for row in site.rows("post_id")]


def test_every_command_knows_the_target_by_its_old_tag_its_new_one_and_its_alias(site: SmallSite) -> None:
    renamed_once(site)
    assert site.crawl(*MAIN).exit_code == 0

    for name in (MONA, NEW, "mona"):
        assert site.crawl("query", f"target:{name} label:any", "--format", "ids").stdout.split() == ["120", "30", "10"]
    for number, name in enumerate(("mona", MONA, NEW, MONA.upper(), "Ｍｏｎａ", "mona (genshin impact)")):
        value = ("keep", "delete")[number % 2]
        assert site.crawl("relabel", value, "20", "--keep", name).exit_code == 0
        assert labels(site)[20] == value
        for command in (("train", name), ("rescore", name), ("evaluate", name)):
            done = site.crawl(*command)
            assert done.exit_code == 2 and "no model for mona yet" in done.stderr, done.stderr


def test_a_variant_that_was_renamed_still_names_the_target_on_posts_that_were_not_listed_again(site: SmallSite) -> None:
    old, new = "mona_(swimsuit)_(genshin_impact)", "mona_(beach)_(genshin_impact)"
    site.gallery.add_tag(old, "character")
    site.gallery.add_implication(old, MONA)
    site.post(200, old)
    assert site.crawl(*MAIN).exit_code == 0
    site.gallery.implications.clear()
    site.gallery.add_implication(new, MONA)
    site.rename(old, new)

    assert site.crawl(*MAIN, "--new").exit_code == 0

    with site.reader() as reader:
        (target,) = reader.targets()
        tagged = {one.post_id for one in reader.judged(site.site, target) if one.tagged}
    assert target.variants == (new,) and 200 in tagged


def second_target(site: SmallSite) -> None:
    """Somebody else, with labels of her own on one picture that has one already and on one that has none."""
    site.gallery.add_tag("megistus", "character")
    site.post(140, "megistus")
    assert site.crawl("--tag", SERIES, "--keep", "megistus").exit_code == 0
    assert site.crawl("relabel", "keep", "20", "30", "--keep", "megistus").exit_code == 0
    assert site.crawl("relabel", "delete", "120", "--keep", "megistus").exit_code == 0


@pytest.mark.parametrize("into", [MONA, NEW])
def test_two_targets_that_the_site_makes_one_become_one_and_no_label_is_lost(site: SmallSite, into: str) -> None:
    second_target(site)
    for old in ("megistus", MONA):
        if old != into:
            site.rename(old, into)

    done = site.crawl(*MAIN)

    assert done.exit_code == 0, done.stderr
    ((name, tag),) = targets(site)
    gone = {"mona": "megistus", "megistus": "mona"}[name]
    assert tag == into and f"{gone} is part of {name} now" in done.stderr and "2 pictures" not in done.stderr
    assert "different labels for 1 picture" in done.stderr
    assert labels(site, name).keys() == {10, 20, 30, 120}
    assert labels(site, name)[20] == labels(site, name)[10] == "keep" and labels(site, name)[120] == "delete"
    assert labels(site, "mona")[30] == "delete" and labels(site, "megistus")[30] == "keep"
    again = site.crawl(*MAIN)
    assert again.exit_code == 0 and "part of" not in again.stderr
    assert site.crawl("relabel", "keep", "40", "--keep", gone).exit_code == 0
    assert labels(site, name)[40] == "keep"


def test_a_dry_run_says_what_became_one_and_changes_nothing(site: SmallSite) -> None:
    second_target(site)
    site.rename("megistus", MONA)
    before = [targets(site), labels(site), labels(site, "megistus")]

    done = site.crawl(*MAIN, "--dry-run")

    assert "1 label taken over" in done.stderr, done.stderr
    assert [targets(site), labels(site), labels(site, "megistus")] == before


def test_two_tags_that_were_one_for_a_while_are_two_targets_again(site: SmallSite) -> None:
    second_target(site)
    site.rename("megistus", MONA)
    assert site.crawl(*MAIN).exit_code == 0
    del site.gallery.aliases["megistus"]
    site.post(150, "megistus")

    done = site.crawl("--tag", SERIES, "--keep", "megistus")

    assert done.exit_code == 0, done.stderr
    assert sorted(targets(site)) == [("megistus", "megistus"), ("mona", MONA)]
    with site.reader() as reader:
        mona = next(target for target in reader.targets() if target.name == "mona")
    assert "megistus" not in mona.names


def test_tags_without_a_letter_that_a_folder_may_have_are_targets_of_their_own(site: SmallSite) -> None:
    for number, tag in enumerate((":)", ";)")):
        site.post(300 + number, tag)
        assert site.crawl("--tag", SERIES, "--keep", tag).exit_code == 0

    assert [tag for _name, tag in targets(site)].count(":)") == 1 and len(set(targets(site))) == 3


def test_a_rename_is_noticed_where_the_key_may_not_ask_for_aliases(site: SmallSite) -> None:
    renamed_once(site)
    refusal = {"success": False, "error": "User::PrivilegeError", "message": "Access denied"}
    site.server.misbehave(
        [{"name": "closed", "match": {"path": "/tag_aliases.json"}, "do": {"status": 403, "json": refusal}}]
    )

    done = site.crawl(*MAIN)

    assert done.exit_code == 0, done.stderr
    assert site.server.unfired() == [] and targets(site) == [("mona", NEW)] and labels(site) == LABELS


def test_a_crawl_decides_about_costumes_by_what_it_sees(site: SmallSite) -> None:
    costume = f"{MONA}_(cosplay)"
    site.gallery.add_tag(costume, "character")
    site.gallery.add_implication(costume, MONA)
    site.post(400, MONA, costume, bright=False)
    site.post(410, MONA, costume, bright=True)

    done = site.crawl(*MAIN)

    rows = {row[0]: row[1:] for row in site.rows("post_id, decision, decided_by")}
    assert done.exit_code == 0
    assert (rows[400], rows[410]) == (("delete", "score"), ("keep", "score"))
    assert costume not in done.stderr


@pytest.mark.parametrize("named", ["カ\u3099ンタ\u3099ム", "ｶﾞﾝﾀﾞﾑ", " Ｍona (Genshin Impact) "])
def test_a_name_is_composed_before_the_site_is_asked(site: SmallSite, named: str) -> None:
    site.gallery.add_wiki(MONA, "", ["ガンダム"])

    done = site.crawl("--tag", "Ｇenshin　impact", "--keep", named, "--limit", "1")

    assert done.exit_code == 0, done.stderr
    assert targets(site) == [("mona", MONA)]


@pytest.mark.parametrize("typed", ["monna", "nona"])
def test_a_mistyped_target_is_suggested_whether_the_site_or_the_gallery_is_asked(site: SmallSite, typed: str) -> None:
    site.gallery.add_tag("moon", "general")
    site.post(500, "moon")

    at_the_site = site.crawl("--tag", SERIES, "--keep", typed)
    offline = [
        site.crawl("relabel", "keep", "10", "--keep", typed),
        *(site.crawl(command, typed) for command in ("train", "rescore", "evaluate")),
    ]

    assert at_the_site.exit_code == 2 and "did you mean mona" in at_the_site.stderr and "moon" not in at_the_site.stderr
    for done in offline:
        assert done.exit_code == 2 and "did you mean 'mona'" in done.stderr, done.stderr


def test_a_target_that_goes_by_its_whole_tag_is_suggested_for_its_short_name(site: SmallSite) -> None:
    site.gallery.add_tag("keqing_(genshin_impact)", "character")
    site.post(510, "keqing_(genshin_impact)")
    assert site.crawl("--tag", SERIES, "--keep", "keqing_(genshin_impact)").exit_code == 0

    done = site.crawl("relabel", "keep", "10", "--keep", "kequing")

    assert done.exit_code == 2 and "did you mean 'keqing_(genshin_impact)'" in done.stderr


def test_search_terms_by_an_old_name_mean_the_renamed_tag_here_too(site: SmallSite) -> None:
    site.post(520, "hat", "umbrella", "1girl", bright=True)
    site.post(530, "1girl", bright=True)
    site.rename("umbrella", "parasol")
    site.post(5, "umbrella")  # not moved yet

    done = site.crawl(*MAIN, "--where", "1girl -umbrella gentags:>0")

    assert done.exit_code == 0 and "umbrella means parasol" in done.stderr
    assert {row[0] for row in site.rows("post_id") if row[0] >= 500} == {530}


def test_a_tag_with_a_blank_is_one_tag_and_two_tags_are_two(site: SmallSite) -> None:
    site.post(540, "hat")

    one = site.crawl("--tag", "genshin impact", "--keep", "mona", "--limit", "1")
    two = site.crawl("--tag", "genshin_impact hat", "--keep", "mona")

    assert (one.exit_code, two.exit_code) == (0, 0)
    assert "asking the site for: genshin_impact (" in one.stderr
    assert "asking the site for: genshin_impact hat (1 post)" in two.stderr


ODD = ["100%_orange_juice", ";)", ">:(", "^_^", "#unicus_(idolmaster)", "nier:automata"]


def test_every_tag_that_the_site_allows_can_be_crawled_and_kept(site: SmallSite) -> None:
    for number, tag in enumerate(ODD):
        site.post(600 + number, tag)

    for number, tag in enumerate(ODD):
        done = site.crawl("--tag", tag, "--keep", tag if number < 3 else "mona")
        assert done.exit_code == 0, done.stderr
        assert f"tag {tag}: 1 post (exact)" in done.stderr
        assert site.crawl("query", tag, "--format", "ids").stdout.split()[:1] == [str(600 + number)]


def test_a_targets_own_tag_can_be_walked_and_what_it_is_compared_with_is_printed(site: SmallSite) -> None:
    done = site.crawl("--tag", "mona", "--keep", "mona")

    assert done.exit_code == 0, done.stderr
    assert f"every post of this search is tagged {MONA}: what does not show it is learned from posts elsewhere" in (
        done.stderr
    )
    assert "error:tag-error" in done.stderr


def ids(site: SmallSite, *expression: str) -> list[int]:
    """The posts that a query lists."""
    done = site.crawl("query", *expression, "--format", "ids")
    assert done.exit_code == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


@pytest.mark.parametrize("name", [MONA, NEW])
def test_a_query_for_a_renamed_tag_finds_it_by_its_old_name_and_its_new_one(site: SmallSite, name: str) -> None:
    site.post(130, MONA)
    assert site.crawl(*MAIN).exit_code == 0
    renamed_once(site)
    site.post(140, NEW)
    assert site.crawl(*MAIN, "--new").exit_code == 0  # 40 to 130 are stored with the old name still

    assert ids(site, name) == [140, 130, 120, 80, 40]
    assert ids(site, f"-{name}") == [110, 100, 90, 70, 60, 50, 30, 20, 10]
    assert ids(site, f"({name} or rating:e) id:>100 -label:any") == [140, 130]
    nothing = site.crawl("query", f"{name} id:1 target:{name}")
    assert "no post here has a tag" not in nothing.stderr and "no picture was looked at" not in nothing.stderr


def test_a_name_here_goes_on_naming_its_target_when_another_gets_the_tag_that_it_had(site: SmallSite) -> None:
    lisa = "lisa_(genshin_impact)"
    both = (*MAIN, "--keep", lisa)
    site.gallery.add_tag(lisa, "character")
    site.post(150, lisa)
    assert site.crawl(*both).exit_code == 0
    renamed_once(site)
    assert site.crawl(*both).exit_code == 0
    for old in (MONA, "mona"):
        del site.gallery.aliases[old]
    site.rename(lisa, MONA)

    done = site.crawl(*both)

    assert done.exit_code == 0, done.stderr
    assert sorted(targets(site)) == [(lisa, MONA), ("mona", NEW)]
    assert labels(site) == LABELS and labels(site, lisa) == {}


def test_two_words_for_one_target_are_reported_as_one(site: SmallSite) -> None:
    done = site.crawl(*MAIN, "--keep", MONA)

    assert done.exit_code == 0 and f"keep mona and {MONA}: one target, {MONA}" in done.stderr


def test_a_tag_with_two_colons_is_shown_as_it_is(site: SmallSite) -> None:
    site.post(550, "a:b:c")

    done = site.crawl("--tag", "a:b:c", "--keep", "mona")
    shown = site.crawl("query", "a:b:c", "--columns", "post_id,tags_general")

    assert "tag a:b:c: 1 post (exact)" in done.stderr
    assert "a:b:c" in shown.stdout, shown.stdout


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("zzz*", "no tag matches 'zzz*'"),
        ("foo:*", "there is no metatag foo:"),
        ("-scroe:*", "there is no metatag scroe:"),
    ],
)
def test_a_pattern_that_no_tag_of_the_site_fits_is_refused(site: SmallSite, where: str, message: str) -> None:
    done = site.crawl(*MAIN, "--where", where, "--dry-run")

    assert done.exit_code == 2 and message in done.stderr, done.stderr


def test_a_pattern_that_changes_nothing_is_reported(site: SmallSite) -> None:
    done = site.crawl(*MAIN, "--where", "-zzz* mona*", "--dry-run")

    assert done.exit_code == 0 and "zzz* changes nothing" in done.stderr and "mona* changes" not in done.stderr


@pytest.mark.parametrize("tag", ["target:mona", "error:flesh", "round:1", "p:q"])
def test_a_tag_may_begin_with_a_word_that_only_this_program_knows(site: SmallSite, tag: str) -> None:
    refused = site.crawl("--tag", tag, "--keep", "mona")
    site.post(560, tag, bright=True)

    walked = site.crawl("--tag", tag, "--keep", "mona")
    kept = site.crawl("--tag", SERIES, "--keep", tag, "--dry-run")

    assert refused.exit_code == 2 and "is no tag of the site" in refused.stderr
    assert walked.exit_code == 0 and f"tag {tag}: 1 post (exact)" in walked.stderr
    assert kept.exit_code == 0 and f"{tag}, 1 post (exact)" in kept.stderr


async def register_a_model(site: SmallSite) -> None:
    async with Archive.open(site.root, ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.register_model(ModelCard("mona", 7, "7" * 64, "b" * 64, 0.5), {}, activate=True)


@pytest.mark.parametrize("name", [MONA, NEW])
def test_a_model_is_known_by_the_old_tag_of_its_target_and_by_the_new_one(site: SmallSite, name: str) -> None:
    renamed_once(site)
    assert site.crawl(*MAIN).exit_code == 0
    asyncio.run(register_a_model(site))

    for words in (f"{name}/7", name):
        for command in (("models", "show", words), ("models", "activate", words), ("evaluate", words)):
            done = site.crawl(*command)
            assert done.exit_code == 10 and "mona/7" in done.stderr, done.stderr  # its package is missing
    assert ids(site, f"model:{name}/1 id:<40") == ids(site, "model:mona/1 id:<40") == [30, 20, 10]
    assert ids(site, f"model:{name}/*") == ids(site, "model:mona/*")


def test_a_target_that_was_renamed_and_became_part_of_another_is_its_own_again_with_its_labels(site: SmallSite) -> None:
    second_target(site)
    both = (*MAIN, "--keep", "megistus")
    site.rename("megistus", "astrologist")
    assert site.crawl(*both).exit_code == 0
    site.rename("astrologist", MONA)
    assert site.crawl(*both).exit_code == 0
    for alias in ("megistus", "astrologist"):
        del site.gallery.aliases[alias]
    site.post(140, "megistus")

    done = site.crawl(*both)

    assert done.exit_code == 0, done.stderr
    assert sorted(targets(site)) == [("megistus", "megistus"), ("mona", MONA)]
    assert labels(site, "megistus") == {20: "keep", 30: "keep", 120: "delete"}
    assert {post: labels(site)[post] for post in LABELS} == LABELS


def test_somebody_who_gets_an_alias_of_a_target_that_is_no_more_is_somebody_new(site: SmallSite) -> None:
    site.gallery.add_tag("megistus", "character")
    site.gallery.add_alias("astrologist", "megistus")
    second_target(site)
    site.rename("megistus", MONA)
    assert site.crawl(*MAIN).exit_code == 0
    del site.gallery.aliases["astrologist"]
    site.post(150, "astrologist")

    done = site.crawl("--tag", SERIES, "--keep", "astrologist")

    assert done.exit_code == 0, done.stderr
    assert sorted(targets(site)) == [("astrologist", "astrologist"), ("mona", MONA)]
    assert labels(site, "astrologist") == {}
