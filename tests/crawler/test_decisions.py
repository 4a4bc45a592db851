import math
from dataclasses import replace

import pytest

from crawler.decisions import DEAD_BAND, DOUBTED_TAG, Policy, Ruling, doubt, effective, moved
from storage.records import (
    SITE_TAGGER,
    AiTag,
    AiTagWeight,
    DecidedBy,
    DecisionValue,
    LabelValue,
    Look,
    ModelCard,
    Post,
    PostTags,
    TaggerTags,
    Target,
)
from tests.crawler.crew_fakes import post

MONA = Target("mona", "mona_(genshin_impact)", ("mona_(pact_of_stars_and_moon)_(genshin_impact)",))
CARD = ModelCard("mona", 1, "aa", "bb", 0.7)
WEIGHING = replace(CARD, ai_weights=(AiTagWeight(SITE_TAGGER, MONA.tag, 0.5, 0.25),))
SHIFTED = replace(CARD, shifts=(0.0, -3.0, 0.5, -2.0))
REFUSING = replace(CARD, refusal="only 9 pictures show it; give it more with --references")
UNTAGGED = PostTags(general=("1girl",))
OTHERS = PostTags(general=("1girl",), character=("fischl_(genshin_impact)",))
TAGGED = PostTags(general=("1girl",), character=(MONA.tag,))


def of(tags: PostTags, percent: int | None = None) -> Post:
    """A post with these tags; the site's tagger gives the target so many percent, or says nothing."""
    ai_tags = None if percent is None else (AiTag("1girl", 99), AiTag(MONA.tag, percent))
    return replace(post(1), tags=tags, ai_tags=ai_tags)


def ruling(card: ModelCard = CARD, *, trust_tags: bool = True) -> Ruling:
    return Ruling(Policy(trust_tags=trust_tags), {"mona": card})


def scored(score: float) -> Look:
    return Look(scores={"mona": score})


@pytest.mark.parametrize(
    ("score", "value"),
    [
        (0.7, DecisionValue.KEEP),
        (1.0, DecisionValue.KEEP),
        (0.7 - DEAD_BAND / 2, DecisionValue.UNDECIDED),
        (0.69, DecisionValue.DELETE),
        (0.0, DecisionValue.DELETE),
    ],
)
def test_a_score_keeps_from_the_threshold_up(score: float, value: DecisionValue) -> None:
    decision = ruling().decide(MONA, UNTAGGED, scored(score))

    assert (decision.value, decision.decided_by, decision.score) == (value, DecidedBy.SCORE, score)
    assert (decision.model, decision.threshold) == ("mona/1", 0.7)


@pytest.mark.fault("M04")
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -0.1, 1.1])
def test_a_score_that_is_no_probability_never_deletes(bad: float) -> None:
    decision = ruling().decide(MONA, UNTAGGED, scored(bad))

    assert (decision.value, decision.reason, decision.score) == (DecisionValue.UNDECIDED, "bad score", None)


def test_a_good_score_after_a_bad_one_is_another_decision() -> None:
    bad = ruling().decide(MONA, UNTAGGED, scored(math.nan))
    good = ruling().decide(MONA, UNTAGGED, scored(0.9))

    assert bad.policy != good.policy


@pytest.mark.parametrize("fault", ["undecodable", "too large", "decoder crashed", "unsupported"])
def test_a_fault_never_deletes(fault: str) -> None:
    decision = ruling().decide(MONA, UNTAGGED, Look(fault=fault))

    assert (decision.value, decision.decided_by, decision.reason) == (
        DecisionValue.UNDECIDED,
        DecidedBy.FAULT,
        fault,
    )


def test_a_missing_score_never_deletes() -> None:
    assert ruling().decide(MONA, UNTAGGED, Look()).value is DecisionValue.UNDECIDED


@pytest.mark.parametrize("tag", [MONA.tag, *MONA.variants])
def test_a_tag_that_names_the_target_keeps_and_the_score_is_still_recorded(tag: str) -> None:
    decision = ruling().decide(MONA, PostTags(character=(tag,)), scored(0.01))

    assert (decision.value, decision.decided_by, decision.score) == (DecisionValue.KEEP, DecidedBy.TAG, 0.01)


