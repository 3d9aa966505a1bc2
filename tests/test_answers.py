"""What HTTP answers mean, with no network."""

from __future__ import annotations

import email.utils
import json
import time

import msgspec
import pytest

from aiortstream import errors
from aiortstream.answers import Operation, Reply, decode, open_envelope, read_headers, retry_after
from aiortstream.wire.rest import CollectionAnswer, ExportAnswer

ASKED = Operation("GET", "rtstream/x", "sk-secret")


def reply(body: object, status: int = 200) -> Reply:
    return Reply(status, body if isinstance(body, bytes) else json.dumps(body).encode(), "req-1")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("0", 0.0), (" 12 ", 12.0), ("soon", None), ("-5", None), ("nan", None), ("inf", None), ("", None)],
)
def test_retry_after_in_seconds(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_retry_after_as_a_date() -> None:
    in_a_minute = retry_after(email.utils.formatdate(time.time() + 60, usegmt=True))
    assert in_a_minute == pytest.approx(60, abs=5)
    assert retry_after(email.utils.formatdate(time.time() - 60, usegmt=True)) == 0.0


def test_headers() -> None:
    assert read_headers({"x-request-id": "a", "Retry-After": "3"}) == ("a", 3.0)
    assert read_headers({"x-amzn-requestid": "b"}) == ("b", None)
    assert read_headers({}) == (None, None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"success": False, "message": "as it is"}, "as it is"),
        ({"success": False, "message": {"url": ["required"]}}, '{"url":["required"]}'),
        ({"success": False, "message": None}, "Unknown error"),
        ({"success": False}, "Unknown error"),
        ({"success": None, "message": "neither"}, "neither"),
        ({"success": "false", "message": "as text"}, "as text"),
        ({"message": "without success"}, "without success"),
    ],
)
def test_a_refusal_keeps_its_reason_however_it_is_told(body: object, message: str) -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        open_envelope(reply(body, 400), ASKED)
    assert caught.value.message == message


def test_codes_of_errors_may_be_numbers() -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        open_envelope(reply({"success": False, "error_code": 1001}), ASKED)
    assert caught.value.error_code == "1001"


def test_a_failure_without_any_text() -> None:
    with pytest.raises(errors.ServerError, match="no reason given"):
        open_envelope(reply(b"", 500), ASKED)


@pytest.mark.parametrize("status", [418, 422, 499])
def test_other_refusals_are_invalid_requests(status: int) -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        open_envelope(reply({"success": False}, status), ASKED)
    assert type(caught.value) is errors.InvalidRequestError


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[]", b"3", b'"text"', b'{"data":', b'{"data":' + b"[" * 100_000, b"[" * 100_000]
)
def test_what_is_no_envelope_is_a_protocol_error_and_never_another(body: bytes) -> None:
    with pytest.raises(errors.ProtocolError, match="GET rtstream/x"):
        open_envelope(reply(body), ASKED)


def test_data_is_read_leniently() -> None:
    raw = msgspec.Raw(b'{"video_id": "m-1", "duration": "12.5", "later": {"x": 1}, "name": null}')
    answer = decode(raw, ExportAnswer, ASKED)
    assert (answer.video_id, answer.duration, answer.name) == ("m-1", 12.5, None)


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b'{"id": 3}', b'{"id":' + b"[" * 100_000])
def test_data_that_does_not_fit_names_the_operation(raw: bytes) -> None:
    with pytest.raises(errors.ProtocolError, match="GET rtstream/x: an answer outside the protocol"):
        decode(msgspec.Raw(raw), CollectionAnswer, ASKED)


def test_the_secret_is_in_no_representation() -> None:
    assert "sk-secret" not in repr(ASKED)
    assert ASKED.clean("x sk-secret y") == "x [key] y"
