import math

import pytest

from crawler.deciding import DEAD_BAND, Policy, Ruling, effective
from storage.records import DecidedBy, DecisionValue, LabelValue, Look, ModelCard, PostTags, Target

MONA = Target("mona", "mona_(genshin_impact)", ("mona_(pact_of_stars_and_moon)_(genshin_impact)",))
CARD = ModelCard("mona", 1, "aa", "bb", 0.7)
UNTAGGED = PostTags(general=("1girl",))


def ruling(*, trust_tags: bool = True) -> Ruling:
    return Ruling(Policy(trust_tags=trust_tags), {"mona": CARD})


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