def test_tags_can_be_distrusted() -> None:
    decision = ruling(trust_tags=False).decide(MONA, PostTags(character=(MONA.tag,)), scored(0.01))

    assert decision.value is DecisionValue.DELETE


def test_what_a_decision_rests_on_is_part_of_its_identity() -> None:
    policy = Policy()
    other = ModelCard("mona", 1, "aa", "bb", 0.8)

    identities = {
        policy.identity(CARD, tagged=False),
        policy.identity(CARD, tagged=True),
        policy.identity(other, tagged=False),
        policy.identity(CARD, tagged=False, fault="undecodable"),
        Policy(trust_tags=False).identity(CARD, tagged=False),
    }

    assert len(identities) == 5


@pytest.mark.fault("M20")
def test_the_newest_label_beats_every_decision() -> None:
    assert effective(DecisionValue.DELETE, LabelValue.KEEP) is DecisionValue.KEEP
    assert effective(DecisionValue.KEEP, LabelValue.DELETE) is DecisionValue.DELETE
    assert effective(DecisionValue.DELETE, LabelValue.UNSURE) is DecisionValue.UNDECIDED
    assert effective(DecisionValue.DELETE, None) is DecisionValue.DELETE


@pytest.mark.parametrize("costume", [f"{name}_(cosplay)" for name in (MONA.tag, *MONA.variants)])
@pytest.mark.parametrize(("score", "value"), [(0.1, DecisionValue.DELETE), (0.9, DecisionValue.KEEP)])
def test_somebody_who_is_dressed_as_the_target_is_decided_by_score(
    costume: str, score: float, value: DecisionValue
) -> None:
    tags = PostTags(general=(costume, "cosplay"), character=(MONA.tag, *MONA.variants))

    decision = ruling().decide(MONA, tags, scored(score))

    assert (decision.value, decision.decided_by) == (value, DecidedBy.SCORE)


def test_a_post_that_names_somebody_else_is_decided_by_the_moved_score() -> None:
    nobody, others = (ruling(SHIFTED).decide(MONA, tags, scored(0.9)) for tags in (UNTAGGED, OTHERS))

    assert (nobody.value, nobody.score) == (DecisionValue.KEEP, 0.9)
    assert others.score == pytest.approx(1 / (1 + math.exp(-(math.log(9) - 3))))
    assert (others.value, others.reason) == (DecisionValue.DELETE, "0.309 < 0.700")


def test_the_scores_to_store_are_the_moved_ones() -> None:
    fischl = Target("fischl", "fischl_(genshin_impact)")
    rules = Ruling(Policy(), {"mona": SHIFTED, "fischl": replace(SHIFTED, target="fischl")})
    seen = Look(scores={"mona": 0.9, "fischl": 0.9}, embeddings={"bb": b"12"})

    look, decisions = rules.judge((MONA, fischl), of(OTHERS), seen)

    assert look.scores == {one.target: one.score for one in decisions}
    assert look.scores["mona"] < 0.4 and look.scores["fischl"] == 0.9  # who is named is not somebody else
    assert look.embeddings == seen.embeddings


def test_a_score_that_is_no_probability_stays_what_it_is() -> None:
    look, decisions = ruling(SHIFTED).judge((MONA,), of(OTHERS), scored(math.nan))

    assert math.isnan(look.scores["mona"]) and decisions[0].reason == "bad score"


def test_what_was_decided_before_holds_until_the_tags_change() -> None:
    rules = ruling(SHIFTED)
    before = rules.decide(MONA, OTHERS, scored(0.9))

    assert rules.still_holds(before, MONA, of(OTHERS))
    assert not rules.still_holds(before, MONA, of(UNTAGGED))
    assert not rules.still_holds(before, MONA, of(TAGGED))
    assert not ruling(replace(SHIFTED, threshold=0.8)).still_holds(before, MONA, of(OTHERS))


def test_decisions_of_models_without_strata_keep_their_identity() -> None:
    policy = Policy()

    assert policy.identity(CARD, tagged=False) == "8384ec57f65d6d06"
    assert ruling().still_holds(ruling().decide(MONA, OTHERS, scored(0.9)), MONA, of(UNTAGGED))


