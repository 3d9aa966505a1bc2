"""Answers in the wire's envelope. Every one is a JSON object with `success`, none is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from aiortstream.wire import envelope

if TYPE_CHECKING:
    from aiortstream.wire.rest import Answer


def ok(answer: Answer, status: int = 200) -> web.Response:
    """An answer with data."""
    return json_body(envelope.success(answer), status)


def created(answer: Answer) -> web.Response:
    """The answer to a request that made something."""
    return ok(answer, 201)


def done(message: str) -> web.Response:
    """An answer without data, which has words instead: an empty one breaks the official clients."""
    return json_body(envelope.success(message=message))


def refusal(status: int, error_code: str, message: str) -> web.Response:
    """A refusal or a failure."""
    return json_body(envelope.failure(message, error_code), status)


def json_body(body: bytes, status: int = 200) -> web.Response:
    """Any JSON that is encoded already."""
    return web.Response(body=body, status=status, content_type="application/json")
