"""A tagger's network in ONNX Runtime: pictures in, one probability a tag out, and its penultimate layer.

What the files say is compared with what the network itself says: its input's axes and size, the length of its answer.
Whether the answer is probabilities or logits is seen from the answers. The penultimate layer is an answer of its own in
some files; of others the graph says which tensor it is (`classifier.taggers.graph`). Where it cannot be had, the
tagger works as it is.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import Float32Array
from classifier.errors import TaggerError
from classifier.pictures.preprocessing import MOST_SIZE, Pixels, Preprocessing
from classifier.taggers.forms import TaggerForm
from classifier.taggers.graph import read_graph, with_answers
from system.regular_files import open_regular

MISSING = "[tagger] needs ONNX Runtime, which is not installed: pip install 'boorusieve[taggers]'"
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_PREFERRED = ("prediction", "refined", "prob", "sigmoid")  # in the name of the answer, where there are several
_EMBEDDING = "embed"  # in the name of the answer that is the penultimate layer
_MOST_NUMBERS = 8192  # of a penultimate layer
_MOST_EDITED_BYTES = (2 << 30) - (1 << 20)  # no message is longer; what is too large for one has its weights beside it
_SLACK = 1e-3  # by which a probability may leave 0..1
_PIECE = 1 << 20  # bytes that are hashed at once


@dataclass(frozen=True, slots=True)
class _Input:
    """What the network takes."""

    name: str
    dtype: npt.DTypeLike
    channels_last: bool
    size: int  # pixels of both sides
    batch: int | None  # pictures; None: any number


@dataclass(frozen=True, slots=True, eq=False)
class TaggerAnswers:
    """What a tagger says of n pictures."""

    probabilities: Float32Array  # (n, tags) 0..1; not-a-number where the network gives none
    vectors: npt.NDArray[np.float16] | None  # (n, k) of the penultimate layer; None: it cannot be had


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A session, and which of its answers is what."""

    session: Any
    answer: str
    layer: str  # "": the penultimate layer cannot be had