@pytest.mark.parametrize(("percent", "odds"), [(90, (90.5 / 10.5) ** 0.5), (50, 1.0), (0, (0.5 / 100.5) ** 0.5)])
def test_the_sites_ai_tag_moves_the_score_as_far_as_the_model_weighs_it(percent: int, odds: float) -> None:
    look, (decision,) = ruling(WEIGHING).judge((MONA,), of(UNTAGGED, percent), scored(0.5))

    odds *= math.exp(0.25)
    assert decision.score == look.scores["mona"] == pytest.approx(odds / (1 + odds))


def test_without_ai_tags_or_weights_a_decision_is_what_it_was() -> None:
    plain = ruling().judge((MONA,), of(UNTAGGED), scored(0.9))

    assert ruling().judge((MONA,), of(UNTAGGED, 3), scored(0.9)) == plain
    assert ruling(WEIGHING).judge((MONA,), of(UNTAGGED), scored(0.9)) == plain


def test_ai_tags_that_come_later_make_another_decision_and_the_same_ones_do_not() -> None:
    rules = ruling(WEIGHING)
    _, (early,) = rules.judge((MONA,), of(UNTAGGED), scored(0.6))
    _, (later,) = rules.judge((MONA,), of(UNTAGGED, 2), scored(0.6))

    assert rules.still_holds(early, MONA, of(UNTAGGED)) and not rules.still_holds(early, MONA, of(UNTAGGED, 2))
    assert rules.still_holds(later, MONA, of(UNTAGGED, 2)) and not rules.still_holds(later, MONA, of(UNTAGGED, 97))
    assert ruling().still_holds(ruling().decide(MONA, UNTAGGED, scored(0.6)), MONA, of(UNTAGGED, 2))


@pytest.mark.parametrize(("probability", "percent"), [(0.903, 90), (0.1, 10), (0.099, 0), (0.0, 0), (1.0, 100)])
def test_the_users_own_tagger_counts_from_what_is_recorded_up(probability: float, percent: int) -> None:
    tags = TaggerTags("c" * 64, "wd-vit", {MONA.tag: probability, "hat": 0.99})

    assert MONA.ai_percents((), tags) == {SITE_TAGGER: 0, "c" * 64: percent}
    assert MONA.ai_percents(None, None) == {}


def test_stored_tags_of_the_users_tagger_count_until_it_looks_again() -> None:
    card = replace(CARD, ai_weights=(AiTagWeight("c" * 64, MONA.tag, 0.5, 0.25),))
    before, now = (TaggerTags("c" * 64, "wd-vit", {MONA.tag: value}) for value in (0.9, 0.2))
    other = replace(before, tagger="d" * 64)
    rules, seen = ruling(card), scored(0.5)

    (alone,), (early,), (late,), (foreign,) = (
        rules.judge((MONA,), of(UNTAGGED), replace(seen, tagger_tags=looked), known)[1]
        for looked, known in ((None, None), (None, before), (now, before), (None, other))
    )

    assert alone.score == foreign.score == 0.5 and alone == foreign
    assert early.score == pytest.approx(1 / (1 + (90.5 / 10.5) ** -0.5 * math.exp(-0.25)))
    assert late.score is not None and late.score < 0.5
    assert rules.still_holds(early, MONA, of(UNTAGGED), before) and not rules.still_holds(early, MONA, of(UNTAGGED))
    assert not rules.still_holds(early, MONA, of(UNTAGGED), now)


def test_a_tagger_that_names_others_only_gives_the_target_nothing_and_its_old_name_counts() -> None:
    renamed = replace(MONA, aliases=("mona_megistus",))

    assert [renamed.ai_percent(tags) for tags in (None, (), (AiTag("fischl", 98),), (AiTag("mona_megistus", 71),))] == [
        None,
        0,
        0,
        71,
    ]


@pytest.mark.parametrize(("score", "shift"), [(0.0, -9.0), (1.0, 9.0), (1e-300, 40.0), (1 - 1e-16, 50.0), (0.5, -50.0)])
def test_a_moved_score_is_a_probability(score: float, shift: float) -> None:
    found = moved(score, shift)

    assert found is not None and 0.0 <= found <= 1.0
    assert moved(score, 0.0) == score and moved(None, shift) is None


