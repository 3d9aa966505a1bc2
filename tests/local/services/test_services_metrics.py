"""What Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from aiortstream.local.services.metrics import exposition
from aiortstream.local.services.overview import ShownStage, ShownStream, StatusAnswer

LABELS = ("rtstream_id", "name", "stage", "status", "version")


def samples(status: StatusAnswer) -> dict[tuple[str, ...], float]:
    """Every sample of ours: its name and the values of its labels, in the order above."""
    text = exposition(status, websockets=3, webhooks=7).decode()
    return {
        (sample.name, *(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("aiortstream_")
    }


def test_a_stream_at_work() -> None:
    stage = ShownStage("porch", 12, 1.5, 2, 0.25, "it failed")
    stream = ShownStream("rts-1", 'Front "door"', "connected", None, True, 1.7e9, 1, 900, 0.125, 4, stages=(stage,))
    found = samples(StatusAnswer("1.2.3", 1.7e9, 1, [stream]))
    of_stream, of_stage = ("rts-1", 'Front "door"'), ("rts-1", 'Front "door"', "porch")
    assert found == {
        ("aiortstream_info", "1.2.3"): 1,
        ("aiortstream_websockets",): 3,
        ("aiortstream_webhooks_pending",): 7,
        ("aiortstream_stream_status", *of_stream, "connected"): 1,
        ("aiortstream_stream_packets_total", *of_stream): 900,
        ("aiortstream_stream_silence_seconds", *of_stream): 0.125,
        ("aiortstream_stream_frames_dropped_total", *of_stream): 4,
        ("aiortstream_stream_attempts", *of_stream): 1,
        ("aiortstream_stage_records_total", *of_stage): 12,
        ("aiortstream_stage_dropped_total", *of_stage): 1.5,
        ("aiortstream_stage_failures_total", *of_stage): 2,
        ("aiortstream_stage_delay_seconds", *of_stage): 0.25,
    }


def test_a_stream_that_is_stopped_has_a_status_and_no_figures() -> None:
    found = samples(StatusAnswer("1.2.3", 1.7e9, 1, [ShownStream("rts-1", None, "stopped", "by request", False)]))
    assert {name for name in found if "rts-1" in name} == {("aiortstream_stream_status", "rts-1", "", "stopped")}


def test_the_process_tells_of_itself() -> None:
    text = exposition(StatusAnswer("1", 1.7e9, 0, []), websockets=0, webhooks=0).decode()
    assert "process_resident_memory_bytes" in text
    assert "python_info" in text
