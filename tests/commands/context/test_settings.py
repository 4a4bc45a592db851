import dataclasses
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from typer.testing import CliRunner

from commands.app import app
from commands.context.settings import GoalSettings, Limits, RoundZero, Scoring, Settings, SiteEntry, load_settings
from commands.context.workspace import load_workspace
from commands.errors import SettingsError

REPOSITORY = Path(__file__).parents[3]


def load(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    file = tmp_path / "crawl.toml"
    file.write_text(text)
    return load_settings(file, environ or {})


def test_the_shipped_file_states_the_defaults_and_every_key() -> None:
    text = (REPOSITORY / "crawl.toml").read_text()

    settings = load_settings(REPOSITORY / "crawl.toml", {})

    assert settings == Settings()
    for record in (Settings, Scoring, GoalSettings, RoundZero, Limits):
        for field in dataclasses.fields(record):
            if field.metadata:
                assert f"\n{field.name} = " in text


@pytest.mark.fault("C01")
def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 2: scoring\.batchh is not a known setting; did you mean 'batch'"):
        load(tmp_path, "[scoring]\nbatchh = 3\n")


@pytest.mark.fault("C01")
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[scoring]\nbatch = -1\n", "within 0..1024, got -1"),
        ("[scoring]\nbatch = '3'\n", "a whole number, got '3'"),
        ("[scoring]\nscore_on = '720'\n", "one of 180x180, 360x360, 720x720, sample, original, got '720'"),
        ("[goal]\nprecision = nan\n", "got nan"),
        ("root = 3\n", "must be text"),
        ("proxy = 8080\n", "proxy must be text, got 8080"),
        ("allow_http = 'yes'\n", "allow_http must be true or false, got 'yes'"),
        ("[sites.x]\nallow_http = 1\n", "sites.x.allow_http must be true or false, got 1"),
        ("scoring = 3\n", "must be a table"),
        ("root = 'a'\nroot = 'b'\n", "root"),
        ("[sites.x]\nurll = 'y'\n", "sites.x.urll is not a known setting; did you mean 'url'"),
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
    with pytest.raises(SettingsError, match="CRAWL_SCORING_BATCH must be a whole number, got 'many'"):
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

    with pytest.raises(SettingsError, match="not a text file"):
        load_settings(tmp_path / "binary.toml", {})
    with pytest.raises(SettingsError, match="larger than"):
        load_settings(tmp_path / "giant.toml", {})


def test_a_site_of_ones_own_is_read(tmp_path: Path) -> None:
    settings = load(tmp_path, "[sites.mine]\nurl = 'https://booru.example'\nfile_hosts = ['cdn.booru.example']\n")

    assert settings.sites["mine"].url == "https://booru.example"
    assert settings.sites["mine"].file_hosts == ("cdn.booru.example",)


# Every setting, with every bad value that its record lets one think of: a new setting is held without a new test.

LITERALS = {str: "3", bool: "'yes please'", int: "1.5", float: "'much'", tuple: "3"}  # TOML of another type


def settings_of(record: type[Any] = Settings, table: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting: the table it stands in, and its field."""
    hints = get_type_hints(record)
    for spec in dataclasses.fields(record):
        if spec.metadata:
            yield table, spec
        elif dataclasses.is_dataclass(hints[spec.name]):
            yield from settings_of(hints[spec.name], spec.name)  # type: ignore[arg-type]  # a dataclass is a type here
    if record is Settings:
        yield from settings_of(SiteEntry, "sites.mine")


def bad_values() -> Iterator[Any]:
    for table, spec in settings_of():
        names = {"table": table, "name": spec.name}
        marks = [("type", LITERALS[type(spec.default)])]
        marks += [("low", repr(spec.metadata["low"] - 1))] if spec.metadata["low"] is not None else []
        marks += [("high", repr(spec.metadata["high"] + 1))] if spec.metadata["high"] is not None else []
        marks += [("nan", "nan")] if type(spec.default) is float else []
        marks += [("choice", repr(f"{spec.metadata['choices'][0]}x"))] if spec.metadata["choices"] else []
        if spec.metadata.get("path"):
            marks += [("null", '"a\\u0000b"'), ("home", "'~nobody-has-this-name/x'")]
            marks += [("empty", "''")] if spec.default else []
        for kind, value in marks:
            yield pytest.param({**names, "value": value}, id=f"{table}.{spec.name}-{kind}".lstrip("."))
        yield pytest.param({**names, "name": f"{spec.name}x", "value": "1"}, id=f"{table}.{spec.name}-typo".lstrip("."))


def refused(*arguments: str, **environment: str) -> str:
    """What the command says when it refuses its settings; it must have touched nothing."""
    before = sorted(Path.cwd().iterdir())

    done = CliRunner().invoke(app, [*arguments], env=environment)

    assert done.exit_code == 2, done.output
    assert len(done.output.strip().splitlines()) == 1 and len(done.output) < 600
    assert sorted(Path.cwd().iterdir()) == before
    return done.output


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.fault("C01")
@pytest.mark.parametrize("bad", list(bad_values()))
def test_a_bad_value_of_any_setting_is_refused_with_file_line_and_key(here: Path, bad: dict[str, str]) -> None:
    table, name, value = bad["table"], bad["name"], bad["value"]
    header = f"[{table}]\n" if table else ""
    text = f"# a comment\n{header}{name} = {value}\n"
    (here / "mine.toml").write_text(text, encoding="utf-8")

    message = refused("--config", "mine.toml", "status")

    assert f"mine.toml, line {len(text.splitlines())}: {f'{table}.{name}'.lstrip('.')}" in message
    if name.endswith("x"):
        assert f"did you mean {name[:-1]!r}" in message


def is_of_the_environment(case: Any) -> bool:
    """Whether the environment can say it: no table of sites, no null character, and there every text is a text."""
    bad = case.values[0]
    typo, text = bad["name"].endswith("x"), bad["value"] == "3"
    return not (bad["table"].startswith("sites") or "u0000" in bad["value"] or typo or text)


@pytest.mark.fault("C01")
@pytest.mark.parametrize("bad", list(filter(is_of_the_environment, bad_values())))
def test_a_bad_value_in_the_environment_is_refused_by_its_variable(here: Path, bad: dict[str, str]) -> None:
    variable = "_".join(filter(None, ("CRAWL", bad["table"].upper(), bad["name"].upper())))

    message = refused("status", **{variable: bad["value"].strip("'")})

    assert variable in message


@pytest.mark.fault("C01")
def test_a_variable_that_sets_nothing_is_refused_with_the_nearest(here: Path) -> None:
    assert "did you mean CRAWL_SCORING_BATCH?" in refused("status", CRAWL_SCORING_BATCHH="3")


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("CRAWL_ROOOT", "did you mean CRAWL_ROOT?"),
        ("CRAWL_APIKEY", "did you mean CRAWL_API_KEY?"),
        ("CRAWL_CONF", "did you mean CRAWL_CONFIG?"),
        ("CRAWL_DEVICE", "did you mean CRAWL_SCORING_DEVICE?"),
        ("CRAWL_GOAL", "names the table [goal]"),
        ("CRAWL_SITES_MINE_URL", "sites are added in a file"),
    ],
)
def test_a_variable_that_was_meant_for_us_is_not_passed_over(here: Path, variable: str, meant: str) -> None:
    """With `CRAWL_ROOOT` a command worked on the gallery in the current folder."""
    message = refused("status", **{variable: "elsewhere"})

    assert variable in message and meant in message


def test_variables_of_other_programs_and_keys_of_sites_are_left_alone() -> None:
    others = {"CRAWL_DEPTH": "3", "CRAWLAB_HOME": "/x", "CRAWL_MINE_LOGIN": "alice", "CRAWL_MINE_API_KEY": "x"}

    assert load_settings(None, others) == load_settings(None, {})


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**30)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(path.name)  # a short name: the folder's is longer than a socket's may be


NO_SETTINGS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "binary": (lambda path: path.write_bytes(bytes(range(256))), "not a text file"),
    "nulls": (lambda path: path.write_bytes(b"\0" * 100), "null characters"),
    "gigabyte": (sparse, "larger than"),
    "folder": (lambda path: path.mkdir(), "a folder"),
    "pipe": (os.mkfifo, "a pipe"),
    "socket": (listening, "a socket"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "endless": (lambda path: path.symlink_to("/dev/urandom"), "a device"),
    "dangling": (lambda path: path.symlink_to("nowhere"), "not there"),
    "circle": (lambda path: path.symlink_to(path.name), "cannot be read"),
    "deep": (lambda path: path.write_text("a = " + "[" * 20_000), "nested too deeply"),
    "deep-tables": (lambda path: path.write_text("a = " + "{a = " * 20_000), "nested too deeply"),
    "long-number": (lambda path: path.write_text("[scoring]\nbatch = " + "9" * 5_000), "not TOML"),
    "long-text": (lambda path: path.write_text(f"[scoring]\ndevice = '{'x' * 500_000}'"), "scoring.device"),
    "long-hexadecimal": (lambda path: path.write_text("[goal]\nprecision = 0x" + "f" * 9_000), "goal.precision"),
    "long-key": (lambda path: path.write_text("x" * 500_000 + " = 1"), "not a known setting"),
    "twice": (lambda path: path.write_text("site = 'a'\nroot = 'b'\nroot = 'c'\n"), "'root'; every key"),
    "no-toml": (lambda path: path.write_text("root = \n"), "'root'"),
}


@pytest.mark.fault("C01")
@pytest.mark.parametrize("kind", NO_SETTINGS)
@pytest.mark.parametrize("named", [True, False], ids=["named", "found"])
def test_what_is_no_file_of_settings_is_refused_at_once(here: Path, kind: str, *, named: bool) -> None:
    make, complaint = NO_SETTINGS[kind]
    make(here / "crawl.toml")

    message = refused(*(["--config", "crawl.toml"] if named else []), "status")

    assert "crawl.toml" in message and complaint in message


@pytest.mark.fault("C01")
def test_a_file_of_settings_that_is_named_must_be_there(here: Path) -> None:
    assert "absent.toml is not there" in refused("--config", "absent.toml", "status")
    assert "absent.toml is not there" in refused("status", CRAWL_CONFIG="absent.toml")
    assert "CRAWL_CONFIG is empty" in refused("status", CRAWL_CONFIG="")


@pytest.mark.fault("C01")
def test_an_empty_file_leaves_the_defaults(here: Path) -> None:
    (here / "crawl.toml").touch()

    assert load_settings(None, {}) == Settings()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_as_notepad_saves_it_is_read(here: Path, encoding: str) -> None:
    (here / "crawl.toml").write_bytes('root = "モナ"\r\nsite = "demo"\r\n'.encode(encoding))

    assert load_settings(None, {}).root == "モナ"


@pytest.mark.parametrize("how", ["setting", "environment", "option", "option before the command"])
def test_a_home_sign_is_the_home_folder_wherever_a_path_is_written(
    here: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("HOME", str(here / "home"))
    if how == "setting":
        (here / "crawl.toml").write_text('root = "~/pictures"\n')
    environment = {"CRAWL_ROOT": "~/pictures"} if how == "environment" else {}
    option = ["--root=~/pictures"]

    before, behind = (option if how == "option before the command" else []), (option if how == "option" else [])
    done = CliRunner().invoke(app, [*before, "status", *behind], env=environment)

    assert str(here / "home" / "pictures") in done.output


def test_every_setting_that_is_a_path_is_expanded(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    paths = [(table, spec.name) for table, spec in settings_of() if spec.metadata.get("path")]
    text = "".join(f"[{table}]\n" * bool(table) + f'{name} = "~/x"\n' for table, name in paths)
    (here / "crawl.toml").write_text(text)

    settings = load_settings(None, {})

    assert ("", "root") in paths and ("", "credentials_file") in paths
    for table, name in paths:
        assert getattr(getattr(settings, table) if table else settings, name) == "/somebody/x"


def test_a_relative_root_lies_below_the_current_folder_whatever_file_names_it(here: Path) -> None:
    (here / "settings").mkdir()
    (here / "settings" / "mine.toml").write_text("root = 'pictures'\n")

    assert load_workspace(None, Path("settings/mine.toml")).root == here / "pictures"


def test_an_empty_path_is_not_the_current_folder(here: Path) -> None:
    for words in (["--root", "", "status"], ["status", "--root", ""], ["status", "--root="]):
        assert "--root is empty" in refused(*words)


@pytest.mark.parametrize(
    "value", ['"cdn.example"', '["https://cdn.example/"]', '["cdn.example/x"]', "[1]", '[""]', "{ a = 1 }"]
)
def test_hosts_that_no_address_can_have_are_refused(here: Path, value: str) -> None:
    """A host with its scheme never matched, and no message named it."""
    (here / "crawl.toml").write_text(f"[sites.mine]\nurl = 'https://booru.example'\nfile_hosts = {value}\n")

    message = refused("status")

    assert "crawl.toml, line 3: sites.mine.file_hosts must be a list of host names" in message


def test_hosts_are_compared_as_addresses_are(tmp_path: Path) -> None:
    settings = load(tmp_path, "[sites.mine]\nurl = 'https://b.example'\nfile_hosts = ['CDN.Example:443', '[::1]:80']\n")

    assert settings.sites["mine"].file_hosts == ("cdn.example", "[::1]:80")


@pytest.mark.parametrize("entry", ["", "url = ''", "url = 'ftp://booru.example'", "url = 'booru.example'"])
def test_an_address_of_a_site_of_ones_own_is_refused_by_its_setting(here: Path, entry: str) -> None:
    (here / "crawl.toml").write_text(f"[sites.mine]\n{entry}\n")

    assert "sites.mine.url in the settings: " in refused("--tag", "a", "--keep", "b", "--site", "mine")
