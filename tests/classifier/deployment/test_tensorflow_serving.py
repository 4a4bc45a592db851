"""The SavedModel answers the requests that TensorFlow Serving takes, as docs/deployment.md has them.

The server itself cannot be installed here; a stand-in speaks its gRPC service, and reads its REST bodies by its rules.
"""

from __future__ import annotations

import base64
import json
import re
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.deployment.formats import FORMATS
from classifier.deployment.scoring_network import scoring_network
from classifier.deployment.writers import write
from classifier.inference.runtime_choice import SCORE_TOLERANCE, canary_pictures
from classifier.package.package import Package

DOCS = Path(__file__).resolve().parents[3] / "docs" / "deployment.md"


@pytest.fixture(autouse=True)
def _libraries_may_warn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def loaded(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The export, loaded as the server loads it: the highest version below the model's folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow

        folder = tmp_path_factory.mktemp("served")
        write(FORMATS["saved_model"], scoring_network(package), folder, package.preprocessing)
        version = max((folder / "model").iterdir(), key=lambda path: int(path.name))
        return tensorflow.saved_model.load(str(version))


def grpc_server(loaded: Any) -> tuple[Any, str]:
    """A server that does with a PredictRequest what TensorFlow Serving does, on a free port of this machine."""
    import grpc
    import tensorflow
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    class StandIn(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc] # untyped
        def Predict(self, request: Any, _context: Any) -> Any:  # noqa: N802 - the service calls it so
            signature = loaded.signatures[request.model_spec.signature_name]
            given = {name: tensorflow.constant(tensorflow.make_ndarray(one)) for name, one in request.inputs.items()}
            answer = predict_pb2.PredictResponse()
            for name, one in signature(**given).items():
                answer.outputs[name].CopyFrom(tensorflow.make_tensor_proto(one.numpy()))
            return answer

    server = grpc.server(ThreadPoolExecutor(1), options=[("grpc.max_receive_message_length", -1)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(StandIn(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


def test_the_client_of_the_docs_gets_the_packages_scores(loaded: Any, package: Package) -> None:
    code = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[0]
    server, address = grpc_server(loaded)
    found: dict[str, Any] = {"address": address, "pictures": canary_pictures(package)}
    try:
        exec(compile(code, str(DOCS), "exec"), found)
    finally:
        server.stop(None).wait()

    assert found["probabilities"][:, 0] == pytest.approx(package.canaries.scores, abs=SCORE_TOLERANCE)


def test_more_pictures_than_grpcs_own_limit_fit_into_a_call(loaded: Any, package: Package) -> None:
    code = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[0]
    many = np.resize(canary_pictures(package), (6000, 16, 16, 3))  # 4.6 megabytes
    server, address = grpc_server(loaded)
    found: dict[str, Any] = {"address": address, "pictures": many}
    try:
        exec(compile(code, str(DOCS), "exec"), found)
    finally:
        server.stop(None).wait()

    assert found["probabilities"].shape == (6000, 1)


def rest_answer(loaded: Any, body: bytes) -> dict[str, Any]:
    """What TensorFlow Serving makes of a body of `:predict`: rows of one input, `{"b64": …}` for bytes."""
    import tensorflow

    asked = json.loads(body)
    signature = loaded.signatures[asked.get("signature_name", "serving_default")]
    ((name, spec),) = signature.structured_input_signature[1].items()
    rows = [base64.b64decode(one["b64"]) if isinstance(one, dict) else one for one in asked["instances"]]
    ((_, answer),) = signature(**{name: tensorflow.constant(rows, dtype=spec.dtype)}).items()
    return {"predictions": answer.numpy().tolist()}


def test_rest_takes_files_in_base64(loaded: Any, package: Package) -> None:
    encoded = [{"b64": base64.b64encode(picture).decode()} for picture in package.canaries.pictures]

    answer = rest_answer(loaded, json.dumps({"signature_name": "serving_bytes", "instances": encoded}).encode())

    assert np.array(answer["predictions"])[:, 0] == pytest.approx(package.canaries.scores, abs=0.01)


def test_rest_takes_pixels(loaded: Any, package: Package) -> None:
    rows = canary_pictures(package).tolist()

    answer = rest_answer(loaded, json.dumps({"instances": rows}).encode())

    assert np.array(answer["predictions"])[:, 0] == pytest.approx(package.canaries.scores, abs=SCORE_TOLERANCE)
