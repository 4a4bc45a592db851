"""What the service has done, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from serving.scorer import OUTCOMES, ServedModel

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class ServiceMetrics:
    """Counters of one service, in a registry of their own."""

    def __init__(self, model: ServedModel) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter("boorusieve_requests", "Requests answered.", ["path", "status"], registry=registry)
        self._seconds = Histogram(
            "boorusieve_score_seconds", "From a request's pictures to its answer.", registry=registry, buckets=_SECONDS
        )
        self._pictures = Counter("boorusieve_pictures", "Pictures scored.", ["outcome"], registry=registry)
        self._bytes = Counter("boorusieve_picture_bytes", "Bytes of these pictures.", registry=registry)
        self._in_flight = Gauge("boorusieve_score_requests_in_flight", "Requests being scored.", registry=registry)
        info = Gauge("boorusieve_model_info", "The model that is served.", ["model", "device"], registry=registry)
        info.labels(model.name, model.device).set(1)
        for outcome in OUTCOMES:
            self._pictures.labels(outcome)

    @contextmanager
    def scoring(self) -> Iterator[None]:
        """Time one request's scoring."""
        with self._in_flight.track_inprogress(), self._seconds.time():
            yield

    def picture(self, outcome: str, size: int) -> None:
        """Count a picture of so many bytes."""
        self._pictures.labels(outcome).inc()
        self._bytes.inc(size)

    def request(self, path: str, status: int) -> None:
        """Count an answer."""
        self._requests.labels(path, str(status)).inc()

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)
