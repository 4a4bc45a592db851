"""The report of an evaluation: one self-contained file that shows what was measured, and escapes untrusted text."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from classifier.metrics.assessment import Assessment, Mistake, Slice, TrainingCurve
from classifier.metrics.quality import Estimate
from rounds.errors import ReportNotWritten, ReportRefused
from rounds.evaluation.charts import Plane, Sheet, unit_axis
from rounds.evaluation.html_page import report_html, report_json, write_report
from rounds.evaluation.number_format import pictures
from tests.equipment.accessibility import findings, overflowing, small_targets
from tests.equipment.browser import browsing, why_not
from tests.equipment.parameters import slow_after
from tests.rounds.evaluation_samples import NOTHING, assessment, jpeg, mistake, with_doubted_tags

pytestmark = pytest.mark.no_gallery

SVG = "{http://www.w3.org/2000/svg}"
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}'


class Seen(HTMLParser):
    """Elements with their attributes, and the words between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def seen(measured: Assessment) -> Seen:
    return Seen(report_html(measured, NOON))


def charts(measured: Assessment) -> dict[str, ElementTree.Element]:
    """The page's charts by the first words of their names."""
    found = [
        ElementTree.fromstring(one) for one in re.findall(r"<svg.*?</svg>", report_html(measured, NOON), re.DOTALL)
    ]
    return {one.attrib["aria-label"].split(". ")[0]: one for one in found if "aria-label" in one.attrib}


def strange() -> Assessment:
    """Every text is hostile."""
    found = assessment()
    return replace(
        found,
        model=HOSTILE,
        target=HOSTILE,
        on=HOSTILE,
        notes=[HOSTILE],
        prevalence_source=HOSTILE,
        slices=[
            Slice(by=by, value=HOSTILE, quality=found.quality) for by in ("rating", "rating", "class", HOSTILE, HOSTILE)
        ],
        kept_wrong=[mistake(HOSTILE, "javascript:alert(1)"), mistake(HOSTILE, f"https://gallery.example/{HOSTILE}")],
        missed=[replace(mistake(HOSTILE, "http://[", None), why=HOSTILE)],
        training=[TrainingCurve(name=HOSTILE, epochs=[1, 2], values=[3, 4])],
    )


def test_the_page_shows_the_main_figures_with_their_intervals() -> None:
    measured = assessment()

    text = seen(measured).text

    here = measured.at_prevalence
    for found in (here.precision, here.recall, here.f1):
        assert f"{found.value:.3f} {found.low:.3f} to {found.high:.3f}" in text
    assert f"{measured.quality.precision.value:.3f}" in text
    assert "mona/3 on 1,080 test pictures of the gallery" in text
    assert "measured, from 420 answers to the random sample" in text
    assert all(note in text for note in measured.notes)
    assert f"{measured.confusion.kept_wrong} 0.2% wrongly kept" in text


def test_the_page_loads_nothing() -> None:
    page = seen(assessment())

    assert not {tag for tag, _ in page.elements} & {
        "script",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "use",
    }
    assert all(one["src"].startswith("data:image/jpeg;base64,") for one in page.all("img"))
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name.startswith("on")} | (names & {"style", "srcset", "background"})
    links = [one["href"] for one in page.all("a")]
    assert {link for link in links if not link.startswith(("#", "https://gallery.example/posts/"))} == set()
    others = " ".join(
        value for _, attributes in page.elements for name, value in attributes.items() if name not in ("href", "xmlns")
    )
    assert "http://" not in others and "https://" not in others


@pytest.mark.fault("U06")
def test_only_the_pages_own_style_is_allowed() -> None:
    html = report_html(assessment(), NOON)

    (policy,) = [one["content"] for one in Seen(html).all("meta") if one.get("http-equiv") == "Content-Security-Policy"]

    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "url(" not in style and "@import" not in style


def test_links_to_posts_send_no_referrer() -> None:
    links = [one for one in seen(assessment()).all("a") if not one["href"].startswith("#")]

    assert links
    assert all("noreferrer" in one["rel"] for one in links)


