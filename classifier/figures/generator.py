"""Figures of a generator: both losses, and the distance of what it paints, against the steps of its training."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from classifier.figures.style import DASHES, Drawing, Palette, draw

NAMES = ("losses", "distance")  # of the figures


def losses_figure(steps: Sequence[int], generator: Sequence[float], discriminator: Sequence[float]) -> Drawing:
    """Both losses, nats, against the steps."""

    def plot(figure: Figure, palette: Palette) -> None:
        axes = figure.add_subplot()
        for values, words, colour, dash in zip(
            (generator, discriminator), ("generator", "discriminator"), palette.lines, DASHES, strict=False
        ):
            axes.plot(steps, values, color=colour, linestyle=dash, label=words, linewidth=1.4)
        axes.set_xlabel("steps")
        axes.set_ylabel("loss, nats")
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper right")

    alt = (
        f"Losses over {steps[-1]} steps: the generator's from {generator[0]:.2f} to {generator[-1]:.2f}, "
        f"the discriminator's from {discriminator[0]:.2f} to {discriminator[-1]:.2f}."
    )
    return draw("losses", "Both losses", alt, (7.5, 4.2), plot)


def distance_figure(steps: Sequence[int], distances: Sequence[float], kept: int) -> Drawing:
    """The kernel distance of the validation pictures against the steps; a line where the weights were kept."""

    def plot(figure: Figure, palette: Palette) -> None:
        axes = figure.add_subplot()
        axes.plot(steps, distances, color=palette.lines[0], marker="o", markersize=3, linewidth=1.4)
        axes.axvline(kept, color=palette.quiet, linewidth=1)
        axes.annotate("kept", (kept, max(distances)), color=palette.text, rotation=90, ha="right", va="top")
        axes.set_xlabel("steps")
        axes.set_ylabel("kernel distance to unseen pictures")
        axes.set_ylim(bottom=min(0.0, *distances))

    alt = (
        f"Kernel distance of painted pictures to unseen ones over {steps[-1]} steps: {distances[0]:.3f} at first, "
        f"least {min(distances):.3f}; the weights of step {kept} were kept."
    )
    return draw("distance", "How far painted pictures are from real ones", alt, (7.5, 4.2), plot)
