"""What a gallery must look like after any sequence of commands: a few rules, which share nothing with the program.

Time is counted in days from the first command. A "mind" is what a decision rests on: the model that holds and the
person's last word; a file that a person brought back stays until the mind changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

UNDECIDED = "undecided"
Mind = tuple[str, int]  # the model whose decision stands, and the number of the label that stands (0: none)


@dataclass(slots=True)
class ModelPicture:
    """One file version of one post."""

    bright: bool
    decided_by: str = ""  # the model whose decision stands; empty: nobody has decided
    decision: str | None = None
    label: str | None = None
    label_number: int = 0
    spoken_of: bool = False  # whether a person ever said anything of it, or took it back
    place: str = "none"  # none | gallery | trash | purged
    moved_on: float = 0.0  # the day on which it went to the trash
    brought_back: Mind | None = None  # under which mind its last move was a way back

    @property
    def holds(self) -> str | None:
        """Keep, delete, undecided, or nothing."""
        return {"unsure": UNDECIDED, None: self.decision}.get(self.label, self.label)

    @property
    def mind(self) -> Mind:
        """What that rests on."""
        return self.decided_by, self.label_number

    def back(self) -> None:
        """A way back from the trash."""
        self.place, self.brought_back = "gallery", self.mind

    def fetched(self) -> None:
        """The original came from the site."""
        self.place, self.brought_back = "gallery", None


@dataclass(slots=True)
class ModelPost:
    """One post of the site."""

    tagged: bool
    pictures: dict[str, ModelPicture] = field(default_factory=dict)  # by md5, all that were ever listed
    current: str = ""  # md5 of the one that was listed last


@dataclass(slots=True)
class ReferenceModel:
    """Everything that the program should know."""

    posts: dict[int, ModelPost]
    now: float = 0.0  # days
    newest: float = 0.0  # the latest time that anything was recorded at
    labels: list[tuple[int, str, str]] = field(default_factory=list)  # every label that was ever filed
    last_words: dict[str, str] = field(
        default_factory=dict
    )  # by md5: labels are about files, whichever post shows them
    words: int = 0

    def crawl(self, model: str, shown: dict[int, tuple[str, bool]]) -> None:
        """Every post is decided anew by the model; what is to be kept comes home. Nothing leaves.

        Args:
            model: `honest` keeps bright pictures, `contrary` dark ones; `distrustful` does not believe tags either.
            shown: by post, what the site shows now: md5, and whether it is bright.
        """
        self._recorded()
        for post_id, (md5, bright) in shown.items():
            post = self.posts[post_id]
            picture = post.pictures.setdefault(md5, ModelPicture(bright))
            post.current = md5
            believed = post.tagged and model != "distrustful"
            picture.decision = "keep" if believed or picture.bright != (model == "contrary") else "delete"
            picture.decided_by = model
            if not picture.spoken_of and self.last_words.get(md5, "clear") != "clear":
                self._say(post_id, self.last_words[md5])
        for post in self.posts.values():
            picture = post.pictures[post.current]
            if picture.holds == "keep":
                self._home(picture)

    def label(self, post_id: int, value: str) -> None:
        """A person says something about a post's current picture, and so of every post that shows the same file."""
        self._recorded()
        md5 = self.posts[post_id].current
        self.last_words[md5] = value
        self._say(post_id, value)
        for other, post in self.posts.items():
            if other != post_id and post.current == md5:
                self._say(other, value)

    def apply(self) -> None:
        """Files follow what holds: rejects to the trash, kept ones back, missing ones from the site."""
        for picture in self._pictures():
            if picture.place == "gallery" and picture.holds == "delete" and picture.brought_back != picture.mind:
                picture.place, picture.moved_on = "trash", self.now
                self._recorded()
            elif picture.place == "trash" and picture.holds == "keep":
                picture.back()
                self._recorded()
        for post in self.posts.values():
            if post.current and post.pictures[post.current].holds == "keep":
                self._home(post.pictures[post.current])

    def restore(self, post_id: int) -> None:
        """One post's files come back from the trash, whatever holds."""
        for picture in self.posts[post_id].pictures.values():
            if picture.place == "trash":
                picture.back()
                self._recorded()

    def purge(self, older_than: float) -> bool:
        """Rejects that have been in the trash for so many days are destroyed; False: the clock cannot be believed."""
        if self.now < self.newest:
            return False
        for picture in self._pictures():
            if picture.place == "trash" and picture.holds == "delete" and self.now - picture.moved_on >= older_than:
                picture.place = "purged"
                self._recorded()
        return True

    def state(self) -> dict[tuple[int, str], tuple[str | None, str]]:
        """What holds and where the file is, by post and md5."""
        return {
            (post_id, md5): (picture.holds, picture.place)
            for post_id, post in self.posts.items()
            for md5, picture in post.pictures.items()
        }

    def in_trash(self) -> list[int]:
        """Posts that have a file in the trash."""
        return [n for n, post in self.posts.items() if any(one.place == "trash" for one in post.pictures.values())]

    def _home(self, picture: ModelPicture) -> None:
        if picture.place == "trash":
            picture.back()
        elif picture.place != "gallery":
            picture.fetched()

    def _say(self, post_id: int, value: str) -> None:
        self.words += 1
        picture = self._current(post_id)
        picture.spoken_of = True
        picture.label, picture.label_number = (None, 0) if value == "clear" else (value, self.words)
        self.labels.append((post_id, "mona", value))

    def _current(self, post_id: int) -> ModelPicture:
        return self.posts[post_id].pictures[self.posts[post_id].current]

    def _pictures(self) -> list[ModelPicture]:
        return [picture for post in self.posts.values() for picture in post.pictures.values()]

    def _recorded(self) -> None:
        self.newest = max(self.newest, self.now)