@pytest.mark.fault("U06")
def test_untrusted_names_are_shown_as_text_only() -> None:
    page = seen(strange())

    assert "script" not in {tag for tag, _ in page.elements}
    assert not [one for one in page.all("img") if one["src"] == "x"]
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert page.text.count("<script>alert(1)</script>") >= 10
    assert "{{ 7 * 7 }}" in page.text
    assert [one["href"] for one in page.all("a") if not one["href"].startswith("#")] == [
        f"https://gallery.example/{HOSTILE}"
    ]
    assert len(charts(strange())) >= 5  # and they are XML


def test_every_chart_is_xml_with_a_name() -> None:
    assert list(charts(assessment())) == [
        "Precision against recall, in full",
        "Precision against recall, from 0.8 up",
        "Figures against the threshold",
        "Reliability",
        "Scores",
        "loss while training",
        "learning rate while training",
    ]


def test_the_threshold_in_force_is_marked_where_its_figures_lie() -> None:
    measured = assessment()
    plane = Plane(unit_axis("recall"), unit_axis("precision"), Sheet(top=20))

    chart = charts(measured)["Precision against recall, in full"]

    (mark,) = [one for one in chart.iter(f"{SVG}circle") if one.attrib["class"] == "f1 ring"]
    here = measured.at_prevalence
    assert float(mark.attrib["cx"]) == pytest.approx(plane.across(here.recall.value), abs=0.1)
    assert float(mark.attrib["cy"]) == pytest.approx(plane.up(here.precision.value), abs=0.1)


def test_the_curve_passes_through_every_threshold_that_was_measured() -> None:
    measured = assessment()
    plane = Plane(unit_axis("threshold"), unit_axis("share"), Sheet(top=50))

    chart = charts(measured)["Figures against the threshold"]

    precision = next(one for one in chart.iter(f"{SVG}polyline") if one.attrib["class"] == "line s0 d0")
    assert precision.attrib["points"].split() == [
        f"{plane.across(one.threshold):.1f},{plane.up(one.precision.value):.1f}" for one in measured.curve
    ]


def test_the_corner_is_shown_only_where_it_is_needed() -> None:
    poor = replace(assessment(), at_prevalence=replace(assessment().at_prevalence, recall=Estimate(0.4, 0.3, 0.5)))

    assert "Precision against recall, from 0.8 up" in charts(assessment())
    assert "Precision against recall, from 0.8 up" not in charts(poor)


def test_the_corners_curve_ends_at_its_edges() -> None:
    measured = assessment()
    plane = Plane(unit_axis("recall", 0.8), unit_axis("precision", 0.8), Sheet(top=20))

    chart = charts(measured)["Precision against recall, from 0.8 up"]

    (line,) = [one for one in chart.iter(f"{SVG}polyline") if one.attrib["class"] == "line s0 d0"]
    places = [tuple(map(float, one.split(","))) for one in line.attrib["points"].split()]
    assert places[0][1] == pytest.approx(plane.floor)  # comes up from below
    assert places[-1][0] == pytest.approx(plane.sheet.left)  # leaves to the left, as high as it was
    assert places[-1][1] == places[-2][1]
    for point in measured.curve:
        if min(point.recall.value, point.precision.value) >= 0.8:
            place = round(plane.across(point.recall.value), 1), round(plane.up(point.precision.value), 1)
            assert place in places


def test_every_picture_is_counted_in_the_histogram() -> None:
    measured = assessment()

    notes = [one.text or "" for one in charts(measured)["Scores"].iter(f"{SVG}title")]

    assert sum(int(note.split()[0].replace(",", "")) for note in notes if "show it" in note) == 180
    assert sum(int(note.split()[0].replace(",", "")) for note in notes if "do not" in note) == 900


@pytest.mark.parametrize(("positives", "negatives"), [(0, 0), (0, 30), (30, 0)])
def test_what_could_not_be_measured_is_named_in_the_report(positives: int, negatives: int) -> None:
    measured = replace(assessment(positives, negatives), training=())

    page = seen(measured)

    assert "not measured" in page.text
    assert "No curves were recorded while this model was trained." in page.text
    assert not re.search(r"\b(nan|inf|None)\b(?! of| can)", page.text)
    assert "Nothing was wrongly kept." in page.text or measured.kept_wrong


