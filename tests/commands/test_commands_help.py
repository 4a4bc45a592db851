"""What help promises is so."""

from typer.testing import CliRunner

from commands.app import app


def shown(*command: str) -> str:
    words = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output.split()
    return " ".join(words)


def test_help_does_not_deny_what_a_setting_may_allow_to_be_downloaded() -> None:
    assert "Nothing is downloaded" not in shown("train")
    assert "published weights of a network are, but only where the setting download_weights allows it" in shown("train")


def test_help_of_rescoring_is_no_promise_of_a_preview() -> None:
    assert "would hold" not in shown("rescore")
    assert "What is decided holds at once" in shown("rescore")
