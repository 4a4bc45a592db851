"""Backbones as the runtimes compute them. Each library is imported when its network is made, never before."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import Float32Array
from classifier.errors import DeviceError
from classifier.inference.openvino_library import openvino_without_telemetry
from classifier.inference.runtime import Pixels, RuntimeSettings
from classifier.package.keras_file import check_network

CPU_SHAPES = (1, 2)  # each shape packs the weights once more, 20 MB; four, and larger ones, were no faster a picture
GPU_SHAPES = (8, 32, 128)  # compiled one by one, so few
_MEMORY_WORDS = ("resource_exhausted", "resourceexhausted", "out of memory", "outofmemory", "oom when")


class LiteRtNetwork:
    """The light interpreter: starts in milliseconds, computes float32 like Keras does."""

    name = "litert"
    pads = False

    def __init__(self, path: Path, settings: RuntimeSettings) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise DeviceError(f"LiteRT is not installed ({error}); pip install ai-edge-litert") from error
        threads = _threads(settings)
        self.shapes = settings.shapes or CPU_SHAPES
        self.device = _cpu_name(threads)
        self._interpreters: dict[int, tuple[Any, int, int]] = {}
        make: Any = Interpreter  # untyped
        self._make = partial(make, str(path), num_threads=threads)
        try:
            self._planned(1)
        except (ValueError, RuntimeError) as error:
            raise DeviceError(f"LiteRT refuses {path}: {error}") from error

    def infer(self, batch: Pixels) -> Float32Array:
        """See `NetworkBackend.infer`."""
        try:
            interpreter, source, result = self._planned(len(batch))
            interpreter.set_tensor(source, batch.astype(np.float32))
            interpreter.invoke()
            return np.asarray(interpreter.get_tensor(result), dtype=np.float32)
        except (ValueError, RuntimeError) as error:
            raise _translated(error, "LiteRT") from error

    def _planned(self, shape: int) -> tuple[Any, int, int]:
        """The interpreter for one batch size; each keeps its own plan, planning again would cost a batch's time."""
        if shape not in self._interpreters:
            with _without_greeting():
                interpreter = self._make()
                source = interpreter.get_input_details()[0]
                interpreter.resize_tensor_input(source["index"], [shape, *source["shape"][1:]])
                interpreter.allocate_tensors()
            result = interpreter.get_output_details()[0]
            self._interpreters[shape] = (interpreter, int(source["index"]), int(result["index"]))
        return self._interpreters[shape]