def test_a_model_without_mistakes_gets_no_contact_sheets() -> None:
    page = seen(replace(assessment(), kept_wrong=(), missed=()))

    assert "Nothing was wrongly kept." in page.text
    assert "Nothing was missed." in page.text
    assert page.all("img") == []


def test_one_bin_and_one_threshold_are_enough_for_a_page() -> None:
    measured = assessment()
    tiny = replace(
        measured, curve=[measured.at_prevalence], reliability=measured.reliability[:1], histogram=measured.histogram[:1]
    )

    assert {"Precision against recall, in full", "Reliability", "Scores"} <= set(charts(tiny))


def test_an_unknown_interval_does_not_hide_its_figure() -> None:
    measured = assessment()
    bare = replace(
        measured,
        prevalence=Estimate(0.11, NOTHING.low, NOTHING.high),
        calibration_error=Estimate(0.03, *[NOTHING.low] * 2),
    )

    text = seen(bare).text

    assert "0.030 (no interval)" in text
    assert "Share in the gallery 11.0% measured" in text


def test_a_mistake_shows_picture_score_reason_and_post() -> None:
    measured = replace(assessment(), kept_wrong=[mistake("post 7", picture=jpeg((1, 2, 3)))], missed=[])

    page = seen(measured)

    (image,) = page.all("img")
    assert base64.b64decode(image["src"].partition(",")[2]) == jpeg((1, 2, 3))
    assert image["alt"] == "post 7"
    assert "0.900 post 7 labelled delete" in page.text


def test_pictures_whose_tags_are_probably_wrong_have_a_sheet_of_their_own_with_both_figures() -> None:
    page = seen(with_doubted_tags(replace(assessment(), kept_wrong=[], missed=[])))

    assert "8 of 9 kept wrongly by their tags probably lack the tag" in page.text
    assert "1 of 2 missed by their tags are probably tagged wrongly" in page.text
    assert "crawl query id:1,2,3,4,5,6,7,8,9" in page.text
    assert "0.808 (0.750 to 0.860)" in page.text
    assert len(page.all("img")) == 9
    assert any(link.get("href") == "https://gallery.example/posts/3" for link in page.all("a"))


def test_a_picture_that_cannot_be_read_leaves_its_place() -> None:
    lost = Mistake(name="mona/a.jpg", score=0.2, why="in folder mona", link=None, picture=None)

    page = seen(replace(assessment(), kept_wrong=[], missed=[lost]))

    assert page.all("img") == []
    assert "no picture can be shown 0.200 mona/a.jpg in folder mona" in page.text


def test_each_folder_has_its_share_kept() -> None:
    measured = assessment()
    own, others = assessment(40, 0).quality, assessment(0, 40).quality
    classes = [Slice(by="class", value="mona", quality=own), Slice(by="class", value="fischl", quality=others)]

    text = seen(replace(measured, slices=classes)).text

    assert f"mona shows it 40 {own.recall.value:.3f}" in text
    assert f"{40 - own.right} missed" in text
    assert "fischl 40 0.000" in text


def test_almost_certain_is_not_certain() -> None:
    near = Estimate(0.99971, 0.99961, 0.99999)

    text = seen(replace(assessment(), at_prevalence=replace(assessment().at_prevalence, precision=near))).text

    assert "> 0.999 > 0.999 to > 0.999" in text


def test_report_json_has_the_same_without_the_pictures(tmp_path: Path) -> None:
    measured = with_doubted_tags(assessment(0, 30))

    write_report(measured, tmp_path, now=NOON)

    found = json.loads((tmp_path / "report.json").read_text())
    assert found == json.loads(json.dumps(report_json(measured, NOON)))
    assert found["at_prevalence"]["precision"]["value"] is None
    assert found["made"] == "2026-11-21T12:00:00+00:00"
    assert b"NaN" not in (tmp_path / "report.json").read_bytes()


