#!/usr/bin/env bash
# typer 0.29.2: it carries a copy of click of its own, so everything from the package click is foreign to it, without a warning.
#
# In a Typer command
#   - click.get_current_context(silent=True) gives None;
#   - click.UsageError, click.Abort and click.exceptions.Exit(3) are no longer caught: each ends in a traceback and exit code 1,
#     where they used to give a line of usage and 2, "Aborted." and 1, and 3;
#   - typer.BadParameter is no click.ClickException, so an `except click.ClickException` around a call of the app passes it by.
# click 8.5.1 installs beside it without any conflict, and a library of click helpers imports as ever.
# The same version also shows every switch in its help with a type, as if a value had to follow: `--new  <bool>`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q typer==0.29.2 click==8.5.1 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }

cat >"$folder/program.py" <<'E2'
import click
import typer

app = typer.Typer(add_completion=False)


@app.command()
def go(end: str = "well", new: bool = typer.Option(False, "--new")) -> None:
    print("context", click.get_current_context(silent=True))
    if end == "usage":
        raise click.UsageError("wrong")
    if end == "abort":
        raise click.Abort
    if end == "exit":
        raise click.exceptions.Exit(3)
    if end == "typer":
        raise typer.BadParameter("wrong")


app()
E2

changed=0
export NO_COLOR=1 TERM=dumb COLUMNS=100
see() { # see END EXIT-CODE TRACEBACK(yes|no)
  local code=0 traceback=no
  "$folder/venv/bin/python" "$folder/program.py" --end "$1" >"$folder/said" 2>&1 || code=$?
  if grep -q Traceback "$folder/said"; then traceback=yes; fi
  echo "$1: exit code $code, traceback: $traceback, click's $(grep -m1 context "$folder/said")"
  if [ "$code $traceback" != "$2 $3" ] || ! grep -q "context None" "$folder/said"; then changed=1; fi
}

"$folder/venv/bin/python" -c '
from importlib.metadata import requires, version
print("typer", version("typer"), "beside click", version("click") + "; typer requires", requires("typer"))'
see well 0 no
see usage 1 yes
see abort 1 yes
see exit 1 yes
see typer 2 no
related=$("$folder/venv/bin/python" -c 'import click, typer; print(issubclass(typer.BadParameter, click.ClickException))')
echo "typer.BadParameter is a click.ClickException: $related"
if [ "$related" != False ]; then changed=1; fi
"$folder/venv/bin/python" "$folder/program.py" --help | tee "$folder/help" | grep -e '--new'
if ! grep -Eq -e '--new +<bool>' "$folder/help"; then changed=1; fi
if [ "$changed" = 1 ]; then echo "the behaviour has changed" >&2; fi
exit "$changed"
