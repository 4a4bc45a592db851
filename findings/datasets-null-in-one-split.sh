#!/usr/bin/env bash
# datasets 5.2.0: an imagefolder with `train/metadata.jsonl` and `validation/metadata.jsonl` cannot be loaded where a column that is filled
# in one is null throughout the other, or a list is empty throughout: types are inferred from each table apart, and have to be
# equal. Declaring the types in README.md, where the Hub's viewer writes them, changes nothing. A number for "none" loads.
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
  - split: validation
    path: validation/**
dataset_info:
  features:
  - name: image
    dtype: image
  - name: score
    dtype: float64
---
"""


def loaded(name: str, none: object, card: str) -> str:
    """What becomes of a folder of two splits, of which one has a score and the other has none."""
    folder = Path(sys.argv[1]) / name
    for split, score in (("train", 0.5), ("validation", none)):
        (folder / split).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / split / "a.png")
        row = {"file_name": "a.png", "score": score}
        (folder / split / "metadata.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    if card:
        (folder / "README.md").write_text(card, encoding="utf-8")
    try:
        data = datasets.load_dataset(str(folder), cache_dir=str(folder.with_name(f"{name}-cache")))
    except ValueError as error:
        return f"refused: {str(error).split(': (')[0][-60:]}"
    return f"loaded: {', '.join(data)}"


datasets.disable_progress_bars()
print("datasets", datasets.__version__)
null = loaded("null", None, "")
declared = loaded("declared", None, CARD)
number = loaded("number", -1.0, "")
print(f"null in one split:                  {null}")
print(f"the same, type declared in the card: {declared}")
print(f"-1.0 instead of null:               {number}")
assert null.startswith("refused") and declared.startswith("refused"), "null is taken now: this finding is out of date"
assert number.startswith("loaded"), "a number does not load: this finding is out of date"
PYTHON
HF_HUB_OFFLINE=1 HF_HOME="$folder/home" "$folder/venv/bin/python" "$folder/look.py" "$folder" 2>/dev/null
