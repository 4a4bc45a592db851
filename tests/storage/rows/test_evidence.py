"""What a round learns from: one row a picture, with everything that is known of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from storage.archive import Archive, open_reader
from storage.archive_records import Label
from storage.evidence import NO_SPLIT, SplitAssignments
from storage.records import (
    SITE_TAGGER,
    AiTag,
    LabelValue,
    PostTags,
    Stratum,
    TaggerTags,
    TaggerVector,
    Target,
    stratum_of,
)
from storage.rows.named_posts import sole_characters
from tests.storage.samples import CARD, decide, list_posts, make_post, relabel, sight

MONA = Target("mona", "mona_(genshin_impact)", ("mona_(summer)",))


async def test_evidence_has_tags_artists_scores_and_the_words_that_hold(archive: Archive) -> None:
    variant = PostTags(character=("mona_(summer)",), artist=("bo", "anna"))
    posts = [
        make_post(1, ai_tags=(AiTag(MONA.tag, 77),)),
        make_post(2, tags=variant, parent_id=1, ai_tags=()),
        make_post(3, tags=PostTags(general=("hat",))),
    ]
    await archive.register_model(CARD, {}, activate=True)
    await list_posts(archive, posts)
    for post in posts:
        await archive.file_look(sight(post, decide(score=0.25), models={} if post.id == 3 else {"mona": CARD}))
    words = [(1, "delete"), (2, "keep"), (2, "clear")]
    await relabel(archive, [Label(n, "demo", "mona", LabelValue(v), "me", f"{n}{v}") for n, v in words])

    with open_reader(archive.root) as reader:
        evidence = reader.evidence(MONA, CARD.backbone_hash)
        other = reader.evidence(MONA, "another backbone")

    assert evidence.post_ids.tolist() == [1, 2, 3]
    assert evidence.tagged.tolist() == [True, True, False]
    assert evidence.named.tolist() == [True, True, False]
    assert list(evidence.artists) == ["", "anna bo", ""]
    assert list(evidence.labels) == ["delete", "", ""]
    assert evidence.ai_scores.tolist() == [77, 0, -1]
    assert evidence.parent_ids.tolist() == [0, 1, 0]
    assert evidence.scores.tolist()[:2] == [0.25, 0.25]
    assert math.isnan(evidence.scores[2])
    assert evidence.vectors.shape == (3, 8)
    assert len(other) == 0


async def test_what_taggers_say_of_the_target_is_evidence_and_known_of_the_post(archive: Archive) -> None:
    posts = [make_post(number, ai_tags=(AiTag(MONA.tag, 7),) if number == 1 else None) for number in (1, 2, 3, 4)]
    tagger_tags = {
        1: TaggerTags("c" * 64, "wd-vit", {MONA.tag: 0.834, "hat": 0.5}),
        2: TaggerTags("c" * 64, "wd-vit", {MONA.tag: 0.04}),  # below the floor: only a target's is recorded
        3: TaggerTags("d" * 64, "pixai", {}),
    }
    await archive.register_model(CARD, {}, activate=True)
    await list_posts(archive, posts)
    for post in posts:
        look = replace(sight(post).look, tagger_tags=tagger_tags.get(post.id))
        await archive.file_look(sight(post, decide(score=0.25), look=look, models={"mona": CARD}))

    with open_reader(archive.root) as reader:
        evidence = reader.evidence(MONA, CARD.backbone_hash)
    known = await archive.known(posts, ["mona"])

    assert {source: percents.tolist() for source, percents in evidence.ai_percents.items()} == {
        SITE_TAGGER: [7, -1, -1, -1],
        "c" * 64: [83, 0, -1, -1],
        "d" * 64: [-1, -1, 0, -1],
    }
    assert evidence.rows(np.array([1, 0])).ai_percents["c" * 64].tolist() == [0, 83]
    assert {number: one.tagger_tags for number, one in known.items()} == {**tagger_tags, 4: None}
    for row, post in enumerate(posts):
        heard = {source: int(of[row]) for source, of in evidence.ai_percents.items() if of[row] >= 0}
        assert heard == MONA.ai_percents(post.ai_tags, tagger_tags.get(post.id))


async def test_the_penultimate_layer_of_a_tagger_is_stored_by_picture_and_never_mixed_with_anothers(
    archive: Archive,
) -> None:
    posts = [make_post(number) for number in (1, 2, 3)]
    network, other = "c" * 64 + "." + "1" * 16, "d" * 64 + "." + "2" * 16
    vectors = {1: TaggerVector(network, np.array([1, 2], "<f2").tobytes()), 3: TaggerVector(other, b"\0\x3c")}
    await archive.register_model(CARD, {}, activate=True)
    await list_posts(archive, posts)
    for post in posts:
        vector = vectors.get(post.id)
        tags = None if vector is None else TaggerTags(vector.network[:64], "mine", {}, vector)
        look = replace(sight(post).look, tagger_tags=tags)
        await archive.file_look(sight(post, decide(score=0.25), look=look, models={"mona": CARD}))

    with open_reader(archive.root) as reader:
        evidence = reader.evidence(MONA, CARD.backbone_hash)
        as_model = reader.evidence(MONA, network)
    known = await archive.known(posts, ["mona"])

    assert evidence.vectors.shape == (3, 8) and len(as_model) == 1
    assert list(evidence.tagger_vectors) == [network, other]
    assert evidence.tagger_vectors[network][0].tolist() == [1.0, 2.0]
    assert np.isnan(evidence.tagger_vectors[network][1:]).all()
    assert evidence.rows(np.array([2, 0])).tagger_vectors[other][0].tolist() == [1.0]
    assert known[1].embeddings[network] == vectors[1].values and network not in known[2].embeddings


SAMPLES = {
    (): (),
    ("1girl", "solo"): (),
    ("1girl", "1boy"): ("keqing_(genshin_impact)",),
    ("2girls",): ("keqing_(genshin_impact)", MONA.tag),
    ("multiple_girls", "hat"): (),
    ("1girl",): ("keqing_(genshin_impact)", "keqing_(genshin_impact)_(cosplay)"),
    ("6+others",): ("keqing_(genshin_impact)",),
    ("1boy", "brother"): ("keqing_(genshin_impact)", MONA.tag, f"{MONA.tag}_(cosplay)"),
}


async def test_the_database_finds_the_strata_that_the_tags_of_each_post_say(archive: Archive) -> None:
    tags = [PostTags(general=general, character=characters) for general, characters in SAMPLES.items()]
    posts = [make_post(number, tags=one) for number, one in enumerate(tags, start=1)]
    await archive.register_model(CARD, {}, activate=True)
    await list_posts(archive, posts)
    for post in posts:
        await archive.file_look(sight(post, decide(score=0.25)))

    with open_reader(archive.root) as reader:
        evidence = reader.evidence(MONA, CARD.backbone_hash)

    expected = [Stratum(value) for value in (0, 0, 3, 2, 2, 0, 3, 0)]
    assert [stratum_of(one, MONA) for one in tags] == expected
    assert evidence.strata.tolist() == expected


def test_a_name_is_somebody_elses_unless_it_is_the_targets() -> None:
    tags = PostTags(character=(MONA.tag,))

    assert stratum_of(tags, MONA) is Stratum.NOBODY
    assert stratum_of(tags, Target("keqing", "keqing_(genshin_impact)")) is stratum_of(tags, None) is Stratum.OTHERS


async def test_the_whole_gallery_is_evidence_for_a_target_that_it_was_never_looked_at_for(archive: Archive) -> None:
    keqing = Target("keqing", "keqing_(genshin_impact)")
    posts = [make_post(1, tags=PostTags(character=(keqing.tag,))), make_post(2), make_post(3)]
    await archive.register_model(CARD, {}, activate=True)
    await list_posts(archive, posts)
    for post in posts:
        await archive.file_look(sight(post, decide(score=0.25), models={"mona": CARD}))
    await relabel(archive, [Label(2, "demo", "keqing", LabelValue.KEEP, "me", "2")])

    with open_reader(archive.root) as reader:
        own = reader.evidence(keqing, CARD.backbone_hash)
        whole = reader.evidence(keqing, CARD.backbone_hash, whole_gallery=True)

    assert own.post_ids.tolist() == [2]
    assert whole.post_ids.tolist() == [1, 2, 3]
    assert whole.tagged.tolist() == [True, False, False]
    assert list(whole.labels) == ["", "keep", ""]
    assert np.isnan(whole.scores).all()


async def test_whether_there_is_evidence_can_be_asked_without_gathering_it(archive: Archive) -> None:
    (post,) = posts = [make_post(1)]
    await list_posts(archive, posts)
    await archive.file_look(sight(post, decide(score=0.25), models={"mona": CARD}))

    with open_reader(archive.root) as reader:
        requests = [(MONA, CARD.backbone_hash), (MONA, "another"), (Target("keqing", "keqing"), CARD.backbone_hash)]
        answers = [reader.has_evidence(*one) for one in requests]

        assert answers == [True, False, False] == [len(reader.evidence(*one)) > 0 for one in requests]


async def test_what_is_held_out_is_read_without_the_rest(archive: Archive) -> None:
    posts = [make_post(number) for number in range(1, 6)]
    await list_posts(archive, posts)
    for post in posts:
        await archive.file_look(sight(post, decide(score=0.25), models={"mona": CARD}))
    parts = np.array([0, 2, 1, NO_SPLIT, 2], dtype=np.int8)

    with open_reader(archive.root) as reader:
        everything = reader.evidence(MONA, CARD.backbone_hash)
        assigned = parts != NO_SPLIT
        await archive.file_assignments(SplitAssignments("mona", everything.version_ids[assigned], parts[assigned]))
        held_out = reader.held_out_evidence(MONA, CARD.backbone_hash, {everything.md5s[3], "of no picture"})
        tested = reader.held_out_evidence(MONA, CARD.backbone_hash, ())
        of_another = reader.held_out_evidence(Target("keqing", "keqing"), CARD.backbone_hash, ())

    assert held_out.post_ids.tolist() == [2, 4, 5]
    assert held_out.frozen_split.tolist() == [2, NO_SPLIT, 2]
    assert held_out.vectors.tolist() == everything.vectors[[1, 3, 4]].tolist()
    assert tested.post_ids.tolist() == [2, 5]
    assert len(of_another) == 0


async def test_the_windows_of_a_picture_come_back_with_it(archive: Archive) -> None:
    posts = [make_post(1), make_post(2), make_post(3)]
    await list_posts(archive, posts)
    ordinary, page, tiny = (sight(post) for post in posts)
    backbone = CARD.backbone_hash
    await archive.file_look(ordinary)
    await archive.file_look(replace(page, look=replace(page.look, windows={backbone: b"\x00\x40" * 24})))
    await archive.file_look(replace(tiny, look=replace(tiny.look, too_small=True)))

    with open_reader(archive.root) as reader:
        evidence = reader.evidence(MONA, backbone)
    known = await archive.known(posts, ["mona"])

    second, third = evidence.version_ids.tolist()[1:]
    assert {version: parts.tolist() for version, parts in evidence.windows.items()} == {second: [[2.0] * 8] * 3}
    assert evidence.too_small == {third}
    assert [known[number].windows for number in (1, 2, 3)] == [{}, {backbone: b"\x00\x40" * 24}, {}]
    assert [known[number].too_small for number in (1, 2, 3)] == [False, False, True]
    picked = evidence.rows(np.array([2, 1]))
    assert (picked.version_ids.tolist(), picked.windows, picked.too_small) == (
        [third, second],
        evidence.windows,
        evidence.too_small,
    )


async def test_a_closer_look_takes_the_place_of_one_that_saw_too_little(archive: Archive) -> None:
    await list_posts(archive, [make_post(1)])
    seen = sight(make_post(1))
    await archive.file_look(replace(seen, look=replace(seen.look, too_small=True)))

    await archive.file_look(replace(seen, look=replace(seen.look, windows={CARD.backbone_hash: b"\x00\x40" * 8})))

    known = (await archive.known([make_post(1)], ["mona"]))[1]
    assert (known.too_small, len(known.windows[CARD.backbone_hash])) == (False, 16)


async def test_posts_whose_tags_name_one_character_say_which(archive: Archive) -> None:
    names = [("keqing",), ("keqing", "fischl"), (), ("fischl",)]
    posts = [make_post(number, tags=PostTags(character=one)) for number, one in enumerate(names, start=1)]
    await archive.register_model(CARD, {}, activate=True)
    await list_posts(archive, posts)
    for post in posts:
        await archive.file_look(sight(post, decide(score=0.5), models={"mona": CARD}))

    with open_reader(archive.root) as reader:
        names, evidence = reader.ask(sole_characters), reader.evidence(MONA, CARD.backbone_hash)

    assert [names.get(version, "") for version in evidence.version_ids.tolist()] == ["keqing", "", "", "fischl"]