def test_a_model_that_may_not_decide_keeps_what_tags_say_and_leaves_the_rest_open() -> None:
    rules = ruling(REFUSING)

    kept, high, low = (
        rules.decide(MONA, tags, scored(score)) for tags, score in ((TAGGED, 0.0), (UNTAGGED, 0.99), (UNTAGGED, 0.01))
    )

    assert (kept.value, kept.decided_by) == (DecisionValue.KEEP, DecidedBy.TAG)
    assert {high.value, low.value} == {DecisionValue.UNDECIDED}
    assert (high.score, low.score) == (0.99, 0.01)  # recorded all the same
    assert high.reason == low.reason == doubt(high) == "model refused: only 9 pictures show it"


def test_the_same_model_without_its_refusal_decides_anew() -> None:
    undecided = ruling(REFUSING).decide(MONA, UNTAGGED, scored(0.99))

    assert not ruling().still_holds(undecided, MONA, of(UNTAGGED))


def test_a_tag_that_the_model_contradicts_beyond_doubt_is_for_a_person_to_decide() -> None:
    doubted = ruling().decide(MONA, TAGGED, scored(DOUBTED_TAG / 2))
    believed = ruling().decide(MONA, TAGGED, scored(DOUBTED_TAG * 2))

    assert (doubted.value, doubted.decided_by, doubt(doubted)) == (
        DecisionValue.UNDECIDED,
        DecidedBy.TAG,
        "tag doubted",
    )
    assert believed.value is DecisionValue.KEEP
    assert doubted.policy != believed.policy  # so an older decision to keep does not stand in its place
    assert effective(doubted.value, LabelValue.KEEP) is DecisionValue.KEEP


def test_a_tag_is_not_doubted_where_tags_decide_nothing() -> None:
    decision = ruling(trust_tags=False).decide(MONA, TAGGED, scored(0.0))

    assert (decision.value, decision.decided_by) == (DecisionValue.DELETE, DecidedBy.SCORE)


def test_who_wears_a_costume_of_somebody_else_is_still_tagged() -> None:
    tags = PostTags(general=("fischl_(genshin_impact)_(cosplay)",), character=(MONA.tag, "fischl_(genshin_impact)"))

    assert ruling(SHIFTED).decide(MONA, tags, scored(0.5)).decided_by is DecidedBy.TAG


def test_somebody_with_a_name_of_her_own_in_the_targets_costume_is_decided_by_score() -> None:
    tags = PostTags(general=(f"{MONA.tag}_(cosplay)",), character=(MONA.tag, "fischl_(genshin_impact)"))

    decision = ruling().decide(MONA, tags, scored(0.0))

    assert (decision.value, decision.decided_by) == (DecisionValue.DELETE, DecidedBy.SCORE)


@pytest.mark.parametrize("score", [0.0, 0.3, 0.69])
def test_a_picture_that_is_too_small_to_see_is_never_deleted(score: float) -> None:
    decision = ruling().decide(MONA, UNTAGGED, Look(scores={"mona": score}, too_small=True))

    assert (decision.value, decision.decided_by, decision.reason, decision.score) == (
        DecisionValue.UNDECIDED,
        DecidedBy.FAULT,
        "too small to see",
        score,
    )
    assert decision == ruling().decide_score(MONA, tagged=False, score=score, too_small=True)
    assert decision.policy != ruling().decide(MONA, UNTAGGED, scored(score)).policy  # a closer look may say otherwise


def test_a_picture_that_is_too_small_to_see_is_kept_where_the_whole_is_seen_to_show_the_target() -> None:
    decision = ruling().decide(MONA, UNTAGGED, Look(scores={"mona": 0.9}, too_small=True))

    assert decision == ruling().decide(MONA, UNTAGGED, scored(0.9))


def test_a_tag_is_not_doubted_where_the_picture_was_too_small_to_see() -> None:
    decision = ruling().decide(MONA, TAGGED, Look(scores={"mona": 0.0}, too_small=True))

    assert (decision.value, decision.decided_by) == (DecisionValue.KEEP, DecidedBy.TAG)