def require_runtime() -> None:
    """Refuse where ONNX Runtime is not installed.

    Raises:
        TaggerError: with what to install.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        raise TaggerError(MISSING)


class OnnxTagger:
    """A loaded tagger."""

    def __init__(self, form: TaggerForm, *, device: str = "auto", threads: int = 0) -> None:
        """Load the network.

        Args:
            form: what its folder holds.
            device: auto | cpu | gpu; a GPU is used where the installed ONNX Runtime can.
            threads: of the CPU; 0: as many as there are cores.
        Raises:
            TaggerError: it cannot be loaded, or is not what the form says.
        """
        require_runtime()
        self._form = form
        loaded = _loaded(form, device, threads)
        self._session, self._output, self._layer = loaded.session, loaded.answer, loaded.layer
        self._input = _input(form, self._session.get_inputs())
        self._logits: bool | None = None  # unknown until the first answers
        self._mean = np.array(form.mean, np.float32)
        self._deviation = np.array(form.deviation, np.float32)

    @property
    def preprocessing(self) -> Preprocessing:
        """How pictures must be made ready."""
        form = self._form
        return Preprocessing(self._input.size, fit=form.fit, resample=form.resample, pad_value=form.pad_value)

    @property
    def tags(self) -> tuple[str, ...]:
        """What the answers are about, in order; "" for a place without a tag."""
        return self._form.tags

    @property
    def largest(self) -> int:
        """Pictures that make a good batch: a CPU computes large networks no faster together."""
        return self._input.batch or (8 if "CUDAExecutionProvider" in self._session.get_providers() else 1)

    @property
    def device(self) -> str:
        """cpu | gpu."""
        return "gpu" if "CUDAExecutionProvider" in self._session.get_providers() else "cpu"

    @property
    def layer(self) -> str:
        """Which layer the vectors are of, and how pictures were fed: with the tagger's hash it says what vectors are
        comparable; "": there are none.
        """
        form = self._form
        feeding = (form.bgr, form.mean, form.deviation, self.preprocessing.to_json())
        return f"{self._layer} {feeding}" if self._layer else ""

    def forget_layer(self) -> None:
        """Do without the penultimate layer from now on: its numbers are of no use."""
        self._layer = ""

    def probabilities(self, pictures: Pixels) -> Float32Array:
        """One probability a tag, as `answers` gives them."""
        return self.answers(pictures).probabilities

    def answers(self, pictures: Pixels) -> TaggerAnswers:
        """One probability a tag, and the penultimate layer.

        Args:
            pictures: RGB, shape (n, size, size, 3), values 0..255.
        Raises:
            TaggerError: the network fails, or answers in another shape than it promised.
        """
        step = self._input.batch or max(1, len(pictures))
        parts = [self._answers(pictures[at : at + step], step) for at in range(0, len(pictures), step)]
        probabilities = self._as_probabilities(np.concatenate([answer for answer, _ in parts]))
        vectors = np.concatenate([vectors for _, vectors in parts]) if self._layer else None
        return TaggerAnswers(probabilities, vectors)

    def _answers(self, pictures: Pixels, batch: int) -> tuple[Float32Array, npt.NDArray[np.float16]]:
        """What the network says, as it says it, and its penultimate layer, without numbers where there is none."""
        fed = self._fed(pictures)
        if len(fed) < batch:
            fed = np.concatenate([fed, np.repeat(fed[-1:], batch - len(fed), axis=0)])
        wanted = [self._output, *([self._layer] if self._layer else [])]
        try:
            answer, *layers = self._session.run(wanted, {self._input.name: fed})
        except Exception as error:  # the runtime raises a dozen types of its own; each means the same to us
            raise TaggerError(f"{self._form.model} fails: {_first_line(error)}") from error
        if answer.shape != (batch, len(self._form.tags)):
            raise TaggerError(
                f"{self._form.model} answers {answer.shape} for {batch} pictures, its list has "
                f"{len(self._form.tags)} tags; network and list do not belong together"
            )
        return np.asarray(answer[: len(pictures)], np.float32), self._vectors(layers, batch)[: len(pictures)]

    def _vectors(self, layers: list[Any], batch: int) -> npt.NDArray[np.float16]:
        """The penultimate layer, one row a picture; it is done without where it has no row a picture."""
        fits = bool(layers) and layers[0].shape[:1] == (batch,) and 0 < layers[0].size <= batch * _MOST_NUMBERS
        if not fits or layers[0].dtype.kind != "f":
            self._layer = ""
            return np.zeros((batch, 0), np.float16)
        with np.errstate(over="ignore"):  # becomes infinite, and that picture has no vector
            return np.asarray(layers[0].reshape(batch, -1).astype(np.float16))

    def _fed(self, pictures: Pixels) -> npt.NDArray[Any]:
        """Pixels as the network wants them."""
        ordered = pictures[..., ::-1] if self._form.bgr else pictures
        values: npt.NDArray[Any] = ordered
        if self._input.dtype != np.uint8:
            values = (ordered.astype(np.float32) - self._mean) / self._deviation
        axes = values if self._input.channels_last else values.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(axes.astype(self._input.dtype, copy=False))

    def _as_probabilities(self, answers: Float32Array) -> Float32Array:
        """Logits become probabilities. The first answers tell which they are: no hundred logits lie within 0..1."""
        if self._logits is None:
            finite = answers[np.isfinite(answers)]
            self._logits = bool(finite.size) and bool((finite < -_SLACK).any() or (finite > 1 + _SLACK).any())
        if self._logits:
            return np.asarray(1.0 / (1.0 + np.exp(-np.clip(answers, -80, 80))), np.float32)
        return np.clip(answers, 0.0, 1.0)


def hash_of(form: TaggerForm) -> str:
    """Hex digits that tell this tagger from others: of its network's bytes and its tags.

    Raises:
        TaggerError: the network cannot be read.
    """
    digest = hashlib.sha256("\n".join((form.kind, *form.tags)).encode())
    try:
        with open_regular(form.model, form.model.stat().st_size) as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise TaggerError(f"{form.model} cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()


def network_of(tagger_hash: str, layer: str) -> str:
    """What keys stored vectors of a penultimate layer: begins with the tagger's hash; "" where there is no layer.

    Args:
        tagger_hash: from `hash_of`.
        layer: of the tagger that was loaded.
    """
    return f"{tagger_hash}.{hashlib.sha256(layer.encode()).hexdigest()[:16]}" if layer else ""


def _loaded(form: TaggerForm, device: str, threads: int) -> _Loaded:
    """The network with its penultimate layer as an answer, or without where it cannot be had so."""
    try:
        graph = read_graph(form.model)
        hidden = graph.hidden_layers if form.model.stat().st_size <= _MOST_EDITED_BYTES else ()
        session = _session(form.model, device, threads, hidden)
    except (OSError, ValueError, MemoryError, TaggerError):  # what is wrong with the file, the runtime says better
        session = _session(form.model, device, threads)
        return _Loaded(session, _output(form, session.get_outputs()), "")
    outputs = [one for one in session.get_outputs() if one.name not in hidden]
    answer = _output(form, outputs)
    named = [one.name for one in outputs if one.name != answer and _EMBEDDING in one.name.lower()]
    return _Loaded(session, answer, named[0] if named else graph.penultimate(answer))


def _session(model: Path, device: str, threads: int, hidden: Sequence[str] = ()) -> Any:
    """A session of a network; with hidden tensors, these are answers of it too."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what it has to say comes as an exception
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others compute on this machine too
    if hidden:  # without a path of its own, the network does not know where weights beside it are
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(model.parent))
    able = onnxruntime.get_available_providers()
    wanted = ("CPUExecutionProvider",) if device == "cpu" else ("CUDAExecutionProvider", "CPUExecutionProvider")
    source = with_answers(model, hidden) if hidden else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=[one for one in wanted if one in able])
    except Exception as error:  # as in `OnnxTagger._answers`
        raise TaggerError(f"ONNX Runtime refuses {model}: {_first_line(error)}") from error


