"""A model package to measure with: the `small` backbone with random weights, made in a process of its own.

Run as `python -m bench.scoring.package FOLDER`; prints the package's hashes as JSON. In a process of its own because
the measuring process must not carry TensorFlow's threads and memory.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from bench.scoring.pictures import painted
from classifier.head import Head
from classifier.package.export import export_backbone
from classifier.package.package import Canary, PackageParts, write_package
from classifier.pictures.preprocessing import Preprocessing, picture_array


def main(folder: Path) -> None:
    """Write the package."""
    import keras

    from classifier.backbones import small

    keras.utils.set_random_seed(7)
    model = small.build()
    preprocessing = Preprocessing(int(model.input_shape[1]))
    canaries = [_png(picture) for picture in painted("128x128 JPEG", 8, seed=5)]
    arrays = np.stack([picture_array(canary, preprocessing) for canary in canaries])
    embeddings = np.asarray(model.predict(arrays.astype(np.float32), verbose=0))
    model_files = export_backbone(model, folder.with_name("backbone"), name="small", preprocessing=preprocessing)
    weights = np.random.default_rng(0).normal(size=embeddings.shape[1]).astype(np.float32)
    spread = float((embeddings @ weights).std()) or 1.0
    head = Head((weights / spread).astype(np.float32), -float((embeddings @ weights).mean() / spread))
    parts = PackageParts(
        target="bench",
        backbone=model_files,
        head=head,
        threshold=0.5,
        canaries=[Canary(*pair) for pair in zip(canaries, embeddings, strict=True)],
    )
    facts = write_package(folder, parts)
    print(json.dumps({"hash": facts.hash, "backbone_hash": facts.backbone_hash, "parameters": model.count_params()}))


def _png(picture: bytes) -> bytes:
    """The same pixels in the format that canaries have, so that no decoder's version matters."""
    out = io.BytesIO()
    Image.open(io.BytesIO(picture)).save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