def test_a_report_makes_its_folder_and_replaces_only_reports(tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "mona"
    write_report(assessment(), folder, now=NOON)
    (folder / "mine.txt").write_text("mine")

    page = write_report(replace(assessment(), model="mona/4"), folder, now=NOON)

    assert page == folder / "report.html"
    assert "<bdi>mona/4</bdi>" in page.read_text()
    assert sorted(one.name for one in folder.iterdir()) == ["mine.txt", "report.html", "report.json"]


@pytest.mark.parametrize("name", ["report.html", "report.json"])
def test_a_file_that_is_no_report_is_never_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("my own thesis")

    with pytest.raises(ReportRefused, match=f"{name} exists and is not a report of crawl evaluate"):
        write_report(assessment(), tmp_path)

    assert (tmp_path / name).read_text() == "my own thesis"
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_folder_or_a_broken_link_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "one" / "report.html").mkdir(parents=True)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "report.json").symlink_to(tmp_path / "nowhere")

    for folder in ("one", "two"):
        with pytest.raises(ReportRefused):
            write_report(assessment(), tmp_path / folder)


def test_a_disk_that_refuses_is_named_and_the_old_page_stays_whole(tmp_path: Path) -> None:
    write_report(assessment(), tmp_path, now=NOON)
    before = (tmp_path / "report.html").read_bytes()
    (tmp_path / "report.html.part").mkdir()  # where the new page is to be written first

    with pytest.raises(ReportNotWritten, match=r"report\.html\.part.*name another folder") as refused:
        write_report(replace(assessment(), model="mona/4"), tmp_path)

    assert refused.value.exit_code == 7
    assert (tmp_path / "report.html").read_bytes() == before


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(ReportNotWritten, match=re.escape(os.fspath(tmp_path / "taken"))):
        write_report(assessment(), tmp_path / "taken" / "report")


def test_the_installed_package_contains_the_template() -> None:
    root = Path(__file__).parents[3]
    declared = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]

    assert "templates/*" in declared["package-data"]["rounds.evaluation"]
    assert "rounds.evaluation.charts" in declared["packages"]


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # selenium's own sockets
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (800, "dark")])
def test_a_browser_shows_the_page_without_a_complaint(tmp_path: Path, width: int, scheme: str) -> None:
    page = write_report(assessment(), tmp_path, now=NOON)

    with browsing(width, 900, scheme=scheme) as browser:
        browser.driver.get(page.as_uri())

        assert browser.complaints() == []
        assert browser.run("return document.documentElement.scrollWidth") <= width
        assert browser.run("return [...document.images].every((one) => one.naturalWidth > 0)")
        shown = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
        assert browser.run(shown, ".chart .band", "opacity") != "1"  # the style is allowed
        assert (
            browser.run(shown, "body", "backgroundColor")
            == {"light": "rgb(246, 247, 251)", "dark": "rgb(16, 18, 24)"}[scheme]
        )


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # selenium's own sockets
def test_no_table_is_cut_in_a_window_that_a_laptop_has_room_for(tmp_path: Path) -> None:
    page = write_report(with_doubted_tags(assessment()), tmp_path, now=NOON)
    cut = "return [...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth).length"

    with browsing(1280, 900) as browser:
        browser.driver.get(page.as_uri())
        for width in (800, 1000, 1180, 1280):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            assert browser.run(cut) == 0, width


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # selenium's own sockets
@pytest.mark.parametrize("scheme", slow_after(1, ["light", "dark"]))
def test_axe_finds_nothing_and_nothing_leaves_the_window(tmp_path: Path, scheme: str) -> None:
    page = write_report(with_doubted_tags(assessment()), tmp_path, now=NOON)

    with browsing(1280, 900, scheme=scheme) as browser:
        browser.driver.get(page.as_uri())
        browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
        for width in (1280, 820, 640, 390, 320):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            assert (findings(browser), overflowing(browser), small_targets(browser)) == ([], [], []), width


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # selenium's own sockets
def test_the_text_of_a_chart_can_be_read_on_a_phone(tmp_path: Path) -> None:
    page = write_report(assessment(), tmp_path, now=NOON)

    with browsing(390, 844) as browser:
        browser.driver.get(page.as_uri())
        heights = browser.run(
            "return [...document.querySelectorAll('figure svg text')].map((one) => one.getBBox().height * "
            "one.getScreenCTM().a).filter((height) => height > 0)"
        )

    assert min(heights) >= 9  # pixels


def test_one_picture_is_not_many() -> None:
    assert [pictures(1), pictures(0), pictures(1234)] == ["1 picture", "0 pictures", "1,234 pictures"]
