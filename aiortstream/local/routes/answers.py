"""Answers in the wire's envelope. Every one is a JSON object with `success`, none is empty.

A route declares one of the classes here: it says what the handler returns, makes the envelope of it, and is what the
OpenAPI document is written from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from aiohttp import hdrs, web

from aiortstream.local.deliver.jobs import Job
from aiortstream.local.routes.keys import JOBS, URLS
from aiortstream.local.services.errors import ServiceError
from aiortstream.wire import envelope
from aiortstream.wire.rest import Answer

A = TypeVar("A", bound=Answer)
T = TypeVar("T")

LONGEST_MESSAGE = 1000  # characters: what is wrong with a request is said without giving all of it back


class Reply(ABC, Generic[T]):
    """What a route answers when it succeeds, made of what its handler returns."""

    status = 200

    @abstractmethod
    async def respond(self, request: web.Request, value: T, /) -> web.StreamResponse:
        """The response."""


@dataclass(frozen=True, slots=True)
class Data(Reply[A]):
    """An answer with data; the handler returns it."""

    kind: type[A]

    async def respond(self, _request: web.Request, value: A, /) -> web.StreamResponse:
        return json_body(envelope.success(value), self.status)


@dataclass(frozen=True, slots=True)
class Made(Data[A]):
    """The same for a request that makes something."""

    status = 201


@dataclass(frozen=True, slots=True)
class Several(Reply[Sequence[A]]):
    """An answer whose data is a list."""

    kind: type[A]

    async def respond(self, _request: web.Request, value: Sequence[A], /) -> web.StreamResponse:
        return json_body(envelope.success(list(value)), self.status)


@dataclass(frozen=True, slots=True)
class Said(Reply[str]):
    """An answer without data, which has words instead: an empty one breaks the official clients."""

    async def respond(self, _request: web.Request, value: str, /) -> web.StreamResponse:
        return json_body(envelope.success(message=value))


@dataclass(frozen=True, slots=True)
class Operation(Generic[A]):
    """Work that may outlive its request; `name` is for the log."""

    work: Coroutine[Any, Any, A]
    name: str


@dataclass(frozen=True, slots=True)
class Promised(Reply[Operation[A]]):
    """The data of an operation if it is quick, a job to ask for if it is not; the handler returns the operation."""

    kind: type[A]

    async def respond(self, request: web.Request, value: Operation[A], /) -> web.StreamResponse:
        """Raises ServiceError, that of the operation among others."""
        outcome = await request.app[JOBS].run(value.work, value.name)
        if isinstance(outcome, Job):
            return json_body(_processing(request, outcome))
        return json_body(envelope.success(outcome))


@dataclass(frozen=True, slots=True)
class Ending(Reply[Job]):
    """What came of a job: `processing`, or its own envelope under `response` once it is over.

    A failure is told with HTTP 200, as the asking has not failed: official clients read this body whatever its status,
    and repeat the request for some of them.
    """

    async def respond(self, request: web.Request, value: Job, /) -> web.StreamResponse:
        if not value.task.done():
            return json_body(_processing(request, value))
        status, response = _ending(value)
        return json_body(msgspec.json.encode({"success": True, "status": status, "response": msgspec.Raw(response)}))


def _processing(request: web.Request, job: Job) -> bytes:
    return envelope.processing(request.app[URLS].job(job.id), job.progress.percentage)


def _ending(job: Job) -> tuple[str, bytes]:
    try:
        return "done", envelope.success(job.result())
    except ServiceError as error:
        return "failed", envelope.failure(error.message, error.error_code)


@dataclass(frozen=True, slots=True)
class Onward(Reply[str]):
    """A page elsewhere; the handler returns its URL. For browsers alone: clients of the API are never redirected."""

    status = 302

    async def respond(self, _request: web.Request, value: str, /) -> web.StreamResponse:
        return web.Response(status=self.status, headers={hdrs.LOCATION: value})


@dataclass(frozen=True, slots=True)
class Content(Reply[web.StreamResponse]):
    """What is not in the envelope: pages, media, a websocket. The handler makes the response itself."""

    media_type: str | None
    """None is a protocol of its own, under status 101."""
    schema: type[Answer] | None = None
    """What its JSON is, if it is JSON."""
    ranges: bool = False
    """Whether a part of its bytes can be asked for."""

    async def respond(self, _request: web.Request, value: web.StreamResponse, /) -> web.StreamResponse:
        return value


def refusal(status: int, error_code: str, message: str) -> web.Response:
    """A refusal or a failure."""
    said = message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + " ..."
    return json_body(envelope.failure(said.encode(errors="replace").decode(), error_code), status)


def json_body(body: bytes, status: int = 200) -> web.Response:
    """Any JSON that is encoded already."""
    return web.Response(body=body, status=status, content_type="application/json")
