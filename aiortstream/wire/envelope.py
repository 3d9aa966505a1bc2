"""The envelope of every REST answer: `{"success": true, "data": {...}}`, or `success: false` with a message.

A long operation answers with `status: "processing"` and `data.output_url`, which is polled until its own envelope has
another status; the result's own envelope then stands under `response`, or is that answer itself.
"""

from __future__ import annotations

from typing import Any

import msgspec

IN_PROGRESS = frozenset({"processing", "in progress"})


class Envelope(msgspec.Struct, omit_defaults=True):
    """What every answer is, with the parts that depend on the operation left undecoded.

    What is only told to people is read as whatever it is: a refusal must not turn into a decoding error.
    """

    success: bool | None = True
    message: Any = None
    error_code: Any = None
    status: Any = None
    request_type: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()

    @property
    def in_progress(self) -> bool:
        """Whether this is a job that has not ended."""
        return isinstance(self.status, str) and self.status in IN_PROGRESS

    @property
    def is_detached(self) -> bool:
        """Whether it is a job that somebody else is told of: there is nothing to wait for."""
        return self.in_progress and self.request_type == "async"

    @property
    def reason(self) -> str:
        """What the server says about it."""
        if not self.message:
            return "Unknown error"
        return self.message if isinstance(self.message, str) else msgspec.json.encode(self.message).decode()


class JobData(msgspec.Struct, omit_defaults=True):
    """`data` of an answer that is a job."""

    output_url: str | None = None
    percentage: float | None = None


def success(data: Any = None, message: str | None = None) -> bytes:
    """The body of a successful answer; without data it carries a message, since an empty body breaks clients."""
    body: dict[str, Any] = {"success": True}
    if message is not None:
        body["message"] = message
    if data is not None:
        body["data"] = data
    return msgspec.json.encode(body)


def failure(message: str, error_code: str) -> bytes:
    """The body of a refusal or a failure."""
    return msgspec.json.encode({"success": False, "message": message, "error_code": error_code})


def processing(output_url: str, percentage: float | None = None) -> bytes:
    """The body of an answer whose result will be found at `output_url`."""
    data: dict[str, Any] = {"output_url": output_url}
    if percentage is not None:
        data["percentage"] = percentage
    return msgspec.json.encode({"success": True, "status": "processing", "request_type": "sync", "data": data})
