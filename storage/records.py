"""The records that every room shares.

Parsed once at the edge and frozen from there on: what the site says about a post, what a model thinks of its
picture, what was decided and why. Nothing here knows a database, a network library or Keras.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from storage.ai_weights import SITE_TAGGER as SITE_TAGGER  # with the records, so that every room may use them
from storage.ai_weights import AiTagWeight as AiTagWeight
from storage.ai_weights import ai_shift as ai_shift
from storage.names import COSPLAY, ModelName, TagName, TargetName
from storage.people_count import people_count
from storage.run_error import DocumentedError as DocumentedError  # with the records, so that every room may use them
from storage.run_error import RunError as RunError

ORIGINAL = "original"
ELSEWHERE = "elsewhere"  # in place of a rendition's name: the original lies outside the gallery, at the path given
RENDITION_NAMES = ("180x180", "360x360", "720x720", "sample", "full", ORIGINAL)

PICTURE_EXTENSIONS = frozenset({"jpg", "png", "gif", "webp", "avif"})
FILE_EXTENSIONS = PICTURE_EXTENSIONS | {"mp4", "webm", "swf", "zip"}  # everything that a post's file may be


class Rating(StrEnum):
    """How safe a post is, as the site says."""

    GENERAL = "g"
    SENSITIVE = "s"
    QUESTIONABLE = "q"
    EXPLICIT = "e"


class TagCategory(StrEnum):
    """The site's tag categories, by name."""

    GENERAL = "general"
    ARTIST = "artist"
    COPYRIGHT = "copyright"
    CHARACTER = "character"
    META = "meta"


@dataclass(frozen=True, slots=True)
class PostTags:
    """A post's tags by category, each sorted by name."""

    general: tuple[str, ...] = ()
    artist: tuple[str, ...] = ()
    copyright: tuple[str, ...] = ()
    character: tuple[str, ...] = ()
    meta: tuple[str, ...] = ()

    def of(self, category: TagCategory) -> tuple[str, ...]:
        """The tags of one category."""
        tags: tuple[str, ...] = getattr(self, category.value)
        return tags

    def all(self) -> frozenset[str]:
        """Every tag, whatever its category."""
        return frozenset((*self.general, *self.artist, *self.copyright, *self.character, *self.meta))

    def shown(self) -> tuple[str, ...]:
        """The characters that the tags say are in the picture."""
        return shown_characters(self.character, self.all())


def shown_characters(characters: Iterable[str], tags: Collection[str]) -> tuple[str, ...]:
    """Character tags without costumes: the site adds `x` by itself wherever `x_(cosplay)` says that somebody wears it.

    Args:
        characters: the post's character tags.
        tags: all its tags.
    """
    return tuple(name for name in characters if not name.endswith(COSPLAY) and f"{name}{COSPLAY}" not in tags)


@dataclass(frozen=True, slots=True)
class AiTag:
    """What the site's own tagger says: weak, uncalibrated evidence."""

    name: str
    score: int  # percent, 0..100


TAGGER_FLOOR = 0.1  # 0..1: what the user's own tagger holds less probable is not recorded, the targets' tags apart


def tagger_percent(probability: float) -> int:
    """A probability of the user's tagger as percent, 0..100.

    Below the floor it is 0 for everybody: only of the tags that were targets when it looked is more recorded.
    """
    return round(100 * min(1.0, probability)) if probability >= TAGGER_FLOOR else 0


@dataclass(frozen=True, slots=True)
class TaggerVector:
    """The penultimate layer of the user's own tagger for one picture."""

    network: str  # the tagger's hash, a dot, and which layer and feeding: vectors of equal ones can be compared
    values: bytes  # float16, little endian


@dataclass(frozen=True, slots=True)
class TaggerTags:
    """What the user's own tagger says of one picture."""

    tagger: str  # hash of its network and tags, hex
    name: str  # what people call it
    probabilities: Mapping[str, float]  # tag -> 0..1; those from the floor up, and the targets'
    vector: TaggerVector | None = None  # of a look just now; stored ones are among the picture's embeddings