@contextmanager
def _without_greeting() -> Iterator[None]:
    """Keep a runtime's native chatter ("INFO: Created … delegate") from the user; what fails is raised, not printed."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class OpenVinoNetwork:
    """OpenVINO on the same light file, held to float32 so that scores agree."""

    name = "openvino"
    pads = False

    def __init__(self, path: Path, settings: RuntimeSettings) -> None:
        try:
            openvino = openvino_without_telemetry()
        except ImportError as error:
            raise DeviceError(f"OpenVINO is not installed ({error}); pip install 'boorusieve[openvino]'") from error
        threads = settings.threads or max(1, _threads(settings) // 2)  # its threads wait for one another at work
        self.shapes = settings.shapes or CPU_SHAPES
        self.device = _cpu_name(threads)
        self._core = openvino.Core()
        self._path = str(path)
        self._options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._requests: dict[int, Any] = {}
        self._planned(1)

    def infer(self, batch: Pixels) -> Float32Array:
        """See `NetworkBackend.infer`."""
        request = self._planned(len(batch))
        try:
            return np.array(request.infer([batch.astype(np.float32)])[0], dtype=np.float32)
        except RuntimeError as error:
            raise _translated(error, "OpenVINO") from error

    def _planned(self, shape: int) -> Any:
        if shape not in self._requests:
            try:
                model = self._core.read_model(self._path)
                model.reshape([shape, *list(model.input().partial_shape)[1:]])
                compiled = self._core.compile_model(model, "CPU", self._options)
                self._requests[shape] = compiled.create_infer_request()
            except RuntimeError as error:
                raise _translated(error, "OpenVINO") from error
        return self._requests[shape]


class KerasNetwork:
    """Keras itself, compiled, on whatever backend is configured: the way to a GPU, and the reference on a CPU."""

    name = "keras"

    def __init__(self, path: Path, settings: RuntimeSettings, *, gpu: bool, mixed: bool) -> None:
        try:
            import keras
        except ImportError as error:
            raise DeviceError(f"Keras or its backend is not installed ({error})") from error
        backend = str(keras.backend.backend())
        devices = _keras_gpus(keras)
        if gpu and not devices:
            raise DeviceError(f"Keras on {backend} sees no GPU; use --device cpu, or pip install 'boorusieve[gpu]'")
        self.pads = gpu
        self.shapes = settings.shapes or (GPU_SHAPES if gpu else CPU_SHAPES)
        precision = "mixed float16" if mixed else "float32"
        self.device = f"gpu {devices[0]} ({backend}, {precision})" if gpu else f"cpu ({backend})"
        check_network(path)
        try:
            model = keras.saving.load_model(path, compile=False)  # safe mode: no code in the file is run
        except Exception as error:  # a network that somebody else described may fail anywhere within Keras
            raise _refused(path, error) from error
        self._model = _in_half_precision(keras, model) if mixed else model
        self._model.compile(jit_compile=gpu)

    def infer(self, batch: Pixels) -> Float32Array:
        """See `NetworkBackend.infer`."""
        try:
            # predict() would build a data pipeline for every call; this is the compiled step alone
            return np.asarray(self._model.predict_on_batch(batch.astype(np.float32)), dtype=np.float32)
        except Exception as error:  # every backend has a family of its own for a failing device
            raise _translated(error, "Keras") from error


def gpu_in_sight() -> bool:
    """Whether this machine seems to have a GPU and the libraries to use it, found out without loading any.

    False where CUDA is installed for the whole system instead of for Python; asking for the GPU by name works there.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in {"", "-1"}:
        return False
    driver = Path("/dev/nvidiactl").exists() or Path("/proc/driver/nvidia/version").exists()
    return driver and importlib.util.find_spec("nvidia") is not None  # what `pip install boorusieve[gpu]` brings


def _keras_gpus(keras: Any) -> list[str]:
    try:
        return [str(name) for name in keras.distribution.list_devices("gpu")]
    except (RuntimeError, ValueError, NotImplementedError):  # how a backend without a GPU may say so
        return []


def _in_half_precision(keras: Any, model: Any) -> Any:
    """The same network computing in float16 with float32 weights; its output is float32 again."""

    def rebuilt(layer: Any) -> Any:
        config = layer.get_config()
        exact = keras.layers.InputLayer | keras.layers.Rescaling  # pixels are scaled before they are rounded
        if isinstance(layer, keras.layers.Layer) and not isinstance(layer, exact):  # bare operations have no precision
            config["dtype"] = "mixed_float16"
        return type(layer).from_config(config)

    half = keras.models.clone_model(model, clone_function=rebuilt, recursive=True)  # a backbone may hold another
    half.set_weights(model.get_weights())
    output = keras.layers.Activation("linear", dtype="float32")(half.output)
    return keras.Model(half.input, output)


def _translated(error: Exception, runtime: str) -> Exception:
    """A foreign exception in our words: memory is worth another try, anything else is not."""
    words = f"{type(error).__name__} {error}".lower()
    if isinstance(error, MemoryError) or any(word in words for word in _MEMORY_WORDS):
        return MemoryError(f"{runtime}: {str(error)[:200]}")
    return DeviceError(f"{runtime} failed: {type(error).__name__}: {str(error)[:300]}")


def _refused(path: Path, error: Exception) -> DeviceError:
    """Why Keras does not load a network, in one line."""
    if isinstance(_translated(error, "Keras"), MemoryError):
        return DeviceError(f"{path} needs more memory than a network may take here")
    words = " ".join(str(error).split())
    return DeviceError(f"Keras refuses {path}: {type(error).__name__}: {words[:300]}")


def _threads(settings: RuntimeSettings) -> int:
    return settings.threads or min(4, os.cpu_count() or 1)


def _cpu_name(threads: int) -> str:
    return f"cpu ({threads} thread{'s' if threads != 1 else ''})"
