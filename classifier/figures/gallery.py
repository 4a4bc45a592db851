"""Figures of a gallery: what was kept by month, rating, artist and score, and what of it nobody had tagged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from classifier.figures.style import Drawing, Palette, draw

TAGGED, FOUND = "tagged at the site", "found without a tag"
_MOST_TICKS = 12
_LONGEST = 28  # letters of a name


@dataclass(frozen=True, slots=True)
class Bars:
    """Posts by something, divided by whether the site's tags name the target."""

    names: Sequence[str]
    tagged: Sequence[int]
    found: Sequence[int]

    @property
    def sums(self) -> Sequence[int]:
        """Both."""
        return [one + other for one, other in zip(self.tagged, self.found, strict=True)]


def over_time_figure(name: str, months: Bars) -> Drawing:
    """What is kept, by the month in which it was posted; every month between the first and the last is a name."""

    def plot(figure: Figure, palette: Palette) -> None:
        axes = figure.add_subplot()
        _stacked(axes, months, palette)
        step = max(1, -(-len(months.names) // _MOST_TICKS))
        places = range(0, len(months.names), step)
        axes.set_xticks(list(places), [months.names[at] for at in places], rotation=30, ha="right")
        axes.set_ylabel("posts kept")
        _legend(figure, axes)

    busiest = max(range(len(months.names)), key=lambda at: months.sums[at])
    alt = (
        f"Posts kept by month, {months.names[0]} to {months.names[-1]}: {sum(months.tagged)} tagged at the site and "
        f"{sum(months.found)} found without a tag; most, {months.sums[busiest]}, in {months.names[busiest]}."
    )
    return draw(name, "Kept, by the month of the post", alt, (7.5, 3.8), plot)


def ratings_figure(name: str, ratings: Bars) -> Drawing:
    """What is kept, by rating."""

    def plot(figure: Figure, palette: Palette) -> None:
        axes = figure.add_subplot()
        _stacked(axes, ratings, palette)
        axes.set_xticks(range(len(ratings.names)), [_short(one) for one in ratings.names])
        axes.set_ylabel("posts kept")
        _legend(figure, axes)

    each = ", ".join(f"{one} {count}" for one, count in zip(ratings.names, ratings.sums, strict=True))
    return draw(name, "Kept, by rating", f"Posts kept by rating: {each}.", (7.5, 3.8), plot)


def artists_figure(name: str, artists: Bars) -> Drawing:
    """Who made what is kept, the most frequent on top."""

    def plot(figure: Figure, palette: Palette) -> None:
        axes = figure.add_subplot()
        places = range(len(artists.names))
        axes.barh(places, artists.tagged, color=palette.lines[0], label=TAGGED)
        axes.barh(places, artists.found, left=artists.tagged, color=palette.lines[1], hatch="///", label=FOUND,
                  edgecolor=palette.ground, linewidth=0.0)  # fmt: skip
        axes.set_yticks(places, [_short(one) for one in artists.names])
        axes.invert_yaxis()
        axes.set_xlabel("posts kept")
        _legend(figure, axes)

    first = ", ".join(f"{one} {count}" for one, count in list(zip(artists.names, artists.sums, strict=True))[:5])
    height = 1.4 + 0.27 * len(artists.names)
    return draw(name, "Artists of what is kept", f"Posts kept by artist; the most: {first}.", (7.5, height), plot)


def scores_figure(name: str, begins: Sequence[float], posts: Bars, threshold: float | None) -> Drawing:
    """Scores of all posts, on a logarithmic scale: most posts of a search show somebody else.

    Args:
        name: of its files.
        begins: where each step of 0.05 begins, 0..1.
        posts: how many there are in each.
        threshold: of the model in force.
    """

    def plot(figure: Figure, palette: Palette) -> None:
        axes = figure.add_subplot()
        for values, colour, words, shift in (
            (posts.tagged, palette.lines[0], TAGGED, 0.0125),
            (posts.found, palette.lines[1], "not tagged", 0.0375),
        ):
            axes.bar([one + shift for one in begins], values, width=0.023, color=colour, label=words)
        if threshold is not None:
            axes.axvline(threshold, color=palette.quiet, linewidth=1)
            place = (threshold, 0.97)
            words, grid = f"threshold {threshold:.2f}", ("data", "axes fraction")
            axes.annotate(words, place, xycoords=grid, color=palette.text, rotation=90, ha="right", va="top")
        axes.set_yscale("log")
        axes.set_xlim(0, 1)
        axes.set_xlabel("score")
        axes.set_ylabel("posts")
        _legend(figure, axes)

    high = sum(count for begin, count in zip(begins, posts.found, strict=True) if begin >= 0.9)
    alt = f"Posts by score. Of those that are not tagged, {high} score 0.9 or more, of {sum(posts.found)}."
    return draw(name, "Scores", alt, (7.5, 3.8), plot)


def _stacked(axes: Axes, bars: Bars, palette: Palette) -> None:
    places = range(len(bars.names))
    axes.bar(places, bars.tagged, color=palette.lines[0], label=TAGGED)
    axes.bar(places, bars.found, bottom=bars.tagged, color=palette.lines[1], hatch="///", label=FOUND,
             edgecolor=palette.ground, linewidth=0.0)  # fmt: skip


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)


def _short(name: str) -> str:
    """A name as a figure shows it; a dollar sign would begin mathematics."""
    return (name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…").replace("$", r"\$")