@dataclass(frozen=True, slots=True)
class Rendition:
    """One copy of the picture that the site serves."""

    name: str  # one of RENDITION_NAMES
    url: str  # absolute
    width: int  # pixels
    height: int  # pixels
    ext: str


@dataclass(frozen=True, slots=True)
class FileVersion:
    """The bytes that a post points to now; replacing them gives a new version under the same post id."""

    md5: str  # 32 lower-case hex digits
    ext: str  # one of FILE_EXTENSIONS, or the site's own where it is not supported
    size: int  # bytes; 0: the site does not say
    width: int  # pixels
    height: int  # pixels
    url: str  # absolute


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One entry of a site, as its API states it."""

    site: str
    id: int
    created_at: datetime  # aware, UTC
    updated_at: datetime  # aware, UTC
    rating: Rating
    tags: PostTags
    file: FileVersion | None  # None: hidden from us; `hidden_reason` says why
    renditions: tuple[Rendition, ...] = ()  # smallest first, the original last
    hidden_reason: str | None = None  # banned | restricted | takedown | safe_mode | gone | unknown
    ai_tags: tuple[AiTag, ...] | None = None  # None: the site did not say
    score: int = 0  # the site's votes, may be negative
    fav_count: int = 0
    source: str = ""
    uploader_id: int | None = None
    parent_id: int | None = None
    has_children: bool = False
    is_pending: bool = False
    is_flagged: bool = False
    is_deleted: bool = False
    is_banned: bool = False
    pixel_hash: str | None = None  # equal for posts whose decoded pixels are equal
    duration_s: float | None = None  # only for animated media
    width: int = 0  # pixels of the original; stated for hidden posts too
    height: int = 0
    ext: str = ""
    size: int = 0  # bytes


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row of the site's answer that is no valid post; recorded, never guessed at."""

    post_id: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Target:
    """What `--keep` names."""

    name: str  # as the user typed it when that is a safe name: `mona`; names folders and rows
    tag: str  # what the site calls it: `mona_(genshin_impact)`
    variants: tuple[str, ...] = ()  # tags that imply it: outfits; they name the target too
    aliases: tuple[str, ...] = ()  # other names that the site has for these tags, former ones among them
    names_before: tuple[str, ...] = ()  # of targets that became part of this one, when the site made one tag of two

    def __post_init__(self) -> None:
        """Refuse names that cannot be one, wherever they come from.

        Raises:
            BadName: says which.
        """
        object.__setattr__(self, "name", TargetName(self.name))
        object.__setattr__(self, "tag", TagName(self.tag))

    @property
    def names(self) -> frozenset[str]:
        """Every tag that names it, by its present name or a former one."""
        return self.present_names.union(self.aliases)

    @property
    def present_names(self) -> frozenset[str]:
        """Every tag that names it today."""
        return frozenset((self.tag, *self.variants))

    @property
    def cosplays(self) -> frozenset[str]:
        """Tags that say that somebody is dressed as this target."""
        return frozenset(f"{name}{COSPLAY}" for name in self.names)

    def named_by(self, tags: PostTags) -> bool:
        """Whether the post's own tags name this target; somebody dressed as it is not it."""
        carried = tags.all()
        return bool(carried) and not carried.isdisjoint(self.names) and carried.isdisjoint(self.cosplays)

    def ai_percent(self, ai_tags: Sequence[AiTag] | None) -> int | None:
        """What the site's tagger gives this target's tag, 0..100; 0 where it names others only.

        Args:
            ai_tags: of the post; None: the site did not say, and neither does the answer.
        """
        if ai_tags is None:
            return None
        own = {self.tag, *self.aliases}
        return max((one.score for one in ai_tags if one.name in own), default=0)

    def ai_percents(self, ai_tags: Sequence[AiTag] | None, tagger_tags: TaggerTags | None) -> Mapping[str, int]:
        """What taggers give this target's tag, 0..100 by source; without those that say nothing.

        Args:
            ai_tags: of the post, by the site's tagger.
            tagger_tags: of its picture, by the user's own.
        """
        site, found = self.ai_percent(ai_tags), dict[str, int]()
        if site is not None:
            found[SITE_TAGGER] = site
        if tagger_tags is not None:
            own = [tagger_tags.probabilities.get(name, 0.0) for name in (self.tag, *self.aliases)]
            found[tagger_tags.tagger] = tagger_percent(max(own))
        return found


