"""The envelope of REST answers, read and written."""

from __future__ import annotations

import json

import msgspec
import pytest

from aiortstream.wire.envelope import Envelope, JobData, failure, processing, success

read = msgspec.json.Decoder(Envelope).decode


def test_a_success_leaves_its_data_undecoded() -> None:
    envelope = read(b'{"success":true,"data":{"id":"rts-1","n":[1,2]},"later":1}')
    assert envelope.success
    assert not envelope.in_progress
    assert json.loads(bytes(envelope.data)) == {"id": "rts-1", "n": [1, 2]}


def test_a_failure_has_a_message_and_a_code() -> None:
    envelope = read(failure("no such stream", "NOT_FOUND"))
    assert (envelope.success, envelope.message, envelope.error_code) == (False, "no such stream", "NOT_FOUND")


@pytest.mark.parametrize("status", ["processing", "in progress"])
def test_a_job_is_in_progress(status: str) -> None:
    body = {"success": True, "status": status, "request_type": "sync", "data": {"output_url": "http://h/x"}}
    envelope = read(json.dumps(body).encode())
    assert envelope.in_progress
    assert msgspec.json.decode(bytes(envelope.data), type=JobData).output_url == "http://h/x"


@pytest.mark.parametrize("status", ["done", "", None, 3, ["processing"], {"a": 1}])
def test_any_other_status_is_not(status: object) -> None:
    assert not read(json.dumps({"success": True, "status": status}).encode()).in_progress


def test_an_answer_that_says_nothing_of_success_is_one() -> None:
    assert read(b'{"data":{}}').success


def test_the_result_of_a_job_stands_under_response() -> None:
    envelope = read(b'{"success":true,"status":"done","response":{"success":true,"data":{"id":"m-1"}}}')
    assert json.loads(bytes(read(bytes(envelope.response)).data)) == {"id": "m-1"}


def test_bodies_written_are_objects_with_success_and_never_empty() -> None:
    assert json.loads(success({"id": "x"})) == {"success": True, "data": {"id": "x"}}
    assert json.loads(success(message="done")) == {"success": True, "message": "done"}
    assert json.loads(success([])) == {"success": True, "data": []}
    assert json.loads(failure("m", "c")) == {"success": False, "message": "m", "error_code": "c"}


def test_a_job_written_is_a_job_read() -> None:
    envelope = read(processing("http://h/async-response/1", 40.0))
    assert (envelope.success, envelope.in_progress, envelope.request_type) == (True, True, "sync")
    job = msgspec.json.decode(bytes(envelope.data), type=JobData)
    assert (job.output_url, job.percentage) == ("http://h/async-response/1", 40.0)
    assert b"percentage" not in processing("http://h/async-response/1")
