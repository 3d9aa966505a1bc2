"""What an HTTP answer means: the envelope's data, or one of our errors. No I/O."""

from __future__ import annotations

import email.utils
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from aiortstream.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    PaymentRequiredError,
    ProtocolError,
    RateLimitedError,
    ResponseError,
    ServerError,
)
from aiortstream.wire.envelope import Envelope
from aiortstream.wire.repair import repaired

logger = logging.getLogger("aiortstream.transport")

A = TypeVar("A")

_TEXT_KEPT = 200  # characters of a body that is not JSON: enough to tell a proxy's page from a server's trace
_TEXT_READ = 4000  # bytes of it that are cleaned before it is cut: the cut may fall into a secret
_REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
)  # which one the service has is not known
_BAD_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# In URLs, whose slashes JSON may have escaped: user and password, and the query, which is where signatures are.
_USER = re.compile(r"(:(?:\\?/){2})[^\s/\"'<>\\]*@")
_QUERY = re.compile(r"(:(?:\\?/){2}[^\s?\"'<>]*)\?[^\s\"'<>]*")

_envelope = msgspec.json.Decoder(Envelope, strict=False)


@dataclass(frozen=True, slots=True)
class Operation:
    """What was asked, as errors name it, and the secret that none of them may repeat."""

    method: str
    path: str
    secret: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def clean(self, text: str) -> str:
        """`text` of a server that may have echoed our request, or quotes a URL that is a secret."""
        text = _USER.sub(r"\1[user]@", text.replace(self.secret, "[key]"))
        return _QUERY.sub(r"\1?[query]", text)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, read whole. `retry_after` is in seconds."""

    status: int
    body: bytes
    request_id: str | None = None
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_headers(headers: Mapping[str, str]) -> tuple[str | None, float | None]:
    """The request's id, and the seconds of `Retry-After`."""
    request_id = next((headers[name] for name in _REQUEST_IDS if name in headers), None)
    return request_id, retry_after(headers.get("Retry-After"))


def retry_after(header: str | None) -> float | None:
    """Seconds of a Retry-After header, which is a number or an HTTP date; None if it is neither."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def open_envelope(reply: Reply, operation: Operation) -> Envelope:
    """The envelope of a success. Raises the error that the answer tells, or ProtocolError for what is no answer."""
    if 300 <= reply.status < 400:
        raise ProtocolError(f"{operation}: a redirect (HTTP {reply.status}), which the protocol does not have")
    try:
        envelope = _read_envelope(reply.body, operation)
    except _BAD_JSON as error:
        text = operation.clean(reply.body[:_TEXT_READ].decode("utf-8", "replace").strip())[:_TEXT_KEPT]
        if reply.status >= 400:
            raise _refusal(reply, operation, text or "no reason given", None) from None
        raise ProtocolError(f"{operation}: not the protocol's JSON envelope ({_why(error)}): {text!r}") from None
    if reply.status >= 400 or not envelope.success:
        code = None if envelope.error_code is None else operation.clean(str(envelope.error_code))
        raise _refusal(reply, operation, operation.clean(envelope.reason), code)
    return envelope


def _read_envelope(body: bytes, operation: Operation) -> Envelope:
    try:
        return _envelope.decode(body)
    except _BAD_JSON as error:
        try:
            envelope = _envelope.decode(repaired(body))
        except _BAD_JSON:
            raise error from None
        logger.info("%s: an answer that is not JSON (%s) has been read all the same", operation, _why(error))
        return envelope


def decode(raw: msgspec.Raw, answer: type[A], operation: Operation) -> A:
    """`data` of an envelope as `answer`. Unknown fields are ignored, numbers may come as strings."""
    try:
        return msgspec.json.decode(bytes(raw) or b"null", type=answer, strict=False)
    except _BAD_JSON as error:
        raise ProtocolError(f"{operation}: an answer outside the protocol: {_why(error)}") from None


_BY_STATUS: Mapping[int, type[ResponseError]] = {
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: AuthenticationError,
    404: NotFoundError,
    429: RateLimitedError,
}


def _refusal(reply: Reply, operation: Operation, message: str, code: str | None) -> ResponseError:
    kind = _BY_STATUS.get(reply.status, ServerError if reply.status >= 500 else InvalidRequestError)
    error = kind(
        message,
        status=reply.status,
        error_code=code,
        request_id=reply.request_id,
        method=operation.method,
        path="/" + operation.path,
    )
    if isinstance(error, RateLimitedError):
        error.retry_after = reply.retry_after
    return error


def _why(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)