class Stratum(IntEnum):
    """Posts that are scored alike: how likely they show a target differs before anybody looks at the picture."""

    NOBODY = 0  # no character tag, or the target's own: the tags name nobody else
    OTHERS = 1  # tagged with somebody else
    NOBODY_GROUP = 2  # the same two, where the general tags say that several people are in it
    OTHERS_GROUP = 3


def stratum_of(tags: PostTags, target: Target | None) -> Stratum:
    """The stratum of a post for one target.

    A post that names the target, or says that somebody is dressed as it, counts with those that name nobody: that it
    names others too is no evidence against the target. Costumes name nobody.

    Args:
        tags: the post's own.
        target: whom it is scored for; None: nobody in particular, so that every name is somebody else's.
    """
    carried = tags.all()
    if not carried:
        return Stratum.NOBODY
    concerned = target is not None and not carried.isdisjoint(target.names | target.cosplays)
    return stratum(others=bool(tags.shown()) and not concerned, group=people_count(tags.general) >= GROUP)


def stratum(*, others: bool, group: bool) -> Stratum:
    """The stratum of a post that names others or not, and shows several people or not."""
    return Stratum(int(others) + 2 * int(group))


GROUP = 2  # people in a picture, by its general tags, from which it shows several


class LabelValue(StrEnum):
    """A person's word."""

    KEEP = "keep"
    DELETE = "delete"
    UNSURE = "unsure"
    CLEAR = "clear"  # takes the word back: what the machine says holds again


class LabelReason(StrEnum):
    """Why a person was asked; only answers to random questions estimate without bias."""

    RANDOM = "random"
    THRESHOLD = "threshold"  # the score is near the threshold
    TAG_ERROR = "tag-error"  # tagged with the target, but it does not look like it; before there was missing-tag: both
    MISSING_TAG = "missing-tag"  # not tagged with it, but it looks like it
    DISAGREEMENT = "disagreement"  # model, site's own tagger and tags differ
    DIVERSE = "diverse"  # unlike everything that was asked before
    MANUAL = "manual"  # nobody asked
    SAME_PICTURE = "same-picture"  # the person labelled another post with the very same file


class DecisionValue(StrEnum):
    """The machine's word."""

    KEEP = "keep"
    DELETE = "delete"
    UNDECIDED = "undecided"


class DecidedBy(StrEnum):
    """What a decision rests on."""

    LABEL = "label"
    TAG = "tag"
    SCORE = "score"
    FAULT = "fault"


