"""The fixed words that options and arguments take: what is checked, what help names and what the shell completes."""

from __future__ import annotations

FORMATS = ("table", "json", "jsonl", "csv", "parquet", "ids")
RATINGS = ("g", "s", "q", "e")
RENDITIONS = ("180x180", "360x360", "720x720", "sample", "original")
SOFTWARE = ("danbooru", "e621", "moebooru", "gelbooru", "gelbooru-0.2")  # that sites run
ENGINES = ("local", "ray")  # that look at pictures
LABELS = ("keep", "delete", "unsure", "clear")
TRAINING = ("auto", "head", "network")
SORTING = ("list", "copy", "link", "move")
EXPORTS = ("kohya", "onetrainer", "ai-toolkit", "imagefolder", "webdataset", "hydrus", "csv")
IMPORTS = ("gallery-dl", "hydrus", "folder", "archive")
PLACING = ("copy", "link", "symlink")
CAPTIONS = ("txt", "caption", "json", "none")
TRASH_ACTIONS = ("list", "restore", "purge")
EXPERIMENTS = ("1", "2", "3", "4", "best")  # of a generator
NETWORK_ACTIONS = ("list", "show")
MODEL_ACTIONS = ("list", "show", "activate", "rollback", "export", "import", "compress")
COMPRESSIONS = ("int8", "distil", "prune")
PACKAGE = "package"  # the format of exports that `crawl models import` takes
LITERT = "litert"  # the one other format that a model of eight bits has
MODEL_FORMATS = (PACKAGE, "keras", "saved_model", LITERT, "onnx", "openvino", "tensorrt")
