"""Results of operations that took longer than one request."""

from __future__ import annotations

import msgspec
from aiohttp import web

from aiortstream.local.deliver.jobs import Job
from aiortstream.local.routes.answers import json_body
from aiortstream.local.routes.keys import JOBS, URLS
from aiortstream.local.routes.table import Routes
from aiortstream.local.services.errors import ServiceError
from aiortstream.wire import envelope

routes = Routes()


@routes.get("/async-response/{job_id}")
async def get_job(request: web.Request) -> web.Response:
    """A job: `processing`, or its own envelope under `response` once it is over.

    A failure is told with HTTP 200, as the asking has not failed: official clients read this body whatever its status,
    and repeat the request for some of them.
    """
    job = request.app[JOBS].get(request.match_info["job_id"])
    if not job.task.done():
        return json_body(envelope.processing(request.app[URLS].job(job.id)))
    status, response = _ending(job)
    return json_body(msgspec.json.encode({"success": True, "status": status, "response": msgspec.Raw(response)}))


def _ending(job: Job) -> tuple[str, bytes]:
    try:
        return "done", envelope.success(job.result())
    except ServiceError as error:
        return "failed", envelope.failure(error.message, error.error_code)
