"""One pass, one network: targets that shared the old network follow to the new one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np

from classifier.head import Head
from classifier.package.package import BackboneFiles, Canary, Package, PackageParts, load_package, write_package
from classifier.pictures.preprocessing import Preprocessing
from classifier.progress import unreported
from crawler.decisions import Policy, Ruling
from rounds.followers import NetworkChange, follow
from rounds.head_round import HeadRoundSettings, RoundOutcome
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings, ListedPage, RegisteredModel, RunStart, Sighting
from storage.records import FileVersion, Look, ModelCard, PostTags, Target
from tests.crawler.crew_fakes import MONA, post
from tests.storage.samples import new_gallery

POSTS, WIDTH = 300, 8
LISA = Target("lisa", "lisa_(genshin_impact)")
COLUMN = {"mona": 0, "lisa": 1}


def package(root: Path, target: str, number: int, network: bytes) -> ModelCard:
    """A model whose network nobody will ever load."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "net.keras").write_bytes(network)
    weights = np.zeros(WIDTH, np.float32)
    weights[COLUMN[target]] = 1.0
    parts = PackageParts(
        target=target,
        backbone=BackboneFiles("small", root / "net.keras", {}, Preprocessing(96), WIDTH),
        head=Head(weights, -2.5),
        threshold=0.5,
        canaries=[Canary(b"png", np.zeros(WIDTH, np.float32))],
    )
    facts = write_package(root / "models" / target / str(number), parts)
    (root / "net.keras").unlink()
    return ModelCard(target, number, facts.hash, facts.backbone_hash, 0.5)


def seen_by(network: str, shows: np.ndarray) -> np.ndarray:
    """Embeddings, shape (n, width): the sharp network tells the two apart much better than the dim one."""
    found = np.random.default_rng(len(network)).normal(size=(POSTS, WIDTH))
    for name, column in COLUMN.items():
        found[:, column] += np.where(shows == name, {"dim": 3.0, "sharp": 7.0, "blind": 0.0}[network], 0.0)
    return found.astype(np.float16)


async def two_targets(root: Path, network: str) -> tuple[ModelCard, str]:
    """A gallery of two targets on the dim network, and mona's model on another; and the hash of the dim one."""
    old = {name: package(root, name, 1, b"dim") for name in COLUMN}
    new = package(root, "mona", 2, network.encode())
    shows = np.random.default_rng(5).choice(["mona", "lisa", "nobody"], POSTS, p=(0.3, 0.3, 0.4))
    dim, other = seen_by("dim", shows), seen_by(network, shows)
    heads = {name: load_package(root / "models" / name / "1").head for name in COLUMN}
    tags = {"mona": MONA.tag, "lisa": LISA.tag, "nobody": "keqing_(genshin_impact)"}
    posts = [
        replace(
            post(number),
            tags=PostTags(character=() if number % 5 < 2 else (tags[shows[number - 1]],)),
            file=FileVersion(f"{number:032x}", "png", 100, 10, 10, "http://127.0.0.1/x.png"),
            parent_id=None,
        )
        for number in range(POSTS, 0, -1)
    ]
    ruling = Ruling(Policy(), old)
    async with Archive.open(new_gallery(root), ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.save_targets("demo", [MONA, LISA])
        for card in old.values():
            await archive.register_model(card, {"round": 0}, activate=True)
        run_id = await archive.begin_run(RunStart("crawl", "demo", "genshin_impact", list(COLUMN)))
        listing = await archive.open_listing("demo", "genshin_impact")
        await archive.file_page(listing.id, ListedPage(posts, (), 1, run_id))
        for one in posts:
            row = one.id - 1
            vectors = {old["mona"].backbone_hash: dim[row].tobytes(), new.backbone_hash: other[row].tobytes()}
            look = Look({name: head.score(dim[row].tobytes()) for name, head in heads.items()}, vectors, 10, 10, "png")
            decisions = [ruling.decide(target, one.tags, look) for target in (MONA, LISA)]
            await archive.file_look(Sighting(post=one, look=look, decisions=decisions, run_id=run_id, models=old))
        await archive.register_model(new, {"round": 1, "how": "network"}, activate=True)
    return new, old["lisa"].backbone_hash


async def follow_to(root: Path, network: str) -> list[RoundOutcome]:
    """Mona gets another network, and lisa is asked to follow."""
    new, left = await two_targets(root, network)
    change = NetworkChange(card=new, left=left, models=root / "models", references=nobody_gave_any)
    async with Archive.open(new_gallery(root), ArchiveSettings(reserve_bytes=0)) as archive:
        with open_reader(root) as reader:
            return await follow(archive, reader, change, HeadRoundSettings(force=True), unreported)


async def nobody_gave_any(seen_by: Package, model: RegisteredModel, before: Package) -> None:
    """No model here has references."""


def in_force(root: Path, target: str) -> ModelCard:
    with open_reader(root) as reader:
        found = reader.active_model(target)
    assert found is not None
    return found.card


def test_a_target_that_shared_the_old_network_follows_to_the_new_one(tmp_path: Path) -> None:
    (lisa,) = asyncio.run(follow_to(tmp_path / "root", "sharp"))

    assert lisa.activated
    assert in_force(tmp_path / "root", "lisa") == lisa.card
    assert lisa.card.backbone_hash == in_force(tmp_path / "root", "mona").backbone_hash
    assert load_package(tmp_path / "root/models/lisa/2").target == "lisa"
    assert lisa.rescored is not None
    assert lisa.rescored.posts == POSTS


def test_a_target_that_the_new_network_does_not_see_keeps_its_model_even_when_the_other_was_forced(
    tmp_path: Path,
) -> None:
    (lisa,) = asyncio.run(follow_to(tmp_path / "root", "blind"))

    assert not lisa.activated
    assert in_force(tmp_path / "root", "lisa").name == "lisa/1"
