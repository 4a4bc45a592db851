"""The painter's version: changes whenever its code or its picture library does, so that old files are not mistaken."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import PIL


@lru_cache(maxsize=1)
def painter_version() -> str:
    """16 hex digits over the painter's own source and Pillow's version."""
    digest = hashlib.sha256(PIL.__version__.encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.name.encode() + module.read_bytes())
    return digest.hexdigest()[:16]
