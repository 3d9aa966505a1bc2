"""Operations that may outlive their request: answered if they are quick, promised if they are not."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from aiortstream.local.deliver.jobs import Job
from aiortstream.local.routes.answers import json_body, ok
from aiortstream.local.routes.keys import JOBS, URLS
from aiortstream.wire import envelope
from aiortstream.wire.rest import Answer


async def answer_or_promise(request: web.Request, operation: Coroutine[Any, Any, Answer], name: str) -> web.Response:
    """Its answer if that comes soon, a job to ask for if it does not. Raises ServiceError."""
    outcome = await request.app[JOBS].run(operation, name)
    if isinstance(outcome, Job):
        return json_body(envelope.processing(request.app[URLS].job(outcome.id)))
    return ok(outcome)
