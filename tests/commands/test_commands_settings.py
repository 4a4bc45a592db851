import dataclasses
from pathlib import Path

import pytest

from commands.settings import Goal, Limits, RoundZero, Scoring, Settings, SettingsError, load_settings

REPOSITORY = Path(__file__).parents[2]


def load(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    file = tmp_path / "crawl.toml"
    file.write_text(text)
    return load_settings(file, environ or {})


def test_the_shipped_file_states_the_defaults_and_every_key() -> None:
    text = (REPOSITORY / "crawl.toml").read_text()

    settings = load_settings(REPOSITORY / "crawl.toml", {})

    assert settings == Settings()
    for record in (Settings, Scoring, Goal, RoundZero, Limits):
        for field in dataclasses.fields(record):
            if field.metadata:
                assert f"\n{field.name} = " in text


@pytest.mark.fault("C01")
def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 2: scoring\.batchh is no known setting; did you mean 'batch'"):
        load(tmp_path, "[scoring]\nbatchh = 3\n")


@pytest.mark.fault("C01")
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[scoring]\nbatch = -1\n", "within 0..1024, got -1"),
        ("[scoring]\nbatch = '3'\n", "a whole number, got '3'"),
        ("[scoring]\nscore_on = '720'\n", "one of 180x180, 360x360, 720x720, sample, original, got '720'"),
        ("[goal]\nprecision = nan\n", "got nan"),
        ("root = 3\n", "must be a text"),
        ("scoring = 3\n", "must be a table"),
        ("root = 'a'\nroot = 'b'\n", "root"),
        ("[sites.x]\nurll = 'y'\n", "sites.x.urll is no known setting; did you mean 'url'"),
        ("sites = 3\n", "must be tables"),
    ],
)
def test_a_bad_value_is_refused_with_what_was_expected(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, text)

    assert complaint in str(refused.value)


def test_the_environment_beats_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "root = 'here'\n[scoring]\nbatch = 8\ntrust_tags = true\n",
        {"CRAWL_ROOT": "there", "CRAWL_SCORING_BATCH": "16", "CRAWL_SCORING_TRUST_TAGS": "no"},
    )

    assert (settings.root, settings.scoring.batch, settings.scoring.trust_tags) == ("there", 16, False)


def test_a_bad_environment_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="CRAWL_SCORING_BATCH must be a int, got 'many'"):
        load_settings(None, {"CRAWL_SCORING_BATCH": "many"})


@pytest.mark.fault("C01")
def test_a_missing_file_is_an_error_only_when_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert load_settings(None, {}) == Settings()
    with pytest.raises(SettingsError, match="cannot read the configuration"):
        load_settings(tmp_path / "absent.toml", {})


@pytest.mark.fault("C01")
def test_a_binary_or_giant_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "giant.toml").write_bytes(b"#" * 1_000_001)

    with pytest.raises(SettingsError, match="no text file"):
        load_settings(tmp_path / "binary.toml", {})
    with pytest.raises(SettingsError, match="larger than"):
        load_settings(tmp_path / "giant.toml", {})


def test_a_site_of_ones_own_is_read(tmp_path: Path) -> None:
    settings = load(tmp_path, "[sites.mine]\nurl = 'https://booru.example'\nfile_hosts = ['cdn.booru.example']\n")

    assert settings.sites["mine"].url == "https://booru.example"
    assert settings.sites["mine"].file_hosts == ("cdn.booru.example",)
