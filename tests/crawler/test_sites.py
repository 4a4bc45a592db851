import pytest

from crawler.errors import BadSite, UsageError
from crawler.sites import BUILTIN, site_from_url, site_named

DANBOORU = BUILTIN["danbooru"]


@pytest.mark.parametrize("name", ["danbooru", "safebooru", "testbooru", "aibooru"])
def test_the_known_sites_are_found_by_name(name: str) -> None:
    assert site_named(name).name == name


def test_a_mistyped_name_gets_a_suggestion_and_exit_code_2() -> None:
    with pytest.raises(BadSite, match="did you mean danbooru") as caught:
        site_named("danboru")

    assert caught.value.exit_code == 2


def test_the_address_of_a_known_site_is_that_site() -> None:
    assert site_named("https://danbooru.donmai.us/") is DANBOORU


def test_a_site_of_ones_own_wins_over_the_built_in_one() -> None:
    own = site_from_url("https://booru.example", name="danbooru", file_hosts=frozenset({"files.example"}))

    assert site_named("danbooru", {"danbooru": own}) is own


OWN = site_from_url("http://127.0.0.1:3000", name="mine", file_hosts=frozenset({"127.0.0.1:3001"}))


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("https://danbooru.donmai.us", "danbooru"),
        ("HTTPS://Danbooru.Donmai.US:443//", "danbooru"),
        ("danbooru.donmai.us", "danbooru"),
        ("Danbooru", "danbooru"),
        (" danbooru ", "danbooru"),
        ("http://127.0.0.1:3000/", "mine"),
        ("127.0.0.1:3000", "mine"),
        ("http://127.0.0.1:8901", "127.0.0.1:8901"),
        ("127.0.0.1:8901", "127.0.0.1:8901"),
        ("HTTP://LOCALHOST:8901/", "localhost:8901"),
        ("localhost:80", "localhost"),
        ("https://booru.example:443", "booru.example"),
        ("Booru.Example", "booru.example"),
        ("[::1]:8901", "[::1]:8901"),
    ],
)
def test_one_site_is_meant_however_it_is_written(words: str, name: str) -> None:
    assert site_named(words, {"mine": OWN}).name == name


def test_the_name_of_a_sites_rows_means_the_same_address() -> None:
    for url in ("http://127.0.0.1:8901", "https://booru.example", "http://[::1]:8901", "http://localhost:8901"):
        site = site_from_url(url)
        assert site_named(site.name) == site


@pytest.mark.fault("U16")
@pytest.mark.parametrize(
    "url",
    [
        "http://danbooru.donmai.us",
        "http://192.168.1.4:3000",
        "ftp://booru.example",
        "https://user:secret@booru.example",
        "https://booru.example/?key=1",
        "https://böoru.example",
        "https://",
        "https://[::1",
        "file:///etc/passwd",
    ],
)
def test_addresses_that_are_not_safe_to_talk_to_are_refused(url: str) -> None:
    with pytest.raises(BadSite):
        site_from_url(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000/", "http://[::1]:8000"])
def test_plain_http_is_fine_on_this_machine(url: str) -> None:
    assert site_from_url(url).loopback


@pytest.mark.fault("H20")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/original/aa/bb/x.jpg",
        "https://cdn.donmai.us:8443/original/x.jpg",
        "https://user:pw@cdn.donmai.us/x.jpg",
        "https://cdn.donmai.us@evil.example/x.jpg",
        "http://cdn.donmai.us/x.jpg",
        "ftp://cdn.donmai.us/x.jpg",
        "file:///etc/passwd",
        "https://127.0.0.1/x.jpg",
        "https://169.254.169.254/latest",
        "https://cdn.dоnmai.us/x.jpg",  # a Cyrillic о
        "https://cdn.donmai.us.evil.example/x.jpg",
        "//cdn.donmai.us/x.jpg",
        "https://[bad/x.jpg",
        "https://cdn.donmai.us:99999999/x.jpg",
    ],
)
def test_files_are_fetched_from_the_sites_own_hosts_only(url: str) -> None:
    assert DANBOORU.why_not(url) is not None


@pytest.mark.parametrize(
    "url", ["https://cdn.donmai.us/x.jpg", "https://CDN.donmai.us:443/x.jpg", "https://danbooru.donmai.us/data/x.jpg"]
)
def test_the_sites_own_files_are_allowed(url: str) -> None:
    assert DANBOORU.why_not(url) is None


def test_another_port_of_this_machine_is_another_host() -> None:
    site = site_from_url("http://127.0.0.1:8000")

    assert site.why_not("http://127.0.0.1:8000/x.jpg") is None
    assert site.why_not("http://127.0.0.1:22/x.jpg") is not None


@pytest.mark.fault("C03")
@pytest.mark.parametrize("requested", [0, -1, float("nan")])
def test_a_pace_that_is_none_is_refused(requested: float) -> None:
    with pytest.raises(UsageError, match="positive"):
        DANBOORU.with_limits(api_rate=requested)


@pytest.mark.fault("C03")
def test_a_pace_above_the_ceiling_is_cut_down_and_reported() -> None:
    site, notes = DANBOORU.with_limits(api_rate=1e9, files_at_once=1000)

    assert (site.api_rate, site.api_burst, site.files_at_once) == (9.0, 1, 4)  # never more than ten in one second
    assert len(notes) == 2 and "more than the site allows" in notes[0]


def test_the_default_pace_is_at_most_one_request_a_second_over_any_minute() -> None:
    assert DANBOORU.api_rate is not None

    assert DANBOORU.api_rate * 60 + DANBOORU.api_burst <= 60
