from dataclasses import replace

import pytest

from crawler.sources.renditions import fits, likeness, rendition_to_score, renditions_to_score
from storage.records import Look, Post, Rendition
from tests.crawler.crew_fakes import post


def serving(*names: str, ext: str = "jpg") -> Post:
    return replace(
        post(1), renditions=tuple(Rendition(name, f"https://cdn.example/{name}", 1, 1, ext) for name in names)
    )


@pytest.mark.parametrize(
    ("served", "wanted", "chosen"),
    [
        (("180x180", "360x360", "720x720", "original"), "720x720", "720x720"),
        (("180x180", "360x360", "original"), "720x720", "original"),
        (("180x180", "360x360"), "720x720", "360x360"),
        (("360x360", "720x720", "original"), "sample", "original"),
        (("360x360", "720x720"), "180x180", "360x360"),
    ],
)
def test_the_nearest_rendition_is_scored_where_the_wanted_one_is_missing(
    served: tuple[str, ...], wanted: str, chosen: str
) -> None:
    found = rendition_to_score(serving(*served), wanted)

    assert found is not None
    assert found.name == chosen


@pytest.mark.parametrize(
    ("served", "wanted", "order"),
    [
        (("180x180", "360x360", "720x720", "sample", "original"), "720x720", "720x720 sample 360x360 180x180"),
        (("180x180", "360x360", "original"), "720x720", "original 360x360 180x180"),
        (("180x180", "360x360", "original"), "original", "original"),
        ((), "720x720", ""),
    ],
)
def test_other_renditions_stand_in_and_originals_never_do(served: tuple[str, ...], wanted: str, order: str) -> None:
    assert [one.name for one in renditions_to_score(serving(*served), wanted)] == order.split()


def test_a_video_is_scored_on_its_preview_and_never_on_itself() -> None:
    video = serving("original", ext="mp4")
    with_preview = replace(video, renditions=(*serving("360x360").renditions, *video.renditions))

    assert rendition_to_score(video, "720x720") is None
    found = rendition_to_score(with_preview, "720x720")
    assert found is not None
    assert found.name == "360x360"


@pytest.mark.parametrize(
    ("width", "height", "expected"), [(100, 80, True), (99, 81, True), (80, 100, True), (100, 60, False)]
)
def test_a_picture_fits_within_a_pixel_either_way_round(width: int, height: int, expected: bool) -> None:
    announced = Rendition("360x360", "https://cdn.example/x", 100, 80, "jpg")

    assert fits(Look(width=width, height=height), announced) is expected


def test_reposts_may_share_a_rendition_and_clips_of_one_file_too() -> None:
    picture = replace(post(1), pixel_hash="same")
    clip = replace(post(1), pixel_hash="differs", duration_s=2.0)

    assert likeness(picture) == likeness(replace(post(2), pixel_hash="same"))
    assert clip.file is not None
    assert likeness(clip) == clip.file.md5
