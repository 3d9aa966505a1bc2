"""The server's figures for Prometheus, read when they are asked for: nothing is counted twice, or while nobody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prometheus_client.metrics_core import Metric

    from aiortstream.local.services.overview import ShownStream, StatusAnswer

CONTENT_TYPE = CONTENT_TYPE_LATEST
_STREAM = ("rtstream_id", "name")
_STAGE = (*_STREAM, "stage")


def exposition(status: StatusAnswer, *, websockets: int, webhooks: int) -> bytes:
    """The text that Prometheus scrapes. `websockets` are open, `webhooks` wait to be delivered."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(status, websockets, webhooks))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, status: StatusAnswer, websockets: int, webhooks: int) -> None:
        self._status = status
        self._websockets = websockets
        self._webhooks = webhooks

    def collect(self) -> Iterable[Metric]:
        yield _gauge("aiortstream_info", "Always 1; the version is its label.", ("version",), [(self._status.version,)])
        yield GaugeMetricFamily("aiortstream_websockets", "Websockets that are open.", value=self._websockets)
        yield GaugeMetricFamily("aiortstream_webhooks_pending", "Callbacks to be delivered.", value=self._webhooks)
        yield from _of_streams(self._status.rtstreams)
        yield from _of_stages(self._status.rtstreams)


def _gauge(name: str, told: str, labels: Sequence[str], ones: Iterable[Sequence[str]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=labels)
    for values in ones:
        family.add_metric(values, 1)
    return family


def _of_streams(streams: Sequence[ShownStream]) -> Iterator[Metric]:
    status = GaugeMetricFamily(
        "aiortstream_stream_status", "1 for the status that a stream has.", labels=(*_STREAM, "status")
    )
    packets = CounterMetricFamily("aiortstream_stream_packets", "Packets taken in.", labels=_STREAM)
    silence = GaugeMetricFamily("aiortstream_stream_silence_seconds", "Since the last packet.", labels=_STREAM)
    dropped = CounterMetricFamily("aiortstream_stream_frames_dropped", "Pictures not decoded.", labels=_STREAM)
    attempts = GaugeMetricFamily(
        "aiortstream_stream_attempts", "Openings of the source since it was connected last.", labels=_STREAM
    )
    for stream in streams:
        labels = (stream.id, stream.name or "")
        status.add_metric((*labels, stream.status or ""), 1)
        for family, value in (
            (packets, stream.packets),
            (silence, stream.silence),
            (dropped, stream.frames_dropped),
            (attempts, stream.attempts),
        ):
            if value is not None:
                family.add_metric(labels, value)
    yield from (status, packets, silence, dropped, attempts)


def _of_stages(streams: Sequence[ShownStream]) -> Iterator[Metric]:
    records = CounterMetricFamily("aiortstream_stage_records", "Records made.", labels=_STAGE)
    dropped = CounterMetricFamily(
        "aiortstream_stage_dropped", "What it had no time for: windows, or seconds of sound.", labels=_STAGE
    )
    failures = CounterMetricFamily("aiortstream_stage_failures", "Calls of models that failed.", labels=_STAGE)
    delay = GaugeMetricFamily(
        "aiortstream_stage_delay_seconds",
        "Between the end of what the newest record tells of and the record.",
        labels=_STAGE,
    )
    for stream in streams:
        for stage in stream.stages:
            labels = (stream.id, stream.name or "", stage.name)
            records.add_metric(labels, stage.records)
            dropped.add_metric(labels, stage.dropped)
            failures.add_metric(labels, stage.failures)
            if stage.delay is not None:
                delay.add_metric(labels, stage.delay)
    yield from (records, dropped, failures, delay)