class Place(StrEnum):
    """Where a post's original is, for one target."""

    NONE = "none"
    GALLERY = "gallery"
    TRASH = "trash"
    PURGED = "purged"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a decision must say about the model that made it."""

    target: str  # Target.name
    number: int  # counts up per target
    hash: str  # of the whole package, hex
    backbone_hash: str  # of the network that gives the embedding, hex
    threshold: float  # 0..1
    shifts: tuple[float, ...] = ()  # log odds added to the score of a post of each stratum; none: nothing is added
    refusal: str = ""  # why the model may not decide; after a semicolon, what to do. "": it decides
    ai_weights: tuple[AiTagWeight, ...] = ()  # what taggers' words add to the score of a post; none: nothing is added
    tagger_network: str = ""  # `TaggerVector.network` whose vectors it scores by too, where a picture has one
    margin: float | None = None  # log odds from the threshold at which a small rendition decides; None: not measured

    def __post_init__(self) -> None:
        """Refuse a name that cannot be a target's, wherever it comes from.

        Raises:
            BadName: says which.
        """
        object.__setattr__(self, "target", self.named.target)

    @property
    def named(self) -> ModelName:
        """Its name, checked; names its folder."""
        return ModelName(TargetName(self.target), self.number)

    @property
    def name(self) -> str:
        """How people call it: `mona/3`."""
        return str(self.named)

    @property
    def why_it_refuses(self) -> str:
        """The refusal without its advice, short enough to be counted by."""
        return self.refusal.split(";")[0][:100]


@dataclass(frozen=True, slots=True)
class Look:
    """What the classifier saw in one picture: scores for every target, or a fault."""

    scores: Mapping[str, float] = field(default_factory=dict)  # Target.name -> calibrated probability, 0..1
    embeddings: Mapping[str, bytes] = field(default_factory=dict)  # backbone hash -> float16, little endian
    width: int = 0  # of the decoded picture, before any scaling
    height: int = 0
    format: str = ""  # what the bytes really are: jpg | png | gif | webp | avif
    fault: str | None = None  # undecodable | unsupported | too large | truncated | decoder crashed | bad score
    picture_hash: int | None = None  # 64 bits, nearly the same for nearly the same picture; None: no pixels were seen
    tagger_tags: TaggerTags | None = None  # None: there is no tagger, or no pixels were seen
    windows: Mapping[str, bytes] = field(default_factory=dict)  # backbone hash -> its windows' embeddings, end to end
    too_small: bool = False  # faces would be too small to see here, so a low score says nothing


@dataclass(frozen=True, slots=True)
class JudgeStats:
    """What a classifier has done since it started."""

    pictures: int  # pictures scored
    batches: int
    device_busy_s: float  # seconds in which the device computed
    waiting: int  # pictures handed in and not yet answered
    device: str  # cpu | gpu, and what it is called
    runtime: str  # litert | openvino | keras …
    tagger: str = ""  # the user's own tagger: its folder's name and its device; "" where there is none
    tagger_busy_s: float = 0.0  # seconds that it computed


@dataclass(frozen=True, slots=True)
class Decision:
    """Keep, delete, or undecided with a reason; appended, never edited."""

    target: str
    value: DecisionValue
    decided_by: DecidedBy
    reason: str  # for people: `tagged mona_(genshin_impact)`, `0.42 < 0.73`, `undecodable`
    policy: str  # hash of the settings and tag facts that it followed; part of its identity
    score: float | None = None  # 0..1; None only where nothing was scored
    threshold: float | None = None  # 0..1
    model: str | None = None  # ModelCard.name
    model_hash: str | None = None


@dataclass(frozen=True, slots=True)
class StoredRendition:
    """A rendition on disk whose bytes were verified by a full decode."""

    name: str
    path: str  # relative to the root
    ext: str
    width: int
    height: int
    size: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the database already knows of one post's current file version."""

    labels: Mapping[str, LabelValue] = field(default_factory=dict)  # by target: the newest
    decisions: Mapping[str, Decision] = field(default_factory=dict)  # by target: the newest
    scores: Mapping[str, float] = field(default_factory=dict)  # model hash -> score
    embeddings: Mapping[str, bytes] = field(default_factory=dict)  # backbone hash -> float16, little endian
    windows: Mapping[str, bytes] = field(default_factory=dict)  # as `Look.windows`
    too_small: bool = False  # as `Look.too_small`
    tagger_tags: TaggerTags | None = None  # by the user's tagger that looked last
    rendition: StoredRendition | None = None
    places: Mapping[str, Place] = field(default_factory=dict)  # by target
    open_attempts: int = 0  # attempts that were begun and never ended: the program died in them
    died_alone: int = 0  # of those, attempts that were the only ones in flight: here the post itself is to blame
    failed_attempts: int = 0  # attempts that ended in a recorded failure
    unavailable: str | None = None  # why its file is not to be had, while it is not yet time to ask again
    seen: bool = False  # whether another program has its file, by an archive that was imported