def _input(form: TaggerForm, inputs: list[Any]) -> _Input:
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _TYPES:
        shown = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
        raise TaggerError(f"{form.model} takes {shown}; a tagger takes one batch of pictures")
    batch, *axes = inputs[0].shape
    last, first = axes[2] == 3, axes[0] == 3
    if last == first:
        raise TaggerError(f"{form.model} takes {inputs[0].shape}: neither rows × columns × 3 nor 3 × rows × columns")
    height, width = axes[:2] if last else axes[1:]
    if form.kind == "wd" and not last:
        raise TaggerError(
            f"{form.model} takes 3 × rows × columns, which selected_tags.csv alone does not explain: its scale is not "
            "known; put the preprocess.json of the same download beside it"
        )
    sides = {side for side in (height, width) if isinstance(side, int)} or {form.size}
    if len(sides) != 1 or not 1 <= min(sides) <= MOST_SIZE:
        raise TaggerError(f"{form.model} takes pictures of {height} × {width}; squares of 1 to {MOST_SIZE} can be fed")
    fixed = batch if isinstance(batch, int) and batch > 0 else None
    return _Input(inputs[0].name, _TYPES[inputs[0].type], last, min(sides), fixed)


def _output(form: TaggerForm, outputs: list[Any]) -> str:
    """The name of the answer: as long as the list, by its name where several are."""
    count = len(form.tags)
    fits = [
        one for one in outputs if len(one.shape) == 2 and (one.shape[1] == count or not isinstance(one.shape[1], int))
    ]
    exact = [one for one in fits if one.shape[1] == count] or fits
    if not exact:
        shown = ", ".join(f"{one.name} {one.shape}" for one in outputs)
        raise TaggerError(
            f"{form.model} answers {shown}, its list has {count} tags; network and list do not belong together"
        )
    for word in _PREFERRED:
        for one in exact:
            if word in one.name.lower():
                return str(one.name)
    return str(exact[-1].name)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
