"""One function says whether a post's own tags name a target, and the database says the same."""

import ast
import itertools
from pathlib import Path

from storage.archive import Archive, open_reader
from storage.records import PostTags, Target
from tests.storage.samples import CARD, decide, list_posts, make_post, sight

REPOSITORY = Path(__file__).parents[3]
ROOMS = ("commands", "crawler", "classifier", "storage", "rounds", "review")
MONA = Target("mona", "mona_(genshin)", ("mona_(summer)",), ("mona_megistus",))
NAMES = ("mona_(genshin)", "mona_(summer)", "mona_megistus")
OTHERS = ("keqing", "keqing_(cosplay)", *(f"{name}_(cosplay)" for name in NAMES))
CARRIED = [tags for size in range(4) for tags in itertools.combinations((*NAMES, *OTHERS), size)]


def tags_of(carried: tuple[str, ...], costumes_are_characters: bool) -> PostTags:
    costumes = tuple(tag for tag in carried if tag.endswith("_(cosplay)"))
    others = tuple(tag for tag in carried if tag not in costumes)
    if costumes_are_characters:
        return PostTags(character=(*others, *costumes))
    return PostTags(character=others, general=costumes)


def test_a_target_is_named_by_any_of_its_names_unless_somebody_is_only_dressed_as_it() -> None:
    for carried, anywhere in itertools.product(CARRIED, (False, True)):
        dressed = any(f"{name}_(cosplay)" in carried for name in NAMES)

        assert MONA.named_by(tags_of(carried, anywhere)) == (not dressed and not set(NAMES).isdisjoint(carried))


def test_who_is_in_the_picture_leaves_out_costumes_and_what_the_site_adds_for_them() -> None:
    dressed_up = PostTags(character=("keqing", "mona", "mona_(cosplay)"), general=("hat",))

    assert dressed_up.shown() == ("keqing",)
    assert PostTags(character=("mona",), general=("mona_(cosplay)",)).shown() == ()
    assert PostTags(character=("mona", "keqing"), general=("hat_(cosplay)",)).shown() == ("mona", "keqing")


async def test_the_database_says_of_every_post_what_the_record_says(archive: Archive) -> None:
    posts = [make_post(number, tags=tags_of(one, number % 2 == 0)) for number, one in enumerate(CARRIED, start=1)]
    await archive.register_model(CARD, {}, activate=True)
    await list_posts(archive, posts)
    for post in posts:
        await archive.file_look(sight(post, decide(score=0.25), models={"mona": CARD}))

    with open_reader(archive.root) as reader:
        evidence = reader.evidence(MONA, CARD.backbone_hash)
        judged = {one.post_id: one.tagged for one in reader.judged("demo", MONA)}

    named = {post.id: MONA.named_by(post.tags) for post in posts}
    assert dict(zip(evidence.post_ids.tolist(), evidence.tagged.tolist(), strict=True)) == named == judged
    dressed = {post.id for post in posts if not MONA.cosplays.isdisjoint(post.tags.all())}
    shown = {post.id: 0 if post.id in dressed else len(post.tags.shown()) for post in posts}
    assert dict(zip(evidence.post_ids.tolist(), evidence.character_counts.tolist(), strict=True)) == shown
    assert evidence.named.tolist() == (evidence.character_counts > 0).tolist()


WHO_MAY_NAME_VARIANTS = {
    "storage/records.py",  # the one place that decides
    "storage/rows/targets.py",  # remembers them
    "commands/context/target_identity.py",  # learns them from the site
    "commands/crawling/plan.py",  # shows them
    "commands/evaluate.py",  # which class folders mean the target
    "commands/training/from_folder.py",
    "rounds/round_zero.py",  # hands them to the learning process
    "rounds/network_round.py",
    "rounds/folder_round.py",
    "classifier/training/examples.py",
}


def test_nobody_else_compares_tags_with_a_targets_tag_and_variants() -> None:
    found = {
        path.relative_to(REPOSITORY).as_posix()
        for room in ROOMS
        for path in (REPOSITORY / room).rglob("*.py")
        if "variants" in (source := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr == "variants"
    }

    assert found <= WHO_MAY_NAME_VARIANTS
