#!/usr/bin/env bash
# datasets 5.2.0: in an imagefolder with everything below `train/`, a class folder that is called `test` (a character may be) becomes the split
# `test` as well: its pictures are in both splits, a leak that nothing tells of. With a table of metadata beside the classes, the folder does
# not load at all. `data_files` in README.md, which say that everything below `train/` is for training, help against both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 Pillow==13.0.0 2>"$folder/pip" ||
  { cat "$folder/pip"; exit 1; }
cat > "$folder/look.py" <<'PYTHON'
import json
import sys
from pathlib import Path

import datasets
from PIL import Image

CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: train/**
---
"""


def loaded(name: str, *, table: bool, card: bool) -> str:
    """Splits with their sizes, of a folder with the classes `mona` and `test`, two pictures each, all in `train/`."""
    folder, rows = Path(sys.argv[1]) / name, []
    for label in ("mona", "test"):
        (folder / "train" / label).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (8, 8)).save(folder / "train" / label / f"{number}.png")
            rows.append({"file_name": f"{label}/{number}.png", "label": label})
    if table:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "train" / "metadata.jsonl").write_text(text, encoding="utf-8")
    if card:
        (folder / "README.md").write_text(CARD, encoding="utf-8")
    try:
        data = datasets.load_dataset(str(folder), cache_dir=str(folder.with_name(f"{name}-cache")))
    except ValueError as error:
        return f"refused: {str(error)[:60]}"
    return ", ".join(f"{split} {len(rows)}" for split, rows in data.items())


datasets.disable_progress_bars()
print("datasets", datasets.__version__)
folders, table = loaded("folders", table=False, card=False), loaded("table", table=True, card=False)
card = loaded("card", table=True, card=True)
print(f"folders alone:        {folders}")
print(f"with a table:         {table}")
print(f"with a table and card: {card}")
assert folders == "train 4, test 2", "a class is no split any more: this finding is out of date"
assert table.startswith("refused"), "it loads with a table now: this finding is out of date"
assert card == "train 4", "the card does not help: this finding is out of date"
PYTHON
HF_HUB_OFFLINE=1 HF_HOME="$folder/home" "$folder/venv/bin/python" "$folder/look.py" "$folder" 2>/dev/null
